"""Rows: how long until all browsers are back whose worker was killed; without TLS and with it.

Two workers share the web port, with so many sockets that about 5,000 are on the one that is killed. Each is
of another user, and comes again as the page does; the other worker has to take them all, until the primary
has replaced the dead one. A socket is back when it has been welcomed. The browsers are one process on the
same processors.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import cluster
from benchmarks.browsers import Site
from benchmarks.processes import cpu_seconds, scratch
from benchmarks.table import Row, median, percentile
from benchmarks.tabs import Tabs

AIM_SECONDS = 3.0
PATIENCE_SECONDS = 60.0
SETTLE_SECONDS = 3.0


@dataclass(frozen=True)
class Comeback:
    """One death: seconds from the kill until each was back; the share of a core of worker and browsers."""

    waits: list[float]
    worker: float
    browsers: float
    troubles: str


def rows(quick: bool) -> Iterator[Row]:
    """Yield the row without TLS, and the one with it."""
    count, deaths = (500, 1) if quick else (5000, 3)
    for how, encrypted in (("", False), (" by TLS", True)):
        found = [_comeback(count, encrypted) for _ in range(deaths)]
        last = [max(one.waits) for one in found]
        yield Row(
            f"{count:,} sockets{how} back after their worker's death: the last",
            f"{median(last):.2f} s (the worst of {deaths}: {max(last):.2f} s; half of them in "
            f"{median(percentile(one.waits, 0.5) for one in found):.2f} s; worker "
            f"{median(one.worker for one in found):.0%}; browsers "
            f"{median(one.browsers for one in found):.0%}; {found[-1].troubles})",
            aim="" if encrypted else f"< {AIM_SECONDS:g} s",
        )


def _comeback(count: int, encrypted: bool) -> Comeback:
    with scratch() as directory, cluster.running(directory, 2, web=True) as running:
        site = Site(running.web)
        tickets = site.register([f"tab{number}" for number in range(2 * count)], "")
        tabs = Tabs(running.web, site.log(), tickets, encrypted)
        try:
            tabs.open()
            tabs.rest(SETTLE_SECONDS)
            return _kill(running, tabs)
        finally:
            tabs.close()


def _kill(running: cluster.Cluster, tabs: Tabs) -> Comeback:
    killed, other = (worker.pid for worker in running.workers)
    tabs.forget()
    cpu, own, begun = cpu_seconds(other), time.process_time(), time.perf_counter()
    os.kill(killed, signal.SIGKILL)
    tabs.until(lambda: tabs.are_back and bool(tabs.lost), PATIENCE_SECONDS)
    elapsed = time.perf_counter() - begun
    return Comeback(
        [tab.back - begun for tab in tabs.lost],
        (cpu_seconds(other) - cpu) / elapsed,
        (time.process_time() - own) / elapsed,
        str(tabs.troubles),
    )
