"""When a ticket ends of itself: by pure arithmetic on what the log says of its use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.aging import DAY, IN_USE, NEVER, UNUSED, WHOLE, LastUse, day_of, has_aged, may_age, unused

DAY_0 = 20_000
NOW = DAY_0 * DAY
times = st.integers(0, 2 * NOW)


@pytest.mark.parametrize(
    ("day", "idle", "aged"),
    [
        (DAY_0 - 200, UNUSED, False),
        (DAY_0 - 200, UNUSED + 1, True),
        (DAY_0 - 90, UNUSED + 1, False),
        (DAY_0 - 91, UNUSED + 1, True),
        (DAY_0 - 365, IN_USE + 1, False),
        (DAY_0 - 366, IN_USE + 1, True),
        (DAY_0 - 366, IN_USE, False),
        (DAY_0 - 5_000, 0, False),
        (0, 10 * WHOLE, False),
    ],
)
def test_it_ends_without_use_and_after_a_year_but_never_in_use(day: int, idle: int, aged: bool) -> None:
    """Who is talking goes on; and so does who keeps a secret, or has a ticket of before any aged."""
    assert has_aged(day, LastUse(NOW - idle, NOW), NOW) is aged


@given(st.integers(1, 2 * DAY_0), times, times)
def test_what_is_not_known_is_held_against_nobody(day: int, now: int, wall: int) -> None:
    """The marks were lost; or nothing was said since, so that a use now and one a year ago look alike."""
    assert not has_aged(day, LastUse(0, now), wall)
    assert not has_aged(day, NEVER, wall)


@given(times, times, times, st.integers(1, 2 * DAY_0))
def test_both_clocks_must_say_so(since: int, now: int, wall: int, day: int) -> None:
    """One that runs ahead, the log's or a worker's, logs nobody out."""
    last = LastUse(since, now)
    if has_aged(day, last, wall):
        assert has_aged(day, last, now)
        assert has_aged(day, last._replace(now=wall), wall)


@given(times, times)
def test_who_has_just_shown_a_secret_is_let_in_for_a_year(now: int, wall: int) -> None:
    """Whatever the clocks are."""
    last = LastUse(1, now)
    day = day_of(last, wall)
    assert day > 0
    assert day * DAY >= max(now, wall)
    assert not has_aged(day, last, wall)


def test_idleness_is_never_below_zero() -> None:
    """A clock may have been put back."""
    assert unused(LastUse(NOW, NOW - 5), NOW) == unused(LastUse(NOW, NOW), NOW - 5) == 0


def test_no_ticket_ages_that_a_worker_of_before_may_be_shown() -> None:
    """It would take it for a forged one."""
    assert [may_age(level) for level in (1, 2, 3)] == [False, True, True]
