"""A primary without its process: conversations over loop-backs, a log in memory, simulated children."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.auth import Role, Token
from chatnet.entries import Entry
from chatnet.errors import NoReplica
from chatnet.imprints import Imprint
from chatnet.limits import AGING
from chatnet.marks import UserMark
from chatnet.master import registry
from chatnet.master.cluster import ADOPTION_SECONDS, Cluster
from chatnet.master.commands import Commands
from chatnet.master.conversations import (
    FromFollower,
    FromNewReplica,
    FromNewWorker,
    FromOperator,
    Unproven,
)
from chatnet.master.copies import Copies
from chatnet.master.epoch import Epoch
from chatnet.master.eraser import Eraser
from chatnet.master.journal import Journal
from chatnet.master.levels import Levels
from chatnet.master.log_server import Broadcast
from chatnet.master.lost_processes import RETURN_SECONDS
from chatnet.master.orders import Orders
from chatnet.master.placement import Placement
from chatnet.master.population import I, Population
from chatnet.master.port import Links, MasterPort
from chatnet.master.primary import Primary
from chatnet.master.registry import Registration, Registry
from chatnet.master.replicas import Replicas, name_of
from chatnet.master.retention import Retention
from chatnet.master.store import Leadership, Log
from chatnet.net.gate import prove
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import CLUSTER_PULSE, FRONT_PATIENCE, Pulse
from chatnet.net.visitors import Visitors
from chatnet.presence import Present
from chatnet.supervisor import Supervisor
from chatnet.telemetry import Event
from chatnet.testing.children import SpawningClock
from chatnet.testing.loopback import Loopback
from chatnet.testing.memory_log import MemoryLog
from chatnet.typists import Typist
from chatnet.wire.cluster import (
    CHAT,
    IRC,
    LANES,
    Kill,
    Load,
    OtherWorker,
    OtherWorkers,
    Register,
    Report,
    Shed,
    Shutdown,
    SpawnFronts,
    SpawnWorkers,
    WorkerIdentity,
)
from chatnet.wire.imprints import ImprintsTold, TellImprints
from chatnet.wire.log import Committed
from chatnet.wire.marks import MarksTold
from chatnet.wire.operate import ClusterStatus
from chatnet.wire.presence import PresenceTold, TellPresence
from chatnet.wire.replica import Attach, Carried, MasterIdentity, Mirror, State
from chatnet.wire.typists import TellTypists, TypistsTold
from chatnet.world import Clocks, Processes, ProcessId
from chatnet.world.real import RealFiles

EPOCH = 7
HOST = "here"
SUPERVISOR = 99
"""The pid of the supervisor that started the workers that no person started."""


class WholeLog(MemoryLog):
    """A log as a primary has it."""

    trouble = warning = ""

    async def page(self, after: int, upto: int) -> list[Entry]:
        await self._turn()
        return self.entries[after : min(upto, after + self._page)]

    async def outdate(self, level: int) -> None:
        """Do nothing: this log keeps nothing of old programs."""

    async def close(self) -> None:
        """Do nothing: it is in memory."""


class Hears(Locator):
    """The other end: what the primary said to it."""

    def __init__(self) -> None:
        self.batches: list[list[Entry]] = []
        self.epochs: list[int] = []
        self.shut_down = 0
        self.shed: list[int] = []
        self.shed_shared: list[int] = []
        self.states: list[State] = []
        self.kept: list[int] = []
        self.kept_fronts: list[int] = []
        self.killed: list[tuple[int, int]] = []
        self.others: list[tuple[list[OtherWorker], bool]] = []
        self.marks: list[UserMark] = []
        self.presence: list[tuple[bool, bool, list[Present]]] = []
        self.imprints: list[list[Imprint]] = []
        self.typists: list[list[Typist]] = []

    @SpawnWorkers.responder
    def keep_children(self, epoch: int, count: int) -> dict[str, Any]:
        self.epochs.append(epoch)
        self.kept.append(count)
        return {}

    @SpawnFronts.responder
    def keep_fronts(self, epoch: int, count: int) -> dict[str, Any]:
        self.epochs.append(epoch)
        self.kept_fronts.append(count)
        return {}

    @Kill.responder
    def kill_one(self, epoch: int, pid: int, started: int) -> dict[str, Any]:
        self.epochs.append(epoch)
        self.killed.append((pid, started))
        return {}

    @OtherWorkers.responder
    def other_workers(self, epoch: int, workers: list[OtherWorker], emptied: bool) -> dict[str, Any]:
        assert epoch == EPOCH
        self.others.append((workers, emptied))
        return {}

    @Mirror.responder
    def told(self, state: State) -> dict[str, Any]:
        self.states.append(state)
        return {}

    @Committed.responder
    def committed(self, epoch: int, entries: list[Entry]) -> dict[str, Any]:
        self.epochs.append(epoch)
        self.batches.append(entries)
        return {}

    @MarksTold.responder
    def marks_told(self, epoch: int, marks: list[UserMark]) -> dict[str, Any]:
        assert epoch == EPOCH
        self.marks += marks
        return {}

    @PresenceTold.responder
    def presence_told(self, epoch: int, begins: bool, goes_on: bool, people: list[Present]) -> dict[str, Any]:
        assert epoch == EPOCH
        self.presence.append((begins, goes_on, people))
        return {}

    @ImprintsTold.responder
    def imprints_told(self, epoch: int, imprints: list[Imprint]) -> dict[str, Any]:
        assert epoch == EPOCH
        self.imprints.append(imprints)
        return {}

    @TypistsTold.responder
    def typists_told(self, epoch: int, typists: list[Typist]) -> dict[str, Any]:
        assert epoch == EPOCH
        self.typists.append(typists)
        return {}

    @Shutdown.responder
    def shutdown(self, epoch: int) -> dict[str, Any]:
        self.epochs.append(epoch)
        self.shut_down += 1
        return {}

    @Shed.responder
    def shed_some(self, epoch: int, count: int, shared: bool, soon: bool) -> dict[str, Any]:
        self.epochs.append(epoch)
        (self.shed_shared if shared else self.shed).append(count)
        return {}

    @property
    def seqs(self) -> list[int]:
        """Return the seqs pushed so far, in order."""
        return [entry.seq for batch in self.batches for entry in batch]


class OtherProcesses:
    """This host's processes that are no children: their start times by pid. Signals are recorded."""

    def __init__(self) -> None:
        self.living: dict[int, int] = {}
        self.sent: list[tuple[int, int]] = []

    def started(self, pid: int) -> int | None:
        return self.living.get(pid)

    def signal(self, process: ProcessId, number: int) -> bool:
        if not process.started or self.living.get(process.pid) != process.started:
            return False
        self.sent.append((process.pid, number))
        return True


class Peer:
    """A connection to the primary, and what it receives."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self.hears = Hears()
        self.link = Link(self.hears, master.outboxes, master.far_pulse)
        self.server = Link(master.unproven(), master.outboxes, visitors=master.visitors)
        self.wire = Loopback(self.link, self.server)
        master.peers.append(self)

    def begin(self, command: Any, **arguments: Any) -> list[Any]:
        """Send the command; return a list that gets its answer or its failure."""
        found: list[Any] = []
        asked: Deferred[Any] = self.link.callRemote(command, **arguments)
        asked.addBoth(found.append)
        self._master.settle()
        return found

    def ask(self, command: Any, **arguments: Any) -> Any:
        """Send the command; return its answer, or raise its error."""
        return result(self.begin(command, **arguments))

    def prove(self, role: Role, token: Token | None = None) -> None:
        """Prove the token."""
        found: list[Any] = []
        proving = prove(self.link, token or self._master.token, role, lambda size: b"c" * size)
        Deferred.fromCoroutine(proving).addBoth(found.append)
        self._master.settle()
        result(found)

    def report(self, **load: Any) -> None:
        """Report a load."""
        self.link.callRemote(Report, load=Load(**load))
        self._master.settle()

    def tell_presence(
        self, *people: Present, begins: bool = False, goes_on: bool = False, watches: bool = False
    ) -> None:
        """Say who is there."""
        self.link.callRemote(
            TellPresence, begins=begins, goes_on=goes_on, watches=watches, people=list(people)
        )
        self._master.settle()

    def tell_imprints(self, *imprints: Imprint, wants: bool = False) -> None:
        """Say which passwords were right."""
        self.link.callRemote(TellImprints, wants=wants, imprints=list(imprints))
        self._master.settle()

    def tell_typists(self, *typists: Typist, wants: bool = False) -> None:
        """Say who is typing."""
        self.link.callRemote(TellTypists, wants=wants, typists=list(typists))
        self._master.settle()

    @property
    def connected(self) -> bool:
        return self.server.transport is not None

    def cut(self) -> None:
        """Lose the connection."""
        self.wire.cut()


def result(found: list[Any]) -> Any:
    """Return the answer that came, or raise its error."""
    assert found, "no answer came"
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]


class Master:
    """Everything that runs while the lease is held, in memory. Time moves by :meth:`pass_time`."""

    def __init__(self, logs: Path, workers: int, replicas: int = 0, fronts: int = 0) -> None:
        self.reactor = SpawningClock()
        self.clocks = Clocks(self.reactor, self.reactor.seconds, self.reactor.seconds)
        self.outboxes = Outboxes(self.reactor)
        self.visitors = Visitors(self.reactor)
        self.log = WholeLog(level=1)
        self.token = Token(b"t" * 32)
        self.pulse = Pulse(self.reactor, self.reactor.seconds, *CLUSTER_PULSE)
        self.far_pulse = Pulse(self.reactor, self.reactor.seconds, *CLUSTER_PULSE._replace(patience=1e9))
        self.registry: Registry[Link] = Registry()
        self.journal = Journal(self.reactor.seconds)
        self.peers: list[Peer] = []
        self.ups = self.stops = 0
        self.copies = Copies(lambda: succeed(""), self.reactor)
        self.over: list[int] = []
        self.newest = EPOCH
        self.looked: Deferred[int] | None = None
        self.epoch = Epoch(EPOCH, self._newest, self.over.append)
        self.processes = OtherProcesses()
        self.supervisor = self._supervise("worker", logs)
        self.cluster = Cluster(
            commands=Commands(EPOCH),
            population=self._populate(workers, self.supervisor, registry.name_of),
            registry=self.registry,
            placement=Placement(random.Random(1)),
            clocks=self.clocks,
            tell=self.journal.told,
            up=lambda pages: self._up(),
            fronts=self._populate(
                fronts, self._supervise("front", logs), registry.name_of, patience=FRONT_PATIENCE
            ),
        )
        self.replica_supervisor = self._supervise("replica", logs)
        self.replicas = Replicas(
            commands=Commands(EPOCH),
            population=self._populate(replicas, self.replica_supervisor, name_of),
            state=self._state,
            clock=self.reactor,
            tell=self.journal.told,
        )
        self.journal.watch(self.replicas.changed)
        self.leadership = Leadership(cast(Any, self.log), EPOCH, "", self.log, self._newest)
        self.primary = Primary(
            MasterIdentity(HOST, SUPERVISOR, 0, spawned=False),
            self.leadership,
            MasterPort(
                Links(self.outboxes, self.reactor),
                cast(Any, None),
                cast(Any, SimpleNamespace(key="")),
                Address(HOST, 64480),
            ),
            self.pulse,
            self.cluster,
            self.replicas,
            self.journal,
            Eraser(cast(Log, self.log), lambda: b"", self.reactor),
            Retention(cast(Log, self.log), lambda: b"", self.clocks, AGING),
            self.journal.told,
            self.clocks,
            self.copies,
        )
        self.told: list[Event] = []
        self.broadcast = Broadcast(self.log.window, EPOCH, self.told.append)
        keys = count(1)
        self.orders = Orders(cast(Log, self.log), lambda: next(keys).to_bytes(16, "big"))
        self.levels = Levels(
            cast(Log, self.log),  # it has what levels ask of a log
            self.primary.me,
            self.registry,
            self.replicas,
            lambda: next(keys).to_bytes(16, "big"),
            self.journal.told,
        )
        self.pulse.start()
        self.far_pulse.start()
        self.replicas.start()
        self.cluster.start()

    def _populate(
        self,
        wanted: int,
        supervisor: Supervisor,
        name_of: Callable[[I], str],
        patience: float = RETURN_SECONDS,
    ) -> Population[I]:
        processes, told = cast(Processes, self.processes), self.journal.told
        return Population(wanted, HOST, supervisor, processes, self.reactor, told, name_of, patience)

    def _supervise(self, kind: str, logs: Path) -> Supervisor:
        return Supervisor(
            kind,
            command=lambda: [kind],
            logs=logs,
            clocks=self.clocks,
            files=RealFiles(),
            environ={},
            tell=self.journal.told,
        )

    def _state(self, replicas: list[MasterIdentity]) -> State:
        workers = [Carried(worker.identity, worker.load.sessions) for worker in self.registry.workers()]
        return State("memory", EPOCH, 0, "0.0.0.0:64480", workers, replicas, [])

    def _up(self) -> None:
        self.ups += 1

    def _stop(self) -> None:
        self.stops += 1

    def _step_down(self, away: bool) -> None:
        raise NoReplica(NoReplica.sentence)

    def unproven(self) -> Unproven:
        return Unproven(
            self.cluster,
            self.leadership,
            self.token,
            self._admit,
            self.pulse,
            lambda size: b"s" * size,
            self.reactor,
        )

    def _admit(self, role: Role) -> Locator:
        if role == "worker":
            return FromNewWorker(self.cluster, self.epoch, self.levels, "memory", "", self._registered)
        if role == "replica":
            return FromNewReplica(self.replicas, self.epoch, self.levels)
        return FromOperator(
            self.status, self._stop, self._step_down, self.primary.drain, self.levels.up, self.orders
        )

    def _registered(self, worker: Registration[Link]) -> Locator:
        return FromFollower(self.cluster, worker, self.log, EPOCH, self.broadcast, self.reactor)

    async def _newest(self) -> int:
        return await self.looked if self.looked is not None else self.newest

    def status(self, reached: str) -> ClusterStatus:
        return self.primary.status(reached)

    def settle(self) -> None:
        """Let everything that waits arrive."""
        self.reactor.advance(0)
        while any([peer.wire.pump() for peer in self.peers]):  # noqa: C419 - all of them, each time
            self.reactor.advance(0)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        for _ in range(round(seconds / CLUSTER_PULSE.tick)):
            self.reactor.advance(CLUSTER_PULSE.tick)
            self.settle()

    def adopted(self) -> None:
        """Let the time pass in which surviving workers may come back."""
        self.pass_time(ADOPTION_SECONDS)

    def replica(self, pid: int, spawned: bool = True, started: int = 0) -> Peer:
        """Return a replica that stands by."""
        peer = Peer(self)
        peer.prove("replica")
        identity = MasterIdentity(HOST, pid, started, spawned)
        assert peer.ask(Attach, master=identity, seen=0) == {"epoch": EPOCH}
        return peer

    def worker(
        self,
        id: str,
        pid: int = 1,
        host: str = HOST,
        spawned: bool = True,
        supervisor: int = SUPERVISOR,
        serves: str = CHAT,
        started: int = 0,
    ) -> Peer:
        """Return a worker that has registered; a spawned one was started by ``supervisor``."""
        peer = Peer(self)
        peer.prove("worker")
        identity = WorkerIdentity(
            id,
            host,
            pid,
            "0.0.0.0:5",
            False,
            supervisor if spawned else 0,
            started,
            serves=serves,
        )
        answer = {"log": "memory", "store": "", "epoch": EPOCH, **dict.fromkeys(LANES, True)}
        assert peer.ask(Register, worker=identity, seen=0) == answer
        return peer

    def front(self, id: str, pid: int = 1, **more: Any) -> Peer:
        """Return an IRC front that has registered."""
        return self.worker(id, pid, serves=IRC, **more)

    def events(self) -> list[str]:
        return [event.what for event in self.journal.events()]

    def close(self) -> None:
        """Lose all connections, and stop the clockwork."""
        for peer in self.peers:
            peer.cut()
        self.pulse.stop()
        self.far_pulse.stop()
