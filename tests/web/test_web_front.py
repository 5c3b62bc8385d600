"""The web as one protocol of a worker's port: beside AMP, with TLS and without."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_security import FarLoopback
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from web.browser import PAGE, request
from web.raw_frames import TEXT, frame
from worker.conftest import Worker

from chatnet.net.security import Security
from chatnet.testing.loopback import Loopback
from chatnet.worker.front import Shared
from chatnet.worker.frontend import Frontend
from chatnet.worker.fronts.amp import Amp
from chatnet.worker.fronts.web.front import Web
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.worker.port import Clients
from chatnet.world import Clocks
from chatnet.world.real import real_world


class Ears(Protocol):
    """A client that keeps what came."""

    def __init__(self) -> None:
        self.came = b""
        self.is_open = True

    def dataReceived(self, data: bytes) -> None:
        self.came += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_open = False


def port(worker: Worker, insecure: bool = False) -> Any:
    """Return the port of a worker that speaks AMP and HTTP."""
    clocks = Clocks(worker.clock, worker.clock.seconds, worker.clock.seconds)
    settings = WebSettings(clocks, worker.entropy, PAGE)
    shared = Shared(worker.outboxes, worker.pulse, worker.visitors, worker.others)
    clients = Clients([Amp, partial(Web, settings=settings)], shared)
    clients.frontend = cast(Frontend, SimpleNamespace(is_open=True, entrance=worker.entrance))
    world = replace(real_world(), reactor=worker.clock)
    return clients.port(Security(None, worker.token, insecure, world))


def settle(worker: Worker, wire: Any) -> None:
    worker.clock.advance(0)
    while wire.pump():
        worker.clock.advance(0)
    worker.clock.advance(0)
    while wire.pump():
        worker.clock.advance(0)


@pytest.fixture
def worker() -> Worker:
    return Worker()


def test_one_port_speaks_both(worker: Worker) -> None:
    """The first byte tells which."""
    at = port(worker)
    ears = Ears()
    wire = Loopback(ears, at.buildProtocol(None))
    ears.transport.write(request("GET", "/healthz"))  # type: ignore[union-attr]
    settle(worker, wire)
    assert ears.came.startswith(b"HTTP/1.1 200 ")
    assert worker.visitors.strangers == 1
    assert len(worker.pulse) == 1
    wire.cut()
    assert worker.visitors.strangers == 0


def test_by_tls_it_is_https(worker: Worker) -> None:
    """So cookies are those of TLS, and an Origin is one of TLS; and a socket is spoken within it."""
    at = port(worker)
    ears = Ears()
    mine = Factory.forProtocol(lambda: ears)
    options = CertificateOptions(acceptableProtocols=[b"h2", b"http/1.1"])  # as browsers offer them
    client = TLSMemoryBIOFactory(options, True, mine, clock=worker.clock).buildProtocol(None)
    wire = Loopback(client, at.buildProtocol(None))
    origin = {"origin": "https://localhost:8080"}
    body = {"name": "alice", "secret": "c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M", "new": True}
    ears.transport.write(request("POST", "/api/v1/session", body, origin))  # type: ignore[union-attr]
    settle(worker, wire)
    head, _, _ = ears.came.partition(b"\r\n\r\n")
    cookies = [line.split(b";")[0] for line in head.split(b"\r\n") if line.startswith(b"Set-Cookie: ")]
    assert head.startswith(b"HTTP/1.1 201 ")
    assert all(line.startswith(b"Set-Cookie: __Host-chatnet-memory") for line in cookies)
    ears.came = b""
    upgrade = {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "cookie": cookies[0].decode().removeprefix("Set-Cookie: "),
    }
    hello = frame(TEXT, b'{"t":"hello","v":1}')
    ears.transport.write(request("GET", "/ws", None, upgrade | origin) + hello)  # type: ignore[union-attr]
    settle(worker, wire)
    assert ears.came.startswith(b"HTTP/1.1 101 ")
    assert b'"user":"alice"' in ears.came
    [session] = [one for one in worker.sessions.open if one.cursor is not None]
    session.peer.hang_up()
    settle(worker, wire)
    worker.clock.advance(1.1)
    settle(worker, wire)
    assert not ears.is_open


def test_from_another_machine_one_speaks_tls(worker: Worker) -> None:
    """Else there is no answer at this port, to which no browser is sent; the page's own port has one."""
    ears = Ears()
    wire = FarLoopback(ears, port(worker).buildProtocol(None))
    ears.transport.write(request("GET", "/"))  # type: ignore[union-attr]
    settle(worker, wire)
    assert not ears.came
    assert not ears.is_open
