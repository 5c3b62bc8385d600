"""Channels over IRC: a JOIN is kept, a PART is for good, and what changes in them is told to who is there."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from irc_front.stage import SERVER, IrcLine, IrcStage
from worker.conftest import Worker

from chatnet.cursor import Cursor
from chatnet.entries import Draft, More, Ref
from chatnet.errors import BadRequest, TooManyTopics
from chatnet.kinds import CLUSTER
from chatnet.reads import FirstIn, LedBy
from chatnet.rules import MOST_TOPICS
from chatnet.worker.fronts.irc import rooms
from chatnet.worker.fronts.irc.budget import BURST
from chatnet.worker.fronts.irc.client import MOST_KEPT, MOST_LATER
from chatnet.worker.fronts.irc.roster import introduce_one


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


def does(stage: IrcStage, kind: Any, user: str, room: str, text: str = "", to: str = "") -> None:
    """Let a user of another worker do something."""
    stage.worker.commit(
        Draft(kind, user, room, text, stage.worker.entropy(16), 0, More(to=to) if to else None)
    )


def together(stage: IrcStage, *names: str, caps: tuple[str, ...] = (), room: str = "#tea") -> list[IrcLine]:
    lines = [stage.user(name, *caps) for name in names]
    for line in lines:
        line.ask(f"JOIN {room}")
    for line in lines:
        line.take()
    return lines


def moderated(stage: IrcStage) -> tuple[IrcLine, IrcLine]:
    """Return an owner of a private room, and a member of it."""
    alice, bob = stage.user("alice"), stage.user("bob")
    does(stage, "create", "alice", "&ops", "all")
    does(stage, "invite", "alice", "&ops", to="bob")
    bob.ask("JOIN &ops")
    alice.take(), bob.take()
    return alice, bob


# ---- JOIN and PART ----


def test_a_join(stage: IrcStage) -> None:
    """Answered by the JOIN itself, what the channel is about, and its names; told to who is there."""
    [alice] = together(stage, "alice")
    alice.ask("TOPIC #tea :hot and cold")
    bob = stage.user("bob")
    assert bob.shown("JOIN #Tea") == [
        "JOIN #tea",
        "332 bob #tea hot and cold",
        "333 bob #tea alice 0",
        "353 bob = #tea @alice bob",
        "366 bob #tea End of NAMES.",
    ]
    assert [(one.source, one.shown) for one in alice.take()] == [("bob!bob@user", "JOIN #tea")]


def test_a_join_of_what_one_is_in_is_nothing(stage: IrcStage) -> None:
    """A client that comes back joins all its channels again; one's own is always joined."""
    [alice] = together(stage, "alice")
    before = len(stage.worker.log.entries)
    assert alice.shown("JOIN #tea", "JOIN #@alice", "JOIN #tea,#TEA") == []
    assert len(stage.worker.log.entries) == before


def test_a_join_of_what_one_is_in_costs_nothing(stage: IrcStage) -> None:
    """A client that comes back has all its lines left for what it says; a JOIN that does something, or is
    refused, counts as any line."""
    [alice] = together(stage, "alice")
    alice.say(*["JOIN #tea,#@alice"] * int(BURST) * 3, "PING x")
    stage.worker.pass_time(1)
    assert [one.command for one in alice.take()] == ["PONG"]
    alice.say(*["JOIN nothing"] * int(BURST) * 3)
    assert len(alice.take()) <= BURST
    stage.worker.pass_time(60)
    alice.take()
    alice.say(*(f"{what} #cake" for _ in range(int(BURST)) for what in ("JOIN", "PART")))
    assert [one.command for one in alice.take()].count("PART") <= BURST / 2


def test_a_list_of_channels(stage: IrcStage) -> None:
    """The good ones are joined, and each of the others is refused; keys are passed over."""
    alice = stage.user("alice")
    heard = [one.shown for one in alice.ask("JOIN #a,nothing,#b/c,#@nobody_here,#d key,key")]
    assert [one for one in heard if one.startswith("JOIN")] == ["JOIN #a", "JOIN #d"]
    assert [one.split(" ")[2] for one in heard if one.startswith("403")] == ["nothing", "#@nobody_here"]
    assert [one.split(" ")[2] for one in heard if one.startswith("476")] == ["#b/c"]


def test_what_is_empty_in_a_list_is_passed_over(stage: IrcStage) -> None:
    """Clients that put lists together leave a comma at an end; of nothing else 461 is said."""
    alice = stage.user("alice")
    assert [line for line in alice.shown("JOIN ,#a,,#b,") if line[0] in "J4"] == ["JOIN #a", "JOIN #b"]
    assert [line for line in alice.shown("NAMES #a,") if line.startswith("366")] == [
        "366 alice #a End of NAMES."
    ]
    assert sorted(alice.shown("PART #a,,#b,")) == ["PART #a", "PART #b"]
    for command in ("JOIN", "PART"):
        for nothing in (":", ",", ",,"):
            assert alice.shown(f"{command} {nothing}") == [
                f"461 alice {command} That command needs more parameters."
            ]
    assert alice.shown("NAMES ,") == ["366 alice * End of NAMES."]


@pytest.mark.parametrize(
    "name", ["#C++", "##x", "#a.b", "#" + "a" * 65, "#", "&", "&a\u00a0b", "#@a.b", "#-x", "#_"]
)
def test_a_channel_that_cannot_be(stage: IrcStage, name: str) -> None:
    """modern.ircdocs.horse: 476 for a name that is none. It says which are; and 403 is said of those that
    can be, and are not."""
    [no] = stage.user("alice").ask(f"JOIN {name}")
    assert (no.command, no.params[1]) == ("476", name)
    assert no.text.startswith("A channel is # or & and 1 to 64 letters")


def test_nothing_leaves_everything(stage: IrcStage) -> None:
    """JOIN 0 would unfollow all that a user follows."""
    [alice] = together(stage, "alice")
    assert [one.command for one in alice.ask("JOIN 0")] == ["NOTICE"]
    assert stage.worker.sessions.open
    assert alice.shown("NAMES #tea")[0] == "353 alice = #tea @alice"


def test_names_are_spelled_as_the_cluster_knows_them(stage: IrcStage) -> None:
    alice = stage.user("alice", "echo-message")
    assert alice.shown("JOIN #Ärger")[0] == "JOIN #ärger"
    assert alice.shown("PRIVMSG #ÄRGER :x") == ["PRIVMSG #ärger x"]
    assert alice.shown("NAMES #ÄRGER") == ["353 alice = #ärger @alice", "366 alice #ÄRGER End of NAMES."]
    assert alice.shown("PART #ärGER") == ["PART #ärger"]


def test_users_are_spelled_as_they_spell_themselves(stage: IrcStage) -> None:
    """Also where a line names them beside its source: who was invited or banned, and who has set a topic."""
    alice, bob = stage.user("Alice"), stage.user("Bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    does(stage, "create", "alice", "&ops", "all")
    does(stage, "role", CLUSTER, "#tea", "moderator", to="alice")
    alice.ask("TOPIC #tea :x")
    assert alice.shown("TOPIC #TEA")[1] == "333 Alice #tea Alice 0"
    assert alice.shown("INVITE BOB &OPS") == ["341 Alice Bob &ops"]
    bob.ask("JOIN &ops")
    alice.take()
    assert alice.shown("INVITE bob &ops") == ["443 Alice Bob &ops is in that channel already"]
    alice.ask("MODE #tea +b bob")
    assert alice.shown("MODE #tea b")[0] == "367 Alice #tea Bob!*@*"


def test_leaving_the_server_is_not_leaving_a_channel(stage: IrcStage) -> None:
    """Nobody is told of a PART or QUIT, and who comes back is where they were."""
    alice, bob = together(stage, "alice", "bob")
    bob.say("QUIT :bye")
    assert [one.shown for one in bob.take()] == ["ERROR Closing link: Quit: bye"]
    alice.say("PRIVMSG #tea :x")
    assert alice.take() == []
    assert "353 alice = #tea @alice bob" in alice.shown("NAMES #tea")
    line = stage.line()
    line.log_in("bob")
    assert [one.params[0] for one in line.heard if one.command == "JOIN"] == ["#@bob", "#tea"]


def test_who_is_banned_cannot_join(stage: IrcStage) -> None:
    """modern.ircdocs.horse: 474, for the channel; others of the list are joined."""
    alice, bob = together(stage, "alice", "bob")
    does(stage, "role", "chatnet", "#tea", "moderator", to="alice")
    alice.ask("MODE #tea +b bob")
    bob.take()
    heard = bob.shown("JOIN #tea,#cake")
    assert "474 bob #tea You cannot join that channel: you are banned (+b)." in heard
    assert "JOIN #cake" in heard
    alice.ask("MODE #tea -b bob")
    assert "JOIN #tea" in bob.shown("JOIN #tea")


def test_who_is_in_too_many_channels(stage: IrcStage) -> None:
    """modern.ircdocs.horse: 405, for the channel: of those that one is in, and of topics that one makes a
    day, there are only so many; a sentence says which it is."""
    [alice] = together(stage, "alice")
    stage.user("bob").ask("JOIN #bobs")
    for number in range(MOST_TOPICS - 2):
        does(stage, "join", "alice", f"#{number}")
    alice.take()
    heard = alice.shown("JOIN #one,#two", "JOIN #bobs")
    assert f"405 alice #two {TooManyTopics.sentence}" in heard
    assert "JOIN #one" in heard
    assert "JOIN #bobs" in heard


@pytest.mark.parametrize("room", ["#tea", ""])
def test_who_is_muted_parts_without_a_word(stage: IrcStage, room: str) -> None:
    """Else they would speak by leaving and coming again; nor does a history say it."""
    alice, bob = together(stage, "alice", "bob")
    does(stage, "mute", CLUSTER, room, to="bob")
    alice.take(), bob.take()
    assert bob.shown("PART #tea :hear me") == ["PART #tea"]
    assert [one.shown for one in alice.take()] == ["PART #tea"]
    assert bob.shown("JOIN #tea")[0] == "JOIN #tea"
    does(stage, "unban", CLUSTER, room, to="bob")
    bob.take()
    assert bob.shown("PART #tea :hear me") == ["PART #tea hear me"]


def test_a_part(stage: IrcStage) -> None:
    alice, bob = together(stage, "alice", "bob")
    assert bob.shown("PART #tea :the reason") == ["PART #tea the reason"]
    assert [one.shown for one in alice.take()] == ["PART #tea the reason"]
    assert bob.shown("PART #tea") == ["442 bob #tea You are not in that channel."]
    assert bob.shown("PART #a/b") == ["403 bob #a/b There is no such channel."]
    assert [one.command for one in bob.ask("PART #@bob")] == ["NOTICE"]
    wide = stage.user("carol", "standard-replies")
    assert [one.shown for one in wide.ask("PART #@carol")] == [
        "FAIL PART OWN_ROOM #@carol Your own channel is always yours."
    ]


@pytest.mark.parametrize("said", ["PART {}", "TOPIC {}", "TOPIC {} :x", "KICK {} bob", "MODE {} +b bob"])
def test_a_channel_that_one_is_not_in_or_that_does_not_exist(stage: IrcStage, said: str) -> None:
    """RFC 2812, modern.ircdocs.horse: 442 (or 482 for what operators do) for one that is there, 403 for one
    that is not; nobody learns whether there is a private one."""
    moderated(stage)
    together(stage, "dora")
    carol = stage.user("carol")
    for there, not_there in (("#tea", "#nowhere"), ("#@alice", "#@nobody_here")):
        [code] = [one.command for one in carol.ask(said.format(there))]
        assert code == (
            "331" if said == "TOPIC {}" else "482" if "bob" in said and there[1] != "@" else "442"
        )
        assert [one.command for one in carol.ask(said.format(not_there))] == ["403"]
    assert [one.command for one in carol.ask(said.format("&ops"), said.format("&none"))] == ["403", "403"]


def test_whatever_modes_a_line_has_its_answers_are_few(stage: IrcStage) -> None:
    """Of a letter that changes nothing it is said once; and of those beyond what a line may change, that they
    do not."""
    alice, bob = together(stage, "alice", "bob")
    does(stage, "role", CLUSTER, "#tea", "moderator", to="alice")
    alice.take()
    for letters in ("x", "i", "o", "b", "+x-"):
        assert len(alice.ask(f"MODE #tea {letters * (400 // len(letters))}")) == 1, letters
    alice.ask("CAP REQ standard-replies")
    heard = alice.shown("MODE #tea +bbbbbb bob carol carol carol carol carol")
    heard.remove("PART #tea")
    assert [one.split(" ")[0] for one in heard] == ["MODE", "401", "401", "401", "FAIL"]
    assert heard[-1] == "FAIL MODE NOT_DONE #tea +b A line makes at most 4 changes."
    assert bob.is_open


def test_in_a_users_channel_there_are_no_orders(stage: IrcStage) -> None:
    """Members are told that they are no operators (482), its owner that there is no such thing (FAIL); the
    owner alone sets what it is about."""
    alice, bob = stage.user("alice", "standard-replies"), stage.user("bob")
    bob.ask("JOIN #@alice")
    alice.take()
    orders = "KICK #@alice bob", "MODE #@alice +b bob", "MODE #@alice +o bob"
    assert [one.command for one in bob.ask(*orders, "TOPIC #@alice :x")] == ["482"] * 4
    assert {one.shown.rpartition(" In a ")[0] for one in alice.ask(*orders)} == {
        "FAIL KICK BAD_REQUEST #@alice",
        "FAIL MODE BAD_REQUEST #@alice",
    }
    assert alice.shown("TOPIC #@alice :mine") == ["TOPIC #@alice mine"]


def test_words_with_what_the_log_does_not_take(stage: IrcStage) -> None:
    """Clients send colours and joined emojis in topics, reasons and real names: these are left out, and what
    was to be done is done."""
    [alice, bob] = together(stage, "alice", "bob")
    assert alice.shown("TOPIC #tea :\x02hot\x02 \x0304red") == ["TOPIC #tea hot red"]
    assert alice.shown("PART #tea :\U0001f469\u200d\U0001f467 \x02bye") == [
        "PART #tea \U0001f469\U0001f467 bye"
    ]
    bob.take()
    assert bob.shown("PART #tea :" + "e" + "\u0301" * 50) == ["PART #tea"]
    owner, _ = moderated(stage)
    assert owner.shown("KICK &ops bob :\x02out\u200b") == ["KICK &ops bob out"]
    wide = stage.user("carol", "setname")
    assert wide.shown("SETNAME :\x02Carol\u200b \U0001f469\u200d\U0001f467") == [
        "SETNAME Carol \U0001f469\U0001f467"
    ]


def test_words_are_cut_where_005_says(stage: IrcStage) -> None:
    """modern.ircdocs.horse: TOPICLEN and KICKLEN are how long a topic and the reason of a KICK may be; and as
    long are those of other commands. What comes back is what the log has."""
    alice, _ = moderated(stage)
    alice.ask("JOIN #tea")
    tokens = dict(word.partition("=")[::2] for one in alice.ask("VERSION") for word in one.params)
    for token, said in [("TOPIC", "TOPIC &ops :"), ("KICK", "KICK &ops bob :"), ("KICK", "PART #tea :")]:
        short = "x" * int(tokens[f"{token}LEN"])
        [told] = alice.ask(said + short + "yz")
        assert (told.text, stage.worker.log.entries[-1].text) == (short, short)
    short = "x" * int(tokens["AWAYLEN"])
    alice.ask(f"AWAY :{short}yz")
    assert [one.text for one in alice.ask("WHOIS alice") if one.command == "301"] == [short]


def test_a_part_of_several(stage: IrcStage) -> None:
    """Each is answered, in their order; with a label, all that is one batch. Of one that is named twice the
    second is not one's any more."""
    [alice] = together(stage, "alice")
    alice.ask("JOIN #cake,#pie")
    assert sorted(alice.shown("PART #tea,#nowhere,#a/b,#tea,#cake :bye")) == [
        "403 alice #a/b There is no such channel.",
        "403 alice #nowhere There is no such channel.",
        "442 alice #tea You are not in that channel.",
        "PART #cake bye",
        "PART #tea bye",
    ]
    wide = stage.everything("alice")
    wide.ask("JOIN #tea")
    begin, *parted, end = wide.ask("@label=1 PART #tea,#nowhere,#pie")
    assert (begin.tags, begin.params[1]) == ({"label": "1"}, "labeled-response")
    assert {one.tags["batch"] for one in parted} == {begin.params[0][1:]} == {end.params[0][1:]}
    assert sorted(one.shown.split(" :")[0] for one in parted) == [
        "403 alice #nowhere There is no such channel.",
        "PART #pie",
        "PART #tea",
    ]
    assert wide.shown("NAMES #pie") == ["366 alice #pie End of NAMES."]


def test_what_one_does_elsewhere_is_told_to_all_connections(stage: IrcStage) -> None:
    """Over IRC, or at a terminal: each shows the channel, with its names, and no longer."""
    here, there = stage.user("alice"), stage.user("alice")
    here.ask("JOIN #tea")
    assert [one.shown for one in there.take()] == [
        "JOIN #tea",
        "353 alice = #tea @alice",
        "366 alice #tea End of NAMES.",
    ]
    does(stage, "join", "alice", "#cake")
    for line in (here, there):
        assert [one.command for one in line.take()] == ["JOIN", "353", "366"]
    here.ask("PART #tea")
    assert [one.shown for one in there.take()] == ["PART #tea"]


def test_who_joins_is_told_as_was_asked_for(stage: IrcStage) -> None:
    plain, wide = stage.user("alice"), stage.user("bob", "extended-join", "account-tag", "server-time")
    for line in (plain, wide):
        line.ask("JOIN #tea")
    plain.take()
    stage.user("carol").ask("JOIN #tea")
    assert [one.shown for one in plain.take()] == ["JOIN #tea"]
    [heard] = wide.take()
    assert heard.shown == "JOIN #tea carol carol"
    assert heard.tags.keys() == {"time", "account"}


# ---- NAMES and TOPIC ----


def test_names_lists_members_whether_they_are_here_or_not(stage: IrcStage) -> None:
    """In as few lines as they fit; operators have an @; the owner of a user's room is one."""
    alice, bob = moderated(stage)
    assert bob.shown("NAMES &ops") == ["353 bob = &ops @alice bob", "366 bob &ops End of NAMES."]
    bob.ask("JOIN #@alice")
    bob.cut()
    alice.take()
    assert alice.shown("NAMES #@alice")[0] == "353 alice = #@alice @alice bob"
    for number in range(150):
        does(stage, "register", f"user{number:03}", f"user{number:03}", "argon2id")
        does(stage, "join", f"user{number:03}", "#tea")
    heard = alice.ask("NAMES #tea")
    names = " ".join(one.text for one in heard if one.command == "353").split(" ")
    assert names == [f"{'' if number else '@'}user{number:03}" for number in range(150)]
    assert len(heard) == 4


def test_names_of_what_is_no_channel(stage: IrcStage) -> None:
    """Only the end of the list, with the name as it was asked for."""
    alice = stage.user("alice")
    assert alice.shown("NAMES #NotThere") == ["366 alice #NotThere End of NAMES."]
    assert alice.shown("NAMES a/b") == ["366 alice a/b End of NAMES."]
    assert alice.shown("NAMES") == ["366 alice * End of NAMES."]


def test_names_of_several(stage: IrcStage) -> None:
    """TARGMAX says of how many: 407 names the first of those beyond."""
    alice = stage.user("alice")
    [most] = re.findall(r"NAMES:(\d+)", " ".join(one.shown for one in alice.ask("VERSION")))
    heard = alice.ask(f"NAMES {','.join(f'#{number}' for number in range(int(most) + 2))}")
    assert [one.params[1] for one in heard if one.command == "366"] == [f"#{n}" for n in range(int(most))]
    assert [one.params[1] for one in heard if one.command == "407"] == [f"#{most}"]


def test_no_names_for_who_wants_none(stage: IrcStage) -> None:
    line = stage.line()
    line.log_in("alice", "no-implicit-names")
    assert "353" not in [one.command for one in line.take()]
    assert line.shown("JOIN #tea") == ["JOIN #tea"]
    assert len(line.shown("NAMES #tea")) == 2


def test_names_with_hosts_and_with_all_prefixes(stage: IrcStage) -> None:
    alice, _ = moderated(stage)
    alice.ask("CAP REQ :userhost-in-names multi-prefix")
    assert alice.shown("NAMES &ops")[0] == "353 alice = &ops @alice!alice@user bob!bob@user"


def test_names_are_as_of_now(stage: IrcStage) -> None:
    """Who joined or left while the list was read is in it, or not, as this client was told before."""
    alice, bob = together(stage, "alice", "bob")
    does(stage, "register", "carol", "carol", "argon2id")
    stage.worker.log.reads_held = True
    alice.say("NAMES #tea")
    does(stage, "leave", "bob", "#tea")
    does(stage, "join", "carol", "#tea")
    stage.worker.log.let_go()
    stage.worker.settle()
    assert [one.shown for one in alice.take()] == [
        "PART #tea",
        "JOIN #tea",
        "353 alice = #tea @alice carol",
        "366 alice #tea End of NAMES.",
    ]
    assert bob.is_open


def test_a_topic(stage: IrcStage) -> None:
    """331 without one; 332 with the text, and 333 with who has set it and when; setting it is echoed to the
    setter and told to all; an empty text clears it."""
    alice, bob = together(stage, "alice", "bob")
    assert alice.shown("TOPIC #tea") == ["331 alice #tea No topic is set."]
    stage.worker.pass_time(61)
    assert alice.shown("TOPIC #tea :hot and cold") == ["TOPIC #tea hot and cold"]
    assert [(one.nick, one.shown) for one in bob.take()] == [("alice", "TOPIC #tea hot and cold")]
    assert bob.shown("TOPIC #tea") == ["332 bob #tea hot and cold", "333 bob #tea alice 61"]
    no_owner = "482 {} #tea It has no owner yet: {} sets it, who is there for longest."
    assert bob.shown("TOPIC #tea :x") == [no_owner.format("bob", "alice")]
    assert alice.shown("TOPIC #tea :") == ["TOPIC #tea "]
    bob.take()
    assert bob.shown("TOPIC #tea") == ["331 bob #tea No topic is set."]
    carol = stage.user("carol")
    assert carol.shown("TOPIC #tea :x") == ["442 carol #tea You are not in that channel."]
    alice.ask("TOPIC #tea :hot")
    for nothing in ("\x02", "\x0304,05\x0f", "\u200b", "\x02 \x02", "  "):
        assert alice.shown(f"TOPIC #tea :{nothing}") == ["412 alice There is no text to send."]
    assert alice.shown("TOPIC #tea")[0] == "332 alice #tea hot"
    assert carol.shown("TOPIC") == ["461 carol TOPIC That command needs more parameters."]


def test_who_has_been_in_a_topic_for_longest_is_an_operator(stage: IrcStage) -> None:
    """``@`` in NAMES, WHO and WHOIS, and sets what it is about, while the topic has no owner; then the owner
    is that. By other ways than IRC, everybody in it may set it."""
    bob = together(stage, "bob", "alice")[0]
    carol = together(stage, "carol")[0]

    def operators() -> list[str]:
        names = " ".join(one.text for one in carol.ask("NAMES #tea") if one.command == "353").split(" ")
        found = [name.lstrip("@") for name in names if name.startswith("@")]
        who = [one for one in carol.ask("WHO #tea") if one.command == "352" and "@" in one.params[6]]
        assert [one.params[5] for one in who] == found
        whois = {
            name: [one.text for one in carol.ask(f"WHOIS {name}") if one.command == "319"]
            for name in ("alice", "bob")
        }
        assert [name for name, [channels] in whois.items() if "@#tea" in channels.split(" ")] == found
        bob.take()
        return found

    assert operators() == ["bob"]
    no_owner = "482 carol #tea It has no owner yet: bob sets it, who is there for longest."
    assert carol.shown("TOPIC #tea :x") == [no_owner]
    assert bob.shown("TOPIC #tea :x") == ["TOPIC #tea x"]
    does(stage, "describe", "carol", "#tea", "by the page")
    bob.ask("PART #tea")
    assert "353 carol = #tea @alice carol" in carol.shown("NAMES #tea")
    bob.ask("JOIN #tea")
    assert operators() == ["alice"]
    does(stage, "role", CLUSTER, "#tea", "owner", to="bob")
    assert operators() == ["bob"]
    alice = stage.user("alice")
    assert alice.shown("TOPIC #tea :x") == ["482 alice #tea Only those who moderate there do that."]
    does(stage, "role", CLUSTER, "", "moderator", to="carol")
    does(stage, "role", CLUSTER, "#tea", "none", to="bob")
    carol.take()
    assert carol.shown("TOPIC #tea :as a moderator") == ["TOPIC #tea as a moderator"]


def test_who_leaves_while_the_names_are_read_is_no_operator(stage: IrcStage) -> None:
    """The list is as of the moment in which it is written: nobody is shown so who is not in it any more."""
    bob, alice = together(stage, "bob", "alice")
    log = stage.worker.log
    log.reads_held = True
    alice.say("NAMES #tea")
    log.answer_read()
    stage.worker.settle()
    does(stage, "leave", "bob", "#tea")
    log.let_go()
    stage.worker.settle()
    assert [one.shown for one in alice.take()][:2] == ["PART #tea", "353 alice = #tea alice"]
    bob.ask("JOIN #tea")
    alice.take()
    log.reads_held = True
    bob.say("NAMES #tea")
    log.answer_read()
    stage.worker.settle()
    does(stage, "role", CLUSTER, "#tea", "owner", to="bob")
    log.let_go()
    stage.worker.settle()
    assert "353 bob = #tea alice @bob" in [one.shown for one in bob.take()]


def test_an_older_primary_does_not_know_who_is_first(
    stage: IrcStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nobody is shown so, and everybody in a topic may set what it is about, as before."""
    bob, alice = together(stage, "bob", "alice")
    read = stage.worker.log.read

    async def older(question: Any) -> Any:
        if isinstance(question, FirstIn | LedBy):
            raise BadRequest.of(why="no such question")
        return await read(question)

    monkeypatch.setattr(stage.worker.log, "read", older)
    assert alice.shown("NAMES #tea")[0] == "353 alice = #tea alice bob"
    assert "319 alice bob #tea" in alice.shown("WHOIS bob")
    assert alice.shown("TOPIC #tea :x") == ["TOPIC #tea x"]
    assert bob.is_open


def test_whois_shows_who_moderates_a_private_room(stage: IrcStage) -> None:
    alice, bob = moderated(stage)
    assert "319 bob alice @&ops" in bob.shown("WHOIS alice")
    assert "319 alice bob &ops" in alice.shown("WHOIS bob")


def test_only_moderators_set_the_topic_of_a_private_room(stage: IrcStage) -> None:
    alice, bob = moderated(stage)
    assert bob.shown("TOPIC &ops :x") == ["482 bob &ops Only those who moderate there do that."]
    assert alice.shown("TOPIC &ops :x") == ["TOPIC &ops x"]
    assert [one.shown for one in bob.take()] == ["TOPIC &ops x"]


# ---- what moderators do, as it is told ----


def test_an_invitation_and_a_role(stage: IrcStage) -> None:
    """An INVITE is for whom it is for; others who moderate see it if they asked for that."""
    alice, bob = moderated(stage)
    alice.ask("CAP REQ invite-notify")
    carol = stage.user("carol")
    does(stage, "invite", "alice", "&ops", to="carol")
    assert [(one.nick, one.shown) for one in carol.take()] == [("alice", "INVITE carol &ops")]
    assert [one.shown for one in alice.take()] == ["INVITE carol &ops"]
    assert bob.take() == []
    does(stage, "role", "alice", "&ops", "moderator", to="bob")
    for line in (alice, bob):
        assert [(one.nick, one.shown) for one in line.take()] == [("alice", "MODE &ops +o bob")]


def test_who_is_removed_is_told_by_a_kick(stage: IrcStage) -> None:
    """So are the others; and the client may ask for the channel again."""
    alice, bob = moderated(stage)
    does(stage, "remove", "alice", "&ops", "too loud", to="bob")
    for line in (alice, bob):
        assert [(one.nick, one.shown) for one in line.take()] == [("alice", "KICK &ops bob too loud")]
    assert bob.shown("PRIVMSG &ops :x") == ["403 bob &ops There is no such channel."]
    does(stage, "invite", "alice", "&ops", to="bob")
    bob.take()
    assert bob.shown("JOIN &ops")[0] == "JOIN &ops"


def test_who_is_banned_is_told_so(stage: IrcStage) -> None:
    """Moderators see the ban; other members see that somebody is no longer there, and no reason."""
    alice, bob = moderated(stage)
    carol = stage.user("carol")
    does(stage, "invite", "alice", "&ops", to="carol")
    carol.ask("JOIN &ops")
    alice.take(), bob.take()
    does(stage, "ban", "alice", "&ops", "enough", to="bob")
    assert [one.shown for one in bob.take()] == ["KICK &ops bob enough"]
    assert [one.shown for one in alice.take()] == ["MODE &ops +b bob!*@*", "PART &ops"]
    assert [(one.nick, one.shown) for one in carol.take()] == [("bob", "PART &ops")]


@pytest.mark.parametrize("kind", ["remove", "ban"])
def test_who_blocks_whoever_removes_them_is_told_that_they_are_out(stage: IrcStage, kind: str) -> None:
    """Not by whom, and not why; and the client may ask for the channel again."""
    _, bob = moderated(stage)
    does(stage, "block", "bob", "bob", to="alice")
    does(stage, kind, "alice", "&ops", "too loud", to="bob")
    assert [(one.nick, one.shown) for one in bob.take()] == [("bob", "PART &ops")]
    assert bob.shown("PRIVMSG &ops :x") == ["403 bob &ops There is no such channel."]
    if kind == "remove":
        does(stage, "invite", "alice", "&ops", to="bob")
        assert bob.shown("JOIN &ops")[0] == "JOIN &ops"


def test_who_is_forgotten_is_gone(stage: IrcStage) -> None:
    """Their connections end, and others see them quit."""
    alice, bob = together(stage, "alice", "bob")
    does(stage, "forget", "chatnet", "", to="bob")
    assert [one.command for one in bob.take()][-1] == "ERROR"
    assert not bob.is_open
    assert [(one.nick, one.shown) for one in alice.take()] == [("bob", "QUIT forgotten")]


# ---- what one finds in a channel ----


def test_who_joins_is_shown_what_was_said_last(stage: IrcStage) -> None:
    """The newest twenty, with their times and in a batch; to clients that know times and do not ask
    themselves, and only by a JOIN that is new."""
    [alice] = together(stage, "alice")
    alice.say(*(f"PRIVMSG #tea :{number}" for number in range(25)))
    bob = stage.user("bob", "server-time", "batch")
    heard = bob.ask("JOIN #tea")
    said = [one for one in heard if one.command == "PRIVMSG"]
    assert [one.text for one in said] == [str(number) for number in range(5, 25)]
    assert all("time" in one.tags and "batch" in one.tags for one in said)
    assert [one.command for one in bob.ask("JOIN #tea")] == []
    for caps in ((), ("server-time", "draft/chathistory", "batch")):
        other = stage.user(f"user{len(caps)}", *caps)
        assert "PRIVMSG" not in [one.command for one in other.ask("JOIN #tea")]
    bob.cut()
    again = stage.line()
    again.log_in("bob", "server-time", "batch")
    assert "PRIVMSG" not in [one.command for one in again.take()]


@pytest.mark.parametrize("caps", [(), ("no-implicit-names",)])
def test_who_joins_with_a_label_is_shown_what_was_said_last_as_such(
    stage: IrcStage, caps: tuple[str, ...]
) -> None:
    """In a batch of its own within that of the label: it is none of now."""
    [alice] = together(stage, "alice")
    alice.say("PRIVMSG #tea :one", "PRIVMSG #tea :two")
    bob = stage.user("bob", "server-time", "batch", "labeled-response", *caps)
    heard = bob.ask("@label=1 JOIN #tea")
    outer, inner = [one for one in heard if one.command == "BATCH" and one.params[0][0] == "+"]
    assert (outer.tags["label"], outer.params[1:]) == ("1", ["labeled-response"])
    assert inner.params[1:] == ["chathistory", "#tea"]
    assert {one.tags.get("batch") for one in heard if one.command == "PRIVMSG"} == {inner.params[0][1:]}
    others = [one.tags.get("batch") for one in heard[1:-1] if one.command != "PRIVMSG"]
    assert set(others) == {outer.params[0][1:]}
    assert heard[-1].params == ["-" + outer.params[0][1:]]


@pytest.mark.parametrize("behind", [1, MOST_KEPT + 7])
def test_who_joins_is_shown_all_once_and_in_order(stage: IrcStage, behind: int) -> None:
    """What is said behind the join comes behind what was said before it, also if that is read only later; and
    no more of it is kept than a bound says."""
    [alice] = together(stage, "alice")
    alice.say("PRIVMSG #tea :before")
    bob = stage.user("bob", "server-time", "batch")
    stage.worker.log.reads_held = True
    bob.say("JOIN #tea")
    for number in range(behind):
        does(stage, "post", "alice", "#tea", f"behind {number}")
    assert len(next(iter(stage.irc.crowd.keeping.values()))._kept or ()) <= MOST_KEPT
    stage.worker.log.reads_held = False
    stage.worker.log.let_go()
    stage.worker.pass_time(1)
    said = [one for one in bob.take() if one.command == "PRIVMSG"]
    assert [one.params[1] for one in said] == ["before", *(f"behind {number}" for number in range(behind))]
    assert ["batch" in one.tags for one in said] == [True, *[False] * behind]


@pytest.mark.parametrize("kind", ["redact", "purge"])
def test_what_is_taken_back_while_it_is_kept_behind_a_join_is_not_said(stage: IrcStage, kind: str) -> None:
    """The front has followed the log to that, though it tells of both only later."""
    alice, _ = together(stage, "alice", "carol")
    bob = stage.user("bob", "server-time", "batch")
    stage.worker.log.reads_held = True
    bob.say("JOIN #tea")
    does(stage, "post", "carol", "#tea", "gone")
    gone = stage.worker.log.entries[-1]
    does(stage, "post", "alice", "#tea", "there")
    if kind == "redact":
        more = More(ref=Ref(gone.seq, Cursor.at(stage.worker.log.log_id, gone).check))
        stage.worker.commit(Draft("redact", "carol", "carol", "", stage.worker.entropy(16), 0, more))
    else:
        does(stage, "purge", CLUSTER, "#tea", to="carol")
    assert bob.server.speech.keeps
    stage.worker.log.reads_held = False
    stage.worker.log.let_go()
    stage.worker.pass_time(1)
    assert [one.text for one in bob.take() if one.command == "PRIVMSG"] == ["there"]
    assert [one.text for one in alice.take() if one.command == "PRIVMSG"] == ["gone", "there"]


def test_who_joins_and_does_not_read_is_shown_all_later(stage: IrcStage) -> None:
    """What was said last, though it is more than fits, and then what is said behind the join; the client goes
    on being answered."""
    together(stage, "alice")
    for number in range(20):
        does(stage, "post", "alice", "#tea", f"{number} {'x' * 1900}")
    bob = stage.user("bob", "message-tags", "server-time", "batch")
    bob.wire.server_transport.bufferSize = 10
    bob.wire.client_transport.reading = False
    stage.worker.log.reads_held = True
    bob.say("JOIN #tea")
    for _ in range(5):
        stage.worker.log.let_go()
        stage.worker.pass_time(1)
    assert bob.server.full
    assert bob.server.speech.keeps
    does(stage, "post", "alice", "#tea", "behind")
    bob.wire.client_transport.reading = True
    for _ in range(5):
        stage.worker.pass_time(1)
    said = [one for one in bob.take() if "msgid" in one.tags and one.command == "PRIVMSG"]
    texts = [one.text.split(" ")[0] for one in said]
    assert [text for text in texts if not text.startswith("x")] == [*map(str, range(20)), "behind"]
    assert [one.command for one in bob.ask("NAMES #tea")][-1] == "366"


def test_who_joins_several_is_shown_each_in_order(stage: IrcStage) -> None:
    """Also if all joins and what was said behind them came to the disk at once."""
    [alice] = together(stage, "alice")
    alice.ask("JOIN #cake")
    for room in ("tea", "cake"):
        alice.say(f"PRIVMSG #{room} :before")
    bob = stage.user("bob", "server-time")
    stage.worker.log.lagging = True
    bob.say("JOIN #tea,#cake")
    for room in ("cake", "tea"):
        alice.say(f"PRIVMSG #{room} :behind")
    stage.worker.log.lagging, stage.worker.log.reads_held = False, True
    stage.worker.log.catch_up()
    for _ in range(10):
        stage.worker.settle()
        stage.worker.log.let_go()
    texts = bob.texts()
    assert sorted(texts) == sorted(
        f"alice #{room} {when}" for room in ("tea", "cake") for when in ("before", "behind")
    )
    for room in ("tea", "cake"):
        assert [text for text in texts if room in text] == [f"alice #{room} before", f"alice #{room} behind"]


def test_who_joins_several_of_which_they_are_in_one_elsewhere(stage: IrcStage) -> None:
    """Two devices join the same list at once, at two fronts: one is told at once that they are there, before
    it has followed the log to that, while the log takes the others. None waits for the other."""
    [alice] = together(stage, "alice")
    alice.say("PRIVMSG #tea :before")
    bob = stage.user("bob", "server-time")
    stage.worker.log.lagging = True
    does(stage, "join", "bob", "#tea")
    bob.say("JOIN #cake,#tea,#pie", "PING x")
    does(stage, "post", "alice", "#tea", "behind")
    stage.worker.log.lagging = False
    stage.worker.log.catch_up()
    stage.worker.settle()
    heard = [one.shown for one in bob.take()]
    assert sorted(one for one in heard if one.startswith("JOIN")) == ["JOIN #cake", "JOIN #pie", "JOIN #tea"]
    assert [one for one in heard if one.startswith("PRIVMSG")] == [
        "PRIVMSG #tea before",
        "PRIVMSG #tea behind",
    ]
    assert heard[-1] == f"PONG {SERVER} x"
    assert not stage.irc.crowd.keeping


def _moves_elsewhere(stage: IrcStage, line: IrcLine, said: str, kind: str) -> list[str]:
    """Have a client not read behind what it has ``said`` of #tea, while its user does the opposite elsewhere,
    and then go on with pages of the log, where neither is. Return what it is told of its own stays."""
    stage.user("bob").ask("JOIN #pie")
    bob, log = stage.user("bob"), stage.worker.log
    log.window.limits = replace(log.window.limits, near=0)
    line.wire.server_transport.bufferSize = 10
    log.held = True
    line.say(said)
    line.wire.client_transport.reading = False
    bob.say("AWAY :out")
    assert line.server.full
    does(stage, kind, "alice", "#tea")
    log.let_go()
    stage.worker.settle()
    line.wire.client_transport.reading = True
    stage.worker.pass_time(1)
    line.server.speech.beat()
    stage.worker.settle()
    heard = line.ask("PING x")
    assert heard[-1].shown == f"PONG {SERVER} x"
    return [one.shown for one in heard if one.command in ("JOIN", "PART") and one.nick == "alice"]


def test_who_has_joined_and_left_elsewhere_is_not_told_that_they_are_there(stage: IrcStage) -> None:
    """The log says that they are there already when they join, too; by when that is known, they are not."""
    alice, log = stage.user("alice"), stage.worker.log
    log.held = True
    does(stage, "join", "alice", "#tea")
    alice.say("JOIN #tea")
    does(stage, "leave", "alice", "#tea")
    log.let_go()
    stage.worker.settle()
    assert [one.shown for one in alice.take() if one.command in ("JOIN", "PART")] == [
        "JOIN #tea",
        "PART #tea",
    ]
    assert list(alice.server.speech.joined) == ["alice"]
    assert alice.shown("JOIN #tea")[0] == "JOIN #tea"


@pytest.mark.parametrize(("said", "kind"), [("JOIN #tea", "leave"), ("PART #tea", "join")])
def test_who_does_the_opposite_elsewhere(stage: IrcStage, said: str, kind: str) -> None:
    """And hears of neither in its place, as they do not read: they know the rooms that they are in."""
    alice = stage.user("alice", "away-notify")
    rooms = ["#pie", *(["#tea"] if kind == "join" else [])]
    alice.ask(f"JOIN {','.join(rooms)}")
    assert _moves_elsewhere(stage, alice, said, kind) == []
    assert list(alice.server.speech.joined) == ["alice", *rooms]


def test_who_is_removed_while_joining_several_goes_on_hearing(stage: IrcStage) -> None:
    """What cannot be read of one channel any more is no reason to keep what is heard in the others."""
    [alice] = together(stage, "alice")
    bob = stage.user("bob", "server-time")
    does(stage, "create", "alice", "&ops", "all")
    does(stage, "invite", "alice", "&ops", to="bob")
    alice.ask("PRIVMSG #tea :before")
    bob.take()
    stage.worker.log.lagging = True
    bob.say("JOIN &ops,#tea")
    does(stage, "remove", "alice", "&ops", to="bob")
    stage.worker.log.lagging = False
    stage.worker.log.catch_up()
    alice.say("PRIVMSG #tea :behind")
    bob.say("PING x")
    heard = [one.shown for one in bob.take()]
    assert [one for one in heard if "&ops" in one] == [
        "JOIN &ops",
        "366 bob &ops End of NAMES.",
        "KICK &ops bob removed",
    ]
    assert [one for one in heard if one.startswith("PRIVMSG")] == [
        "PRIVMSG #tea before",
        "PRIVMSG #tea behind",
    ]
    assert not stage.irc.crowd.keeping


def test_a_fault_of_ours_at_one_channel_leaves_the_others(
    stage: IrcStage, monkeypatch: pytest.MonkeyPatch, logged_failures: Any
) -> None:
    """It is told, and logged; the client hears."""
    [alice] = together(stage, "alice")
    bob = stage.user("bob", "server-time")
    count = 0

    async def fail_once(*args: Any) -> None:
        nonlocal count
        count += 1
        if count == 1:
            raise ZeroDivisionError
        await introduce_one(*args)

    monkeypatch.setattr(rooms, "introduce_one", fail_once)
    stage.worker.log.lagging = True
    bob.say("JOIN #cake,#tea")
    stage.worker.log.lagging = False
    stage.worker.log.catch_up()
    alice.say("PRIVMSG #tea :behind")
    heard = [one.shown for one in bob.take()]
    assert "366 bob #tea End of NAMES." in heard
    assert "400 bob JOIN The server failed at this line; its log says why." in heard
    assert "PRIVMSG #tea behind" in heard
    assert not stage.irc.crowd.keeping
    assert logged_failures.flush(ZeroDivisionError)


def test_who_did_not_read_is_told_who_came_and_went(stage: IrcStage) -> None:
    """In the order of the log, between what was said; and once."""
    alice, bob = together(stage, "alice", "bob")
    carol = stage.user("carol")
    alice.wire.client_transport.reading = False
    for number in range(300):
        bob.say(f"PRIVMSG #tea :{number} {'x' * 400}")
        if number == 250:
            assert alice.server.full
            carol.say("JOIN #tea")
    carol.say("PART #tea")
    alice.wire.client_transport.reading = True
    stage.worker.pass_time(1)
    heard = alice.take()
    assert len(heard) == 302
    assert [(at, one.nick, one.command) for at, one in enumerate(heard) if one.command != "PRIVMSG"] == [
        (251, "carol", "JOIN"),
        (301, "carol", "PART"),
    ]


@pytest.mark.parametrize("how", ["does not read", "joins"])
def test_who_is_banned_goes_behind_their_join(stage: IrcStage, how: str) -> None:
    """Also for who hears of that later: who does not read, and who is told of something older first. Else
    they would have a member in their list who is none."""
    [alice] = together(stage, "alice", caps=("server-time", "away-notify"))
    bob, carol, dora = (stage.user(name) for name in ("bob", "carol", "dora"))
    bob.ask("JOIN #tea")
    alice.take()
    if how == "joins":
        stage.worker.log.reads_held = True
        alice.say("JOIN #cake")
        assert alice.server.speech.keeps
    else:
        alice.wire.server_transport.bufferSize = 10
        alice.wire.client_transport.reading = False
        bob.say("AWAY :out")
        assert alice.server.full
    for banned in (carol, dora):
        banned.say("JOIN #tea")
    does(stage, "ban", CLUSTER, "#tea", to="carol")
    does(stage, "post", "bob", "#tea", "hello")
    does(stage, "ban", CLUSTER, "#tea", to="dora")
    alice.wire.client_transport.reading = True
    stage.worker.log.let_go()
    stage.worker.settle()
    alice.server.speech.beat()
    stage.worker.settle()
    heard = [(one.nick, one.command) for one in alice.take() if one.command in ("JOIN", "PART", "PRIVMSG")]
    assert [one for one in heard if one != ("alice", "JOIN")] == [
        ("carol", "JOIN"),
        ("dora", "JOIN"),
        ("carol", "PART"),
        ("bob", "PRIVMSG"),
        ("dora", "PART"),
    ]


def test_only_some_bans_wait_for_who_does_not_read(stage: IrcStage) -> None:
    """Whoever moderates a room cannot fill our memory with them."""
    [alice] = together(stage, "alice", caps=("away-notify",))
    bob = stage.user("bob")
    bob.ask("JOIN #tea")
    alice.wire.server_transport.bufferSize = 10
    alice.wire.client_transport.reading = False
    bob.say("AWAY :out")
    assert alice.server.full
    for _ in range(MOST_LATER + 20):
        does(stage, "join", "bob", "#tea")
        does(stage, "ban", CLUSTER, "#tea", to="bob")
        does(stage, "unban", CLUSTER, "#tea", to="bob")
    assert len(alice.server.speech._later or ()) == MOST_LATER


def test_who_did_not_read_is_told_where_they_are(stage: IrcStage) -> None:
    """What their user joined and left elsewhere meanwhile; the rooms that they know are those that they are
    in."""
    [alice] = together(stage, "alice")
    stage.user("bob").ask("JOIN #tea")
    alice.wire.client_transport.reading = False
    for number in range(300):
        does(stage, "post", "bob", "#tea", f"{number} {'x' * 400}")
    assert alice.server.full
    does(stage, "join", "alice", "#cake")
    does(stage, "leave", "alice", "#tea")
    stage.worker.log.forget()
    alice.wire.client_transport.reading = True
    stage.worker.pass_time(1)
    heard = [one.shown for one in alice.take() if one.nick == "alice"]
    assert sorted(heard) == ["JOIN #cake", "PART #tea"]
    assert list(alice.server.speech.joined) == ["alice", "#cake"]
