"""``docs/architecture.md`` names each promise's checks, and the planted bugs that break it."""

from __future__ import annotations

import re
from pathlib import Path

from simulation.mutants import MUTANTS

from chatnet.testing.checker import PROMISES

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"`(\w+)`")


def rows() -> list[tuple[str, list[str], list[str]]]:
    """Return each promise with its checks and its planted bugs."""
    document = (ROOT / "docs" / "architecture.md").read_text()
    table = document.partition("| promise | checks | planted bugs |\n|---|---|---|\n")[2].partition("\n\n")[0]
    cells = [line.strip("|").split("|") for line in table.splitlines()]
    return [(promise.strip(), CODE.findall(checks), CODE.findall(bugs)) for promise, checks, bugs in cells]


def test_every_promise_has_checks_and_planted_bugs() -> None:
    """A promise that no bug breaks is one whose check nobody has seen fail."""
    assert len(rows()) >= 6
    assert all(checks and bugs for _, checks, bugs in rows())


def test_every_check_is_named_once_and_is_there() -> None:
    """A check is a function of the checker, or a check of the simulator itself, which has its name."""
    named = [check for _, checks, _ in rows() for check in checks]
    of_the_checker = {promise.__name__ for promise in PROMISES}
    simulator = "".join(path.read_text() for path in (ROOT / "simulator").glob("*.py"))
    of_the_simulator = set(re.findall(r"[\"](\w+): ", simulator))
    assert len(named) == len(set(named))
    assert of_the_checker <= set(named) <= of_the_checker | of_the_simulator


def test_every_planted_bug_is_named_once() -> None:
    """Each planted bug is named at the promise that it breaks first."""
    named = [bug for _, _, bugs in rows() for bug in bugs]
    assert sorted(named) == sorted(mutant.__name__ for mutant in MUTANTS)
