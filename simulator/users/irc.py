"""Users who speak IRC, and guests."""

from __future__ import annotations

from chatnet.names import is_guest
from chatnet.testing.recorded import Recorder
from simulator.users.irc_guests import IrcGuest
from simulator.users.irc_user import IrcUser
from simulator.users.port import Home, User

NEEDS_FRONTS = True
"""Who speaks it needs IRC fronts on the machines of the cluster."""


def make(home: Home, record: Recorder) -> User:
    """Return a client of ``home``."""
    return (IrcGuest if is_guest(home.name) else IrcUser)(home, record)
