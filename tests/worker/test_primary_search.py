"""A worker looks for the primary at every place in turn, first where it was or is said to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatnet.addresses import Address
from chatnet.worker.primary_search import PrimarySearch

ONE, TWO, THREE, FAR = (Address(host, 1) for host in ("one", "two", "three", "far"))
PLACES = st.sampled_from([ONE, TWO, THREE, FAR])


def test_all_in_turn() -> None:
    """All places are tried in turn, and then again."""
    places = PrimarySearch([ONE, TWO, THREE])
    assert [places.next() for _ in range(6)] == [ONE, TWO, THREE] * 2


def test_where_it_was_comes_first() -> None:
    """The last place of the primary is tried first; each place is tried once a round."""
    places = PrimarySearch([ONE, TWO, THREE])
    places.next()
    places.found(TWO)
    assert [places.next() for _ in range(3)] == [TWO, ONE, THREE]


def test_where_it_is_said_to_be_comes_next() -> None:
    """Unless it was just tried: two masters that name each other are each tried once."""
    places = PrimarySearch([ONE, TWO, THREE])
    assert places.next() == ONE
    places.told(FAR)
    assert places.next() == FAR
    places.told(ONE)
    assert [places.next(), places.next()] == [TWO, THREE]


@given(st.lists(PLACES, unique=True, min_size=1), st.lists(st.tuples(st.booleans(), PLACES)))
def test_no_place_is_left_out(masters: list[Address], said: list[tuple[bool, Address]]) -> None:
    """Whatever was found and told before, two rounds try every named place."""
    places = PrimarySearch(masters)
    for found, place in said:
        places.next()
        (places.found if found else places.told)(place)
    visited = [places.next() for _ in range(2 * len(masters) + 4)]
    assert set(masters) <= set(visited)
