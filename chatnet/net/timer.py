"""Calls a function again and again, at an interval."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

LATE = 1.0
"""Seconds by which a call is late if this process was stopped meanwhile."""


class Timer:
    """Calls ``call`` every ``seconds`` of ``clock``, from :meth:`start` until :meth:`stop`.

    ``call`` fails only through a bug of ours or through what a peer sends. Then ``failed`` is logged with the
    failure, once until a call succeeds. The next interval calls again: the work is needed, and the cause of
    the failure may pass.

    ``slept``: the present call is more than :data:`LATE` seconds late. What others sent meanwhile is unread:
    who waits for them must count again from now on.
    """

    __slots__ = ("_call", "_clock", "_failed", "_is_failing", "_last", "_loop", "_seconds", "slept")

    _logger = Logger()

    def __init__(self, clock: IReactorTime, seconds: float, call: Callable[[], object], failed: str) -> None:
        self._loop = LoopingCall(self._tick)
        self._loop.clock = self._clock = clock
        self._seconds, self._call, self._failed = seconds, call, failed
        self._is_failing = self.slept = False
        self._last = 0.0

    @property
    def is_running(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._loop.running

    def start(self, now: bool = False) -> None:
        """Start calling, at once if ``now``, otherwise after an interval; harmless if it runs already."""
        if not self._loop.running:
            self._last = self._clock.seconds()
            self._loop.start(self._seconds, now)

    def stop(self) -> None:
        """Stop calling; harmless if it does not run."""
        if self._loop.running:
            self._loop.stop()

    def _tick(self) -> Deferred[None]:
        now = self._clock.seconds()
        self.slept, self._last = now - self._last > self._seconds + LATE, now
        return maybeDeferred(self._call).addCallbacks(self._succeeded, self._went_wrong)

    def _succeeded(self, _: object) -> None:
        self._is_failing = False

    def _went_wrong(self, why: Failure) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._logger.failure(
                "{failed}; trying again every {seconds:g} s", why, failed=self._failed, seconds=self._seconds
            )
