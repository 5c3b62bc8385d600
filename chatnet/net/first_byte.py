"""What is spoken on a connection, by its first byte: so several protocols, and TLS, have one port.

::

    accepted ─▶ Arrival ── that of a protocol ───────────────────────────▶ the protocol's own
                    │
                    └────── that of TLS ─▶ in turns: the handshake ─▶ Within ── likewise

TLS within TLS is refused, and what is not spoken here. What comes first is kept, and given to whom it is for.
The transport is theirs then: nothing stays between. Nobody registers a producer before.

A handshake costs as much as some fifty posts (0.8 ms), and more with a long RSA key. So only some
are begun in one turn of the reactor, and whoever is not through with it in time goes, as does the oldest of
too many: being busy is not being hung. And only as many are gone on with: what is dear is done when a
greeting is whole, and a stranger chooses when that is.
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
from chatnet.net.tls import Encrypted, Encryption
from chatnet.net.visitors import Visitors

AMP = 0x00
"""The first byte of each of AMP's boxes: a key's length is two bytes, and at most 255."""
TLS = 0x16
"""That of a handshake, in TLS of any version."""
A_TURN = 16
"""How many handshakes are begun in one turn of the reactor, and how many are gone on with."""
A_TURN_SECONDS = 0.004
"""How long so many may take together: one that takes longer than its part of this counts as several.

Sixteen with our own key take 13 ms, and with a long RSA key 40 ms; and a post behind them waits for four or
five turns.
"""
A_PART_SECONDS = A_TURN_SECONDS / A_TURN
MOST_WAITING, MOST_OF_ONE_ADDRESS = 1000, 10
"""How many may wait to begin; who comes beyond that is hung up on. Of those who have begun all may wait."""


class _Line:
    """Those who wait for one thing: addresses take turns.

    ``left`` of them are served in this turn yet, none if it is 0 or less.
    """

    def __init__(self) -> None:
        self.left = A_TURN
        self.waiting: Rota[Arrival] = Rota()


class Handshakes:
    """Who may shake hands, and when: shared by the ports of a process.

    Those who have begun do not wait for those who have not, and keep none of them waiting.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._begun, self._new = _Line(), _Line()
        self._scheduled = False

    def ask(self, arrival: Arrival) -> None:
        """Have ``arrival`` begin or go on, now or soon; or go, if too many wait already to begin."""
        line = self._begun if arrival.has_begun else self._new
        if line.left > 0 and not line.waiting:
            self._serve(line, arrival)
            return
        address = network(arrival.host)
        of_one = line.waiting.of(address)
        if line is self._new and (len(line.waiting) >= MOST_WAITING or of_one >= MOST_OF_ONE_ADDRESS):
            arrival.abort()
            return
        arrival.transport.pauseProducing()
        line.waiting.put(address, arrival)

    def gone(self, arrival: Arrival) -> None:
        """Have it wait no longer; harmless if it does not wait."""
        for line in (self._begun, self._new):
            if line.waiting:
                line.waiting.discard(network(arrival.host), arrival)

    def _serve(self, line: _Line, arrival: Arrival) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self._next_turn)
        begun = self._clock.seconds()
        arrival.shake_hands()
        line.left -= max(1, int((self._clock.seconds() - begun) / A_PART_SECONDS))

    def _next_turn(self) -> None:
        self._scheduled = False
        for line in (self._begun, self._new):
            line.left = A_TURN
            while line.left > 0 and line.waiting:
                arrival = line.waiting.take()
                arrival.transport.resumeProducing()
                self._serve(line, arrival)


class FirstByte(Factory):
    """A port at which a connection is whose its first byte is: see the module.

    ``spoken`` has the factory for each first byte, and ``plain``, if it is given, that for what comes in
    plain from another machine. ``presented`` is for those who come by TLS; without it they are refused.
    ``visitors`` are those of the port: an arrival is a stranger among them. While it ``takes`` nobody,
    whoever comes is hung up on.
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
        # Of the factory that it wraps nothing is asked: each connection brings its own protocol.
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
        """How many of its visitors have not said what they speak."""
        return len(self._arrivals)

    def decided(self, arrival: Arrival) -> float | None:
        """It is known what is spoken on it; or it is gone. As of :meth:`Visitors.known`."""
        self._arrivals.pop(arrival, None)
        self.handshakes.gone(arrival)
        return self.visitors.known(arrival)

    def stopFactory(self) -> None:
        """The port is closed: end the connections of which it is not known yet what they speak."""
        for arrival in list(self._arrivals):
            arrival.abort()


class Undecided(Protocol):
    """A connection of which is not known yet what is spoken on it."""

    def __init__(self, spoken: Mapping[int, Factory], addr: Any) -> None:
        self._spoken = spoken
        self._addr = addr
        self._speaks: Any = None

    def decided(self) -> float | None:
        """It is known what is spoken; or it is gone. Returns until when it could have stayed a stranger."""
        raise NotImplementedError

    @property
    def visitors(self) -> Visitors:
        """Those of its port."""
        raise NotImplementedError

    def dataReceived(self, data: bytes) -> None:
        if self._speaks is not None:
            self._speaks.dataReceived(data)  # the transport cannot be handed over: one in memory
            return
        factory = self._spoken.get(data[0])
        until = self.decided()  # first: this one must not be counted beside itself
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
        """``protocol`` has the connection from here on, and hears what came first."""
        self._speaks = protocol
        for name in ("protocol", "wrappedProtocol"):  # of TCP, of TLS
            if getattr(self.transport, name, None) is self:
                setattr(self.transport, name, protocol)
                self._speaks = None  # nothing is to keep a connection in memory once it is lost
        protocol.makeConnection(self.transport)
        protocol.dataReceived(data)

    def _refuse(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


class Arrival(Undecided):
    """One that was just accepted, and is a stranger: what it speaks must be known in good time."""

    is_idle = True
    """Others may come in its place."""
    transport: Any

    def __init__(self, port: FirstByte, addr: Any) -> None:
        super().__init__(port.spoken, addr)
        self._port = port
        self._first = b""
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
        """This is of a handshake: look at it when it is this one's turn."""
        waits, self._first = bool(self._first), self._first + piece
        if not waits:  # else it was read before the transport was paused
            self._port.handshakes.ask(self)

    @property
    def has_begun(self) -> bool:
        """Is it shaking hands?"""
        return self._encrypted is not None

    def shake_hands(self) -> None:
        """Begin or go on: it is this one's turn."""
        piece, self._first = self._first, b""
        if self._encrypted is not None:
            self._encrypted.shake_hands(piece)
            return
        assert self._port.tls is not None
        encrypted = self._encrypted = self._port.tls.wrap(Within(self))
        self.hand_over(encrypted, piece)
        if self.has_begun:  # and was not over with that
            encrypted.wait = self._wait

    @property
    def spoken(self) -> Mapping[int, Factory]:
        """As :class:`FirstByte` has it, for what comes within TLS."""
        return self._port.spoken

    @property
    def addr(self) -> Any:
        """Where it comes from."""
        return self._addr

    @property
    def visitors(self) -> Visitors:
        return self._port.visitors

    def decided(self) -> float | None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()
        self._encrypted = None  # or each would have the other, until garbage is looked for
        self.transport.bufferSize = self._usual
        return self._port.decided(self)

    def abort(self) -> None:
        """Close now."""
        self.transport.abortConnection()

    def _too_late(self) -> None:
        self._deadline = None
        self.abort()


class Within(Undecided):
    """What comes within the TLS of ``arrival``."""

    def __init__(self, arrival: Arrival) -> None:
        super().__init__(arrival.spoken, arrival.addr)
        self._arrival = arrival

    @property
    def visitors(self) -> Visitors:
        return self._arrival.visitors

    def decided(self) -> float | None:
        return self._arrival.decided()
