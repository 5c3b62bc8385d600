"""A repeated call: when it is made, how long, and what is said when it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from chatnet.net.timer import Timer


def test_it_calls_at_once_or_after_an_interval() -> None:
    """The next call comes an interval after the last has ended; to start twice is to start once."""
    clock, calls = Clock(), list[float]()
    timer = Timer(clock, 2.0, lambda: calls.append(clock.seconds()), "never")
    timer.start()
    timer.start(now=True)
    clock.pump([1.0] * 5)
    assert calls == [2, 4]
    timer.stop()
    timer.start(now=True)
    assert calls == [2, 4, 5]


def test_it_can_be_stopped_whenever() -> None:
    """It can be stopped before its start, within its own call, and repeatedly."""
    clock, calls = Clock(), list[float]()

    def call() -> None:
        calls.append(clock.seconds())
        timer.stop()

    timer = Timer(clock, 1.0, call, "never")
    timer.stop()
    timer.start()
    clock.pump([1.0] * 3)
    assert (calls, timer.is_running, clock.getDelayedCalls()) == ([1], False, [])
    timer.stop()


def fails_until(clock: Clock, seconds: float) -> None:
    if clock.seconds() < seconds:
        raise ZeroDivisionError


async def fails_later(clock: Clock, seconds: float) -> None:
    fails_until(clock, seconds)


@pytest.mark.parametrize("call", [fails_until, fails_later])
def test_a_failure_is_heard_and_not_the_end(call: Callable[..., object], logged_failures: Any) -> None:
    """The call is needed, so it is tried again; the failure is logged once until it succeeds."""
    clock, calls = Clock(), list[float]()

    def tick() -> object:
        calls.append(clock.seconds())
        return call(clock, good_from)

    good_from = 4.0
    timer = Timer(clock, 1.0, tick, "Cannot count")
    timer.start()
    clock.pump([1.0] * 5)
    assert (calls, timer.is_running) == ([1, 2, 3, 4, 5], True)
    assert "Cannot count; trying again every 1 s" in logged_failures.text()
    assert len(logged_failures.flush(ZeroDivisionError)) == 1
    good_from = 7.0
    clock.advance(1)
    assert len(logged_failures.flush(ZeroDivisionError)) == 1
    timer.stop()
    assert clock.getDelayedCalls() == []
