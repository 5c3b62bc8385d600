"""Virtual time: delayed calls, clocks that step, laptops that sleep."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.task import Clock

from chatnet.world import World
from simulator import NotInTime
from simulator.toys import Toys

moves = st.lists(
    st.tuples(
        st.sampled_from(["cancel", "reset", "delay"]),
        st.integers(0, 4),
        st.sampled_from([0.5, 1.0, 2.5, 7.0]),
        st.integers(0, 20),
    ),
    max_size=8,
)


def _play(
    reactor: Any, moves_made: list[tuple[str, int, float, int]], fired: list[tuple[int, float]]
) -> None:
    """Make five calls, change them at the given times, and return when they fired."""
    start = reactor.seconds()

    def fire(number: int) -> None:
        fired.append((number, round(reactor.seconds() - start, 3)))

    calls = [reactor.callLater(1.0 + 2 * number, fire, number) for number in range(5)]

    def move(how: str, which: int, seconds: float) -> None:
        if calls[which].active():
            getattr(calls[which], how)(*(() if how == "cancel" else (seconds,)))

    for number, (how, which, seconds, when) in enumerate(moves_made):
        # No two calls are at the same moment: their order would be undefined.
        reactor.callLater(when + (2 * number + 1) / 64, move, how, which, seconds)


@settings(max_examples=40)
@given(moves)
def test_calls_fire_as_on_twisted_s_own_clock(made: list[tuple[str, int, float, int]]) -> None:
    """Whatever is cancelled, reset or delayed, each call fires when it would on Twisted's Clock."""
    clock = Clock()
    expected: list[Any] = []
    fired: list[Any] = []
    _play(clock, made, expected)
    for _ in range(6400):
        clock.advance(1 / 64)  # these add up without rounding errors
    with Toys(1) as simulation:
        simulation.start(lambda world: _play(world.reactor, made, fired), name="toy")
        simulation.run(100)
    assert sorted(fired) == sorted((number, pytest.approx(when, abs=0.001)) for number, when in expected)


def test_a_call_that_was_made_or_cancelled_cannot_be_moved(simulation: Toys) -> None:
    """The errors are Twisted's."""
    calls: list[Any] = []
    simulation.start(lambda world: calls.extend(world.reactor.callLater(i, int) for i in (1, 2)), name="toy")
    calls[1].cancel()
    simulation.run(3)
    with pytest.raises(AlreadyCalled):
        calls[0].cancel()
    with pytest.raises(AlreadyCancelled):
        calls[1].reset(1)


def test_calls_for_the_same_moment_are_made_in_the_order_in_which_they_were_asked_for(
    simulation: Toys,
) -> None:
    """The calls of a turn do not overtake each other."""
    made: list[int] = []
    simulation.start(
        lambda world: [world.reactor.callLater(0, made.append, i) for i in range(20)], name="toy"
    )
    simulation.run(0.001)
    assert made == list(range(20))


def test_timers_do_not_care_about_the_wall_clock(simulation: Toys) -> None:
    """However far the wall clock is set forwards or backwards, they fire when their time has passed."""
    fired: list[tuple[int, float]] = []
    worlds: list[World] = []

    def timers(world: World) -> None:
        worlds.append(world)
        for seconds in (10, 1000):
            world.reactor.callLater(seconds, lambda s=seconds: fired.append((s, world.monotonic())))

    simulation.start(timers)
    clock = simulation.host("alpha").clock
    wall, monotonic, begun = worlds[0].wall(), worlds[0].monotonic(), simulation.now
    clock.step(5000)
    simulation.run(1)
    assert fired == []
    assert worlds[0].wall() - wall == pytest.approx(5001)
    assert worlds[0].monotonic() - monotonic == pytest.approx(1)
    clock.step(-6000)
    simulation.run_until(begun + 1005)
    assert [seconds for seconds, _ in fired] == [10, 1000]


def test_a_laptop_that_sleeps_finds_that_time_has_passed(simulation: Toys) -> None:
    """Nothing runs while it sleeps; when it wakes its monotonic clock has advanced, and due calls are
    made."""
    ticks: list[float] = []

    def ticking(world: World) -> None:
        ticks.append(world.monotonic())
        world.reactor.callLater(1, ticking, world)

    simulation.start(ticking)
    simulation.run(3.5)
    host = simulation.host("alpha")
    host.sleep()
    seen = len(ticks)
    simulation.run(100)
    assert len(ticks) == seen
    host.awake()
    simulation.run(0.1)
    assert len(ticks) == seen + 1
    assert ticks[-1] - ticks[-2] > 100


def test_waiting_has_a_limit_in_virtual_time(simulation: Toys) -> None:
    """What does not come in time is reported with the seed."""
    with pytest.raises(NotInTime, match="seed 1"):
        simulation.run_while(lambda: True, 5)
    assert simulation.now == 5


def test_each_concern_has_a_stream_of_chance_of_its_own(simulation: Toys) -> None:
    """Drawing from one stream does not shift another; the same name gives the same stream."""
    first = [simulation.chance("a").random() for _ in range(3)]
    simulation.chance("b").random()
    assert first == [simulation.chance("a").random()] * 3
    assert simulation.chance("b").random() != first[0]
