"""A population counts the children, the adopted and the lost processes, and starts what is missing."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import cast

import pytest
from master.in_memory import HOST, OtherProcesses
from twisted.internet.defer import Deferred

from chatnet.master.journal import Journal
from chatnet.master.lost_processes import RETURN_SECONDS
from chatnet.master.population import Population
from chatnet.master.replicas import name_of
from chatnet.supervisor import LONGEST_DELAY, TERM_SECONDS, UNLINKED_SECONDS, Supervisor
from chatnet.testing.children import SpawningClock
from chatnet.wire.replica import MasterIdentity
from chatnet.world import Clocks, Processes
from chatnet.world.real import RealFiles

LIVING = 50
"""A process of this host that is no child of ours."""


def one(pid: int = LIVING, host: str = HOST, spawned: bool = True) -> MasterIdentity:
    return MasterIdentity(host, pid, started=1, spawned=spawned)


class Stage:
    """A population that wants two; ``others`` are linked and are no children."""

    def __init__(self, logs: Path) -> None:
        self.clock = SpawningClock()
        self.processes = OtherProcesses()
        self.processes.living = {LIVING: 1}
        self.journal = Journal(self.clock.seconds)
        self.others = self.looks = 0
        supervisor = Supervisor(
            "kind",
            command=lambda: ["kind"],
            logs=logs,
            clocks=Clocks(self.clock, self.clock.seconds, self.clock.seconds),
            files=RealFiles(),
            environ={},
            tell=self.journal.told,
        )
        processes = cast(Processes, self.processes)
        self.population = Population(2, HOST, supervisor, processes, self.clock, self.journal.told, name_of)

    def settle(self) -> None:
        self.looks += 1
        self.population.fill(self.others)

    def start(self, *expected: MasterIdentity, wait: float = 0.0) -> None:
        self.population.start(expected, wait, self.settle)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)

    @property
    def children(self) -> list[MasterIdentity]:
        return [one(child.pid) for child in self.clock.running]

    @property
    def events(self) -> list[str]:
        return [event.what for event in self.journal.events()]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_what_is_missing_is_started_at_once_or_after_the_wait(stage: Stage, tmp_path: Path) -> None:
    """Before the wait has passed, no event starts any."""
    stage.start()
    assert len(stage.children) == 2
    late = Stage(tmp_path)
    late.population.settle()
    late.start(wait=1.0)
    late.population.settle()
    assert (late.population.is_settling, late.looks) == (False, 0)
    late.pass_time(1.1)
    assert (late.population.is_settling, late.looks, len(late.children)) == (True, 1, 2)


def test_who_is_a_child_and_who_is_adopted(stage: Stage) -> None:
    """A child is known by its pid, here; adopted are only those that another process started here."""
    stage.start()
    child = stage.children[0]
    assert stage.population.is_child(child)
    assert not stage.population.is_adopted(child)
    assert not stage.population.is_child(one(child.pid, "elsewhere"))
    assert stage.population.is_adopted(one())
    assert not stage.population.is_adopted(one(spawned=False))
    assert not stage.population.is_adopted(one(host="elsewhere"))


def test_others_take_the_place_of_children(stage: Stage) -> None:
    """It returns how many children there should be; a supervisor with more may stop some."""
    stage.others = 1
    stage.start()
    assert len(stage.children) == 1
    assert stage.population.fill(3) == 0
    assert stage.population.children == 1
    stage.population.drop()
    assert stage.clock.running[0].signals == ["TERM"]


def test_a_lost_one_counts_until_it_does_not_come_back(stage: Stage) -> None:
    """Then another is started, and the lost one is killed; those of other hosts or by hand are not
    expected."""
    stage.start(one(), one(51, "elsewhere"), one(52, spawned=False))
    assert (stage.population.lost, len(stage.children)) == (1, 1)
    stage.pass_time(RETURN_SECONDS + 0.5)
    assert (stage.population.lost, len(stage.children)) == (0, 2)
    assert stage.processes.sent == [(LIVING, signal.SIGKILL)]
    assert stage.events == [f"replica (pid {LIVING}) on here did not come back; it is killed"]


def test_one_that_comes_back_stays(stage: Stage) -> None:
    """It is no longer lost, and nobody kills it."""
    stage.start(one())
    assert stage.population.is_back(one())
    assert not stage.population.is_back(one())
    stage.pass_time(RETURN_SECONDS + 0.5)
    assert not stage.processes.sent


def test_a_dead_one_is_not_waited_for(stage: Stage) -> None:
    """The death is reported, and another is started."""
    stage.start(one(99))
    assert (stage.events, len(stage.children)) == (["replica (pid 99) on here is dead"], 2)


def test_one_that_hangs_is_killed_child_or_not(stage: Stage) -> None:
    """Its supervisor kills a child and starts another; other processes are killed by pid and start."""
    stage.start()
    child = stage.clock.running[0]
    stage.population.kill(one(child.pid))
    stage.population.kill(one())
    assert child.signals == ["KILL"]
    assert stage.processes.sent == [(LIVING, signal.SIGKILL)]


def test_a_child_that_never_links_is_killed(stage: Stage) -> None:
    """Those that have a link are not killed."""
    stage.start()
    good, bad = stage.clock.running
    for _ in range(round(UNLINKED_SECONDS) + 1):
        stage.population.look_after([one(good.pid), one(bad.pid, "elsewhere")], 1.0)
    assert (good.signals, bad.signals) == ([], ["KILL"])


def test_where_none_ever_links_each_has_twice_as_long_as_the_one_before(stage: Stage) -> None:
    """The machine may be too slow to start one in half a minute: killed each time, none would ever be up."""
    stage.start()

    def seconds_until_all_are_killed() -> int:
        running, seconds = list(stage.clock.running), 0
        while not all(child.signals for child in running):
            stage.population.look_after([], 1.0)
            seconds += 1
        for child in running:
            child.end(signal=signal.SIGKILL)
        stage.pass_time(LONGEST_DELAY)
        return seconds

    first = round(UNLINKED_SECONDS) + 1
    assert [seconds_until_all_are_killed() for _ in range(3)] == [first, 2 * first - 1, 4 * first - 3]
    stage.population.look_after([one(child.pid) for child in stage.clock.running], 1.0)
    assert seconds_until_all_are_killed() == first


def test_who_is_to_end_is_not_replaced(stage: Stage) -> None:
    """Neither settling nor the end of a lost one starts another."""
    stage.start(one())
    stage.population.retire()
    stage.others = -5
    stage.population.settle()
    stage.pass_time(RETURN_SECONDS + 0.5)
    assert (stage.population.is_ending, stage.looks) == (True, 1)


@pytest.mark.parametrize(("number", "sent"), [(None, []), (signal.SIGTERM, [(LIVING, signal.SIGTERM)])])
def test_the_end_lets_the_lost_go(stage: Stage, number: int | None, sent: list[tuple[int, int]]) -> None:
    """It may send them a signal, and the wait ends."""
    stage.start(one(), wait=1.0)
    stage.population.end(number)
    assert not stage.clock.getDelayedCalls()
    assert (stage.processes.sent, stage.looks, stage.children) == (sent, 0, [])


def test_to_stop_is_to_wait_for_children_and_links(stage: Stage) -> None:
    """It returns whether all that were told to stop have gone in time."""
    stage.start()
    stage.population.end()
    done: list[bool] = []
    Deferred.fromCoroutine(stage.population.stop([])).addCallback(done.append)
    for child in list(stage.clock.running):
        assert child.signals == ["TERM"]
        assert not done
        child.end()
    assert done == [True]
    stage.pass_time(TERM_SECONDS)


def test_those_that_are_left_live_on_until_they_are_stopped(stage: Stage) -> None:
    """They get no signals: the next primary commands them by then."""
    stage.start()
    stage.population.leave([one()])
    running = list(stage.clock.running)
    assert [child.signals for child in running] == [[], []]
    Deferred.fromCoroutine(stage.population.stop_left())
    assert stage.processes.sent == [(LIVING, signal.SIGTERM)]
    assert [child.signals for child in running] == [["TERM"], ["TERM"]]
    for child in running:
        child.end()
