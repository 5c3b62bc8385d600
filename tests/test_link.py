"""A link: proof of the token, sentences for bad requests, bounds, silence, back-pressure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import provider

from chatnet.auth import Role, Token
from chatnet.errors import BadRequest, InternalFailure, NotAllowed, NotJoined, WrongToken, WrongVersion
from chatnet.net.gate import Gate, NotPrimary, binding, prove
from chatnet.net.intake import MOST_BOXES
from chatnet.net.line_limit import A_MINUTE
from chatnet.net.link import MOST_SAID, Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import CLOSE_SECONDS, Outboxes
from chatnet.net.pulse import CLUSTER_PULSE, Pulse
from chatnet.net.visitors import (
    A_TURN_SECONDS,
    LINES,
    STRANGER_SECONDS,
    STRANGERS_SHARE,
    USERS_SHARE,
    Visitors,
)
from chatnet.testing.loopback import Loopback
from chatnet.wire.arguments import Bytes, Command, Number, Text, declared
from chatnet.wire.boxes import MAX_BOX, MAX_STRANGERS_BOX
from chatnet.wire.common import VERSION, Challenge, Ping
from chatnet.wire.encode import PING
from chatnet.wire.table import Speaker

TOKEN = Token(b"t" * 32)


class Double(Command):
    arguments = [(b"number", Number()), (b"key", Bytes(2, optional=True)), (b"word", Text(optional=True))]
    response = [(b"number", Number())]
    errors = declared(NotJoined)


class Doubler(Locator):
    """Doubles numbers; refuses 13; fails at 666."""

    def __init__(self) -> None:
        self.reasons: list[Any] = []
        self.calls: list[str] = []

    @Double.responder
    def double(self, number: int, key: bytes | None, word: str | None) -> dict[str, Any]:
        if number == 13:
            raise NotJoined.of(room="bob")
        if number == 666:
            raise ZeroDivisionError
        return {"number": number * 2}

    def lost(self, reason: Any) -> None:
        self.reasons.append(reason)

    def filled(self) -> None:
        self.calls.append("filled")

    def drained(self) -> None:
        self.calls.append("drained")


class StrangeDoubler(Doubler):
    speaker = Speaker.VISITOR


def turn(clock: Clock) -> None:
    """Let one turn of the reactor pass: only what was due before it is done."""
    for call in list(clock.getDelayedCalls()):
        do: Any = call
        func, arguments = do.func, do.args
        call.cancel()
        func(*arguments)


class Pair:
    """A client link and a server link over a loop-back, with a clock of their own."""

    def __init__(self, server: Locator, pulse: Pulse | None = None, bounded: bool = False) -> None:
        self.clock = Clock()
        outboxes = Outboxes(self.clock)
        self.client = Link(Locator(), outboxes)
        self.visitors = Visitors(self.clock) if bounded else None
        self.server = Link(server, outboxes, pulse, self.visitors)
        self.wire = Loopback(self.client, self.server)

    def turn(self) -> None:
        turn(self.clock)

    def flush(self) -> None:
        """Let everything that waits arrive."""
        self.clock.advance(0)
        while self.wire.pump():
            self.clock.advance(0)

    def ask(self, command: Any, **arguments: Any) -> Any:
        """Send a command; return its answer, or raise its error."""
        return self.wait(self.client.callRemote(command, **arguments))

    def wait(self, deferred: Deferred[Any]) -> Any:
        found: list[Any] = []
        deferred.addBoth(found.append)
        self.flush()
        assert found, "no answer came"
        if hasattr(found[0], "raiseException"):
            found[0].raiseException()
        return found[0]

    def raw(self, data: bytes) -> None:
        """Send bytes as a stranger would."""
        self.wire.client_transport.write(data)
        self.flush()

    def alive(self) -> bool:
        return bool(self.ask(Double, number=4)["number"] == 8)


def box(**keys: bytes) -> bytes:
    return amp.AmpBox({name.encode(): value for name, value in keys.items()}).serialize()


def test_an_answer_and_a_declared_error_come_back() -> None:
    """A refusal is an answer: the connection stays open."""
    pair = Pair(Doubler())
    assert pair.ask(Double, number=21) == {"number": 42}
    with pytest.raises(NotJoined, match=r"^You have not joined bob\.$"):
        pair.ask(Double, number=13)
    assert pair.alive()


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({}, "“number” is missing"),
        ({"number": b"x"}, "not a whole number"),
        ({"number": b"-1"}, "not a whole number"),
        ({"number": b"9" * 19}, "too large"),
        ({"number": b"9" * 65535}, "not a whole number"),
        ({"number": b"1", "key": b"abc"}, "3 bytes instead of 2"),
        ({"number": b"1", "word": b"\xff"}, "utf-8"),
    ],
)
def test_a_bad_value_is_answered_in_a_sentence(keys: dict[str, bytes], sentence: str) -> None:
    """Missing keys and bad values are named; the connection is not affected."""
    pair = Pair(Doubler())
    asked = pair.client._sendBoxCommand(b"Double", amp.AmpBox({k.encode(): v for k, v in keys.items()}))
    with pytest.raises(amp.RemoteAmpError, match=sentence) as caught:
        pair.wait(asked)
    assert caught.value.errorCode == BadRequest.code
    assert pair.alive()


def test_surplus_keys_are_ignored() -> None:
    """A newer peer may send keys that we do not know."""
    pair = Pair(Doubler())
    asked = pair.client._sendBoxCommand(b"Double", amp.AmpBox({b"number": b"2", b"colour": b"red"}))
    assert pair.wait(asked)[b"number"] == b"4"


def test_an_unknown_command_is_answered_in_a_sentence() -> None:
    """A command that does not exist (yet) is refused with a hint."""
    pair = Pair(Doubler())
    with pytest.raises(amp.RemoteAmpError, match="no command Nonsense here") as caught:
        pair.wait(pair.client._sendBoxCommand(b"Nonsense", amp.AmpBox()))
    assert caught.value.errorCode == NotAllowed.code
    assert pair.alive()


def test_our_own_bug_is_logged_and_answered(logged_failures: Any) -> None:
    """If a responder raises, only the request fails, and the connection stays."""
    pair = Pair(Doubler())
    with pytest.raises(InternalFailure):
        pair.ask(Double, number=666)
    assert len(logged_failures.flush(ZeroDivisionError)) == 1
    assert pair.alive()


def test_a_bad_command_that_wants_no_answer_is_dropped() -> None:
    """Without _ask nobody can be told; the connection stays open."""
    pair = Pair(Doubler())
    pair.raw(box(_command=b"Double", number=b"x") + box(_command=b"Nonsense"))
    assert pair.alive()


def test_what_wants_no_answer_is_logged_once_a_connection() -> None:
    """A stranger cannot fill the disk with commands that we do not understand."""
    said: list[str] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        if "not understood" in event.get("log_format", ""):
            said.append(str(event["name"]))

    globalLogPublisher.addObserver(observe)
    try:
        Pair(Doubler()).raw(box(_command=b"Nonsense") * 1000)
    finally:
        globalLogPublisher.removeObserver(observe)
    assert len(said) == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\xff" * 100,
        box(a=b"b"),
        box(_answer=b"77", number=b"1"),
        box(_error=b"77", _error_code=b"X", _error_description=b"Y"),
        b"\x00\x01a\xff\xff" + b"x" * 65535 + b"\x00\x01b\xff\xff" + b"x" * 65535 + b"\x00\x01c\x00\x01x",
        b"".join(b"\x00\x02%02x\x80\x00" % n + b"x" * 32768 for n in range(5)),
    ],
)
def test_garbage_closes_its_connection_quietly(garbage: bytes) -> None:
    """Bytes that are no box, answer nothing, or never end close their own connection, without a traceback."""
    locator = Doubler()
    pair = Pair(locator)
    pair.raw(garbage)
    assert len(locator.reasons) == 1


def test_what_follows_garbage_is_not_obeyed() -> None:
    """A box after a broken one, in the same bytes, is not obeyed."""
    doubled: list[int] = []

    class Recorder(Locator):
        @Double.responder
        def double(self, number: int, **_: Any) -> dict[str, Any]:
            doubled.append(number)
            return {"number": number}

    Pair(Recorder()).raw(box(a=b"b") + box(_command=b"Double", number=b"1"))
    assert not doubled


def test_what_came_with_the_last_box_before_an_abort_is_not_obeyed() -> None:
    """After a responder's abort nothing is obeyed; what a hold kept back waits."""
    doubled: list[int] = []

    class Ender(Locator):
        @Double.responder
        def double(self, number: int, **_: Any) -> dict[str, Any]:
            doubled.append(number)
            if number == 2:
                self.link.hold()
            if number == 4:
                self.link.abort()
            return {"number": number}

    pair = Pair(Ender())
    pair.raw(b"".join(box(_command=b"Double", number=b"%d" % number) for number in range(1, 7)))
    assert doubled == [1, 2]
    pair.server.release()
    pair.flush()
    pair.server.dataReceived(box(_command=b"Double", number=b"7"))
    assert doubled == [1, 2, 3, 4]


def test_an_answer_that_nobody_looks_at_is_logged(logged_failures: Any) -> None:
    """An error that its asker does not handle is the asker's bug: it is logged, and closes the link."""
    locator = Doubler()
    pair = Pair(locator)
    pair.client.callRemote(Double, number=13)
    pair.flush()
    assert len(logged_failures.flush(NotJoined)) == 1
    assert len(locator.reasons) == 1


def test_a_box_of_the_largest_allowed_size_passes() -> None:
    """Only a box of more than 128 KB closes the connection; small boxes do not add up."""
    pair = Pair(Doubler())
    for _ in range(3):
        keys = {f"k{n}": b"x" * 60_000 for n in range(2)}
        pair.raw(box(_command=b"Double", number=b"1", **keys))
    assert MAX_BOX > 120_000
    assert pair.alive()


def test_an_answer_after_the_connection_is_gone_goes_nowhere() -> None:
    """A responder that finishes late does no harm."""
    waiting: Deferred[dict[str, Any]] = Deferred()

    class Slow(Locator):
        @Double.responder
        def double(self, **_: Any) -> Deferred[dict[str, Any]]:
            return waiting

    pair = Pair(Slow())
    asked = pair.client.callRemote(Double, number=1)
    pair.flush()
    pair.wire.cut()
    waiting.callback({"number": 1})
    pair.clock.advance(0)
    asked.addErrback(lambda _: None)


# ---- lines about the other end ----


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Yield the logged lines, as text."""
    said: list[str] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        said.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield said
    globalLogPublisher.removeObserver(observe)


def test_what_a_stranger_says_is_cut_in_the_log_and_obeyed_by_no_terminal(lines: list[str]) -> None:
    """The name of a command may be as long as a box, and contain anything."""
    for name in (b"\x1b[2J\nroot logged in", b"x" * 3_000, "\u202e".encode(), b"\xff"):
        pair = Pair(Stranger(), bounded=True)
        pair.raw(box(_command=name))
    assert len(lines) == 4
    assert all(line.isprintable() and len(line) < 400 for line in lines)


def test_a_sentence_of_the_other_end_is_cut_where_it_comes_in() -> None:
    """It is shown in many places: in logs, in the terminal's feed, by the operator's commands."""

    class Talker(Locator):
        @Double.responder
        def double(self, **_: Any) -> dict[str, Any]:
            raise NotJoined("\x1b]0;owned\x07\n" * 5_000)

    pair = Pair(Talker())
    with pytest.raises(NotJoined) as raised:
        pair.ask(Double, number=1)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 10 * MOST_SAID + 2
    found: list[Failure] = []
    pair.client._sendBoxCommand(b"Double", amp.AmpBox()).addErrback(found.append)
    pair.client.dataReceived(box(_error=b"2", _error_code=b"\x1b" * 999, _error_description=b"\x1b\xff"))
    assert str(found[0].value).isprintable()
    assert len(str(found[0].value)) < 300


def test_lines_about_visitors_are_counted_beyond_some(lines: list[str], logged_failures: Any) -> None:
    """Twenty a minute: a flood of strangers does not fill the disk; a later line is logged again."""
    clock = Clock()
    visitors = Visitors(clock)
    outboxes = Outboxes(clock)

    def come(what: bytes) -> None:
        link = Link(StrangeDoubler(), outboxes, visitors=visitors)
        Loopback(Link(Locator(), outboxes), link)
        link.dataReceived(what)

    for _ in range(3 * LINES):
        come(b"GET / HTTP/1.1")
        come(box(_command=b"Double", number=b"666"))
    # A failure without an answer has two lines: its own, and that it was not understood.
    assert len(lines) == 3 * LINES
    clock.advance(A_MINUTE)
    more = [line for line in lines if "more like" in line]
    assert len(more) == 3
    assert all(f"{2 * LINES} more like" in line for line in more)
    come(b"GET / HTTP/1.1")
    assert len(lines) == 3 * LINES + 4
    assert len(logged_failures.flush(ZeroDivisionError)) == LINES


# ---- proof ----


def entropy(count: int) -> bytes:
    return b"e" * count


class Admitted(Doubler):
    pass


def gate_pair(token: Token = TOKEN, sent_on: str | None = None) -> tuple[Pair, list[Role]]:
    roles: list[Role] = []

    def admit(role: Role) -> Locator | str:
        roles.append(role)
        return Admitted() if sent_on is None else sent_on

    clock = Clock()
    pair = Pair(Gate(token, admit, entropy, clock))
    pair.clock.advance(0)
    pair.gate_clock = clock  # type: ignore[attr-defined]
    return pair, roles


def test_a_proven_link_gets_the_commands_of_its_role() -> None:
    """Before the proof none is understood, after it all of them; the timer is gone."""
    pair, roles = gate_pair()
    with pytest.raises(NotAllowed, match="prove the token first"):
        pair.ask(Double, number=1)
    pair.wait(Deferred.fromCoroutine(prove(pair.client, TOKEN, "worker", entropy)))
    assert roles == ["worker"]
    assert pair.alive()
    assert not pair.gate_clock.getDelayedCalls()  # type: ignore[attr-defined]


@pytest.mark.parametrize("primary", ["there:7", ""])
def test_who_is_sent_on_is_closed_after_ten_seconds(primary: str) -> None:
    """It should close by itself, but that may be lost on the way."""
    pair, _ = gate_pair(sent_on=primary)
    with pytest.raises(NotPrimary) as raised:
        pair.wait(Deferred.fromCoroutine(prove(pair.client, TOKEN, "worker", entropy)))
    assert str(raised.value.primary or "") == primary
    clock = pair.gate_clock  # type: ignore[attr-defined]
    clock.advance(STRANGER_SECONDS - 0.1)
    assert pair.wire.server_transport.lost is None
    clock.advance(0.2)
    assert pair.wire.server_transport.lost is not None
    assert not clock.getDelayedCalls()


def test_a_wrong_token_is_refused_by_both_ends() -> None:
    """Neither end admits the other, and the sentence says from where to copy the token."""
    pair, roles = gate_pair(Token(b"x" * 32))
    with pytest.raises(WrongToken, match=r"cluster\.token"):
        pair.wait(Deferred.fromCoroutine(prove(pair.client, TOKEN, "worker", entropy)))
    assert not roles


def test_a_server_that_cannot_prove_the_token_is_not_believed() -> None:
    """An impostor that admits everybody is recognized by its answer."""

    class Impostor(Gate):
        def prove(self, role: str, proof: bytes) -> dict[str, Any]:
            return {"proof": proof}

    from chatnet.wire.common import Prove

    Prove.responder(Impostor.prove)
    Impostor._commandDispatch = {**Gate._commandDispatch, b"Prove": (Prove, Impostor.prove)}
    pair = Pair(Impostor(TOKEN, lambda _: Doubler(), entropy, Clock()))
    with pytest.raises(WrongToken):
        pair.wait(Deferred.fromCoroutine(prove(pair.client, TOKEN, "worker", entropy)))


BOUND = b"127.0.0.1:40000|127.0.0.1:64480"
"""The two ends of a loop-back, as both see them."""


def at(host: str, port: int) -> Any:
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)


@pytest.mark.parametrize(
    ("asker", "answerer", "bound"),
    [
        (at("127.0.0.1", 40000), at("127.0.0.1", 64480), BOUND),
        (at("::ffff:127.0.0.1", 40000), at("::ffff:7f00:1", 64480), BOUND),
        (at("0:0:0:0:0:0:0:1", 40000), at("::1", 64480), b"[::1]:40000|[::1]:64480"),
        (at("127.0.0.2", 40000), at("127.0.0.1", 64480), b"127.0.0.2:40000|127.0.0.1:64480"),
        (at("10.0.0.1", 40000), at("10.0.0.1", 64480), b""),
        (at("127.0.0.1", 40000), at("10.0.0.1", 64480), b""),
        (at("10.0.0.1", 40000), at("127.0.0.1", 64480), b""),
        (at("fe80::1%lo", 40000), at("::1", 64480), b""),
    ],
)
def test_a_connection_on_loopback_is_bound_by_its_addresses(asker: Any, answerer: Any, bound: bytes) -> None:
    """This holds however they are written; off loopback no value is known that only the connection has."""
    assert binding(asker, answerer) == bound


def test_a_proof_serves_once() -> None:
    """A recorded proof cannot be used again: each challenge has a nonce of its own."""
    from chatnet.wire.common import Prove

    pair, roles = gate_pair()
    nonce = pair.ask(Challenge, version=VERSION, nonce=entropy(32))["nonce"]
    with pytest.raises(WrongToken):
        pair.ask(Prove, role="worker", proof=b"w" * 32)
    with pytest.raises(WrongToken):
        pair.ask(Prove, role="worker", proof=TOKEN.proof("asks", "worker", entropy(32), nonce, BOUND))
    assert not roles


def test_another_version_is_told() -> None:
    """The sentence says that there are two versions, and which is which."""
    pair, _ = gate_pair()
    with pytest.raises(WrongVersion, match=f"version {VERSION} of the protocol and yours 99"):
        pair.ask(Challenge, version=99, nonce=entropy(32))


def test_no_proof_within_ten_seconds_closes() -> None:
    """A half-open or idle stranger does not stay."""
    pair, _ = gate_pair()
    pair.gate_clock.advance(9.9)  # type: ignore[attr-defined]
    pair.flush()
    assert pair.wire.server_transport.lost is None
    pair.gate_clock.advance(0.2)  # type: ignore[attr-defined]
    pair.flush()
    assert pair.wire.server_transport.lost is not None


# ---- silence ----


def make_pulse(clock: Clock, **options: float) -> Pulse:
    pulse = Pulse(clock, clock.seconds, *CLUSTER_PULSE._replace(**options))
    pulse.start()
    return pulse


def test_a_silent_link_is_dropped_after_its_patience() -> None:
    """After three seconds of silence it is dropped; a message in between starts them again."""
    clock = Clock()
    locator = Doubler()
    pair = Pair(locator, make_pulse(clock))
    clock.pump([0.25] * 11)
    pair.alive()
    clock.pump([0.25] * 11)
    pair.flush()
    assert not locator.reasons
    clock.pump([0.25] * 3)
    pair.flush()
    assert locator.reasons


def test_a_watcher_that_was_itself_stopped_counts_anew() -> None:
    """A tick that comes a second late shows that we were stopped, not the others."""
    clock = Clock()
    locator = Doubler()
    pair = Pair(locator, make_pulse(clock))
    clock.pump([0.25] * 11)
    clock.advance(60)
    clock.pump([0.25] * 10)
    pair.flush()
    assert not locator.reasons
    clock.pump([0.25] * 4)
    pair.flush()
    assert locator.reasons


def test_links_are_pinged() -> None:
    """A ping each second is enough for two pulses to keep each other alive."""
    clock = Clock()
    locator = Doubler()
    pair = Pair(locator, make_pulse(clock))
    pair.client.pulse = make_pulse(clock)
    pair.client.pulse.add(pair.client)
    for _ in range(100):
        clock.advance(0.25)
        pair.flush()
    assert not locator.reasons


@pytest.mark.parametrize("turn", [0.3, 0.8, 1.4, 2.0])
def test_a_process_that_is_only_busy_is_heard(turn: float) -> None:
    """However long its turns are, they only need to be shorter than the others' patience."""
    clock = Clock()
    locator = Doubler()
    pair = Pair(locator, make_pulse(clock))  # the watching process
    busy = Clock()
    pair.client.pulse = make_pulse(busy)
    pair.client.pulse.add(pair.client)
    for number in range(1, 400):
        clock.advance(0.25)
        if number * 0.25 % turn < 0.25:
            busy.advance(turn)
        pair.flush()
    assert not locator.reasons


# ---- back-pressure ----


class Recorder(Locator):
    """Records what it is asked to double, and holds at 0."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.pings: list[int | None] = []

    @Double.responder
    def double(self, number: int, **_: Any) -> dict[str, Any]:
        self.numbers.append(number)
        if not number:
            self.link.hold()
        return {"number": number}

    @Ping.responder
    def pinged(self, seq: int | None, check: bytes | None) -> dict[str, Any]:
        self.pings.append(seq)
        return {}


class Stranger(Recorder):
    speaker = Speaker.VISITOR


def doubles(*numbers: int) -> bytes:
    return b"".join(box(_command=b"Double", number=b"%d" % number) for number in numbers)


def test_a_visitor_that_does_not_read_is_not_obeyed() -> None:
    """What it asks waits, since our answers would fill our memory; it is done when the visitor reads."""
    locator = Recorder()
    pair = Pair(locator, bounded=True)
    for _ in range(2):  # a full transport reports so at each write, but only once that it has room
        pair.server.outbox.put(b"\x00" * 100_000)
        pair.clock.advance(0)
    pair.server.dataReceived(doubles(1, 2))
    assert pair.server.full
    assert locator.numbers == []
    waiting = len(pair.wire.server_transport.waiting)
    for _ in range(100):  # it may go on for days, with signs of life of its own
        pair.server.ping()
        pair.clock.advance(0)
    assert len(pair.wire.server_transport.waiting) == waiting
    pair.wire.server_transport.take()
    pair.server.dataReceived(doubles(3))
    pair.clock.advance(0)
    assert locator.numbers == [1, 2, 3]
    assert pair.wire.server_transport.reading


def test_who_is_held_is_read_on_for_its_signs_of_life() -> None:
    """This holds while little waits: a slow client that pings is not closed, though nothing is done for
    it."""
    clock = Clock()
    locator = Recorder()
    pair = Pair(locator, make_pulse(clock), bounded=True)
    pair.raw(doubles(0, 1))
    for _ in range(100):
        clock.pump([0.25] * 10)
        pair.raw(PING)
    assert pair.server.transport is not None
    assert pair.wire.server_transport.reading
    pair.server.release()
    pair.flush()
    assert (locator.numbers, locator.pings) == ([0, 1], [])


def test_a_ping_that_says_more_keeps_its_place() -> None:
    """A ping with a seq says that nothing is left up to there: that is true only after what came before
    it."""
    locator = Recorder()
    pair = Pair(locator)
    pair.raw(doubles(0, 1) + box(_command=b"Ping", seq=b"7"))
    assert locator.pings == []
    pair.server.release()
    pair.flush()
    assert (locator.numbers, locator.pings) == ([0, 1], [7])


@pytest.mark.parametrize("bounded", [True, False])
def test_no_more_is_read_once_enough_waits(bounded: bool) -> None:
    """Boxes and bytes both count. After that silence is no sign of death: we are the ones not reading."""
    clock = Clock()
    for sent in (
        doubles(*range(1, 2 * MOST_BOXES)),
        box(_command=b"Double", number=b"1", word=b"x" * 20_000),
    ):
        locator = Recorder()
        pair = Pair(locator, make_pulse(clock), bounded)
        pair.raw(doubles(0))
        assert pair.wire.server_transport.reading
        pair.raw(sent)
        assert not pair.wire.server_transport.reading
        clock.pump([0.25] * 100)
        assert pair.server.transport is not None
        pair.server.release()
        pair.flush()
        assert locator.numbers[:2] == [0, 1]
        assert len(locator.numbers) in (2, 2 * MOST_BOXES)
        assert pair.wire.server_transport.reading
        clock.pump([0.25] * 14)
        pair.flush()
        assert pair.server.transport is None


def test_who_is_held_again_on_the_way_goes_on_where_it_was() -> None:
    """Nothing is lost, repeated or overtaken, however much waited."""
    locator = Recorder()
    pair = Pair(locator)
    numbers = [number % 10 for number in range(300)]
    pair.raw(doubles(*numbers))
    for _ in range(30):
        assert not locator.numbers[-1]
        pair.server.release()
        pair.flush()
    assert locator.numbers == numbers


def test_who_releases_in_the_middle_of_something_is_not_overtaken() -> None:
    """What waits is obeyed in the next reactor turn, not within the call that released it."""
    locator = Recorder()
    pair = Pair(locator)
    pair.raw(doubles(0, 1))
    pair.server.release()
    pair.server.dataReceived(doubles(2))
    assert locator.numbers == [0]
    pair.flush()
    assert locator.numbers == [0, 1, 2]


# ---- work in one turn ----


@pytest.mark.parametrize(("locator", "share"), [(Stranger, STRANGERS_SHARE), (Recorder, USERS_SHARE)])
def test_a_visitor_is_obeyed_so_often_in_one_turn(locator: type[Recorder], share: int) -> None:
    """A stranger may do less than a user; the rest follows in the next turns, in order."""
    server = locator()
    pair = Pair(server, bounded=True)
    pair.server.dataReceived(doubles(*range(1, 200)))
    for turns in range(1, 4):
        assert server.numbers == list(range(1, 1 + share * turns))
        assert not pair.wire.server_transport.reading
        pair.turn()
    pair.flush()
    assert server.numbers == list(range(1, 200))
    assert pair.wire.server_transport.reading


class Slow(Recorder):
    """Each number takes as many milliseconds."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    @Double.responder
    def double(self, number: int, **_: Any) -> dict[str, Any]:
        self.clock.rightNow += number / 1000
        self.numbers.append(number)
        return {"number": number}


def test_a_turn_ends_by_time_as_well() -> None:
    """All visitors share the time of a turn, however few boxes that allows; each gets its turn."""
    clock = Clock()
    outboxes, visitors = Outboxes(clock), Visitors(clock)
    floods = [Slow(clock) for _ in range(3)]
    for locator in floods:
        link = Link(locator, outboxes, visitors=visitors)
        Loopback(Link(Locator(), outboxes), link)
        link.dataReceived(doubles(*[1] * 30))
    done = [[len(locator.numbers) for locator in floods]]
    for _ in range(9):
        turn(clock)
        done.append([len(locator.numbers) for locator in floods])
    in_turns = [sum(after) - sum(before) for before, after in pairwise([[0], *done])]
    most = A_TURN_SECONDS * 1000 + 1  # including the last box that was begun
    assert all(count <= most for count in in_turns)
    assert sum(in_turns) >= 10 * A_TURN_SECONDS * 1000
    assert max(done[-1]) - min(done[-1]) <= most


def test_the_clusters_own_links_are_not_bounded() -> None:
    """What workers and primaries say is done at once, also what one says that has just proven the token."""
    for bounded in (False, True):
        pair = Pair(server := Recorder(), bounded=bounded)
        pair.server.trust()
        pair.server.dataReceived(doubles(*range(1, 1000)))
        assert len(server.numbers) == 999


def test_nonsense_of_a_stranger_is_answered_once(logged_failures: Any) -> None:
    """The second time it is answered, and closed; what follows is not obeyed. Users may go on."""
    for nonsense in (box(_command=b"Nonsense", _ask=b"1"), box(_command=b"Double", number=b"x")):
        for locator in (Stranger(), Recorder()):
            pair = Pair(locator, bounded=True)
            sent: list[bytes] = []
            pair.client.dataReceived = sent.append  # type: ignore[method-assign, assignment]
            pair.raw(nonsense + doubles(1))
            assert pair.server.transport is not None
            pair.raw(nonsense + doubles(2))
            assert locator.numbers == ([1] if locator.is_stranger else [1, 2])
            assert (pair.server.transport is None) is locator.is_stranger
            assert b"".join(sent).count(b"NOT_ALLOWED") == 2 * nonsense.count(b"_ask")


def test_a_refusal_of_a_stranger_is_no_nonsense() -> None:
    """A wrong version or secret may be corrected and sent again."""
    pair = Pair(StrangeDoubler(), bounded=True)
    for _ in range(5):
        with pytest.raises(NotJoined):
            pair.ask(Double, number=13)


def test_a_strangers_box_is_small() -> None:
    """A login needs no larger box; after it larger ones are allowed."""
    for locator in (Stranger(), Recorder()):
        pair = Pair(locator, bounded=True)
        pair.raw(box(_command=b"Double", number=b"1", word=b"x" * MAX_STRANGERS_BOX))
        assert (pair.server.transport is None) is locator.is_stranger
    for is_ours in (False, True):
        pair = Pair(Stranger(), bounded=True)
        if is_ours:
            pair.server.trust()
        pair.server.become(locator := Recorder())
        pair.raw(box(_command=b"Double", number=b"1", word=b"x" * 60_000))
        assert locator.numbers == [1]


def test_the_clusters_own_links_go_on_reading_when_full() -> None:
    """If two processes both stopped reading, they would wait for each other without end."""
    pair = Pair(Doubler())
    pair.server.outbox.put(b"\x00" * 100_000)
    pair.clock.advance(0)
    assert pair.server.full
    assert pair.wire.server_transport.reading


def test_holds_add_up() -> None:
    """Reading goes on when everybody that held the link has released it."""
    locator = Recorder()
    pair = Pair(locator)
    pair.server.hold()
    pair.raw(doubles(0, 1))
    pair.server.hold()
    pair.server.release()
    pair.flush()
    assert locator.numbers == []
    pair.server.release()
    pair.flush()
    assert locator.numbers == [0]
    pair.server.release()
    pair.flush()
    assert locator.numbers == [0, 1]


def test_hanging_up_sends_what_was_put() -> None:
    """What was written before the close arrives."""
    pair = Pair(Doubler())
    received: list[bytes] = []
    pair.client.dataReceived = received.append  # type: ignore[method-assign, assignment]
    pair.server.outbox.put(b"bye")
    pair.server.hang_up()
    pair.flush()
    assert received == [b"bye"]
    assert pair.wire.server_transport.lost is not None
    assert not pair.clock.getDelayedCalls()


@pytest.mark.parametrize("is_held", [False, True])
def test_who_does_not_read_is_cut_off_after_we_hang_up(is_held: bool) -> None:
    """It is cut off five seconds later, however often we close, and even if we have stopped reading, when
    silence is not counted. If the other end closes, no timer stays."""
    clock = Clock()
    pulse = Pulse(clock, clock.seconds, tick=0.25, every=1, patience=3)
    pair = Pair(Doubler(), pulse, bounded=True)
    pulse.start()
    pair.wire.client_transport.reading = False
    if is_held:
        pair.server.hold()
        pair.raw(doubles(*range(2 * MOST_BOXES)))
        assert pair.server.is_paused
    pair.server.outbox.put(b"bye")
    pair.server.hang_up()
    pair.clock.advance(CLOSE_SECONDS - 1)
    pair.server.hang_up()
    pair.flush()
    assert pair.server.transport is not None
    pair.clock.advance(1)
    pair.flush()
    assert pair.server.transport is None
    pair.server.hang_up()
    assert not pair.clock.getDelayedCalls()


def test_when_lost_fires_before_and_after() -> None:
    """A caller that waits for the end is told, and one that asks after the end is told at once."""
    pair = Pair(Doubler())
    fired: list[None] = []
    pair.server.when_lost().addCallback(fired.append)
    pair.wire.cut()
    pair.server.when_lost().addCallback(fired.append)
    assert len(fired) == 2
