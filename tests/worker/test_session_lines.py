"""What a worker's log says about its sessions: enough to see whether a client was told something twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from worker.conftest import Worker
from zope.interface import implementer

from chatnet.net.line_limit import A_MINUTE
from chatnet.telemetry import FeedRead, Left, LoggedIn, WentLive
from chatnet.wire import session as wire
from chatnet.worker.session_lines import LINES, SessionLines


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Yield the lines of level info that are logged during the test."""
    lines: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event["log_level"].name == "info":
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


def test_a_connection_has_a_line_for_each_step(worker: Worker, lines: list[str]) -> None:
    """The lines say who came from where, from which cursor on, when it was live, and why it left."""
    alice = worker.client("alice")
    at = alice.server.peer()
    alice.post("one")
    begun = alice.chat(cursor=1)
    worker.settle()
    alice.cut()
    assert (begun["cursor"], worker.log.window.head) == (1, 2)
    assert lines == [
        f"alice logged in from {at}",
        f"alice at {at} catches up with all posts after 1",
        f"alice at {at} has caught up to 2 and is live",
        f"alice at {at} left: it was closed",
    ]


def test_who_comes_back_by_a_ticket_resumes(worker: Worker, lines: list[str]) -> None:
    """The log uses another word for a resumed session than for a login by secret."""
    client = worker.client()
    ticket = client.login("alice")["ticket"]
    again = worker.client()
    again.resume(ticket)
    assert lines == [
        f"alice logged in from {client.server.peer()}",
        f"alice resumed from {again.server.peer()}",
    ]


def test_the_log_says_who_was_silent_and_whose_secret_was_changed(worker: Worker) -> None:
    """The log gives that reason, and not that we closed the connection."""
    worker.pulse.start()
    worker.client("alice")
    changing = worker.client("alice")
    changing.begin(wire.SetSecret, key=changing.key(), old=b"s" * 32, secret=b"a good password")
    worker.work()
    worker.pass_time(60)
    assert [event.why for event in worker.told if isinstance(event, Left)] == [
        "its session was ended",
        "it was silent",
    ]


def test_pages_that_are_read_are_told_and_not_logged(worker: Worker, lines: list[str]) -> None:
    """They are events but no log lines, since a slow client decides how many there are."""
    alice = worker.client("alice")
    for number in range(3):
        alice.post(f"post {number}")
    worker.log.window.restart(worker.log.log_id, worker.at(4))
    alice.chat(cursor=1)
    worker.settle()
    pages = [event for event in worker.told if isinstance(event, FeedRead)]
    assert [(page.after, page.cursor, page.upto, page.in_window) for page in pages] == [(1, 4, 4, False)]
    assert [event.cursor for event in worker.told if isinstance(event, WentLive)] == [4]
    assert len(lines) == 3


def test_a_flood_of_logins_is_counted(lines: list[str]) -> None:
    """A limited number of lines of a kind is logged a minute; then one line says how many more there were."""
    clock = Clock()
    session_lines = SessionLines(clock)
    for number in range(LINES + 50):
        session_lines.told(LoggedIn(f"user-{number}", "10.0.0.1:1"))
    session_lines.told(Left("alice", "10.0.0.2:2", "it was closed"))
    assert len(lines) == LINES + 1, "another kind of line has its own count"
    clock.advance(A_MINUTE)
    assert lines[-1] == "… and 50 more like “{user} logged in from {peer}” in the last minute"
    session_lines.told(LoggedIn("bob", "10.0.0.1:1"))
    assert lines[-1] == "bob logged in from 10.0.0.1:1"


def test_what_a_transport_says_is_made_legible(lines: list[str]) -> None:
    """A reason may contain text from outside the program."""
    SessionLines(Clock()).told(Left("alice", "10.0.0.2:2", "no\x1b[2J\nway"))
    assert lines == ["alice at 10.0.0.2:2 left: no\\x1b[2J\\nway"]
