"""Who listens where: the ears of a channel, by place."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.worker import audience as module
from chatnet.worker.audience import MANY, Audience

TOPICS = tuple(f"#t{number}" for number in range(20))


class Ear:
    """An ear that counts how often any ear is looked up."""

    looks = 0

    def __hash__(self) -> int:
        Ear.looks += 1
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@pytest.fixture(params=[False, True], ids=["the same", "not quite the same"])
def crowd(request: pytest.FixtureRequest) -> Iterator[tuple[Audience, list[Ear]]]:
    """Return an audience of twice MANY ears, who listen at all topics, or each at all but one."""
    audience, ears = Audience(), [Ear() for _ in range(2 * MANY)]
    for number, ear in enumerate(ears):
        audience.enter(ear)
        for at, topic in enumerate(TOPICS):
            if not (request.param and at == number % len(TOPICS)):
                audience.listen(topic, ear)
    yield audience, ears
    for number, ear in enumerate(ears):
        for at, topic in enumerate(TOPICS):
            if not (request.param and at == number % len(TOPICS)):
                audience.turn_away(topic, ear)
        audience.leave(ear)
    assert not audience


def test_a_post_with_many_topics_looks_at_no_ear_for_each(crowd: tuple[Audience, list[Ear]]) -> None:
    """Where many ears follow the same topics, finding each once takes less than a look at each per topic."""
    audience, ears = crowd
    Ear.looks = 0
    hearing = audience.hearing(TOPICS)
    assert Ear.looks == 0
    assert sum(len(some) for _, some in hearing) == len(ears)
    assert {ear for _, some in hearing for ear in some} == set(ears)


steps = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=150)


@given(
    steps, st.lists(st.permutations(range(4)), min_size=1, max_size=4), st.integers(2, 6), st.integers(1, 4)
)
def test_each_ear_hears_at_the_first_of_the_places_where_it_listens(
    toggled: list[tuple[int, int]], orders: list[list[int]], many: int, part: int
) -> None:
    """An ear hears a post once, however many ears are at each place, in whatever order ears come and go;
    afterwards nothing is left.

    A step lets an ear begin or end to listen at a place; an ear that listens nowhere has left.
    """
    with patch.multiple(module, FEW=2, MANY=many, A_PART=part):
        audience = Audience()
        listens: dict[int, set[str]] = {}

        def toggle(ear: int, place: str) -> None:
            if ear not in listens:
                audience.enter(ear)
                listens[ear] = set()
            if place in listens[ear]:
                audience.turn_away(place, ear)
                listens[ear].remove(place)
            else:
                audience.listen(place, ear)
                listens[ear].add(place)
            if not listens[ear]:
                audience.leave(ear)
                del listens[ear]

        for count, (ear, number) in enumerate(toggled):
            toggle(ear, f"#{number}")
            where = [f"#{at}" for at in orders[count % len(orders)]]
            expected = {
                ear: next(place for place in where if place in places) for ear, places in listens.items()
            }
            hearing = audience.hearing(where)
            assert {ear: place for place, ears in hearing for ear in ears} == expected
            assert sum(len(ears) for _, ears in hearing) == len(expected) == len(audience)
        for ear, places in list(listens.items()):
            for place in list(places):
                toggle(ear, place)
        assert (len(audience), audience.hearing(["#0", "#1"])) == (0, [])
        assert (audience._flags, audience._rows) == ({}, {})
