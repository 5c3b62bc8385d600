"""Ports: which code opens them, how many connections a turn accepts, and what the kernel keeps for each."""

from __future__ import annotations

import ast
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from chatnet.addresses import Address
from chatnet.net.listen import (
    ACCEPTED,
    MOST_GONE,
    accept_in_turns,
    address_of,
    is_taken,
    limit_send_buffer,
    listen,
    why_not_had,
)
from chatnet.worker.port import SEND_BUFFER

PACKAGE = Path(__file__).parents[1] / "chatnet"
DOORS = {"net/dial.py", "net/listen.py"}
OPENING = {"connectTCP", "listenTCP", "connectSSL", "listenSSL", "adoptStreamPort", "adoptStreamConnection"}
"""Methods of a reactor that open something."""
FOREIGN = ("twisted.internet.endpoints", "twisted.application.internet")
"""Modules that open something out of our sight."""


@pytest_twisted.ensureDeferred
async def test_the_address_of_a_port_is_asked_while_it_is_open() -> None:
    """A closed port raises, so its number must be kept; only one place may ask a port."""
    port = listen(reactor, Address("127.0.0.1", 0), Factory())
    assert address_of(port).port > 0
    await maybeDeferred(port.stopListening)
    with pytest.raises(AttributeError):
        address_of(port)
    asking = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\b_?(port|listening)\.getHost\(", path.read_text())
    }
    assert asking == {"net/listen.py"}
    opening = {
        path.relative_to(PACKAGE).as_posix(): path.read_text().count("address_of(")
        for path in PACKAGE.rglob("*.py")
        if path.name != "listen.py" and "import address_of" in path.read_text()
    }
    assert opening == {"master/port.py": 1, "worker/ports.py": 1}, "each asks once, right after opening"


def opens(tree: ast.AST) -> Iterator[str]:
    """Yield what opens connections or ports in a module."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value, attr) if attr in OPENING and ast.unparse(value) != "super()":
                yield attr
            case ast.ImportFrom(module=module) if module in FOREIGN:
                yield str(module)
            case ast.ImportFrom(module="twisted.internet" | "twisted.application", names=names):
                yield from (name.name for name in names if name.name in ("endpoints", "internet"))
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name in FOREIGN)
            case ast.Constant(value=str(text)) if text in OPENING:
                yield text  # as an argument of getattr


def test_connections_and_ports_are_opened_in_one_place_each() -> None:
    """So what holds for all of them, for example TLS, is written once."""
    found = {
        str(path.relative_to(PACKAGE)): sorted(opens(ast.parse(path.read_text())))
        for path in PACKAGE.rglob("*.py")
    }
    assert found["net/dial.py"], "the scan is blind"
    assert found["net/listen.py"], "the scan is blind"
    assert {path: what for path, what in found.items() if what and path not in DOORS} == {}


@pytest.mark.parametrize(
    ("error", "why", "taken"),
    [
        (OSError(98, "Address already in use"), "Address already in use", True),
        (OSError(99, "Cannot assign requested address"), "Cannot assign requested address", False),
        ("no such host", "no such host", False),
    ],
)
def test_why_a_port_cannot_be_had_is_the_systems_word(error: object, why: str, taken: bool) -> None:
    """The advice depends on whether another program has the port."""
    refusal = CannotListenError("", 1, error)
    assert (why_not_had(refusal), is_taken(refusal)) == (why, taken)


class Backlog:
    """A port at which many wait to be accepted; it counts them in each turn."""

    def __init__(self) -> None:
        self.numberAccepts = 100
        self.accepted: list[int] = []

    def doRead(self) -> None:
        self.accepted.append(self.numberAccepts)
        self.numberAccepts += 20  # as Twisted does if there were as many


def test_who_comes_is_accepted_in_turns() -> None:
    """However many wait, a reactor turn accepts a few."""
    port = Backlog()
    accept_in_turns(port)
    for _ in range(3):
        port.doRead()
    assert port.accepted == [ACCEPTED] * 3


class Accepting:
    """A port that accepts as Twisted's does, and closes what it accepts."""

    def __init__(self, listening: socket.socket) -> None:
        self.socket = listening
        self.numberAccepts = 100
        self._accepted = 0

    def doRead(self) -> None:
        with suppress(BlockingIOError):
            for _ in range(self.numberAccepts):
                connection, _ = self.socket.accept()
                connection.close()
                self._accepted += 1
        self.numberAccepts = 100

    def turn(self) -> int:
        """Return how many are accepted in a turn."""
        before = self._accepted
        self.doRead()
        return self._accepted - before


class Made(Factory):
    """Notes the ports from which connections came that were accepted."""

    noisy = False

    def __init__(self) -> None:
        self.from_ports: list[int] = []

    def buildProtocol(self, addr: Any) -> Protocol:
        self.from_ports.append(addr.port)
        return Protocol()


@pytest_twisted.ensureDeferred
async def test_who_has_hung_up_in_a_crowd_is_not_looked_at() -> None:
    """Who waits too long hangs up, and comes again: they must not make those behind them wait as long."""
    port: Any = listen(reactor, Address("127.0.0.1", 0), made := Made())
    clients = [socket.create_connection(address_of(port)) for _ in range(5 * ACCEPTED)]
    gone, reset = clients[: 3 * ACCEPTED], clients[3 * ACCEPTED : 4 * ACCEPTED]
    for client in reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for client in gone + reset:
        client.send(b"a request")
        client.close()
    waiting = clients[4 * ACCEPTED :]
    for client in waiting:
        client.send(b"a request")
    while len(made.from_ports) < 2 * ACCEPTED:
        await deferLater(reactor, 0)
    ports = [client.getsockname()[1] for client in waiting]
    assert made.from_ports[ACCEPTED:] == ports  # the first few were accepted before one knew of a crowd
    for client in waiting:
        client.close()
    await maybeDeferred(port.stopListening)


@pytest_twisted.ensureDeferred
async def test_who_asks_and_says_no_more_is_answered_without_a_crowd() -> None:
    """Some clients close their half at once: that they have hung up is only supposed of those who wait."""
    port: Any = listen(reactor, Address("127.0.0.1", 0), made := Made())
    for number in range(2 * ACCEPTED):
        with socket.create_connection(address_of(port)) as client:
            client.shutdown(socket.SHUT_WR)
            while len(made.from_ports) == number:
                await deferLater(reactor, 0)
    await maybeDeferred(port.stopListening)


def test_a_turn_closes_only_some_who_have_hung_up() -> None:
    """A crowd that comes and goes must not keep the reactor."""
    with socket.create_server(("127.0.0.1", 0), backlog=4 * MOST_GONE) as listening:
        listening.setblocking(False)
        port = Accepting(listening)
        accept_in_turns(port)
        for _ in range(3 * MOST_GONE):
            socket.create_connection(listening.getsockname()).close()
        counts = [port.turn() for _ in range(3)]
        left = Accepting(listening).turn()
    assert counts == [ACCEPTED, 0, 0]
    assert left == 3 * MOST_GONE - ACCEPTED - 2 * MOST_GONE


def test_a_real_port_limits_what_the_kernel_keeps() -> None:
    """Accepted connections inherit the send buffer of the listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        limit_send_buffer(SimpleNamespace(socket=listening), SEND_BUFFER)
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                kept = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert kept == 2 * SEND_BUFFER  # the kernel doubles it for its own bookkeeping
