"""Users who speak AMP: the real client's connection."""

from __future__ import annotations

from chatnet.testing.recorded import Recorder
from chatnet.testing.user import User
from simulator.users.port import Home


def make(home: Home, record: Recorder) -> User:
    """Return a client of ``home``."""
    return User(home.name, home.masters, home.world, record, trust=home.trust)
