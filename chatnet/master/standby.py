"""What a replica and its process tell each other: who stands by, and what is known after it has won."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chatnet.addresses import Address
from chatnet.store.lease import Holder
from chatnet.wire.replica import MasterIdentity, State


@dataclass(frozen=True)
class Inheritance:
    """What a replica knows when it has taken the lease.

    ``state`` is what the last primary sent. ``since`` is when that primary was gone, by the monotonic clock,
    and ``how`` says it in a sentence; both only if the replica followed it to its end.
    """

    state: State | None = None
    since: float | None = None
    how: str = ""


@dataclass(frozen=True)
class Standby:
    """The process that stands by: who it is, and what it is told.

    me            who it is now
    claim         its text for the lease; None if it could not lead now
    usual         where the primary is, if the lease's text does not say it; given the last state
    won           it has the lease
    answered      the primary accepts this replica (empty text) or refuses it (the reason)
    stop          the primary says that it must stop
    abandoned     called each second once no primary was reached for a minute
    outgrown      the log needs a newer program, as a sentence says: it can neither stand by nor lead
    """

    me: Callable[[], MasterIdentity]
    claim: Callable[[], Holder | None]
    usual: Callable[[State | None], Address]
    won: Callable[[Inheritance], None]
    answered: Callable[[str], None]
    stop: Callable[[], None]
    abandoned: Callable[[], None]
    outgrown: Callable[[str], None]
