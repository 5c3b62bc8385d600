"""The first byte: several protocols on a port, handshakes in turns, and who is too slow."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as NotInTime
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.master.port import Links
from chatnet.net.dial import NotTrusted, dial, shake_hands
from chatnet.net.first_byte import (
    A_TURN,
    A_TURN_SECONDS,
    AMP,
    MOST_HANDSHAKE_BYTES,
    MOST_OF_ONE_ADDRESS,
    MOST_WAITING,
    TLS,
    Arrival,
    FirstByte,
    Handshakes,
)
from chatnet.net.gate import Gate, prove
from chatnet.net.link import Link
from chatnet.net.listen import listen
from chatnet.net.locator import Locator
from chatnet.net.outbox import CLOSE_SECONDS, Outboxes
from chatnet.net.pair import self_made
from chatnet.net.tls import Presented, channel_binding, in_cluster, pinned, vouched_for
from chatnet.net.visitors import STRANGER_SECONDS, Room, Visitors
from chatnet.testing.loopback import Loopback

TOKEN = Token(b"ours" * 8)
OURS = self_made(TOKEN)
LINES = ord("L")
"""The first byte of a protocol of these tests."""
TCP_CLOSE_WAIT = 8
"""As the kernel numbers the states of a connection: the other end has closed it."""
HELLO = b"\x16\x03\x01"
"""The first bytes of TLS."""


class Hearer(Protocol):
    """A protocol that keeps what it receives."""

    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = reason


class Speaker(Hearer):
    """A protocol that answers what it receives."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.transport.write(b"<" + data + b">")


class Spoken(Factory):
    """A factory of one protocol."""

    def __init__(self) -> None:
        self.speakers: list[Speaker] = []
        self.is_open = True

    def buildProtocol(self, addr: Any) -> Speaker | None:
        if not self.is_open:
            return None
        self.speakers.append(Speaker())
        return self.speakers[-1]


class Turns(Clock):
    """A reactor whose turn is one call."""

    def turn(self) -> None:
        for call in [call for call in self.calls if call.time <= self.seconds()]:
            self.calls.remove(call)
            call.called = True
            call.func(*call.args, **call.kw)


class Port:
    """A port in memory at which AMP and lines are spoken."""

    def __init__(self, room: Room | None = None, most_waiting: int = MOST_WAITING) -> None:
        self.clock = Turns()
        self.amp, self.lines = Spoken(), Spoken()
        self.visitors = Visitors(self.clock, room or Room())
        self.handshakes = Handshakes(self.clock, most_waiting)
        self.factory = FirstByte(
            {AMP: self.amp, LINES: self.lines}, Presented(OURS), self.handshakes, self.visitors, self.clock
        )

    def accept(self, client: Any) -> Loopback:
        return Loopback(client, self.factory.buildProtocol(None))

    def plain(self, first: bytes) -> tuple[Hearer, Loopback]:
        client = Hearer()
        wire = self.accept(client)
        wire.client_transport.write(first)
        self.carry(wire)
        return client, wire

    def encrypted(self, first: bytes) -> tuple[Hearer, Loopback]:
        client = Hearer()
        wire = self.accept(self.wrap(client))
        client.transport.write(first)
        self.carry(wire)
        return client, wire

    def wrap(self, protocol: Protocol) -> Any:
        dialling = TLSMemoryBIOFactory(
            pinned(OURS.fingerprint), True, Factory.forProtocol(lambda: protocol), clock=self.clock
        )
        return dialling.buildProtocol(None)

    def carry(self, wire: Loopback) -> None:
        """Carry bytes until nothing moves, without letting time pass."""
        while True:
            self.clock.advance(0)
            if not wire.pump():
                return


@pytest.fixture
def port() -> Port:
    return Port()


class Hushed(StringTransport):
    """A transport that tells whether it was closed, and never closes by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False
        self.protocol: Any = None
        self.socket: Any = None

    def abortConnection(self) -> None:
        self.aborted = True

    def lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionError()))


def come(port: Port, host: str = "192.0.2.1", data: bytes = b"") -> Hushed:
    """Accept a connection from ``host`` that has sent ``data``."""
    transport = Hushed()
    transport.protocol = port.factory.buildProtocol(Address(host, 1))
    transport.protocol.makeConnection(transport)
    if data:
        transport.protocol.dataReceived(data)
    return transport


# ---- what is spoken ----


@pytest.mark.parametrize("way", [Port.plain, Port.encrypted], ids=["plain", "encrypted"])
def test_a_connection_is_whose_its_first_byte_is(port: Port, way: Callable[..., Any]) -> None:
    """The protocol gets that byte, everything that came with it, and what follows."""
    one, one_wire = way(port, b"\x00\x05hello")
    two, _ = way(port, b"LINE")
    one.transport.write(b"more")
    port.carry(one_wire)
    assert [speaker.heard for speaker in port.amp.speakers] == [b"\x00\x05hellomore"]
    assert [speaker.heard for speaker in port.lines.speakers] == [b"LINE"]
    assert (one.heard, two.heard) == (b"<\x00\x05hello><more>", b"<LINE>")
    assert port.visitors.strangers == 0
    one_wire.cut()
    assert port.amp.speakers[0].lost is not None


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"\x80\x2e\x01", b"\xff"])
def test_what_is_not_spoken_here_is_refused(port: Port, first: bytes) -> None:
    """It is refused without TLS and within TLS."""
    for way in (Port.plain, Port.encrypted):
        client, _ = way(port, first)
        assert client.lost is not None
        assert client.heard == b""
    assert not port.clock.getDelayedCalls()


def test_tls_within_tls_is_refused(port: Port) -> None:
    """Each layer would cost a stranger little, and us much."""
    client, _ = port.encrypted(HELLO)
    assert client.lost is not None
    assert not port.clock.getDelayedCalls()


def test_tls_is_refused_where_there_is_nothing_to_present(port: Port) -> None:
    """It is refused before any handshake begins."""
    port.factory = FirstByte({AMP: port.amp}, None, port.handshakes, port.visitors, port.clock)
    for data in (HELLO, b"LINE"):
        assert come(port, data=data).aborted
    assert not port.clock.getDelayedCalls()
    assert not come(port, data=b"\0\5hello").aborted
    assert [speaker.heard for speaker in port.amp.speakers] == [b"\0\5hello"]


@pytest.mark.parametrize("way", [Port.plain, Port.encrypted])
def test_who_is_not_taken_is_closed(port: Port, way: Callable[..., Any]) -> None:
    """A worker without room for sessions makes no protocol."""
    port.lines.is_open = False
    client, _ = way(port, b"LINE")
    assert client.lost is not None
    assert not port.clock.getDelayedCalls()
    assert port.visitors.strangers == 0


def test_a_handshake_may_come_in_any_pieces(port: Port) -> None:
    """It may even come byte by byte, from the first one on."""
    client = port.wrap(Hearer())
    wire = port.accept(client)
    client.wrappedProtocol.transport.write(b"LINE")
    arrival = wire.ends[1][0]
    for _ in range(20):
        port.clock.advance(0)
        for byte in wire.client_transport.take():
            arrival.dataReceived(bytes([byte]))
        if data := wire.server_transport.take():
            client.dataReceived(data)
    assert port.lines.speakers[0].heard == b"LINE"
    assert client.wrappedProtocol.heard == b"<LINE>"


def test_what_only_begins_like_tls_is_closed(port: Port) -> None:
    """It is closed at once, and nothing is logged: scanners come all day."""
    client, _ = port.plain(b"\x16" + b"garbage" * 100)
    assert client.lost is not None
    assert port.visitors.strangers == 0
    assert not port.clock.getDelayedCalls()


def test_a_handshake_that_never_ends_is_closed(port: Port) -> None:
    """OpenSSL would keep a hundred kilobytes of what a client says first."""
    greeting = b"\x01\x01\xff\xff" + bytes(2 * MOST_HANDSHAKE_BYTES)
    records = b"".join(b"\x16\x03\x01\x10\x00" + greeting[at : at + 4096] for at in range(0, 32_768, 4096))
    transport = come(port, data=records[:4096])
    said = 4096
    while not transport.aborted and said < len(records):
        port.clock.advance(0)
        transport.protocol.dataReceived(records[said : said + 4096])
        said += 4096
    assert transport.aborted
    assert said == MOST_HANDSHAKE_BYTES + 2 * 4096


def test_tls_is_always_spoken() -> None:
    """No protocol can have its first byte."""
    with pytest.raises(ValueError, match="TLS"):
        FirstByte({TLS: Spoken()}, Presented(OURS), Handshakes(Clock()), Visitors(Clock()), Clock())


# ---- the transport ----


def test_nothing_stays_between_a_protocol_and_its_transport(port: Port) -> None:
    """There are thousands of connections, so nothing may stay in between; nobody is registered before."""
    plain = come(port, data=b"LINE")
    assert plain.protocol is port.lines.speakers[0]
    assert plain.producer is None
    encrypted = come(port, data=HELLO)
    assert type(encrypted.protocol).__name__ == "Encrypted"
    assert encrypted.producer is None


# ---- time and turns ----


@pytest.mark.parametrize("data", [b"", HELLO, b"\x16"])
def test_who_is_not_through_in_time_goes(port: Port, data: bytes) -> None:
    """It may say nothing, or stop in the middle of the handshake."""
    stranger = come(port, data=data)
    port.clock.advance(STRANGER_SECONDS - 0.1)
    assert not stranger.aborted
    port.clock.advance(0.1)
    assert stranger.aborted
    stranger.lose()
    assert port.visitors.strangers == 0
    assert not port.clock.getDelayedCalls()


def test_who_says_nothing_over_tls_goes_as_well(port: Port) -> None:
    """The handshake alone does not show who somebody is."""
    client, wire = port.encrypted(b"")
    assert port.visitors.strangers == 1
    port.clock.advance(STRANGER_SECONDS)
    port.carry(wire)
    assert client.lost is not None


def test_a_slow_handshake_leaves_less_time_to_say_who_one_is() -> None:
    """There is one time limit from when the connection is accepted, for all that is spoken on it."""
    clock = Turns()
    outboxes, visitors = Outboxes(clock), Visitors(clock)
    links = Links(outboxes, clock)
    links.visitors = visitors
    links.open(lambda: Gate(TOKEN, lambda role: "", os.urandom, clock))
    factory = FirstByte({AMP: links}, Presented(OURS), Handshakes(clock), visitors, clock)
    client = Hearer()
    dialling = TLSMemoryBIOFactory(
        pinned(OURS.fingerprint), True, Factory.forProtocol(lambda: client), clock=clock
    )
    wire = Loopback(dialling.buildProtocol(None), factory.buildProtocol(None))
    clock.advance(STRANGER_SECONDS * 0.75)
    client.transport.write(b"\x00\x04_ask\x00\x011\x00")
    while wire.pump() or any(call.time <= clock.seconds() for call in clock.calls):
        clock.turn()
    assert (factory.undecided, visitors.strangers) == (0, 1)
    clock.advance(STRANGER_SECONDS * 0.25 - 0.1)
    assert client.lost is None
    clock.advance(0.1)
    while wire.pump():
        pass
    assert client.lost is not None
    assert visitors.strangers == 0


def begun(*strangers: Hushed) -> int:
    """Return how many of them are in the handshake."""
    return sum(type(stranger.protocol).__name__ == "Encrypted" for stranger in strangers)


def test_handshakes_are_begun_in_turns(port: Port) -> None:
    """However many come at once, a reactor turn begins a few, in the order of arrival."""
    strangers = [come(port, f"192.0.2.{number}", HELLO) for number in range(2 * A_TURN + 3)]
    assert begun(*strangers) == begun(*strangers[:A_TURN]) == A_TURN
    assert [stranger.producerState for stranger in strangers[A_TURN:]] == ["paused"] * (A_TURN + 3)
    port.clock.turn()
    assert begun(*strangers) == begun(*strangers[: 2 * A_TURN]) == 2 * A_TURN
    late = come(port, "192.0.2.200", HELLO)
    assert begun(late) == 0
    port.clock.turn()
    assert begun(*strangers, late) == 2 * A_TURN + 4
    assert {stranger.producerState for stranger in (*strangers, late)} == {"producing"}


class Slow:
    """An arrival whose handshake takes ``seconds``."""

    has_begun, has_hung_up, host = False, False, "192.0.2.1"

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.transport = StringTransport()
        self.is_served = False

    def shake_hands(self) -> None:
        self.is_served = True
        self._clock.rightNow += self._seconds


def test_handshakes_that_take_long_count_as_several() -> None:
    """A turn is bounded in time as well: with a long RSA key, a handshake takes 3 ms."""
    clock = Turns()
    handshakes = Handshakes(clock)
    slow = [Slow(clock, A_TURN_SECONDS * 0.4) for _ in range(8)]
    served = []
    for arrival in slow:
        handshakes.ask(cast(Arrival, arrival))
    for _ in range(3):
        served.append(sum(arrival.is_served for arrival in slow))
        clock.turn()
    assert served == [3, 6, 8]


def greeted(port: Port, strangers: list[Loopback]) -> int:
    """Return how many of them have been answered."""
    return sum(bool(wire.server_transport.waiting) for wire in strangers)


def test_a_handshake_that_has_begun_waits_for_its_turns(port: Port) -> None:
    """A stranger that sends one byte first, and the rest when all others do, is not served out of turn."""
    count = 2 * A_TURN + 3
    wires = [port.accept(port.wrap(Hearer())) for _ in range(count)]
    hellos = [wire.client_transport.take() for wire in wires]
    for wire, hello in zip(wires, hellos, strict=True):
        wire.ends[1][0].dataReceived(hello[:1])
        port.clock.turn()
    for wire, hello in zip(wires, hellos, strict=True):
        wire.ends[1][0].dataReceived(hello[1:])
    turns = []
    while greeted(port, wires) < count:
        turns.append(greeted(port, wires))
        port.clock.turn()
    assert turns == [A_TURN, 2 * A_TURN]
    assert not any(wire.server_transport.disconnecting for wire in wires)


def test_those_who_go_on_do_not_keep_others_waiting(port: Port) -> None:
    """Those that continue delay neither others nor newcomers; a host with many that continue delays
    itself."""
    many = [come(port, "198.51.100.1") for _ in range(3 * A_TURN)]
    other = come(port, "192.0.2.1")
    for stranger in (*many, other):
        stranger.protocol.dataReceived(b"\x16")
        port.clock.turn()
    for stranger in (*many, other):
        stranger.protocol.dataReceived(b"\x03")
    late = come(port, "192.0.2.2", HELLO)
    assert begun(late) == 1
    assert [stranger.producerState for stranger in (*many, other)].count("paused") == 2 * A_TURN + 1
    port.clock.turn()
    assert other.producerState == "producing"
    assert [stranger.producerState for stranger in many].count("paused") == A_TURN + 1
    for stranger in (*many, other, late):
        stranger.lose()
    assert port.visitors.strangers == 0
    port.clock.advance(0)
    assert not port.clock.getDelayedCalls()


def test_who_waits_keeps_what_it_has_said(port: Port) -> None:
    """What had been read when its transport was told to stop reading is kept as well."""
    for number in range(A_TURN):
        come(port, f"192.0.2.{number}", HELLO)
    client = Hearer()
    wire = port.accept(port.wrap(client))
    client.transport.write(b"LINE")
    hello = wire.client_transport.take()
    for piece in (hello[:100], hello[100:]):
        wire.ends[1][0].dataReceived(piece)
    port.carry(wire)
    assert client.heard == b"<LINE>"


def test_who_goes_while_it_waits_costs_nothing(port: Port) -> None:
    """The next one gets its turn."""
    strangers = [come(port, f"192.0.2.{number}", HELLO) for number in range(A_TURN + 2)]
    strangers[A_TURN].lose()
    port.clock.turn()
    assert begun(*strangers) == A_TURN + 1
    assert begun(strangers[A_TURN]) == 0


def test_who_hangs_up_while_it_waits_costs_no_handshake(port: Port) -> None:
    """Nothing is read from those who wait, so the kernel is asked. To close many takes a part of a turn."""
    strangers = [come(port, f"192.0.2.{number}", HELLO) for number in range(7 * A_TURN + 1)]
    for stranger in strangers[A_TURN : 6 * A_TURN]:
        stranger.socket = SimpleNamespace(getsockopt=lambda *_: bytes([TCP_CLOSE_WAIT]))
    port.clock.turn()
    assert [stranger.aborted for stranger in strangers].count(True) == 4 * A_TURN
    assert begun(*strangers) == A_TURN
    port.clock.turn()
    assert [stranger.aborted for stranger in strangers].count(True) == 5 * A_TURN
    assert begun(*strangers) == 2 * A_TURN - 1


def test_of_one_address_only_some_wait(port: Port) -> None:
    """So nobody alone can take all turns; whoever comes beyond that tries again."""
    for number in range(A_TURN):
        come(port, f"192.0.2.{number}", HELLO)
    greedy = [come(port, "198.51.100.1", HELLO) for _ in range(MOST_OF_ONE_ADDRESS + 2)]
    assert [stranger.aborted for stranger in greedy] == [False] * MOST_OF_ONE_ADDRESS + [True] * 2
    assert not come(port, "198.51.100.2", HELLO).aborted
    for _ in range(MOST_OF_ONE_ADDRESS):
        port.clock.turn()
    assert begun(*greedy) == MOST_OF_ONE_ADDRESS
    assert not come(port, "198.51.100.1", HELLO).aborted


def test_all_in_all_only_some_wait() -> None:
    """They are begun within a second, so whoever is turned away soon has a place."""
    port = Port(most_waiting=3)
    strangers = [come(port, f"192.0.2.{number}", HELLO) for number in range(A_TURN + 5)]
    assert [stranger.aborted for stranger in strangers[A_TURN:]] == [False] * 3 + [True] * 2


def test_newcomers_are_strangers_of_the_port() -> None:
    """If there are too many, the oldest is closed: open connections keep nobody out."""
    port = Port(Room(strangers=3, one_address=2))
    strangers = [come(port, f"192.0.2.{number}") for number in range(4)]
    assert [stranger.aborted for stranger in strangers] == [True, False, False, False]
    again = come(port, "192.0.2.3"), come(port, "192.0.2.3")
    assert strangers[3].aborted
    assert not any(stranger.aborted for stranger in again)


# ---- closing ----


def test_a_stranger_that_does_not_agree_to_close_is_cut_off(port: Port) -> None:
    """Twisted alone would wait for its close_notify without end."""
    _, wire = port.encrypted(b"LINE")
    wire.client_transport.reading = False
    port.lines.speakers[0].transport.loseConnection()
    port.carry(wire)
    assert port.lines.speakers[0].lost is None
    port.clock.advance(CLOSE_SECONDS)
    port.carry(wire)
    assert port.lines.speakers[0].lost is not None
    assert not port.clock.getDelayedCalls()


def test_who_agrees_is_closed_at_once(port: Port) -> None:
    """Everything that was written before is sent."""
    client, wire = port.encrypted(b"LINE")
    port.lines.speakers[0].transport.write(b"bye")
    port.lines.speakers[0].transport.loseConnection()
    port.carry(wire)
    assert client.heard == b"<LINE>bye"
    assert port.lines.speakers[0].lost is not None
    assert not port.clock.getDelayedCalls()


# ---- a real port ----


class Kept(Factory):
    """A factory of links that keeps them."""

    noisy = False

    def __init__(self, outboxes: Outboxes) -> None:
        self._outboxes = outboxes
        self.links: list[Link] = []

    def buildProtocol(self, addr: Any) -> Link:
        gate = Gate(TOKEN, lambda role: Locator(), os.urandom, reactor)
        self.links.append(Link(gate, self._outboxes))
        return self.links[-1]


class RealPort:
    """A port of this machine at which links prove the token, with TLS and without."""

    def __init__(self) -> None:
        self.outboxes = Outboxes(reactor)
        self.kept = Kept(self.outboxes)
        visitors = Visitors(reactor)
        self.factory = FirstByte({AMP: self.kept}, Presented(OURS), Handshakes(reactor), visitors, reactor)
        listening: Any = listen(reactor, Address("127.0.0.1", 0), self.factory)
        self._listening = listening
        self.address = Address("127.0.0.1", listening.getHost().port)

    def make(self) -> Link:
        return Link(Locator(), self.outboxes)

    async def close(self, *links: Link) -> None:
        """Close, and wait until everybody has noticed."""
        lost = [link.when_lost() for link in (*links, *self.kept.links)]
        for link in self.kept.links:
            link.hang_up()
        for deferred in lost:
            await deferred
        await self._listening.stopListening()


@pytest_twisted.ensureDeferred
async def test_links_speak_over_a_real_port_plain_and_encrypted() -> None:
    """Commands and bytes are the same; over TLS both ends have a value that only that connection has."""
    port = RealPort()
    links = [
        await dial(reactor, port.address, port.make, 5.0),
        await shake_hands(reactor, port.address, port.make, 5.0, pinned(OURS.fingerprint)),
        await shake_hands(reactor, port.address, port.make, 5.0, in_cluster()),
    ]
    for link in links:
        await prove(link, TOKEN, "worker", os.urandom)
    assert channel_binding(links[2].transport) == channel_binding(port.kept.links[2].transport)
    assert port.factory.visitors.strangers == 0
    await port.close(*links)


@pytest_twisted.ensureDeferred
async def test_no_link_is_made_to_somebody_else() -> None:
    """So nothing can be said to them; the sentence says who they are."""
    port = RealPort()
    made: list[Link] = []

    def make() -> Link:
        made.append(port.make())
        return made[-1]

    expected = self_made(Token(bytes(32))).fingerprint
    with pytest.raises(NotTrusted, match=f"its key is {OURS.fingerprint}, and not {expected}"):
        await shake_hands(reactor, port.address, make, 5.0, pinned(expected))
    with pytest.raises(NotTrusted, match="no authority that is trusted here"):
        await shake_hands(reactor, port.address, make, 5.0, vouched_for("localhost"))
    assert (made, port.kept.links) == ([], [])
    await port.close()


@pytest_twisted.ensureDeferred
async def test_who_does_not_shake_hands_is_not_waited_for() -> None:
    """The port hangs, or speaks no TLS."""
    outboxes = Outboxes(reactor)
    hanging = Hanging()
    silent: Any = Factory.forProtocol(lambda: hanging)
    silent.noisy = False
    listening: Any = listen(reactor, Address("127.0.0.1", 0), silent)
    address = Address("127.0.0.1", listening.getHost().port)
    clock = Clock()
    asking = Deferred.fromCoroutine(
        shake_hands(_Timed(reactor, clock), address, lambda: Link(Locator(), outboxes), 3.0, in_cluster())
    )
    await hanging.heard
    clock.advance(3.0)
    with pytest.raises(NotInTime):
        await asking
    await hanging.gone
    await listening.stopListening()


class Hanging(Protocol):
    """Says nothing; tells when it received something, and when it was left."""

    def __init__(self) -> None:
        self.heard: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard.callback(None)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.gone.callback(None)


class _Timed:
    """The real reactor with a clock of ours."""

    def __init__(self, real: Any, clock: Clock) -> None:
        self.connectTCP = real.connectTCP
        self.callLater, self.seconds = clock.callLater, clock.seconds


def test_an_arrival_is_out_of_memory_once_it_is_known_what_is_spoken(port: Port) -> None:
    """There are thousands of connections, and a process rarely looks for garbage."""
    gc.collect()
    gc.disable()
    try:
        transport = come(port)
        arrival = weakref.ref(transport.protocol)
        transport.protocol.dataReceived(b"LINE")
        assert transport.protocol is port.lines.speakers[0]
        assert arrival() is None
    finally:
        gc.enable()
