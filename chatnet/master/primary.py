"""What runs while the lease is held: the log, the port, the workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.errors import NoReplica, NoReplicaElsewhere, NoReplicaKept, NoSuchHost
from chatnet.master.clock import ahead_of
from chatnet.master.cluster import Cluster
from chatnet.master.copies import Copies
from chatnet.master.eraser import Eraser
from chatnet.master.journal import Journal
from chatnet.master.lost_guests import LostGuests
from chatnet.master.port import MasterPort
from chatnet.master.replicas import Replicas
from chatnet.master.retention import Retention
from chatnet.master.signup import Signup
from chatnet.master.store import Leadership
from chatnet.net.pulse import Pulse
from chatnet.telemetry import EpochBegun, EpochEnded, HandoverAsked, Tell
from chatnet.wire.cluster import WorkerIdentity
from chatnet.wire.operate import ClusterStatus, MasterStatus
from chatnet.wire.replica import MasterIdentity
from chatnet.world import Clocks, stop_soon


@dataclass(slots=True, eq=False)
class Primary:
    """The one master that commands; everything it needs is open when it is made. ``me`` is this process."""

    _logger: ClassVar[Logger] = Logger()

    me: MasterIdentity
    leadership: Leadership
    port: MasterPort
    pulse: Pulse
    cluster: Cluster
    replicas: Replicas
    journal: Journal
    eraser: Eraser
    retention: Retention
    tell: Tell
    clocks: Clocks
    copies: Copies
    _stopping: bool = field(init=False, default=False)
    _handing_over: bool = field(init=False, default=False)
    _away: bool = field(init=False, default=False)
    _drained: set[str] = field(init=False, default_factory=set)
    _signup: Signup = field(init=False)
    _lost_guests: LostGuests = field(init=False)

    def __post_init__(self) -> None:
        self._signup = Signup(self.leadership.log)
        is_reported = self.cluster.presence.is_reported
        self._lost_guests = LostGuests(self.leadership.log, is_reported, self.clocks.reactor)

    @property
    def epoch(self) -> int:
        """The epoch in which it commands."""
        return self.leadership.epoch

    def start(self, workers: Sequence[WorkerIdentity] = (), replicas: Sequence[MasterIdentity] = ()) -> None:
        """Start commanding. These are expected to return: the last primary knew them."""
        self.tell(EpochBegun(self.epoch, self.clocks.monotonic()))
        self.pulse.start()
        self.replicas.start(replicas)
        self.cluster.start(workers)
        self.eraser.start()
        self._signup.start()
        self._lost_guests.start()
        self.retention.start()
        self.copies.start()

    async def stop(self, release: Callable[[], Awaitable[None]]) -> None:
        """Stop this host's replicas, then its workers, which serve to the end; then close everything.

        If a replica on another host exists, it leads before workers are stopped: their clients need it. When
        handing over, no worker is stopped. ``release`` releases the lease: after the last commit, and before
        the loss of their links tells the replicas.
        """
        if not self._handing_over:
            await maybeDeferred(self.port.listening.stopListening)
        if not self._handing_over or self._away:
            await self.replicas.stop()
        if self._handing_over:
            await self.abdicate(release)
        elif self.replicas.elsewhere():
            await self.abdicate(release)
            await self.end_left()
        else:
            await self.cluster.stop()
            self.tell(EpochEnded(self.epoch, self.clocks.monotonic()))
            await self._close(release)

    async def abdicate(self, release: Callable[[], Awaitable[None]], is_over: bool = False) -> None:
        """Stop commanding at once, and close everything; all other processes live on.

        ``is_over``: the lease is lost already, and another master may lead. Then nobody is kept until the
        store is closed, which may not be reached: the next primary waits some seconds for the workers, and
        then kills those that it takes for hung.
        """
        self.replicas.leave()
        self.cluster.leave()
        self.tell(EpochEnded(self.epoch, self.clocks.monotonic()))
        await maybeDeferred(self.port.listening.stopListening)
        if is_over:
            await self.port.links.close()
        await self._close(release)

    async def end_left(self) -> None:
        """Stop those of this host's processes that were left to the next primary and still live."""
        await self.replicas.end_left()
        await self.cluster.end_left()

    async def _close(self, release: Callable[[], Awaitable[None]]) -> None:
        self.eraser.stop()
        self._signup.stop()
        self._lost_guests.stop()
        self.retention.stop()
        self.copies.stop()
        await self.leadership.log.close()
        await release()  # a store that hangs holds this up: until then nobody shall take us for dead
        self.pulse.stop()
        await self.port.links.close()

    def stop_cluster(self) -> None:
        """Tell all replicas and workers everywhere to stop, and then stop this process."""
        if not self._stopping:
            self._stopping = True
            self._logger.info("An operator stops the cluster")
            self.replicas.shut_down_all()
            self.cluster.shut_down_all()
            stop_soon(self.clocks.reactor)

    def step_down(self, away: bool) -> None:
        """Stop this process alone, and leave all others to a replica; ``away``: to one on another host, and
        stop this host's replicas too.

        :raises NoReplica: there is none at the moment.
        :raises NoReplicaKept: there will be none, either.
        :raises NoReplicaElsewhere: there is none on another host.
        """
        if not len(self.replicas):
            why = NoReplica if self.replicas.are_kept else NoReplicaKept
            raise why(why.sentence)
        if away and not self.replicas.elsewhere():
            raise NoReplicaElsewhere(NoReplicaElsewhere.sentence)
        if not self._stopping:
            self._stopping = self._handing_over = True
            self._away = away
            self.tell(HandoverAsked(self.me.host, self.me.pid))
            stop_soon(self.clocks.reactor)

    def drain(self, host: str) -> tuple[int, int]:
        """Move the sessions of ``host`` elsewhere and stop what runs there; return how many workers and
        sessions are left. The next primary does not know about it: ask it again.

        :raises PrimaryThere: the primary runs there too. :raises OnlyHost: no other host has workers.
        :raises NoSuchHost: nothing runs there, nor did when this was asked before.
        """
        workers, sessions = self.cluster.drain(host)
        if not (self.replicas.shut_down_on(host) or workers or host in self._drained):
            raise NoSuchHost.of(host=host)
        self._drained.add(host)
        return workers, sessions

    def status(self, reached: str) -> ClusterStatus:
        """Return the state of the cluster, for an operator who reached us at the host ``reached``.

        It is what is known: nothing is read for it, since a slow disk would hold up all else.
        """
        head = self.leadership.log.window.head
        address = Address(reached, self.port.number)
        is_open = self._signup.warning(self.port.address.host)
        trouble = self.leadership.log.trouble
        copies = "" if trouble else self.copies.warning  # a copy may be what is to be put in place
        early = ahead_of(self.clocks.wall(), self.leadership.log.window.time)
        return ClusterStatus(
            log=self.leadership.log.log_id,
            epoch=self.epoch,
            head=head,
            trouble=trouble,
            masters=[
                MasterStatus(
                    "primary", self.me.host, self.me.pid, str(address), self.port.key, self.me.level
                ),
                *self.replicas.statuses(),
            ],
            workers=self.cluster.workers(reached, head),
            events=self.journal.events(),
            warnings=[
                said
                for said in (
                    *(self.leadership.log.warning, early, is_open, copies),
                    *self.cluster.port_warnings(),
                )
                if said
            ],
            level=self.leadership.log.window.level,
            pages=self.cluster.pages(reached),
        )
