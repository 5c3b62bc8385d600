"""Rows: memory of an idle session, with 5,000 sessions on one worker; without TLS and with it.

One cluster registers the users, each following one room; a second cluster on the same data serves them, so
that its worker's memory has never held anything but these sessions. Its resident memory is measured after 100
logins (the code is loaded) and after 5,000 more, each logged in and listening.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import cluster
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
        _register(directory, names)
        for how, encrypted, aim in (("", False, "≤ 7.5 KB"), (", by TLS", True, "")):
            grown = _grow(directory, names, encrypted)
            yield Row(f"{what}{how}", f"{grown / count / 1024:.1f} KB", aim=aim)


def _register(directory: Path, names: Sequence[str]) -> None:
    with cluster.running(directory, 1) as running, _closing(running.connect(["host", *names])) as connections:
        cluster.join(connections[1:], "host")


def _grow(directory: Path, names: Sequence[str], encrypted: bool) -> int:
    """Return by how many bytes the worker's resident memory grew."""
    with cluster.running(directory, 1) as running:
        worker = running.workers[0].pid
        with _listening(running, names[:FIRST], encrypted):
            before = resident_bytes(worker)
            with _listening(running, names[FIRST:], encrypted):
                return resident_bytes(worker) - before


@contextlib.contextmanager
def _listening(running: cluster.Cluster, names: Sequence[str], encrypted: bool) -> Iterator[None]:
    with _closing(running.connect(names, encrypted)) as connections:
        cluster.chat(connections)
        time.sleep(SETTLE_SECONDS)
        yield


@contextlib.contextmanager
def _closing(connections: list[socket.socket]) -> Iterator[list[socket.socket]]:
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()
