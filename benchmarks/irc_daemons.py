"""chatnet's front and the daemons beside it, as servers that speak IRC."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks import cluster, inspircd, ngircd
from benchmarks.irc_feed import IrcServer

NAME = "chatnet"
DAEMONS = (inspircd, ngircd)


def secret(nick: str) -> str:
    """Return the random secret of a bench's user, in digits: a password would take 100 ms to check."""
    return nick.encode().ljust(32, b".").hex()


def ours(running: cluster.Cluster) -> IrcServer:
    """Return the front of a running cluster; the processes whose time counts are it and the primary."""
    return IrcServer(NAME, (*running.fronts, running.master_pid), running.irc, password=secret)


@contextlib.contextmanager
def beside(directory: Path) -> Iterator[list[IrcServer]]:
    """Run all daemons that are installed for the length of the ``with``."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(one.running(directory)) for one in DAEMONS if one.program()]


def missing() -> list[str]:
    """Return the names of those that are not installed."""
    return [one.NAME for one in DAEMONS if not one.program()]
