"""Users who speak AMP: the real client's connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chatnet.addresses import Address
from chatnet.client.trust import Trust
from chatnet.testing.recorded import Recorder
from chatnet.testing.user import User
from chatnet.world import World


def make(
    name: str,
    masters: Sequence[Address],
    world: World,
    record: Recorder,
    *,
    trust: Trust | None,
    shared: dict[str, Any],
) -> User:
    """Return a client of ``name``: see :class:`~simulator.users.port.MakeUser`."""
    return User(name, masters, world, record, trust=trust)
