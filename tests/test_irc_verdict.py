"""What is wrong with what an IRC client has heard: each kind of fault is found, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rigs.irc_clients.transcript import Heard
from rigs.irc_clients.verdict import MOST_AGAIN_SECONDS, NEWEST, Line, begins, wrongs

SAID: list[Line] = [("ann", f"post {number}") for number in range(9)]


def heard(*places: int, seconds: float = 0.1) -> list[Heard]:
    """Return what was heard at these places, one each so many ``seconds``."""
    return [Heard(*SAID[place], at * seconds) for at, place in enumerate(places)]


def wrong(places: Sequence[int], losses: int = 0, seconds: float = 0.1) -> list[str]:
    return list(wrongs(heard(*places, seconds=seconds), SAID, losses))


@pytest.mark.parametrize("first", [0, 3, 8])
def test_whoever_heard_all_from_some_place_on_heard_what_was_said(first: int) -> None:
    assert not wrong(range(first, 9))


@pytest.mark.parametrize(
    ("places", "what"),
    [
        ((0, 1, 3, 4, 5, 6, 7, 8), "missed 1 after ('ann', 'post 1')"),
        ((0, 1, 1, 2, 3, 4, 5, 6, 7, 8), "heard ('ann', 'post 1') after ('ann', 'post 1')"),
        ((5, 6, 8, 7), "heard ('ann', 'post 7') after ('ann', 'post 8')"),
        ((0, 1, 2, 3, 4, 5, 6), "missed 2 after ('ann', 'post 6')"),
        ((), "heard nothing"),
    ],
)
def test_what_is_missed_repeated_or_in_disorder(places: tuple[int, ...], what: str) -> None:
    assert what in wrong(places)


def test_what_nobody_said() -> None:
    told = [Heard("eve", "post 0", 0.0), *heard(*range(9))]
    assert list(wrongs(told, SAID)) == ["heard what nobody said: ('eve', 'post 0')"]


def test_a_lost_connection_lets_the_last_lines_come_again() -> None:
    """Each loss once; and none may be missing, nor be from before the first."""
    again = (0, 1, 2, 3, 2, 3, 4, 5, 6, 5, 6, 7, 8)
    assert wrong(again, losses=1) == ["heard ('ann', 'post 5') after ('ann', 'post 6')"]
    assert not wrong(again, losses=2)
    assert wrong((0, 1, 2, 5, 6, 7, 8), losses=1) == ["missed 2 after ('ann', 'post 2')"]
    assert wrong((2, 3, 4, 1, *range(2, 9)), losses=1) == ["heard ('ann', 'post 1') after ('ann', 'post 4')"]


def test_only_what_was_heard_just_before_comes_again() -> None:
    """Not what a device has acknowledged long before; that which came again may come once more."""
    seconds = MOST_AGAIN_SECONDS / 3
    assert not wrong((0, 1, 2, 3, 0, 1, 2, 3, 0, *range(1, 9)), 2, seconds * 0.99)
    [why] = wrong((0, 1, 2, 3, 4, 0, *range(1, 9)), 1, seconds)
    assert why == f"heard ('ann', 'post 0') again, {4 * seconds:.1f} s later"


def test_where_who_joins_begins() -> None:
    """With the newest of what was said before, if they see when that was; then comes all behind the join."""
    seqs = [*range(10, 40), *range(50, 60)]
    assert begins(45, seqs, sees_newest=True) == 30 - NEWEST
    assert begins(45, seqs, sees_newest=False) == 30
    assert begins(15, seqs, sees_newest=True) == 0
    for first in range(9):
        found = list(wrongs(heard(*range(3, 9)), SAID, 0, [first]))
        assert bool(found) is (first != 3), found
