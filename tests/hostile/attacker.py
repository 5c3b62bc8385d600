"""Tools of a hostile client: blocking connections, boxes made by hand, and floods of both."""

from __future__ import annotations

import os
import resource
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from chatnet.wire.boxes import Boxes
from chatnet.wire.common import VERSION

PATIENCE_SECONDS = 10.0
"""How long to wait for an answer."""

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def box(**values: bytes | str | int) -> bytes:
    """Return a box of these keys and values. A key ``command`` or ``ask…`` is given AMP's underscore."""
    parts = []
    for key, value in values.items():
        name = f"_{key}" if key in ("command", "ask") else key
        data = value if isinstance(value, bytes) else str(value).encode()
        parts += [struct.pack(">H", len(name)), name.encode(), struct.pack(">H", len(data)), data]
    return b"".join(parts) + b"\0\0"


class Line:
    """A connection to a port of this machine. It closes when it is collected, or by :meth:`close`."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._boxes = Boxes()
        self._heard: list[Mapping[bytes, bytes]] = []
        self._asked = 0

    def say(self, data: bytes) -> bool:
        """Send ``data``; return False if the other end has closed."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def ask(self, command: str, **values: bytes | str | int) -> Mapping[bytes, bytes]:
        """Send a command and return the answer, or the error; return an empty box if the other end closed."""
        self._asked += 1
        ask = str(self._asked).encode()
        if not self.say(box(command=command, ask=ask, **values)):
            return {}
        while True:
            for heard in self._hear():
                if ask in (heard.get(b"_answer"), heard.get(b"_error")):
                    return heard
            if not self._more():
                return {}

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def __del__(self) -> None:
        with suppress(AttributeError):  # it was not even connected
            self.close()

    def _hear(self) -> list[Mapping[bytes, bytes]]:
        heard, self._heard = self._heard, []
        return heard

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except OSError:
            return False
        self._heard += self._boxes.feed(data)
        return bool(data)


class Mallory:
    """A user with bad intentions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.secret = os.urandom(32)
        self._ticket = b""

    def log_in(self, port: int) -> Line:
        """Return a connection that is logged in at the worker at ``port``."""
        line = Line(port)
        if self._ticket:
            line.ask("Resume", version=VERSION, ticket=self._ticket)
        else:
            answer = line.ask("Login", version=VERSION, name=self.name, secret=self.secret, new=1)
            self._ticket = answer[b"ticket"]
        return line


def lasting(seconds: float) -> Iterator[int]:
    """Count from 0 until ``seconds`` have passed."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        yield count
        count += 1


@contextmanager
def closing(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield ``lines``, and close them at the end of the block."""
    kept = list(lines)
    try:
        yield kept
    finally:
        for line in kept:
            line.close()


def flood(lines: Iterable[Line], data: bytes, seconds: float, reads: bool = True) -> None:
    """Send ``data`` on all ``lines`` as fast as they take it, for ``seconds``; drop what they answer."""
    with selectors.DefaultSelector() as ready, closing(lines) as kept:
        events = selectors.EVENT_WRITE | (selectors.EVENT_READ if reads else 0)
        left = dict.fromkeys(kept, b"")
        for line in kept:
            line.socket.setblocking(False)
            ready.register(line.socket, events, line)
        for _ in lasting(seconds):
            for key, event in ready.select(0.1):
                line = key.data
                try:
                    if event & selectors.EVENT_READ and not line.socket.recv(65536):
                        raise ConnectionResetError
                    if event & selectors.EVENT_WRITE:
                        rest = left[line] or data
                        left[line] = rest[line.socket.send(rest) :]
                except BlockingIOError:
                    continue
                except OSError:
                    ready.unregister(line.socket)


def again(do: Callable[[int], object], seconds: float) -> int:
    """Call ``do`` for ``seconds`` and return how often. Errors of closed connections are ignored."""
    count = 0
    for count in lasting(seconds):
        with suppress(OSError):
            do(count)
    return count
