"""What hostile or unlucky clients tried: each broke something once."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from irc_front.stage import PASSWORD, SERVER, IrcStage, plain
from irc_front.test_irc_rooms import does
from worker.conftest import Worker

from chatnet.entries import Draft, Entry, More
from chatnet.irc.caps import SHOWING
from chatnet.irc.isupport import MOST_MONITORED, MOST_REAL_NAME
from chatnet.kinds import CLUSTER
from chatnet.net.visitors import MOST_STRANGERS
from chatnet.worker.fronts.irc import channel
from chatnet.worker.fronts.irc.budget import BURST, RATE
from chatnet.worker.fronts.irc.client import MOST_UNANSWERED, REST_A_TURN, IrcClient
from chatnet.worker.fronts.irc.connection import ANSWER_SECONDS, PING_SECONDS
from chatnet.worker.fronts.irc.registration import SECONDS
from chatnet.worker.fronts.irc.said import said
from chatnet.worker.fronts.irc.sees import Sees


@pytest.fixture
def stage() -> IrcStage:
    return IrcStage(Worker())


def test_who_is_not_read_is_not_silent() -> None:
    """A flood is read slowly: until it is done, what the client answers to a PING waits behind it."""
    stage = IrcStage(Worker(rate=2))
    stage.worker.pulse.start()
    alice, _ = stage.user("alice"), stage.user("bob")
    many = int(3 * (PING_SECONDS + ANSWER_SECONDS))
    alice.say(*(f"PRIVMSG bob :{number}{' ' * 60}." for number in range(many)))
    for _ in range(many // 10 + 6):
        stage.worker.pass_time(5)
        alice.say("PONG x")
        assert alice.is_open
    posts = [post.text.split()[0] for post in stage.worker.log.entries if post.kind == "post"]
    assert posts == [str(number) for number in range(many)]
    stage.worker.pulse.stop()


def test_what_a_lost_connection_had_said_waits_as_lines() -> None:
    """Beyond the user's rate few of its posts are drafts at a time, which take far more memory than lines;
    all that come in time are appended, once and in order."""
    stage = IrcStage(Worker(rate=20))
    alice, many = stage.user("alice"), 1_000
    (client,) = stage.irc.crowd.of_key.values()
    alice.say(*(f"PRIVMSG #@alice :{number}" for number in range(many)))
    alice.cut()
    most = 0
    for _ in range(40):
        most = max(most, len(client.drafts))
        stage.worker.pass_time(1)
        stage.worker.work()
    posts = [post.text for post in stage.worker.log.entries if post.kind == "post"]
    assert posts == [str(number) for number in range(len(posts))]
    assert len(posts) >= 500
    assert most <= MOST_UNANSWERED
    assert not stage.worker.sessions.open


def test_two_that_came_in_one_moment_are_told_apart(stage: IrcStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their drafts' keys, though chance gives both the same first: else one gets its own posts as others'
    do, and the other is never forgotten."""
    given = [b"%08d" % number for number in (3, 2, 2, 1, 1)]
    monkeypatch.setattr("chatnet.worker.fronts.irc.client._prefix", lambda *_: given.pop())
    alice, bob = stage.line(), stage.line()
    for name, line in (("alice", alice), ("bob", bob)):  # both logins are under way at once
        line.say("PASS :correct horse", f"NICK {name}", f"USER {name} 0 * :x")
    stage.worker.work()
    assert len(stage.irc.crowd.of_key) == 2
    alice.take()
    alice.ask("PRIVMSG #@alice :x")
    assert alice.texts() == []
    for line in (alice, bob):
        line.cut()
    assert not stage.irc.crowd.of_key
    assert not stage.worker.sessions.open


def test_lines_of_a_batch_are_no_posts_of_their_own(stage: IrcStage) -> None:
    """Also of a connection that is lost while they wait: a whole batch is one post, an open one is none."""
    alice = stage.user("alice", "batch", "message-tags", "draft/multiline")
    stage.worker.log.held = True
    alice.say("PRIVMSG #@alice :first", "JOIN #tea")
    whole = ["BATCH +x draft/multiline #@alice", "@batch=x PRIVMSG #@alice :a", "@batch=x PRIVMSG #@alice :b"]
    alice.say(*whole, "BATCH -x", "BATCH +y draft/multiline #@alice", "@batch=y PRIVMSG #@alice :half")
    alice.cut()
    stage.worker.log.let_go()
    stage.worker.pass_time(1)
    assert [one.text for one in stage.worker.log.entries if one.kind == "post"] == ["first", "a\nb"]


def test_capabilities_are_asked_for_after_a_login_that_failed(stage: IrcStage) -> None:
    stage.user("alice")
    line = stage.line()
    line.say("CAP REQ :sasl", "AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('alice', 'a wrong guess')}")
    stage.worker.work()
    assert line.take()[-1].command == "904"
    assert [one.shown for one in line.ask("CAP REQ :echo-message")] == ["CAP * ACK echo-message"]
    line.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('alice')}", "NICK alice", "USER a 0 * :a", "CAP END")
    stage.worker.pass_time(5)
    stage.worker.work()
    assert "001" in [one.command for one in line.take()]
    assert [one.shown for one in line.ask("PRIVMSG #@alice :x")] == ["PRIVMSG #@alice x"]


def test_a_long_history_is_written_as_it_is_read(stage: IrcStage) -> None:
    """What waits in our memory for who does not read it has a bound, however long the posts are."""
    alice = stage.everything("alice")
    for _ in range(60):
        lines = [f"@batch=x PRIVMSG #@alice :{'é' * 190}" for _ in range(5)]
        alice.say("BATCH +x draft/multiline #@alice", *lines, "BATCH -x")
    stage.worker.pass_time(60)
    alice.take()
    alice.wire.client_transport.reading = False
    alice.say("CHATHISTORY LATEST #@alice * 1000", "PING x")
    for _ in range(200):
        stage.worker.pass_time(0.1)
    assert len(alice.wire.server_transport.waiting) < 100_000
    alice.wire.client_transport.reading = True
    for _ in range(200):
        stage.worker.pass_time(0.1)
    heard = alice.take()
    assert len([one for one in heard if one.command == "PRIVMSG"]) == 300
    assert [one.command for one in heard[-2:]] == ["BATCH", "PONG"]


def test_who_talks_is_not_idle(stage: IrcStage) -> None:
    alice, bob = stage.user("alice"), stage.user("bob")
    stage.worker.pass_time(30)
    alice.ask("PRIVMSG bob :x")
    stage.worker.pass_time(2)
    [idle] = [one for one in bob.ask("WHOIS alice") if one.command == "317"]
    assert idle.params[2] == "2"


def test_what_waits_for_an_earlier_answer_has_a_bound(stage: IrcStage) -> None:
    """Whatever the lines are: while the log is away, a client is not read beyond some."""
    alice = stage.user("alice")
    alice.ask("MONITOR + " + ",".join(f"user{number}" for number in range(60)))
    stage.worker.log.held = True
    alice.say("PRIVMSG #@alice :x")
    for _ in range(60):
        alice.say(*["MONITOR L", "NONSENSE", "PING x", "HELP"] * 10)
        stage.worker.pass_time(5)
    assert len(alice.server.speech.answers) <= MOST_UNANSWERED + 1
    stage.worker.log.let_go()
    stage.worker.pass_time(200)
    assert len([one for one in alice.heard if one.command == "PONG"]) == 600


NO_NICKS = [
    *("::alice", ": alice", ":alice ", ":a b", ":\talice", ":alice\u3000", ":al\u200bice"),
    *("\u017fam", "\u212aate", "\uff41lice", "al\u0131ce", "a\u0308lice", "alice@phone", "~alice", "x" * 33),
]
"""What is folded to a name, and is spelled otherwise than in capitals; and what is never one."""


@pytest.mark.parametrize("nick", NO_NICKS)
def test_a_nick_is_spelled_in_capitals_at_most(nick: str) -> None:
    """Before the welcome, of a guest and of a user: it is 432, and nobody is called so for a moment."""
    stage = IrcStage(Worker(), guests=True)
    line = stage.line()
    assert [one.command for one in line.ask(f"NICK {nick}", "NONSENSE", "CAP LIST")] == ["432", "451", "CAP"]
    assert [one.params[0] for one in line.ask("NICK :", "PASS")] == ["*", "*"]
    other, user = stage.line(), stage.user("Alice")
    other.ask("NICK Bob", "USER b 0 * :b")
    other.take()
    for one, name in ((other, "Bob"), (user, "Alice")):
        [refused] = one.ask(f"NICK {nick}")
        assert (refused.command, refused.params[0]) == ("432", name)


def test_who_is_away_before_the_welcome(stage: IrcStage) -> None:
    """What ``draft/pre-away`` offers."""
    bob = stage.user("bob")
    for words, told in (("asleep", "301 bob alice asleep"), ("*", "301 bob alice not connected")):
        line = stage.line()
        line.say("CAP REQ :sasl draft/pre-away", f"AWAY :{words}", "NICK alice", "USER a 0 * :a")
        line.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('alice')}", "CAP END")
        stage.worker.work()
        heard = [one.command for one in line.take()]
        assert "306" in heard
        assert "451" not in heard
        assert bob.shown("PRIVMSG alice :x") == [told]
        other = stage.user("alice")
        assert bob.shown("PRIVMSG alice :x") == ([] if words == "*" else [told])
        for one in (line, other):
            one.cut()


def test_who_reads_slowly_is_not_silent(stage: IrcStage) -> None:
    """Who has read what waited lives, and is pinged before it is taken for gone."""
    alice, bob = stage.user("alice"), stage.user("bob")
    alice.wire.client_transport.reading = False
    bob.say(*[f"PRIVMSG alice :{'x' * 400}"] * 200)
    stage.worker.pass_time(1)
    assert alice.server.full
    stage.worker.pulse.start()
    stage.worker.pass_time(PING_SECONDS + ANSWER_SECONDS - 20)
    alice.wire.client_transport.reading = True
    stage.worker.pass_time(60)
    alice.take()
    for _ in range(60):
        stage.worker.pass_time(5)
        if any(one.command == "PING" for one in alice.take()):
            alice.say("PONG x")
        assert alice.is_open
    stage.worker.pulse.stop()


def test_a_post_is_not_encoded_for_each_choice_of_capabilities(
    stage: IrcStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with many connections could choose as many, and make each post of others dear."""
    names = sorted(SHOWING)
    lines = [stage.user("alice", "message-tags", *names[:most]) for most in range(len(names) + 1)]
    assert len({line.server.speech.channel for line in lines}) == len(lines)
    bob = stage.user("bob")
    for line in (lines[0], bob):
        line.ask("JOIN #tea")
    encoding = Mock(wraps=said)
    monkeypatch.setattr(channel, "said", encoding)
    for line in lines:
        line.take()
    bob.ask("PRIVMSG #tea :one", "PRIVMSG #tea :two")
    assert [line.texts() for line in lines] == [["bob #tea one", "bob #tea two"]] * len(lines)
    assert encoding.call_count <= 4


def test_words_of_oneself_are_as_harmless_as_posts(stage: IrcStage) -> None:
    """Others see them on their terminals, too: without controls and formatting, and not too long."""
    line, bob = stage.line(), stage.user("bob", "away-notify", "setname")
    line.say(f"PASS :{PASSWORD}", "NICK alice", f"USER a 0 * :\x1b]0;x\x07{'r' * 300}")
    stage.worker.work()
    for one in (line, bob):
        one.ask("JOIN #tea")
    for one in (line, bob):
        one.take()
    assert len(bob.ask("WHO alice")[0].text) == len("0 ") + MOST_REAL_NAME
    line.ask("AWAY :\x1b[2Jgone \x0304,02red\x03\x02!", "SETNAME :\x1b[2Jme\x9b1m")
    assert [one.text for one in bob.take()] == ["[2Jgone red!", "[2Jme1m"]
    assert line.ask("AWAY :\x02\x02")[-1].command == "306"
    assert [one.text for one in bob.take()] == ["away"]
    assert line.ask("SETNAME :\x02")[-1].command in ("FAIL", "NOTICE")


def test_who_keeps_what_they_hear_costs_others_nothing(
    stage: IrcStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who join and then do not read are not looked at for each post of others."""
    bob, carol = stage.user("bob"), stage.user("carol")
    for line in (bob, carol):
        line.ask("JOIN #tea")
    carol.cut()
    keepers = [stage.user("alice", "server-time") for _ in range(5)]
    stage.worker.log.reads_held = True
    for number, line in enumerate(keepers):
        line.say(f"JOIN #cake{number}")
    assert len(stage.irc.crowd.keeping) == len(keepers)
    looks: list[IrcClient] = []
    monkeypatch.setattr(IrcClient, "ear", property(lambda client: looks.append(client)))
    does(stage, "post", "carol", "#tea", "hello")
    assert looks == []
    assert bob.texts() == ["carol #tea hello"]


def test_who_is_back_in_a_room_is_not_told_to_be_gone(stage: IrcStage) -> None:
    """A worker may follow a ban and its end in one turn."""
    stage.user("carol").ask("JOIN #tea")
    alice = stage.user("alice")
    alice.ask("JOIN #tea")
    log = stage.worker.log
    log.lagging = True
    does(stage, "ban", CLUSTER, "#tea", to="carol")
    does(stage, "unban", CLUSTER, "#tea", to="carol")
    does(stage, "join", "carol", "#tea")
    log.lagging = False
    log.catch_up()
    stage.worker.settle()
    assert [one.command for one in alice.take() if one.nick == "carol"] == ["JOIN"]
    does(stage, "ban", CLUSTER, "#tea", to="carol")
    does(stage, "unban", CLUSTER, "#tea", to="carol")
    assert [one.command for one in alice.heard if one.nick == "carol"] == ["PART"]


def test_a_login_that_waits_for_its_turn_is_not_too_late(stage: IrcStage) -> None:
    """While the store is away, or thousands log in. Who does not go on behind it is closed as others are."""
    lines = [stage.line(), stage.line()]
    for name, line in zip(("alice", "bob"), lines, strict=True):
        line.say("CAP REQ :sasl", f"NICK {name}", "USER a 0 * :a", "AUTHENTICATE PLAIN")
        line.say(f"AUTHENTICATE {plain(name)}")
    stage.worker.pass_time(SECONDS + 5)
    stage.worker.work()
    lines[0].say("CAP END")
    stage.worker.pass_time(SECONDS)
    assert [one.command for one in lines[0].heard].count("001") == 1
    assert [one.command for one in lines[1].heard][-3:] == ["900", "903", "ERROR"]
    assert [line.is_open for line in lines] == [True, False]
    assert len(stage.worker.sessions.open) == 1


def test_what_a_lost_connection_had_said_is_done_in_turns(stage: IrcStage) -> None:
    """All of it, and in order: but others are served meanwhile."""
    alice = stage.user("alice")
    stage.worker.log.held = True
    alice.say("PRIVMSG #@alice :first", "JOIN #tea")  # what comes now waits for that
    many = 5 * REST_A_TURN
    alice.send(b"".join(b"PRIVMSG #@alice :%d\r\n" % number for number in range(many)))
    speech = alice.server.speech
    alice.server.connectionLost()
    assert 0 < len(speech.drafts._open) <= REST_A_TURN + 2
    stage.worker.log.let_go()
    stage.worker.pass_time(2)
    posts = [one.text for one in stage.worker.log.entries if one.kind == "post"]
    assert posts == ["first", *map(str, range(many))]
    assert not stage.worker.sessions.open
    stage.worker.pass_time(2)
    assert not stage.worker.clock.getDelayedCalls()


def test_nobody_stays_in_the_room_of_who_is_forgotten(stage: IrcStage) -> None:
    """A client that is not told so can neither leave that channel nor ask for it."""
    stage.user("carol")
    dan = stage.user("dan")
    dan.ask("JOIN #@carol")
    stage.worker.commit(Draft("forget", "chatnet", "", "", b"k" * 16, 0, More(to="carol")))
    stage.worker.settle()
    assert "PART #@carol" in [one.shown for one in dan.take()]
    assert dan.shown("JOIN #@carol") == ["403 dan #@carol There is no such channel."]


def test_thousands_that_do_not_log_in(stage: IrcStage) -> None:
    """From as many addresses: the oldest go, so that their number has a bound, and whoever comes now is let
    in. Who is in does not notice, and a minute later nothing is left of the others."""
    alice = stage.user("alice")
    lines = []
    for number in range(MOST_STRANGERS + 500):
        line = stage.line(f"10.0.{number // 256}.{number % 256}")
        line.wire.client_transport.write(b"NICK mallory\r\n" if number % 2 else b"CAP LS 302\r\n")
        lines.append(line)
    stage.worker.settle()
    here = [line for line in lines if line.is_open]
    stage.worker.clients[:] = [one for one in stage.worker.clients if one.is_open]  # type: ignore[attr-defined]
    assert len(here) <= MOST_STRANGERS == stage.worker.visitors.strangers
    assert len(stage.irc.addresses) <= MOST_STRANGERS + 1
    assert alice.shown("PING x") == [f"PONG {SERVER} x"]
    bob = stage.line("192.0.2.1")
    bob.log_in("bob")
    assert "001" in [one.command for one in bob.take()]
    stage.worker.clock.advance(SECONDS)
    stage.worker.settle()
    assert not any(line.is_open for line in lines)
    assert len(stage.irc.addresses) == 2
    assert (stage.worker.visitors.strangers, bob.is_open, alice.is_open) == (0, True, True)


@pytest.mark.parametrize(
    "flood",
    [
        "PING x",
        "NICK other",
        "JOIN #a/b",
        "JOIN :#a/b,#c/d",
        "PART #nothing",
        "USER a 0 * :a",
    ],
)
def test_a_flood_of_lines_is_read_slowly(stage: IrcStage, flood: str) -> None:
    """Of whatever: a hundred at once and twenty a second, each of them answered; nobody is cut off, and
    nobody else waits."""
    mallory, bob = stage.user("mallory"), stage.user("bob")
    mallory.say(*([flood] * 1_000), "PING :the end")
    assert bob.shown("PING x") == [f"PONG {SERVER} x"]
    stage.worker.pass_time(10)
    assert BURST <= len(mallory.take()) <= 2 * (BURST + 10 * RATE + 5)
    stage.worker.pass_time(40)
    assert mallory.take()[-1].text == "the end"
    assert mallory.is_open


def test_a_list_of_ten_thousand_to_watch(stage: IrcStage) -> None:
    """It has a hundred; whoever is beyond that is named in 734, and nothing is kept of them."""
    alice = stage.user("alice")
    for start in range(0, 10_000, 100):
        alice.say(f"MONITOR + {','.join(f'u{number}' for number in range(start, start + 60))}")
        stage.worker.pass_time(1)
    heard = alice.take()
    full = [one for one in heard if one.command == "734"]
    assert sum(len(one.params[2].split(",")) for one in full) == 60 * 100 - MOST_MONITORED
    (client,) = stage.irc.crowd.of_key.values()
    assert len(client.monitors) == MOST_MONITORED
    alice.cut()
    assert not stage.irc.presence._watched


def test_a_client_that_never_asked_for_what_it_uses(stage: IrcStage) -> None:
    """IRCv3: what is not negotiated is not given. It gets no tag, no batch and no capability's command; what
    it says in a batch is said, each line for itself, and its tags are no one's."""
    alice, bob = stage.user("alice"), stage.everything("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take(), bob.take()
    heard = alice.ask(
        "@label=1;+draft/react=x PING 1",
        "@label=2 BATCH +1 draft/multiline #tea",
        "@batch=1;time=2000-01-01T00:00:00.000Z;msgid=x;account=bob;bot PRIVMSG #tea :one",
        "BATCH -1",
        "@+chatnet/key=AAECAwQFBgcICQoLDA0ODw PRIVMSG #tea :two",
        "@+chatnet/key=AAECAwQFBgcICQoLDA0ODw PRIVMSG #tea :two",
        "SETNAME :Alice",
        "AUTHENTICATE PLAIN",
        "CAP REQ :sts",
        "CAP REQ :draft/nothing echo-message",
        "PRIVMSG #tea :three",
        "CHATHISTORY LATEST #tea * 9",
    )
    assert all(not one.tags for one in heard)
    assert not {"BATCH", "ACK", "SETNAME"} & {one.command for one in heard}
    assert [one.shown for one in heard if one.command == "CAP"] == [
        "CAP alice NAK sts",
        "CAP alice NAK draft/nothing echo-message",
    ]
    said = [one for one in bob.take() if one.command == "PRIVMSG"]
    assert [one.text for one in said] == ["one", "two", "two", "three"]
    assert {one.tags["account"] for one in said} == {"alice"}
    assert not any("bot" in one.tags or one.tags["msgid"] == "x" for one in said)
    assert len({one.tags["msgid"] for one in said}) == 4


@pytest.mark.parametrize("nick", ["\u0430lice", "al\u0456ce", "\uff41lice", "al\u0131ce", "a|ice", "[alice]"])
def test_names_that_look_alike(stage: IrcStage, nick: str) -> None:
    """A name is of ASCII letters, digits, - and _: nobody has one that only looks like another's. In
    capitals it is the same one, and for SASL with letters that nobody sees, too: it needs the password."""
    stage.user("alice")
    line = stage.line()
    assert [one.command for one in line.ask(f"NICK {nick}")] == ["432"]
    line.say("PASS :mallory's own", "NICK ALICE", "USER a 0 * :a")
    stage.worker.work()
    assert "464" in [one.command for one in line.take()]
    line = stage.line()
    message = plain("alice\u200b", "mallory's own")
    line.say("CAP REQ sasl", "AUTHENTICATE PLAIN", f"AUTHENTICATE {message}")
    stage.worker.pass_time(3)  # tries of one password take turns
    stage.worker.work()
    assert "904" in [one.command for one in line.take()]
    bob = stage.user("bob")
    assert [one.command for one in bob.ask(f"PRIVMSG {nick} :x")] == ["401"]


@pytest.mark.parametrize("evil", ["\r", "\0", "\rQUIT", "\r\nQUIT :x"])
@pytest.mark.parametrize("caps", [(), ("message-tags",), ("message-tags", "batch", "draft/multiline")])
def test_no_post_is_more_than_its_lines(evil: str, caps: tuple[str, ...]) -> None:
    """The log takes no such text; if one came by whatever way, it would be no lines of ours."""
    post = Entry(1, 0, "post", "alice", "#tea", f"good{evil}", b"k" * 16)
    with pytest.raises(ValueError, match="not one line"):
        said("log", post, "#tea", Sees.of(frozenset(caps)))
