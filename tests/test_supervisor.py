"""The supervisor keeps children running, and stops them, whatever they do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from chatnet.master.journal import sentence
from chatnet.supervisor import FIRST_DELAY, GOOD_LIFE, LONGEST_DELAY, TERM_SECONDS, RestartPolicy, Supervisor
from chatnet.testing.children import SpawningClock
from chatnet.world import Clocks
from chatnet.world.real import RealFiles


class CountedFiles(RealFiles):
    """The disk; it counts the open descriptors."""

    def __init__(self) -> None:
        self.open = 0

    def append_to(self, path: Path) -> int:
        self.open += 1
        return super().append_to(path)

    def close(self, descriptor: int) -> None:
        self.open -= 1
        super().close(descriptor)


class Nursery:
    """A supervisor whose children do as the test says."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.reactor = SpawningClock()
        self.files = CountedFiles()
        self.told: list[str] = []
        self.supervisor = Supervisor(
            "worker",
            command=lambda: ["python", "-c", "run()"],
            logs=logs,
            clocks=Clocks(self.reactor, self.reactor.seconds, self.reactor.seconds),
            files=self.files,
            environ={"PATH": "/bin"},
            tell=lambda event: self.told.append(sentence(event)),
        )

    def stop(self) -> list[Any]:
        """Begin to stop; return a list that gets a result when the stop has ended."""
        done: list[Any] = []
        Deferred.fromCoroutine(self.supervisor.stop()).addBoth(done.append)
        return done


@pytest.fixture
def nursery(tmp_path: Path) -> Nursery:
    return Nursery(tmp_path)


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    yield from logged("warn")


@pytest.fixture
def notes() -> Iterator[list[str]]:
    yield from logged("info")


def logged(level: str) -> Iterator[list[str]]:
    """Yield what is logged at ``level`` until resumed."""
    lines: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event["log_level"].name == level:
            lines.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


@given(st.lists(st.floats(0, GOOD_LIFE * 2)))
def test_each_young_death_doubles_the_delay_and_a_good_life_resets_it(lives: list[float]) -> None:
    """The delay is 0.1 to 10 seconds, doubled by each early death; it is logged when it changes."""
    policy, before = RestartPolicy(), 0.0
    for lived in lives:
        restart = policy.died(lived)
        young = before if lived < GOOD_LIFE else 0.0
        assert restart.seconds == (min(young * 2, LONGEST_DELAY) if young else FIRST_DELAY)
        assert restart.step == (restart.seconds != young)
        before = restart.seconds


def test_children_are_started_as_they_should_be(nursery: Nursery) -> None:
    """Each has the command, our environment, no input, and a log of its own; we keep nothing of it open."""
    nursery.supervisor.keep(2)
    first, second = nursery.reactor.children
    assert first.command == ["python", "-c", "run()"]
    assert first.environ == {"PATH": "/bin"}
    assert not first.reads
    assert first.descriptors[0] == "w"
    assert first.descriptors[1] == first.descriptors[2]
    assert sorted(path.name for path in nursery.logs.iterdir()) == ["worker-1.log", "worker-2.log"]
    assert nursery.files.open == 0
    assert nursery.supervisor.count == 2
    assert nursery.supervisor.owns(second.pid)


def test_who_has_just_died_is_still_known_as_a_child(nursery: Nursery) -> None:
    """Its link may be lost a moment later: that is no news of a stranger's. After five seconds its pid may be
    another's."""
    nursery.supervisor.keep(1)
    [child] = nursery.reactor.children
    child.end(signal=9)
    assert nursery.supervisor.owns(child.pid)
    assert child.pid not in nursery.supervisor.pids()
    nursery.reactor.advance(5.1)
    assert not nursery.supervisor.owns(child.pid)


def test_keep_never_stops_a_child(nursery: Nursery) -> None:
    """To keep fewer than there are changes nothing."""
    nursery.supervisor.keep(2)
    nursery.supervisor.keep(1)
    assert len(nursery.reactor.running) == 2
    assert nursery.supervisor.count == 2


def test_a_dead_child_is_started_again(nursery: Nursery) -> None:
    """It starts after 0.1 seconds, then 0.2; the operator is told each time, by name and pid."""
    nursery.supervisor.keep(1)
    for delay in (0.1, 0.2):
        nursery.reactor.running[0].end(signal=9)
        nursery.reactor.advance(delay * 0.99)
        assert not nursery.reactor.running
        nursery.reactor.advance(delay * 0.02)
        assert len(nursery.reactor.running) == 1
    assert nursery.told == [
        f"worker-1 (pid {pid}) was killed by signal 9; another one is started" for pid in (100, 101)
    ]


def test_a_crash_loop_is_logged_once_per_step(nursery: Nursery, warnings: list[str]) -> None:
    """However often it dies, it is logged once per delay, with the last words of the child."""
    nursery.supervisor.keep(1)
    (nursery.logs / "worker-1.log").write_text("lots\nmore\nImportError: no such thing\x1b[2J\n")
    for _ in range(30):
        nursery.reactor.running[0].end(status=1)
        nursery.reactor.advance(LONGEST_DELAY)
    # 0.1, 0.2, 0.4 … 6.4, 10: each of them lived for less than 30 s.
    assert len(warnings) == 8
    assert "failed with status 1" in warnings[0]
    assert "    ImportError: no such thing\\x1b[2J" in warnings[0]
    assert len(nursery.told) == 30


def test_a_child_that_cannot_be_started_is_tried_again(nursery: Nursery) -> None:
    """A failed start counts as an early death; no descriptor stays open."""
    nursery.reactor.refusal = BlockingIOError(11, "Resource temporarily unavailable")
    nursery.supervisor.keep(1)
    assert nursery.told == [
        "worker-1 could not be started (Resource temporarily unavailable); another one is started"
    ]
    nursery.reactor.refusal = None
    nursery.reactor.advance(0.1)
    assert len(nursery.reactor.running) == 1
    assert nursery.files.open == 0


def test_a_hung_child_is_killed(nursery: Nursery) -> None:
    """Only the child with that pid is killed."""
    nursery.supervisor.keep(2)
    first, second = nursery.reactor.children
    nursery.supervisor.kill(second.pid)
    assert (first.signals, second.signals) == ([], ["KILL"])


def test_stopping_waits_for_every_end(nursery: Nursery) -> None:
    """All get TERM; it ends when the last has ended; none is started again, and no timer is left."""
    nursery.supervisor.keep(2)
    done = nursery.stop()
    first, second = nursery.reactor.children
    assert first.signals == second.signals == ["TERM"]
    second.end()
    assert not done
    first.end(signal=15)
    assert done == [None]
    assert not nursery.reactor.getDelayedCalls()
    assert nursery.told == []


def test_stopping_kills_those_who_do_not_stop(nursery: Nursery) -> None:
    """After ten seconds those that are still there, and only those, get KILL."""
    nursery.supervisor.keep(2)
    done = nursery.stop()
    first, second = nursery.reactor.children
    first.end()
    nursery.reactor.advance(TERM_SECONDS)
    assert (first.signals, second.signals) == (["TERM"], ["TERM", "KILL"])
    second.end(signal=9)
    assert done == [None]


def test_a_stop_in_good_order_is_not_logged_as_a_killing(nursery: Nursery, notes: list[str]) -> None:
    """twistd ends by the TERM that stopped it: only a child that was not asked, or ended otherwise, was
    killed."""
    nursery.supervisor.keep(2)
    nursery.reactor.children[0].end(signal=15)
    nursery.reactor.advance(FIRST_DELAY)
    nursery.stop()
    for child, ending in zip(nursery.reactor.running, (15, 9), strict=True):
        child.end(signal=ending)
    assert nursery.told == ["worker-1 (pid 100) was killed by signal 15; another one is started"]
    assert notes[-2:] == ["worker-2 (pid 101) has stopped", "worker-1 (pid 102) was killed by signal 9"]


def test_stopping_forgets_those_about_to_be_started(nursery: Nursery) -> None:
    """A child that waits for its next start is not started."""
    nursery.supervisor.keep(1)
    nursery.reactor.running[0].end(status=1)
    assert nursery.stop() == [None]
    nursery.reactor.advance(LONGEST_DELAY)
    assert not nursery.reactor.running
    nursery.supervisor.keep(2)
    assert not nursery.reactor.running
