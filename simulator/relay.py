"""A hostile host between two others: whoever dials one of them reaches it, and through it the other end.

It has its own key, speaks TLS to both ends, passes on what they say, and reads it. Nobody may tell it what
only the other end should know: no client may send a word to it instead of a worker, and no process of the
cluster may accept a proof that went through it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import MASTER_PORT, Address
from chatnet.auth import TOKEN_BYTES, Token
from chatnet.net.first_byte import TLS
from chatnet.net.pair import self_made
from chatnet.net.tls import Encryption
from chatnet.wire.boxes import Boxes, Malformed
from chatnet.world import World

RELAY = "relay"
"""The program's name."""
PORT = 1
"""The port where diverted connections arrive."""


class Relay(Service):
    """Passes on what comes, until it is ended."""

    _logger = Logger()

    def __init__(self, arguments: Sequence[str], world: World) -> None:
        self._world = world
        self._reactor: Any = world.reactor
        presented = world.tls.presented(self_made(Token(world.entropy(TOKEN_BYTES))))
        self._near = Encryption(presented, False, Factory(), world.reactor)

    def startService(self) -> None:
        super().startService()
        self._reactor.listenTCP(PORT, _quiet(lambda: Arriving(self)))

    def wrap(self, protocol: Protocol) -> Any:
        """Return TLS around the dialling end, with a key that is not the cluster's."""
        return self._near.wrap(protocol)

    def dial(self, end: Near, address: Address, encrypted: bool) -> None:
        """Dial the end that ``end`` wanted to reach, in the same way."""
        far = _quiet(lambda: Far(end))
        factory = Encryption(self._world.tls.in_cluster(), True, far, self._reactor) if encrypted else far
        dialling: Deferred[Any] = TCP4ClientEndpoint(self._reactor, *address).connect(factory)
        dialling.addErrback(end.is_refused)

    def knows(self, what: str) -> None:
        """Fail the run: the relay has what it must not have."""
        self._logger.failure("A relay has power", Failure(AssertionError(what)))


class Arriving(Protocol):
    """A connection that may or may not be TLS."""

    transport: Any

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def dataReceived(self, data: bytes) -> None:
        is_encrypted = data[0] == TLS
        near = Near(self._relay, is_encrypted)
        protocol = self._relay.wrap(near) if is_encrypted else near
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)
        protocol.dataReceived(data)


class Near(Protocol):
    """The dialling end. Its own address is the one that was dialled."""

    transport: Any

    def __init__(self, relay: Relay, is_encrypted: bool) -> None:
        self._relay = relay
        self._is_encrypted = is_encrypted
        self._asked, self._answered = BoxReader(), BoxReader()
        self._proofs: set[bytes] = set()
        self._unsent: list[bytes] = []
        self._far: Any = None
        self._is_lost = False

    def connectionMade(self) -> None:
        here = self.transport.getHost()
        self._address = Address(here.host, here.port)
        self._relay.dial(self, self._address, self._is_encrypted)

    def dataReceived(self, data: bytes) -> None:
        if self._is_encrypted and self._address.port != MASTER_PORT:
            self._relay.knows(f"a client spoke to it, and not to the worker at {self._address}")
        for box in self._asked.boxes(data):
            if box.get(b"_command") == b"Prove":
                self._proofs.add(box.get(b"_ask", b""))
        self._unsent.append(data)
        self._pass_on()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._is_lost = True
        if self._far is not None:
            self._far.loseConnection()

    # ---- the far end ----

    def is_reached(self, far: Any) -> None:
        """Note that the far end is connected."""
        self._far = far
        if self._is_lost:
            far.loseConnection()
        self._pass_on()

    def is_refused(self, why: Failure) -> None:
        """Close: nobody is there."""
        why.trap(ConnectError)
        self.transport.abortConnection()

    def is_answered(self, data: bytes) -> None:
        """Pass on what the far end has sent."""
        for box in self._answered.boxes(data):
            if box.get(b"_answer") in self._proofs and self._is_encrypted:
                self._relay.knows(f"a proof was taken that went through it to {self._address}")
        if not self._is_lost:
            self.transport.write(data)

    def is_closed(self) -> None:
        """Close: the far end has closed."""
        if not self._is_lost:
            self.transport.loseConnection()

    def _pass_on(self) -> None:
        if self._far is not None and not self._is_lost:
            unsent, self._unsent = self._unsent, []
            for data in unsent:
                self._far.write(data)


class Far(Protocol):
    """The far end, which the dialling end wanted to reach."""

    transport: Any

    def __init__(self, near: Near) -> None:
        self._near = near

    def connectionMade(self) -> None:
        self._near.is_reached(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._near.is_answered(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._near.is_closed()


class BoxReader:
    """Reads the boxes of one direction, until something else than AMP is spoken."""

    def __init__(self) -> None:
        self._boxes: Boxes | None = Boxes()

    def boxes(self, data: bytes) -> list[dict[bytes, bytes]]:
        """Return the boxes that ``data`` completes."""
        try:
            return [] if self._boxes is None else list(self._boxes.feed(data))
        except Malformed:
            self._boxes = None
            return []


def _quiet(make: Callable[[], Protocol]) -> Factory:
    factory: Factory = Factory.forProtocol(make)
    factory.noisy = False
    return factory
