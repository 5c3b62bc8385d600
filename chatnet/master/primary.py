"""What runs while the lease is held: the log, the port, the workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.errors import NoReplica, NoReplicaElsewhere, NoReplicaKept
from chatnet.master.clock import ahead_of
from chatnet.master.cluster import Cluster
from chatnet.master.journal import Journal
from chatnet.master.port import Links
from chatnet.master.replicas import Replicas
from chatnet.master.store import Log
from chatnet.net.pulse import Pulse
from chatnet.wire.cluster import WorkerIdentity
from chatnet.wire.operate import ClusterStatus, MasterStatus
from chatnet.wire.replica import MasterIdentity


class Primary:
    """The one master that commands; all that it needs is open when it is made.

    ``host``, ``pid`` and ``port`` are this process's own, and ``epoch`` is what it commands in;
    ``stop_process`` begins to stop it.
    """

    _logger = Logger()

    def __init__(
        self,
        host: str,
        pid: int,
        epoch: int,
        log: Log,
        links: Links,
        port: int,
        listening: IListeningPort,
        pulse: Pulse,
        cluster: Cluster,
        replicas: Replicas,
        journal: Journal,
        stop_process: Callable[[], None],
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._host = host
        self._pid = pid
        self.epoch = epoch
        self._log_kept = log
        self._links = links
        self.port = port
        self._listening = listening
        self._pulse = pulse
        self._cluster = cluster
        self._replicas = replicas
        self._journal = journal
        self._stop_process = stop_process
        self._monotonic = monotonic
        self._wall = wall
        self._stopping = self._handing_over = self._away = False

    def start(self, workers: Sequence[WorkerIdentity] = (), replicas: Sequence[MasterIdentity] = ()) -> None:
        """Begin to command; these are expected to come back from the primary before us."""
        self._say("begins: this master commands")
        self._pulse.start()
        self._replicas.start(replicas)
        self._cluster.start(workers)

    async def stop(self, release: Callable[[], Awaitable[None]]) -> None:
        """Stop this host's replicas, then its workers, serving them to the end; then close everything.

        With a replica on another host, that leads before workers are stopped: their clients need it. Handing
        over, no worker is stopped. ``release`` lets the lease go: after the last commit, and before those who
        wait for it are told, by the loss of their links.
        """
        if not self._handing_over:
            await maybeDeferred(self._listening.stopListening)
        if not self._handing_over or self._away:
            await self._replicas.stop()
        if self._handing_over:
            await self.abdicate(release)
        elif self._replicas.elsewhere():
            await self.abdicate(release)
            await self.end_left()
        else:
            await self._cluster.stop()
            self._say("ends: this master no longer commands")
            await self._close(release)

    async def abdicate(self, release: Callable[[], Awaitable[None]]) -> None:
        """Stop commanding at once, and close everything; all others live on."""
        self._replicas.leave()
        self._cluster.leave()
        self._say("ends: this master no longer commands")
        await maybeDeferred(self._listening.stopListening)
        await self._close(release)

    async def end_left(self) -> None:
        """Stop those of this host's processes that were left to the next primary and still live."""
        await self._replicas.end_left()
        await self._cluster.end_left()

    async def _close(self, release: Callable[[], Awaitable[None]]) -> None:
        await self._log_kept.close()
        self._pulse.stop()
        await release()
        await self._links.close()

    def _say(self, what: str) -> None:
        # All processes of a machine share this clock, and nobody sets it: it tells who commanded when.
        line = "Epoch {epoch} {what} (at {now:.3f} s of this machine's monotonic clock)"
        self._logger.info(line, epoch=self.epoch, what=what, now=self._monotonic())

    def stop_cluster(self) -> None:
        """Tell all replicas and workers everywhere to stop, and then stop this process."""
        if not self._stopping:
            self._stopping = True
            self._logger.info("An operator stops the cluster")
            self._replicas.shut_down_all()
            self._cluster.shut_down_all()
            self._stop_process()

    def step_down(self, away: bool) -> None:
        """Stop this process alone, and leave all others to a replica; ``away``: to one on another host, and
        then this host's replicas are stopped, too.

        :raises NoReplica: there is none at the moment.
        :raises NoReplicaKept: nor will there be one.
        :raises NoReplicaElsewhere: there is none on another host.
        """
        if not len(self._replicas):
            why = NoReplica if self._replicas.are_kept else NoReplicaKept
            raise why(why.sentence)
        if away and not self._replicas.elsewhere():
            raise NoReplicaElsewhere(NoReplicaElsewhere.sentence)
        if not self._stopping:
            self._stopping = self._handing_over = True
            self._away = away
            self._journal.note(f"primary (pid {self._pid}) on {self._host} is told to hand over")
            self._stop_process()

    def status(self, reached: str) -> ClusterStatus:
        """The whole cluster, for an operator who reached us at the host ``reached``."""
        head = self._log_kept.window.head
        address = Address(reached, self.port)
        early = ahead_of(self._wall(), self._log_kept.window.time)
        return ClusterStatus(
            log=self._log_kept.log_id,
            epoch=self.epoch,
            head=head,
            trouble=self._log_kept.trouble,
            masters=[
                MasterStatus("primary", self._host, self._pid, str(address)),
                *self._replicas.statuses(),
            ],
            workers=self._cluster.workers(reached, head),
            events=self._journal.events(),
            warnings=[said for said in (self._log_kept.warning, early) if said],
        )
