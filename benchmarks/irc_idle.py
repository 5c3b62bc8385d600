"""Rows: memory of an idle connection of IRC, with 5,000 of them at one front, in plain and by TLS; beside
InspIRCd and ngIRCd.

It is taken as that of a session: one cluster registers the users, a second one on the same data serves them.
Everybody is in two channels, their own and that of another, with two in each; at the daemons, too.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks import cluster, irc_daemons
from benchmarks.irc_feed import IrcServer, log_in
from benchmarks.processes import scratch
from benchmarks.sessions import FIRST, kilobytes, register
from benchmarks.table import Row

AIM = "≤ 12 KB"


def rows(quick: bool) -> Iterator[Row]:
    """Yield the memory of one connection."""
    count = 1000 if quick else 5000
    names = [f"idle{number}" for number in range(FIRST + count)]
    what = f"memory of an idle connection of IRC, {count:,} connections"
    with scratch() as directory:
        with irc_daemons.beside(directory) as others:
            beside = [f"{one.name}: {kilobytes(one.pids[0], partial(_join, one), names)}" for one in others]
        register(directory, names, [*names[1:], names[0]])
        for how, encrypted in (("", False), (", by TLS", True)):
            with cluster.running(directory, 1, fronts=1) as running:
                connect = partial(log_in, irc_daemons.ours(running), encrypted=encrypted)
                figure = kilobytes(running.fronts[0], connect, names)
            yield Row(
                f"{what}{how}", figure, "" if encrypted else "; ".join(beside), aim="" if encrypted else AIM
            )


def _join(server: IrcServer, names: Sequence[str]) -> list[socket.socket]:
    """Log these in, and let each join the channels of two neighbours, of which the later one is theirs."""
    channels = [f"#{one},#{other}" for one, other in zip(names, [*names[1:], names[0]], strict=True)]
    return log_in(server, names, join=channels)
