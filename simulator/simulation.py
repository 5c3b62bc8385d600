"""One run: virtual time, the events to come, the hosts, and the failures."""

from __future__ import annotations

import gc
import random
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from chatnet.limits import LIMITS, Cost
from chatnet.telemetry import Event
from simulator.guard import Guard
from simulator.host import Host
from simulator.network import Network
from simulator.programs import Program, programs
from simulator.trace import Trace, without_addresses

if TYPE_CHECKING:
    from simulator.process import SimProcess
    from simulator.threads import SimThread

COLLECT_EVERY = 1 << 18
"""Garbage is collected after this many events, and at no other time: its finalizers are part of the run."""


class NotInTime(AssertionError):
    """What was waited for did not come, or time stood still."""


class Simulation:
    """A run from one ``seed``; a context manager, so that nothing of it remains.

    ``now`` is its time in seconds. ``steps`` events happened so far; ``idle`` of them were timers that had
    been cancelled, or came to a dead or stopped process. ``failures`` is what no run may have: an unhandled
    error in a simulated process, or a use of the real world. ``running`` is the process whose code is
    running; ``threads`` are those that stand still; ``parcels`` are the contents of database messages, by
    number. ``listeners`` hear what happens in its processes, and in which. ``limits`` are for processes that
    are started from now on. ``is_encrypted``: hosts use TLS between each other.
    """

    def __init__(self, seed: int, detailed: bool = False) -> None:
        self.seed = seed
        self.now = 0.0
        self.steps = self.idle = 0
        self.trace = Trace(detailed)
        self.failures: list[str] = []
        self.running: SimProcess | None = None
        self.programs: dict[str, Program] = programs(encrypted=False)
        self.hosts: dict[str, Host] = {}
        self.network = Network(self)
        # What dead processes leave is kept to the end: its finalizers must not run in the middle of the run.
        self.graveyard: list[Any] = []
        self.threads: dict[SimThread, None] = {}
        self.is_encrypted = False
        self.parcels: list[Any] = []
        # The simulated threads decide how long a hash takes; computing real ones took a third of a run.
        self.limits = replace(LIMITS, password_cost=Cost(1, 8, 1))
        self.listeners: list[Callable[[SimProcess, Event], None]] = []
        self._events: list[tuple[float, int, SimProcess | None, Callable[..., object], tuple[Any, ...]]] = []
        self._counter = count()
        self._guard = Guard(self)
        self._directory: Path | None = None
        self.is_over = False
        self._looked_at = -1.0

    # ---- its beginning and end ----

    def __enter__(self) -> Self:
        self._collected = gc.isenabled()
        gc.disable()
        # Log lines of simulated processes belong to this run, and only it can tell the living from the dead.
        # What an earlier run left may say something when it is collected, but nothing that matters.
        self._observers = globalLogPublisher._observers
        globalLogPublisher._observers = []
        _collect_all()
        gc.freeze()  # older objects are not examined when this run's garbage is collected
        globalLogPublisher._observers = cast(Any, [self._logged])
        self._guard.open()
        return self

    def verdict(self) -> list[str]:
        """Return what went wrong so far, including errors that were forgotten in a Deferred."""
        _collect_all()
        return self.failures

    def __exit__(self, *_: object) -> None:
        self.is_over = True
        for host in self.hosts.values():
            host.vanish()
        self._forget()
        globalLogPublisher._observers = self._observers
        self._guard.close()
        if self._directory is not None:
            shutil.rmtree(self._directory)
        if self._collected:
            gc.enable()

    def _forget(self) -> None:
        """Drop everything that the processes were. What their coroutines' ``finally`` does now is ignored."""
        for thread in list(self.threads):
            thread.interrupt()
        self._let_go()
        collect_quietly()
        self._let_go()  # of what finalizers have left

    def _let_go(self) -> None:
        # This object is older than the freeze, so the garbage collector takes all that it has for alive.
        for kept in (self._events, self.graveyard, self.parcels, self.hosts, self.listeners, self.threads):
            kept.clear()
        self.programs.clear()
        self.running = None
        self.network.forget()
        for shared in (CONNECTION_LOST, CONNECTION_DONE):  # Twisted raises the same ones again and again
            shared.__traceback__ = None

    @property
    def directory(self) -> Path:
        """A private real directory for the databases of this run, in memory if the system can."""
        if self._directory is None:
            shared = Path("/dev/shm")
            parent = shared if shared.is_dir() else None
            self._directory = Path(tempfile.mkdtemp(prefix="chatnet-", dir=parent))
        return self._directory

    def encrypt(self) -> None:
        """Let hosts use TLS between each other from now on."""
        self.is_encrypted = True
        self.programs |= programs(encrypted=True)

    # ---- chance ----

    def chance(self, concern: str) -> random.Random:
        """Return a separate random stream for each concern: drawing from one does not shift the others."""
        return random.Random(f"{self.seed}/{concern}")

    # ---- hosts ----

    def host(self, name: str) -> Host:
        """Return the host called ``name``, made when it is first named."""
        if name not in self.hosts:
            self.hosts[name] = Host(self, name, len(self.hosts) + 1)
        return self.hosts[name]

    # ---- events ----

    def at(self, time: float, function: Callable[..., object], *arguments: Any) -> None:
        """Call ``function`` at ``time``, for the world, not for a process."""
        heappush(self._events, (time, next(self._counter), None, function, arguments))

    def later(self, seconds: float, function: Callable[..., object], *arguments: Any) -> None:
        """Call ``function`` after ``seconds``, for the world."""
        heappush(self._events, (self.now + seconds, next(self._counter), None, function, arguments))

    def schedule(
        self, time: float, process: SimProcess, function: Callable[..., object], arguments: tuple[Any, ...]
    ) -> None:
        """Have ``process`` call ``function`` at ``time``, or when it runs again; never once it is dead."""
        heappush(self._events, (time, next(self._counter), process, function, arguments))

    def run(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.run_until(self.now + seconds)

    def run_until(self, time: float) -> None:
        """Let time pass until it is ``time``."""
        events = self._events
        with self._guard:
            while events and events[0][0] <= time:
                self._step()
        self.now = time

    def run_while(self, condition: Callable[[], object], limit: float = 60.0) -> None:
        """Let time pass while ``condition`` holds.

        :raises NotInTime: it still holds after ``limit`` seconds.
        """
        end = self.now + limit
        events = self._events
        with self._guard:
            while condition():
                if not events or events[0][0] > end:
                    self.now = end
                    raise NotInTime(f"not within {limit} s of virtual time (seed {self.seed})")
                self._step()

    def _step(self) -> None:
        self.now, _, process, function, arguments = heappop(self._events)
        self.steps += 1
        if process is None:
            function(*arguments)
        elif process.runs and process.busy_until > self.now:
            process.waits(function, arguments)
        elif process.runs:
            process.run(function, arguments)
        else:
            self.idle += 1
            process.missed(function, arguments)
        if not self.steps % COLLECT_EVERY:
            self._housekeeping()

    def _housekeeping(self) -> None:
        gc.collect()
        if self.now == self._looked_at:
            raise NotInTime(f"time stands still: {COLLECT_EVERY} events at {self.now} (seed {self.seed})")
        self._looked_at = self.now

    # ---- notes and failures ----

    def note(self, who: str, template: str, *values: object) -> None:
        """Add a line to the trace."""
        self.trace.add(self.now, who, template, *values)

    def fail(self, what: str) -> None:
        """Record something that no run may have."""
        who = self.running.name if self.running else "the world"
        self.failures.append(f"{self.now:.6f} {who}: {what}")
        self.note(who, "FAILURE {}", without_addresses(what.splitlines()[0]))

    def told(self, process: SimProcess, event: Event) -> None:
        """Note in the trace that ``event`` has happened in ``process``, and tell all listeners."""
        if process.is_dead or self.is_over:
            return
        self.note(process.name, "tells: {}", event)
        for listener in self.listeners:
            try:
                listener(process, event)
            except Exception:
                self.fail(f"a listener failed: {traceback.format_exc()}")

    def _logged(self, event: LogEvent) -> None:
        process = self.running
        if process is None or process.is_dead or self.is_over:
            return
        text = without_addresses(formatEvent(event))
        failure: Failure | None = event.get("log_failure")
        if failure is not None:
            self.fail(f"{text}: {_brief(failure)}\n{failure.getTraceback()}")
        else:
            self.note(process.name, "says: {}", text)
        process.print(text if failure is None else f"{text}: {_brief(failure)}")


def collect_quietly() -> None:
    """Collect the garbage that a run has left; what finalizers log meanwhile does not matter."""
    observers, globalLogPublisher._observers = globalLogPublisher._observers, []
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        _collect_all()
    finally:
        globalLogPublisher._observers, sys.unraisablehook = observers, hook


def _collect_all() -> None:
    """Collect until nothing is left: what a finalizer touches lives until the next collection."""
    while gc.collect():
        pass


def _brief(failure: Failure) -> str:
    """Return the error, and where it was raised, without the paths of this machine."""
    where = ""
    if failure.frames:
        function, file, line, *_ = failure.frames[-1]
        where = f" ({Path(file).name}:{line} in {function})"
    return without_addresses(f"{type(failure.value).__name__}: {failure.getErrorMessage()}{where}")
