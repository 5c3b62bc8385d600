"""Loads are evened out once, and then no session is moved."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from chatnet.master.balance import (
    GAP,
    ORDER_SECONDS,
    PER_SECOND,
    REST_SECONDS,
    SHARE,
    Balance,
    evened,
    surplus,
)

LOADS = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 60), max_size=9)


def placed(sessions: dict[str, int], moving: int) -> dict[str, int]:
    """Return the loads after ``moving`` clients have each gone to the worker with the fewest sessions."""
    loads = dict(sessions)
    for _ in range(moving):
        loads[min(loads, key=lambda id: loads[id])] += 1
    return loads


def test_small_differences_are_left_alone() -> None:
    """Differences up to five sessions, and up to a fifth of the greatest load, are left alone."""
    assert surplus({"a": 5, "b": 0}) == {}
    assert surplus({"a": 6, "b": 0}) == {"a": 3}
    assert surplus({"a": 100, "b": 80}) == {}
    assert surplus({"a": 100, "b": 79}) == {"a": 10}
    assert surplus({"a": 100}) == surplus({}) == {}


@given(LOADS)
def test_what_is_moved_is_never_moved_back(sessions: dict[str, int]) -> None:
    """Each worker gives away what it has above the mean; after that loads are even, and no order follows."""
    orders = surplus(sessions)
    left = {id: load - orders.get(id, 0) for id, load in sessions.items()}
    if orders:
        after = placed(left, sum(orders.values()))
        assert max(after.values()) - min(after.values()) <= 1
        assert surplus(after) == {}
        assert all(left[id] <= after[id] for id in after)


@given(LOADS)
def test_orders_are_given_only_if_loads_differ(sessions: dict[str, int]) -> None:
    """An order needs a difference of more than 20 % and more than five sessions."""
    differ = bool(sessions) and max(sessions.values()) - min(sessions.values()) > max(
        GAP, SHARE * max(sessions.values())
    )
    assert bool(surplus(sessions)) == differ


def test_an_order_is_followed_by_a_rest() -> None:
    """The next order waits until reports show the last one; large orders come in parts."""
    balance = Balance(0.0)
    loads = {"a": 10_000, "b": 0}
    assert balance.orders(loads, REST_SECONDS - 0.1) == {}
    assert balance.orders(loads, REST_SECONDS) == {"a": PER_SECOND * ORDER_SECONDS}
    assert balance.orders(loads, REST_SECONDS + ORDER_SECONDS + REST_SECONDS - 0.1) == {}
    assert balance.orders({"a": 9_750, "b": 250}, REST_SECONDS + ORDER_SECONDS + REST_SECONDS)


@given(
    st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=5),
    st.integers(1, 900),
    st.booleans(),
)
def test_nobody_is_moved_because_reports_are_of_different_ages(
    phases: list[float], rate: int, leaving: bool
) -> None:
    """While many clients arrive or leave evenly, loads seem uneven, since each is as of its last report."""
    balance = Balance(0.0)
    for second in range(1, 20):
        reported = [second - (second - phase) % 1.0 for phase in phases]
        arrived = [int(rate * (20 - time if leaving else time)) for time in reported]
        assert balance.orders({str(at): load for at, load in enumerate(arrived)}, second) == {}


def test_what_lasts_is_evened_out_though_more_arrive() -> None:
    """It is evened out as soon as it is more than the last seconds explain."""
    balance = Balance(0.0)
    assert balance.orders({"a": 100, "b": 0}, 1.0) == {}
    assert balance.orders({"a": 110, "b": 10}, 2.0) == {}
    assert balance.orders({"a": 120, "b": 20}, REST_SECONDS) == {"a": 50}


def test_only_what_can_be_moved_is() -> None:
    """The others stay; the next order does not wait for one that could not be given."""
    balance = Balance(0.0)
    loads = {"a": 100, "b": 90, "c": 0}
    assert balance.orders(loads, REST_SECONDS, {"a": 0, "b": 0, "c": 0}) == {}
    assert balance.orders(loads, REST_SECONDS, {"a": 5, "b": 90, "c": 0}) == {"a": 5, "b": 27}


@settings(deadline=None)
@given(LOADS, st.integers(1, 3))
def test_loads_are_as_if_each_group_were_even(sessions: dict[str, int], groups: int) -> None:
    """In a group nothing is added or lost, and nothing is left to move; where nothing is moved, all stay."""
    group = {id: at % groups for at, id in enumerate(sessions)}
    even = evened(sessions, group)
    assert even.keys() == sessions.keys()
    for each in set(group.values()):
        before = {id: sessions[id] for id in sessions if group[id] == each}
        after = {id: even[id] for id in before}
        assert sum(after.values()) == sum(before.values())
        if surplus(before):
            assert max(after.values()) - min(after.values()) <= 1
        else:
            assert after == before


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(0, 600))
def test_who_comes_by_chance_is_evened_out_too(seed: int, workers: int, browsers: int) -> None:
    """One worker begins anew, and chance placed all others. Those that are moved come back to workers which
    give none away: few are moved twice, and then none is moved any more."""
    chance, balance = random.Random(seed), Balance(0.0)
    loads = {str(number): 0 for number in range(workers)}
    for _ in range(browsers):
        loads[str(chance.randrange(1, workers))] += 1
    moved, last = 0, 0
    for second in range(600):
        for id, count in (orders := balance.orders(dict(loads), second)).items():
            last, moved = second, moved + count
            loads[id] -= count
            for _ in range(count):
                loads[chance.choice([other for other in loads if other not in orders])] += 1
    assert moved <= browsers
    assert last < 300
    assert surplus(loads) == {}
