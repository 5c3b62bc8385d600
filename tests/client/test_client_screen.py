"""The screen: what it shows, without a terminal; and that a real terminal is restored."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatnet.client.screen import MAX_LINES, ScreenTerminal

SIZE = (60, 10)


class Person:
    """Looks at a screen of 60 by 10, and types."""

    def __init__(self) -> None:
        self.terminal = ScreenTerminal(Clock(), "alice", "m:64480")
        self.read: list[Any] = []

    def sees(self) -> list[str]:
        rows = self.terminal.layout.render(SIZE, focus=True).text
        return [row.decode().rstrip() for row in rows]

    def look_of(self, line: str) -> str | None:
        for row in self.terminal.layout.render(SIZE, focus=True).content():
            if b"".join(text for _, _, text in row).decode().rstrip() == line:
                return row[0][0]  # type: ignore[no-any-return]
        raise AssertionError(line)

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.terminal.layout.keypress(SIZE, key)

    def type(self, line: str) -> None:
        self.keys(*line, "enter")

    def next_line(self) -> Any:
        found: list[Any] = []
        Deferred.fromCoroutine(self.terminal.read()).addCallback(found.append)
        return found[0]


@pytest.fixture
def person() -> Person:
    return Person()


def test_the_standing_and_the_prompt_are_below(person: Person) -> None:
    """Name, connected or not, cluster; then what is typed."""
    person.keys(*"join b")
    assert person.sees()[-2:] == [" alice · connecting · m:64480", "> join b"]
    person.terminal.linked("alice")
    assert person.sees()[-2] == " alice · connected · m:64480"
    person.terminal.linked(None)
    assert "connection lost" in person.sees()[-2]


def test_what_comes_in_does_not_disturb_what_is_typed(person: Person) -> None:
    """However much it is; the newest is at the bottom."""
    person.keys(*"half ty")
    for number in range(30):
        person.terminal.show(f"bob: {number}")
    assert person.sees() == [*(f"bob: {number}" for number in range(22, 30)), *person.sees()[-2:]]
    assert person.sees()[-1] == "> half ty"
    person.keys(*"ped", "enter")
    assert person.next_line() == "half typed"


def test_a_post_of_one_s_own_is_dim_until_acknowledged(person: Person) -> None:
    """It shows at once; a refused one is marked."""
    person.terminal.expect("post")
    answers: list[Deferred[None]] = [Deferred(), Deferred()]
    for number, answer in enumerate(answers):
        person.terminal.posted(f"alice: {number}", answer)
    assert person.look_of("alice: 0") == "waiting"
    answers[0].callback(None)
    answers[1].errback(ValueError())
    answers[1].addErrback(lambda failure: None)
    assert person.look_of("alice: 0") is None
    assert person.look_of("alice: 1") == "refused"


def test_one_can_scroll_back_while_posts_come_in(person: Person) -> None:
    """The view stays where it is, and says how much is below; at the bottom it follows again."""
    for number in range(30):
        person.terminal.show(f"bob: {number}")
    person.keys("page up")
    before = person.sees()[:8]
    assert "bob: 29" not in before
    person.terminal.show("bob: new")
    assert person.sees()[:8] == before
    assert "more below: 1" in person.sees()[-2]
    person.keys("page down", "page down", "page down")
    assert person.sees()[7] == "bob: new"
    assert "below" not in person.sees()[-2]
    person.terminal.show("bob: newer")
    assert person.sees()[7] == "bob: newer"


def test_the_feed_is_bounded(person: Person) -> None:
    """The oldest lines go."""
    for number in range(MAX_LINES + 10):
        person.terminal.show(str(number))
    assert len(person.terminal.layout.body.body) == MAX_LINES


def test_lines_typed_before_come_back(person: Person) -> None:
    """By up and down."""
    person.type("list")
    person.type("help")
    person.keys("up", "up", "up")
    assert person.sees()[-1] == "> list"
    person.keys("down")
    assert person.sees()[-1] == "> help"
    person.keys("down")
    assert person.sees()[-1] == ">"


def test_a_password_is_shown_nowhere(person: Person) -> None:
    """Neither while it is typed, even if the command before it waits, nor among the lines typed before."""
    person.type("password geheim")
    assert person.next_line() == "password geheim"
    person.type("password")
    person.keys(*"secret")
    assert person.sees()[-1] == "New password: ******"
    person.keys("enter", "up")
    assert person.sees()[-1] == "New password:"
    assert person.next_line() == "password"
    person.terminal.expect("password")
    assert person.next_line() == "secret"
    person.terminal.expect("command")
    person.keys("up")
    assert person.sees()[-1] == "> password"
    assert person.sees()[:2] == ["> PASSWORD", "> password"]
    assert not any("secret" in row or "geheim" in row for row in person.sees())


def test_lines_that_wait_are_counted(person: Person) -> None:
    """While a command waits for the cluster, one sees that what one types is kept."""
    person.type("LIST")
    person.type("HELP")
    assert "lines waiting: 2" in person.sees()[-2]
    assert person.next_line() == "LIST"
    assert "lines waiting: 1" in person.sees()[-2]


def test_ctrl_d_ends_input_on_an_empty_line_only(person: Person) -> None:
    """As shells do; and the end stays the end."""
    person.keys("x", "ctrl d", "ctrl u", "ctrl d", "ctrl d")
    assert person.next_line() is None
    assert person.next_line() is None


def test_the_terminal_is_restored(tmp_path: Path) -> None:
    """After Ctrl-C a real terminal has its modes and its main buffer back."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (10, 60))
    before = termios.tcgetattr(theirs)
    twistd = "from twisted.scripts.twistd import run; run()"
    client = subprocess.Popen(
        [sys.executable, "-c", twistd, "-n", "chat-client", "--master", "127.0.0.1:1", "alice"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "TERM": "xterm"},
        cwd=Path(__file__).parents[2],
    )
    shown = read_until(ours, b"connecting")
    assert b"\x1b[?1049h" in shown
    assert termios.tcgetattr(theirs) != before
    client.send_signal(signal.SIGINT)
    read_until(ours, b"\x1b[?1049l")
    client.wait(10)
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def read_until(descriptor: int, mark: bytes) -> bytes:
    """What is shown, up to ``mark``."""
    shown, deadline = b"", time.monotonic() + 20
    while mark not in shown:
        ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
        assert ready, shown
        shown += os.read(descriptor, 65536)
    return shown
