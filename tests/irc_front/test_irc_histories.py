"""What was said before, how far one has read, what is taken back, and what is said twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import pytest
from irc_front.stage import Fronts, Heard, IrcLine, IrcStage
from irc_front.test_irc_devices import comes, posts
from irc_front.test_irc_rooms import does, together
from irc_front.test_irc_talk import said
from worker.conftest import Worker

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More, Ref
from chatnet.irc import msgids, times
from chatnet.irc.isupport import MOST_HISTORY
from chatnet.kinds import CLUSTER
from chatnet.reads import MarksOf, Question
from chatnet.rules import MOST_TOPICS
from chatnet.store.pages import PAGE_ROOMS
from chatnet.worker.fronts.irc import histories
from chatnet.worker.fronts.irc.budget import BURST
from chatnet.worker.fronts.irc.client import LINGER_SECONDS, IrcClient
from chatnet.worker.fronts.irc.histories import AHEAD_SECONDS, ROOMS_A_LINE
from chatnet.worker.fronts.irc.marking import MOST_TOLD
from chatnet.worker.fronts.irc.patience import GOES_ON, WAITS

T = TypeVar("T")
KEY = "+chatnet/key=AAECAwQFBgcICQoLDA0ODw"
WIDE = ("batch", "draft/chathistory", "message-tags", "server-time", "echo-message", "labeled-response")


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


def talk(stage: IrcStage, count: int, room: str = "#tea", apart: float = 1.0) -> tuple[IrcLine, list[Heard]]:
    """Return alice, and the posts that she heard bob say in a room, one a second."""
    [alice] = together(stage, "alice", caps=WIDE, room=room)
    stage.user("bob").ask(f"JOIN {room}")
    alice.take()
    for number in range(count):
        if apart:
            stage.worker.pass_time(apart)
        said(stage, "bob", room, str(number))
    return alice, alice.take()


def history(line: IrcLine, asked: str) -> list[str]:
    """Return the texts of a history, which is one batch."""
    begin, *posts, end = line.ask(f"CHATHISTORY {asked}")
    reference = begin.params[0][1:]
    assert begin.shown.startswith(f"BATCH +{reference} chathistory ")
    assert end.shown == f"BATCH -{reference}"
    assert {one.tags["batch"] for one in posts} <= {reference}
    return [one.text for one in posts]


def texts(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


# ---- CHATHISTORY ----


def test_the_history_by_ids(stage: IrcStage) -> None:
    """Ascending in every answer; a bound is exclusive; what counting begins at is the first bound."""
    alice, heard = talk(stage, 10)
    at = [f"msgid={one.tags['msgid']}" for one in heard]
    assert history(alice, "LATEST #tea * 3") == texts(7, 9)
    assert history(alice, f"LATEST #tea {at[7]} 5") == texts(8, 9)
    assert history(alice, f"LATEST #tea {at[2]} 3") == texts(7, 9)
    assert history(alice, f"BEFORE #tea {at[5]} 3") == texts(2, 4)
    assert history(alice, f"BEFORE #tea {at[0]} 3") == []
    assert history(alice, f"AFTER #tea {at[5]} 3") == texts(6, 8)
    assert history(alice, f"AFTER #tea {at[9]} 3") == []
    assert history(alice, f"AROUND #tea {at[5]} 3") == texts(4, 6)
    assert history(alice, f"AROUND #tea {at[5]} 1") == ["5"]
    assert history(alice, f"AROUND #tea {at[0]} 4") == texts(0, 3)
    assert history(alice, f"AROUND #tea {at[9]} 4") == texts(6, 9)
    assert history(alice, f"BETWEEN #tea {at[2]} {at[6]} 10") == texts(3, 5)
    assert history(alice, f"BETWEEN #tea {at[2]} {at[6]} 2") == texts(3, 4)
    assert history(alice, f"BETWEEN #tea {at[6]} {at[2]} 2") == texts(4, 5)
    assert history(alice, "LATEST #TEA * 5000") == texts(0, 9)


def test_the_history_by_times(stage: IrcStage) -> None:
    """Exclusive, if one message has that time; of a time that none has as well."""
    alice, heard = talk(stage, 6)
    at = [f"timestamp={one.tags['time']}" for one in heard]
    assert history(alice, f"BEFORE #tea {at[3]} 2") == texts(1, 2)
    assert history(alice, f"AFTER #tea {at[3]} 9") == texts(4, 5)
    assert history(alice, f"BETWEEN #tea {at[1]} {at[4]} 9") == texts(2, 3)
    assert history(alice, f"AROUND #tea {at[3]} 3") == texts(2, 4)
    assert history(alice, f"LATEST #tea {at[3]} 9") == texts(4, 5)
    between = times.shown((times.read(heard[3].tags["time"]) or 0) - 1)
    assert history(alice, f"AFTER #tea timestamp={between} 1") == ["3"]
    assert history(alice, f"BEFORE #tea timestamp={between} 1") == ["2"]


def test_of_a_time_that_several_have_none_is_left_out(stage: IrcStage) -> None:
    """A repeat has a known id, and a gap has none."""
    alice, heard = talk(stage, 4, apart=0)
    [at] = {f"timestamp={one.tags['time']}" for one in heard}
    assert history(alice, f"AFTER #tea {at} 9") == texts(0, 3)
    assert history(alice, f"BEFORE #tea {at} 9") == texts(0, 3)


def test_a_history_is_what_was_heard(stage: IrcStage) -> None:
    """The same lines, tags and all: an id names one post, live and later."""
    alice, heard = talk(stage, 3)
    _, *posts, _ = alice.ask("CHATHISTORY LATEST #tea * 9")
    for one in posts:
        del one.tags["batch"]
    assert posts == heard


def test_the_history_of_a_conversation(stage: IrcStage) -> None:
    """Its target is the other side, for both."""
    alice, bob = stage.user("alice", *WIDE), stage.user("bob", *WIDE)
    alice.ask("PRIVMSG bob :one")
    bob.take()
    bob.ask("PRIVMSG alice :two")
    alice.take()
    assert history(alice, "LATEST bob * 9") == history(bob, "LATEST alice * 9") == ["one", "two"]
    assert alice.ask("CHATHISTORY LATEST bob * 9")[0].text == "bob"
    assert history(stage.user("carol", *WIDE), "LATEST alice * 9") == []


@pytest.mark.parametrize("caps", [(), ("server-time", "draft/chathistory")])
def test_what_was_missed_comes_to_those_who_ask(stage: IrcStage, caps: tuple[str, ...]) -> None:
    """And not by itself, to those that see no times, or ask themselves; whatever a client is, it may ask,
    also for what was said in a query."""
    stage.user("alice").ask("JOIN #tea")
    gone = stage.user("bob", *caps)
    gone.ask("JOIN #tea")
    gone.cut()
    stage.user("alice").ask("PRIVMSG #tea :one", "PRIVMSG #tea :two", "PRIVMSG bob :three")
    bob = stage.line()
    bob.log_in("bob", *caps)
    assert [one for one in bob.take() if one.command == "PRIVMSG"] == []
    assert bob.shown("PING 1") == ["PONG irc.example 1"]
    assert bob.shown("CHATHISTORY LATEST #tea * 100") == ["PRIVMSG #tea one", "PRIVMSG #tea two"]
    assert bob.shown("PRIVMSG alice :four", "CHATHISTORY LATEST alice * 100") == [
        "PRIVMSG bob three",
        "PRIVMSG alice four",
    ]


def test_pages_neither_skip_nor_repeat(stage: IrcStage) -> None:
    """Going back page by page, one finds every post once."""
    alice, _ = talk(stage, 40, apart=0)
    heard: list[str] = []
    _, *posts, _ = alice.ask("CHATHISTORY LATEST #tea * 7")
    while posts:
        heard = [one.text for one in posts] + heard
        _, *posts, _ = alice.ask(f"CHATHISTORY BEFORE #tea msgid={posts[0].tags['msgid']} 7")
    assert heard == texts(0, 39)


def test_what_was_taken_back_is_in_no_history(stage: IrcStage) -> None:
    """And a page is as long as was asked for, if there is more."""
    alice = stage.everything("alice")
    alice.ask("JOIN #tea")
    ids = [alice.ask(f"PRIVMSG #tea :{number}")[0].tags["msgid"] for number in range(10)]
    for one in ids[3:8]:
        alice.ask(f"REDACT #tea {one}")
    assert history(alice, "LATEST #tea * 4") == ["1", "2", "8", "9"]
    assert history(alice, f"AFTER #tea msgid={ids[1]} 2") == ["2", "8"]


@pytest.mark.parametrize("asked", ["LATEST #tea * 300", "AFTER #tea timestamp=1970-01-01T00:00:00.000Z 300"])
def test_a_long_history_waits_for_its_reader(
    stage: IrcStage, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """Who does not read has neither its lines in our memory, nor more than a part of its posts; what is taken
    back meanwhile is not told any more. Nothing else is missing, and the order is that of the log."""
    alice, _ = talk(stage, 1, apart=0)
    for number in range(1, 300):
        said(stage, "bob", "#tea", f"{number} {'x' * 1900}")
        alice.take()
    alice.wire.client_transport.reading = False
    found: list[histories.Found] = []
    read_again = histories._read_again

    def noted(client: IrcClient, room: str, posts: histories.Found, since: int) -> AsyncIterator[Entry]:
        found.append(posts)
        return read_again(client, room, posts, since)

    monkeypatch.setattr(histories, "_read_again", noted)
    alice.say(f"CHATHISTORY {asked}")
    assert sum(len(post.text) for post in found[0] if isinstance(post, Entry)) <= histories.KEPT_CHARACTERS
    assert len(found[0]) == 300
    assert len(alice.wire.server_transport.waiting) < 100_000
    gone = next(entry for entry in stage.worker.log.entries if entry.text.startswith("150 "))
    ref = Ref(gone.seq, Cursor.at(stage.worker.log.log_id, gone).check)
    stage.worker.commit(Draft("redact", "bob", "bob", "", stage.worker.entropy(16), 0, More(ref=ref)))
    alice.wire.client_transport.reading = True
    for _ in range(20):
        stage.worker.pass_time(1)
    numbers = [int(one.text.split(" ")[0]) for one in alice.take() if "msgid" in one.tags]
    assert numbers == [number for number in range(300) if number != 150]


@pytest.mark.parametrize("kind", ["redact", "purge"])
@pytest.mark.parametrize("asked", ["LATEST #tea * 300", "AFTER #tea timestamp=1970-01-01T00:00:00.000Z 300"])
def test_what_is_kept_of_a_history_is_not_said_once_it_is_taken_back(
    stage: IrcStage, asked: str, kind: str
) -> None:
    """The posts of a history that are read once, and wait until their reader reads."""
    alice, _ = talk(stage, 1, apart=0)
    stage.user("carol").ask("JOIN #tea")
    for number in range(1, 300):
        said(stage, "carol" if number == 290 else "bob", "#tea", f"{number} {'x' * 205}")
        alice.take()
    gone = next(entry for entry in stage.worker.log.entries if entry.text.startswith("290 "))
    alice.wire.client_transport.reading = False
    alice.say(f"CHATHISTORY {asked}")
    if kind == "redact":
        more, room = More(ref=Ref(gone.seq, Cursor.at(stage.worker.log.log_id, gone).check)), "carol"
        stage.worker.commit(Draft("redact", "carol", room, "", stage.worker.entropy(16), 0, more))
    else:
        does(stage, "purge", CLUSTER, "#tea", to="carol")
    alice.wire.client_transport.reading = True
    for _ in range(20):
        stage.worker.pass_time(1)
    numbers = [int(one.text.split(" ")[0]) for one in alice.take() if one.command == "PRIVMSG"]
    assert numbers == [number for number in range(300) if number != 290]


def test_events_are_in_the_histories_of_who_asked_for_them(stage: IrcStage) -> None:
    """draft/event-playback: what changed in a channel stands at its place, as it was told live, with its time
    and its id, and counts as a message does. Who did not negotiate it, or has no batch to tell what is past,
    gets what was said alone."""
    alice, plain = stage.user("alice", *WIDE, "draft/event-playback"), stage.user("alice", *WIDE)
    unbatched = stage.user("alice", "message-tags", "draft/chathistory", "draft/event-playback")
    bob = stage.user("bob")
    does(stage, "create", "alice", "&ops", "all")
    does(stage, "invite", "alice", "&ops", to="bob")
    for line in (alice, plain, unbatched):
        line.take()
    bob.ask("JOIN &ops")
    shown = alice.take()
    for said_or_done in (
        "PRIVMSG &ops :one",
        "TOPIC &ops :hot",
        "MODE &ops +o bob",
        "PRIVMSG &ops :two",
        "KICK &ops bob",
    ):
        stage.worker.pass_time(1)
        shown += alice.ask(said_or_done)
    _, *told, _ = alice.ask("CHATHISTORY LATEST &ops * 9")
    for one in told:
        del one.tags["batch"]
    assert told == shown
    assert [one.command for one in told] == ["JOIN", "PRIVMSG", "TOPIC", "MODE", "PRIVMSG", "KICK"]
    assert history(alice, "LATEST &ops * 2") == ["two", "removed"]
    at = f"msgid={told[2].tags['msgid']}"
    assert [one.command for one in alice.ask(f"CHATHISTORY AFTER &ops {at} 2")[1:-1]] == ["MODE", "PRIVMSG"]
    assert [one.command for one in alice.ask(f"CHATHISTORY BEFORE &ops {at} 2")[1:-1]] == ["JOIN", "PRIVMSG"]
    plain.take()
    assert history(plain, "LATEST &ops * 9") == ["one", "two"]
    unbatched.take()
    assert unbatched.shown("CHATHISTORY LATEST &ops * 9") == ["PRIVMSG &ops one", "PRIVMSG &ops two"]
    bob.take()
    assert bob.ask("CHATHISTORY LATEST &ops * 9")[0].shown.startswith("FAIL CHATHISTORY INVALID_TARGET ")


def moves(line: IrcLine, asked: str) -> list[str]:
    """Return who did what in a history."""
    line.take()
    begin, *told, end = line.ask(f"CHATHISTORY {asked}")
    assert {one.command for one in (begin, end)} == {"BATCH"}
    assert all("msgid" in one.tags and "time" in one.tags for one in told)
    return [f"{one.nick} {one.command} {one.text}" for one in told]


def come_and_go(stage: IrcStage) -> tuple[IrcLine, list[Heard]]:
    """Return alice, who has all capabilities, and what she heard of a channel live: posts, and who came and
    went between them, one a second."""
    alice, bob, carol = stage.everything("alice"), stage.user("bob"), stage.user("carol")
    alice.ask("JOIN #tea")
    alice.take()
    for who, line in (
        (bob, "JOIN #tea"),
        (bob, "PRIVMSG #tea :0"),
        (carol, "JOIN #tea"),
        (bob, "PART #tea :tired"),
        (carol, "PRIVMSG #tea :1"),
        (bob, "JOIN #tea"),
        (carol, "PART #tea"),
    ):
        stage.worker.pass_time(1)
        who.ask(line)
    return alice, alice.take()


def test_who_came_and_went_stands_between_the_posts(stage: IrcStage) -> None:
    """draft/event-playback: JOIN and PART are at their places in the one order, the same lines with the same
    ids and times as live; each counts as a message does, and bounds a history as one."""
    alice, heard = come_and_go(stage)
    _, own, *told, _ = alice.ask("CHATHISTORY LATEST #tea * 99")
    for one in told:
        del one.tags["batch"]
    assert own.shown == "JOIN #tea alice alice"
    assert told == heard
    assert [f"{one.nick} {one.shown}" for one in told] == [
        "bob JOIN #tea bob bob",
        "bob PRIVMSG #tea 0",
        "carol JOIN #tea carol carol",
        "bob PART #tea tired",
        "carol PRIVMSG #tea 1",
        "bob JOIN #tea bob bob",
        "carol PART #tea",
    ]
    done = [f"{one.nick} {one.command} {one.text}" for one in told]
    for kind, key in (("msgid", "msgid"), ("timestamp", "time")):
        at = [f"{kind}={one.tags[key]}" for one in told]
        assert moves(alice, "LATEST #tea * 3") == done[4:]
        assert moves(alice, f"LATEST #tea {at[2]} 9") == done[3:]
        assert moves(alice, f"LATEST #tea {at[6]} 9") == []
        assert moves(alice, f"BEFORE #tea {at[3]} 2") == done[1:3]
        assert moves(alice, f"BEFORE #tea {at[5]} 2") == done[3:5]
        assert moves(alice, f"AFTER #tea {at[0]} 2") == done[1:3]
        assert moves(alice, f"AFTER #tea {at[5]} 9") == done[6:]
        assert moves(alice, f"BETWEEN #tea {at[2]} {at[6]} 9") == done[3:6]
        assert moves(alice, f"BETWEEN #tea {at[6]} {at[2]} 2") == done[4:6]
        assert moves(alice, f"AROUND #tea {at[3]} 3") == done[2:5]
    whole = alice.ask(
        "CHATHISTORY TARGETS timestamp=1970-01-01T00:00:00.000Z timestamp=2970-01-01T00:00:00Z 9"
    )
    assert [one.text for one in whole[1:-1]] == [told[-1].tags["time"]]


def test_whoever_did_not_ask_for_events_gets_none(stage: IrcStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only PRIVMSG and NOTICE, and so many of them as were asked for, however many came and went since."""
    come_and_go(stage)
    plain = stage.everything("carol", "draft/event-playback")
    plain.ask("JOIN #tea")
    for _ in range(30):
        plain.ask("PART #tea", "JOIN #tea")
    plain.take()
    reads: list[object] = []
    read = stage.worker.log.read

    def counted(asked: Question[T]) -> Coroutine[Any, Any, T]:
        reads.append(asked)
        return read(asked)

    monkeypatch.setattr(stage.worker.log, "read", counted)
    assert history(plain, "LATEST #tea * 2") == texts(0, 1)
    assert history(plain, "LATEST #tea * 1") == ["1"]
    assert len(reads) <= 3


@pytest.mark.parametrize("label", ["", "@label=a "])
def test_who_joins_is_shown_what_was_said_alone(stage: IrcStage, label: str) -> None:
    """In the answer to the JOIN, a PART of before would be one of now."""
    come_and_go(stage)
    zed = stage.user(
        "zed", "batch", "server-time", "message-tags", "labeled-response", "draft/event-playback"
    )
    told = zed.ask(f"{label}JOIN #tea")
    moved = [f"{one.nick} {one.command}" for one in told if one.command in ("JOIN", "PART", "PRIVMSG")]
    assert moved == ["zed JOIN", "bob PRIVMSG", "carol PRIVMSG"]


def test_of_one_time_events_are_several_messages(stage: IrcStage) -> None:
    """A bound that a post and a JOIN share leaves neither out."""
    alice, bob = stage.everything("alice"), stage.user("bob")
    alice.ask("JOIN #tea")
    stage.worker.pass_time(1)
    alice.ask("PRIVMSG #tea :hi")
    bob.ask("JOIN #tea")
    [join] = alice.take()
    at = f"timestamp={join.tags['time']}"
    assert moves(alice, f"AFTER #tea {at} 9") == ["alice PRIVMSG hi", "bob JOIN bob"]


def test_how_one_comes_and_goes_is_shown_as_one_asked(stage: IrcStage) -> None:
    """extended-join, account-tag: without them a JOIN is plain, and there is no account."""
    come_and_go(stage)
    caps = ("batch", "draft/chathistory", "draft/event-playback", "server-time")
    plain = stage.user("alice", *caps)
    told = plain.ask("CHATHISTORY LATEST #tea * 7")[1:-1]
    assert [one.shown for one in told if one.command == "JOIN"] == ["JOIN #tea"] * 3
    assert {key for one in told for key in one.tags} == {"batch", "time"}
    bare = stage.user("alice", *caps[:-1])
    assert bare.shown("CHATHISTORY LATEST #tea * 1")[1:-1] == ["PART #tea"]
    told = stage.user("alice", *caps, "account-tag").ask("CHATHISTORY LATEST #tea * 7")[1:-1]
    assert {(one.nick, one.tags["account"]) for one in told} == {("bob", "bob"), ("carol", "carol")}


def test_who_is_away_is_no_part_of_a_history(stage: IrcStage) -> None:
    """away-notify: an AWAY behind a JOIN is of now, and would be taken for the history's."""
    alice, bob = stage.everything("alice"), stage.user("bob")
    alice.ask("JOIN #tea")
    bob.ask("AWAY :lunch", "JOIN #tea")
    assert [one.command for one in alice.take()] == ["JOIN", "AWAY"]
    assert [one.command for one in alice.ask("CHATHISTORY LATEST #tea * 9")[1:-1]] == ["JOIN", "JOIN"]


def test_a_ban_is_the_part_of_who_was_banned(stage: IrcStage) -> None:
    """The members are told live of the PART alone: who banned, and that it was a ban, is for moderators."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    for line in (alice, bob, stage.user("carol")):
        line.ask("JOIN #tea")
    does(stage, "role", CLUSTER, "#tea", "owner", to="alice")
    alice.ask("PRIVMSG #tea :hi", "MODE #tea +b carol!*@*", "PRIVMSG #tea :bye")
    live = [one for one in bob.take() if one.command in ("PART", "PRIVMSG")]
    [_, *told, _] = bob.ask("CHATHISTORY LATEST #tea * 3")
    assert [(one.source, one.shown) for one in told] == [(one.source, one.shown) for one in live]
    assert [one.tags["account"] for one in told] == ["alice", "carol", "alice"]
    assert told[1].shown == "PART #tea"


def test_followers_are_in_the_history_of_a_users_channel(stage: IrcStage) -> None:
    bob, alice = stage.everything("bob"), stage.user("alice")
    bob.ask("JOIN #@alice")
    alice.ask("PRIVMSG #@alice :hi")
    assert moves(bob, "LATEST #@alice * 9") == ["bob JOIN bob", "alice PRIVMSG hi"]
    bob.ask("PART #@alice", "JOIN #@alice")
    assert moves(bob, "LATEST #@alice * 2") == ["bob PART #@alice", "bob JOIN bob"]


def test_of_a_private_room_one_is_told_who_came_since(stage: IrcStage) -> None:
    """Not who came before oneself, where that is not for newcomers."""
    alice = stage.everything("alice")
    bob, carol = stage.everything("bob"), stage.everything("carol")
    does(stage, "create", "alice", "&ops", "joined")
    for name, line in (("bob", bob), ("carol", carol)):
        does(stage, "invite", "alice", "&ops", to=name)
        line.ask("JOIN &ops")
    bob.ask("PART &ops")
    assert moves(alice, "LATEST &ops * 9") == ["bob JOIN bob", "carol JOIN carol", "bob PART &ops"]
    assert moves(carol, "LATEST &ops * 9") == ["bob PART &ops"]
    assert bob.ask("CHATHISTORY LATEST &ops * 9")[-1].shown.startswith("FAIL CHATHISTORY INVALID_TARGET ")


def test_nobody_is_told_when_who_is_forgotten_came(stage: IrcStage) -> None:
    alice, _ = come_and_go(stage)
    does(stage, "forget", "bob", "bob", to="bob")
    assert moves(alice, "LATEST #tea * 9") == [
        "alice JOIN alice",
        "carol JOIN carol",
        "carol PRIVMSG 1",
        "carol PART #tea",
    ]


def test_guests_come_and_go_in_histories() -> None:
    """They have no account; their other nick and their end are there as well. Of who is gone nothing is known
    but the nick."""
    stage = IrcStage(Worker(), guests=True)
    alice = stage.everything("alice")
    alice.ask("JOIN #tea")
    hal = stage.line()
    hal.say(
        "NICK Hal", "USER hal 0 * :Hal the guest", "JOIN #tea", "NICK Zed", "PRIVMSG #tea :hi", "QUIT :bye"
    )
    live = alice.take()
    told = alice.ask("CHATHISTORY LATEST #tea * 4")[1:-1]
    assert [one.command for one in live] == [one.command for one in told]
    assert [(one.tags["msgid"], one.tags["time"]) for one in live] == [
        (one.tags["msgid"], one.tags["time"]) for one in told
    ]
    assert [f"{one.source} {one.shown}" for one in told] == [
        "hal!~guest@guest JOIN #tea * hal",
        "hal!~guest@guest NICK Zed",
        "zed!~guest@guest PRIVMSG #tea hi",
        "zed!~guest@guest QUIT bye",
    ]
    assert not [one for one in told if "account" in one.tags]


def test_a_topic_has_its_time_and_its_id(stage: IrcStage) -> None:
    """message-ids, server-time: a change of what a channel is about has both, the same for everybody."""
    alice, bob = together(stage, "alice", "bob", caps=("message-tags",))
    [echo] = alice.ask("TOPIC #tea :hot")
    [heard] = bob.take()
    assert echo == heard
    assert echo.tags["msgid"] == msgids.msgid(stage.worker.log.log_id, stage.worker.log.entries[-1])
    assert times.read(echo.tags["time"]) == stage.worker.log.entries[-1].time


def test_a_history_that_is_not_for_one(stage: IrcStage) -> None:
    """Only of channels that one is in, and of one's conversations: what is not there is not told apart."""
    alice, _ = talk(stage, 1)
    stage.user("carol").ask("JOIN #cake")
    for target in ("#cake", "#nothing", "&ops", "#a/b", "nobody_here", "alice", "a!b"):
        [heard] = alice.ask(f"CHATHISTORY LATEST {target} * 9")
        assert heard.shown.startswith(f"FAIL CHATHISTORY INVALID_TARGET LATEST {target} "), target


@pytest.mark.parametrize(
    "asked",
    [
        *(
            "NONSENSE #tea * 9",
            "LATEST",
            "LATEST #tea",
            "LATEST #tea *",
            "LATEST #tea * x",
            "LATEST #tea * 0",
        ),
        *("LATEST #tea * -1", "BEFORE #tea * 9", "BEFORE #tea timestamp=x 9", "BETWEEN #tea msgid=x 9"),
        *("AFTER #tea nonsense=x 9", "LATEST #tea timestamp=2020-13-01T00:00:00.000Z 9", "TARGETS x y 9"),
        *("TARGETS", "LATEST #tea * 9 9", ""),
    ],
)
def test_what_makes_no_sense_is_told_so(stage: IrcStage, asked: str) -> None:
    alice, _ = talk(stage, 1)
    [heard] = alice.ask(f"CHATHISTORY {asked}")
    assert heard.shown.startswith(f"FAIL CHATHISTORY INVALID_PARAMS {asked.split(' ')[0] or '*'} ")


@pytest.mark.parametrize("limit", [MOST_HISTORY + 1, 10**9, 10**100])
def test_a_limit_over_the_maximum_is_lowered_to_it(stage: IrcStage, limit: int) -> None:
    alice, _ = talk(stage, 2)
    heard = alice.ask(f"CHATHISTORY LATEST #tea * {limit}")
    assert [one.command for one in heard] == ["BATCH", "PRIVMSG", "PRIVMSG", "BATCH"]


def test_a_message_that_is_not_in_the_log(stage: IrcStage) -> None:
    """A log that was put back has another entry there, or none: it is never taken for the one that is meant.
    What may only not have come yet is waited for, as another worker may be ahead."""
    alice, heard = talk(stage, 2)
    seq, _, check = heard[0].tags["msgid"].partition("-")
    other = f"{seq}-{check[:-1]}{'0' if check[-1] != '0' else '1'}"
    for said_id in (other, "nonsense", "0-0000000000000000"):
        [no] = alice.ask(f"CHATHISTORY AFTER #tea msgid={said_id} 9")
        assert no.shown.startswith("FAIL CHATHISTORY MESSAGE_ERROR AFTER #tea ")
    stage.worker.log.lagging = True
    said(stage, "bob", "#tea", "2")
    said(stage, "bob", "#tea", "3")
    msgid = msgids.msgid(stage.worker.log.log_id, stage.worker.log.entries[-2])
    alice.say(f"CHATHISTORY AFTER #tea msgid={msgid} 9", "PING x")
    assert alice.take() == []
    stage.worker.log.catch_up()
    stage.worker.settle()
    assert [one.text for one in alice.take() if one.command == "PRIVMSG"] == ["2", "3", "3"]
    alice.say("CHATHISTORY AFTER #tea msgid=zzz-0000000000000000 9")
    stage.worker.pass_time(AHEAD_SECONDS + 1)
    assert alice.take()[0].shown.startswith("FAIL CHATHISTORY MESSAGE_ERROR ")


def test_which_targets_had_something(stage: IrcStage) -> None:
    """Channels and conversations, by their newest message, which is between the two times."""
    alice = stage.user("alice", *WIDE)
    for name in ("bob", "carol", "dan"):
        stage.user(name)
        stage.worker.pass_time(1)
        alice.ask(f"PRIVMSG {name} :x")
    stage.worker.pass_time(1)
    alice.ask("JOIN #tea,#cake", "PRIVMSG #tea :x")
    first, last = "timestamp=1970-01-01T00:00:00.000Z", "timestamp=2100-01-01T00:00:00.000Z"
    begin, *found, _ = alice.ask(f"CHATHISTORY TARGETS {first} {last} 9")
    assert begin.params[1] == "draft/chathistory-targets"
    assert [one.params[1] for one in found] == ["bob", "carol", "dan", "#tea"]
    assert all(times.read(one.text) for one in found)
    second = f"timestamp={found[0].text}"
    _, *found, _ = alice.ask(f"CHATHISTORY TARGETS {second} {last} 1")
    assert [one.params[1] for one in found] == ["carol"]
    alice.ask("PRIVMSG carol :more")
    _, *found, _ = alice.ask(f"CHATHISTORY TARGETS {second} {last} 9")
    assert [one.params[1] for one in found] == ["dan", "#tea", "carol"]


def test_a_list_of_targets_never_ends_inside_a_tie(stage: IrcStage) -> None:
    """Of one millisecond all are told, beyond the limit if need be: so a client that asks on from the last
    time, which is left out then, hears of each target."""
    alice = stage.user("alice", *WIDE)
    names = ["ann", "bob", "carol", "dan", "eve"]
    for name in names:
        stage.user(name)
    for later, many in ((1, names[:1]), (1, names[1:4]), (1, names[4:])):
        stage.worker.pass_time(later)
        alice.ask(*(f"PRIVMSG {name} :x" for name in many))
    since, last = "timestamp=1970-01-01T00:00:00.000Z", "timestamp=2100-01-01T00:00:00.000Z"
    pages = []
    for _ in range(3):
        _, *found, _ = alice.ask(f"CHATHISTORY TARGETS {since} {last} 2")
        pages.append([one.params[1] for one in found])
        since = f"timestamp={found[-1].text}" if found else since
    assert pages == [["ann", "bob", "carol", "dan"], ["eve"], []]


def test_a_labelled_history(stage: IrcStage) -> None:
    alice, _ = talk(stage, 2)
    heard = alice.ask("@label=1 CHATHISTORY LATEST #tea * 9")
    assert [one.tags.get("label") for one in heard] == ["1", None, None, None]
    [no] = alice.ask("@label=2 CHATHISTORY LATEST #nothing * 9")
    assert no.tags["label"] == "2"


def test_pages_of_which_nothing_is_told_have_their_price(stage: IrcStage) -> None:
    """Who is shown no reactions may be where thousands are: all are read, as a history is short at its end
    alone. That counts for as many lines as pages."""
    alice, bob = stage.user("alice", "batch", "draft/chathistory"), stage.everything("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    [post] = bob.ask("PRIVMSG #tea :a question")
    for number in range(30):
        bob.ask(f"@+draft/react={number};+draft/reply={post.tags['msgid']} TAGMSG #tea")
    stage.worker.log._page = 3
    alice.take()
    left = []
    for asked in ("LATEST #tea * 1", f"AFTER #tea msgid={post.tags['msgid']} 1"):
        stage.worker.pass_time(60)
        told = [one.text for one in alice.ask(f"CHATHISTORY {asked}") if one.command == "PRIVMSG"]
        left.append((told, len(alice.ask(*["PING x"] * int(BURST)))))
    assert left == [(["a question"], BURST - 4 - 10), ([], BURST - 4 - 10)]


def test_targets_in_many_rooms_have_their_price(stage: IrcStage) -> None:
    """Each room is looked into."""
    alice = stage.user("alice", "batch", "draft/chathistory")
    for number in range(39):
        does(stage, "join", "alice", f"#tea{number}")
    stage.worker.pass_time(60)
    alice.take()
    alice.ask("CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00.000Z timestamp=2099-01-01T00:00:00.000Z 5")
    assert len(alice.ask(*["PING x"] * int(BURST))) == BURST - 4 - 40 // ROOMS_A_LINE


# ---- MARKREAD ----


def test_a_mark_is_looked_up_by_itself(stage: IrcStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has thousands of rooms asks for one, and mostly one page is read; and each line has its price."""
    alice = stage.user("alice", *WIDE)
    many = (f"tea{number}" for number in range(PAGE_ROOMS + 5))
    rooms = [f"#{word}" for word in ("tea", "teapot", "teb", *many)]
    for at, room in enumerate(rooms):
        if at % MOST_TOPICS == 0:
            stage.user(f"maker{at}")
        does(stage, "join", f"maker{at - at % MOST_TOPICS}", room)
        does(stage, "join", "alice", room)
        does(stage, "post", "alice", room, "hello")
    log = stage.worker.log
    for room in rooms:
        alice.ask(f"MARKREAD {room} timestamp=2099-01-01T00:00:00.000Z")
        stage.worker.pass_time(0.1)
    read, asked = log.read, list[object]()

    async def noted(question: Any) -> Any:
        asked.append(question)
        return await read(question)

    monkeypatch.setattr(log, "read", noted)
    for room, pages in (("#tea", 1), ("#teapot", 1), ("#tea12", 1), ("#teb", 2), ("#@alice", 1)):
        asked.clear()
        [told] = alice.ask(f"MARKREAD {room}")
        assert told.shown.startswith(f"MARKREAD {room} {'*' if room == '#@alice' else 'timestamp='}")
        assert sum(isinstance(one, MarksOf) for one in asked) == pages, room
    for joined, pages in (("#new", 1), ("#some,#more,#still", 2)):
        wide = stage.user("alice", "draft/read-marker")
        asked.clear()
        marks = [one.params for one in wide.ask(f"JOIN {joined}") if one.command == "MARKREAD"]
        assert marks == [[room, "*"] for room in joined.split(",")]
        assert sum(isinstance(one, MarksOf) for one in asked) == pages
        wide.cut()
    stage.worker.pass_time(60)
    alice.take()
    answers = alice.ask(*["MARKREAD #tea"] * (int(BURST) + 20))
    assert len(answers) == BURST


def test_how_far_one_has_read(stage: IrcStage) -> None:
    """``*`` at first; it only rises; the user's other connections are told each rise, and nobody else."""
    alice, heard = talk(stage, 5)
    other = stage.user("alice", "draft/read-marker")
    deaf = stage.user("alice")
    at = [one.tags["time"] for one in heard]
    assert alice.shown("MARKREAD #tea") == ["MARKREAD #tea *"]
    assert alice.shown(f"MARKREAD #tea timestamp={at[3]}") == [f"MARKREAD #tea timestamp={at[3]}"]
    assert alice.shown(f"MARKREAD #tea timestamp={at[1]}") == [f"MARKREAD #tea timestamp={at[3]}"]
    stage.worker.pass_time(20)
    assert [one.shown for one in other.take()] == [f"MARKREAD #tea timestamp={at[3]}"]
    assert deaf.heard == []
    assert "MARKREAD #tea timestamp=" + at[3] in stage_join(stage, "alice")


def test_no_mark_that_is_told_falls(stage: IrcStage) -> None:
    """The time of one may have to be read, and that of a later one is known at once: then the later one alone
    is told. So it is where the answer to a question is older than what was told meanwhile."""
    talk(stage, 4)[0].cut()
    alice = stage.user("alice", "draft/read-marker", "server-time", "message-tags")
    old = [entry.seq for entry in stage.worker.log.entries if entry.kind == "post"]
    log = stage.worker.log
    log.forget()
    said(stage, "bob", "#tea", "new")
    [new] = alice.take()
    [client] = stage.irc.crowd.of_user["alice"]
    log.reads_held = True
    client.marked("#tea", old[0])
    client.marked("#tea", old[1])
    alice.say("MARKREAD #tea")
    client.marked("#tea", log.window.head)
    client.marked("#tea", old[2])
    stage.worker.settle()
    newest = f"MARKREAD #tea timestamp={new.tags['time']}"
    assert [one.shown for one in alice.take()] == [newest]
    log.let_go()
    stage.worker.settle()
    assert [one.shown for one in alice.take()] == [newest]  # the answer
    assert alice.shown("MARKREAD #tea") == [newest]


def test_of_only_so_many_rooms_it_is_known_how_far_was_told(stage: IrcStage) -> None:
    talk(stage, 1)[0].cut()
    alice = stage.user("alice", "draft/read-marker")
    [client] = stage.irc.crowd.of_user["alice"]
    for number in range(MOST_TOLD + 5):
        client.marked(f"#t{number}", 1)
    stage.worker.settle()
    assert len(alice.take()) == MOST_TOLD + 5
    assert len(client.marks_told) == MOST_TOLD


def stage_join(stage: IrcStage, name: str) -> list[str]:
    line = stage.line()
    line.log_in(name, "draft/read-marker")
    return [one.shown for one in line.take()]


def test_marks_that_make_no_sense(stage: IrcStage) -> None:
    alice = stage.user("alice", "standard-replies")
    assert alice.shown("MARKREAD")[0].startswith("FAIL MARKREAD NEED_MORE_PARAMS ")
    for time in ("*", "timestamp=x", "timestamp=", "2020-01-01T00:00:00.000Z"):
        assert alice.shown(f"MARKREAD #@alice {time}")[0].startswith("FAIL MARKREAD INVALID_PARAMS #@alice ")
    assert alice.shown("MARKREAD #nothing")[0].startswith("FAIL MARKREAD INVALID_TARGET #nothing ")


def test_a_join_tells_how_far_one_has_read(stage: IrcStage) -> None:
    """Behind the JOIN and before the end of the names."""
    alice = stage.user("alice", "draft/read-marker")
    assert [one.command for one in alice.ask("JOIN #tea")] == ["JOIN", "MARKREAD", "353", "366"]


# ---- REDACT ----


def test_a_message_is_taken_back(stage: IrcStage) -> None:
    """Told to all who heard it, if they asked for that; by its author, and by nobody else."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    plain = stage.user("carol")
    for line in (alice, bob, plain):
        line.ask("JOIN #tea")
    [echo] = alice.ask("PRIVMSG #tea :oops")[-1:]
    for line in (alice, bob, plain):
        line.take()
    msgid = echo.tags["msgid"]
    assert bob.shown(f"REDACT #tea {msgid}")[0].startswith(f"FAIL REDACT REDACT_FORBIDDEN #tea {msgid} ")
    [told] = alice.ask(f"@label=1 REDACT #tea {msgid}")
    assert (told.tags["label"], told.shown) == ("1", f"REDACT #tea {msgid}")
    assert [(one.nick, one.shown) for one in bob.take()] == [("alice", f"REDACT #tea {msgid}")]
    assert plain.heard == []
    [no] = bob.ask(f"REDACT #cake {msgid}")
    assert no.shown.startswith("FAIL REDACT INVALID_TARGET #cake ")
    [no] = alice.ask("REDACT #cake nonsense")  # where one sees nothing, no message is looked for
    assert no.shown.startswith("FAIL REDACT INVALID_TARGET #cake ")
    for unknown in ("nonsense", "zzz-0000000000000000"):
        [no] = alice.ask(f"REDACT #tea {unknown}")
        assert no.shown.startswith(f"FAIL REDACT UNKNOWN_MSGID #tea {unknown} ")


def test_a_message_of_a_conversation_is_taken_back(stage: IrcStage) -> None:
    """Of a reason that only moderators may give, nothing is said."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    msgid = alice.ask("PRIVMSG bob :oops")[0].tags["msgid"]
    bob.take()
    assert alice.shown(f"REDACT bob {msgid} :a reason") == [f"REDACT bob {msgid}"]
    assert [one.shown for one in bob.take()] == [f"REDACT bob {msgid}"]


def test_a_message_is_taken_back_where_it_was_said(stage: IrcStage) -> None:
    """draft/message-redaction: the target is that of the message. At another one there is no such message, in
    the same words for what is nowhere, for what is elsewhere, and for what the client may not read."""
    alice, bob, carol = (stage.everything(name) for name in ("alice", "bob", "carol"))
    for line in (alice, bob):
        line.ask("JOIN #tea,#cake,#@alice")
    carol.ask("JOIN #cake")
    does(stage, "create", "alice", "&ops", "all")
    does(stage, "role", "chatnet", "#cake", "moderator", to="carol")
    alice.take(), carol.take()
    in_tea, in_ops, psst = (
        alice.ask(f"PRIVMSG {target} :x")[0].tags["msgid"] for target in ("#tea", "&ops", "bob")
    )
    at_home = alice.ask("PRIVMSG #@alice :#cake, @carol")[0].tags["msgid"]
    seen = [(in_tea, ["#tea"]), (in_ops, ["&ops"]), (psst, ["bob"]), (at_home, ["#@alice", "#cake"])]
    for msgid, where in seen:
        for target in {"#tea", "#cake", "&ops", "#@alice", "bob", "carol"}.difference(where):
            [no] = alice.ask(f"REDACT {target} {msgid}")
            assert no.shown.startswith(f"FAIL REDACT UNKNOWN_MSGID {target} {msgid} "), no
    nowhere = "1-" + in_ops.partition("-")[2]
    unseen = [
        carol.ask(f"REDACT {at} {id}")[-1] for at in ("#cake", "alice") for id in (in_ops, psst, nowhere)
    ]
    assert {(one.params[1], one.text) for one in unseen} == {("UNKNOWN_MSGID", unseen[0].text)}
    assert [one.command for one in carol.ask(f"REDACT #cake {at_home}")] == ["REDACT"]
    alice.take()
    for msgid, (target, *_) in seen[:3]:
        assert [one.command for one in alice.ask(f"REDACT {target} {msgid}")] == ["REDACT"]
    for target in ("nobody_here", "~nobody", "#nothing"):
        assert alice.ask(f"REDACT {target} {in_tea}")[0].params[1] in ("INVALID_TARGET", "UNKNOWN_MSGID")


def test_what_came_as_a_query_is_taken_back_there(stage: IrcStage) -> None:
    """A mention from a channel where one is not has its author's nick for a target."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    does(stage, "role", "chatnet", "", "moderator", to="bob")
    bob.take()
    alice.ask("PRIVMSG #@alice :@bob, look")
    [mention] = bob.take()
    assert mention.params[0] == "bob"
    assert bob.ask(f"REDACT #tea {mention.tags['msgid']}")[0].params[1] == "INVALID_TARGET"
    assert bob.ask(f"REDACT alice {mention.tags['msgid']}")[0].command == "REDACT"


def test_what_was_said_before_one_came_is_taken_back(stage: IrcStage) -> None:
    """By who moderates the channel, and reads it in its history."""
    [alice] = together(stage, "alice", caps=WIDE)
    msgid = alice.ask("PRIVMSG #tea :x")[0].tags["msgid"]
    bob = stage.everything("bob")
    bob.ask("JOIN #tea")
    does(stage, "role", "chatnet", "#tea", "moderator", to="bob")
    bob.take()
    assert [one.command for one in bob.ask(f"REDACT #tea {msgid}")] == ["REDACT"]


@pytest.mark.parametrize("room", ["#tea", "&ops", ""])
def test_what_is_taken_back_together_is_told_by_no_line(stage: IrcStage, room: str) -> None:
    """Neither to who is in the channel, nor to who has the posts by another one, or as a query, nor when a
    device comes back: no message is named. In histories, and where one is only told now, it is gone."""
    carol, member = stage.everything("carol"), stage.everything("alice")
    follower = stage.everything("bob", "draft/event-playback")
    carol.ask("JOIN #tea")
    member.ask("JOIN #tea")
    follower.ask("JOIN #@carol")
    does(stage, "create", "carol", "&ops", "joined")
    does(stage, "invite", "carol", "&ops", to="alice")
    member.ask("JOIN &ops")
    comes(stage, "bob@phone").cut()
    carol.ask("PRIVMSG #@carol :spam in #tea", "PRIVMSG #tea :@bob, spam", "PRIVMSG &ops :spam")
    assert posts(follower) == ["spam in #tea", "@bob, spam"]
    for line in (carol, member):
        line.take()
    does(stage, "purge", CLUSTER, room, "spam", to="carol")
    for line in (carol, member, follower):
        assert line.take() == []
    missed = ["spam in #tea", "[#tea] @bob, spam"]
    assert posts(comes(stage, "bob@phone")) == (missed if room == "&ops" else [])
    assert history(follower, "LATEST #@carol * 9") == (missed[:1] if room == "&ops" else [])


def test_who_was_told_by_another_front_takes_back_at_once() -> None:
    """Of a message that this front has not reached yet the log alone judges."""
    fronts = Fronts(is_behind=True)
    ahead, behind = fronts.one.everything("alice"), fronts.two.everything("alice")
    ahead.ask("JOIN #tea")
    fronts.behind.lagging = True
    msgid = ahead.ask("PRIVMSG #tea :x")[0].tags["msgid"]
    behind.ask(f"REDACT #tea {msgid}")
    assert [one.shown for one in ahead.take()] == [f"REDACT #tea {msgid}"]


# ---- said twice, said long ----


def test_a_key_is_said_once(stage: IrcStage) -> None:
    """Again, on another connection, it is answered by the echo of the first time."""
    caps = (*WIDE, "chatnet/key")
    [bob] = together(stage, "bob")
    alice = stage.user("alice", *caps)
    alice.ask("JOIN #tea")
    bob.take()
    [first] = alice.ask(f"@{KEY} PRIVMSG #tea :once")
    [again] = alice.ask(f"@label=1;{KEY} PRIVMSG #tea :once")
    alice.cut()
    other = stage.user("alice", *caps)
    [later] = other.ask(f"@{KEY} PRIVMSG #tea :once")
    assert again.tags.pop("label") == "1"
    assert first == again == later
    assert bob.texts() == ["alice #tea once"]
    stage.worker.log.forget()
    assert other.ask(f"@{KEY} PRIVMSG #tea :once") == [first]
    assert [one.command for one in other.ask(f"@{KEY} PRIVMSG #tea :something else")] == ["404"]
    assert not stage.irc.crowd.of_chosen_key


def test_a_key_that_two_connections_use_at_once(stage: IrcStage) -> None:
    """A client that was cut off says it again before its old connection is known to be lost: each hears its
    echo, and nothing else."""
    caps = (*WIDE, "chatnet/key")
    [bob] = together(stage, "bob")
    lines = [stage.user("alice", *caps) for _ in range(3)]
    lines[0].ask("JOIN #tea")
    for line in (bob, *lines):
        line.take()
    stage.worker.log.held = True
    for line in lines[:2]:
        line.say(f"@label=1;{KEY} PRIVMSG #tea :once")
    stage.worker.log.let_go()
    stage.worker.settle()
    heard = [line.take() for line in lines]
    assert [[one.tags.get("label") for one in each] for each in heard] == [["1"], ["1"], [None]]
    assert bob.texts() == ["alice #tea once"]
    assert not stage.irc.crowd.of_chosen_key


def test_nobody_waits_for_a_key_of_who_is_gone(stage: IrcStage) -> None:
    """The log may never answer: a session that is over appends no more."""
    alice = stage.user("alice", "chatnet/key")
    stage.worker.log.held = True
    alice.say(f"@{KEY} PRIVMSG #@alice :x")
    assert stage.irc.crowd.of_chosen_key
    alice.cut()
    assert not stage.irc.crowd.of_chosen_key
    stage.worker.pass_time(LINGER_SECONDS + 1)
    stage.worker.log.let_go()
    stage.worker.settle()
    assert not stage.irc.crowd.of_chosen_key


def test_keys_that_are_none(stage: IrcStage) -> None:
    """And a key of who did not ask for keys is not looked at."""
    alice = stage.user("alice", *WIDE, "chatnet/key")
    for line in (
        "@+chatnet/key=x PRIVMSG bob :x",
        f"@{KEY} PRIVMSG bob,carol :x",
        "@+chatnet/key PRIVMSG bob :x",
    ):
        [no] = alice.ask(line)
        assert no.shown.startswith("FAIL PRIVMSG INVALID_KEY ")
    bob = stage.user("bob", "message-tags", "echo-message")
    assert len(bob.ask(f"@{KEY} PRIVMSG #@bob :x", f"@{KEY} PRIVMSG #@bob :x")) == 2


def test_a_long_post(stage: IrcStage) -> None:
    """A batch of lines is one post, with one echo, which has the label of its beginning."""
    alice, bob = stage.everything("alice"), stage.everything("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take(), bob.take()
    lines = [
        "@label=1 BATCH +x draft/multiline #tea",
        "@batch=x PRIVMSG #tea :one \x02two\x02",
        "@batch=x PRIVMSG #tea :",
        "@batch=x PRIVMSG #tea :three ",
        "@batch=x;draft/multiline-concat PRIVMSG #tea :four",
    ]
    assert alice.ask(*lines) == []
    begin, *rest = alice.ask("BATCH -x")
    assert begin.tags["label"] == "1"
    assert stage.worker.log.entries[-1].text == "one two\n\nthree four"
    assert [one.shown for one in bob.take()][1:-1] == [one.shown for one in rest][:-1]
    assert [one.text for one in rest[:-1]] == ["one two", "", "three four"]


def test_what_has_begun_is_said_whole_without_the_capability(stage: IrcStage) -> None:
    """Who gives up draft/multiline within a batch has said its lines: they are one post, in their order."""
    alice = stage.everything("alice")
    alice.ask("BATCH +x draft/multiline #@alice", "@batch=x PRIVMSG #@alice :one")
    alice.ask("CAP REQ :-draft/multiline", "@batch=x PRIVMSG #@alice :two", "BATCH -x")
    assert [one.text for one in stage.worker.log.entries if one.kind == "post"] == ["one\ntwo"]
    assert [one.command for one in alice.ask("BATCH +x draft/multiline #@alice")] == ["421"]


def test_a_long_post_that_is_refused(stage: IrcStage) -> None:
    alice = stage.everything("alice")
    heard = alice.ask(
        "@label=1 BATCH +x draft/multiline #tea",
        "@batch=x PRIVMSG #other :x",
        "@batch=x PRIVMSG #tea :x",
        "BATCH -x",
        "PING x",
    )
    assert [one.command for one in heard] == ["FAIL", "PONG"]
    assert heard[0].tags["label"] == "1"
    assert "MULTILINE_INVALID_TARGET" in heard[0].shown
    heard = alice.ask(
        "@label=2 BATCH +y draft/multiline #tea", "@batch=y PRIVMSG #tea :x", "BATCH -y", "BATCH +z nonsense"
    )
    assert [(one.command, one.tags.get("label")) for one in heard] == [("404", "2"), ("FAIL", None)]
    assert [one.command for one in stage.user("bob").ask("BATCH +x draft/multiline #tea")] == ["421"]


# ---- while the log cannot be reached ----


def test_who_waits_for_the_log_is_told_so(stage: IrcStage) -> None:
    """Once, after two or three seconds; and when it goes on. Whoever says nothing is told nothing."""
    alice, bob = stage.user("alice"), stage.user("bob")
    stage.worker.log.held = True
    alice.say("PRIVMSG #@alice :x")
    stage.worker.pass_time(1.5)
    assert alice.heard == []
    stage.worker.pass_time(10)
    alice.say("PRIVMSG #@alice :y")
    stage.worker.pass_time(10)
    assert [one.text for one in alice.take()] == [WAITS]
    assert bob.heard == []
    stage.worker.log.let_go()
    stage.worker.pass_time(1)
    assert [one.text for one in alice.take()] == [GOES_ON]


def test_who_is_held_by_their_rate_is_told_nothing() -> None:
    stage = IrcStage(Worker(rate=1))
    alice = stage.user("alice")
    alice.say(*(f"PRIVMSG #@alice :{number}" for number in range(20)))
    stage.worker.pass_time(12)
    assert alice.heard == []
