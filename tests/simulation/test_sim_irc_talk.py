"""What simulated users of IRC take for the answer to a line that is for several targets."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from chatnet.client.service import PULSE
from chatnet.net.pulse import Pulse
from chatnet.testing import history
from chatnet.testing.history import Answered
from chatnet.testing.recorded import Recorder
from simulator.users.irc_lines import Batch, IrcLine, Item
from simulator.users.irc_talk import FULL, PLAIN, Draft, Talk

TARGETS = {"#tea": Draft("post", "#tea", "x"), "bob": Draft("post", "@bob", "x")}


class Heard:
    """Alice's connection, on which she says one line to several, and what she takes for its answers."""

    def __init__(self, on: frozenset[str]) -> None:
        clock = Clock()
        self.events: list[history.Event] = []
        self._line = IrcLine(self._hears, Pulse(clock, clock.seconds, *PULSE), clock, random.Random(0))
        self._line.makeConnection(StringTransport())
        recorder = Recorder("alice/1.1", self.events.append, clock.seconds)
        self.talk = Talk(self._line, recorder, "alice", on, "", lambda *_: None)

    def _hears(self, item: Item, batch: Batch | None) -> None:
        if batch is None:
            self.talk.hears(item)
        else:
            self.talk.hears_within(item, batch)

    def answers(self, *lines: str) -> Sequence[tuple[int, str, int]]:
        """Return what was answered by these lines."""
        self._line.dataReceived("".join(f"{line}\r\n" for line in lines).encode())
        return [(one.number, one.code, one.seq) for one in self.events if isinstance(one, Answered)]


@pytest.mark.parametrize("own", ["#tea", "alice", "bob", "#go"])
def test_what_was_missed_is_no_answer_to_who_asked_for_no_echo(own: str) -> None:
    """Own posts from before, and those of another device, come before the first PONG: it is what is refused
    there that says what became of the line."""
    heard = Heard(PLAIN)
    heard.talk.say_to_several("PRIVMSG", TARGETS, "x")
    old = f":Alice!alice@user PRIVMSG {own} :from before"
    assert heard.answers(old, old, old) == []
    no = ":chatnet 401 Alice bob :Nobody here has that name."
    assert heard.answers(no, ":chatnet PONG chatnet 1") == [(1, "", 0), (2, "401", 0)]


def test_an_echo_answers_for_the_target_where_it_is_heard() -> None:
    """Each of the others is answered by what refuses it, or in the end."""
    heard = Heard(FULL)
    heard.talk.say_to_several("PRIVMSG", TARGETS, "x")
    assert heard.answers(
        "@label=1 :chatnet BATCH +1 labeled-response",
        "@batch=1;msgid=a-x :alice!alice@user PRIVMSG #tea :x",
    ) == [(1, "", 10)]
    no = "@batch=1 :chatnet 401 alice bob :Nobody here has that name."
    assert heard.answers(no, ":chatnet BATCH -1") == [(1, "", 10), (2, "401", 0)]


@pytest.mark.parametrize(
    ("only", "answers"),
    [
        ("404 alice #tea :You have not joined #tea.", [(1, "404", 0), (2, "", 0)]),
        ("401 alice bob :Nobody here has that name.", [(1, "", 0), (2, "401", 0)]),
        ("421 alice PRIVMSG :No such command.", [(1, "421", 0), (2, "421", 0)]),
    ],
)
def test_one_line_alone_answers_too(only: str, answers: Sequence[tuple[int, str, int]]) -> None:
    """It comes in no batch: of the other target there was nothing to show, as of a post that is gone
    already."""
    heard = Heard(FULL)
    heard.talk.say_to_several("PRIVMSG", TARGETS, "x")
    assert sorted(heard.answers(f"@label=1 :chatnet {only}")) == answers


def test_an_echo_alone_answers_for_its_target() -> None:
    heard = Heard(FULL)
    heard.talk.say_to_several("PRIVMSG", TARGETS, "x")
    assert heard.answers("@label=1;msgid=a-x :alice!alice@user PRIVMSG bob :x") == [(2, "", 10), (1, "", 0)]
