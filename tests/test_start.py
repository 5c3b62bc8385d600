"""How the outcome of a start is told to the twistd that waits for its daemon, and to its terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from chatnet.errors import CannotStart
from chatnet.options import ProgramOptions
from chatnet.start import TERMINAL, Start

SENTENCE = "No room. " + "x" * 100


class Waiting:
    """A twistd that has made a daemon, and the ends that it reads."""

    def __init__(self, pidfile: Path) -> None:
        self.answer, pipe = os.pipe()
        self.seen, terminal = os.pipe()
        self.pidfile = pidfile
        pidfile.write_text("1")
        self.parent: Any = {"statusPipe": pipe, TERMINAL: terminal, "pidfile": str(pidfile)}
        self.options = ProgramOptions()
        self.options.parent = cast(Any, self.parent)

    def told(self) -> tuple[bytes, bytes]:
        """Return all that it is told, to the end: by the pipe, and on the terminal."""
        return os.read(self.answer, 1000), os.read(self.seen, 1000)


@pytest.fixture
def twistd(tmp_path: Path) -> Iterator[Waiting]:
    waiting = Waiting(tmp_path / "prog.pid")
    yield waiting
    os.close(waiting.answer)
    os.close(waiting.seen)


def test_what_cannot_start_is_said_whole(twistd: Waiting) -> None:
    """The waiting one shows only 98 bytes, so the sentence goes to the terminal; no pid file is left."""
    with pytest.raises(CannotStart, match="No room"), Start(twistd.options).beginning():
        raise CannotStart(SENTENCE)
    assert twistd.told() == (b"1 as said above", SENTENCE.encode() + b"\n")
    assert not twistd.pidfile.exists()
    assert twistd.parent["statusPipe"] is None


def test_a_start_is_answered_once_it_is_known(twistd: Waiting) -> None:
    """It is not answered when twistd would do it: then the start may still fail."""
    start = Start(twistd.options)
    with start.beginning():
        pass
    assert twistd.parent["statusPipe"] is None
    assert start.is_awaited
    start.failed(SENTENCE)
    start.up("too late")
    assert twistd.told() == (b"1 as said above", SENTENCE.encode() + b"\n")
    assert not start.is_awaited
    assert not twistd.pidfile.exists()


def test_what_is_up_says_so_once(twistd: Waiting) -> None:
    """It says a sentence, if there is one; the pid file stays until it fails."""
    start = Start(twistd.options)
    with start.beginning():
        pass
    start.up("Standing by.")
    start.up("again")
    assert twistd.told() == (b"0", b"Standing by.\n")
    assert twistd.pidfile.exists()
    start.failed("later")
    assert not twistd.pidfile.exists()


@pytest.mark.parametrize("options", [{}, ProgramOptions()])
def test_without_twistd_it_is_only_raised(options: object) -> None:
    """In a simulated world nobody can be told."""
    start = Start(options)
    with pytest.raises(CannotStart), start.beginning():
        raise CannotStart("No room.")
    with Start(options).beginning():
        pass
    start.up()
