"""Rows: WebSocket beside AMP: deliveries per second to 500 followers, and the memory of an idle socket.

One worker serves both crowds, each with its own poster, who posts as the followers read. The crowds take
turns. One post is in flight: several that are committed together come in one message, and the receiving side
counts what comes by its length.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import browsers, cluster
from benchmarks.browsers import Site
from benchmarks.chatnet_feed import Feed
from benchmarks.crowd import Crowd
from benchmarks.fanout import FOLLOWERS, Effort, rate, take_turns
from benchmarks.processes import resident_bytes, scratch
from benchmarks.sessions import FIRST, SETTLE_SECONDS
from benchmarks.table import Row, median

BY_AMP, BY_SOCKET = "by AMP", "by WebSocket"


class SocketFeed:
    """A user and their followers, all by WebSocket: a :class:`~benchmarks.crowd.Contender`."""

    name = BY_SOCKET

    def __init__(self, running: cluster.Cluster, followers: int) -> None:
        self.pids: tuple[int, ...] = (running.workers[0].pid, running.master_pid)
        site = Site(running.web)
        [ticket] = site.register(["web"], "")
        tickets = site.register([f"web-{number}" for number in range(followers)], "web")
        self.poster = site.connect([ticket])[0]
        self.followers = site.connect(tickets)
        self._numbers = itertools.count(1)

    def posts(self, count: int) -> bytes:
        return b"".join(browsers.post(next(self._numbers)) for _ in range(count))

    def read(self, stream: bytes) -> list[str]:
        return browsers.delivered(stream)

    def heartbeat(self) -> None:
        """Send a sign of life."""
        for connection in [*self.followers, self.poster]:
            connection.sendall(browsers.PING)


def rows(quick: bool) -> Iterator[Row]:
    """Yield the row of deliveries, and the one of memory."""
    effort = Effort(3, 0.3) if quick else Effort(7, 1.0)
    with scratch() as directory, cluster.running(directory, workers=1, web=True) as running:
        crowds = {
            BY_AMP: Crowd(Feed(running, FOLLOWERS, "amp")),
            BY_SOCKET: Crowd(SocketFeed(running, FOLLOWERS)),
        }
        runs = take_turns(crowds, 1, effort)
        ratio = median(run.rate for run in runs[BY_SOCKET]) / median(run.rate for run in runs[BY_AMP])
        yield Row(
            f"deliveries/s by WebSocket to {FOLLOWERS} followers, 1 in flight",
            rate(runs[BY_SOCKET]),
            f"{BY_AMP}: {rate(runs[BY_AMP])}",
            ratio,
        )
        for crowd in crowds.values():
            crowd.close()
    with scratch() as directory:
        count = 1000 if quick else 5000
        grown = _grow(directory, count)
        yield Row(
            f"memory of an idle socket, {count:,} sockets", f"{grown / count / 1024:.1f} KB", aim="≤ 10 KB"
        )


def _grow(directory: Path, count: int) -> int:
    """Return by how many bytes the worker's resident memory grew; see :mod:`benchmarks.sessions`."""
    names = [f"idle{number}" for number in range(FIRST + count)]
    with cluster.running(directory, 1, web=True) as running:
        Site(running.web).register(["host"], "")
        tickets = Site(running.web).register(names, "host")
    with cluster.running(directory, 1, web=True) as running:
        site, worker = Site(running.web), running.workers[0].pid
        connections = site.connect(tickets[:FIRST])
        time.sleep(SETTLE_SECONDS)
        before = resident_bytes(worker)
        connections += site.connect(tickets[FIRST:])
        time.sleep(SETTLE_SECONDS)
        grown = resident_bytes(worker) - before
        for connection in connections:
            connection.close()
    return grown
