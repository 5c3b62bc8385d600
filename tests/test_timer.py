"""What is called again and again: when, until when, and what is said when it fails."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from chatnet.net.timer import Timer


def test_it_calls_at_once_or_after_an_interval() -> None:
    """And then each time that one is over; to start it twice is to start it once."""
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
    """Before it was started, within its own call, and again."""
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


def test_a_failure_is_heard(logged_failures: Any) -> None:
    """It ends the timer; what has ended by it is said."""
    clock = Clock()
    timer = Timer(clock, 1.0, lambda: 1 // 0, "Nothing is counted from now on")
    timer.start()
    clock.advance(1)
    assert not timer.is_running
    assert "Nothing is counted from now on" in logged_failures.text()
    assert len(logged_failures.flush(ZeroDivisionError)) == 1
