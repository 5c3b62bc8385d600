"""What is done again and again, in intervals."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure


class Timer:
    """Calls ``call`` every so many ``seconds`` of ``clock``, from :meth:`start` until :meth:`stop`.

    It fails only on a bug of ours. Then it ends, and ``ended`` is logged with the failure: better heard than
    dead silently.
    """

    __slots__ = ("_ended", "_loop", "_seconds")

    _logger = Logger()

    def __init__(self, clock: IReactorTime, seconds: float, call: Callable[[], object], ended: str) -> None:
        self._loop = LoopingCall(call)
        self._loop.clock = clock
        self._seconds, self._ended = seconds, ended

    @property
    def is_running(self) -> bool:
        """Has it been started, and neither been stopped nor failed?"""
        return self._loop.running

    def start(self, now: bool = False) -> None:
        """Call from now on, at once if ``now`` and else after an interval; harmless if it runs already."""
        if not self._loop.running:
            self._loop.start(self._seconds, now).addErrback(self._failed)

    def stop(self) -> None:
        """Stop calling; harmless if it does not run."""
        if self._loop.running:
            self._loop.stop()

    def _failed(self, why: Failure) -> None:
        self._logger.failure("{ended}", why, ended=self._ended)
