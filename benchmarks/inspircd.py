"""InspIRCd, a daemon in C++, on the same work: one channel with one speaker. Its limits are lifted."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.irc_feed import IrcFeed, IrcServer
from benchmarks.processes import listens, started, wait_until
from rigs.processes import free_port

NAME = "InspIRCd"
CONFIG = """
<server name="bench.local" description="bench" network="Bench">
<admin name="bench" nick="bench" email="bench@bench.local">
<bind address="127.0.0.1" port="{port}" type="clients">
<connect name="everybody" allow="*" timeout="60" pingfreq="3600" recvq="100000000" softsendq="1000000000"
    hardsendq="1000000000" threshold="1000000000" commandrate="1000000000" fakelag="no" localmax="100000"
    globalmax="100000" maxconnwarn="no" limit="20000" maxchans="100" resolvehostnames="no" useident="no">
<performance netbuffersize="65534" somaxconn="1024" softlimit="20000" nouserdns="yes" quietbursts="yes">
<pid file="{directory}/inspircd.pid">
<path configdir="{directory}" datadir="{directory}" logdir="{directory}" runtimedir="{directory}">
<log method="file" type="*" level="default" target="{directory}/inspircd.log">
"""
TAGS = (
    '<module name="cap"><module name="ircv3_accounttag"><module name="ircv3_ctctags">'
    '<module name="ircv3_msgid"><module name="ircv3_servertime">'
)
"""What loads the modules for those who want tags."""
HISTORY = '<module name="chanhistory"><chanhistory maxlines="{lines}" bots="yes">'
"""What lets channels keep so many lines, in memory."""


@contextlib.contextmanager
def serving(directory: Path, followers: int) -> Iterator[IrcFeed]:
    """Run the daemon, with its followers in one channel, for the length of the ``with``."""
    with running(directory) as server:
        yield IrcFeed(server, followers)


@contextlib.contextmanager
def running(directory: Path, modules: str = "") -> Iterator[IrcServer]:
    """Run the daemon for the length of the ``with``; ``modules``: lines that load more than it has."""
    port = free_port()
    config = directory / f"inspircd-{port}.conf"
    config.write_text(CONFIG.format(port=port, directory=directory) + modules)
    argv = [str(program()), f"--config={config}", "--nofork", *(["--runasroot"] if os.getuid() == 0 else [])]
    with started(argv, directory, f"inspircd-{port}") as server:
        wait_until(lambda: listens(port), "InspIRCd's start")
        yield IrcServer(NAME, (server.pid,), port)


def program() -> str | None:
    """Return where InspIRCd is installed, or None."""
    return shutil.which("inspircd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
