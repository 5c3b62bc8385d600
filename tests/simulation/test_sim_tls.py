"""The stand-in for OpenSSL's connections behaves as OpenSSL does, below the layer that programs use."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from a_pair import new_authority
from OpenSSL import SSL
from test_tls import GOOD, OURS, THEIRS, TODAY, End
from twisted.internet.error import ConnectionClosed, ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from chatnet.net.first_byte import Arrival
from chatnet.net.outbox import CLOSE_SECONDS
from chatnet.net.tls import Encrypted, Encryption, TooOld, WrongKey, WrongName, channel_binding
from chatnet.testing.loopback import Loopback
from chatnet.world import Tls
from chatnet.world.real import RealTls
from simulator import Simulation
from simulator.run import UP_SECONDS, Run, Scale
from simulator.tls import SimTls

AUTHORITY = new_authority(TODAY.replace(year=TODAY.year - 1), TODAY.replace(year=TODAY.year + 1))
ROOTS = [AUTHORITY.pair.certificate]
NAMED = AUTHORITY.vouch("chat.example", **GOOD)


class Meeting:
    """Two ends below the layer that programs use; time passes when the test says so."""

    def __init__(self, dialling: Any, presented: Any, piece: int = 0) -> None:
        self.clock = Clock()
        self._piece = piece
        self._outer = [self._end(dialling, True), self._end(presented, False)]
        self.wire = Loopback(*self._outer)
        self.client, self.server = (outer.wrappedProtocol for outer in self._outer)

    def _end(self, creator: Any, is_client: bool) -> Any:
        return Encryption(creator, is_client, Factory.forProtocol(End), self.clock).buildProtocol(None)

    def go_on(self) -> None:
        """Carry everything that is waiting, perhaps in pieces."""
        while True:
            self.clock.advance(0)
            if self._piece:
                ways = (
                    (self.wire.client_transport, self._outer[1]),
                    (self.wire.server_transport, self._outer[0]),
                )
                for way, to in ways:
                    data = b"" if way.lost else way.take()
                    for at in range(0, len(data), self._piece):
                        to.dataReceived(data[at : at + self._piece])
            if not self.wire.pump():
                return

    def say(self, data: bytes, end: Any = None) -> None:
        (end or self.client).transport.write(data)
        self.go_on()


@pytest.fixture(params=["OpenSSL", "stand-in"])
def tls(request: pytest.FixtureRequest) -> Tls:
    return RealTls() if request.param == "OpenSSL" else SimTls(random.Random(1).randbytes)


def test_both_hear_each_other_though_they_spoke_at_once(tls: Tls) -> None:
    """What is written before the handshake ends waits for it."""
    meeting = Meeting(tls.pinned(OURS.fingerprint), tls.presented(OURS))
    for end in (meeting.client, meeting.server):
        end.transport.write(b"hello")
    assert not meeting.server.received
    meeting.go_on()
    assert (meeting.client.received, meeting.server.received) == (b"hello", b"hello")
    assert meeting.client.is_trusted
    assert meeting.server.is_trusted


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_records_may_be_cut_anywhere(tls: Tls, piece: int) -> None:
    """A long message goes in several records."""
    meeting = Meeting(tls.in_cluster(), tls.presented(OURS), piece)
    said = random.Random(2).randbytes(50_000)
    meeting.say(said)
    meeting.say(said[::-1], meeting.server)
    assert (meeting.server.received, meeting.client.received) == (said, said[::-1])


@pytest.mark.parametrize(
    ("dial", "pair", "why"),
    [
        (lambda tls: tls.pinned(OURS.fingerprint), THEIRS, WrongKey),
        (lambda tls: tls.vouched_for("chat.example", ROOTS), NAMED, None),
        (lambda tls: tls.vouched_for("chat.evil", ROOTS), NAMED, WrongName),
        (lambda tls: tls.vouched_for("chat.example", ROOTS), OURS, SSL.Error),
        (lambda tls: tls.vouched_for("chat.example"), NAMED, SSL.Error),
        (lambda tls: tls.in_cluster(), THEIRS, None),
    ],
    ids=["another key", "vouched for", "another name", "not vouched for", "no authority", "in the cluster"],
)
def test_who_is_not_trusted_is_told_nothing(
    tls: Tls, dial: Callable[[Tls], Any], pair: Any, why: type[Exception] | None
) -> None:
    """The other end loses the connection before anything was said on it."""
    meeting = Meeting(dial(tls), tls.presented(pair))
    meeting.say(b"hello")
    if why is None:
        assert meeting.server.received == b"hello"
        return
    assert isinstance(meeting.client.lost, why)
    assert meeting.server.lost is not None
    assert not meeting.server.received
    assert not meeting.server.is_trusted


def test_who_does_not_speak_tls_is_no_partner(tls: Tls) -> None:
    """This holds whichever end speaks without TLS."""
    for dialling in (True, False):
        clock, plain = Clock(), End()
        creator = tls.in_cluster() if dialling else tls.presented(OURS)
        encrypted: Any = Encryption(creator, dialling, Factory.forProtocol(End), clock).buildProtocol(None)
        within: End = encrypted.wrappedProtocol
        wire = Loopback(encrypted, plain)
        plain.transport.write(b"\0\x08_command\0\5Hello\0\0")
        while wire.pump():
            clock.advance(0)
        assert isinstance(within.lost, SSL.Error)


def test_both_ends_have_what_nobody_else_has(tls: Tls) -> None:
    """A relay has two connections with two different values, whatever it presents."""
    presented = tls.presented(OURS)
    bindings = []
    for _ in range(2):
        meeting = Meeting(tls.in_cluster(), presented)
        meeting.say(b"hello")
        bindings += [channel_binding(end.transport) for end in (meeting.client, meeting.server)]
    assert bindings[0] == bindings[1] != bindings[2] == bindings[3]
    assert [len(binding) for binding in bindings] == [32] * 4


def test_a_plain_link_has_no_binding() -> None:
    with pytest.raises(TooOld):
        channel_binding(Loopback(End(), End()).client_transport)


def test_closing_says_so_and_loses_nothing(tls: Tls) -> None:
    """What was written before is sent first; the other end answers the close, and neither has an error."""
    meeting = Meeting(tls.in_cluster(), tls.presented(OURS))
    meeting.say(b"hello")
    meeting.server.transport.write(b"and good bye")
    meeting.server.transport.loseConnection()
    meeting.go_on()
    assert meeting.client.received == b"and good bye"
    for end in (meeting.client, meeting.server):
        assert isinstance(end.lost, ConnectionDone)
    assert not meeting.clock.getDelayedCalls()


def test_who_does_not_agree_to_a_close_is_cut_off(tls: Tls) -> None:
    """The other end may hang, or be hostile."""
    meeting = Meeting(tls.in_cluster(), tls.presented(OURS))
    meeting.say(b"hello")
    meeting.wire.client_transport.reading = False
    meeting.server.transport.loseConnection()
    meeting.clock.advance(CLOSE_SECONDS)
    meeting.go_on()
    assert isinstance(meeting.server.lost, ConnectionLost)


def test_a_connection_that_is_cut_is_lost(tls: Tls) -> None:
    """Without a message of closing nobody takes it for closed: the last bytes may be missing."""
    meeting = Meeting(tls.in_cluster(), tls.presented(OURS))
    meeting.say(b"hello")
    meeting.wire.cut()
    assert isinstance(meeting.client.lost, ConnectionLost)


def test_a_renewed_pair_is_for_those_who_come_after_it(tls: Tls) -> None:
    """Connections that exist are not affected."""
    presented = tls.presented(OURS)
    before = Meeting(tls.pinned(OURS.fingerprint), presented)
    presented.renew(THEIRS)
    after = Meeting(tls.pinned(THEIRS.fingerprint), presented)
    for meeting in (before, after):
        meeting.say(b"hello")
        assert meeting.server.received == b"hello"


def test_who_does_not_read_fills_the_other_end(tls: Tls) -> None:
    """Its producer is paused, and resumed when there is room: back-pressure comes from the transport
    below."""
    meeting = Meeting(tls.in_cluster(), tls.presented(OURS))
    meeting.say(b"hello")
    told: list[str] = []

    class Producer:
        def pauseProducing(self) -> None:
            told.append("full")

        def resumeProducing(self) -> None:
            told.append("room")

        def stopProducing(self) -> None:
            told.append("over")

    meeting.server.transport.registerProducer(Producer(), True)
    meeting.wire.client_transport.reading = False
    for _ in range(10):
        meeting.say(bytes(16_000), meeting.server)
    assert told == ["full"]
    meeting.wire.client_transport.reading = True
    meeting.go_on()
    assert told == ["full", "room"]
    assert len(meeting.client.received) == 160_000


@pytest.mark.parametrize("how", ["abortConnection", "loseConnection"])
def test_who_writes_on_a_connection_that_it_closes_loses_it_as_any_other(tls: Tls, how: str) -> None:
    """The connection has a producer, as links have. With an error of OpenSSL instead, questions on it would
    be taken for refused, and not be asked again on the next connection."""

    class Producer:
        def pauseProducing(self) -> None: ...
        def resumeProducing(self) -> None: ...
        def stopProducing(self) -> None: ...

    meeting = Meeting(tls.in_cluster(), tls.presented(OURS))
    meeting.say(b"hello")
    meeting.client.transport.registerProducer(Producer(), True)
    getattr(meeting.client.transport, how)()
    if how == "loseConnection":
        meeting.client.transport.unregisterProducer()
        meeting.client.transport.registerProducer(Producer(), True)
    meeting.say(b"and more")
    assert isinstance(meeting.client.lost, ConnectionClosed)
    assert meeting.server.received == b"hello"


def test_who_is_sent_what_was_changed_on_its_way_loses_the_connection(tls: Tls) -> None:
    """It is lost as if it had been cut."""
    meeting = Meeting(tls.in_cluster(), tls.presented(OURS))
    meeting.say(b"hello")
    meeting.wire.server_transport.write(b"nonsense")
    meeting.go_on()
    assert isinstance(meeting.client.lost, ConnectionClosed)


@pytest.mark.parametrize("encrypted", [True, False])
def test_hosts_speak_it_to_each_other_and_processes_of_one_do_not(encrypted: bool) -> None:
    """This holds in an encrypted run; in other runs nobody speaks TLS."""
    seen: set[tuple[bool, bool]] = set()

    def look() -> None:
        for connection in simulation.network.connections():
            dialled = connection.server
            is_far = dialled.host is not connection.client.host
            # An operator's command takes TLS everywhere; an arrival has not said anything yet.
            is_order = not any(name in connection.client.owner for name in ("master", "worker", "users"))
            if not is_order and not isinstance(dialled.reader.protocol, Arrival):
                seen.add((is_far, isinstance(dialled.reader.protocol, Encrypted)))

    with Simulation(3) as simulation:
        scale = Scale(users=6, posts=20, faults=0, seconds=3.0, laptops=2, encrypted=encrypted)
        it = Run(simulation, scale)
        simulation.at(UP_SECONDS + 4, look)
        it.go()
        assert it.violations + simulation.verdict() == []
    assert seen == {(False, False), (True, encrypted)}
