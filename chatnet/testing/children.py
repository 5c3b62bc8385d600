"""Pretended processes: a clock that also spawns, and children that end when the test says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IProcessProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure


class ChildProcess:
    """What a child was started with, the signals that it got, and its end. It is its own transport."""

    def __init__(
        self,
        protocol: IProcessProtocol,
        pid: int,
        command: Sequence[str],
        environ: Mapping[str, str],
        descriptors: Mapping[int, Any],
    ) -> None:
        self.pid = pid
        self.command = list(command)
        self.environ = dict(environ)
        self.descriptors = dict(descriptors)
        self.signals: list[str] = []
        self.reads = True
        self.alive = True
        self._protocol = protocol

    def closeStdin(self) -> None:
        """Close its standard input."""
        self.reads = False

    def signalProcess(self, name: str) -> None:
        """Record a signal; the test decides what it does."""
        if not self.alive:
            raise ProcessExitedAlready
        self.signals.append(name)

    def end(self, status: int = 0, signal: int | None = None) -> None:
        """End the child."""
        self.alive = False
        failed = status or signal is not None
        reason = (
            ProcessTerminated(status if signal is None else None, signal, None) if failed else ProcessDone(0)
        )
        self._protocol.processEnded(Failure(reason))


class SpawningClock(Clock):
    """A clock moved by hand that starts a :class:`ChildProcess`, or raises ``refusal`` if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.children: list[ChildProcess] = []
        self.refusal: OSError | None = None

    def spawnProcess(
        self,
        processProtocol: Any,
        executable: str,
        args: Sequence[str],
        env: Mapping[str, str],
        childFDs: Mapping[int, Any],
    ) -> ChildProcess:
        """Start a child; the first pid is 100."""
        if self.refusal is not None:
            raise self.refusal
        child = ChildProcess(processProtocol, 100 + len(self.children), args, env, childFDs)
        self.children.append(child)
        processProtocol.makeConnection(child)
        return child

    @property
    def running(self) -> list[ChildProcess]:
        """The children that live."""
        return [child for child in self.children if child.alive]
