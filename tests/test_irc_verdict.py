"""What is wrong with what an IRC client has heard: each kind of fault is found, and nothing else."""

from __future__ import annotations

import pytest

from rigs.irc_clients.verdict import Line, wrongs

SAID: list[Line] = [("ann", f"post {number}") for number in range(9)]


def heard(*places: int) -> list[Line]:
    return [SAID[place] for place in places]


@pytest.mark.parametrize("first", [0, 3, 8])
def test_whoever_heard_all_from_some_place_on_heard_what_was_said(first: int) -> None:
    assert not list(wrongs(SAID[first:], SAID))


@pytest.mark.parametrize(
    ("places", "wrong"),
    [
        ((0, 1, 3, 4, 5, 6, 7, 8), "missed 1 after ('ann', 'post 1')"),
        ((0, 1, 1, 2, 3, 4, 5, 6, 7, 8), "heard ('ann', 'post 1') after ('ann', 'post 1')"),
        ((5, 6, 8, 7), "heard ('ann', 'post 7') after ('ann', 'post 8')"),
        ((0, 1, 2, 3, 4, 5, 6), "missed 2 after ('ann', 'post 6')"),
        ((), "heard nothing"),
    ],
)
def test_what_is_missed_repeated_or_in_disorder(places: tuple[int, ...], wrong: str) -> None:
    assert wrong in list(wrongs(heard(*places), SAID))


def test_what_nobody_said() -> None:
    assert list(wrongs([("eve", "post 0"), *SAID], SAID)) == ["heard what nobody said: ('eve', 'post 0')"]


def test_a_lost_connection_lets_the_last_lines_come_again() -> None:
    """Each loss once; and none may be missing."""
    again = heard(0, 1, 2, 3, 2, 3, 4, 5, 6, 5, 6, 7, 8)
    assert list(wrongs(again, SAID, losses=1)) == ["heard ('ann', 'post 5') after ('ann', 'post 6')"]
    assert not list(wrongs(again, SAID, losses=2))
    assert list(wrongs(heard(0, 1, 2, 5, 6, 7, 8), SAID, losses=1)) == ["missed 2 after ('ann', 'post 2')"]
