"""Rows: memory of an idle session, with 5,000 sessions on one worker; without TLS and with it.

One cluster registers the users, each following one room; a second cluster on the same data serves them, so
that its worker's memory has never held anything but these sessions. Its resident memory is measured after 100
logins (the code is loaded) and after 5,000 more, each logged in and listening.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks import cluster, wire
from benchmarks.processes import resident_bytes, scratch
from benchmarks.table import Row

FIRST = 100
SETTLE_SECONDS = 2.0


def rows(quick: bool) -> Iterator[Row]:
    """Yield the memory of one session."""
    count = 1000 if quick else 5000
    names = [f"idle{number}" for number in range(FIRST + count)]
    what = f"memory of an idle session, {count:,} sessions"
    with scratch() as directory:
        register(directory, names, ["host"] * len(names))
        for how, encrypted, aim in (("", False, "≤ 7.5 KB"), (", by TLS", True, "")):
            with cluster.running(directory, 1) as running:
                log_in = partial(_log_in, running, encrypted=encrypted)
                yield Row(f"{what}{how}", kilobytes(running.workers[0].pid, log_in, names), aim=aim)


def register(directory: Path, names: Sequence[str], rooms: Sequence[str]) -> None:
    """Register these, each following the room at their place."""
    with cluster.running(directory, 1) as running, _closing(running.connect(["host", *names])) as connections:
        wire.exchange(connections[1:], map(wire.join, rooms))


def _log_in(running: cluster.Cluster, names: Sequence[str], encrypted: bool) -> list[socket.socket]:
    connections = running.connect(names, encrypted)
    cluster.chat(connections)
    return connections


def kilobytes(pid: int, log_in: Callable[[Sequence[str]], list[socket.socket]], names: Sequence[str]) -> str:
    """Return by how much the resident memory of a process grows with each connection: all but the first
    hundred count."""
    with _closing(log_in(names[:FIRST])):
        time.sleep(SETTLE_SECONDS)
        before = resident_bytes(pid)
        with _closing(log_in(names[FIRST:])):
            time.sleep(SETTLE_SECONDS)
            grown = resident_bytes(pid) - before
    return f"{grown / len(names[FIRST:]) / 1024:.1f} KB"


@contextlib.contextmanager
def _closing(connections: list[socket.socket]) -> Iterator[list[socket.socket]]:
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()
