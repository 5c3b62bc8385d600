"""Ports: which code opens them, how many connections a turn accepts, and what the kernel keeps for each."""

from __future__ import annotations

import ast
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory

from chatnet.addresses import Address
from chatnet.net.listen import (
    ACCEPTED,
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
    assert opening == {"master/port.py": 1, "worker/service.py": 1}, "each asks once, right after opening"


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


def test_a_real_port_limits_what_the_kernel_keeps() -> None:
    """Accepted connections inherit the send buffer of the listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        limit_send_buffer(SimpleNamespace(socket=listening), SEND_BUFFER)
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                kept = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert kept == 2 * SEND_BUFFER  # the kernel doubles it for its own bookkeeping
