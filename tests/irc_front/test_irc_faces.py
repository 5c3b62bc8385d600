"""How users are shown over IRC: capitals and real names, which the log keeps; and why somebody has left."""

from __future__ import annotations

from typing import Any

import pytest
from irc_front.stage import PASSWORD, Fronts, IrcLine, IrcStage
from irc_front.test_irc_rooms import does, together
from worker.conftest import Worker

from chatnet.entries import Draft, Entry, More
from chatnet.reads import Faces as ShownFaces
from chatnet.reads import ShownFace, SnapshotOf
from chatnet.worker.fronts.irc.client import UNKNOWN_FACE
from chatnet.worker.fronts.irc.faces import Faces


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


def spelled(stage: IrcStage, nick: str, *caps: str) -> IrcLine:
    """Return a connection of who spells their name so, at their first login."""
    return stage.user(nick, *caps)


def kept(stage: IrcStage) -> list[str]:
    """Return what the log keeps of how users are shown."""
    return [entry.text for entry in stage.worker.log.entries if entry.kind == "spelling"]


def test_the_capitals_of_the_first_login_are_kept_and_shown(stage: IrcStage) -> None:
    """In every line of theirs, live and in lists, to everybody; the account is the one spelling."""
    bob = stage.everything("bob")
    bob.ask("JOIN #tea")
    alice = spelled(stage, "Alice")
    assert kept(stage) == ["Alice - Alice"]
    alice.ask("JOIN #tea", "PRIVMSG #tea :hi", "PRIVMSG bob :psst")
    join, said, psst = bob.take()
    assert (join.source, join.params) == ("Alice!alice@user", ["#tea", "alice", "Alice"])
    assert (said.source, said.tags["account"]) == ("Alice!alice@user", "alice")
    assert psst.source == "Alice!alice@user"
    [names] = [one.text for one in alice.ask("NAMES #tea") if one.command == "353"]
    assert names.split() == ["Alice", "@bob"]
    assert [one.params[5] for one in bob.ask("WHO Alice") if one.command == "352"] == ["Alice"]
    assert [one.params[:4] for one in bob.ask("WHOIS ALICE") if one.command == "311"] == [
        ["bob", "Alice", "alice", "user"]
    ]
    bob.ask("PRIVMSG aLICE :to you")
    assert [one.params for one in alice.take() if one.command == "PRIVMSG"] == [["Alice", "to you"]]


def test_another_login_changes_nothing_and_nick_does(stage: IrcStage) -> None:
    """Who logs in on another device in other capitals is called as before; NICK says it to all."""
    alice, bob = together(stage, "alice", "bob")
    assert alice.shown("NICK aLice") == ["NICK aLice"]
    assert [(one.source, one.shown) for one in bob.take()] == [("alice!alice@user", "NICK aLice")]
    assert alice.shown("NICK aLice") == []
    other = stage.line()
    other.log_in("ALICE")
    assert [one.params[0] for one in other.heard if one.command == "001"] == ["aLice"]
    assert kept(stage) == ["aLice -"]


def test_a_change_is_told_at_its_place_to_who_reads_late(stage: IrcStage) -> None:
    """Not before what was said earlier, and it is not lost."""
    alice, bob = together(stage, "alice", "bob")
    wide, own = stage.everything("bob"), stage.everything("alice")
    for line in (bob, wide, own):
        line.wire.server_transport.bufferSize = 100
        line.wire.client_transport.reading = False
    for said in ("PRIVMSG #tea :one", "NICK aLice", "PRIVMSG #tea :two", "SETNAME :Alice L.", "NICK Alice"):
        alice.ask(said)
    alice.ask("PRIVMSG #tea :three")
    for line in (bob, wide, own):
        line.wire.client_transport.reading = True
    stage.worker.settle()
    changes = ["NICK aLice", "SETNAME Alice L.", "NICK Alice"]
    for line, told in ((bob, [changes[0], changes[2]]), (wide, changes), (own, changes)):
        heard = [one.shown for one in line.take()]
        assert [one for one in heard if one.startswith(("NICK", "SETNAME"))] == told
        at = [heard.index(one) for one in ("PRIVMSG #tea one", told[0], "PRIVMSG #tea two", *told[1:])]
        assert [*at, heard.index("PRIVMSG #tea three")] == sorted({*at, heard.index("PRIVMSG #tea three")})


def told(line: IrcLine) -> list[str]:
    """Take out who was told to be shown otherwise, and how."""
    return [f"{one.source} {one.shown}" for one in line.take() if one.command in ("NICK", "SETNAME")]


def test_who_is_at_another_front_is_told() -> None:
    """Who shares a room, also one of theirs, or monitors them; nobody else."""
    fronts = Fronts()
    alice = fronts.one.user("alice")
    near, stranger = fronts.two.everything("bob"), fronts.two.everything("carol")
    fan, plain = fronts.two.everything("dan"), fronts.two.user("eve")
    watching = fronts.two.everything("fay")
    for line, room in ((alice, "#tea"), (near, "#tea"), (plain, "#tea"), (fan, "#@alice"), (stranger, "#x")):
        line.ask(f"JOIN {room}")
    watching.ask("MONITOR + alice")
    for line in (near, stranger, fan, plain, watching):
        line.take()
    alice.ask("NICK aLice", "SETNAME :Alice L.", "NICK Alice")
    nicks = ["alice!alice@user NICK aLice", "aLice!alice@user NICK Alice"]
    name = "aLice!alice@user SETNAME Alice L."
    whole = [nicks[0], name, nicks[1]]
    assert [told(line) for line in (near, fan, plain, watching, stranger)] == [
        whole,
        whole,
        nicks,
        [name],
        [],
    ]
    alice.cut()
    near.ask("PRIVMSG alice :there?")
    assert [one.params[1] for one in near.ask("WHOIS alice") if one.command == "311"] == ["Alice"]


def test_a_first_login_in_capitals_is_told_to_who_shares_a_room() -> None:
    """Who has it from the page, and comes by IRC later. The client itself knows it from its welcome."""
    fronts = Fronts()
    fronts.worker.client("alice").join("#tea")
    here, there = fronts.one.user("bob"), fronts.two.user("carol")
    for line in (here, there):
        line.ask("JOIN #tea")
        line.take()
    does(fronts.one, "spelling", "alice", "alice", "Alice - Alice L.")
    assert [told(line) for line in (here, there)] == [["alice!alice@user NICK Alice"]] * 2


def test_what_is_said_in_one_batch_is_shown_as_it_was_then() -> None:
    """Behind changed capitals by the new ones, at every front; the change itself stands between."""
    fronts = Fronts()
    alice, other = fronts.one.user("alice"), fronts.one.user("alice")
    here, there = fronts.one.user("bob"), fronts.two.user("carol")
    for line in (alice, here, there):
        line.ask("JOIN #tea")
    for line in (alice, here, there):
        line.take()
    fronts.one.worker.log.held = True
    other.say("PRIVMSG #tea :before")
    alice.say("NICK aLice")
    other.say("PRIVMSG #tea :behind")
    fronts.one.worker.log.let_go()
    fronts.one.worker.settle()
    sources = ["alice!alice@user", "alice!alice@user", "aLice!alice@user"]
    for line in (here, there):
        heard = line.take()
        assert [one.text for one in heard] == ["before", "aLice", "behind"]
        assert [one.source for one in heard] == sources


def test_a_guest_who_speaks_in_the_batch_with_which_they_come_is_shown_as_one() -> None:
    """At another front than theirs, which knows how they are shown from the log alone."""
    fronts = Fronts(guests=True)
    bob = fronts.two.user("bob")
    bob.ask("JOIN #tea")
    bob.take()
    entropy = fronts.one.worker.entropy
    fronts.one.worker.commit(
        Draft("guest", "~zed", "~zed", "Zed z Zed", entropy(16)),
        Draft("join", "~zed", "#tea", "", entropy(16)),
        Draft("post", "~zed", "#tea", "hi", entropy(16)),
        Draft("nick", "~zed", "~zed", "Zoe z Zed", entropy(16), 0, More(to="~zoe")),
        Draft("post", "~zoe", "#tea", "me", entropy(16)),
    )
    assert [(one.source, one.text) for one in bob.take()] == [
        ("Zed!~z@guest", "#tea"),
        ("Zed!~z@guest", "hi"),
        ("Zed!~z@guest", "Zoe"),
        ("Zoe!~z@guest", "me"),
    ]


def test_what_changes_while_the_log_is_asked_is_told_as_one() -> None:
    """Also of who comes to this front meanwhile; and who cannot be asked about is told of no more."""
    fronts = Fronts()
    alice, bob, zed = fronts.one.user("alice"), fronts.two.everything("bob"), fronts.one.user("zed")
    for line in (alice, bob, zed):
        line.ask("JOIN #tea")
    bob.take()
    log = fronts.one.worker.log
    log.reads_held = True
    alice.ask("NICK aLice", "NICK ALICE")
    zed.ask("SETNAME :Zed Z.", "NICK Zed")
    assert told(bob) == []
    log.let_go()
    fronts.one.worker.settle()
    assert told(bob) == [
        "alice!alice@user NICK ALICE",
        "zed!zed@user NICK Zed",
        "Zed!zed@user SETNAME Zed Z.",
    ]
    log.unread = {SnapshotOf}
    alice.ask("NICK alice")
    log.unread = ()
    zed.ask("NICK zed")
    assert told(bob) == ["Zed!zed@user NICK zed"]


def test_of_all_who_wait_it_is_told_where_the_log_answers_at_once() -> None:
    """However many they are."""
    fronts = Fronts()
    bob = fronts.two.everything("bob")
    bob.ask("JOIN #tea")
    worker, users = fronts.one.worker, [f"u{number}" for number in range(600)]

    def all_do(kind: Any, room: str, text: str) -> None:
        keys = [worker.entropy(16) for _ in users]
        worker.commit(
            *(
                Draft(kind, user, room or user, text.format(user), key)
                for user, key in zip(users, keys, strict=True)
            )
        )

    all_do("register", "", "sha256:1")
    all_do("join", "#tea", "")
    bob.take()
    worker.log.reads_held = True
    all_do("spelling", "", "{0} - Somebody")
    worker.log.let_go()
    worker.settle()
    assert told(bob) == [f"{user}!{user}@user SETNAME Somebody" for user in users]


def test_how_all_are_shown_is_read_once_it_can_be(stage: IrcStage) -> None:
    """Until then they are shown by their plain names."""
    spelled(stage, "Alice").ask("JOIN #tea")
    later = IrcStage(Worker(log=stage.worker.log, clock=stage.worker.clock))
    stage.worker.log.unread = {ShownFaces}
    bob = later.user("bob")
    assert [one.params[1] for one in bob.ask("WHOIS alice") if one.command == "311"] == ["alice"]
    stage.worker.log.unread = ()
    later.line()
    assert [one.params[1] for one in bob.ask("WHOIS alice") if one.command == "311"] == ["Alice"]


def test_what_cannot_be_read_is_not_said_anew(stage: IrcStage) -> None:
    """Somebody's capitals and real name hold, though a front does not know them yet: neither a login there
    nor a change of the other one replaces them. Who is new has said nothing before."""
    spelled(stage, "Alice").ask("SETNAME :Alice L.")
    later = IrcStage(Worker(log=stage.worker.log, clock=stage.worker.clock))
    stage.worker.log.unread = {ShownFaces}
    alice = later.user("ALICE", "standard-replies")
    assert alice.shown("NICK aLICE", "SETNAME :A.") == [
        f"FAIL NICK TRY_LATER aLICE {UNKNOWN_FACE}",
        f"FAIL SETNAME CANNOT_CHANGE_REALNAME {UNKNOWN_FACE}",
    ]
    later.user("Bob")
    assert kept(stage) == ["Alice - Alice", "Alice - Alice L.", "Bob - Bob"]
    stage.worker.log.unread = ()
    later.line()
    assert alice.shown("NICK aLICE")[-1] == "NICK aLICE"
    assert kept(stage)[-1] == "aLICE - Alice L."


def test_a_log_that_was_put_back_knows_nobody_of_the_rest(stage: IrcStage) -> None:
    """The front goes on with what is left of the log: a guest of the rest has no nick any more, and a user
    no capitals."""
    guests = IrcStage(stage.worker, guests=True)
    guest = guests.line()
    guest.say("NICK zed", "USER zed 0 * :Zed")
    guests.user("Alice")
    assert guests.irc.faces.user_of("zed") == "~zed"
    guests.worker = Worker(clock=stage.worker.clock)
    bob = guests.user("bob")
    guests.user("zed")
    guests.user("alice")
    bob.take()
    whois = [one.params[1:4] for one in bob.ask("WHOIS zed", "WHOIS alice") if one.command == "311"]
    assert whois == [["zed", "zed", "user"], ["alice", "alice", "user"]]


def test_a_real_name_is_kept(stage: IrcStage) -> None:
    """Also while its user is not here; those who share a room are told, each once."""
    alice, bob = together(stage, "alice", "bob")
    wide = stage.everything("bob")
    assert alice.shown("SETNAME :Alice L.") == []
    assert [one.shown for one in wide.take()] == ["SETNAME Alice L."]
    assert bob.take() == []
    alice.cut()
    [who] = [one for one in wide.ask("WHOIS alice") if one.command == "311"]
    assert who.text == "Alice L."
    assert [one.shown for one in wide.ask("SETNAME :\x02")] == [
        "FAIL SETNAME INVALID_REALNAME That is too long for a name, or none."
    ]


def test_what_is_shown_so_already_is_said_once(stage: IrcStage) -> None:
    """Clients say at each login what they are called. It is answered as it was the first time, but NICK, of
    which nothing is said then."""
    alice = stage.everything("Alice")
    for _ in range(2):
        assert alice.shown("SETNAME :Alice L.") == ["SETNAME Alice L."]
    assert alice.shown("NICK Alice", "SETNAME :Alice L.", "NICK Alice") == ["SETNAME Alice L."]
    assert alice.shown("NICK ALICE") == ["NICK ALICE"]
    assert kept(stage) == ["Alice - Alice", "Alice - Alice L.", "ALICE - Alice L."]
    plain = stage.everything("bob")
    assert plain.shown("NICK bob") == []
    assert len(kept(stage)) == 3


@pytest.mark.parametrize(("other", "again"), [("SETNAME :B", "SETNAME :A"), ("NICK ALICE", "NICK Alice")])
def test_what_another_device_has_changed_since_is_changed_back(other: str, again: str) -> None:
    """Though this front does not know yet that it was changed."""
    fronts = Fronts(is_behind=True)
    one, two = fronts.one.everything("Alice"), fronts.two.everything("Alice")
    one.ask("SETNAME :A")
    fronts.behind.lagging = True
    assert one.ask(other)
    two.say(again)
    fronts.behind.lagging = False
    fronts.behind.catch_up()
    fronts.pass_time()
    assert kept(fronts.one)[-2:] == ["Alice - B" if other[0] == "S" else "ALICE - A", "Alice - A"]


def test_a_front_that_begins_later_knows_all_that_was_said(stage: IrcStage) -> None:
    spelled(stage, "Alice").ask("JOIN #tea", "SETNAME :Alice L.")
    later = IrcStage(Worker(log=stage.worker.log, clock=stage.worker.clock))
    bob = later.user("bob")
    [alice] = [one for one in bob.ask("WHOIS alice") if one.command == "311"]
    assert (alice.params[1], alice.text) == ("Alice", "Alice L.")


def test_what_was_followed_is_newer_than_what_was_read() -> None:
    """The store is read in pages while the log goes on."""
    faces = Faces()
    faces.follow(Entry(7, 0, "spelling", "alice", "alice", "ALICE -", b""))
    faces.follow(Entry(8, 0, "gone", "~zed", "~zed", "", b"", None))
    faces.begun([ShownFace("alice", "aLICE - old", 3), ShownFace("bob", "BOB -", 4)])
    assert [faces.nick(user) for user in ("alice", "bob", "carol")] == ["ALICE", "BOB", "carol"]


def test_who_leaves_says_why_on_other_devices_too(stage: IrcStage) -> None:
    """And somebody who was not there reads it in the log; nothing of formatting is left."""
    alice, bob = together(stage, "alice", "bob")
    other = stage.user("bob")
    assert bob.shown("PART #tea :\x02so long\x02") == ["PART #tea so long"]
    for line in (alice, other):
        assert [one.shown for one in line.take()] == ["PART #tea so long"]
    assert [entry.text for entry in stage.worker.log.entries if entry.kind == "leave"] == ["so long"]


def test_an_older_log_keeps_none_of_it(stage: IrcStage) -> None:
    """Its level was not raised: one leaves without a reason, and is shown by the one spelling."""
    stage.worker.log.state.level = 1
    stage.user("bob").ask("JOIN #tea")
    alice = stage.line()
    alice.log_in("Alice", password=PASSWORD)
    assert [one.params[0] for one in alice.heard if one.command == "001"] == ["alice"]
    alice.take()
    alice.ask("JOIN #tea")
    assert alice.shown("PART #tea :why not") == ["PART #tea"]
    assert [one.command for one in alice.ask("SETNAME :Alice L.")] == ["FAIL"]
    assert kept(stage) == []


def test_who_is_forgotten_is_shown_no_more(stage: IrcStage) -> None:
    spelled(stage, "Alice").ask("JOIN #tea")
    bob = stage.user("bob")
    does(stage, "forget", "alice", "alice", to="alice")
    assert [one.nick for one in bob.take()] == ["Alice"]
    assert stage.irc.faces.nick("alice") == "alice"
    assert kept(stage) == [""]
    assert [one.command for one in bob.ask("WHOIS alice")] == ["401", "318"]


def test_how_far_one_has_read_of_somebody_with_capitals(stage: IrcStage) -> None:
    """The mark is of the name; what is shown is the nick."""
    alice, bob = stage.user("Alice"), stage.everything("bob")
    alice.ask("PRIVMSG bob :read me")
    [said] = bob.take()
    asked = f"MARKREAD ALICE timestamp={said.tags['time']}"
    assert [one.params for one in bob.ask(asked)] == [["Alice", f"timestamp={said.tags['time']}"]]
    assert [one.params for one in bob.ask("MARKREAD alice")] == [["Alice", f"timestamp={said.tags['time']}"]]
