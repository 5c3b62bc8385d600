"""Seeds that every change must pass: each a whole cluster with its users and faults."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from simulator.__main__ import Tally, main
from simulator.run import Scale, Verdict, run
from simulator.vfs import SimFile

STANDING = range(24)
MANY_MACHINES = range(12)
FOUND_SOMETHING = {
    28: "a full transport was counted at each write, so that a client was never read again",
    85: "a client that was stopped while it looked a name up lived on",
    102: "who began to chat again before the first answer went on from that one's cursor",
}
"""Seeds that once failed, and why. Faults are drawn differently now; each of them has a test of its own."""


@pytest.mark.parametrize("seed", [*STANDING, *FOUND_SOMETHING])
def test_a_seed(seed: int) -> None:
    """No promise is broken, nothing fails unhandled, and after the last fault the cluster is whole again."""
    assert run(seed).violations == []


@pytest.mark.parametrize("seed", MANY_MACHINES)
def test_a_seed_of_many_machines(seed: int) -> None:
    """The same holds around a database: hosts die and are cut off, it fails over, and only one master
    commands at a time."""
    assert run(seed, Scale(store="postgresql")).violations == []


@pytest.mark.parametrize(("seed", "store"), [(705, "sqlite"), (500, "sqlite"), (503, "postgresql")])
def test_a_seed_with_irc_fronts(seed: int, store: str) -> None:
    """The same holds where fronts are killed, too: each machine has as many as wanted again, and they alone
    have their port."""
    assert run(seed, Scale(store=store, irc=True)).violations == []


def test_a_seed_is_the_same_whenever_it_is_run() -> None:
    """Byte for byte: again in this process, after another seed, and in processes that hash differently."""
    scale = Scale(users=8, posts=60, faults=6, seconds=8.0)
    story = run(5, scale, detailed=True, story=True).story
    run(14, scale)
    assert run(5, scale, detailed=True, story=True).story == story
    ours = hashlib.sha256(story.encode()).hexdigest()
    program = (
        "import hashlib; from simulator.run import *; "
        "scale = Scale(users=8, posts=60, faults=6, seconds=8.0); "
        "story = run(5, scale, detailed=True, story=True).story; "
        "print(hashlib.sha256(story.encode()).hexdigest())"
    )
    for hash_seed in ("1", "2"):
        environ = os.environ | {"PYTHONHASHSEED": hash_seed}
        theirs = subprocess.run(
            [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
        )
        assert theirs.stdout.strip() == ours


def test_a_store_that_does_not_sync_is_caught(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a loss of power its log is lost. No master begins a new one, so the cluster is not whole.

    The report names the seed, and the command that tells its story.
    """
    monkeypatch.setattr(SimFile, "xSync", lambda *_: None)
    assert (
        main(["--seeds", "1", "--first", "1", "--jobs", "1", "--kinds", "lose_power", "--faults", "1,2"]) == 1
    )
    said = capsys.readouterr().out
    assert "whole: not after" in said
    command = said[said.index("Repeat it: python -m simulator ") :].split()
    assert main(command[5:]) == 1
    story = capsys.readouterr().out
    assert "loses its power" in story
    assert "The store chatnet-data/log.sqlite cannot be opened" in story


def test_many_seeds_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """The count shows seeds a second, virtual hours, and faults by kind."""
    assert main(["--seeds", "2", "--first", "3", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "2 seeds in " in said
    assert "virtual hours" in said
    assert "faults: " in said
    assert "No promise was broken." in said


def test_runs_that_fail_before_their_first_event_are_counted() -> None:
    """An error in the simulator itself can cause that; what it says is the only violation."""
    tally = Tally(1)
    tally.add(Verdict(0, ["it failed"], events=0, entries=0, virtual=0.0, real=0.1, whole_after=0.0))
    assert "0 entries, 0 events of 0 µs" in str(tally)
