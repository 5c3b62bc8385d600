"""The turns of a reactor whose clock is at hand."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock


def turn(clock: Clock) -> None:
    """One turn of the reactor: what was due before it is done, and no more."""
    for call in list(clock.getDelayedCalls()):
        if call.getTime() <= clock.seconds() and call.active():
            do: Any = call
            func, arguments, more = do.func, do.args, do.kw
            call.cancel()
            func(*arguments, **more)
