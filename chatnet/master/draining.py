"""Emptying a host, whatever of the cluster runs there."""

from __future__ import annotations

from chatnet.errors import NoSuchHost
from chatnet.master.cluster import Cluster
from chatnet.master.replicas import Replicas


class Draining:
    """Hosts that the operator wants emptied. The next primary does not know of them: one asks it again."""

    def __init__(self, cluster: Cluster, replicas: Replicas) -> None:
        self._cluster = cluster
        self._replicas = replicas
        self._asked: set[str] = set()

    def drain(self, host: str) -> tuple[int, int]:
        """Move the sessions of ``host`` elsewhere and stop what runs there: so many workers and sessions are
        left.

        :raises PrimaryThere: the primary runs there, too. :raises OnlyHost: no other host has workers.
        :raises NoSuchHost: nothing runs there, nor did when this was asked before.
        """
        workers, sessions = self._cluster.drain(host)
        if not (self._replicas.shut_down_on(host) or workers or host in self._asked):
            raise NoSuchHost.of(host=host)
        self._asked.add(host)
        return workers, sessions
