"""Presence over IRC: who is here and who is away, on whatever process, and who is told of that."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from irc_front.stage import PASSWORD, SERVER, Fronts, IrcLine, IrcStage
from irc_front.test_irc_rooms import does
from worker.conftest import Worker

from chatnet.kinds import CLUSTER
from chatnet.presence import GRACE_SECONDS, Present
from chatnet.worker.fronts.irc import people
from chatnet.worker.fronts.irc.client import IrcClient
from chatnet.worker.fronts.irc.neighbours import EACH_SECONDS, MOMENT, MOST_WAITING
from chatnet.worker.fronts.irc.people import LOOKED_BACK


@pytest.fixture
def fronts() -> Fronts:
    return Fronts()


def joined(fronts: Fronts, *lines: IrcLine, room: str = "#tea") -> None:
    """Let these join a channel, and forget what was heard until then."""
    for line in lines:
        line.ask(f"JOIN {room}")
    fronts.pass_time()
    for line in lines:
        line.take()


def heard(line: IrcLine) -> list[str]:
    """Return what a client heard, each line with the nick that it is from."""
    return [f"{one.nick} {one.shown}" for one in line.take()]


def test_who_is_at_another_front_is_here(fronts: Fronts) -> None:
    """In NAMES's and WHO's H, for WHO's masks, ISON, USERHOST, MONITOR, WHOIS and LUSERS."""
    alice, bob = fronts.one.user("alice"), fronts.two.user("bob")
    fronts.pass_time()
    joined(fronts, alice, bob)
    assert f"352 alice #tea bob user {SERVER} bob H 0 bob" in alice.shown("WHO #tea")
    assert alice.shown("ISON bob zoe") == ["303 alice bob"]
    assert alice.shown("USERHOST bob") == ["302 alice bob=+bob@user"]
    assert alice.shown("MONITOR + bob,zoe") == ["730 alice bob!bob@user", "731 alice zoe"]
    for mask in ("*", "b*", "bob"):
        assert "bob" in [one.params[5] for one in alice.ask(f"WHO {mask}") if one.command == "352"], mask
    assert "317" in [one.command for one in alice.ask("WHOIS bob")]
    lusers = alice.shown("LUSERS")
    assert lusers[0] == "251 alice There are 2 users and 0 invisible on 1 servers"
    assert [line for line in lusers if line.startswith("26")] == [
        "265 alice 1 1 Current local users 1, max 1",
        "266 alice 2 2 Current global users 2, max 2",
    ]


def test_users_of_the_page_and_the_terminal_are_here(fronts: Fronts) -> None:
    alice = fronts.one.user("alice")
    assert alice.shown("MONITOR + carol") == ["731 alice carol"]
    carol = fronts.worker.client("carol")
    second = fronts.worker.client("carol")
    fronts.pass_time()
    assert [one.shown for one in alice.take()] == ["730 alice carol!carol@user"]
    assert alice.shown("PRIVMSG carol :psst") == []
    carol.cut()
    fronts.pass_time()
    assert alice.take() == []
    second.cut()
    fronts.pass_time()
    assert [one.shown for one in alice.take()] == ["731 alice carol"]
    assert alice.shown("PRIVMSG carol :psst") == ["301 alice carol not connected"]


def test_since_when_and_how_long_silent(fronts: Fronts) -> None:
    """317 has both also of who is elsewhere: by what all may read, of the newest entries."""
    alice = fronts.one.user("alice")
    fronts.pass_time(100)
    begun = int(fronts.clock.seconds())
    bob = fronts.worker.client("bob")
    fronts.pass_time(50)

    def idle() -> tuple[int, int]:
        [said] = [one for one in alice.ask("WHOIS bob") if one.command == "317"]
        return int(said.params[2]), int(said.params[3])

    assert idle() == (50, begun)
    assert alice.shown("WHO bob %nl")[0].startswith("354 alice bob 50")
    bob.post("hello")
    assert idle() == (0, begun)
    fronts.pass_time(20)
    assert idle() == (20, begun)
    bob.post("psst", "@alice")
    assert idle() == (20, begun)


def test_only_some_entries_are_looked_at(fronts: Fronts) -> None:
    """However long the window is: WHOIS is often asked."""
    alice, bob, carol = fronts.one.user("alice"), fronts.worker.client("bob"), fronts.worker.client("carol")
    fronts.pass_time(50)
    bob.post("hello")
    fronts.pass_time(5)
    for _ in range(LOOKED_BACK):
        carol.post("x")
    fronts.pass_time(1)
    [said] = [one for one in alice.ask("WHOIS bob") if one.command == "317"]
    assert int(said.params[2]) > 50


# ---- away ----


def test_what_is_said_of_being_away_is_known_to_all(fronts: Fronts) -> None:
    """AWAY to those who share a channel and asked for it, once; 301 to who writes; G."""
    alice, deaf = fronts.one.user("alice", "away-notify"), fronts.one.user("dan")
    bob = fronts.two.user("bob")
    joined(fronts, alice, deaf, bob)
    joined(fronts, alice, deaf, bob, room="#cake")
    bob.ask("AWAY :at lunch")
    fronts.pass_time()
    assert heard(alice) == ["bob AWAY at lunch"]
    assert heard(deaf) == []
    assert deaf.shown("PRIVMSG bob :psst") == ["301 dan bob at lunch"]
    assert "301 dan bob at lunch" in deaf.shown("WHOIS bob")
    assert f"352 dan #tea bob user {SERVER} bob G 0 bob" in deaf.shown("WHO #tea")
    assert deaf.shown("ISON bob") == ["303 dan bob"]
    bob.ask("AWAY")
    fronts.pass_time()
    assert heard(alice) == ["bob AWAY"]


def test_who_comes_and_goes_is_told_as_back_and_away(fronts: Fronts) -> None:
    """away-notify is presence: to those who share a channel, and to nobody else."""
    alice, carol = fronts.one.user("alice", "away-notify"), fronts.one.user("carol", "away-notify")
    bob, near = fronts.two.user("bob"), fronts.one.user("near")
    joined(fronts, alice, bob, near)
    for line, name in ((bob, "bob"), (near, "near")):
        line.cut()
        fronts.pass_time()
        assert heard(alice) == [f"{name} AWAY not connected"]
    for stage, name in ((fronts.two, "bob"), (fronts.one, "near")):
        line = stage.user(name)
        second = stage.user(name)
        fronts.pass_time()
        assert heard(alice) == [f"{name} AWAY"]
        second.cut()
    fronts.pass_time()
    assert heard(alice) == heard(carol) == []


def test_who_is_gone_for_a_moment_was_never_gone(fronts: Fronts) -> None:
    """Nobody is told by AWAY of a page that is loaded again, nor of who comes and goes all the time; MONITOR
    tells of each. What is said of being away is told at once, also by who has just come."""
    alice, bob, far = fronts.one.user("alice", "away-notify"), fronts.one.user("bob"), fronts.two.user("far")
    joined(fronts, alice, bob, far)
    for _ in range(20):
        bob.cut()
        bob = fronts.one.user("bob")
    far.cut()
    fronts.pass_time(MOMENT / 2)
    far = fronts.two.user("far")
    fronts.pass_time()
    assert heard(alice) == []
    alice.ask("MONITOR + bob")
    bob.cut()
    bob = fronts.one.user("bob")
    bob.ask("AWAY :x")
    lines = [f"{SERVER} 731 alice bob", f"{SERVER} 730 alice bob!bob@user", "bob AWAY x"]
    assert heard(alice) == lines
    fronts.pass_time()
    assert heard(alice) == []
    assert far.is_open


def test_what_was_said_last_counts_wherever_it_was_said(fronts: Fronts) -> None:
    """A user's absence is theirs, not their connection's. It lasts as long as they are on IRC, and is
    forgotten with their last connection there."""
    alice = fronts.one.user("alice", "away-notify")
    one, two = fronts.one.user("bob"), fronts.two.user("bob")
    joined(fronts, alice, one)
    two.ask("AWAY :at lunch")
    fronts.pass_time()
    assert heard(alice) == ["bob AWAY at lunch"]
    two.cut()
    fronts.pass_time()
    assert heard(alice) == []
    assert alice.shown("PRIVMSG bob :psst") == ["301 alice bob at lunch"]
    two = fronts.two.user("bob")
    fronts.pass_time()
    two.ask("AWAY")
    fronts.pass_time()
    assert heard(alice) == ["bob AWAY"]
    one.ask("AWAY :again")
    fronts.pass_time()
    fronts.worker.sessions.presence.came("bob")  # by the page
    fronts.pass_time()
    assert heard(alice) == ["bob AWAY again"]
    for line in (one, two):
        line.cut()
    fronts.pass_time()
    assert heard(alice) == ["bob AWAY"]
    fronts.worker.sessions.presence.gone("bob")
    fronts.pass_time()
    assert heard(alice) == ["bob AWAY not connected"]


def test_a_connection_at_which_nobody_is_counts_as_absent(fronts: Fronts) -> None:
    """``AWAY *``, where draft/pre-away is on; until it says otherwise."""
    alice = fronts.one.user("alice")
    alice.ask("MONITOR + bob")
    bob = fronts.two.user("bob", "draft/pre-away")
    fronts.pass_time()
    assert heard(alice) == [f"{SERVER} 730 alice bob!bob@user"]
    assert bob.shown("AWAY *")[0].startswith("306")
    fronts.pass_time()
    assert heard(alice) == [f"{SERVER} 731 alice bob"]
    assert alice.shown("PRIVMSG bob :psst") == ["301 alice bob not connected"]
    other = fronts.two.user("bob")
    fronts.pass_time()
    assert heard(alice) == [f"{SERVER} 730 alice bob!bob@user"]
    other.cut()
    fronts.pass_time()
    bob.ask("AWAY :busy")
    fronts.pass_time()
    assert heard(alice)[-1] == f"{SERVER} 730 alice bob!bob@user"
    assert alice.shown("PRIVMSG bob :psst") == ["301 alice bob busy"]


def test_a_connection_at_which_nobody_is_says_nothing_of_its_user(
    fronts: Fronts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what it said in USER, nor that it is by TLS: nobody is to see that it is there."""
    monkeypatch.setattr(people, "is_encrypted", lambda transport: True)
    alice, bob = fronts.one.user("alice"), fronts.one.line()
    bob.say("CAP LS 302", "CAP REQ draft/pre-away", f"PASS :{PASSWORD}", "NICK bob", "USER b 0 * :Bob Nobody")
    bob.say("CAP END")
    fronts.one.worker.work()

    def shown() -> tuple[str, bool]:
        said = alice.ask("WHOIS bob")
        [who] = [one for one in said if one.command == "311"]
        return who.text, "671" in [one.command for one in said]

    assert shown() == ("Bob Nobody", True)
    bob.ask("AWAY *")
    assert shown() == ("bob", False)


def test_of_who_joins_and_is_away_elsewhere_it_is_told(fronts: Fronts) -> None:
    """AWAY behind the JOIN. Who is not here at all is told to be absent a moment later, unless they come."""
    alice, bob = fronts.one.user("alice", "away-notify"), fronts.two.user("bob")
    joined(fronts, alice)
    bob.ask("AWAY :x")
    fronts.pass_time()
    bob.ask("JOIN #tea")
    fronts.pass_time()
    assert heard(alice) == ["bob JOIN #tea", "bob AWAY x"]
    for name in ("zoe", "carol"):
        does(fronts.one, "register", name, name, "argon2id")
        does(fronts.one, "join", name, "#tea")
        assert heard(alice) == [f"{name} JOIN #tea"]
    fronts.worker.client("dan").join("#tea")
    fronts.worker.sessions.presence.came("carol")
    fronts.pass_time(2 * MOMENT)
    assert sorted(heard(alice)) == ["carol AWAY", "dan AWAY", "dan JOIN #tea", "zoe AWAY not connected"]


# ---- MONITOR ----


def test_more_is_told_of_who_is_monitored_elsewhere(fronts: Fronts) -> None:
    """AWAY by extended-monitor, without a channel in common; and once if there is one."""
    alice, plain = (
        fronts.one.user("alice", "extended-monitor", "away-notify"),
        fronts.one.user("carol", "away-notify"),
    )
    bob = fronts.two.user("bob")
    for line in (alice, plain):
        line.ask("MONITOR + bob")
    fronts.pass_time()
    for line in (alice, plain):
        line.take()
    bob.ask("AWAY :x")
    fronts.pass_time()
    assert heard(alice) == ["bob AWAY x"]
    assert heard(plain) == []
    joined(fronts, alice, bob)
    bob.ask("AWAY :y")
    fronts.pass_time()
    assert heard(alice) == ["bob AWAY y"]


def test_no_death_of_a_process_flaps(fronts: Fronts) -> None:
    """Who comes back within ten seconds was never gone; who does not, is then."""
    alice = fronts.one.user("alice", "away-notify")
    bob, carol = fronts.two.user("bob"), fronts.worker.client("carol")
    alice.ask("MONITOR + bob,carol")
    joined(fronts, alice, bob)
    fronts.lanes[1].cut()
    fronts.lanes[2].cut()
    fronts.pass_time(GRACE_SECONDS - 2)
    fronts.lanes[1].presence.attached(fronts.lanes[1])  # type: ignore[arg-type]
    fronts.pass_time(1)
    assert heard(alice) == []
    fronts.pass_time(2)
    assert heard(alice) == [f"{SERVER} 731 alice carol"]
    assert carol.connected


def test_no_failover_flaps(fronts: Fronts) -> None:
    """A new primary knows nobody at first; who is not back ten seconds later is gone."""
    alice = fronts.one.user("alice", "away-notify")
    bob, carol = fronts.two.user("bob"), fronts.two.user("carol")
    alice.ask("MONITOR + bob,carol")
    joined(fronts, alice, bob, carol)
    for lane in fronts.lanes:
        lane.presence.detached()
    fronts.primary.stop()
    carol.cut()
    fronts.pass_time(2 * GRACE_SECONDS)
    assert heard(alice) == []
    fronts.begin()
    fronts.pass_time(GRACE_SECONDS - 1)
    assert heard(alice) == []
    fronts.pass_time(4)
    assert heard(alice) == [f"{SERVER} 731 alice carol", "carol AWAY not connected"]


def test_a_front_that_stops_tells_nobody_that_all_are_gone(fronts: Fronts) -> None:
    """They come back."""
    alice, near, far = (
        fronts.one.user("alice", "away-notify"),
        fronts.one.user("near"),
        fronts.two.user("far"),
    )
    for line in (alice, far):
        line.ask("MONITOR + near")
    joined(fronts, alice, near)
    far.take()
    fronts.one.worker.sessions.presence.stop()
    near.cut()
    fronts.pass_time(1)
    assert heard(alice) == heard(far) == []


# ---- modes of oneself ----


def test_modes_are_known_to_all(fronts: Fronts) -> None:
    """A bot is one everywhere; masks find who is invisible only if a channel is shared."""
    alice, bob = fronts.one.user("alice"), fronts.two.user("bob")
    bob.ask("MODE bob +Bi")
    fronts.pass_time()

    def names(mask: str) -> list[str]:
        return [one.params[5] for one in alice.ask(f"WHO {mask}") if one.command == "352"]

    assert names("*") == ["alice"]
    assert names("bob") == ["bob"]
    joined(fronts, alice, bob)
    assert names("*") == ["alice", "bob"]
    assert alice.shown("WHO bob")[0] == f"352 alice * bob user {SERVER} bob HB 0 bob"
    bob.ask("MODE bob -B")
    fronts.pass_time()
    assert alice.shown("WHO bob")[0] == f"352 alice * bob user {SERVER} bob H 0 bob"


# ---- bounds ----


def test_only_some_who_come_at_once_are_told_of() -> None:
    """The log is asked for the rooms of one after the other, and only so many wait; MONITOR tells of all."""
    stage = IrcStage(Worker())
    alice = stage.user("alice", "away-notify")
    alice.ask("MONITOR + far1,far9999")
    presence: Any = stage.irc.presence
    known = [Present(f"far{number}", 1, 5) for number in range(10_000)]
    presence._elsewhere.told(known, True, False)
    stage.worker.settle()
    assert [one.shown for one in alice.take()] == [f"730 alice far{n}!far{n}@user" for n in (1, 9999)]
    assert len(presence._neighbours._changed) == MOST_WAITING
    stage.worker.pass_time(MOST_WAITING * (EACH_SECONDS + 0.1))
    assert not presence._neighbours._changed


def test_modes_that_are_so_already_are_told_nobody(fronts: Fronts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the primary, which would tell all fronts."""
    alice = fronts.one.user("alice")
    said: list[str] = []
    presence = fronts.one.worker.sessions.presence
    say = presence.say

    def listened(user: str, away: str, away_at: int, modes: str) -> None:
        said.append(modes)
        say(user, away, away_at, modes)

    monkeypatch.setattr(presence, "say", listened)
    assert alice.shown("MODE alice -B", "MODE alice -i+i-i") == []
    assert alice.shown("MODE alice +B", "MODE alice +B", "MODE alice +B-x") == [
        "MODE alice +B",
        "501 alice There is no such mode of users.",
    ]
    assert said == ["B"]


@pytest.mark.parametrize("are_told", [True, False])
def test_what_one_does_is_not_looked_at_for_everybody(
    fronts: Fronts, monkeypatch: pytest.MonkeyPatch, are_told: bool
) -> None:
    """Who comes, goes, is away, is shown otherwise, is banned or forgotten costs no look at connections that
    share no channel with them: after a restart thousands do that at once."""
    looks = dict[str, int]()
    joined_of, has = vars(IrcClient)["joined"], IrcClient.has

    def look(client: IrcClient) -> None:
        looks[client.user] = looks.get(client.user, 0) + 1

    def looked_at(client: IrcClient) -> dict[str, None]:
        look(client)
        return joined_of.__get__(client)

    def asked(client: IrcClient, capability: str) -> bool:
        look(client)
        return has(client, capability)

    caps = ("away-notify", "setname") if are_told else ("setname",)
    alice, far = fronts.one.user("alice", *caps), fronts.one.user("far", *caps)
    bob, carol = fronts.one.user("bob"), fronts.two.user("carol")
    joined(fronts, alice, bob, carol)
    does(fronts.one, "role", CLUSTER, "#tea", "owner", to="alice")
    monkeypatch.setattr(IrcClient, "joined", property(looked_at, joined_of.__set__))
    monkeypatch.setattr(IrcClient, "has", asked)
    for line, name in ((bob, "Bob"), (carol, "Carol")):
        line.ask("AWAY :at lunch", "AWAY", f"SETNAME {name}", f"NICK {name}")
        fronts.pass_time()
        line.cut()
        fronts.pass_time()
    fronts.two.user("bob").ask("JOIN #cake")
    does(fronts.one, "ban", "alice", "#tea", "", to="bob")
    does(fronts.one, "forget", CLUSTER, "", to="bob")
    fronts.pass_time()
    told = {one.command for one in alice.take()}
    assert told >= {"SETNAME", "NICK", "PART", "QUIT"}
    assert ("AWAY" in told) is are_told
    assert looks["alice"]
    assert "far" not in looks
    assert [one.shown for one in far.take()] == ["QUIT forgotten"]


def test_who_is_lost_before_the_welcome_is_not_here() -> None:
    """While the log keeps how they spell their name."""
    stage = IrcStage(Worker())
    stage.user("alice").cut()
    line = stage.line()
    stage.worker.log.held = True
    line.log_in("Alice", "sasl")
    assert "001" not in [one.command for one in line.take()]
    line.cut()
    stage.worker.log.let_go()
    stage.worker.settle()
    assert [entry.kind for entry in stage.worker.log.entries][-1] == "spelling"
    assert len(stage.irc.presence) == len(stage.irc.crowd.of_user) == 0


def test_of_guests_the_log_tells_who_comes_and_goes() -> None:
    """By JOIN and QUIT: no AWAY tells of a nick that is nobody's any more, or another's."""
    stage = IrcStage(Worker(), guests=True)
    alice, visitor = stage.user("alice", "away-notify"), stage.line()
    alice.ask("JOIN #tea", "MONITOR + visitor")
    visitor.say("NICK visitor", "USER v 0 * :v", "JOIN #tea", "AWAY :x", "NICK guest", "QUIT")
    stage.worker.pass_time(3 * MOMENT)
    told = [one.command for one in alice.take()]
    assert told.count("AWAY") == 1
    assert {"JOIN", "NICK", "QUIT", "730", "731"} <= {*told}


def test_modes_go_with_the_connection_that_set_them(fronts: Fronts) -> None:
    """Also where another one of theirs stays; and are known of one that shows nobody, once another does."""
    fronts.one.user("alice")  # who makes this front follow the others
    bot, bob = fronts.two.user("bob"), fronts.two.user("bob")
    presence = fronts.one.irc.presence
    bot.ask("MODE bob +B")
    fronts.pass_time()
    assert presence.is_bot("bob")
    bot.cut()
    fronts.pass_time()
    assert not presence.is_bot("bob")
    bob.cut()
    fronts.two.user("bob", "draft/pre-away").ask("AWAY *", "MODE bob +B")
    fronts.pass_time()
    assert not presence.is_bot("bob")
    fronts.two.user("bob")
    fronts.pass_time()
    assert presence.is_bot("bob")


def test_what_is_said_at_two_fronts_at_one_time_is_one_thing(fronts: Fronts) -> None:
    """Which of the two it is does not matter: all say the same."""
    for front, words in ((fronts.one, "lunch"), (fronts.two, "gone fishing")):
        front.user("bob").ask(f"AWAY :{words}")
    fronts.pass_time()
    said = {front.irc.presence.words("bob") for front in (fronts.one, fronts.two)}
    assert said == {"lunch"}


def test_who_leaves_behind_saying_that_nobody_is_here_is_told_as_gone(fronts: Fronts) -> None:
    """By a second later they are in no room any more: that they were counts."""
    alice, bob = fronts.one.user("alice", "away-notify"), fronts.one.user("bob", "draft/pre-away")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    fronts.pass_time()
    alice.take()
    bob.say("AWAY *", "QUIT")
    fronts.pass_time()
    assert [(one.nick, one.shown) for one in alice.take()] == [("bob", "AWAY not connected")]


class NotLookedThrough(dict[str, int]):
    """It may not be looked at as a whole."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("All users were looked at")


@pytest.mark.parametrize("seed", range(4))
def test_how_many_are_here_is_known_at_once(fronts: Fronts, seed: int) -> None:
    """Of this front and of others, each counted once: it is told at each welcome, however many they are."""
    chance = random.Random(seed)
    lines: list[IrcLine] = []
    presences = [stage.irc.presence for stage in (fronts.one, fronts.two)]
    for _ in range(25):
        if lines and chance.random() < 0.4:
            lines.pop(chance.randrange(len(lines))).cut()
        else:
            stage = chance.choice([fronts.one, fronts.two])
            lines.append(stage.user(chance.choice(["alice", "bob", "carol"]), "draft/pre-away"))
        if lines and chance.random() < 0.3:
            chance.choice(lines).say(chance.choice(["AWAY *", "AWAY"]))
        fronts.pass_time(chance.choice([0, 2]))
        assert [len(presence) for presence in presences] == [len(presence.users()) for presence in presences]
    presences[0]._here = NotLookedThrough(presences[0]._here)
    assert len(presences[0]) <= 3
