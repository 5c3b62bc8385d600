"""A primary without its process: conversations over loop-backs, a log in memory, children that are not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatnet.auth import Role, Token
from chatnet.entries import Entry
from chatnet.gate import prove
from chatnet.link import Link, Locator
from chatnet.master.cluster import ADOPTION_SECONDS, Cluster
from chatnet.master.conversations import PATIENCE, PING_EVERY, PULSE_TICK, Door, FromOperator, FromWorker
from chatnet.master.log_server import Broadcast
from chatnet.master.placement import Placement
from chatnet.master.registry import Registry
from chatnet.outbox import Outboxes
from chatnet.pulse import Pulse
from chatnet.supervisor import Supervisor
from chatnet.testing.children import SpawningClock
from chatnet.testing.loopback import Loopback
from chatnet.testing.memory_log import MemoryLog
from chatnet.wire.cluster import Load, Register, Report, Shutdown, WorkerIdentity
from chatnet.wire.log import Committed
from chatnet.wire.operate import ClusterStatus
from chatnet.world import RealFiles

EPOCH = 7
HOST = "here"


class WholeLog(MemoryLog):
    """A log as a primary has it."""

    async def page(self, after: int, upto: int) -> list[Entry]:
        await self._read()
        return self.entries[after : min(upto, after + self._page)]


class Hears(Locator):
    """The other end: what the primary said to it."""

    def __init__(self) -> None:
        self.batches: list[list[Entry]] = []
        self.epochs: list[int] = []
        self.shut_down = 0

    @Committed.responder
    def committed(self, epoch: int, entries: list[Entry]) -> dict[str, Any]:
        self.epochs.append(epoch)
        self.batches.append(entries)
        return {}

    @Shutdown.responder
    def shutdown(self, epoch: int) -> dict[str, Any]:
        self.epochs.append(epoch)
        self.shut_down += 1
        return {}

    @property
    def seqs(self) -> list[int]:
        """The seqs pushed so far, in order."""
        return [entry.seq for batch in self.batches for entry in batch]


class Peer:
    """One connection to the primary, and what it hears."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self.hears = Hears()
        self.link = Link(self.hears, master.outboxes, master.far_pulse)
        self.server = Link(master.door(), master.outboxes, reads_when_full=False)
        self.wire = Loopback(self.link, self.server)
        master.peers.append(self)

    def begin(self, command: Any, **arguments: Any) -> list[Any]:
        """Ask; the list gets the answer or its failure."""
        found: list[Any] = []
        asked: Deferred[Any] = self.link.callRemote(command, **arguments)
        asked.addBoth(found.append)
        self._master.settle()
        return found

    def ask(self, command: Any, **arguments: Any) -> Any:
        """The answer, or its error raised."""
        return result(self.begin(command, **arguments))

    def prove(self, role: Role, token: Token | None = None) -> None:
        """Prove the token."""
        found: list[Any] = []
        proving = prove(self.link, token or self._master.token, role, lambda size: b"c" * size)
        Deferred.fromCoroutine(proving).addBoth(found.append)
        self._master.settle()
        result(found)

    def report(self, **load: int) -> None:
        """Report a load."""
        self.link.callRemote(Report, load=Load(**load))
        self._master.settle()

    @property
    def connected(self) -> bool:
        return self.server.transport is not None

    def cut(self) -> None:
        """Lose the connection."""
        self.wire.cut()


def result(found: list[Any]) -> Any:
    """The answer that came, or its error raised."""
    assert found, "no answer came"
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]


class Master:
    """All that runs while the lease is held, in memory. Time moves by :meth:`pass_time`."""

    def __init__(self, logs: Path, workers: int) -> None:
        self.reactor = SpawningClock()
        self.outboxes = Outboxes(self.reactor)
        self.log = WholeLog()
        self.token = Token(b"t" * 32)
        self.pulse = Pulse(self.reactor, self.reactor.seconds, PULSE_TICK, PING_EVERY, PATIENCE)
        self.far_pulse = Pulse(self.reactor, self.reactor.seconds, PULSE_TICK, PING_EVERY, 1e9)
        self.registry: Registry[Link] = Registry()
        self.peers: list[Peer] = []
        self.ups = self.stops = 0
        self.over: list[int] = []
        self.supervisor = Supervisor(
            "worker",
            command=lambda: ["python"],
            logs=logs,
            reactor=self.reactor,
            monotonic=self.reactor.seconds,
            files=RealFiles(),
            environ={},
            tell=lambda what: self.registry.note(what, self.reactor.seconds()),
        )
        self.cluster = Cluster(
            epoch=EPOCH,
            host=HOST,
            wanted=workers,
            registry=self.registry,
            placement=Placement(random.Random(1)),
            supervisor=self.supervisor,
            clock=self.reactor,
            monotonic=self.reactor.seconds,
            wall=self.reactor.seconds,
            up=self._up,
        )
        self.broadcast = Broadcast(self.log.window, EPOCH)
        self.pulse.start()
        self.far_pulse.start()
        self.cluster.start()

    def _up(self) -> None:
        self.ups += 1

    def _stop(self) -> None:
        self.stops += 1

    def door(self) -> Door:
        return Door(
            self.cluster, EPOCH, self.token, self._admit, self.pulse, lambda size: b"s" * size, self.reactor
        )

    def _admit(self, role: Role) -> Locator:
        if role == "worker":
            return FromWorker(
                self.cluster, self.over.append, self.log, EPOCH, "memory", self.broadcast, self.reactor
            )
        return FromOperator(self.status, self._stop)

    def status(self, reached: str) -> ClusterStatus:
        return ClusterStatus(
            "memory", EPOCH, 0, "", [], self.cluster.workers(reached, 10), self.registry.events()
        )

    def settle(self) -> None:
        """Let everything that waits arrive."""
        self.reactor.advance(0)
        while any([peer.wire.pump() for peer in self.peers]):  # noqa: C419 - all of them, each time
            self.reactor.advance(0)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        for _ in range(round(seconds / PULSE_TICK)):
            self.reactor.advance(PULSE_TICK)
            self.settle()

    def adopted(self) -> None:
        """Let the time pass in which workers that still live may come."""
        self.pass_time(ADOPTION_SECONDS)

    def worker(self, id: str, pid: int = 1, host: str = HOST, spawned: bool = True) -> Peer:
        """A worker that has registered."""
        peer = Peer(self)
        peer.prove("worker")
        identity = WorkerIdentity(id, host, pid, "0.0.0.0:5", False, spawned)
        assert peer.ask(Register, worker=identity, seen=0) == {"log": "memory", "epoch": EPOCH}
        return peer

    def events(self) -> list[str]:
        return [event.what for event in self.registry.events()]

    def close(self) -> None:
        """Lose all connections, and stop the clockwork."""
        for peer in self.peers:
            peer.cut()
        self.pulse.stop()
        self.far_pulse.stop()
