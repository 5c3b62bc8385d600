"""Who is typing, over IRC: whom it is told, when it is not, and that it weighs nothing."""

from __future__ import annotations

from typing import Any

import pytest
from irc_front.stage import Fronts, IrcLine
from irc_front.test_irc_guests import guest
from irc_front.test_irc_rooms import does
from msgspec.structs import replace
from twisted.internet.defer import fail

from chatnet.kinds import CLUSTER
from chatnet.reads import MOST_BLOCKERS, Question, SpeakerIn
from chatnet.typists import MOST_WAITING, Typist
from chatnet.worker.fronts.irc.typists import (
    EACH_SECONDS,
    MOST_ASKED,
    MOST_BEHIND,
    Bounds,
)

ACTIVE = "@+typing=active TAGMSG"
TAGS = "message-tags"
SOON = 1.0
"""Seconds in which everybody is told."""


@pytest.fixture
def fronts() -> Fronts:
    return Fronts(guests=True)


def everybody_in(fronts: Fronts, room: str, *lines: IrcLine) -> None:
    for line in lines:
        line.ask(f"JOIN {room}")
    fronts.pass_time()
    for line in lines:
        line.take()


def told(fronts: Fronts, *lines: IrcLine) -> list[list[str]]:
    """Return what each of these is told soon, of who is typing where."""
    fronts.pass_time(SOON)
    return [
        [
            f"{one.nick} {one.params[0]} {one.tags['+typing']}"
            for one in line.take()
            if one.command == "TAGMSG"
        ]
        for line in lines
    ]


def types(fronts: Fronts, line: IrcLine, room: str, *hear: IrcLine) -> list[list[str]]:
    """Return what these are told when somebody types, who has not done so for a while."""
    fronts.pass_time(EACH_SECONDS)
    for one in hear:
        one.take()
    line.say(f"{ACTIVE} {room}")
    return told(fronts, *hear)


# ---- whom it is told ----


def test_members_are_told_at_all_fronts(fronts: Fronts) -> None:
    """Who can read tags, and nobody else; not the author's own other connections. A line as from a user, with
    the time, and who says it; without an id, since no history has it."""
    alice, other = fronts.one.user("alice", TAGS, "account-tag"), fronts.two.user("alice", TAGS)
    near, far = fronts.one.user("bob", TAGS), fronts.two.user("carol", TAGS)
    blind, outside = fronts.one.user("dan", "server-time", "echo-message"), fronts.two.user("eve", TAGS)
    everybody_in(fronts, "#tea", alice, near, far, blind)
    entries = len(fronts.worker.log.entries)
    for what in ("active", "paused", "done"):
        fronts.pass_time(EACH_SECONDS)
        alice.say(f"@+typing={what} TAGMSG #Tea")
        line = f"alice #tea {what}"
        assert told(fronts, near, far) == [[line], [line]]
        assert told(fronts, alice, other, blind, outside) == [[], [], [], []]
    fronts.pass_time(EACH_SECONDS)
    alice.say(f"{ACTIVE} #tea")
    fronts.pass_time(SOON)
    [heard] = far.take()
    assert (heard.source, heard.shown) == ("alice!alice@user", "TAGMSG #tea")
    assert heard.tags.keys() == {"time", "account", "+typing"}
    assert len(fronts.worker.log.entries) == entries


def test_what_is_answered(fronts: Fronts) -> None:
    """echo-message echoes a TAGMSG as a PRIVMSG, at once, with its label; who has no echo gets an ACK. What
    says nothing is taken, and so is what nobody may hear."""
    caps = (TAGS, "batch", "labeled-response")
    alice, quiet = fronts.one.user("alice", *caps, "echo-message"), fronts.one.user("bob", *caps)
    everybody_in(fronts, "#tea", alice, quiet)
    [echo] = alice.ask("@label=1;+typing=active TAGMSG #tea")
    assert echo.shown == "TAGMSG #tea"
    assert (echo.tags["label"], echo.tags["+typing"], echo.nick) == ("1", "active", "alice")
    assert [one.shown for one in alice.ask(f"{ACTIVE} nobody_here")] == ["TAGMSG nobody_here"]
    both = alice.ask("@label=2;+typing=done TAGMSG #tea,#@alice")
    assert [one.command for one in both] == ["BATCH", "TAGMSG", "TAGMSG", "BATCH"]
    for said in (
        *("+typing=active TAGMSG #tea", "+typing=active TAGMSG #cake", "+typing=active TAGMSG &ops"),
        *("+typing=active TAGMSG #@alice", "+typing=active TAGMSG #a/b", "+typing=active TAGMSG bob"),
        *("+typing=now TAGMSG #tea", "+typing TAGMSG #tea", "typing=active TAGMSG #tea"),
    ):
        [ack] = quiet.ask(f"@label=3;{said}")
        assert (ack.command, ack.tags["label"]) == ("ACK", "3")
    assert [one.command for one in quiet.ask("@+typing=active TAGMSG")] == ["411"]
    assert [one.command for one in quiet.ask("@+typing=active TAGMSG a,b,c,d,e")] == ["407"]
    assert fronts.one.user("carol", "echo-message").ask(f"{ACTIVE} #@carol") == []


def test_in_ones_own_room(fronts: Fronts) -> None:
    """Who follows a user is told; in the rooms of others one does not speak."""
    alice, bob = fronts.one.user("alice", TAGS), fronts.two.user("bob", TAGS)
    everybody_in(fronts, "#@alice", bob)
    assert types(fronts, alice, "#@alice", bob) == [["alice #@alice active"]]
    assert types(fronts, bob, "#@alice", alice) == [[]]


def test_in_a_conversation(fronts: Fronts) -> None:
    """It is told to the other one alone, and only once something was said: strangers do not show themselves
    so."""
    alice, bob, carol = (fronts.one.user(name, TAGS) for name in ("alice", "bob", "carol"))
    far = fronts.two.user("bob", TAGS)
    assert types(fronts, alice, "bob", bob, far) == [[], []]
    bob.ask("PRIVMSG alice :psst")
    assert types(fronts, alice, "Bob", bob, far, carol, alice) == [["alice bob active"]] * 2 + [[], []]
    does(fronts.one, "block", "bob", "bob", to="alice")
    assert types(fronts, alice, "bob", bob, far) == [[], []]
    does(fronts.one, "unblock", "bob", "bob", to="alice")
    assert types(fronts, alice, "bob", bob) == [["alice bob active"]]
    does(fronts.one, "policy", CLUSTER, "", "direct off")
    assert types(fronts, alice, "bob", bob) == [[]]


def test_of_guests(fronts: Fronts) -> None:
    """As of users, without an account; of a name that is another guest's by then, nothing."""
    hal, bob = guest(fronts.one, "hal", TAGS), fronts.two.user("bob", TAGS)
    everybody_in(fronts, "#tea", hal, bob)
    hal.say(f"{ACTIVE} #tea")
    fronts.pass_time(SOON)
    [heard] = bob.take()
    assert (heard.source, heard.tags["+typing"]) == ("hal!~hals@guest", "active")
    assert "account" not in heard.tags
    assert types(fronts, hal, "bob", bob) == [[]]
    fronts.pass_time(EACH_SECONDS)
    hal.say(f"{ACTIVE} #tea", "NICK zoe")
    assert told(fronts, bob) == [[]]


def test_bots_are_told_as_such(fronts: Fronts) -> None:
    alice, bob = fronts.one.user("alice", TAGS), fronts.one.user("bob", TAGS)
    everybody_in(fronts, "#tea", alice, bob)
    alice.ask("MODE alice +B")
    alice.say(f"{ACTIVE} #tea")
    fronts.pass_time(SOON)
    assert "bot" in bob.take()[0].tags


# ---- whom it is not told ----


@pytest.mark.parametrize(
    ("kind", "room"), [("remove", "&ops"), ("ban", "&ops"), ("mute", "&ops"), ("mute", ""), ("disable", "")]
)
def test_who_may_not_speak_is_not_shown(fronts: Fronts, kind: str, room: str) -> None:
    """Neither later, nor if they typed just before: it is on its way for a moment."""
    alice, bob = fronts.one.user("alice", TAGS), fronts.two.user("bob", TAGS)
    fronts.worker.client("carol")
    does(fronts.one, "role", CLUSTER, "", "admin", to="carol")
    does(fronts.one, "create", "carol", "&ops", "all")
    for name, line in (("alice", alice), ("bob", bob)):
        does(fronts.one, "invite", "carol", "&ops", to=name)
        everybody_in(fronts, "&ops", line)
    assert types(fronts, alice, "&ops", bob) == [["alice &ops active"]]
    fronts.pass_time(EACH_SECONDS)
    alice.say(f"{ACTIVE} &ops")
    does(fronts.one, kind, "carol", room, to="alice")
    assert told(fronts, bob) == [[]]
    if alice.is_open:
        assert types(fronts, alice, "&ops", bob) == [[]]


def test_a_device_that_may_only_read_does_not_type(fronts: Fronts) -> None:
    alice, bob = fronts.one.user("alice", TAGS, "echo-message"), fronts.two.user("bob", TAGS)
    everybody_in(fronts, "#tea", alice, bob)
    [client] = fronts.one.irc.crowd.of_user["alice"]
    client.session.device = replace(client.session.device, scope="read")
    assert alice.ask(f"{ACTIVE} #tea") == []
    assert told(fronts, bob) == [[]]


@pytest.mark.parametrize("kind", ["remove", "ban"])
def test_who_is_removed_is_not_told(fronts: Fronts, kind: str) -> None:
    """Not even of what was on its way; nor who has left."""
    alice = fronts.one.user("alice", TAGS)
    bob, carol = (fronts.two.user(name, TAGS) for name in ("bob", "carol"))
    does(fronts.one, "create", "alice", "&ops", "all")
    for name, line in (("bob", bob), ("carol", carol)):
        does(fronts.one, "invite", "alice", "&ops", to=name)
        everybody_in(fronts, "&ops", line)
    assert types(fronts, alice, "&ops", bob, carol) == [["alice &ops active"]] * 2
    fronts.pass_time(EACH_SECONDS)
    alice.say(f"{ACTIVE} &ops")
    does(fronts.one, kind, "alice", "&ops", to="bob")
    carol.ask("PART &ops")
    assert told(fronts, bob, carol) == [[], []]
    assert types(fronts, alice, "&ops", bob, carol) == [[], []]


def test_who_blocks_the_author_is_not_told(fronts: Fronts) -> None:
    """In channels neither; of who is blocked by many, nobody is."""
    alice, bob, carol = (fronts.one.user(name, TAGS) for name in ("alice", "bob", "carol"))
    everybody_in(fronts, "#tea", alice, bob, carol)
    does(fronts.one, "block", "bob", "bob", to="alice")
    assert types(fronts, alice, "#tea", bob, carol) == [[], ["alice #tea active"]]
    for number in range(MOST_BLOCKERS):
        fronts.worker.client(f"u{number}")
        does(fronts.one, "block", f"u{number}", f"u{number}", to="alice")
    assert types(fronts, alice, "#tea", carol) == [[]]


def test_who_has_posted_types_no_more(fronts: Fronts) -> None:
    """A post ends it: what was said of typing just before does not come behind the post."""
    alice, bob = fronts.one.user("alice", TAGS), fronts.two.user("bob", TAGS)
    everybody_in(fronts, "#tea", alice, bob)
    alice.say(f"{ACTIVE} #tea", "PRIVMSG #tea :ok")
    assert told(fronts, bob) == [[]]


def test_a_front_that_is_behind_tells_nothing(fronts: Fronts) -> None:
    """It does not know yet who is there; nor does one that has much of the log since."""
    alice, bob = fronts.one.user("alice", TAGS), fronts.one.user("bob", TAGS)
    everybody_in(fronts, "#tea", alice, bob)
    head = fronts.worker.log.window.head

    def heard(seq: int) -> list[str]:
        fronts.one.irc.typing._told([Typist("alice", "#tea", "active", seq)])
        [lines] = told(fronts, bob)
        return lines

    assert heard(head) == ["alice #tea active"]
    assert heard(head + 1) == []
    assert heard(head - MOST_BEHIND) == []


def test_who_does_not_read_is_not_told(fronts: Fronts) -> None:
    """Nothing waits for them; and no device is sent it later, nor has a history it."""
    alice, bob = fronts.one.user("alice", TAGS), fronts.two.user("bob", TAGS, "server-time")
    everybody_in(fronts, "#tea", alice, bob)
    bob.server.pauseProducing()
    assert types(fronts, alice, "#tea", bob) == [[]]
    bob.server.resumeProducing()
    bob.cut()
    assert types(fronts, alice, "#tea") == []
    bob = fronts.two.user("bob", TAGS, "server-time")
    assert [one.command for one in bob.ask("CHATHISTORY LATEST #tea * 10")] == []


def test_who_has_just_joined_is_told_behind_their_join(fronts: Fronts) -> None:
    """What was said there comes first, and meanwhile they do not know that they are in it."""
    alice, bob = fronts.one.user("alice", TAGS), fronts.two.user("bob", TAGS, "server-time")
    everybody_in(fronts, "#tea", alice)
    assert types(fronts, alice, "#tea") == []
    fronts.worker.log.reads_held = True
    bob.say("JOIN #tea")
    assert types(fronts, alice, "#tea", bob) == [[]]
    fronts.worker.log.let_go()
    assert types(fronts, alice, "#tea", bob) == [["alice #tea active"]]


def test_who_is_gone_types_no_more(fronts: Fronts) -> None:
    """Of what a lost connection had said, posts alone are still done."""
    alice, bob = fronts.one.user("alice", TAGS), fronts.two.user("bob", TAGS)
    everybody_in(fronts, "#tea", alice, bob)
    assert types(fronts, alice, "#tea", bob) == [["alice #tea active"]]
    fronts.pass_time(EACH_SECONDS)
    alice.say(*["NONSENSE"] * 200, f"{ACTIVE} #tea")
    alice.cut()
    assert told(fronts, bob) == [[]]


# ---- how much ----


def test_each_is_told_of_every_two_seconds_at_most(fronts: Fronts) -> None:
    """In each room. What comes sooner is not told later."""
    alice, bob = fronts.one.user("alice", TAGS), fronts.two.user("bob", TAGS)
    for room in ("#tea", "#cake"):
        everybody_in(fronts, room, alice, bob)
    alice.say(*(f"@+typing={what} TAGMSG #tea,#cake" for what in ("active", "done", "active", "paused")))
    assert told(fronts, bob) == [["alice #tea active", "alice #cake active"]]
    alice.say("@+typing=done TAGMSG #tea")
    fronts.pass_time(EACH_SECONDS)
    assert told(fronts, bob) == [[]]
    alice.say(f"{ACTIVE} #tea")
    assert told(fronts, bob) == [["alice #tea active"]]


def test_the_log_is_asked_once_in_a_while(fronts: Fronts) -> None:
    """And by a few at a time: nobody waits in a line to be told of."""
    fronts.one.irc.typing.bounds = Bounds(known=20.0)
    names = [f"u{number}" for number in range(MOST_ASKED + 2)]
    alice, *others = (fronts.one.user(name, TAGS) for name in ("alice", *names))
    bob = fronts.two.user("bob", TAGS)
    everybody_in(fronts, "#tea", alice, bob, *others)
    log: Any = fronts.worker.log
    asked: list[str] = []
    read = log.read

    def counted(question: Question[Any]) -> Any:
        if isinstance(question, SpeakerIn):
            asked.append(question.user)
        return read(question)

    log.read = counted
    for _ in range(5):
        assert types(fronts, alice, "#tea", bob) == [["alice #tea active"]]
    assert asked == ["alice"]
    log.reads_held = True
    for other in others:
        other.say(f"{ACTIVE} #tea")
    assert told(fronts, bob) == [[]]
    assert asked[1:] == names[:MOST_ASKED]
    log.let_go()
    assert told(fronts, bob) == [[f"{name} #tea active" for name in names[:MOST_ASKED]]]
    for name, other in list(zip(names, others, strict=True))[MOST_ASKED:]:
        assert types(fronts, other, "#tea", bob) == [[f"{name} #tea active"]]
    fronts.pass_time(10)
    assert types(fronts, alice, "#tea", bob) == [["alice #tea active"]]
    assert asked.count("alice") == 2


def test_what_an_earlier_log_was_asked_holds_up_nobody(fronts: Fronts) -> None:
    alice, *others = (fronts.one.user(f"u{number}", TAGS) for number in range(MOST_ASKED + 1))
    bob = fronts.two.user("bob", TAGS)
    everybody_in(fronts, "#tea", alice, bob, *others)
    fronts.worker.log.reads_held = True
    for other in others:
        other.say(f"{ACTIVE} #tea")
    fronts.worker.log.reads_held = False
    assert types(fronts, alice, "#tea", bob) == [[]]
    fronts.one.irc.typing.follow(fronts.one.worker.sessions)
    assert types(fronts, alice, "#tea", bob) == [["u0 #tea active"]]


def test_a_log_that_cannot_be_read_harms_nothing(fronts: Fronts) -> None:
    """It is not told who types, and what is said is answered as before."""
    alice, bob = fronts.one.user("alice", TAGS, "echo-message"), fronts.two.user("bob", TAGS)
    everybody_in(fronts, "#tea", alice, bob)
    log: Any = fronts.worker.log
    read, log.read = log.read, lambda question: fail(ValueError("no"))
    assert [one.command for one in alice.ask(f"{ACTIVE} #tea", "PING x")] == ["TAGMSG", "PONG"]
    assert told(fronts, bob) == [[]]
    log.read = read
    assert types(fronts, alice, "#tea", bob) == [["alice #tea active"]]


def test_without_a_primary_nobody_is_told(fronts: Fronts) -> None:
    """Nor by one that does not read; nothing waits for it. The next one tells again."""
    alice, bob = fronts.one.user("alice", TAGS), fronts.two.user("bob", TAGS)
    everybody_in(fronts, "#tea", alice, bob)
    assert types(fronts, alice, "#tea", bob) == [["alice #tea active"]]
    for end in (0, 1):
        fronts.lanes[end].full = True
        assert types(fronts, alice, "#tea", bob) == [[]]
        fronts.lanes[end].full = False
        assert told(fronts, bob) == [[]]
    for lane in fronts.lanes:
        lane.cut()
    assert types(fronts, alice, "#tea", bob) == [[]]
    fronts.begin()
    assert told(fronts, bob) == [[]]
    assert types(fronts, alice, "#tea", bob) == [["alice #tea active"]]


def test_what_waits_is_bounded(fronts: Fronts) -> None:
    """At the process, and in the primary; of each in a room, what they did last."""
    lane = fronts.lanes[0]
    fronts.one.line(), fronts.two.line()
    for number in range(MOST_WAITING + 50):
        lane.typists.say(Typist(f"u{number}", "#tea", "active", 1))
    lane.typists.say(Typist("u0", "#tea", "done", 1))
    fronts.pass_time(0.3)
    assert lane.typed == fronts.typing.waiting == MOST_WAITING
    assert fronts.typing._gathered._waiting["u0", "#tea"].does == "done"
    fronts.pass_time(SOON)
    assert fronts.typing.waiting == 0
    assert not fronts.typing._gathered._telling.is_running


def test_in_a_crowd_nobody_is_told(fronts: Fronts) -> None:
    """Nor more than so many in a moment: each costs a line for each who hears it."""
    fronts.one.irc.typing.bounds = Bounds(ears=3)
    alice, bob, carol, dan = (fronts.one.user(name, TAGS) for name in ("alice", "bob", "carol", "dan"))
    far = fronts.two.user("far", TAGS)
    everybody_in(fronts, "#tea", alice, bob, carol)
    everybody_in(fronts, "#cake", alice, bob, far)
    assert types(fronts, alice, "#tea", bob, carol) == [["alice #tea active"]] * 2
    everybody_in(fronts, "#tea", dan)
    assert types(fronts, alice, "#tea", bob, carol, dan) == [[]] * 3
    dan.ask("PART #tea")
    fronts.one.irc.typing.bounds = Bounds(ears=3, lines=3)
    fronts.pass_time(EACH_SECONDS)
    bob.take(), carol.take()
    alice.say(f"{ACTIVE} #tea", f"{ACTIVE} #cake")
    heard = told(fronts, bob, carol, far)
    assert heard == [["alice #tea active"], ["alice #tea active"], ["alice #cake active"]]


def test_what_is_known_of_users_is_bounded(fronts: Fronts) -> None:
    fronts.one.irc.typing.bounds = Bounds(users=2, rooms=2)
    for line in [fronts.one.user(name, TAGS) for name in ("alice", "bob", "carol")]:
        for room in ("#a", "#b", "#c"):
            line.ask(f"JOIN {room}", f"{ACTIVE} {room}")
    known = fronts.one.irc.typing._speakers
    assert {user: list(rooms) for user, rooms in known.items()} == {
        "bob": ["#b", "#c"],
        "carol": ["#b", "#c"],
    }


def test_a_flood_is_read_as_slowly_as_other_lines(fronts: Fronts) -> None:
    """Each counts as a line for each target; what is said meanwhile comes in its order."""
    alice, bob = fronts.one.user("alice", TAGS), fronts.two.user("bob", TAGS)
    everybody_in(fronts, "#tea", alice, bob)
    alice.say(*[f"{ACTIVE} #tea,#a,#b,#c"] * 100, "PRIVMSG #tea :at last")
    fronts.pass_time(5)
    assert bob.texts() == []
    fronts.pass_time(15)
    assert bob.texts() == ["alice #tea at last"]
    assert len([one for one in bob.take() if one.command == "TAGMSG"]) <= 20 / EACH_SECONDS
