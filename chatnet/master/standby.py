"""What a replica and its process tell each other: who stands by, and what is known once it has won."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chatnet.addresses import Address
from chatnet.store.lease import Holder
from chatnet.wire.replica import MasterIdentity, State


@dataclass(frozen=True)
class Inheritance:
    """What a replica knows when it has taken the lease.

    ``state`` is what the last primary told. ``since`` is when that was gone, by the monotonic clock, and
    ``how`` says it in a sentence; both only if it was followed to its end.
    """

    state: State | None = None
    since: float | None = None
    how: str = ""


@dataclass(frozen=True)
class Standby:
    """The process that stands by: who it is, and what it is told.

    me            who it is now
    claim         what it says of itself when it goes for the lease; None if it could not lead just now
    usual         where the primary is, if the lease's text does not say it; given what was last told
    won           it has the lease
    answered      the primary takes this replica, with an empty text; or refuses it, with why
    stop          the primary says that it is to end
    abandoned     each second from when no primary was reached for a minute
    outgrown      the log is above what it understands, with a sentence: it can neither stand by nor lead
    """

    me: Callable[[], MasterIdentity]
    claim: Callable[[], Holder | None]
    usual: Callable[[State | None], Address]
    won: Callable[[Inheritance], None]
    answered: Callable[[str], None]
    stop: Callable[[], None]
    abandoned: Callable[[], None]
    outgrown: Callable[[str], None]
