"""What ``chatnet level`` says about processes, and which levels it refuses."""

from __future__ import annotations

from typing import cast

import pytest
from msgspec.structs import replace
from twisted.python import usage

from chatnet.errors import CannotStart, HeldBack
from chatnet.net.link import Link
from chatnet.operator.level import as_text, raise_level
from chatnet.operator.options import Options
from chatnet.wire.arguments import Command
from chatnet.wire.operate import ClusterStatus, MasterStatus, Status, WorkerStatus

UPDATE = (
    "Update chatnet where “holds the log back” stands, and start that again; "
    "then “chatnet level up” raises it."
)
"""What to do while a process holds the level back."""


def status(log: int, primary: int, *workers: int) -> ClusterStatus:
    masters = [MasterStatus("primary", "vm", 1, "127.0.0.1:64480", level=primary)]
    there = [
        WorkerStatus(f"w{number}", "vm", 2 + number, "a:1", True, 0, 0.0, 0.0, 0, 0, level=level)
        for number, level in enumerate(workers)
    ]
    return ClusterStatus("log", 1, 7, "", masters, there, [], level=log)


def test_a_front_is_called_so() -> None:
    """It may hold the log back as any other."""
    front = replace(status(1, 2, 1).workers[0], serves="irc")
    assert "1  front    vm      2  w0  holds the log back" in as_text(replace(status(1, 2), workers=[front]))


@pytest.mark.parametrize(
    ("levels", "sentence", "behind"),
    [
        (
            (1, 1, 1),
            "The log is at level 1, the highest that anything here understands. There is nothing to raise.",
            [],
        ),
        ((1, 2, 2), "The log is at level 1, and all understand level 2: “chatnet level up” raises it.", []),
        ((1, 2, 3), "The log is at level 1, and all understand level 2: “chatnet level up” raises it.", []),
        (
            (2, 2, 3),
            f"The log is at level 2. Level 3 is the next, and 1 process does not understand it yet. {UPDATE}",
            ["primary"],
        ),
        (
            (1, 2, 1, 2, 1),
            f"The log is at level 1. Level 2 is the next, and 2 processes do not understand it yet. {UPDATE}",
            ["w0", "w2"],
        ),
        (
            (1, 1, 2),
            f"The log is at level 1. Level 2 is the next, and 1 process does not understand it yet. {UPDATE}",
            ["primary"],
        ),
    ],
)
def test_it_says_who_holds_the_log_back(levels: tuple[int, ...], sentence: str, behind: list[str]) -> None:
    """It prints the sentence first, then a row for each process."""
    lines = as_text(status(*levels)).splitlines()
    assert lines[0] == sentence
    assert lines[2].split() == ["LEVEL", "ROLE", "HOST", "PID", "ID"]
    rows = lines[3:]
    assert len(rows) == len(levels) - 1
    assert [int(row.split()[0]) for row in rows] == list(levels[1:])
    held = [row for row in rows if row.endswith("holds the log back")]
    assert len(held) == len(behind)
    assert all(name in row for name, row in zip(behind, held, strict=True))


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        (
            (1, 2, 2),
            "The log is at level 1, and all that are shown understand level 2: “chatnet level up” raises it "
            "if all do.",
        ),
        (
            (1, 1, 1),
            "The log is at level 1, the highest that anything that is shown understands. There is nothing to "
            "raise.",
        ),
    ],
)
def test_who_is_not_shown_is_not_spoken_for(levels: tuple[int, ...], sentence: str) -> None:
    """There may be more processes than the primary names."""
    assert as_text(replace(status(*levels), left_out=7)).splitlines()[0] == sentence


class Primary:
    """A link to a primary: its log is at the level ``before``, and ``after`` when it was asked to rise."""

    def __init__(self, before: int, after: int | HeldBack) -> None:
        self._before, self._after = before, after

    async def callRemote(self, command: type[Command]) -> dict[str, object]:
        if command is Status:
            return {"status": status(self._before, 2)}
        if isinstance(self._after, HeldBack):
            raise self._after
        return {"level": self._after}

    def raised(self) -> str:
        """Return what is said after the level was asked to rise."""
        with pytest.raises(StopIteration) as ended:
            raise_level(cast(Link, self)).send(None)
        return str(ended.value.value)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (1, 2, "The log is at level 2 now. Programs that understand less can no longer take part."),
        (
            2,
            2,
            "The log stays at level 2: nothing that runs here understands a higher one. It can rise once all "
            "of the cluster runs a newer chatnet.",
        ),
    ],
)
def test_what_is_said_of_a_level_that_was_asked_to_rise(before: int, after: int, sentence: str) -> None:
    """It has risen; or there is nothing to raise, and the sentence says what would change that."""
    assert Primary(before, after).raised() == sentence


def test_who_holds_it_back_ends_the_command() -> None:
    """It uses the primary's own sentence."""
    held = HeldBack.of(level=1, next=2, who="worker w0 on vm (pid 2)")
    with pytest.raises(
        CannotStart, match="The log stays at level 1, for level 2 is not understood by worker w0"
    ):
        Primary(1, held).raised()


@pytest.mark.parametrize("words", [["down"], ["2"], [f"{1 << 63}"], ["up", "up"], ["up", "2"], [""]])
def test_a_level_has_one_way(words: list[str]) -> None:
    """Everything else is refused by a sentence."""
    with pytest.raises(
        usage.UsageError, match="is no way for a level: “chatnet level” shows it, and “chatnet level up”"
    ):
        Options().parseOptions(["level", *words])


def test_a_mistyped_way_names_the_nearest() -> None:
    """As a mistyped command or option does."""
    with pytest.raises(usage.UsageError, match=r"Did you mean up\?"):
        Options().parseOptions(["level", "upp"])


def test_what_is_asked() -> None:
    """It asks to show the level, or to raise it."""
    for words, up in (([], False), (["up"], True)):
        options = Options()
        options.parseOptions(["level", *words])
        sub: dict[str, object] = options.subOptions
        assert sub["up"] is up
