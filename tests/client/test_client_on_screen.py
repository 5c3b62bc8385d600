"""A whole client on the screen, connected to a cluster in memory: what one types, and what is seen then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from client.person import SINCE_1970, Person
from twisted.internet.defer import Deferred

from chatnet.client.calendar import Calendar
from chatnet.client.chattest import Ladder
from chatnet.client.commands import Interpreter
from chatnet.client.screen import ScreenTerminal
from chatnet.testing.fake_cluster import FakeCluster


class Seated:
    """Alice at a screen of 60 by 12, logged in."""

    def __init__(self, person: Person) -> None:
        self.network, connection = person.network, person.client._connection
        calendar = Calendar(lambda seconds: datetime.fromtimestamp(seconds, UTC), lambda: SINCE_1970)
        self.terminal = ScreenTerminal(person.network, "alice", "m:1", calendar, connection.history)
        self.size = (60, 12)
        ladder = Ladder(person.network, person.network.seconds)
        interpreter = Interpreter(connection, self.terminal, ladder, lambda sentence: None, list_pages=100)
        connection.start(interpreter, None)
        Deferred.fromCoroutine(interpreter.run())
        person.network.pass_time(0.05)
        self.stop = connection.stop

    def sees(self) -> list[str]:
        """Return the rows, without those that are empty."""
        rows = [row.decode().rstrip() for row in self.terminal.layout.render(self.size, focus=True).text]
        return [row for row in rows if row]

    def keys(self, *keys: str) -> None:
        """Press keys, and let the cluster answer."""
        for key in keys:
            self.terminal.layout.keypress(self.size, key)
        self.network.settle()

    def type(self, *lines: str) -> None:
        """Type lines, each with Enter."""
        for line in lines:
            self.keys(*line, "enter")

    @property
    def prompt(self) -> str:
        """What is on the last row."""
        return self.sees()[-1]


@pytest.fixture
def seated(cluster: FakeCluster, new_person: Callable[..., Person]) -> Any:
    """Yield Alice at her screen; a topic and some users are there."""
    for room in ("bob", "carol", "#tea"):
        cluster.secrets[room] = b""
    person = new_person()
    seated = Seated(person)
    assert seated.sees()[0] == "Logged in as alice."
    yield seated
    Deferred.fromCoroutine(seated.stop())
    person.network.pass_time(2)


def test_page_up_reads_on_in_the_room_that_posts_go_to(cluster: FakeCluster, seated: Seated) -> None:
    """Through the connection, before the feed's oldest."""
    cluster.append("join", "alice", "#tea", "", b"j" * 16)
    cluster.joined["#tea"] = None
    for number in range(50):
        cluster.append("post", "bob", "#tea", f"old {number}", b"%016d" % number)
    seated.type("CHAT #tea")
    for _ in range(3):
        seated.keys("page up")
    assert [asked for _, asked in cluster.asked("History")] == [
        {"room": "#tea", "before": 32},
        {"room": "#tea", "before": 12},
    ]
    assert seated.sees()[9] == "00:00 [#tea] bob: old 26"


def test_commands_and_rooms_that_were_seen_are_completed(cluster: FakeCluster, seated: Seated) -> None:
    """The interpreter's commands; what was joined, listed, heard and read back."""
    seated.keys(*"hel", "tab")
    assert seated.prompt == "> help"
    seated.keys("ctrl u", *"join #te", "tab", "ctrl u")
    seated.type("join #tea")
    seated.keys(*"chat #t", "tab")
    assert seated.prompt == "> chat #tea"
    seated.keys("enter", *"/join c", "tab")
    assert seated.prompt == "in #tea: /join c"
    seated.keys("ctrl u")
    seated.type("/list")
    seated.keys(*"/join c", "tab")
    assert seated.prompt == "in #tea: /join carol"
    cluster.say("dave", "and @erin?")
    seated.keys("ctrl u")
    seated.keys(*"@", "tab")
    assert seated.prompt == "in #tea: @dave"
    seated.keys("ctrl u", *"@e", "tab")
    assert seated.prompt == "in #tea: @erin"
