"""What strangers, workers, replicas and operators may say to the primary: one class for each state of a link.

    Unproven ── proof as worker ───▶ FromNewWorker ── Register ──▶ FromFollower, or FromWorker on a shared
       │                                                           store
       ├─────── proof as replica ──▶ FromNewReplica ─ Attach ────▶ FromReplica
       └─────── proof as operator ─▶ FromOperator

A command without a responder in a class is not allowed in that state. A link never returns to an earlier
state.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.auth import Role, Token
from chatnet.errors import BadRequest, NotAllowed
from chatnet.imprints import Imprint
from chatnet.marks import UserMark
from chatnet.master.cluster import Cluster
from chatnet.master.epoch import Epoch
from chatnet.master.levels import Levels
from chatnet.master.log_server import Broadcast, LogServer, PrimaryLog
from chatnet.master.orders import Orders
from chatnet.master.registry import Registration
from chatnet.master.replicas import AttachedReplica, Replicas
from chatnet.master.store import Leadership
from chatnet.net.gate import Gate, check_version
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.pulse import FRONT_PATIENCE, Pulse
from chatnet.presence import Present
from chatnet.typists import Typist
from chatnet.wire.cluster import LANES, Load, Register, Report, WorkerIdentity
from chatnet.wire.imprints import TellImprints
from chatnet.wire.locate import Locate
from chatnet.wire.marks import TellMarks
from chatnet.wire.operate import (
    ClusterStatus,
    Drain,
    LevelUp,
    ListUsers,
    Order,
    RoomPolicies,
    Status,
    StepDown,
    Stop,
)
from chatnet.wire.presence import TellPresence
from chatnet.wire.replica import Attach, MasterIdentity
from chatnet.wire.table import Speaker
from chatnet.wire.typists import TellTypists


class Unproven(Gate):
    """A stranger: a client that asks for a worker, or a process that proves the token."""

    speaker = Speaker.STRANGER

    def __init__(
        self,
        cluster: Cluster,
        leadership: Leadership,
        token: Token,
        admit: Callable[[Role], Locator],
        pulse: Pulse,
        entropy: Callable[[int], bytes],
        clock: IReactorTime,
    ) -> None:
        super().__init__(token, self._let_in, entropy, clock)
        self._cluster = cluster
        self._leadership = leadership
        self._conversation = admit
        self._pulse = pulse

    @Locate.responder
    def locate(self, version: int) -> dict[str, Any]:
        check_version(version)
        worker, key = self._cluster.locate(reached_host(self.link))
        found = {"worker": str(worker), "worker_key": key or None}
        # A database that was put back may hold another log than when we began.
        return {**found, "log": self._leadership.log.log_id, "epoch": self._leadership.epoch}

    def _let_in(self, role: Role) -> Locator:
        locator = self._conversation(role)
        belong(self.link, self._pulse)
        return locator


def belong(link: Link, pulse: Pulse) -> None:
    """Treat ``link`` as part of the cluster from now on: watched for silence, without a visitor's limits."""
    link.pulse = pulse
    pulse.add(link)
    link.trust()


def reached_host(link: Link) -> str:
    """Return the host at which the other end reached us."""
    host: str = link.transport.getHost().host
    return host


class Newcomer(Locator):
    """A worker or replica that has proven the token, and now only says who it is; another class follows."""

    hint = "say first who you are, by Register or Attach"

    def __init__(self, epoch: Epoch, levels: Levels) -> None:
        self._epoch = epoch
        self._levels = levels

    async def _hold(self, seen: int, level: int) -> None:
        """Check whether a process that understands ``level`` can be accepted.

        :raises StaleEpoch: our epoch is over. :raises NotAllowed: the link was lost or registered meanwhile.
        :raises LevelTooLow: the log is above that level.
        """
        link = self.link
        await self._epoch.hold(seen, link.peer())
        self._levels.check(level)
        if link.transport is None or link.locator is not self:
            raise NotAllowed.of(command="Register or Attach", hint="this link has said who it is")


class FromNewWorker(Newcomer):
    """A worker that has not registered yet. ``registered(worker)`` makes its next locator.

    The worker is told that the log ``log_id`` is kept at ``store``.
    """

    speaker = Speaker.NEW_WORKER

    def __init__(
        self,
        cluster: Cluster,
        epoch: Epoch,
        levels: Levels,
        log_id: str,
        store: str,
        registered: Callable[[Registration[Link]], Locator],
    ) -> None:
        super().__init__(epoch, levels)
        self._cluster = cluster
        self._log_id = log_id
        self._url = store
        self._registered = registered

    @Register.responder
    async def register(self, worker: WorkerIdentity, seen: int) -> dict[str, Any]:
        if Address.read(worker.address) is None:
            raise BadRequest.of(why="the worker's address is no HOST:PORT.")
        await self._hold(seen, worker.level)
        if worker.is_front and self.link.pulse is not None:
            self.link.pulse.add(self.link, FRONT_PATIENCE)
        self.link.become(self._registered(self._cluster.register(worker, self.link)))
        return {
            "log": self._log_id,
            "store": self._url,
            "epoch": self._epoch.number,
            **dict.fromkeys(LANES, True),
        }


class FromAnyWorker(Locator):
    """A registered worker, wherever it has the log from: it tells of its users, and its link of its loss."""

    _cluster: Cluster
    _worker: Registration[Link]

    @Report.responder
    def report(self, load: Load) -> dict[str, Any]:
        self._cluster.report(self._worker, load)
        return {}

    @TellPresence.responder
    def tell_presence(
        self, begins: bool, goes_on: bool, watches: bool, people: list[Present]
    ) -> dict[str, Any]:
        self._cluster.presence.told(self._worker, begins, goes_on, watches, people)
        return {}

    @TellImprints.responder
    def tell_imprints(self, wants: bool, imprints: list[Imprint]) -> dict[str, Any]:
        self._cluster.imprints.told(self._worker, wants, imprints)
        return {}

    @TellTypists.responder
    def tell_typists(self, wants: bool, typists: list[Typist]) -> dict[str, Any]:
        self._cluster.typists.told(self._worker, wants, typists)
        return {}

    def kept(self, marks: Sequence[UserMark]) -> None:
        """Marks of the worker's users are kept: tell the other workers."""
        self._cluster.tell_marks(self._worker, marks)

    def lost(self, reason: Failure) -> None:
        super().lost(reason)
        self._cluster.lost(self._worker, hung=self.link.hung)


class FromWorker(FromAnyWorker):
    """A registered worker that opens the log itself."""

    speaker = Speaker.WORKER

    def __init__(self, cluster: Cluster, worker: Registration[Link]) -> None:
        self._cluster, self._worker = cluster, worker

    @TellMarks.responder
    def tell_marks(self, marks: list[UserMark]) -> dict[str, Any]:
        self.kept(marks)
        return {}


class FromFollower(FromAnyWorker, LogServer):
    """A registered worker that gets the log through us: only the primary opens the embedded store."""

    speaker = Speaker.FOLLOWER

    def __init__(
        self,
        cluster: Cluster,
        worker: Registration[Link],
        log: PrimaryLog,
        epoch: int,
        broadcast: Broadcast,
        clock: IReactorTime,
    ) -> None:
        super().__init__(log, epoch, broadcast, clock, self.kept)
        self._cluster, self._worker = cluster, worker


class FromNewReplica(Newcomer):
    """A replica that has not attached yet."""

    speaker = Speaker.NEW_REPLICA

    def __init__(self, replicas: Replicas, epoch: Epoch, levels: Levels) -> None:
        super().__init__(epoch, levels)
        self._replicas = replicas

    @Attach.responder
    async def attach(self, master: MasterIdentity, seen: int) -> dict[str, Any]:
        await self._hold(seen, master.level)
        self.link.become(FromReplica(self._replicas, self._replicas.attach(master, self.link)))
        return {"epoch": self._epoch.number}


class FromReplica(Locator):
    """An attached replica: it only listens, and sends pings."""

    speaker = Speaker.REPLICA
    hint = "a replica that is attached has nothing to ask"

    def __init__(self, replicas: Replicas, replica: AttachedReplica) -> None:
        self._replicas = replicas
        self._replica = replica

    def drained(self) -> None:
        self._replicas.drained(self._replica)

    def lost(self, reason: Failure) -> None:
        self._replicas.lost(self._replica, hung=self.link.hung)


class FromOperator(Locator):
    """An operator. The primary carries out the commands: ``status(reached)``, ``step_down(away)``, …"""

    speaker = Speaker.OPERATOR

    def __init__(
        self,
        status: Callable[[str], ClusterStatus],
        stop: Callable[[], None],
        step_down: Callable[[bool], None],
        drain: Callable[[str], tuple[int, int]],
        level_up: Callable[[], Coroutine[Any, Any, int]],
        orders: Orders,
    ) -> None:
        self._drain = drain
        self._orders = orders
        self._level_up = level_up
        self._status = status
        self._stop = stop
        self._step_down = step_down

    @Status.responder
    def status(self) -> dict[str, Any]:
        return {"status": self._status(reached_host(self.link)).fitted()}

    @Stop.responder
    def stop(self) -> dict[str, Any]:
        self._stop()
        return {}

    @StepDown.responder
    def step_down(self, away: bool) -> dict[str, Any]:
        self._step_down(away)
        return {}

    @Order.responder
    async def order(self, kind: str, room: str, to: str, text: str, until: int) -> dict[str, Any]:
        return {"seq": await self._orders.give(kind, room, to, text, until)}

    @RoomPolicies.responder
    async def policies(self, room: str) -> dict[str, Any]:
        return {"policies": await self._orders.policies(room)}

    @ListUsers.responder
    async def users(self, prefix: str, after: str) -> dict[str, Any]:
        return {"users": await self._orders.users(prefix, after)}

    @LevelUp.responder
    async def level_up(self) -> dict[str, Any]:
        return {"level": await self._level_up()}

    @Drain.responder
    def drain(self, host: str) -> dict[str, Any]:
        workers, sessions = self._drain(host)
        return {"workers": workers, "sessions": sessions}
