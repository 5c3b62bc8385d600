"""A server that speaks IRC, any one, as a contender in the fan-out: a channel with one speaker."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.cluster import GROUP, encrypt
from benchmarks.wire import TEXT

TAGS = "message-tags server-time account-tag"
"""The capabilities of a follower that gets all tags."""


@dataclass(frozen=True)
class IrcServer:
    """Where a server is, and the processes whose time counts. ``password``: that of a nick, if it wants
    one; ``at_once``: how many may come together, for whom it has room until it takes them."""

    name: str
    pids: tuple[int, ...]
    port: int
    host: str = "127.0.0.1"
    password: Callable[[str], str] | None = None
    at_once: int = GROUP

    def hello(self, nick: str, capabilities: str) -> bytes:
        """Return what a client says first."""
        return "".join(
            [
                f"CAP REQ :{capabilities}\r\n" if capabilities else "",
                f"PASS {self.password(nick)}\r\n" if self.password else "",
                f"NICK {nick}\r\nUSER {nick} 0 * :bench\r\n",
                "CAP END\r\n" if capabilities else "",
            ]
        ).encode()


class IrcFeed:
    """The followers of a server in one channel, and who speaks there: a
    :class:`~benchmarks.crowd.Contender`. Their nicks begin with ``nick``, and the channel is called so."""

    def __init__(
        self, server: IrcServer, followers: int, nick: str = "bench", capabilities: str = ""
    ) -> None:
        self.name = server.name
        self.pids = server.pids
        self._channel = f"#{nick}"
        nicks = [f"{nick}{number}" for number in range(followers + 1)]
        everybody = log_in(server, nicks, capabilities, join=[self._channel] * len(nicks))
        self.poster, *self.followers = everybody

    def posts(self, count: int) -> bytes:
        return f"PRIVMSG {self._channel} :{TEXT}\r\n".encode() * count

    def read(self, stream: bytes) -> list[str]:
        lines = stream.decode().splitlines()
        return [line.partition(f" PRIVMSG {self._channel} :")[2] for line in lines if " PRIVMSG " in line]

    def heartbeat(self) -> None:
        """Send a sign of life, which is never answered."""
        for connection in [*self.followers, self.poster]:
            connection.sendall(b"PONG bench\r\n")


def log_in(
    server: IrcServer,
    nicks: Sequence[str],
    capabilities: str = "",
    encrypted: bool = False,
    join: Sequence[str] = (),
) -> list[socket.socket]:
    """Log these in, each on their own connection; let each ``join`` what is named for them."""
    connections: list[socket.socket] = []
    for at in range(0, len(nicks), server.at_once):
        group = nicks[at : at + server.at_once]
        fresh = [socket.create_connection((server.host, server.port), timeout=30) for _ in group]
        if encrypted:
            fresh = list(map(encrypt, fresh))
        hellos = [server.hello(one, capabilities) for one in group]
        _exchange(fresh, hellos, b" 001 ")  # InspIRCd accepts, once a second, all who wait
        if join:
            _exchange(fresh, [f"JOIN {one}\r\n".encode() for one in join[at : at + len(group)]], b" 366 ")
        connections += fresh
    return connections


def _exchange(connections: Sequence[socket.socket], said: Sequence[bytes], sign: bytes) -> None:
    for connection, lines in zip(connections, said, strict=True):
        connection.sendall(lines)
    for connection in connections:
        _read_until(connection, sign)


def _read_until(connection: socket.socket, sign: bytes) -> None:
    received = b""
    while sign not in received:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError(f"the server hung up: {received[-200:]!r}")
        received += chunk
