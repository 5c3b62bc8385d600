"""A process that is flooded is busy but does not hang: nobody takes it for dead, and it serves others."""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from twisted.protocols.amp import AmpBox

from rigs.beside import Beside

FLOOD_SECONDS = 5.0
CONNECTIONS = 150
CHUNK = 64 * 1024
HANDSHAKES = 10_000


def boxes(*commands: AmpBox) -> bytes:
    """Return a chunk that repeats ``commands``, in whole boxes."""
    once = b"".join(command.serialize() for command in commands)
    return once * (CHUNK // len(once))


STRANGERS = boxes(AmpBox(_command=b"Locate", version=b"1"), AmpBox(_command=b"Ping"))
USERS = boxes(
    AmpBox(_command=b"Unchat"),
    AmpBox(_command=b"Nonsense"),
    AmpBox(_command=b"Post", key=b"k" * 16, text=b""),
    AmpBox(_command=b"Join", key=b"short", room=b"#x"),
)
"""Commands that want no answer: refused or done, they cost the worker the same."""


@contextmanager
def connected(ports: Iterable[int]) -> Iterator[list[socket.socket]]:
    """Yield a connection to each of ``ports``; close them at the end."""
    with ExitStack() as open_ones:
        yield [
            open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            for port in ports
        ]


def log_in(connection: socket.socket, name: bytes) -> None:
    """Log in as ``name`` on ``connection``."""
    login = AmpBox(_command=b"Login", _ask=b"1", version=b"1", name=name, secret=b"s" * 32, new=b"1")
    connection.sendall(login.serialize())
    heard = b""
    while b"_answer" not in heard:  # a Ping may come first
        chunk = connection.recv(4096)
        assert chunk, heard
        heard += chunk
        assert b"_error" not in heard, heard


def flood(connections: list[socket.socket], chunk: bytes) -> int:
    """Send as much as the other end takes, on each, while a flood lasts; return the number of bytes."""
    sent, end = 0, time.monotonic() + FLOOD_SECONDS
    at = dict.fromkeys(connections, 0)
    with selectors.DefaultSelector() as writable:
        for connection in connections:
            connection.setblocking(False)
            writable.register(connection, selectors.EVENT_WRITE)
        while (left := end - time.monotonic()) > 0:
            for key, _ in writable.select(left):
                taker = key.fileobj
                assert isinstance(taker, socket.socket)
                done = taker.send(memoryview(chunk)[at[taker] :])
                at[taker] = (at[taker] + done) % len(chunk)
                sent += done
    return sent


@pytest.mark.parametrize("beside", ["sqlite"], indirect=True)
def test_strangers_that_want_no_answer_do_not_hang_the_primary(beside: Beside) -> None:
    """The primary obeys the flood in turns, so commands and logins of others are served meanwhile."""
    with beside.attacked("a flood at the primary"), connected([beside.master] * CONNECTIONS) as strangers:
        assert flood(strangers, STRANGERS) > len(strangers) * CHUNK


@pytest.mark.parametrize("beside", ["sqlite"], indirect=True)
def test_users_that_want_no_answer_do_not_hang_a_worker(beside: Beside) -> None:
    """A flood of refused commands does not stop a worker: it serves its other users meanwhile."""
    ports = [beside.workers()[0]] * CONNECTIONS
    with beside.attacked("a flood at a worker"), connected(ports) as users:
        for number, connection in enumerate(users):
            log_in(connection, b"flooder-%d" % (number % 3))
        assert flood(users, USERS) > len(users) * CHUNK


def hello() -> bytes:
    """Return the first bytes of a TLS handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("beside", ["sqlite"], indirect=True)
def test_handshakes_that_are_begun_and_left_hang_nobody(beside: Beside) -> None:
    """A begun handshake costs us as much as fifty posts, a stranger nothing: few are begun in a turn."""
    first, ports = hello(), (beside.master, beside.workers()[0])
    left: deque[socket.socket] = deque()
    with ExitStack() as open_ones, beside.attacked("handshakes at the primary and a worker"):
        open_ones.callback(close_all, left)
        for number in range(HANDSHAKES):
            stranger = socket.create_connection(("127.0.0.1", ports[number % 2]), timeout=20)
            left.append(stranger)
            with suppress(OSError):  # the server closed: there were too many
                stranger.sendall(first)
            if len(left) > CONNECTIONS:
                left.popleft().close()


def close_all(connections: Iterable[socket.socket]) -> None:
    """Close all of ``connections``."""
    for connection in connections:
        connection.close()
