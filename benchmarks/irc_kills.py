"""Rows: how long 500 connections of IRC wait when the primary is killed, and when a worker is.

The cluster, the kills and the figures are those of :mod:`benchmarks.failover`; the users are 500 at two
fronts, in channels of fifty (:mod:`benchmarks.irc_talkers`), who say 200 lines a second together. So each
figure is that of the slowest line and of the unluckiest of fifty who hear it. Whether a byte was lost or
doubled, or a connection ended, they say themselves; then the bench fails.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.failover import KINDS, RATE, Run, Talk, Waits, seconds, suffer
from benchmarks.irc_talkers import Found
from benchmarks.table import Row, percentile
from rigs.processes import free_port

FRONTS, CONNECTIONS, CHANNEL_SIZE = 2, 500, 50
KILLED = ("nothing", "primary", "worker")
AIM_SECONDS = 0.15


class BrokenPromise(Exception):
    """Something was lost, doubled, or came in another order."""


class IrcRun(Run):
    """A cluster with fronts, and users of IRC."""

    users, workers = CONNECTIONS, Run.workers + FRONTS

    def __init__(self, root: Path) -> None:
        self._port = free_port()
        self.options = ("--irc", f"127.0.0.1:{self._port}", "--irc-fronts", str(FRONTS))
        super().__init__(root)

    def _start_talkers(self) -> subprocess.Popen[bytes]:
        return self._cluster.popen(
            "python", "-m", "benchmarks.irc_talkers", "--port", str(self._port), "--users", str(self.users),
            "--size", str(CHANNEL_SIZE), "--rate", str(RATE), "--found", "found", stdin=subprocess.PIPE,
        )  # fmt: skip

    def _recorded(self) -> Talk:
        found = msgspec.json.decode((self._root / "found").read_bytes(), type=Found)
        told = [(made, told) for made, told, _ in found.posts]
        read = [(made, read) for made, _, read in found.posts]
        return Talk(len(found.posts), told, read, found.broken)


def rows(quick: bool) -> Iterator[Row]:
    """Yield the rows.

    :raises BrokenPromise: one of the users says so; the rows say it, too.
    """
    kinds = [kind for name in KILLED for kind in KINDS if kind.name == name]
    kills = 2 if quick else 30
    waits, posts, broken = suffer(kinds, kills, IrcRun)
    kept = f"{len(broken)} PROMISES BROKEN" if broken else "none lost or doubled"
    quiet, *found = waits
    for kind, figures in zip(kinds[1:], found, strict=True):
        yield Row(
            f"{CONNECTIONS} connections of IRC, {kind.title}: the longest wait, p50 / p99 of {kills}",
            f"{_shown(figures)}; of {posts:,} lines to {CHANNEL_SIZE} each {kept}",
            f"nothing is killed: {_shown(quiet)}",
            percentile(figures.received, 0.99) / percentile(quiet.received, 0.99),
            f"p99 ≤ {AIM_SECONDS:g} s" if kind.name == "primary" else "as if nothing were",
        )
    if broken:
        raise BrokenPromise("; ".join(broken))


def _shown(waits: Waits) -> str:
    return f"until all have it {seconds(waits.received)}, until the echo {seconds(waits.acknowledged)}"
