"""Replica <-> primary: standing by, and what the next primary must know."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from chatnet.errors import LevelTooLow, StaleEpoch
from chatnet.kinds import FIRST_LEVEL
from chatnet.limits import PAGE
from chatnet.wire.arguments import Command, Number, Packed, declared, fitting, packed_bytes
from chatnet.wire.cluster import Count, Fingerprint, Host, Level, Pid, Place, SessionCount, WorkerIdentity
from chatnet.wire.operate import MASTER_BYTES, Event, newest_fitting


class MasterIdentity(msgspec.Struct, frozen=True):
    """Who a master is, while its process lives; ``spawned``, ``started`` and ``level`` are as for a worker.

    ``address`` is where a replica listens, HOST:PORT; empty if it does not. ``key`` is the fingerprint of the
    public key that it presents.
    """

    host: Host
    pid: Pid
    started: Count
    spawned: bool
    address: Place = ""
    key: Fingerprint = ""
    level: Level = FIRST_LEVEL

    @property
    def process(self) -> tuple[str, int, int]:
        """The identity of its process: another host may have a process with the same pid."""
        return self.host, self.pid, self.started

    def is_same(self, other: MasterIdentity) -> bool:
        """Return whether both are the same process. The address may differ, if it has begun to listen."""
        return self.process == other.process


class Carried(msgspec.Struct, frozen=True):
    """A worker, and how many sessions it has."""

    worker: WorkerIdentity
    sessions: SessionCount


class State(msgspec.Struct, frozen=True):
    """What the primary of ``epoch`` knows. Its successor takes over ``listen``, its address HOST:PORT, and a
    log that has reached ``head``. ``key`` is the fingerprint of the public key that it presents.
    """

    log: str
    epoch: Count
    head: Count
    listen: Place
    workers: list[Carried]
    replicas: list[MasterIdentity]
    events: list[Event]
    key: Fingerprint = ""

    def fitted(self) -> State:
        """Return as much of it as fits into an AMP value."""
        replicas = fitting(self.replicas, MASTER_BYTES)
        rest = replace(self, workers=[], replicas=replicas, events=newest_fitting(self.events))
        return replace(rest, workers=fitting(self.workers, PAGE.bytes - packed_bytes(rest)))


class Attach(Command):
    """Replica -> primary: this replica stands by. ``seen`` is its highest known epoch, as for a worker."""

    arguments = [(b"master", Packed[MasterIdentity](MasterIdentity)), (b"seen", Number())]
    response = [(b"epoch", Number())]
    errors = declared(StaleEpoch, LevelTooLow)


class Mirror(Command):
    """Primary -> replica, after each change: the cluster as the primary knows it. No answer."""

    arguments = [(b"state", Packed[State](State))]
    requiresAnswer = False
