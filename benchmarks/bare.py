"""A bare fan-out: Twisted, one line in, ``transport.write`` to everybody else. No log, no durability.

``python -m benchmarks.bare PORT`` is the server.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver

from benchmarks.processes import listens, started, wait_until
from benchmarks.wire import TEXT
from rigs.processes import free_port


class Shouter(LineOnlyReceiver):
    """Sends every line it receives to everybody else."""

    delimiter = b"\n"
    transport: Any
    everybody: dict[Shouter, None] = {}

    def connectionMade(self) -> None:
        self.everybody[self] = None

    def connectionLost(self, reason: object = None) -> None:
        del self.everybody[self]

    def lineReceived(self, line: bytes) -> None:
        frame = line + b"\n"
        for listener in self.everybody:
            if listener is not self:
                listener.transport.write(frame)


class Bare:
    """The bare server, with its followers connected."""

    name = "bare Twisted"

    def __init__(self, pid: int, port: int, followers: int) -> None:
        self.pids: tuple[int, ...] = (pid,)
        self.followers = [socket.create_connection(("127.0.0.1", port)) for _ in range(followers)]
        self.poster = socket.create_connection(("127.0.0.1", port))

    def posts(self, count: int) -> bytes:
        return (TEXT.encode() + b"\n") * count

    def read(self, stream: bytes) -> list[str]:
        return stream.decode().splitlines()

    def heartbeat(self) -> None:
        """Do nothing: it needs no heartbeat."""


@contextlib.contextmanager
def serving(directory: Path, followers: int) -> Iterator[Bare]:
    """Run the server for the length of the ``with``."""
    port = free_port()
    with started([sys.executable, "-m", "benchmarks.bare", str(port)], directory, "bare") as server:
        wait_until(lambda: listens(port), "the bare server's start")
        yield Bare(server.pid, port, followers)


def main(port: int) -> None:
    """Serve until killed."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    reactor.listenTCP(port, Factory.forProtocol(Shouter), backlog=1024, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
