"""Which protocol a connection speaks, by its first byte: several protocols, and TLS, share one port.

::

    accepted ─▶ Arrival ── a protocol's byte ────────────────────────────▶ that protocol's own class
                    │
                    └────── TLS's byte ─▶ in turns: the handshake ─▶ Within ── a protocol's byte, as above

TLS within TLS is refused, and so is an unknown protocol. The first bytes are kept and given to the protocol,
which then owns the transport: nothing stays between them. Nobody registers a producer before that.

A handshake costs as much as some fifty posts (0.8 ms), and more with a long RSA key. So only some handshakes
begin in one turn of the reactor. A connection that does not finish in time is closed, and so is the oldest
of too many: the process may be busy, but must not hang. Only some are continued in one turn, too: the
expensive step comes when a greeting is complete, and a stranger chooses that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IOpenSSLServerConnectionCreator, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from chatnet.addresses import both_on_loopback, network
from chatnet.lanes import Rota
from chatnet.net.link import STRANGERS_READ
from chatnet.net.listen import has_hung_up
from chatnet.net.tls import Encrypted, Encryption
from chatnet.net.visitors import Visitors

AMP = 0x00
"""The first byte of each AMP box: the length of a key is two bytes, and at most 255."""
HTTP = frozenset(b"CDGHOPT")
"""The first letters of the methods of HTTP."""
TLS = 0x16
"""The first byte of a TLS handshake, in any version."""
A_TURN = 4
"""How many handshakes are begun, and how many are continued, in one turn of the reactor."""
A_TURN_SECONDS = 0.001
"""Seconds that this many may take together: one that takes longer than its share counts as several.

A turn begins one in any case: one or two with our own key, and one with a long RSA key, in 3 ms.
Short turns take nothing from handshakes when nothing else is to do, and a post waits for four or five turns.
"""
A_PART_SECONDS = A_TURN_SECONDS / A_TURN
GONE = 0.25
"""What it costs, in handshakes, to close a connection whose client has hung up while it waited."""
MOST_HANDSHAKE_BYTES = 16 * 1024
"""If a client has said more than this, and its handshake goes on, it is closed: that is a greeting, and
perhaps some certificates."""
MOST_WAITING, MOST_OF_ONE_ADDRESS = 1000, 10
"""How many may wait to begin; later ones are closed. There is no such limit for those that have begun."""


class _Line:
    """The connections that wait for one thing; addresses take turns.

    ``left`` is how many may still be served in this turn: none if it is 0 or less.
    """

    def __init__(self) -> None:
        self.left: float = A_TURN
        self.waiting: Rota[Arrival] = Rota()


class Handshakes:
    """Decides which connections shake hands, and when; shared by the ports of a process.

    Connections that have begun and those that have not wait in separate lines, and do not delay each other.
    """

    def __init__(self, clock: IReactorTime, most_waiting: int = MOST_WAITING) -> None:
        self._clock = clock
        self._most_waiting = most_waiting
        self._begun, self._new = _Line(), _Line()
        self._scheduled = False

    def ask(self, arrival: Arrival) -> None:
        """Let ``arrival`` begin or continue, now or soon; close it if too many wait already to begin."""
        line = self._begun if arrival.has_begun else self._new
        if line.left > 0 and not line.waiting:
            self._serve(line, arrival)
            return
        address = network(arrival.host)
        of_one = line.waiting.of(address)
        if line is self._new and (len(line.waiting) >= self._most_waiting or of_one >= MOST_OF_ONE_ADDRESS):
            arrival.abort()
            return
        arrival.transport.pauseProducing()
        line.waiting.put(address, arrival)

    def gone(self, arrival: Arrival) -> None:
        """Remove ``arrival`` from the waiting; harmless if it does not wait."""
        for line in (self._begun, self._new):
            if line.waiting:
                line.waiting.discard(network(arrival.host), arrival)

    def _serve(self, line: _Line, arrival: Arrival) -> None:
        self._schedule()
        begun = self._clock.seconds()
        arrival.shake_hands()
        line.left -= max(1, (self._clock.seconds() - begun) / A_PART_SECONDS)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self._next_turn)

    def _next_turn(self) -> None:
        self._scheduled = False
        for line in (self._begun, self._new):
            line.left = A_TURN
            while line.left > 0 and line.waiting:
                arrival = line.waiting.take()
                if arrival.has_hung_up:
                    self._schedule()
                    line.left -= GONE
                    arrival.abort()
                else:
                    arrival.transport.resumeProducing()
                    self._serve(line, arrival)


class FirstByte(Factory):
    """A port at which the first byte of a connection decides its protocol: see the module.

    ``spoken`` maps each first byte to a factory. ``plain``, if given, does the same for connections without
    TLS from other machines. ``presented`` is for connections by TLS; without it they are refused.
    ``visitors`` are the port's: an arrival is a stranger among them. While ``takes()`` is false, each new
    connection is closed.
    """

    noisy = False

    def __init__(
        self,
        spoken: Mapping[int, Factory],
        presented: IOpenSSLServerConnectionCreator | None,
        handshakes: Handshakes,
        visitors: Visitors,
        clock: IReactorTime,
        takes: Callable[[], bool] = lambda: True,
        plain: Mapping[int, Factory] | None = None,
    ) -> None:
        if TLS in spoken:
            raise ValueError("TLS is always spoken")
        self.spoken = spoken
        self.plain = spoken if plain is None else plain
        self.takes = takes
        self._arrivals: dict[Arrival, None] = {}
        self.handshakes = handshakes
        self.visitors = visitors
        self.clock = clock
        # The wrapped factory is never used: each connection brings its own protocol.
        self.tls = None if presented is None else Encryption(presented, False, Factory(), clock)

    def buildProtocol(self, addr: Any) -> Arrival | None:
        if not self.takes():
            return None
        arrival = Arrival(self, addr)
        self._arrivals[arrival] = None
        self.visitors.came(arrival, arrival.host)
        return arrival

    @property
    def undecided(self) -> int:
        """How many connections have an unknown protocol yet."""
        return len(self._arrivals)

    def decided(self, arrival: Arrival) -> float | None:
        """Note that the protocol is known, or ``arrival`` is gone. Returns as :meth:`Visitors.known`."""
        self._arrivals.pop(arrival, None)
        self.handshakes.gone(arrival)
        return self.visitors.known(arrival)

    def stopFactory(self) -> None:
        """The port is closed: close the connections whose protocol is not known yet."""
        for arrival in list(self._arrivals):
            arrival.abort()


class Undecided(Protocol):
    """A connection whose protocol is not known yet."""

    def __init__(self, spoken: Mapping[int, Factory], addr: Any) -> None:
        self._spoken = spoken
        self._addr = addr
        self._speaks: Any = None

    def decided(self) -> float | None:
        """The protocol is known, or it is gone. Returns until when it could have stayed a stranger."""
        raise NotImplementedError

    @property
    def visitors(self) -> Visitors:
        """The visitors of its port."""
        raise NotImplementedError

    def dataReceived(self, data: bytes) -> None:
        if self._speaks is not None:
            self._speaks.dataReceived(data)  # a transport in memory cannot be handed over
            return
        factory = self._spoken.get(data[0])
        until = self.decided()  # first: the connection must not be counted twice
        protocol: Any = None if factory is None else factory.buildProtocol(self._addr)
        if protocol is None:
            self._refuse()
        else:
            self.visitors.goes_on(protocol, until)
            self.hand_over(protocol, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.decided()
        if self._speaks is not None:
            self._speaks.connectionLost(reason)

    def hand_over(self, protocol: Any, data: bytes) -> None:
        """Give the connection to ``protocol``, with the bytes that came first."""
        self._speaks = protocol
        for name in ("protocol", "wrappedProtocol"):  # of TCP, of TLS
            if getattr(self.transport, name, None) is self:
                setattr(self.transport, name, protocol)
                self._speaks = None  # nothing must keep a lost connection in memory
        protocol.makeConnection(self.transport)
        protocol.dataReceived(data)

    def _refuse(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


class Arrival(Undecided):
    """A connection that was just accepted: a stranger, whose protocol must be known in time."""

    is_idle = True
    """It may be closed to make room for others."""
    transport: Any

    def __init__(self, port: FirstByte, addr: Any) -> None:
        super().__init__(port.spoken, addr)
        self._port = port
        self._first = b""
        self._said = 0
        self._encrypted: Encrypted | None = None
        self.host: str = getattr(addr, "host", "")
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._usual = getattr(self.transport, "bufferSize", STRANGERS_READ)
        self.transport.bufferSize = STRANGERS_READ
        if not both_on_loopback(self.transport):
            self._spoken = self._port.plain
        self._deadline = self._port.clock.callLater(self._port.visitors.seconds_left(self), self._too_late)

    def dataReceived(self, data: bytes) -> None:
        is_tls = self._speaks is None and data[0] == TLS and self._port.tls is not None
        if self._first or is_tls:
            self._wait(data)
        else:
            super().dataReceived(data)

    def _wait(self, piece: bytes) -> None:
        """Keep this piece of a handshake until it is this connection's turn."""
        if self._said > MOST_HANDSHAKE_BYTES:
            self.abort()
            return
        self._said += len(piece)
        waits, self._first = bool(self._first), self._first + piece
        if not waits:  # else it was read before the transport was paused
            self._port.handshakes.ask(self)

    @property
    def has_begun(self) -> bool:
        """Whether it is shaking hands."""
        return self._encrypted is not None

    @property
    def has_hung_up(self) -> bool:
        """Whether the other end has closed while it waited, when nothing was read that would have told."""
        return has_hung_up(getattr(self.transport, "socket", None))

    def shake_hands(self) -> None:
        """Begin or continue: it is this connection's turn."""
        piece, self._first = self._first, b""
        if self._encrypted is not None:
            self._encrypted.shake_hands(piece)
            return
        assert self._port.tls is not None
        encrypted = self._encrypted = self._port.tls.wrap(Within(self))
        self.hand_over(encrypted, piece)
        if self.has_begun:  # and is not finished or closed already
            encrypted.wait = self._wait

    @property
    def spoken(self) -> Mapping[int, Factory]:
        """The map of :class:`FirstByte`, for what comes within TLS."""
        return self._port.spoken

    @property
    def addr(self) -> Any:
        """The address of the other end."""
        return self._addr

    @property
    def visitors(self) -> Visitors:
        return self._port.visitors

    def decided(self) -> float | None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()
        self._encrypted = None  # or the two would hold each other until the next garbage collection
        self.transport.bufferSize = self._usual
        return self._port.decided(self)

    def abort(self) -> None:
        """Close now."""
        self.transport.abortConnection()

    def _too_late(self) -> None:
        self._deadline = None
        self.abort()


class Within(Undecided):
    """The connection within the TLS of ``arrival``."""

    def __init__(self, arrival: Arrival) -> None:
        super().__init__(arrival.spoken, arrival.addr)
        self._arrival = arrival

    @property
    def visitors(self) -> Visitors:
        return self._arrival.visitors

    def decided(self) -> float | None:
        return self._arrival.decided()
