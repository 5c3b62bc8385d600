"""Reads that are refused for now, on a full disk or by a damaged store: whoever asks is told, and no more."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from irc_front.stage import PASSWORD, SERVER, Heard, IrcStage, plain
from irc_front.test_irc_devices import PHONE, comes, posts, says, staged
from irc_front.test_irc_guests import guest
from irc_front.test_irc_rooms import does, moderated, together
from worker.conftest import Worker

from chatnet.errors import Unreadable
from chatnet.reads import AccountOf, Feed, HeardBy, History, MarksOf, SnapshotOf, SpeakerIn
from chatnet.testing.memory_log import ANSWERS
from chatnet.worker.session import Session

WHY = Unreadable.sentence
CLOSED = f"ERROR Closing link: {WHY}"
WHEN = "timestamp=2970-01-01T00:00:00.000Z"
KEY = "+chatnet/key=AAECAwQFBgcICQoLDA0ODw"


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker(), guests=True)


def names(heard: Sequence[Heard]) -> dict[str, list[str]]:
    """Return who is said to be in channels."""
    return {one.params[2]: one.text.split() for one in heard if one.command == "353"}


@pytest.mark.parametrize("asked", [HeardBy, Feed])
def test_a_device_that_comes_is_told_why_it_cannot_hear(asked: type) -> None:
    """Nothing that it has missed is lost: it comes again, and is sent that."""
    stage = staged()
    says(stage, "missed")
    stage.worker.log.unread = {asked}
    phone = comes(stage, PHONE)
    assert [one.shown for one in phone.take() if one.command in ("PRIVMSG", "ERROR")] == [CLOSED]
    stage.worker.pass_time(1)
    assert not phone.is_open
    stage.worker.log.unread = ()
    assert posts(comes(stage, PHONE)) == ["missed"]


def test_a_guest_who_logs_in_and_cannot_hear_is_told_why(stage: IrcStage) -> None:
    """The guest is gone, and the user would hear nothing."""
    stage.user("alice")
    line = guest(stage, "wanderer")
    line.ask("AUTHENTICATE PLAIN")
    stage.worker.log.unread = {HeardBy}
    line.say(f"AUTHENTICATE {plain('alice@phone')}")
    stage.worker.work()
    stage.worker.pass_time(1)
    assert [one.shown for one in line.take() if one.command == "ERROR"] == [CLOSED]
    assert not line.is_open


def test_a_guest_who_is_called_otherwise_and_cannot_hear_is_told_why(
    stage: IrcStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = guest(stage, "wanderer")

    async def cannot(*_: object) -> None:
        raise Unreadable(WHY)

    monkeypatch.setattr(Session, "chat", cannot)
    assert line.shown("NICK pilgrim")[0] == CLOSED
    stage.worker.pass_time(1)
    assert not line.is_open


@pytest.mark.parametrize("password", [True, False])
def test_nobody_is_told_of_a_wrong_password_that_was_not_looked_at(stage: IrcStage, password: bool) -> None:
    """Clients would forget it."""
    stage.user("alice").cut()
    stage.worker.log.unread = {AccountOf, SnapshotOf}
    line = stage.line()
    line.say(*([f"PASS :{PASSWORD}", "NICK alice"] if password else ["NICK bob"]), "USER x 0 * :x")
    stage.worker.work()
    assert [one.shown for one in line.take()] == [CLOSED]


@pytest.mark.parametrize("password", [True, False])
def test_who_comes_is_let_in_though_it_is_not_known_whether_they_are_muted(
    stage: IrcStage, password: bool
) -> None:
    """Others are told none of their words then."""
    alice = stage.user("alice")
    stage.user("bob").cut()
    stage.worker.log.unread = {SpeakerIn}
    line = stage.line()
    line.say(f"CAP REQ :draft/pre-away{'' if password else ' sasl'}", "AWAY :words", "USER b 0 * :more words")
    if not password:
        line.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('bob')}")
        stage.worker.work()
    line.say(*([f"PASS :{PASSWORD}"] if password else []), "NICK bob", "CAP END")
    stage.worker.work()
    assert "001" in [one.command for one in line.take()]
    told = alice.ask("WHOIS bob")
    assert [one.text for one in told if one.command in ("311", "301")] == ["bob", "away"]


@pytest.mark.parametrize("rooms", ["#cake", "#cake,#milk"])
def test_who_is_there_is_told_without_how_far_one_has_read(stage: IrcStage, rooms: str) -> None:
    """Marks are in another file than the log: it may be that they alone cannot be read."""
    stage.user("bob").ask(f"JOIN {rooms}")
    stage.worker.log.unread = {MarksOf}
    line = stage.user("alice", "draft/read-marker", "draft/chathistory")
    joined = line.ask(f"JOIN {rooms}")
    line.cut()
    came = comes(stage, "alice", "draft/read-marker", "draft/chathistory").take()
    for heard in (joined, came):
        found = names(heard)
        assert all(sorted(found[room]) == ["@bob", "alice"] for room in rooms.split(","))
        assert "MARKREAD" not in [one.command for one in heard]


def test_who_joins_is_told_the_end_of_the_names_once(stage: IrcStage) -> None:
    """Also if what was said last cannot be read behind them."""
    [bob] = together(stage, "bob")
    bob.ask("PRIVMSG #tea :x")
    alice = stage.user("alice", "server-time")
    stage.worker.log.unread = {History}
    assert [one.command for one in alice.ask("JOIN #tea")] == ["JOIN", "353", "366"]


REFUSED = {
    "CHATHISTORY LATEST #tea * 9": ["FAIL CHATHISTORY UNREADABLE LATEST"],
    f"CHATHISTORY BEFORE #tea {WHEN} 9": ["FAIL CHATHISTORY UNREADABLE BEFORE"],
    f"CHATHISTORY TARGETS {WHEN} {WHEN} 9": ["FAIL CHATHISTORY UNREADABLE TARGETS"],
    "MARKREAD #tea": ["FAIL MARKREAD INTERNAL_ERROR #tea"],
    f"MARKREAD #tea {WHEN}": ["FAIL MARKREAD INTERNAL_ERROR #tea"],
    "REDACT #tea {msgid}": ["FAIL REDACT UNREADABLE #tea"],
    "WHO #tea": ["FAIL WHO UNREADABLE #tea", "315 carol #tea"],
    "WHO b*": ["FAIL WHO UNREADABLE b*", "315 carol b*"],
    "WHOIS bob": ["FAIL WHOIS UNREADABLE bob", "318 carol bob"],
    "NAMES #tea": ["FAIL NAMES UNREADABLE #tea", "366 carol #tea"],
    "LIST": ["321 carol Channel", "FAIL LIST UNREADABLE *", "323 carol"],
    "TOPIC #tea": ["FAIL TOPIC UNREADABLE #tea"],
    "TOPIC #tea :hot": ["FAIL TOPIC UNREADABLE #tea"],
    "MODE #tea": ["FAIL MODE UNREADABLE #tea"],
    "MODE #tea b": ["FAIL MODE UNREADABLE #tea"],
    "MODE #tea +o bob": ["FAIL MODE UNREADABLE #tea"],
    "CERT": ["FAIL CERT UNREADABLE *"],
    # The log's own refusals stand, though it cannot be looked what else may be the reason.
    "KICK #tea bob": ["482 carol #tea"],
    "AWAY :lunch": ["FAIL AWAY UNREADABLE lunch"],
    "TOPIC #milk :cold": ["FAIL TOPIC UNREADABLE #milk"],
    "PART #milk": ["442 carol #milk"],
    "JOIN #@nobody,#milk": ["476 carol #@nobody", "JOIN #milk", "366 carol #milk"],
}
"""Lines, and how their answers begin."""


@pytest.mark.parametrize("line", REFUSED)
def test_a_line_is_answered_by_why_it_cannot_be_done(stage: IrcStage, line: str) -> None:
    """And not as if there were nothing; nor is it logged as a fault of ours."""
    carol, bob = together(stage, "carol", "bob")
    bob.ask("MODE bob +i")
    carol.ask("CAP REQ :standard-replies message-tags echo-message")
    [said] = carol.ask("PRIVMSG #tea :hi")
    stage.worker.log.unread = ANSWERS.keys()
    told = carol.ask(line.format(msgid=said.tags["msgid"]))
    for one, begins in zip(told, REFUSED[line], strict=True):
        assert one.shown.startswith(begins)
        assert one.command != "FAIL" or one.text == WHY
    assert carol.shown("PING x") == [f"PONG {SERVER} x"]


def test_what_was_said_before_is_not_refused_where_it_cannot_be_read(stage: IrcStage) -> None:
    """Nor is it a fault of ours. Who keeps it says it again later, with its key."""
    caps = ("standard-replies", "echo-message", "labeled-response", "batch", "chatnet/key")
    _, bob = moderated(stage)
    bob.ask(f"CAP REQ :{' '.join(caps)}")
    again = f"@label=1;{KEY} PRIVMSG &ops :once"
    bob.ask(again)
    stage.worker.log.forget()
    for refused, answer in (
        ({History}, f"FAIL PRIVMSG UNREADABLE {WHY}"),
        ((), "PRIVMSG &ops once"),
    ):
        stage.worker.log.unread = refused
        [told] = bob.ask(again)
        assert (told.tags["label"], told.shown) == ("1", answer)
    does(stage, "remove", "alice", "&ops", to="bob")
    stage.worker.log.forget()
    bob.take()
    assert [one.params[1] for one in bob.ask(again)] == ["NO_SUCH_ROOM"]
