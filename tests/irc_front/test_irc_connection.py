"""One connection: in any pieces, to its end, slow, silent, flooded; and nothing that was said is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from irc_front.stage import PASSWORD, SERVER, IrcLine, IrcStage
from twisted.internet.interfaces import IHalfCloseableProtocol
from worker.conftest import Worker

from chatnet.entries import Draft
from chatnet.errors import SessionEnded
from chatnet.worker.fronts.connection import MOST_WAITING
from chatnet.worker.fronts.irc.budget import BURST, RATE, Budget
from chatnet.worker.fronts.irc.client import LINGER_SECONDS
from chatnet.worker.fronts.irc.connection import ANSWER_SECONDS, PING_SECONDS
from chatnet.worker.handoff import Handoff


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


def half_close(line: IrcLine) -> None:
    """End what the client sends, and not what it reads."""
    assert IHalfCloseableProtocol.providedBy(line.server)
    line.wire.server_transport.reading = False
    line.server.readConnectionLost()
    for _ in range(20):
        line.stage.worker.settle()


# ---- what arrives, in any pieces ----


def test_lines_come_in_any_pieces(stage: IrcStage) -> None:
    """A byte at a time, many at once, a character cut in two; CR, LF, both; blanks, sources and spaces."""
    alice = stage.user("alice", "echo-message")
    alice.ask("JOIN #tea")
    for byte in "PRIVMSG #tea :zwölf Boxkämpfer\r\n".encode():
        alice.send(bytes([byte]))
    alice.send(b"\r\n\n\r   \r\nprivmsg  #tea   :  two \n:a!b@c PRIVMSG #tea three\rPRIVMSG #tea fo")
    alice.send(b"ur\r\n@+x=y;z :src PRIVMSG #tea five ignored\n")
    assert [one.text for one in alice.take()] == ["zwölf Boxkämpfer", "  two ", "three", "four", "five"]


BYTES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                *(b"\r\n", b"\n", b"PRIVMSG #tea :hello\r\n", b"PRIVMSG #tea,bob :x\r\n", b"JOIN #tea\r\n"),
                *(b"PART #tea\r\n", b"@label=1 ", b"PING x\r\n", b"NAMES #tea\r\n", b"CAP REQ :batch\r\n"),
                *(b"x" * 600, b"\xff", b"\0", b"TOPIC #tea :x\r\n", b":", b"@", b" ", b"NICK z\r\n"),
                *(b"CAP REQ :labeled-response batch message-tags\r\n", b"CAP REQ :-message-tags\r\n"),
                *(b"USER a b c d\r\n", b"AUTHENTICATE PLAIN\r\n", b"NOTICE bob :x\r\n", b"TAGMSG bob\r\n"),
            ]
        ),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(BYTES, st.lists(st.integers(1, 400), max_size=40))
def test_any_bytes_cut_anywhere(pieces: list[bytes], cuts: list[int]) -> None:
    """Every line is answered or carried out, nothing raises, and the connection is there at the end: a PING
    behind it all is answered. A stranger's is at worst closed."""
    stage = IrcStage(Worker())
    stage.user("bob").cut()
    for line in (stage.user("alice"), stage.line()):
        data, was_stranger = b"".join(pieces), line.heard == [] and line.server.speech.is_stranger
        for cut in cuts:
            line.send(data[:cut])
            data = data[cut:]
        line.send(data + b"\r\nPING :the end\r\n")
        stage.worker.pass_time(10)
        stage.worker.work()
        if not was_stranger or line.is_open:
            assert line.heard[-1].shown == f"PONG {SERVER} the end"
        assert line.raw == b""


# ---- the end ----


def test_what_came_before_the_end_is_done(stage: IrcStage) -> None:
    """Lines, the end of the stream, and nobody reads any more: `printf … | nc` says all that it said."""
    bob = stage.user("bob")
    line = stage.line()
    line.say(f"PASS :{PASSWORD}", "NICK alice", "USER a 0 * :a", "PRIVMSG bob :one", "PRIVMSG bob :two")
    half_close(line)
    stage.worker.work()
    stage.worker.pass_time(1)
    assert bob.texts() == ["alice bob one", "alice bob two"]
    assert line.take()[-1].shown == "ERROR Closing link: Quit"
    assert not line.is_open
    assert not [one for one in stage.worker.sessions.open if one.user == "alice"]


def test_quit_waits_for_what_was_said(stage: IrcStage) -> None:
    bob, alice = stage.user("bob"), stage.user("alice", "echo-message")
    stage.worker.log.held = True
    alice.say("PRIVMSG bob :x", "QUIT", "PRIVMSG bob :never said")
    assert alice.is_open
    stage.worker.log.let_go()
    stage.worker.settle()
    assert [one.shown for one in alice.take()] == ["PRIVMSG bob x", "ERROR Closing link: Quit"]
    assert bob.texts() == ["alice bob x"]
    assert not alice.is_open


def test_a_connection_that_is_lost_still_says_what_it_said() -> None:
    """Also what waits for the user's rate, or for the log; the session ends behind it."""
    stage = IrcStage(Worker(rate=2))
    bob, alice = stage.user("bob"), stage.user("alice")
    alice.wire.client_transport.write(b"".join(b"PRIVMSG bob :%d\r\n" % number for number in range(30)))
    stage.worker.settle()
    alice.cut()
    assert len(bob.texts()) < 20
    stage.worker.pass_time(15)
    assert bob.texts() == [f"alice bob {number}" for number in range(30)]
    assert [one.user for one in stage.worker.sessions.open] == ["bob"]


def test_what_a_lost_connection_said_keeps_its_order(stage: IrcStage) -> None:
    """A line that still reads when the connection is lost comes before those behind it."""
    alice = stage.user("alice")
    alice.ask("JOIN #tea")
    stage.worker.log.reads_held = True
    alice.say("TOPIC #tea :about tea", "PRIVMSG #tea :one", "PRIVMSG #tea :two")
    alice.cut()
    stage.worker.log.let_go()
    stage.worker.pass_time(1)
    log = stage.worker.log.window
    said = [(entry.kind, entry.text) for entry in log.after(log.start - 1) if entry.room == "#tea"]
    assert said[1:] == [("describe", "about tea"), ("post", "one"), ("post", "two")]
    assert not stage.worker.sessions.open


def test_nobody_waits_for_ever_for_who_is_gone(stage: IrcStage) -> None:
    alice = stage.user("alice")
    stage.worker.log.held = True
    alice.say("PRIVMSG #@alice :x")
    alice.cut()
    assert stage.worker.sessions.open
    stage.worker.pass_time(LINGER_SECONDS + 1)
    assert not stage.worker.sessions.open
    assert not stage.worker.router._local_users
    stage.worker.log.let_go()
    stage.worker.pass_time(2)
    assert not stage.worker.clock.getDelayedCalls()


def test_who_is_gone_while_a_line_reads_leaves_nothing(stage: IrcStage) -> None:
    """What the line would append behind that is answered to nobody, and nobody waits for it."""
    alice = stage.user("alice")
    alice.ask("JOIN #tea")
    stage.worker.log.reads_held = True
    alice.say("TOPIC #tea :about tea")
    alice.cut()
    stage.worker.log.let_go()
    stage.worker.pass_time(60)
    assert not stage.worker.sessions.open
    assert not stage.worker.clock.getDelayedCalls()


def test_who_is_gone_leaves_nothing(stage: IrcStage) -> None:
    alice = stage.user("alice")
    alice.ask("JOIN #tea,#cake", "PRIVMSG #tea :x")
    alice.say(*(f"PRIVMSG #x :{number}" for number in range(300)))
    alice.cut()
    stage.worker.pass_time(2)
    assert not stage.irc.crowd.of_key
    assert not stage.irc.crowd.of_user
    assert stage.irc.rooms == 0
    assert not stage.worker.sessions.open
    assert not stage.worker.log.window._watchers.keys() & {None}
    assert not stage.worker.clock.getDelayedCalls()


def test_why_a_connection_is_closed(stage: IrcStage) -> None:
    """ERROR says it: the session was ended, or the worker stops; a client comes back by itself."""
    alice = stage.user("alice")
    for session in list(stage.worker.sessions.open):
        session.end(SessionEnded.of(name="alice"))
    stage.worker.settle()
    assert [one.command for one in alice.heard] == ["ERROR"]
    assert "was ended" in alice.heard[0].text
    bob, stranger = stage.user("bob"), stage.line()
    for link in stage.worker.pulse.links():
        link.hang_up()
    stage.worker.settle()
    for line in (bob, stranger):
        assert [one.command for one in line.heard] == ["ERROR"]
        assert not line.is_open


def test_a_worker_that_is_emptied_closes_those_that_stay(stage: IrcStage) -> None:
    alice = stage.user("alice")
    handoff = Handoff(stage.worker.sessions, stage.worker.clock)
    handoff.shed(1, shared=True)
    stage.worker.pass_time(12)
    handoff.stop()
    assert [one.command for one in alice.heard] == ["ERROR"]


# ---- silence ----


def test_who_is_silent_is_pinged_and_then_closed(stage: IrcStage) -> None:
    """After a minute and a half; with a minute to answer. Who answers stays, and so does who talks."""
    stage.worker.pulse.start()
    silent, answering, talking = stage.user("alice"), stage.user("bob"), stage.user("carol")
    deaf = stage.user("dan")
    deaf.wire.client_transport.reading = False
    for _ in range(12):
        stage.worker.pass_time((PING_SECONDS + ANSWER_SECONDS + 30) / 12)
        talking.ask("PING x")
        for one in answering.take():
            assert one.shown == f"PING {SERVER}"
            answering.say(f"PONG {SERVER}")
    assert (silent.is_open, answering.is_open, talking.is_open) == (False, True, True)
    assert [one.shown for one in silent.heard] == [f"PING {SERVER}", "ERROR Closing link: Ping timeout"]
    assert not deaf.is_open
    stage.worker.pulse.stop()


def test_a_process_that_was_stopped_takes_nobody_for_silent(stage: IrcStage) -> None:
    alice = stage.user("alice")
    stage.worker.pulse.start()
    stage.worker.pass_time(5)
    stage.worker.clock.advance(1000)
    stage.worker.settle()
    stage.worker.pass_time(30)
    assert alice.is_open
    stage.worker.pulse.stop()


# ---- floods ----


def test_beyond_its_budget_a_client_is_read_more_slowly(stage: IrcStage) -> None:
    """Never cut, and nothing is lost; little of it waits in our memory."""
    alice = stage.user("alice")
    many = int(BURST) * 4
    alice.say(*(f"NONSENSE {number}" for number in range(many)))
    stage.worker.pass_time(1)
    answered = len(alice.heard)
    assert BURST <= answered <= BURST + 2 * RATE
    for _ in range(20):
        alice.wire.client_transport.write(b"NONSENSE\r\n" * 2_000)
        stage.worker.settle()
    assert alice.server._waiting < MOST_WAITING + 2 * 64 * 1024
    stage.worker.pass_time((many - BURST) / RATE)
    assert len(alice.heard) >= many - 5
    assert alice.is_open


def test_a_budget() -> None:
    budget = Budget(0.0)
    budget.spend(0.0, int(BURST) - 1)
    assert budget.wait(0.0) == 0
    budget.spend(0.0, 1)
    assert budget.wait(0.0) == pytest.approx(1 / RATE)
    assert budget.wait(1 / RATE) == 0
    budget.spend(1.0, 1000)
    assert budget.wait(1.0) > 40
    assert budget.wait(0.5) > 40  # a clock that went back fills nothing


def test_a_flood_of_posts_is_held_and_not_refused() -> None:
    """Beyond the user's rate a post waits; a PING behind it says when it is done."""
    stage = IrcStage(Worker(rate=2))
    alice, bob = stage.user("alice", "echo-message"), stage.user("bob")
    alice.say(*(f"PRIVMSG bob :{number}" for number in range(40)), "PING end")
    stage.worker.pass_time(2)
    assert alice.heard[-1].command == "PRIVMSG"
    stage.worker.pass_time(30)
    assert [one.text for one in alice.heard] == [*map(str, range(40)), "end"]
    assert len(bob.texts()) == 40


def test_lines_that_come_together_are_appended_together(
    stage: IrcStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part would be another commit, and another write to each of those who hear it."""
    alice, bob = stage.user("alice"), stage.user("bob")
    counts: list[int] = []
    append = stage.worker.log.append

    def counted(drafts: Sequence[Draft]) -> Any:
        counts.append(len(drafts))
        return append(drafts)

    monkeypatch.setattr(stage.worker.log, "append", counted)
    alice.say(*(f"PRIVMSG bob :{number}" for number in range(40)))
    assert counts == [40]
    assert len(bob.texts()) == 40


def test_who_does_not_read_is_not_read(stage: IrcStage) -> None:
    """Answers wait in our memory up to a bound; beyond that nothing more is done for them."""
    alice = stage.user("alice")
    alice.wire.client_transport.reading = False
    for _ in range(200):
        alice.wire.client_transport.write(b"LUSERS\r\nMOTD\r\n" * 50)
        stage.worker.pass_time(1)
    assert len(alice.wire.server_transport.waiting) < 100_000
    assert alice.server.full


def test_an_endless_line_takes_no_memory(stage: IrcStage) -> None:
    """It is refused once, and what follows its end is done."""
    line = stage.user("alice")
    for _ in range(100):
        line.send(b"x" * 10_000)
    assert len(line.server.lines._data) < 20_000
    assert [one.command for one in line.ask("", "PING x")] == ["417", "PONG"]


WAITING = (
    "AWAY :at lunch",
    "CERT LIST",
    "CHATHISTORY LATEST #tea * 10",
    "CHATHISTORY TARGETS timestamp=2020-01-01T00:00:00.000Z timestamp=2040-01-01T00:00:00.000Z 10",
    "INVITE bob #tea",
    "JOIN #cake,#pie",
    "LIST",
    "MARKREAD #tea",
    "MODE #tea b",
    "MODE #tea +b bob!*@*",
    "NAMES #tea",
    "PART #tea :bye",
    "PRIVMSG bob :hi",
    "SETNAME :Alice B.",
    "TOPIC #tea :leaves",
    "WHO #tea",
    "WHOIS bob",
)


@pytest.mark.parametrize("said", WAITING)
def test_a_connection_that_is_lost_while_its_line_waits_for_the_log(said: str) -> None:
    """Its end leaves nothing behind in the front, whatever the line does in the end."""
    stage = IrcStage(Worker())
    bob = stage.user("bob", "away-notify")
    bob.ask("JOIN #tea", "MONITOR + alice")
    before = left_in(stage)
    alice = stage.everything("alice")
    alice.ask("JOIN #tea", "MONITOR + bob")
    log = stage.worker.log
    log.reads_held = True
    alice.say(said)
    alice.cut()
    log.reads_held = False
    while log._reading:
        log.answer_read()
    stage.worker.settle()
    stage.worker.pass_time(LINGER_SECONDS + 1)
    assert left_in(stage) == before
    assert "731" in [one.command for one in bob.take()]
    assert bob.shown("ISON alice") == ["303 bob "]


def left_in(stage: IrcStage) -> list[object]:
    """Return what a front keeps of connections, and of who is here."""
    crowd, presence, patience = stage.irc.crowd, stage.irc.presence, stage.irc.patience
    kept = crowd.of_key, crowd.of_user, crowd.of_room, crowd.hear_of_away, crowd.of_chosen_key, crowd.keeping
    here = presence._here, presence._said, presence._watched, patience._waiting, patience._told
    return [dict.fromkeys(found) for found in (*kept, *here)]
