"""What runs while the lease is held: the log, the port, the workers."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.link import Link
from chatnet.master.cluster import Cluster
from chatnet.master.links import Links
from chatnet.master.registry import Registry
from chatnet.pulse import Pulse
from chatnet.store.sqlite import SqliteLog
from chatnet.wire.operate import ClusterStatus, MasterStatus


class Primary:
    """The one master that commands; all that it needs is open when it is made.

    ``host``, ``pid`` and ``port`` are this process's own; ``stop_process`` begins to stop it.
    """

    _log = Logger()

    def __init__(
        self,
        host: str,
        pid: int,
        log: SqliteLog,
        links: Links,
        port: int,
        listening: IListeningPort,
        pulse: Pulse,
        registry: Registry[Link],
        cluster: Cluster,
        stop_process: Callable[[], None],
    ) -> None:
        self._host = host
        self._pid = pid
        self._store = log
        self._links = links
        self.port = port
        self._listening = listening
        self._pulse = pulse
        self._registry = registry
        self._cluster = cluster
        self._stop_process = stop_process
        self._stopping = False

    @property
    def epoch(self) -> int:
        """The epoch that it commands in."""
        return self._store.epoch

    def start(self) -> None:
        """Begin to command."""
        self._pulse.start()
        self._cluster.start()

    async def stop(self) -> None:
        """Stop this host's workers, serving them to the end; then close everything."""
        await maybeDeferred(self._listening.stopListening)
        await self._cluster.stop()
        self._pulse.stop()
        await self._links.close()
        await self._store.close()

    def stop_cluster(self) -> None:
        """Tell all workers everywhere to stop, and then stop this process."""
        if not self._stopping:
            self._stopping = True
            self._log.info("An operator stops the cluster")
            self._cluster.shut_down_all()
            self._stop_process()

    def status(self, reached: str) -> ClusterStatus:
        """The whole cluster, for an operator who reached us at the host ``reached``."""
        head = self._store.window.head
        address = Address(reached, self.port)
        return ClusterStatus(
            log=self._store.log_id,
            epoch=self._store.epoch,
            head=head,
            trouble=self._store.trouble,
            masters=[MasterStatus("primary", self._host, self._pid, str(address))],
            workers=self._cluster.workers(reached, head),
            events=self._registry.events(),
        )
