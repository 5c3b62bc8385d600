"""The turns of a reactor whose clock the test moves."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock


def turn(clock: Clock) -> None:
    """Let one turn of the reactor pass: only what was due before it is done."""
    for call in list(clock.getDelayedCalls()):
        if call.getTime() <= clock.seconds() and call.active():
            do: Any = call
            func, arguments, more = do.func, do.args, do.kw
            call.cancel()
            func(*arguments, **more)
