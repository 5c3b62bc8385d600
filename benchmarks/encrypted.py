"""Rows: what TLS costs: deliveries per second to 500 followers, with TLS and without it; handshakes per
second.

One worker serves both crowds, each with its own poster, who posts without TLS. The crowds take turns.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks import cluster
from benchmarks.chatnet_feed import Feed
from benchmarks.crowd import Crowd
from benchmarks.fanout import DEPTHS, FOLLOWERS, Effort, rate, take_turns
from benchmarks.processes import cpu_seconds, scratch
from benchmarks.table import Row, median

IN_PLAIN, BY_TLS = "in plain", "by TLS"
AT_ONCE = 8
"""How many handshakes are under way: with more, the port would close some of one address."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield the rows of deliveries, and the one of handshakes."""
    effort = Effort(3, 0.3) if quick else Effort(7, 1.0)
    with scratch() as directory, cluster.running(directory, workers=1) as running:
        crowds = {
            IN_PLAIN: Crowd(Feed(running, FOLLOWERS, "plain")),
            BY_TLS: Crowd(Feed(running, FOLLOWERS, "encrypted", encrypted=True)),
        }
        for depth in DEPTHS:
            runs = take_turns(crowds, depth, effort)
            ratio = median(run.rate for run in runs[BY_TLS]) / median(run.rate for run in runs[IN_PLAIN])
            yield Row(
                f"deliveries/s by TLS to {FOLLOWERS} followers, {depth} in flight",
                rate(runs[BY_TLS]),
                f"{IN_PLAIN}: {rate(runs[IN_PLAIN])}",
                ratio,
            )
        for crowd in crowds.values():
            crowd.close()
        yield _handshakes(running.workers[0], 500 if quick else 3000)


def _handshakes(worker: cluster.WorkerProcess, count: int) -> Row:
    def shake_hands(_: int) -> None:
        with cluster.encrypt(socket.create_connection(("127.0.0.1", worker.port), timeout=20)):
            pass

    with ThreadPoolExecutor(AT_ONCE) as threads:
        cpu, begun = cpu_seconds(worker.pid), time.perf_counter()
        list(threads.map(shake_hands, range(count)))
        elapsed, cost = time.perf_counter() - begun, cpu_seconds(worker.pid) - cpu
    return Row("handshakes/s at one worker", f"{count / elapsed:,.0f} ({cost / count * 1e3:.2f} ms each)")
