"""Replica <-> primary: standing by, and what whoever takes over must know."""

from __future__ import annotations

import msgspec

from chatnet.errors import StaleEpoch
from chatnet.wire.arguments import Command, Number, Packed, declared
from chatnet.wire.cluster import WorkerIdentity
from chatnet.wire.operate import Event


class MasterIdentity(msgspec.Struct, frozen=True):
    """Who a master is, for as long as its process lives; ``spawned`` and ``started`` are as a worker's.

    ``address`` is where a replica listens, HOST:PORT; empty if it does not.
    """

    host: str
    pid: int
    started: int
    spawned: bool
    address: str = ""

    def is_same(self, other: MasterIdentity) -> bool:
        """Are both the same process? It may have begun to listen meanwhile."""
        return (self.host, self.pid, self.started) == (other.host, other.pid, other.started)


class Carried(msgspec.Struct, frozen=True):
    """A worker, and how many sessions it has."""

    worker: WorkerIdentity
    sessions: int


class State(msgspec.Struct, frozen=True):
    """What the primary of ``epoch`` knows. Its successor takes over ``listen``, its address, HOST:PORT, and a
    log that has reached ``head``.
    """

    log: str
    epoch: int
    head: int
    listen: str
    workers: list[Carried]
    replicas: list[MasterIdentity]
    events: list[Event]


class Attach(Command):
    """Replica -> primary: I stand by. ``seen`` is the highest epoch that it knows of, as a worker's."""

    arguments = [(b"master", Packed[MasterIdentity](MasterIdentity)), (b"seen", Number())]
    response = [(b"epoch", Number())]
    errors = declared(StaleEpoch)


class Registry(Command):
    """Primary -> replica, when something has changed, at most each second. No answer."""

    arguments = [(b"state", Packed[State](State))]
    requiresAnswer = False
