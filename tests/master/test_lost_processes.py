"""Processes that lost their link: each returns, is dead, or hangs."""

from __future__ import annotations

import signal
from typing import Any, NamedTuple

import pytest
from twisted.internet.task import Clock

from chatnet.master.lost_processes import LOOK_SECONDS, RETURN_SECONDS, LostProcesses
from chatnet.telemetry import unheard


class Missing(NamedTuple):
    pid: int
    started: int


class Machine:
    """A machine on which processes run, by pid and start; ``sent`` are the signals to them."""

    def __init__(self) -> None:
        self.running = {7: 70}
        self.sent: list[tuple[int, int]] = []

    def started(self, pid: int) -> int | None:
        return self.running.get(pid)

    def signal(self, holder: Any, number: int) -> bool:
        self.sent.append((holder.pid, number))
        return True


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gone() -> list[None]:
    return []


@pytest.fixture
def lost(machine: Machine, clock: Clock, gone: list[None]) -> LostProcesses:
    """Return what misses the process 7."""
    lost = LostProcesses(machine, clock, unheard, lambda: gone.append(None))  # type: ignore[arg-type]
    assert lost.miss("it", Missing(7, 70), "it")
    return lost


def wait(clock: Clock, seconds: float) -> None:
    clock.pump([LOOK_SECONDS] * int(seconds / LOOK_SECONDS))


def test_who_does_not_return_is_killed(
    lost: LostProcesses, machine: Machine, clock: Clock, gone: list[None]
) -> None:
    wait(clock, RETURN_SECONDS - LOOK_SECONDS)
    assert not gone
    wait(clock, LOOK_SECONDS)
    assert (machine.sent, gone, len(lost)) == ([(7, signal.SIGKILL)], [None], 0)


def test_who_is_dead_is_gone_at_once(
    lost: LostProcesses, machine: Machine, clock: Clock, gone: list[None]
) -> None:
    machine.running.clear()
    wait(clock, LOOK_SECONDS)
    assert (machine.sent, gone) == ([], [None])


def test_who_was_stopped_itself_waits_anew(
    lost: LostProcesses, machine: Machine, clock: Clock, gone: list[None]
) -> None:
    """The other one may have returned long ago: its connection is in our socket."""
    wait(clock, RETURN_SECONDS - LOOK_SECONDS)
    clock.advance(6.5)
    wait(clock, RETURN_SECONDS - LOOK_SECONDS)
    assert not machine.sent
    assert lost.back("it")
    wait(clock, RETURN_SECONDS)
    assert (machine.sent, gone) == ([], [])
