"""The processes that we start: when to start them again, and how to stop them all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.telemetry import ChildDied, ChildUnlinked, Tell
from chatnet.text import legible
from chatnet.world import Clocks, Files

FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0
"""Seconds before a child is started again: doubled each time that it dies young."""
GOOD_LIFE = 30.0
"""A child that lived for this many seconds did not die young."""
TERM_SECONDS = 10.0
"""Seconds that children have to stop by themselves; then they are killed."""
UNLINKED_SECONDS, LONGEST_UNLINKED = 30.0, 480.0
"""A child without a link for this many seconds hangs, or looks in the wrong place: it is killed. Or the
machine is slow: so while no child has a link, this is doubled each time."""
JUST_SECONDS = 5.0
"""Seconds for which a child that has ended is still known as one."""
LAST_LINES = 5
_TWISTD = "from twisted.scripts.twistd import run; run()"


def twistd(python: str, program: str, *options: str) -> list[str]:
    """Return the command line for a ``program`` of twistd's: in the foreground, without a pid file."""
    return [python, "-c", _TWISTD, "-n", "--pidfile=", program, *options]


class Restart(NamedTuple):
    """Start again after ``seconds``. ``step`` is false if the delay did not grow: a known crash loop."""

    seconds: float
    step: bool


@dataclass
class RestartPolicy:
    """Decides when to start one child again. Pure."""

    delay: float = 0.0

    def died(self, lived: float) -> Restart:
        """Return when to start it again, after the child died at the age of ``lived`` seconds."""
        before = 0.0 if lived >= GOOD_LIFE else self.delay
        self.delay = min(before * 2, LONGEST_DELAY) if before else FIRST_DELAY
        return Restart(self.delay, self.delay != before)


class Child(ProcessProtocol):
    """One process, from its start to its end."""

    transport: Any

    def __init__(self, started: float, ended: Callable[[Child, Failure], None]) -> None:
        self.started = started
        self._ended = ended
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.pid: int = self.transport.pid
        self.transport.closeStdin()

    def processEnded(self, reason: Failure) -> None:
        self._ended(self, reason)
        self.gone.callback(None)

    def signal(self, name: str) -> None:
        """Send the signal ``name``, such as KILL; harmless if the process is gone."""
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess(name)


class Slot:
    """A place for one child: it runs, or waits to be started again."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.policy = RestartPolicy()
        self.child: Child | None = None
        self.waiting: IDelayedCall | None = None


class Supervisor:
    """Keeps a number of children of one kind running; their names are ``kind``-1, ``kind``-2…

    ``command()`` returns the command line. Output goes to ``logs/NAME.log``; ``logs`` must exist. ``tell``
    hears of each child that died.
    """

    _logger = Logger()

    def __init__(
        self,
        kind: str,
        command: Callable[[], list[str]],
        logs: Path,
        clocks: Clocks,
        files: Files,
        environ: Mapping[str, str],
        tell: Tell,
    ) -> None:
        self._kind = kind
        self._command = command
        self._logs = logs
        self._reactor = clocks.reactor
        self._monotonic = clocks.monotonic
        self._files = files
        self._environ = environ
        self._tell = tell
        self._slots: list[Slot] = []
        self._dropped: list[Child] = []
        self._unlinked: dict[int, float] = {}
        self._patience = UNLINKED_SECONDS
        self._ended: dict[int, float] = {}
        self._stopping = False

    @property
    def count(self) -> int:
        """How many children are kept."""
        return len(self._slots)

    def keep(self, count: int) -> None:
        """Keep at least ``count`` children running from now on."""
        while len(self._slots) < count and not self._stopping:
            name = f"{self._kind}-{len(self._slots) + 1}"
            slot = Slot(name, self._logs / f"{name}.log")
            self._slots.append(slot)
            self._start(slot)

    def drop(self) -> None:
        """Keep one child less: the last one is stopped."""
        slot = self._slots.pop()
        if slot.waiting is not None:
            slot.waiting.cancel()
        if slot.child is not None:
            self._dropped.append(slot.child)
            slot.child.signal("TERM")

    def look_after(self, linked: Collection[int], seconds: float) -> None:
        """Kill children without a link for long. ``linked`` have one; the last look was ``seconds`` ago."""
        self._unlinked = {
            pid: self._unlinked.get(pid, 0.0) + seconds for pid in self.pids() if pid not in linked
        }
        if len(self._unlinked) < len(self.pids()):
            self._patience = UNLINKED_SECONDS
        late = [pid for pid, unlinked in self._unlinked.items() if unlinked > self._patience]
        for pid in late:
            self._tell(ChildUnlinked(pid, self._unlinked.pop(pid)))
            self.kill(pid)
        if late:
            self._patience = min(2 * self._patience, LONGEST_UNLINKED)

    def leave(self) -> None:
        """Let all children live on by themselves; none is started again."""
        self._stopping = True
        for slot in self._slots:
            if slot.waiting is not None:
                slot.waiting.cancel()
                slot.waiting = None

    def pids(self) -> list[int]:
        """Return the pids of the children that run."""
        return [child.pid for child in self._children()]

    def owns(self, pid: int) -> bool:
        """Return whether this process is a child of ours, or was one until a moment ago: of who dies, the
        end may be known before the link is lost."""
        ended = self._ended.get(pid)
        return pid in self.pids() or (ended is not None and self._monotonic() - ended < JUST_SECONDS)

    def kill(self, pid: int) -> None:
        """Kill the child ``pid``, which hangs; another is started in its place."""
        for child in self._children():
            if child.pid == pid:
                child.signal("KILL")

    async def stop(self) -> None:
        """Stop all children, and wait for each: they get SIGTERM, and after ten seconds SIGKILL."""
        self.leave()
        children = self._children()
        for child in children:
            child.signal("TERM")
        deadline = self._reactor.callLater(TERM_SECONDS, self._kill_all)
        for child in children:
            await child.gone
        if deadline.active():
            deadline.cancel()

    def _children(self) -> list[Child]:
        return [slot.child for slot in self._slots if slot.child is not None] + self._dropped

    def _kill_all(self) -> None:
        for child in self._children():
            self._logger.warn("Process {pid} does not stop; killing it", pid=child.pid)
            child.signal("KILL")

    def _start(self, slot: Slot) -> None:
        slot.waiting = None
        child = Child(self._monotonic(), lambda child, reason: self._died(slot, child, reason))
        try:
            self._spawn(slot, child)
        except OSError as error:
            self._start_again(slot, f"{slot.name} could not be started ({error.strerror})", 0.0)
        else:
            slot.child = child
            self._logger.info("Started {name} (pid {pid})", name=slot.name, pid=child.pid)

    def _spawn(self, slot: Slot, child: Child) -> None:
        command = self._command()
        output = self._files.append_to(slot.log)
        try:
            self._reactor.spawnProcess(
                child, command[0], command, env=dict(self._environ), childFDs={0: "w", 1: output, 2: output}
            )
        finally:
            self._files.close(output)

    def _died(self, slot: Slot, child: Child, reason: Failure) -> None:
        slot.child = None
        self._note_end(child)
        if child in self._dropped:
            self._dropped.remove(child)
            self._logger.info("{name} (pid {pid}) has stopped", name=slot.name, pid=child.pid)
            return
        what = f"{slot.name} (pid {child.pid}) {_how_it_ended(reason, self._stopping)}"
        if self._stopping:
            self._logger.info("{what}", what=what)
        else:
            self._start_again(slot, what, self._monotonic() - child.started)

    def _note_end(self, child: Child) -> None:
        now = self._monotonic()
        self._ended = {pid: ended for pid, ended in self._ended.items() if now - ended < JUST_SECONDS}
        self._ended[child.pid] = now

    def _start_again(self, slot: Slot, what: str, lived: float) -> None:
        restart = slot.policy.died(lived)
        slot.waiting = self._reactor.callLater(restart.seconds, self._start, slot)
        self._tell(ChildDied(what))
        if restart.step:
            self._logger.warn(
                "{what} after {lived:.1f} s; starting another in {seconds} s. {log} ends with:\n{lines}",
                what=what,
                lived=lived,
                seconds=restart.seconds,
                log=slot.log,
                lines="\n".join(f"    {legible(line)}" for line in self._files.tail(slot.log, LAST_LINES)),
            )


def _how_it_ended(reason: Failure, asked: bool) -> str:
    """Return how it ended, to follow its name; ``asked``: it had been sent TERM."""
    error = reason.value
    if isinstance(error, ProcessTerminated):
        if asked and error.signal == SIGTERM:
            return "has stopped"  # twistd ends by the signal that stopped it, in good order
        if error.signal is not None:
            return f"was killed by signal {error.signal}"
        return f"failed with status {error.exitCode}"
    return "exited"
