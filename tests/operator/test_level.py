"""``chatnet level``: what is said of whom, and what is no way for a level."""

from __future__ import annotations

import pytest
from twisted.python import usage

from chatnet.operator.__main__ import Options
from chatnet.operator.level import as_text
from chatnet.wire.operate import ClusterStatus, MasterStatus, WorkerStatus


def status(log: int, primary: int, *workers: int) -> ClusterStatus:
    masters = [MasterStatus("primary", "vm", 1, "127.0.0.1:64480", level=primary)]
    there = [
        WorkerStatus(f"w{number}", "vm", 2 + number, "a:1", True, 0, 0.0, 0.0, 0, 0, level=level)
        for number, level in enumerate(workers)
    ]
    return ClusterStatus("log", 1, 7, "", masters, there, [], level=log)


@pytest.mark.parametrize(
    ("levels", "sentence", "behind"),
    [
        ((1, 1, 1), "The log is at level 1, the highest that anything here understands.", []),
        ((1, 2, 2), "The log is at level 1, and all understand level 2: “chatnet level up” raises it.", []),
        ((1, 2, 3), "The log is at level 1, and all understand level 2: “chatnet level up” raises it.", []),
        (
            (2, 2, 3),
            "The log is at level 2. Level 3 is the next, and 1 process does not understand it yet.",
            ["primary"],
        ),
        (
            (1, 2, 1, 2, 1),
            "The log is at level 1. Level 2 is the next, and 2 processes do not understand it yet.",
            ["w0", "w2"],
        ),
        (
            (1, 1, 2),
            "The log is at level 1. Level 2 is the next, and 1 process does not understand it yet.",
            ["primary"],
        ),
    ],
)
def test_it_says_who_holds_the_log_back(levels: tuple[int, ...], sentence: str, behind: list[str]) -> None:
    """The sentence first, then a row for each process."""
    lines = as_text(status(*levels)).splitlines()
    assert lines[0] == sentence
    assert lines[2].split() == ["LEVEL", "ROLE", "HOST", "PID", "ID"]
    rows = lines[3:]
    assert len(rows) == len(levels) - 1
    assert [int(row.split()[0]) for row in rows] == list(levels[1:])
    held = [row for row in rows if row.endswith("holds the log back")]
    assert len(held) == len(behind)
    assert all(name in row for name, row in zip(behind, held, strict=True))


@pytest.mark.parametrize("words", [["down"], ["2"], [f"{1 << 63}"], ["up", "up"], ["up", "2"], [""]])
def test_a_level_has_one_way(words: list[str]) -> None:
    """All else is a sentence."""
    with pytest.raises(usage.UsageError, match="is no way for a level: it only goes up"):
        Options().parseOptions(["level", *words])


def test_what_is_asked() -> None:
    """To be shown it, or to raise it."""
    for words, up in (([], False), (["up"], True)):
        options = Options()
        options.parseOptions(["level", *words])
        sub: dict[str, object] = options.subOptions
        assert sub["up"] is up
