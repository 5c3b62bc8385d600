"""Guests who are somebody else from one entry on, over IRC: nothing said to them is lost, and nobody hears
what is for another one, whoever lags, and whoever does not read."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import pytest
from irc_front.stage import PASSWORD, Fronts, IrcLine, IrcStage, plain
from irc_front.test_irc_guests import guest
from irc_front.test_irc_rooms import does
from worker.conftest import Worker

from chatnet.entries import Entry, other_side
from chatnet.errors import ChatnetError, TryLater
from chatnet.kinds import CLUSTER
from chatnet.names import is_guest
from chatnet.stays import changes
from chatnet.worker.fronts.irc import guests
from chatnet.worker.fronts.irc.client import IrcClient
from chatnet.worker.session import Session

NICKS = ["gus", "hal", "ida"]
USERS = ["kim", "lea"]


class Was(NamedTuple):
    """Who a connection has been, and behind which entry."""

    user: str
    behind: int


class Guests:
    """Guests at two fronts who come, go, take each other's nicks, log in and register, by chance, while
    ``bob`` talks in #t, and to them."""

    def __init__(self, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.chance = random.Random(seed)
        self.fronts = Fronts(is_behind=self.chance.random() < 0.7, guests=True)
        self.stage = self.fronts.one
        self.log = self.stage.worker.log
        if self.chance.random() < 0.5:  # then pages of the log are read for who is behind
            for window in (self.log.window, self.fronts.behind.window):
                window.limits = replace(window.limits, near=2)
        self.lines: list[IrcLine] = []
        self.first: dict[IrcClient, Was] = {}
        self.said = 0
        come = guests.come

        async def noted(sessions: Any, peer: Any, *said: Any) -> Session:
            session = await come(sessions, peer, *said)
            self.first[peer] = Was(session.user, session.by)
            return session

        patch.setattr(guests, "come", noted)
        for name in ("bob", *USERS):
            self.stage.user(name).ask("JOIN #t")

    def step(self) -> None:
        """Do one thing."""
        chance = self.chance
        line = chance.choice(self.lines) if self.lines else None
        match chance.choice("gggnnnnssrjjjPPPPPSSStTcQlLLhHHxXfFbbB"):
            case "g":
                new = chance.choice([self.fronts.one, self.fronts.two]).line()
                new.say(f"NICK {chance.choice(NICKS)}", "USER x 0 * :x")
                self.lines.append(new)
            case "n" if line:
                line.say(f"NICK {chance.choice(NICKS)}")
            case "s" if line:
                line.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain(chance.choice(USERS))}")
            case "r" if line:
                line.say(f"REGISTER * * :{PASSWORD}")
            case "j" if line:
                line.say("JOIN #t")
            case "P":
                self._say("#t")
            case "S":
                self._say(f"bob=~{chance.choice(NICKS)}")
            case "t":
                self.stage.worker.pass_time(0.2)
            case "T":
                self.stage.worker.work()
            case "c" if line:
                line.cut()
            case "Q" if line:
                line.say("QUIT :bye")
            case "l":
                self.log.lagging = True
            case "L":
                self.catch_up()
            case "b":
                self.fronts.behind.lagging = True
            case "B":
                self._follow()
            case "h":
                self.log.held = True
            case "H":
                self._commit()
            case "x":
                self.log.reads_held = True
            case "X" if self.log._reading:
                self.log.answer_read()
                self.stage.worker.settle()
            case "f" if line:  # it has no room for more than a line, and is not read by the client
                line.wire.server_transport.bufferSize = 100
                line.wire.client_transport.reading = False
            case "F" if line:
                line.wire.client_transport.reading = True
                self.stage.worker.settle()
        self.lines = [line for line in self.lines if line.is_open]

    def _say(self, room: str) -> None:
        if self.log.held:
            return
        self.said += 1
        try:
            does(self.stage, "post", "bob", room, f"said {self.said}")
        except (ChatnetError, AssertionError):
            self.said -= 1

    def _follow(self) -> None:
        self.fronts.behind.lagging = False
        self.fronts.behind.catch_up()
        self.stage.worker.settle()

    def catch_up(self) -> None:
        self.log.lagging = False
        self.log.catch_up()
        self.stage.worker.settle()

    def _commit(self) -> None:
        held, self.log.reads_held = self.log.reads_held, False
        reading, self.log._reading = self.log._reading, []
        self.log.let_go()
        self.log._reading, self.log.reads_held = [*reading, *self.log._reading], held
        self.stage.worker.settle()

    def settle(self) -> None:
        """Let everything come to its end."""
        for line in self.lines:
            line.wire.client_transport.reading = True
        for _ in range(40):
            self.catch_up()
            self._follow()
            self.log.let_go()
            self.stage.worker.work()
            self.stage.worker.pass_time(1)
            self.lines = [line for line in self.lines if line.is_open]
            for line in self.lines:
                line.server.speech.beat()

    def faults(self) -> list[object]:
        """Return what somebody has heard who should not, or the other way round."""
        found: list[object] = []
        for line in self.lines:
            client = line.server.speech
            if client not in self.first:  # it came as a user, or has not come yet
                continue
            heard = [
                one.text for one in line.heard if one.command == "PRIVMSG" and one.text.startswith("said ")
            ]
            told = self._for(self._timeline(client))
            if heard != told:
                found.append((client.user, "heard", heard, "and not", told))
            rooms = {room for room in client.session.local_user.memberships.rooms() if room[0] == "#"}
            if set(client.joined) - {client.user} != rooms:
                found.append((client.user, "was told", list(client.joined), "and is in", rooms))
        return found

    def _timeline(self, client: IrcClient) -> list[Was]:
        was = [self.first[client]]
        for entry in self.log.entries:
            if entry.key[:8] != client.prefix or entry.seq <= was[0].behind:
                continue
            if entry.kind == "nick":
                was.append(Was(entry.to, entry.seq))
            elif entry.kind == "gone":
                was.append(Was("" if is_guest(client.user) else client.user, entry.seq))
            elif entry.kind == "guest":
                was.append(Was(entry.user, entry.seq))
        return was

    def _for(self, was: list[Was]) -> list[str]:
        """Return what is for a connection that has been these."""
        there: set[str] = set()
        told: list[str] = []
        for entry in self.log.entries:
            for change in changes(entry):
                (there.add if change.begins else there.discard)(change.user)
            if entry.kind == "post" and entry.seq > was[0].behind:
                user = [one.user for one in was if one.behind < entry.seq][-1]
                if user in there if entry.room == "#t" else user == _whom(entry):
                    told.append(entry.text)
        return told


def _whom(entry: Entry) -> str:
    return other_side(entry.room, "bob")


@pytest.mark.parametrize("seeds", [range(at, at + 20) for at in range(0, 80, 20)], ids=str)
def test_whoever_a_guest_becomes_hears_what_is_for_them_once(seeds: range) -> None:
    for seed in seeds:
        with pytest.MonkeyPatch.context() as patch:
            stage = Guests(seed, patch)
            for _ in range(stage.chance.randint(10, 50)):
                stage.step()
            stage.settle()
            assert stage.faults() == [], seed


def test_what_was_said_until_a_guest_logged_in_is_heard() -> None:
    """The log is away as it logs in: what is committed before its last entry is for the guest, in its rooms
    and in private."""
    stage = IrcStage(Worker(), guests=True)
    kim, hal = stage.user("kim"), guest(stage, "hal")
    for line in (kim, hal):
        line.ask("JOIN #t")
    log = stage.worker.log
    log.held = True
    does(stage, "post", "kim", "#t", "for all")
    does(stage, "post", "kim", "kim=~hal", "for hal")
    hal.say("AUTHENTICATE PLAIN", f"AUTHENTICATE {plain('kim')}")
    stage.worker.work()
    log.let_go()
    stage.worker.work()
    does(stage, "post", "kim", "#t", "for kim")
    told = [one.shown for one in hal.take() if one.command in ("PRIVMSG", "NICK")]
    assert told == ["PRIVMSG #t for all", "PRIVMSG hal for hal", "NICK kim", "PRIVMSG #t for kim"]


@pytest.mark.parametrize("when", ["before", "live"])
def test_nobody_is_told_what_is_for_the_next_one_of_that_nick(when: str) -> None:
    """Whose front follows the log to their new nick, to the other one at another front, and to what is said
    to that one, all at once."""
    fronts = Fronts(guests=True)
    stage = fronts.one
    log = stage.worker.log
    alice = stage.user("alice")
    alice.ask("JOIN #tea")
    log.lagging = when == "before"
    first = guest(stage, "hal")
    log.lagging = True
    first.say("NICK gus")
    second = guest(fronts.two, "hal")
    second.say("JOIN #tea")
    does(stage, "post", "alice", "alice=~hal", "secret")
    log.lagging = False
    log.catch_up()
    stage.worker.settle()
    assert [one.shown for one in first.take()] == ["NICK gus"]
    assert "PRIVMSG hal secret" in [one.shown for one in second.take()]


@pytest.mark.parametrize("how", ["ban", "gone"])
def test_what_ends_the_next_one_of_a_nick_does_not_end_who_had_it_before(how: Literal["ban", "gone"]) -> None:
    fronts = Fronts(guests=True)
    stage = fronts.one
    first = guest(stage, "hal")
    stage.worker.log.lagging = True
    first.say("NICK gus")
    guest(fronts.two, "hal")
    does(stage, how, CLUSTER, "" if how == "ban" else CLUSTER, to="~hal")
    stage.worker.log.lagging = False
    stage.worker.log.catch_up()
    stage.worker.settle()
    assert [one.shown for one in first.take()] == ["NICK gus"]
    assert first.shown("JOIN #t")[0] == "JOIN #t"


def test_what_is_said_to_a_guest_who_is_still_coming_is_heard() -> None:
    """From the entry on with which the log has its nick."""
    stage = IrcStage(Worker(), guests=True)
    stage.user("bob")
    line = stage.line()
    stage.worker.log.reads_held = True
    line.say("NICK hal", "USER x 0 * :x")
    does(stage, "post", "bob", "bob=~hal", "hello")
    stage.worker.log.let_go()
    stage.worker.settle()
    assert line.texts() == ["bob hal hello"]


def test_who_cannot_register_their_nick_is_told_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their nick is given back for that: they are a guest again, in no channel."""
    stage = IrcStage(Worker(), guests=True)
    hal = guest(stage, "hal")
    hal.ask("JOIN #t")

    async def not_now(*_: object, **more: object) -> None:
        raise TryLater("Not now.")

    monkeypatch.setattr(stage.worker.logins, "login", not_now)
    told = hal.shown(f"REGISTER * * :{PASSWORD}")
    assert [one.split(" ")[0] for one in told] == ["FAIL", "PART"]
    assert list(hal.server.speech.joined) == []
    assert hal.shown("JOIN #t")[0] == "JOIN #t"


def test_who_comes_by_a_nick_is_not_where_the_last_one_was() -> None:
    """Also where the front has not followed the log to the end of that one, and to where they had gone."""
    stage = IrcStage(Worker(), guests=True)
    first, log = guest(stage, "hal"), stage.worker.log
    first.ask("JOIN #t")
    log.lagging = True
    does(stage, "join", "~hal", "#u")
    first.cut()
    assert [entry.kind for entry in log.entries] == ["guest", "join", "join", "gone"]
    second = guest(stage, "hal")
    log.lagging = False
    log.catch_up()
    stage.worker.settle()
    assert second.take() == []
    assert list(second.server.speech.joined) == []
    assert second.shown("JOIN #t")[0] == "JOIN #t"
