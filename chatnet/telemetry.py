"""Events in a process of the cluster: told where they happen, to whoever listens. Pure.

:attr:`.World.tell` takes every event. Telling returns nothing and never raises, and nothing depends on it:
the operator's journal, the workers' log lines and the simulator listen. An event happens at most once for
each connection, batch or turn of the reactor; what happens for each post or delivery is an int in the object
that does it, read once a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from chatnet.addresses import Address

if TYPE_CHECKING:
    from chatnet.limits import Rhythm
    from chatnet.wire.cluster import WorkerIdentity
    from chatnet.wire.replica import MasterIdentity, State

# ---- links ----


@dataclass(frozen=True, slots=True)
class FellSilent:
    """Nothing came from ``peer`` for the patience of ``rhythm``: its link to ``here`` is given up."""

    here: Address
    peer: Address
    rhythm: Rhythm


# ---- users' connections; ``peer`` is HOST:PORT of the client's end ----


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """``user`` has logged in with their secret."""

    user: str
    peer: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """``user`` has logged in with a ticket of an earlier connection."""

    user: str
    peer: str


@dataclass(frozen=True, slots=True)
class CatchUpBegun:
    """``user`` will hear every post after the seq ``cursor``."""

    user: str
    peer: str
    cursor: int


@dataclass(frozen=True, slots=True)
class FeedRead:
    """A page of what ``user`` hears after ``after`` was read: it is complete up to ``cursor``, of ``upto``.

    ``in_window``: this process had everything after ``after`` in memory.
    """

    user: str
    peer: str
    after: int
    cursor: int
    upto: int
    in_window: bool


@dataclass(frozen=True, slots=True)
class WentLive:
    """``user`` was handed everything up to ``cursor``, and now hears posts as they come."""

    user: str
    peer: str
    cursor: int


@dataclass(frozen=True, slots=True)
class ReadBegun:
    """A session asks for a read of the log."""

    user: str
    peer: str


@dataclass(frozen=True, slots=True)
class ReadEnded:
    """A read was answered. Not told if the session ends before."""

    user: str
    peer: str


@dataclass(frozen=True, slots=True)
class Left:
    """The connection is gone; ``why`` is a phrase without a full stop."""

    user: str
    peer: str
    why: str


# ---- the lease, and who commands ----


@dataclass(frozen=True, slots=True)
class LeaseTaken:
    """This master has taken a lease that expires: from now on it may command in ``epoch``."""

    epoch: int


@dataclass(frozen=True, slots=True)
class LeaseEnded:
    """This master may not command now: it released the lease, or, if it ``was_lost``, another may have it."""

    epoch: int
    was_lost: bool


@dataclass(frozen=True, slots=True)
class EpochBegun:
    """This master commands in ``epoch`` since ``at``, in seconds of its machine's monotonic clock."""

    epoch: int
    at: float


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """This master has not commanded in ``epoch`` since ``at``."""

    epoch: int
    at: float


@dataclass(frozen=True, slots=True)
class TookOver:
    """The master ``pid`` on ``host`` leads, ``seconds`` after the end of the last primary; ``how`` that
    ended.

    It knew ``state`` from that primary, if anything.
    """

    host: str
    pid: int
    state: State | None
    seconds: float
    how: str


@dataclass(frozen=True, slots=True)
class HandoverAsked:
    """An operator has asked the primary ``pid`` on ``host`` to hand over."""

    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class LevelRaised:
    """An operator has raised the log to ``level``."""

    level: int


# ---- the workers, as their primary sees them ----


@dataclass(frozen=True, slots=True)
class WorkerRegistered:
    """The primary of ``epoch`` has a link to ``worker``: a ``new`` one, one that is ``back`` after it was
    missing, or one that links ``again`` before its last link was missed."""

    epoch: int
    worker: WorkerIdentity
    how: Literal["new", "back", "again"]


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """``worker`` has no link now; ``hung``: it was silent for too long. A child that hung is killed.

    ``stopping``: the primary stops commanding, and does nothing about it.
    """

    epoch: int
    worker: WorkerIdentity
    hung: bool
    is_child: bool
    stopping: bool


@dataclass(frozen=True, slots=True)
class WorkerSurplus:
    """There are too many workers: ``worker`` is stopped."""

    worker: WorkerIdentity


@dataclass(frozen=True, slots=True)
class WorkerToldTo:
    """``worker`` is told to do something about the workers of its host; ``what`` says what, and why."""

    worker: WorkerIdentity
    what: str


@dataclass(frozen=True, slots=True)
class KillAsked:
    """``by`` is asked to kill ``hung``, a worker of its host."""

    hung: WorkerIdentity
    by: WorkerIdentity


@dataclass(frozen=True, slots=True)
class DrainBegun:
    """The sessions of ``host`` will move elsewhere, and then its workers stop."""

    host: str


@dataclass(frozen=True, slots=True)
class SessionsUneven:
    """``worker`` must move ``count`` of its ``sessions`` to others."""

    worker: WorkerIdentity
    count: int
    sessions: int


@dataclass(frozen=True, slots=True)
class WorkerCutOff:
    """``worker`` cannot reach the store, though others do: its ``sessions`` must move."""

    worker: WorkerIdentity
    sessions: int


# ---- the replicas, as their primary sees them ----


@dataclass(frozen=True, slots=True)
class ReplicaAttached:
    """``replica`` stands by; ``back``: it was missing."""

    replica: MasterIdentity
    back: bool


@dataclass(frozen=True, slots=True)
class ReplicaLost:
    """``replica`` has no link now; ``hung``: it was silent for too long."""

    replica: MasterIdentity
    hung: bool


@dataclass(frozen=True, slots=True)
class ReplicaSurplus:
    """There are too many replicas: ``replica`` is stopped; None: a child that may not stand by yet."""

    replica: MasterIdentity | None


# ---- the store, as each process that has opened it sees it ----


@dataclass(frozen=True, slots=True)
class LogOpened:
    """This process has opened the log ``log``, in ``seconds``: what was left to recover was recovered.

    Its newest seq was ``head``. ``warning`` is a sentence about how the store was found, or empty.
    """

    log: str
    head: int
    seconds: float
    warning: str


@dataclass(frozen=True, slots=True)
class BatchCommitted:
    """A batch of ``drafts`` is durable, ``seconds`` after it was begun, or the drafts are refused for good.

    The seconds include all that it waited for: a thread, a full disk, a database that was away.
    """

    drafts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class DraftPoisoned:
    """A draft could not be stored, by a bug, and was refused. ``what`` describes it, without its text.

    ``why`` is the class of the error: its words may quote the text.
    """

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class WalWrittenBack:
    """The embedded store has written back ``written`` of the ``pages`` in its WAL; readers keep the rest."""

    pages: int
    written: int


@dataclass(frozen=True, slots=True)
class StoreAway:
    """The store takes nothing, or cannot be reached; ``why`` is a sentence. What is asked of it waits.

    Told again when the reason becomes another.
    """

    why: str


@dataclass(frozen=True, slots=True)
class StoreBack:
    """The store works again, ``seconds`` after it was away; ``how`` is a clause, without a full stop."""

    how: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LogRewound:
    """The log was put back, or replaced. It was read up to ``cursor``, and is the same up to ``common``.

    None: that is not known. All that stood on it starts afresh.
    """

    cursor: int
    common: int | None


@dataclass(frozen=True, slots=True)
class FollowerLive:
    """The worker at ``peer`` has been sent everything up to ``seq``, and is pushed each batch from now on."""

    peer: str
    seq: int


@dataclass(frozen=True, slots=True)
class FollowerBehind:
    """The worker at ``peer`` is pushed nothing after ``seq``: its link is full or lost, or it began again.

    If its link lasts, it is sent the rest from the log.
    """

    peer: str
    seq: int


# ---- processes ----


@dataclass(frozen=True, slots=True)
class Killed:
    """This process has sent SIGKILL to ``pid`` of its host: a primary that hung, or a missing process."""

    pid: int
    why: Literal["the primary hung", "missed"]


@dataclass(frozen=True, slots=True)
class ProcessGone:
    """The missing process called ``name`` will not return: it is dead, or did not return in time.

    ``was_killed``: it was killed in the second case.
    """

    name: str
    is_dead: bool
    was_killed: bool = False


@dataclass(frozen=True, slots=True)
class ChildDied:
    """A child died, as ``what`` says; another one is started."""

    what: str


@dataclass(frozen=True, slots=True)
class ChildUnlinked:
    """The child ``pid`` has had no link for ``seconds``, and is killed."""

    pid: int
    seconds: float


Event = (
    FellSilent
    | LoggedIn
    | Resumed
    | CatchUpBegun
    | FeedRead
    | WentLive
    | ReadBegun
    | ReadEnded
    | Left
    | LeaseTaken
    | LeaseEnded
    | EpochBegun
    | EpochEnded
    | TookOver
    | HandoverAsked
    | LevelRaised
    | WorkerRegistered
    | WorkerLost
    | WorkerSurplus
    | WorkerToldTo
    | KillAsked
    | DrainBegun
    | SessionsUneven
    | WorkerCutOff
    | ReplicaAttached
    | ReplicaLost
    | ReplicaSurplus
    | LogOpened
    | BatchCommitted
    | DraftPoisoned
    | WalWrittenBack
    | StoreAway
    | StoreBack
    | LogRewound
    | FollowerLive
    | FollowerBehind
    | Killed
    | ProcessGone
    | ChildDied
    | ChildUnlinked
)
Tell = Callable[[Event], None]
"""Takes an event, returns nothing and never raises; the teller goes on as if nobody had listened."""


def unheard(event: Event) -> None:
    """Do nothing: nobody listens."""
