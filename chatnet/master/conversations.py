"""What strangers, workers, replicas and operators may say to the primary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatnet.auth import Role, Token
from chatnet.errors import NotAllowed, StaleEpoch
from chatnet.gate import Gate, check_version
from chatnet.link import Link, Locator
from chatnet.master.cluster import Cluster
from chatnet.master.log_server import Broadcast, LogServer, PrimaryLog
from chatnet.master.registry import Worker
from chatnet.master.replicas import Replica, Replicas
from chatnet.pulse import Pulse
from chatnet.wire.cluster import Load, Register, Report, WorkerIdentity
from chatnet.wire.locate import Locate
from chatnet.wire.operate import ClusterStatus, Drain, Status, StepDown, Stop
from chatnet.wire.replica import Attach, MasterIdentity

PULSE_TICK, PING_EVERY, PATIENCE = 0.25, 1.0, 3.0
"""How the links within the cluster are watched, in seconds; see :class:`~chatnet.pulse.Pulse`."""


class Door(Gate):
    """A stranger: a client that asks for a worker, or a process that proves the token."""

    def __init__(
        self,
        cluster: Cluster,
        log_id: str,
        epoch: int,
        token: Token,
        admit: Callable[[Role], Locator],
        pulse: Pulse,
        entropy: Callable[[int], bytes],
        clock: IReactorTime,
    ) -> None:
        super().__init__(token, self._let_in, entropy, clock)
        self._cluster = cluster
        self._log_id = log_id
        self._epoch = epoch
        self._conversation = admit
        self._pulse = pulse

    @Locate.responder
    def locate(self, version: int) -> dict[str, Any]:
        check_version(version)
        worker = self._cluster.locate(reached_host(self.link))
        return {"worker": str(worker), "primary": None, "log": self._log_id, "epoch": self._epoch}

    def _let_in(self, role: Role) -> Locator:
        locator = self._conversation(role)
        belong(self.link, self._pulse)
        return locator


def belong(link: Link, pulse: Pulse) -> None:
    """The link is one within the cluster now: watched, and read from even while it is full."""
    link.pulse = pulse
    pulse.add(link)
    if link.full and not link.reads_when_full:
        link.release()
    link.reads_when_full = True


def reached_host(link: Link) -> str:
    """The host by which the other end reached us."""
    host: str = link.transport.getHost().host
    return host


class FromWorker(Locator):
    """A worker, which is told that the log ``log_id`` is kept at ``store``.

    ``over(seen)`` is called when it has obeyed an epoch later than ours.
    """

    def __init__(
        self, cluster: Cluster, over: Callable[[int], None], epoch: int, log_id: str, store: str
    ) -> None:
        self._cluster = cluster
        self._over = over
        self._epoch = epoch
        self._log_id = log_id
        self._url = store
        self._worker: Worker[Link] | None = None

    @Register.responder
    def register(self, worker: WorkerIdentity, seen: int) -> dict[str, Any]:
        if seen > self._epoch:
            self._over(seen)
            raise StaleEpoch.of(theirs=self._epoch, ours=seen)
        self._worker = self._cluster.register(worker, self.link)
        return {"log": self._log_id, "store": self._url, "epoch": self._epoch}

    @Report.responder
    def report(self, load: Load) -> dict[str, Any]:
        self._cluster.report(self._registered(), load)
        return {}

    def lost(self, reason: Failure) -> None:
        super().lost(reason)
        if self._worker is not None:
            self._cluster.lost(self._worker, hung=self.link.hung)

    def _registered(self) -> Worker[Link]:
        if self._worker is None:
            raise NotAllowed.of(command="Report", hint="register first")
        return self._worker


class FromFollower(FromWorker, LogServer):
    """A worker that has the log through us: the embedded store is the primary's alone."""

    def __init__(
        self,
        cluster: Cluster,
        over: Callable[[int], None],
        log: PrimaryLog,
        epoch: int,
        log_id: str,
        broadcast: Broadcast,
        clock: IReactorTime,
    ) -> None:
        FromWorker.__init__(self, cluster, over, epoch, log_id, store="")
        LogServer.__init__(self, log, epoch, broadcast, clock)


class FromReplica(Locator):
    """A replica. ``over(seen)`` is called when it knows of an epoch later than ours."""

    def __init__(self, replicas: Replicas, over: Callable[[int], None], epoch: int) -> None:
        self._replicas = replicas
        self._over = over
        self._epoch = epoch
        self._replica: Replica | None = None

    @Attach.responder
    def attach(self, master: MasterIdentity, seen: int) -> dict[str, Any]:
        if seen > self._epoch:
            self._over(seen)
            raise StaleEpoch.of(theirs=self._epoch, ours=seen)
        if self._replica is None:
            self._replica = self._replicas.attach(master, self.link)
        return {"epoch": self._epoch}

    def drained(self) -> None:
        if self._replica is not None:
            self._replicas.drained(self._replica)

    def lost(self, reason: Failure) -> None:
        if self._replica is not None:
            self._replicas.lost(self._replica, hung=self.link.hung)


class FromOperator(Locator):
    """An operator; what the commands do is the primary's: ``status(reached)``, ``step_down(away)``, …"""

    def __init__(
        self,
        status: Callable[[str], ClusterStatus],
        stop: Callable[[], None],
        step_down: Callable[[bool], None],
        drain: Callable[[str], tuple[int, int]],
    ) -> None:
        self._drain = drain
        self._status = status
        self._stop = stop
        self._step_down = step_down

    @Status.responder
    def status(self) -> dict[str, Any]:
        return {"status": self._status(reached_host(self.link))}

    @Stop.responder
    def stop(self) -> dict[str, Any]:
        self._stop()
        return {}

    @StepDown.responder
    def step_down(self, away: int) -> dict[str, Any]:
        self._step_down(bool(away))
        return {}

    @Drain.responder
    def drain(self, host: str) -> dict[str, Any]:
        workers, sessions = self._drain(host)
        return {"workers": workers, "sessions": sessions}
