"""Rows: WebSocket beside AMP, `ws` and Socket.IO: deliveries per second to 500 followers; the memory of an
idle socket.

One worker serves two crowds, one by AMP and one by WebSocket, each with its own poster; beside it run the
servers of :mod:`benchmarks.rivals`, which keep nothing. The crowds take turns, and each ratio is the median
of those of each round. What comes by WebSocket is counted by a mark, by the same code for all servers: posts
that are committed together come in one message.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import browsers, cluster, rivals
from benchmarks.browsers import Site
from benchmarks.chatnet_feed import Feed
from benchmarks.crowd import Crowd, Run
from benchmarks.fanout import DEPTHS, FOLLOWERS, Effort, take_turns
from benchmarks.processes import scratch
from benchmarks.sessions import FIRST, kilobytes
from benchmarks.table import Row, median

BY_AMP, BY_SOCKET = "by AMP", "by WebSocket"
MARK = b"long."
"""What each post's text has once, and nothing else in a message."""
AIM = "> 1"


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
    """Yield the rows of deliveries, and the one of memory."""
    effort = Effort(3, 0.3) if quick else Effort(9, 1.0)
    with scratch() as directory, _crowds(directory) as crowds:
        for depth in DEPTHS:
            yield from _depth_rows(take_turns(crowds, depth, effort), depth)
    with scratch() as directory:
        count = 1000 if quick else 5000
        yield Row(f"memory of an idle socket, {count:,} sockets", _memory(directory, count), aim="≤ 10 KB")


@contextlib.contextmanager
def _crowds(directory: Path) -> Iterator[dict[str, Crowd]]:
    """Run all servers, each with its followers; where they cannot be installed, only ours."""
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(cluster.running(directory, workers=1, web=True))
        crowds = {
            BY_SOCKET: Crowd(SocketFeed(running, FOLLOWERS), MARK),
            BY_AMP: Crowd(Feed(running, FOLLOWERS, "amp")),
        }
        for dialect in rivals.RIVALS if rivals.install() else ():
            rival = stack.enter_context(rivals.serving(directory, FOLLOWERS, dialect))
            crowds[rival.name] = Crowd(rival, MARK)
        for crowd in crowds.values():
            stack.callback(crowd.close)
        yield crowds


def _depth_rows(runs: dict[str, list[Run]], depth: int) -> Iterator[Row]:
    what = f"deliveries/s by WebSocket to {FOLLOWERS} followers, {depth} in flight"
    ours = runs.pop(BY_SOCKET)
    for name in (BY_AMP, *(dialect.name for dialect in rivals.RIVALS)):
        theirs = runs.get(name)
        aim = "" if name == BY_AMP else AIM
        if theirs is None:
            yield Row(what, _shown(ours), f"{name}: not installed", aim=aim)
            continue
        ratios = [one.rate / other.rate for one, other in zip(ours, theirs, strict=True)]
        yield Row(what, _shown(ours), f"{name}: {_shown(theirs)}", median(ratios), aim)


def _shown(runs: Sequence[Run]) -> str:
    """Return deliveries per second, the server's processor time for each, how busy each of its processes was
    (ours: the worker, and the primary), and how busy the receiving side was."""
    cost = median(run.cost / run.deliveries for run in runs) * 1e6
    servers = " + ".join(
        f"{median(run.costs[process] / run.elapsed for run in runs):.0%}"
        for process in range(len(runs[0].costs))
    )
    busy = median(run.busy for run in runs)
    return f"{median(run.rate for run in runs):,.0f} ({cost:.2f} µs; server {servers}; receiver {busy:.0%})"


def _memory(directory: Path, count: int) -> str:
    """Return the memory of one socket; see :mod:`benchmarks.sessions`."""
    names = [f"idle{number}" for number in range(FIRST + count)]
    with cluster.running(directory, 1, web=True) as running:
        Site(running.web).register(["host"], "")
        tickets = Site(running.web).register(names, "host")
    with cluster.running(directory, 1, web=True) as running:
        return kilobytes(running.workers[0].pid, Site(running.web).connect, tickets)
