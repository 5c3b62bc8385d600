"""Wrong passwords slow down further attempts by name and address together, within a bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.errors import TryLater
from chatnet.worker.failures import FORGET_SECONDS, LONGEST_PAUSE, MOST_REMEMBERED, Failures

HERE, THERE = "192.0.2.1", "192.0.2.2"


def test_each_failure_doubles_the_pause() -> None:
    """The pause grows from half a second to eight."""
    failures = Failures()
    now, waits = 0.0, []
    for _ in range(7):
        wait = failures.wait(now, "alice", HERE)
        waits.append(wait)
        now += wait
        failures.failed(now, "alice", HERE)
    assert waits == [0, 0.5, 1, 2, 4, 8, 8]


def test_name_and_address_count_together() -> None:
    """A stranger slows down neither the owner, who is elsewhere, nor other users of the stranger's
    address."""
    failures = Failures()
    for _ in range(10):
        failures.failed(0, "alice", HERE)
    assert failures.wait(0, "alice", THERE) == 0
    assert failures.wait(0, "bob", HERE) == 0
    assert failures.wait(0, "alice", HERE) == LONGEST_PAUSE


def test_attempts_at_once_are_spread() -> None:
    """Attempts at once wait for each other: many connections guess no faster than one."""
    failures = Failures()
    for _ in range(3):
        failures.failed(0, "alice", HERE)
    assert [failures.wait(0, "alice", HERE) for _ in range(4)] == [2, 4, 6, 8]
    with pytest.raises(TryLater, match="try again in 10 s"):
        failures.wait(0, "alice", HERE)


def test_success_clears_what_was_wrong_from_there() -> None:
    """A success clears the failures of its address: the owner mistyped. Failures from elsewhere stay."""
    failures = Failures()
    failures.failed(0, "alice", HERE)
    failures.failed(0, "alice", THERE)
    failures.succeeded("alice", HERE)
    assert failures.wait(0, "alice", HERE) == 0
    assert failures.wait(0, "alice", THERE) == 0.5


def test_failures_are_forgotten() -> None:
    """Failures are forgotten after five minutes without a new one."""
    failures = Failures()
    for _ in range(10):
        failures.failed(0, "alice", HERE)
    assert failures.wait(FORGET_SECONDS + 1, "alice", HERE) == 0
    failures.failed(FORGET_SECONDS + 1, "alice", HERE)
    assert failures.wait(FORGET_SECONDS + 1, "alice", HERE) == 0.5


def test_memory_is_bounded() -> None:
    """The oldest failures give way to the newest."""
    failures = Failures()
    for number in range(MOST_REMEMBERED):
        failures.failed(number / 1000, f"user{number}", HERE)
    assert len(failures) == MOST_REMEMBERED
    failures.failed(number / 1000, "one more", HERE)
    assert len(failures) == MOST_REMEMBERED
    assert failures.wait(number / 1000, "user0", HERE) == 0
    assert failures.wait(number / 1000, f"user{number}", HERE) == 0.5


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=50))
def test_no_wait_is_longer_than_the_longest(attempts: list[tuple[float, bool]]) -> None:
    """An attempt waits at most eight seconds, or is told to come later."""
    failures = Failures()
    now = 0.0
    for passed, fails in attempts:
        now += passed
        try:
            wait = failures.wait(now, "alice", HERE)
        except TryLater:
            continue
        assert 0 <= wait <= LONGEST_PAUSE
        if fails:
            failures.failed(now + wait, "alice", HERE)
