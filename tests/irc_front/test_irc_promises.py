"""What is promised to IRC clients holds in any order of events: each hears what is for them, once, in order.

Users say things over connections of all kinds, join and leave, do not read for a while, change their
capabilities; and the log lags, or takes nothing for a while.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from irc_front.stage import Heard, IrcLine, IrcStage
from worker.conftest import Worker

from chatnet.cursor import Cursor
from chatnet.entries import Entry, visible
from chatnet.names import is_talk
from chatnet.stays import Memberships

NAMES = ("alice", "bob", "carol")
TARGETS = ("#tea", "#cake", "#@alice", "#@bob", "alice", "bob", "carol")
CAPS = ("account-tag", "message-tags", "labeled-response", "batch", "extended-join")


@dataclass
class Talker:
    """A connection: ``since`` is the seq at which it began, ``said`` the texts of its own and their labels,
    in the order of the lines."""

    name: str
    line: IrcLine
    since: int
    caps: set[str]
    said: list[tuple[str, str]] = field(default_factory=list)
    echoes: bool = False

    def heard(self) -> list[Heard]:
        return [one for one in self.line.heard if one.command == "PRIVMSG"]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 4), st.sampled_from(TARGETS)),
        st.tuples(st.just("say"), st.integers(0, 4), st.sampled_from(TARGETS)),
        st.tuples(st.just("join"), st.integers(0, 4), st.sampled_from(TARGETS[:4])),
        st.tuples(st.just("part"), st.integers(0, 4), st.sampled_from(TARGETS[:4])),
        st.tuples(st.just("reads"), st.integers(0, 4), st.booleans()),
        st.tuples(st.just("cap"), st.integers(0, 4), st.sampled_from(CAPS)),
        st.tuples(st.just("flood"), st.integers(0, 4), st.sampled_from(TARGETS)),
        st.tuples(st.just("lagging"), st.booleans(), st.none()),
        st.tuples(st.just("held"), st.booleans(), st.none()),
        st.tuples(st.just("forget"), st.none(), st.none()),
    ),
    min_size=5,
    max_size=60,
)


class Play:
    """A stage with five connections of three users; two have echoes."""

    def __init__(self) -> None:
        self.stage = IrcStage(Worker())
        self.number = 0
        self.talkers = [
            self._talker(name, {"echo-message"} if echoes else set())
            for name, echoes in zip((*NAMES, "alice", "bob"), (True, True, False, False, True), strict=True)
        ]

    def _talker(self, name: str, caps: set[str]) -> Talker:
        line = self.stage.user(name, *caps)
        head = self.stage.worker.log.window.head
        return Talker(name, line, head, set(caps), echoes="echo-message" in caps)

    def do(self, what: str, which: Any, how: Any) -> None:
        log = self.stage.worker.log
        match what:
            case "say" | "flood":
                for _ in range(1 if what == "say" else 40):
                    self._say(self.talkers[which], how, "x" * 300 if what == "flood" else "")
            case "join" | "part":
                self.talkers[which].line.say(f"{what} {how}")
            case "reads":
                self.talkers[which].line.wire.client_transport.reading = how
            case "cap":
                talker = self.talkers[which]
                sign = "-" if how in talker.caps else ""
                talker.caps ^= {how}
                talker.line.say(f"CAP REQ :{sign}{how}")
            case "lagging":
                log.lagging = which
                if not which:
                    log.catch_up()
            case "held":
                if which:
                    log.held = True
                else:
                    log.let_go()
            case "forget" if not log.lagging:
                log.forget()
        self.stage.worker.settle()

    def _say(self, talker: Talker, target: str, more: str) -> None:
        self.number += 1
        text, label = f"{self.number}{more}", f"L{self.number}"
        talker.said.append((text, label))
        talker.line.say(f"@label={label} PRIVMSG {target} :{text}")

    def settle(self) -> None:
        """Let everything arrive: the log goes on, everybody reads, and a PING is answered."""
        worker = self.stage.worker
        worker.log.lagging = False
        worker.log.let_go()
        worker.log.catch_up()
        for talker in self.talkers:
            talker.line.wire.client_transport.reading = True
        worker.pass_time(3)
        for number, talker in enumerate(self.talkers):
            talker.line.say(f"PING end{number}")
        worker.pass_time(12)


def due(play: Play, talker: Talker) -> list[str]:
    """Return the texts of the posts that a connection must have heard, in order."""
    memberships, found = Memberships(), []
    for entry in play.stage.worker.log.entries:
        is_seen = entry.kind == "post" and visible(entry, talker.name, memberships)
        memberships.apply(entry, talker.name)
        if is_seen and entry.seq > talker.since and _is_shown(entry, talker):
            found.append(entry.text)
    return found


def _is_shown(entry: Entry, talker: Talker) -> bool:
    own = entry.text in {text for text, _ in talker.said}
    if own or (is_talk(entry.room) and entry.user == talker.name):
        return talker.echoes
    return True


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_everybody_hears_what_is_for_them_once_and_in_order(actions: list[tuple[str, Any, Any]]) -> None:
    """And each line is answered: what has an echo is in the log, and what is not there was refused."""
    play = Play()
    for action in actions:
        play.do(*action)
    play.settle()
    log = play.stage.worker.log
    there = {entry.text for entry in log.entries if entry.kind == "post"}
    for number, talker in enumerate(play.talkers):
        line = talker.line
        assert [one.text for one in line.heard if one.command == "PONG"] == [f"end{number}"]
        assert [one.text for one in talker.heard()] == due(play, talker)
        refused = sum(one.command in ("401", "404") for one in line.heard)  # 403 answers a PART
        assert refused == sum(text not in there for text, _ in talker.said)
        labels = Counter(one.tags["label"] for one in line.heard if "label" in one.tags)
        assert not labels or max(labels.values()) == 1


def test_a_log_that_was_put_back() -> None:
    """The client is told so, and hears on: what is gone was no promise that can be kept."""
    stage = IrcStage(Worker())
    alice, bob = stage.user("alice"), stage.user("bob")
    for line in (alice, bob):
        line.ask("JOIN #tea")
    alice.take()
    for session in stage.worker.sessions.open:
        session.rewound(Cursor(1, b"checkchk"))
    stage.worker.settle()
    assert [one.command for one in alice.take()] == ["NOTICE"]
    bob.say("PRIVMSG #tea :on")
    assert alice.texts() == ["bob #tea on"]


def test_hints_do_not_wait_for_who_does_not_read() -> None:
    """Who is away or gone, and such: while a client does not read, it is told nothing of it."""
    stage = IrcStage(Worker())
    deaf, bob = stage.user("alice", "away-notify", "setname"), stage.user("bob")
    for line in (deaf, bob):
        line.ask("JOIN #tea")
    deaf.ask("MONITOR + bob,carol")
    deaf.wire.client_transport.reading = False
    for number in range(300):
        bob.say(f"PRIVMSG #tea :{'x' * 400}")
        assert number < 299 or deaf.server.full
    before = len(deaf.wire.server_transport.waiting)
    for _ in range(200):
        bob.say("AWAY :x", "AWAY", "SETNAME :x")
        stage.worker.pass_time(0.5)
        stage.user("carol").cut()
    assert len(deaf.wire.server_transport.waiting) == before
