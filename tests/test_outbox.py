"""The outbox keeps the order and loses nothing, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as real_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection

from chatnet.net.outbox import CLOSE_SECONDS, Outbox, Outboxes

reactor: Any = real_reactor


class Receiver(Protocol):
    """Counts what comes, and tells when it has enough."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.closed: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.closed.callback(bytes(self.received))


class Connected:
    """A sender's transport, connected over loopback to a receiver."""

    def __init__(self) -> None:
        self.receiver = Receiver()
        self.sender = Protocol()
        self.ready: Deferred[None] = Deferred()
        server = Factory.forProtocol(lambda: self.receiver)
        server.noisy = False
        self.port = reactor.listenTCP(0, server, interface="127.0.0.1")
        self.sender.connectionMade = lambda: self.ready.callback(None)  # type: ignore[method-assign]
        client = ClientFactory.forProtocol(lambda: self.sender)
        client.noisy = False
        reactor.connectTCP("127.0.0.1", self.port.getHost().port, client)


@pytest.fixture
def connected() -> Iterator[Connected]:
    pair = Connected()
    pytest_twisted.blockon(pair.ready)
    yield pair
    pytest_twisted.blockon(pair.port.stopListening())


@pytest_twisted.ensureDeferred
async def test_everything_arrives_in_order_through_a_full_socket(connected: Connected) -> None:
    """Direct sends, partial sends and the transport's own buffer make one stream."""
    transport: Any = connected.sender.transport
    assert isinstance(transport, Connection)
    transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    outboxes = Outboxes(reactor)
    outbox = Outbox(transport, outboxes)
    expected = bytearray()
    for number in range(2000):
        chunk = b"%06d" % number * (number % 70 + 1)
        expected += chunk
        outbox.put(chunk)
        if number % 3 == 0:
            outboxes.flush()
    outboxes.flush()
    transport.loseConnection()
    assert await connected.receiver.closed == bytes(expected)


@pytest_twisted.ensureDeferred
async def test_what_is_put_in_one_turn_is_sent_once(connected: Connected) -> None:
    """Many messages of a turn cost one system call."""
    transport: Any = connected.sender.transport
    sent: list[bytes] = []
    real = transport.socket

    class Counting:
        def send(self, data: bytes) -> int:
            sent.append(data)
            return real.send(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    transport.socket = Counting()
    outboxes = Outboxes(reactor)
    outbox = Outbox(transport, outboxes)
    for word in (b"a", b"b", b"c"):
        outbox.put(word)
    turn: Deferred[None] = Deferred()
    reactor.callLater(0, turn.callback, None)
    await turn
    assert sent == [b"abc"]
    transport.socket = real
    transport.loseConnection()
    assert await connected.receiver.closed == b"abc"


@pytest_twisted.ensureDeferred
async def test_a_lost_connection_swallows_quietly(connected: Connected) -> None:
    """Messages to a lost connection do no harm."""
    transport: Any = connected.sender.transport
    outboxes = Outboxes(reactor)
    outbox = Outbox(transport, outboxes)
    transport.abortConnection()
    outbox.put(b"x")
    outboxes.flush()
    await connected.receiver.closed


@pytest_twisted.ensureDeferred
async def test_who_does_not_read_is_cut_off_after_the_close(connected: Connected) -> None:
    """A closing transport waits until the kernel takes the rest, which may never be; the outbox does not."""
    transport: Any = connected.sender.transport
    connected.receiver.transport.pauseProducing()  # type: ignore[union-attr]
    clock, lost = Clock(), Deferred[None]()
    outbox = Outbox(transport, Outboxes(clock))

    def gone(reason: Any) -> None:
        outbox.lost()
        lost.callback(None)

    connected.sender.connectionLost = gone  # type: ignore[method-assign, assignment]
    transport.registerProducer(Pausing(), True)
    outbox.put(b"x" * 30_000_000)
    outbox.close()
    clock.advance(CLOSE_SECONDS - 1)
    outbox.close()
    assert transport.connected
    clock.advance(1)
    await lost
    connected.receiver.transport.resumeProducing()  # type: ignore[union-attr]
    await connected.receiver.closed
    assert not clock.getDelayedCalls()


class Pausing:
    """A producer that has nothing to produce."""

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def stopProducing(self) -> None: ...
