"""What the rig of real clients demands is what the engine does; and it fails where the engine is broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from irc_front.stage import IrcLine, IrcStage
from irc_front.test_irc_devices import comes
from irc_front.test_irc_rooms import does
from worker.conftest import Worker

from chatnet.kinds import SAID
from chatnet.worker.fronts.irc import histories
from chatnet.worker.fronts.irc.client import IrcClient
from chatnet.worker.fronts.irc.devices import Device
from rigs.irc_clients.transcript import Heard
from rigs.irc_clients.verdict import begins, wrongs


class Rehearsal:
    """Alice talks all the time; Bob joins, loses his connection, and comes back."""

    def __init__(self) -> None:
        self.stage = IrcStage(Worker())
        self.heard: list[Heard] = []
        self._said = 0
        self.stage.user("alice").ask("JOIN #tea")

    def talk(self, count: int) -> None:
        for _ in range(count):
            does(self.stage, "post", "alice", "#tea", f"post {self._said}")
            self._said += 1

    def listen(self, bob: IrcLine) -> None:
        """Note what Bob has heard, and let him say that he has."""
        told = bob.take()
        for one in told:
            if one.command == "PRIVMSG":
                self.heard.append(Heard(one.nick, one.text, self.stage.worker.clock.seconds()))
        bob.say(*(f"PONG {one.text}" for one in told if one.command == "PING" and one.text[0] == "c"))

    def wrong(self) -> list[str]:
        """Let it all happen; return what the rig says of it."""
        stage, log = self.stage, self.stage.worker.log
        self.talk(30)
        bob = comes(stage, "bob@phone", "server-time", "batch")
        log.reads_held = True
        bob.say("JOIN #tea")
        self.talk(5)
        self.listen(bob)
        log.reads_held = False
        log.let_go()
        for _ in range(30):
            stage.worker.pass_time(1)
            self.talk(1)
            self.listen(bob)
        bob.cut()
        self.talk(3)
        bob = comes(stage, "bob@phone", "server-time", "batch")
        self.talk(3)
        self.listen(bob)
        there = [entry for entry in log.entries if entry.room == "#tea"]
        [join] = [entry.seq for entry in there if (entry.kind, entry.user) == ("join", "bob")]
        said = {(entry.user, entry.text): entry.seq for entry in there if entry.kind in SAID}
        first = begins(join, list(said.values()), sees_newest=True)
        return list(wrongs(self.heard, list(said), 1, [first]))


def test_the_engine_does_what_the_rig_demands() -> None:
    assert Rehearsal().wrong() == []


def _nothing(*_: Any) -> None:
    pass


@pytest.mark.parametrize(
    ("owner", "name", "value", "why"),
    [
        (IrcClient, "keep", _nothing, "heard"),
        (histories, "NEWEST", 19, "began"),
        (Device, "answered", _nothing, "again"),
        (IrcClient, "tell_kept", lambda self: setattr(self, "_kept", None), "missed"),
    ],
)
def test_it_fails_where_the_engine_is_broken(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, value: Callable[..., Any] | int, why: str
) -> None:
    """What is said behind a JOIN comes before what was said before it, or not at all; a newest post is left
    out; a device's cursor stands still."""
    monkeypatch.setattr(owner, name, value)
    assert any(why in sentence for sentence in Rehearsal().wrong())
