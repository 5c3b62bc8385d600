"""Two protocols connected in memory: bytes travel when :meth:`Loopback.pump` says so.

Each end has a transport with the back-pressure of a real one: a registered streaming producer is paused at
each write after which more than 64 KB wait, and an end that does not read leaves its peer's bytes waiting.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport
from twisted.python.failure import Failure
from zope.interface import implementer

FULL = 64 * 1024
"""Bytes that may wait before the producer is paused."""


@implementer(ITCPTransport, IConsumer, IPushProducer)
class LoopbackTransport:
    """One end's transport."""

    bufferSize = FULL

    def __init__(self, host: IPv4Address, peer: IPv4Address) -> None:
        self._host, self._peer = host, peer
        self.waiting = bytearray()
        self.reading = True
        self.disconnecting = False
        self.lost: Failure | None = None
        self._producer: Any = None
        self._paused = False

    def write(self, data: bytes) -> None:
        """Queue ``data`` for the other end."""
        if self.lost is None and not self.disconnecting:
            self.waiting += data
            if self._producer is not None and len(self.waiting) > self.bufferSize:
                self._paused = True
                self._producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Queue all of ``data``."""
        self.write(b"".join(data))

    def take(self) -> bytes:
        """Return what waits, taken by the wire; the producer may go on."""
        data = bytes(self.waiting)
        self.waiting.clear()
        if self._paused:
            self._paused = False
            if self._producer is not None:
                self._producer.resumeProducing()
        return data

    def loseConnection(self) -> None:
        """Close once everything that waits was carried."""
        self.disconnecting = True

    def abortConnection(self) -> None:
        """Close now."""
        self.disconnecting = True
        self.waiting.clear()
        self.lost = Failure(ConnectionAborted())

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause ``producer`` while too much waits."""
        self._producer = producer

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._producer = None

    def pauseProducing(self) -> None:
        """Stop reading."""
        self.reading = False

    def resumeProducing(self) -> None:
        """Read again."""
        self.reading = True

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    def getHost(self) -> IPv4Address:
        """Return the address of this end."""
        return self._host

    def getPeer(self) -> IPv4Address:
        """Return the address of the other end."""
        return self._peer

    def loseWriteConnection(self) -> None:
        """Raise: chatnet does not use this."""
        raise NotImplementedError

    def getTcpNoDelay(self) -> bool:
        """Return true: nothing waits for more data."""
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do nothing."""

    def getTcpKeepAlive(self) -> bool:
        """Return false: links ping instead."""
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Do nothing."""


class Loopback:
    """A connection from ``client``, at ``host``, to ``server``, both protocols, already made."""

    def __init__(self, client: Any, server: Any, host: str = "127.0.0.1") -> None:
        here, there = IPv4Address("TCP", host, 40000), IPv4Address("TCP", "127.0.0.1", 64480)
        self.ends = [
            (client, LoopbackTransport(here, there)),
            (server, LoopbackTransport(there, here)),
        ]
        for protocol, transport in reversed(self.ends):
            protocol.makeConnection(transport)
        self._open = True

    @property
    def client_transport(self) -> LoopbackTransport:
        """The asking end's transport."""
        return self.ends[0][1]

    @property
    def server_transport(self) -> LoopbackTransport:
        """The answering end's transport."""
        return self.ends[1][1]

    def pump(self) -> bool:
        """Carry all waiting bytes, once in each direction; return False if nothing moved."""
        moved = False
        for (_, source), (receiver, target) in (self.ends, reversed(self.ends)):
            if self._open and source.waiting and target.reading and target.lost is None:
                receiver.dataReceived(source.take())
                moved = True
        if self._open and any(end.lost or (end.disconnecting and not end.waiting) for _, end in self.ends):
            self.cut()
            moved = True
        return moved

    def cut(self) -> None:
        """Lose the connection: both ends hear of it, and waiting bytes are gone."""
        if not self._open:
            return
        self._open = False
        for protocol, transport in self.ends:
            reason = transport.lost or Failure(ConnectionDone())
            transport.lost = reason
            protocol.connectionLost(reason)
