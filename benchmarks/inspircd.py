"""InspIRCd, a daemon in C++, on the same work: one channel with one speaker. Its limits are lifted."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import free_port, listens, started, wait_until
from benchmarks.wire import TEXT

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


class Irc:
    """The daemon, with its followers in one channel."""

    name = "InspIRCd"

    def __init__(self, pid: int, port: int, followers: int) -> None:
        self.pids: tuple[int, ...] = (pid,)
        everybody = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(followers + 1)]
        for number, connection in enumerate(everybody):
            connection.sendall(b"NICK n%d\r\nUSER u 0 * :u\r\n" % number)
        for connection in everybody:  # once a second it accepts all who wait
            _read_until(connection, b" 001 ")
        for connection in everybody:
            connection.sendall(b"JOIN #bench\r\n")
            _read_until(connection, b" 366 ")
        self.poster, *self.followers = everybody

    def posts(self, count: int) -> bytes:
        return b"PRIVMSG #bench :%s\r\n" % TEXT.encode() * count

    def read(self, stream: bytes) -> list[str]:
        lines = stream.decode().splitlines()
        return [line.partition(" PRIVMSG #bench :")[2] for line in lines if " PRIVMSG " in line]

    def heartbeat(self) -> None:
        """Do nothing: it pings once an hour."""


@contextlib.contextmanager
def serving(directory: Path, followers: int) -> Iterator[Irc]:
    """Run the daemon for the length of the ``with``."""
    port = free_port()
    config = directory / "inspircd.conf"
    config.write_text(CONFIG.format(port=port, directory=directory))
    argv = [str(program()), f"--config={config}", "--nofork", *(["--runasroot"] if os.getuid() == 0 else [])]
    with started(argv, directory, "inspircd") as server:
        wait_until(lambda: listens(port), "InspIRCd's start")
        yield Irc(server.pid, port, followers)


def program() -> str | None:
    """Return where InspIRCd is installed, or None."""
    return shutil.which("inspircd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _read_until(connection: socket.socket, sign: bytes) -> None:
    received = b""
    while sign not in received:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError(f"InspIRCd hung up: {received[-200:]!r}")
        received += chunk
