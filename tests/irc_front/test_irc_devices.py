"""Devices: what a client is sent that it has missed, and that only its PONGs say what it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from irc_front.stage import SERVER, Heard, IrcLine, IrcStage, plain
from twisted.internet.defer import Deferred
from worker.conftest import Worker

from chatnet.cursor import Cursor
from chatnet.entries import Draft, More
from chatnet.errors import BadRequest
from chatnet.kinds import CLUSTER
from chatnet.marks import UserMark, heard
from chatnet.reads import HeardBy
from chatnet.worker.fronts.irc.devices import ASK_SECONDS, MOST_ASKED
from chatnet.worker.gathered_marks import GATHER_SECONDS

PHONE = "alice@phone"
A_WHILE = ASK_SECONDS + 1.5
"""Seconds after which a device was asked, if it was sent something."""


@pytest.fixture
def stage() -> IrcStage:
    """Return a stage where bob and alice's phone are in #tea, and the phone is away."""
    return staged()


def staged(**said: Any) -> IrcStage:
    stage = IrcStage(Worker(), **said)
    stage.user("bob").ask("JOIN #tea")
    phone = comes(stage, PHONE)
    phone.ask("JOIN #tea")
    phone.cut()
    return stage


def comes(stage: IrcStage, who: str, *caps: str) -> IrcLine:
    """Return a new connection of a device, with all that it heard."""
    line, name = stage.line(), who.partition("@")[0]
    line.say("CAP LS 302", f"CAP REQ :{' '.join(('sasl', *caps))}", f"NICK {name}", f"USER {name} 0 * :x")
    line.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain(who)}", "CAP END")
    stage.worker.work()
    assert "001" in [one.command for one in line.heard], line.heard
    return line


def another_front(worker: Worker) -> IrcStage:
    """Return a front beside others, on one log."""
    worker.more += 10**6  # so that their keys differ
    front = Worker(clock=worker.clock, log=worker.log)
    front.more = worker.more
    return IrcStage(front)


def says(stage: IrcStage, *lines: str, name: str = "bob") -> None:
    """Have somebody say words in #tea, or lines, over a connection that ends then."""
    line = comes(stage, f"{name}@once")
    line.ask(*(line if " " in line else f"PRIVMSG #tea :{line}" for line in lines))
    line.cut()


def posts(line: IrcLine) -> list[str]:
    """Take out the texts of the posts that a client got."""
    return [one.text for one in line.take() if one.command == "PRIVMSG"]


def asked(line: IrcLine) -> list[str]:
    """Return what a client was asked, and not what has it been silent for."""
    return [one.text for one in line.heard if one.command == "PING" and one.text[0] == "c"]


def mark_of(stage: IrcStage, user: str = "alice") -> dict[str, int]:
    """Return what the log has kept of the user's devices."""
    marks = stage.worker.log._marks.items()
    return {room: seq for (whose, room), seq in marks if whose == user and room.startswith(heard(""))}


# ---- the cursor ----


def test_a_new_device_begins_where_the_log_ends() -> None:
    """It is sent nothing of before; and what is said from then on comes again until it is acknowledged, even
    if its first connection breaks at once, with the front."""
    stage = IrcStage(Worker())
    stage.user("alice").ask("JOIN #tea")
    says(stage, "JOIN #tea", "old")
    line = comes(stage, PHONE)
    assert posts(line) == []
    says(stage, "new")
    stage.worker.sessions.marks.stop()  # the process dies
    line.cut()
    assert posts(comes(another_front(stage.worker), PHONE)) == ["new"]


@pytest.mark.parametrize("has", [0, 1, 2])
def test_what_comes_again_is_what_was_not_acknowledged(stage: IrcStage, has: int) -> None:
    """Of three posts none, one or two were acknowledged: the rest comes, and not the last of those."""
    phone = comes(stage, PHONE)
    for number in range(3):
        phone.take()
        says(stage, f"post{number}")
        stage.worker.pass_time(A_WHILE)
        assert len(asked(phone)) == 1
        if number < has:
            phone.say(f"PONG {asked(phone)[0]}")
    phone.cut()
    assert posts(comes(stage, PHONE)) == [f"post{number}" for number in range(has, 3)]


def test_what_was_not_told_yet_is_not_asked_about(stage: IrcStage) -> None:
    """Who joins is told what is said there behind what was said before: as long as that is read, a question
    would be about what the client was not sent, and its PONG would lose that."""
    phone = comes(stage, PHONE, "server-time")
    stage.user("bob").ask("JOIN #cake")
    stage.worker.pass_time(A_WHILE)
    phone.take()
    stage.worker.log.reads_held = True
    phone.say("JOIN #cake")
    stage.worker.commit(Draft("post", "bob", "#cake", "behind", stage.worker.entropy(16), 0))
    stage.worker.pass_time(A_WHILE)
    assert (asked(phone), posts(phone)) == ([], [])
    stage.worker.log.let_go()
    stage.worker.pass_time(A_WHILE)
    [token] = asked(phone)
    assert [one.text for one in phone.heard if one.command in ("PRIVMSG", "PING")] == ["behind", token]


def test_a_pong_before_the_end_of_the_connection_counts(stage: IrcStage) -> None:
    """Also if something is still being read for the client: what it had said before it was lost is done."""
    phone = comes(stage, PHONE)
    says(stage, "heard")
    stage.worker.pass_time(A_WHILE)
    [token] = asked(phone)
    stage.worker.log.reads_held = True
    phone.say("NAMES #tea", f"PONG {token}")
    phone.cut()
    stage.worker.log.let_go()
    stage.worker.pass_time(1)
    assert posts(comes(stage, PHONE)) == []


def test_only_a_pong_moves_the_cursor(stage: IrcStage) -> None:
    """What was written into a connection may never have been read; what a client says by itself says nothing
    of it, and no word of it goes beyond what it was asked, nor back."""
    phone = comes(stage, PHONE)
    says(stage, "one")
    stage.worker.pass_time(A_WHILE)
    [question] = asked(phone)
    head = stage.worker.log.window.head
    assert question == f"c{head}"
    before = mark_of(stage)
    for word in (f"c{head + 1}", f"c{head - 1}", f"c0{head}", str(head), "c", "c" + "9" * 400, SERVER):
        phone.say(f"PONG :{word}", "PONG", f"PING {question}", f"NOTICE bob :{question}")
    stage.worker.pass_time(GATHER_SECONDS + 1)
    assert mark_of(stage) == before
    phone.say(f"PONG irc.example :{question}")
    stage.worker.pass_time(GATHER_SECONDS + 1)
    assert list(mark_of(stage).values()) == [head]
    phone.say(f"PONG {question}")
    stage.worker.pass_time(GATHER_SECONDS + 1)
    assert list(mark_of(stage).values()) == [head]


def test_an_earlier_question_may_be_answered_later(stage: IrcStage) -> None:
    """Each says everything up to its own place; behind a later one an earlier one says nothing."""
    phone = comes(stage, PHONE)
    for text in ("one", "two", "three"):
        says(stage, text)
        stage.worker.pass_time(A_WHILE)
    first, second, third = asked(phone)
    phone.say(f"PONG {second}", f"PONG {first}")
    phone.cut()
    again = comes(stage, PHONE)
    assert posts(again) == ["three"]
    assert int(third[1:]) > int(second[1:])


def test_a_client_is_asked_at_most_every_five_seconds(stage: IrcStage) -> None:
    """And only if something was sent since: not of what others hear, nor again and again."""
    phone = comes(stage, PHONE)
    stage.worker.pass_time(3 * ASK_SECONDS)
    assert asked(phone) == []
    for number in range(40):
        says(stage, f"{number}")
        stage.worker.pass_time(0.5)
    assert 3 <= len(asked(phone)) <= 5
    stage.worker.pass_time(A_WHILE)
    before = asked(phone)
    says(stage, "JOIN #other", "PRIVMSG #other :x")
    stage.worker.pass_time(2 * ASK_SECONDS)
    assert asked(phone) == before


def test_nothing_is_done_while_nothing_is_said(stage: IrcStage) -> None:
    """An idle front does not look five times in five seconds at devices that have everything."""
    phone = comes(stage, PHONE)
    timer = stage.irc.devices._timer
    for text in ("one", "two"):
        says(stage, text)
        assert timer.is_running
        stage.worker.pass_time(2 * A_WHILE)
        assert not timer.is_running
    assert [int(one[1:]) for one in asked(phone)][-1] == stage.worker.log.window.head


def test_questions_that_nobody_answers_are_bounded(stage: IrcStage) -> None:
    phone = comes(stage, PHONE)
    device = phone.server.speech.device
    for number in range(MOST_ASKED + 5):
        says(stage, f"{number}")
        stage.worker.pass_time(A_WHILE)
        phone.say("PING x")
    assert len(device._asked) == MOST_ASKED
    phone.say(f"PONG {asked(phone)[0]}")
    assert len(device._asked) == MOST_ASKED
    phone.say(f"PONG {asked(phone)[-1]}")
    assert device._asked == []


def test_who_does_not_read_is_not_asked(stage: IrcStage) -> None:
    """It would only wait in our memory; and once it reads, it gets everything, and is asked."""
    phone, bob = comes(stage, PHONE), comes(stage, "bob@laptop")
    phone.take()
    phone.wire.client_transport.reading = False
    for number in range(300):
        bob.say(f"PRIVMSG #tea :{number} {'x' * 400}")
    assert phone.server.full
    stage.worker.pass_time(3 * ASK_SECONDS)
    assert b"PING c" not in phone.wire.server_transport.waiting
    phone.wire.client_transport.reading = True
    stage.worker.pass_time(2 * ASK_SECONDS)
    assert asked(phone)[-1] == f"c{stage.worker.log.window.head}"
    assert [text.partition(" ")[0] for text in posts(phone)] == [str(number) for number in range(300)]


def test_a_front_that_dies_costs_nothing_that_was_acknowledged(stage: IrcStage) -> None:
    """The client comes back to another one, and gets what it had not acknowledged: the last ten seconds of
    that may be lost with the process, and then come again."""
    phone = comes(stage, PHONE)
    says(stage, "one")
    stage.worker.pass_time(A_WHILE)
    phone.say(f"PONG {asked(phone)[0]}")
    stage.worker.pass_time(GATHER_SECONDS + 1)
    says(stage, "two", "three")
    stage.worker.sessions.marks.stop()  # the process dies
    phone.cut()
    other = another_front(stage.worker)
    assert posts(comes(other, PHONE)) == ["two", "three"]


def test_who_comes_back_does_not_wait_for_its_marks(stage: IrcStage) -> None:
    """Where thousands lose their connections together, these are kept one after the other; they count at
    once."""
    phone = comes(stage, PHONE)
    says(stage, "one")
    stage.worker.pass_time(A_WHILE)
    under_way: list[UserMark] = []

    async def keep_marks(marks: Sequence[UserMark]) -> list[UserMark]:
        under_way.extend(marks)
        return await Deferred()

    stage.worker.log.keep_marks = keep_marks  # type: ignore[method-assign]
    phone.say(f"PONG {asked(phone)[0]}")
    phone.cut()
    says(stage, "two")
    for is_under_way in (False, True):
        assert any(mark.user == "alice" for mark in under_way) is is_under_way
        again = comes(stage, PHONE)
        assert posts(again) == ["two"]
        again.cut()
        stage.worker.pass_time(2)


def test_two_connections_of_a_device(stage: IrcStage) -> None:
    """They have one cursor, which is where the one is that has more."""
    first, second = comes(stage, PHONE), comes(stage, PHONE)
    says(stage, "one", "two")
    stage.worker.pass_time(A_WHILE)
    assert posts(first)[-2:] == ["one", "two"]
    second.say(f"PONG {asked(second)[0]}")
    for line in (first, second):
        line.cut()
    assert posts(comes(stage, PHONE)) == []
    says(stage, "three")
    assert posts(comes(stage, "alice@tablet")) == []


def test_a_log_that_was_put_back(stage: IrcStage) -> None:
    """What was acknowledged of what is gone says nothing of what has come since; of a cursor beyond the end
    nothing is left to send, and the client hears what is new."""
    phone = comes(stage, PHONE)
    for text in ("one", "two"):
        says(stage, text)
        stage.worker.pass_time(A_WHILE)
    (first, second), head = asked(phone), stage.worker.log.window.head
    phone.say(f"PONG {first}")
    for session in stage.worker.sessions.open:
        session.rewound(Cursor(1, b"checkchk"))
    stage.worker.sessions.marks.rewound(int(first[1:]) - 1)
    phone.say(f"PONG {first}", f"PONG {second}")
    stage.worker.pass_time(GATHER_SECONDS + 1)
    assert max(mark_of(stage).values()) < int(first[1:])
    phone.take()
    says(stage, "new")
    assert posts(phone) == ["new"]
    for room in mark_of(stage):
        stage.worker.log._marks["alice", room] = head + 500
    again = comes(stage, PHONE)
    assert posts(again) == []
    says(stage, "three")
    assert posts(again) == ["three"]


def test_a_device_that_was_revoked_begins_anew(stage: IrcStage) -> None:
    """And one that shows a new secret of its user goes on."""
    says(stage, "one")
    [session] = [one.seq for one in stage.worker.log._devices("alice") if one.label == "phone"]
    key = b"r" * 16
    stage.worker.commit(Draft("revoke", CLUSTER, CLUSTER, str(session), key, 0, More(to="alice")))
    line = comes(stage, PHONE)
    assert posts(line) == []
    line.cut()
    says(stage, "two")
    account, [device] = stage.worker.log.state.accounts["alice"], stage.worker.log._devices("alice")
    stage.worker.commit(Draft("secret", "alice", "alice", account.credential, b"s" * 16, device.seq))
    assert stage.worker.log.entries[-1].kind == "secret"
    assert posts(comes(stage, PHONE)) == ["two"]


def test_a_primary_of_before_knows_no_devices(stage: IrcStage) -> None:
    """Who comes then hears what is said from then on, and nothing is kept: what was missed comes later, once
    all are of this release."""
    says(stage, "one")
    log, read = stage.worker.log, stage.worker.log.read

    async def read_by_an_old_one(question: Any) -> Any:
        if isinstance(question, HeardBy):
            raise BadRequest.of(why="there is no such question.")
        return await read(question)

    log.read = read_by_an_old_one  # type: ignore[method-assign]
    phone = comes(stage, PHONE)
    stage.user("bob").ask("PRIVMSG #tea :two")
    stage.worker.pass_time(A_WHILE)
    assert (asked(phone), posts(phone)) == ([], ["two"])
    phone.cut()
    log.read = read  # type: ignore[method-assign]
    assert posts(comes(stage, PHONE)) == ["one", "two"]


def test_a_guest_has_no_device_until_it_logs_in() -> None:
    """A guest is somebody else each time, and leaves no mark; who logs in later is sent what their device has
    missed, too, in the channels that they are then in."""
    stage = staged(guests=True)
    says(stage, "one", "PRIVMSG alice :two")
    guest = stage.line()
    guest.say("CAP REQ :sasl server-time", "NICK zoe", "USER zoe@phone 0 * :zoe", "CAP END")
    stage.worker.work()
    guest.say("JOIN #tea")
    says(stage, "three")
    stage.worker.pass_time(A_WHILE)
    assert (asked(guest), posts(guest)[-1]) == ([], "three")
    guest.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain(PHONE)}")
    stage.worker.work()
    assert [one.text for one in guest.heard if one.command == "PRIVMSG"] == ["one", "two", "three"]
    assert asked(guest) == [f"c{stage.worker.log.window.head}"]
    assert mark_of(stage, "~zoe") == {}


# ---- what is sent ----


def lines(line: IrcLine) -> list[str]:
    """Take out what a client got from the first batch on, or post."""
    shown = [one.shown for one in line.take()]
    begins = [at for at, text in enumerate(shown) if text.startswith(("BATCH", "PRIVMSG", "NOTICE"))]
    return shown[begins[0] :] if begins else []


def test_what_was_missed_comes_oldest_first_in_batches_with_its_times(stage: IrcStage) -> None:
    """A batch for each run of one target, named so as the client knows it; the order is that of the log."""
    stage.worker.pass_time(100)
    says(stage, "one", "PRIVMSG alice :two", "PRIVMSG alice :three", "NOTICE #tea :four")
    stage.worker.pass_time(100)
    phone = comes(stage, PHONE, "batch", "server-time", "message-tags")
    heard = [one for one in phone.take() if one.command in ("BATCH", "PRIVMSG", "NOTICE", "PING")]
    assert [one.shown for one in heard] == [
        *("BATCH +1 chathistory #tea", "PRIVMSG #tea one", "BATCH -1"),
        *("BATCH +2 chathistory bob", "PRIVMSG alice two", "PRIVMSG alice three", "BATCH -2"),
        *("BATCH +3 chathistory #tea", "NOTICE #tea four", "BATCH -3"),
        f"PING c{stage.worker.log.window.head}",
    ]
    said = [one for one in heard if one.command in ("PRIVMSG", "NOTICE")]
    assert [one.tags["batch"] for one in said] == ["1", "2", "2", "3"]
    assert [one.tags["time"][:18] for one in said] == ["1970-01-01T00:01:3"] * 4  # of the log, not of now
    assert all("msgid" in one.tags for one in said)


def test_a_batch_is_of_whom_its_client_knows(stage: IrcStage) -> None:
    """By the nick of who is called so now, as in histories; of a guest who is gone, by a name that nobody has
    as a nick."""
    guests = IrcStage(stage.worker, guests=True)
    lines = [guests.line(), guests.line()]
    for line, nick in zip(lines, ("zed", "yan"), strict=True):
        line.say(f"NICK {nick}", f"USER {nick} 0 * :x", "PRIVMSG alice :hi")
    lines[1].cut()
    guests.user("Carol").ask("PRIVMSG alice :hi", "PRIVMSG #@carol :@alice")
    phone = comes(guests, PHONE, "batch", "server-time")
    begun = [one.params[2] for one in phone.take() if one.command == "BATCH" and one.params[0][0] == "+"]
    assert begun == ["zed", "~yan", "Carol"]


@pytest.mark.parametrize("caps", [(), ("message-tags",)])
def test_a_reaction_is_none_of_what_was_missed_for_who_reads_no_tags(
    stage: IrcStage, caps: tuple[str, ...]
) -> None:
    """There is no empty batch for it."""
    wide = stage.user("bob", "message-tags", "echo-message")
    [said, *_] = wide.ask("PRIVMSG #tea :one", "PRIVMSG alice :two")
    wide.ask(f"@+draft/react=:);+draft/reply={said.tags['msgid']} TAGMSG #tea")
    phone = comes(stage, PHONE, "batch", "server-time", *caps)
    heard = [one.command for one in phone.take() if one.command in ("BATCH", "PRIVMSG", "TAGMSG")]
    reaction = ["BATCH", "TAGMSG", "BATCH"] if caps else []
    assert heard == [*["BATCH", "PRIVMSG", "BATCH"] * 2, *reaction]


def test_a_client_without_capabilities_gets_plain_lines(stage: IrcStage) -> None:
    """A named one: by SASL, PASS or the ident."""
    says(stage, "one")
    for login in (
        (f"PASS :{PHONE}:correct horse", "NICK alice", "USER alice 0 * :x"),
        ("PASS :correct horse", "NICK alice", "USER alice@phone 0 * :x"),
    ):
        line = stage.line()
        line.say(*login)
        stage.worker.work()
        assert [one for one in line.heard if one.command == "PRIVMSG"] == [
            Heard({}, "bob!bob@user", "PRIVMSG", ["#tea", "one"])
        ]
        assert "NOTICE" not in [one.command for one in line.take()]
        line.cut()


def test_long_posts_stay_whole(stage: IrcStage) -> None:
    """Each line of one is in the batch; of a batch within it, only its beginning is."""
    worker = stage.worker
    text = " ".join(f"word{number}" for number in range(200))
    worker.commit(Draft("post", "bob", "#tea", text, b"long".ljust(16), worker.log._devices("bob")[0].seq))
    phone = comes(stage, PHONE, "batch")
    heard = [one for one in phone.take() if one.command == "PRIVMSG"]
    assert (" ".join(one.text for one in heard), {one.tags["batch"] for one in heard}) == (text, {"1"})
    phone.cut()
    phone = comes(stage, PHONE, "batch", "draft/multiline", "message-tags")
    batches = [one.shown for one in phone.heard if one.command == "BATCH"]
    assert [text.split()[1][0] for text in batches] == ["+", "+", "-", "-"]
    inner = next(one for one in phone.heard if one.command == "BATCH" and "multiline" in one.shown)
    assert inner.tags["batch"] == "1"
    pieces = [one for one in phone.heard if one.command == "PRIVMSG"]
    assert {one.tags["batch"] for one in pieces} == {inner.params[0][1:]}


def test_who_has_no_name_and_sees_no_times_gets_nothing(stage: IrcStage) -> None:
    """Bots would obey old commands. It is told how to name a device; and so is who shares the device of all
    those that have no name, which gets what was missed."""
    for line in (comes(stage, "alice"), comes(stage, "alice", "server-time")):
        [notice] = [one.text for one in line.take() if one.command == "NOTICE"]
        assert notice.startswith("Your client names no device. Let it log in as alice@NAME")
        line.cut()
    says(stage, "one")
    assert posts(comes(stage, "alice")) == []
    assert posts(comes(stage, "alice", "server-time")) == ["one"]
    plain_one = comes(stage, "alice")
    says(stage, "two")
    stage.worker.pass_time(3 * ASK_SECONDS)
    assert asked(plain_one) == []


def test_who_asks_for_histories_gets_nothing_unasked(stage: IrcStage) -> None:
    """Whatever its name: it knows by itself what it has."""
    says(stage, "one")
    phone = comes(stage, PHONE, "server-time", "draft/chathistory")
    assert [one.command for one in phone.take() if one.command in ("PRIVMSG", "NOTICE", "BATCH")] == []
    says(stage, "two")
    stage.worker.pass_time(3 * ASK_SECONDS)
    assert (asked(phone), posts(phone)) == ([], ["two"])


def test_not_more_than_so_many_come(stage: IrcStage) -> None:
    """The newest, and a notice that some are left out; as many as there may be, without a notice."""
    stage = staged(missed=5)
    for count, left_out in ((5, False), (6, True), (40, True)):
        says(stage, *map(str, range(count)))
        says(stage, *("PRIVMSG #other :x" for _ in range(30)), name="carol")
        says(stage, *("PRIVMSG bob :x" for _ in range(10)), name="alice")  # which this client is not shown
        phone = comes(stage, PHONE)
        notices = [one.text for one in phone.heard if one.command == "NOTICE"]
        assert [text.partition(":")[0] for text in notices] == [
            "You have missed more than 5 messages"
        ] * left_out
        stage.worker.pass_time(A_WHILE)
        phone.say(f"PONG {asked(phone)[-1]}")
        assert posts(phone) == [str(number) for number in range(count)][-5:]
        phone.cut()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=12), st.integers(1, 9))
def test_exactly_the_newest_come(runs: list[tuple[bool, int]], most: int) -> None:
    """However much of what others say to each other lies between."""
    stage = IrcStage(Worker(), missed=most)
    stage.worker.log._page = 7
    stage.user("alice").ask("JOIN #tea")
    bob = stage.user("bob")
    bob.ask("JOIN #tea", "JOIN #other")
    comes(stage, PHONE).cut()
    session = stage.worker.log._devices("bob")[0].seq
    said: list[str] = []
    for is_heard, count in runs:
        room = "#tea" if is_heard else "#other"
        texts = [f"{len(said) + number}" for number in range(count)]
        said += texts if is_heard else []
        drafts = [
            Draft("post", "bob", room, text, b"%016d" % (stage.worker.more + number), session)
            for number, text in enumerate(texts)
        ]
        stage.worker.more += count
        stage.worker.commit(*drafts)
    phone = comes(stage, PHONE)
    notices = [one for one in phone.heard if one.command == "NOTICE"]
    assert len(notices) == (len(said) > most)
    assert posts(phone) == said[-most:]


def test_all_come_where_there_is_no_bound() -> None:
    stage = staged(missed=0)
    says(stage, *map(str, range(50)))
    assert posts(comes(stage, PHONE)) == [str(number) for number in range(50)]


def test_nothing_comes_of_a_room_that_one_is_no_longer_in(stage: IrcStage) -> None:
    """What was said in a private room is not for who was removed from it; nor does a client learn by a post
    of a channel that it is not in."""
    laptop, bob = stage.user("alice"), stage.user("bob")
    session = stage.worker.log._devices("bob")[0].seq
    stage.worker.commit(Draft("create", "bob", "&ops", "all", b"c" * 16, session))
    bob.ask("INVITE alice &ops")
    laptop.ask("JOIN &ops", "JOIN #cake")
    assert "&ops" in laptop.server.speech.joined
    comes(stage, PHONE).cut()
    bob.ask("JOIN #cake", "PRIVMSG &ops :secret", "PRIVMSG #cake :crumbs", "PRIVMSG #tea :tea")
    bob.ask("PRIVMSG #cake :@alice look")  # she is mentioned, wherever that was
    bob.ask("KICK &ops alice")
    laptop.ask("PART #cake")
    phone = comes(stage, PHONE)
    said = [one.shown for one in phone.take() if one.command == "PRIVMSG"]
    assert said == ["PRIVMSG #tea tea", "PRIVMSG alice [#cake] @alice look"]
    [joins] = [[one.text for one in comes(stage, PHONE).take() if one.command == "JOIN"]]
    assert joins == ["#@alice", "#tea"]


def test_what_was_taken_back_does_not_come(stage: IrcStage) -> None:
    bob = stage.everything("bob")
    [echo] = [one for one in bob.ask("PRIVMSG #tea :oops") if one.command == "PRIVMSG"]
    bob.ask("PRIVMSG #tea :fine", f"REDACT #tea {echo.tags['msgid']}")
    assert posts(comes(stage, PHONE)) == ["fine"]


def test_joins_and_topics_of_then_are_over(stage: IrcStage) -> None:
    """Who is where, and what a channel is about, the client was told as it came: as of now."""
    says(stage, "JOIN #tea", "one", "PART #tea", name="carol")
    says(stage, "TOPIC #tea :about", "two")
    laptop = stage.user("alice")
    laptop.ask("PART #tea", "JOIN #tea")
    phone = comes(stage, PHONE)
    own = [one.shown for one in phone.take() if one.command in ("JOIN", "PART", "TOPIC", "PRIVMSG", "332")]
    assert own == [
        *("JOIN #@alice", "JOIN #tea", "332 alice #tea about"),
        *("PRIVMSG #tea one", "PRIVMSG #tea two"),
    ] or own == [
        *("JOIN #@alice", "JOIN #tea", "PRIVMSG #tea one", "PRIVMSG #tea two"),
        "332 alice #tea about",
    ]


def test_own_posts_of_other_devices(stage: IrcStage) -> None:
    """In channels to all; in queries to those that do not take them for the other one's."""
    stage.user("alice").ask("PRIVMSG #tea :mine", "PRIVMSG bob :psst")
    assert posts(comes(stage, PHONE)) == ["mine"]
    assert posts(comes(stage, PHONE, "echo-message")) == ["mine", "psst"]
    assert posts(comes(stage, PHONE, "znc.in/self-message")) == ["mine", "psst"]


def test_the_newest_of_a_channel_do_not_come_at_each_connection(stage: IrcStage) -> None:
    """They came as it was joined."""
    says(stage, *map(str, range(30)))
    phone = comes(stage, "alice@new", "server-time")
    phone.take()
    assert phone.shown("JOIN #tea") == []
    phone.cut()
    assert posts(comes(stage, "alice@new", "server-time")) == []


def test_what_is_said_meanwhile_comes_behind_it_once(stage: IrcStage) -> None:
    """While a client that reads slowly is sent what it has missed, others go on, and it goes on itself."""
    bob = comes(stage, "bob@laptop")
    for number in range(350):
        bob.say(f"PRIVMSG #tea :{number} {'x' * 400}")
    log = stage.worker.log
    line = stage.line()
    line.say("CAP LS 302", "CAP REQ :sasl echo-message", "NICK alice", "USER alice 0 * :x")
    line.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain(PHONE)}")
    stage.worker.work()
    line.wire.client_transport.reading = False
    line.say("CAP END", "PRIVMSG #tea :mine")
    for number in range(350, 370):
        bob.say(f"PRIVMSG #tea :{number}")
    assert line.server.full
    line.wire.client_transport.reading = True
    stage.worker.pass_time(1)
    for number in range(370, 380):
        bob.say(f"PRIVMSG #tea :{number}")
    stage.worker.pass_time(1)
    said = [one.text for one in log.entries if one.kind == "post"]
    assert len(asked(line)) == 1  # not for each page
    assert posts(line) == said
    assert len(said) == 381


# ---- any order of events ----


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(("#tea", "alice", "#other"))),
        st.tuples(st.just("say"), st.just("#tea")),
        st.tuples(st.just("pong"), st.integers(0, 3)),
        st.tuples(st.just("pass"), st.sampled_from((1, 3, 6, 12))),
        st.tuples(st.sampled_from(("cut", "dies", "come")), st.integers(0, 1)),
        st.tuples(st.just("reads"), st.booleans()),
        st.tuples(st.just("forget"), st.none()),
    ),
    max_size=40,
)
KEPT_SECONDS = GATHER_SECONDS + 1.5
"""Seconds after which no death of a process costs what was acknowledged."""


class Life:
    """The life of alice's phone, over two fronts that are replaced when they die: ``said`` is what was said
    to it, ``has`` how much of that it has acknowledged, and ``kept`` how much of this no death has cost."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.bob = IrcStage(self.worker).user("bob")
        self.bob.ask("JOIN #tea", "JOIN #other")
        self.fronts = [self.front(), self.front()]
        self.said = 0
        self.has = self.kept = 0
        self.acknowledged: list[tuple[float, int]] = []
        self.line: IrcLine | None = None
        self.come(0)
        assert self.line is not None
        self.line.ask("JOIN #tea")

    def front(self) -> IrcStage:
        return another_front(self.worker)

    def do(self, what: str, how: Any) -> None:
        match what:
            case "say":
                self.bob.say(f"PRIVMSG {how} :{self.said}")
                self.said += how != "#other"
            case "pass":
                self.pass_time(how)
            case "forget":
                self.worker.log.forget()
            case "come" if self.line is None:
                self.come(how)
            case "pong" if self.line is not None:
                self.pong(self.line, how)
            case "cut" if self.line is not None:
                self.cut(self.line)
                self.pass_time(1.5)  # until then another front may not know what it has
                self.kept = self.has
            case "dies" if self.line is not None:
                self.line.stage.worker.sessions.marks.stop()
                at = self.fronts.index(self.line.stage)
                self.fronts[at] = self.front()
                self.cut(self.line)
                safe = self.worker.clock.seconds() - KEPT_SECONDS
                self.kept = max([self.kept, *(has for when, has in self.acknowledged if when < safe)])
            case "reads" if self.line is not None:
                self.line.wire.client_transport.reading = how
        self.settle()

    def settle(self) -> None:
        for _ in range(2):
            for worker in (self.worker, *(front.worker for front in self.fronts)):
                worker.settle()

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.worker.clock.advance(0.5)
            self.settle()

    def come(self, which: int) -> None:
        self.acknowledged.clear()
        self.line = comes(self.fronts[which], PHONE)
        self.settle()

    def pong(self, line: IrcLine, which: int) -> None:
        for question in asked(line)[-4:][which : which + 1]:
            at = next(at for at, one in enumerate(line.heard) if one.text == question)
            before = seen(line.heard[:at])
            line.say(f"PONG {question}")
            self.has = max([self.has, *(number + 1 for number in before)])
            self.acknowledged.append((self.worker.clock.seconds(), self.has))

    def cut(self, line: IrcLine) -> None:
        self.look(line)
        line.cut()
        self.line = None

    def look(self, line: IrcLine) -> list[int]:
        """Check what a connection was sent: in order, without a gap or a repeat; from where the device is."""
        numbers = seen(line.heard)
        if numbers:
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        return numbers


def seen(heard: list[Heard]) -> list[int]:
    return [int(one.text) for one in heard if one.command == "PRIVMSG"]


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_nothing_is_missed_and_what_comes_again_was_not_acknowledged(actions: list[tuple[str, Any]]) -> None:
    """Whatever is said, read, answered and cut, and whichever front dies: each connection goes on where the
    device is, in order; at the end it has everything."""
    life = Life()
    for action in actions:
        before = (life.kept, life.has, life.line)
        life.do(*action)
        if life.line is not None and life.line is not before[2]:
            numbers = seen(life.line.heard)
            assert (numbers[0] if numbers else life.said) in range(before[0], before[1] + 1)
            life.has = life.kept = numbers[0] if numbers else life.said
    if life.line is not None:
        life.do("cut", 0)
    life.come(1)
    life.pass_time(1)
    assert life.line is not None
    numbers = life.look(life.line)
    assert (numbers[0] if numbers else life.said) in range(life.kept, life.has + 1)
    assert not numbers or numbers[-1] == life.said - 1
