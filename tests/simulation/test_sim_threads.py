"""Simulated threads: a limited number at once, in order, with results that arrive later."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from chatnet.world import World
from simulator.toys import Toys


def test_the_result_arrives_some_time_after_the_work(simulation: Toys) -> None:
    """Virtual time passes between the question, the work and the result."""
    times: dict[str, float] = {}

    def work(world: World) -> None:
        pool = world.threads(1, "one")
        pool.start()
        times["asked"] = simulation.now
        done = deferToThreadPool(world.reactor, pool, lambda: times.setdefault("done", simulation.now))
        done.addCallback(lambda result: times.update(heard=simulation.now, result=result))

    simulation.start(work)
    simulation.run(1)
    assert times["asked"] < times["done"] < times["heard"]
    assert times["result"] == times["done"]


def test_a_failure_arrives_as_one(simulation: Toys) -> None:
    """The failure keeps its type."""
    failures: list[Any] = []

    def work(world: World) -> None:
        pool = world.threads(1, "one")
        pool.start()
        deferToThreadPool(world.reactor, pool, dict[int, int]().__getitem__, 1).addErrback(failures.append)

    simulation.start(work)
    simulation.run(1)
    assert failures[0].check(KeyError)


@pytest.mark.parametrize("size", [1, 3])
def test_no_more_than_its_size_are_at_work_and_none_is_begun_before_its_turn(size: int) -> None:
    """A single thread keeps the order of the questions up to the results."""
    with Toys(4) as simulation:
        heard: list[int] = []
        busy: list[int] = []

        def work(world: World) -> None:
            pool: Any = world.threads(size, "some")
            pool.start()

            def job(number: int) -> int:
                busy.append(pool._busy)
                return number

            for number in range(40):
                deferToThreadPool(world.reactor, pool, job, number).addCallback(heard.append)

        simulation.start(work)
        simulation.run(5)
        assert sorted(heard) == list(range(40))
        assert max(busy) == size
        assert (heard == sorted(heard)) == (size == 1)


def test_a_kill_can_fall_between_the_work_and_its_result() -> None:
    """Over some seeds a kill falls before the work, between work and result, and after the result."""
    seen: set[tuple[bool, bool]] = set()
    for seed in range(40):
        with Toys(seed) as simulation:
            done: list[int] = []
            heard: list[int] = []

            def work(world: World, done: list[int] = done, heard: list[int] = heard) -> None:
                pool = world.threads(1, "one")
                pool.start()
                working: Deferred[Any] = deferToThreadPool(world.reactor, pool, done.append, 1)
                working.addCallback(heard.append)

            process = simulation.start(work)
            simulation.run(simulation.chance("test").random() * 0.0006)
            process.kill()
            simulation.run(1)
            seen.add((bool(done), bool(heard)))
    assert {(True, False), (True, True)} <= seen


def test_a_stopped_pool_has_done_all_that_it_was_asked_for(simulation: Toys) -> None:
    """As with a real pool, stop waits for the work and the results still come; new work is refused."""
    heard: list[int] = []

    def work(world: World) -> None:
        done: list[int] = []
        pool = world.threads(2, "two")
        pool.start()
        for number in range(6):
            deferToThreadPool(world.reactor, pool, done.append, number).addCallback(lambda _: heard.append(1))
        pool.stop()
        assert done == [0, 1, 2, 3, 4, 5]
        deferToThreadPool(world.reactor, pool, done.append, 9)
        assert len(done) == 6

    simulation.start(work)
    simulation.run(1)
    assert len(heard) == 6


def test_a_pool_that_was_not_started_does_nothing_yet(simulation: Toys) -> None:
    """Work that was given earlier waits for the start."""
    heard: list[Any] = []
    pools: list[Any] = []

    def work(world: World) -> None:
        pools.append(world.threads(1, "one"))
        deferToThreadPool(world.reactor, pools[0], int).addCallback(heard.append)

    process = simulation.start(work)
    simulation.run(1)
    assert heard == []
    process.soon(pools[0].start)
    simulation.run(1)
    assert heard == [0]
