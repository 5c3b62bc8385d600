"""The screen of a real client in a real terminal: pastes, resizes, and every way to end."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigs.processes import DEADLINE, Cluster, wait_until


class Screen:
    """Alice's client in a terminal of 60 by 12."""

    def __init__(self, cluster: Cluster) -> None:
        self.ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, (12, 60))
        self.before = termios.tcgetattr(self.theirs)
        self.shown = b""
        name, _, mark = cluster.mark.partition("=")
        self.client = subprocess.Popen(
            [
                f"{Path(sys.executable).parent}/twistd",
                "-n",
                "chat-client",
                "--master",
                cluster.address,
                "alice",
            ],
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            env={**os.environ, "XDG_CONFIG_HOME": str(cluster.root / "config"), "TERM": "xterm", name: mark},
            cwd=cluster.root,
            # A process group whose parents are all in other sessions, as ours may be, cannot be suspended.
            process_group=0,
        )

    def sees(self, pattern: str) -> None:
        """Wait until ``pattern`` is drawn, and forget what was drawn up to its end."""
        end = time.monotonic() + DEADLINE
        while not (found := re.search(pattern.encode(), self.shown)):
            ready, _, _ = select.select([self.ours], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"not in time: {pattern!r}; so far: {self.shown!r}"
            self.shown += os.read(self.ours, 65536)
        self.shown = self.shown[found.end() :]

    def type(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def paste(self, text: str) -> None:
        """Paste as terminals do: a line break is a CR."""
        self.type(f"\x1b[200~{text}\x1b[201~".replace("\n", "\r"))

    def resize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self.theirs, (rows, columns))
        self.client.send_signal(signal.SIGWINCH)

    def close(self) -> None:
        self.client.kill()
        self.client.wait(DEADLINE)
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def cluster(new_cluster: Callable[..., Cluster]) -> Cluster:
    """Return a small cluster."""
    cluster = new_cluster("--workers", "1", "--replicas", "0")
    cluster.start()
    return cluster


@pytest.fixture
def screen(cluster: Cluster) -> Iterator[Screen]:
    """Yield alice's screen, in her chat."""
    screen = Screen(cluster)
    screen.sees(r"\[\?2004h")  # the terminal marks pastes
    screen.sees(r"\[\?7l")
    screen.sees("connected")
    screen.type("CHAT\r")
    screen.sees("say:")
    screen.type("/chat\r")  # the prompt is there before the chat is, and what is under way counts at an end
    screen.sees("in your own room now")
    yield screen
    screen.close()


def posted(cluster: Cluster, count: int) -> list[str]:
    """Return her newest posts, as a terminal of plain lines shows them."""
    reader = cluster.terminal("alice")
    reader.type("CHAT")
    lines = [reader.lines.next() for _ in range(count)]
    reader.end()
    return lines


def test_a_paste_is_one_post(cluster: Cluster, screen: Screen) -> None:
    """It keeps its tabs and line breaks, and is sent at y; also if the terminal is resized meanwhile."""
    screen.type("\x1b[200~one\ttwo\r")
    screen.resize(8, 40)
    screen.sees("connected")
    screen.type("three\r\x1b[201~")
    screen.sees("three")
    screen.sees("Send these 2 lines")
    screen.type("y")
    screen.sees("alice: one")
    screen.paste("word grüße " * 150)
    screen.type("\r")
    screen.sees("grüße")
    assert posted(cluster, 2) == ["alice: one\ttwo⏎three", "alice: " + "word grüße " * 150]


def test_words_that_once_froze_it_are_drawn(cluster: Cluster, screen: Screen) -> None:
    """What is said after them is drawn too."""
    screen.resize(12, 40)
    for text in ("x" + "\u102b" * 30, "မင်္ဂလာပါ ကမ္ဘာလောကကြီး " * 6, "zero\u200bwidth", "the end"):
        screen.type(f"{text}\r")
    screen.sees("U\\+200B")
    screen.sees("alice: the end")


def signalled(number: signal.Signals) -> Callable[[Screen], None]:
    return lambda screen: screen.client.send_signal(number)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda screen: screen.type("/quit\rQUIT\r"), 0),
        (lambda screen: screen.type("\x04"), 0),
        (signalled(signal.SIGINT), -signal.SIGINT),
        (signalled(signal.SIGTERM), -signal.SIGTERM),
        (signalled(signal.SIGHUP), -signal.SIGHUP),
        (lambda screen: (screen.type("half"), screen.sees("half"), signalled(signal.SIGTERM)(screen)), 1),
    ],
    ids=["QUIT", "Ctrl-D", "SIGINT", "SIGTERM", "SIGHUP", "half a line"],
)
def test_the_terminal_is_as_it_was_after_each_end(
    screen: Screen, end: Callable[[Screen], None], status: int
) -> None:
    """Its modes, its main buffer and its wrapping are restored; what is lost is said there."""
    end(screen)
    screen.sees(r"\[\?7h")
    screen.sees(r"\[\?1049l")
    if status == 1:
        screen.sees("Left before all was acknowledged: 1 of what you typed may not have been done.")
    wait_until("its end", lambda: screen.client.poll() is not None)
    assert screen.client.returncode == status
    assert termios.tcgetattr(screen.theirs) == screen.before


def test_it_can_be_suspended(screen: Screen) -> None:
    """The shell has the terminal meanwhile; then the whole screen is drawn again."""
    screen.type("half")
    screen.sees("half")
    screen.client.send_signal(signal.SIGTSTP)
    screen.sees(r"\[\?1049l")
    wait_until("it is stopped", lambda: stopped(screen.client.pid))
    assert termios.tcgetattr(screen.theirs) == screen.before
    screen.client.send_signal(signal.SIGCONT)
    screen.sees(r"\[\?1049h")
    screen.sees("half")


def stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"
