"""Thread pools with simulated threads: work is done in one go, some time after it was asked for, and its
result arrives some time later. So a kill can come before the work, during it, or between a commit and its
acknowledgement.

Work that waits for another machine stands still in :meth:`SimThread.wait` while time passes: each thread is a
greenlet, so that the real code of a blocking call needs no changes here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from greenlet import getcurrent, greenlet
from twisted.logger import Logger
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from simulator.process import SimProcess

WORK_SECONDS = (0.00002, 0.0004)
"""The shortest and longest time until a thread's work is done."""
RESULT_SECONDS = (0.00001, 0.0002)
"""The shortest and longest time until its result reaches the reactor."""
LATE, LATENESS = 0.02, 50.0
"""How often the scheduler lets a thread wait, and by what factor."""
MOST_WRITES = 6
"""Of work that dies in the middle, up to 2 to the power of this many writes to the disk are done."""

OnResult = Callable[[bool, Any], object]


class Job(NamedTuple):
    """Work for a thread, and the function that gets its result."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    on_result: OnResult | None

    def run(self) -> tuple[bool, Any]:
        """Run it; return whether it succeeded, and its result or failure."""
        try:
            return True, self.work(*self.arguments, **self.keywords)
        except (Exception, SystemExit):
            return False, Failure()


class Interrupted(Exception):
    """What was waited for will not come: the pool is stopped, or the simulation has ended."""


class SimThread:
    """A thread of ``process`` at work on one job; ``on_end`` gets the result."""

    def __init__(self, process: SimProcess, job: Job, on_end: Callable[[bool, Any], object]) -> None:
        self._process = process
        self._on_end = on_end
        self._greenlet = _Greenlet(job.run)
        self._greenlet.thread = self

    @staticmethod
    def current() -> SimThread:
        """Return the running thread: blocking code must be in one."""
        running = getcurrent()
        assert isinstance(running, _Greenlet), "this blocks, and not in a thread"
        return running.thread

    def go(self, answer: object = None) -> None:
        """Begin; or continue, with ``answer`` for what was waited for."""
        if not self._greenlet.dead:
            self._return_here()
            self._ran(self._greenlet.switch() if not self._greenlet else self._greenlet.switch(answer))

    def wait(self) -> Any:
        """Stand still until :meth:`go` is called; return the answer it was given.

        :raises Interrupted: that will never happen.
        """
        if self._process.simulation.is_over:
            raise Interrupted
        self._process.simulation.threads[self] = None
        try:
            return cast(greenlet, self._greenlet.parent).switch(None)
        finally:
            self._process.simulation.threads.pop(self, None)

    def interrupt(self) -> None:
        """End it without what it waits for."""
        while self._greenlet:
            self._return_here()
            self._ran(self._greenlet.throw(Interrupted))

    def _return_here(self) -> None:
        """Return to the current caller when it waits or ends; that may be another greenlet than last time."""
        self._greenlet.parent = getcurrent()

    def _ran(self, ended: tuple[bool, Any] | None) -> None:
        if ended is not None:
            self._on_end(*ended)


class _Greenlet(greenlet):
    thread: SimThread


class SimThreadPool:
    """Runs at most ``size`` jobs at once, begun in the order in which they came.

    It has the part of the interface of :class:`twisted.python.threadpool.ThreadPool` that chatnet uses.
    """

    _logger = Logger()

    def __init__(self, process: SimProcess, size: int, name: str) -> None:
        self._process = process
        self._chance = process.simulation.chance(f"threads {process.name} {name} {len(process.pools)}")
        self._size = size
        self.name = name
        self.started = self.joined = False
        self._waiting: deque[Job] = deque()
        self._begun: list[Job] = []
        self._at_work: dict[SimThread, None] = {}
        self._busy = 0

    def start(self) -> None:
        """Start working."""
        self.started = True
        self._begin()

    def stop(self) -> None:
        """Finish everything that was asked for, and stop."""
        self.joined, self.started = True, False
        jobs = [*self._begun, *self._waiting]
        self._begun.clear()
        self._waiting.clear()
        for thread in list(self._at_work):
            thread.interrupt()
        for job in jobs:
            thread = SimThread(self._process, job, partial(self._finished, job))
            thread.go()
            thread.interrupt()

    def callInThread(self, work: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
        """Run ``work``; log a failure."""
        self.callInThreadWithCallback(None, work, *arguments, **keywords)

    def callInThreadWithCallback(
        self, on_result: OnResult | None, work: Callable[..., Any], *arguments: Any, **keywords: Any
    ) -> None:
        """Run ``work``; then call ``on_result`` with whether it succeeded, and its result or failure."""
        if not self.joined:
            self._waiting.append(Job(work, arguments, keywords, on_result))
            self._begin()

    def tear(self) -> None:
        """The process is killed: do only some writes to the disk of each job that was begun."""
        for job in self._begun:
            writes = self._chance.randrange(2 ** self._chance.randrange(MOST_WRITES + 1))
            with self._process.files.last_writes(writes):
                SimThread(self._process, job, _nobody_hears).go()
        self._begun.clear()

    def _begin(self) -> None:
        while self.started and self._waiting and self._busy < self._size:
            job = self._waiting.popleft()
            self._busy += 1
            self._begun.append(job)
            seconds = self._seconds(WORK_SECONDS) + self._process.host.disk.sync_seconds
            self._process.later(seconds, self._work, job)

    def _work(self, job: Job) -> None:
        if job not in self._begun:
            return  # the pool was stopped, and has run it
        self._begun.remove(job)
        thread = SimThread(self._process, job, lambda *ended: self._worked(thread, job, *ended))
        self._at_work[thread] = None
        thread.go()

    def _worked(self, thread: SimThread, job: Job, succeeded: bool, result: Any) -> None:
        del self._at_work[thread]
        self._process.later(self._seconds(RESULT_SECONDS), self._done, job, succeeded, result)

    def _done(self, job: Job, succeeded: bool, result: Any) -> None:
        self._busy -= 1
        self._finished(job, succeeded, result)
        self._begin()

    def _finished(self, job: Job, succeeded: bool, result: Any) -> None:
        if job.on_result is not None:
            job.on_result(succeeded, result)
        elif not succeeded:
            self._logger.failure("Work in a thread failed", result)

    def _seconds(self, between: tuple[float, float]) -> float:
        seconds = self._chance.uniform(*between)
        return seconds * LATENESS if self._chance.random() < LATE else seconds


def _nobody_hears(succeeded: bool, result: Any) -> None:
    """Do nothing: the process is dead."""
