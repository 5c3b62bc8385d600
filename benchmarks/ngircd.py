"""ngIRCd, a small daemon in C, on the same work. Its limits are lifted."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.irc_feed import IrcServer
from benchmarks.processes import listens, started, wait_until
from rigs.processes import free_port

NAME = "ngIRCd"
CONFIG = """
[Global]
Name = bench.local
Info = bench
Listen = 127.0.0.1
Ports = {port}
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 32
MaxPenaltyTime = 0
PingTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
"""


AT_ONCE = 8
"""It has room for ten until it takes them: who comes beyond comes again after a second."""


@contextlib.contextmanager
def running(directory: Path) -> Iterator[IrcServer]:
    """Run the daemon for the length of the ``with``."""
    port = free_port()
    config = directory / "ngircd.conf"
    config.write_text(CONFIG.format(port=port))
    with started([str(program()), "-n", "-f", str(config)], directory, "ngircd") as server:
        wait_until(lambda: listens(port), "ngIRCd's start")
        yield IrcServer(NAME, (server.pid,), port, at_once=AT_ONCE)


def program() -> str | None:
    """Return where ngIRCd is installed, or None."""
    return shutil.which("ngircd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
