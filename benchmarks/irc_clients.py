"""Many clients of IRC in one process: each line that comes is given to what is measured."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.irc_feed import IrcServer
from benchmarks.processes import TooSlow

CHUNK = 1 << 18
WELCOME_ENDS = (b"376", b"422")
"""The end of the message of the day, or that there is none: all servers say it behind their welcome."""
LOGIN_FAILED = (b"432", b"433", b"462", b"464", b"465", b"904", b"ERROR")


@dataclass(eq=False, slots=True)
class Client:
    """One connection. ``dialed`` and ``welcomed``: when it was begun, and when its welcome had come; 0 before
    that."""

    nick: str
    socket: socket.socket
    dialed: float
    welcomed: float = 0.0
    is_connected: bool = False
    rest: bytes = b""

    def say(self, *lines: str) -> None:
        """Send lines."""
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())


class Clients:
    """The connections to one server, each of another nick. What is done with them is in subclasses."""

    def __init__(self, server: IrcServer, capabilities: str = "") -> None:
        self.server = server
        self._capabilities = capabilities
        self._epoll = select.epoll()
        self._by_line: dict[int, Client] = {}
        self._also: dict[int, Callable[[], object]] = {}

    # ---- what subclasses do ----

    def welcomed(self, client: Client) -> None:
        """A client has been welcomed."""

    def heard(self, client: Client, words: list[bytes], tags: bytes, now: float) -> None:
        """A client that was welcomed is told something: by whom, the command, and the rest of the line."""

    def asked(self, client: Client) -> None:
        """A client was asked whether it has what came before, and has said so."""

    def lost(self, client: Client) -> None:
        """The server has ended a connection.

        :raises TooSlow: unless that is what is measured.
        """
        raise TooSlow(f"{self.server.name} hung up on {client.nick}: {client.rest[-200:]!r}")

    # ---- connections ----

    def dial(self, nick: str) -> Client:
        """Begin a connection, which logs in."""
        line = socket.socket()
        line.setblocking(False)
        line.connect_ex((self.server.host, self.server.port))
        client = Client(nick, line, time.monotonic())
        self._by_line[line.fileno()] = client
        self._epoll.register(line.fileno(), select.EPOLLOUT)
        return client

    def log_in(self, nicks: Sequence[str], seconds: float = 60.0) -> list[Client]:
        """Log all of these in, some at once."""
        found: list[Client] = []
        for at in range(0, len(nicks), self.server.at_once):
            fresh = [self.dial(nick) for nick in nicks[at : at + self.server.at_once]]
            self.until(lambda fresh=fresh: all(one.welcomed for one in fresh), "the login", seconds)  # type: ignore[misc]
            found += fresh
        return found

    def watch(self, descriptor: int, ready: Callable[[], object]) -> None:
        """Call ``ready`` whenever something can be read there, too."""
        self._also[descriptor] = ready
        self._epoll.register(descriptor, select.EPOLLIN)

    def drop(self, client: Client) -> None:
        """End a connection."""
        if self._by_line.pop(client.socket.fileno(), None) is not None:
            client.socket.close()

    def close(self) -> None:
        """End all connections."""
        for client in list(self._by_line.values()):
            self.drop(client)
        self._epoll.close()

    # ---- turns ----

    def until(self, happened: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Go on until it happened.

        :raises TooSlow: it did not happen in time.
        """
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                raise TooSlow(f"{what} at {self.server.name} did not happen in {seconds:g} s")
            self.turn(0.05)

    def rest(self, seconds: float) -> None:
        """Go on for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.turn(left)

    def turn(self, wait: float) -> None:
        """Read what has come, or wait for it."""
        for descriptor, _ in self._epoll.poll(max(wait, 0.0), 512):
            client = self._by_line.get(descriptor)
            if client is not None:
                self._go_on(client)
            elif descriptor in self._also:
                self._also[descriptor]()

    def _go_on(self, client: Client) -> None:
        try:
            if not client.is_connected:
                self._connected(client)
                return
            came = client.socket.recv(CHUNK)
        except OSError:
            came = b""
        if came:
            self.came(client, came, time.monotonic())
        else:
            self.drop(client)
            self.lost(client)

    def _connected(self, client: Client) -> None:
        if why := client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(why)
        self._epoll.modify(client.socket.fileno(), select.EPOLLIN)
        client.is_connected = True
        client.socket.sendall(self.server.hello(client.nick, self._capabilities))

    def came(self, client: Client, came: bytes, now: float) -> None:
        """Take what has come on a connection."""
        *lines, client.rest = (client.rest + came).split(b"\r\n")
        for line in lines:
            tags, text = b"", line
            if line[:1] == b"@":
                tags, _, text = line.partition(b" ")
            words = text.split(b" ", 2)
            if words[0] == b"PING":
                client.socket.sendall(b"PONG" + text[4:] + b"\r\n")
                self.asked(client)
            elif len(words) > 1 and words[1] == b"PING":
                client.socket.sendall(b"PONG " + b" ".join(words[2:]) + b"\r\n")
            elif client.welcomed:
                self.heard(client, words, tags, now)
            elif words[1] in WELCOME_ENDS:
                client.welcomed = now
                self.welcomed(client)
            elif words[1] in LOGIN_FAILED or words[0] in LOGIN_FAILED:
                raise TooSlow(f"{self.server.name} does not let {client.nick} in: {line!r}")
