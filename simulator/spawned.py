"""A child process, as its parent sees it."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IProcessTransport
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from simulator.process import SimProcess, Status

REAP_SECONDS = (0.0001, 0.005)
"""The shortest and longest time until a parent hears of a child's end."""


@implementer(IProcessTransport)
class Spawned:
    """The transport of ``protocol``. Of the child's descriptors, 1 may be a file, and others pipes.

    What a child prints does not go through pipes; only the end of a pipe is reported.
    """

    def __init__(
        self,
        parent: SimProcess,
        protocol: Any,
        argv: Sequence[str],
        environ: Mapping[str, str] | None,
        descriptors: Mapping[int, int | str] | None,
    ) -> None:
        self._parent, self._protocol = parent, protocol
        descriptors = {0: "w", 1: "r", 2: "r"} if descriptors is None else descriptors
        self._pipes = [number for number, kind in descriptors.items() if isinstance(kind, str)]
        self._child = parent.host.start(
            *argv,
            environ=parent.environ if environ is None else environ,
            parent=parent,
            output=_output(parent, descriptors),
        )
        self.pid: int | None = self._child.pid
        self._child.when_ended.append(self._ended)
        self._reaped: Failure | None = None
        protocol.makeConnection(self)

    # ---- IProcessTransport ----

    def signalProcess(self, signalID: str | int) -> None:
        if self.pid is None:
            raise ProcessExitedAlready
        number = signal.Signals[f"SIG{signalID}"] if isinstance(signalID, str) else signalID
        self._child.kill(number)

    def closeChildFD(self, descriptor: int) -> None:
        if descriptor in self._pipes:
            self._parent.soon(self._closed, descriptor)

    def closeStdin(self) -> None:
        self.closeChildFD(0)

    def closeStdout(self) -> None:
        self.closeChildFD(1)

    def closeStderr(self) -> None:
        self.closeChildFD(2)

    def loseConnection(self) -> None:
        for descriptor in self._pipes:
            self.closeChildFD(descriptor)

    def writeToChild(self, childFD: int, data: bytes) -> None:
        """Do nothing: simulated programs do not read standard input from their parent."""

    def write(self, data: bytes) -> None:
        """Do nothing: see :meth:`writeToChild`."""

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Do nothing: see :meth:`writeToChild`."""

    def getPeer(self) -> Any:
        return "a child"

    def getHost(self) -> Any:
        return "its parent"

    # ---- its end ----

    def _ended(self, status: Status) -> None:
        seconds = self._parent.chance.uniform(*REAP_SECONDS)
        self._parent.later(seconds, self._reap, status)

    def _reap(self, status: Status) -> None:
        self.pid = None
        if status.signal is None and status.code == 0:
            reason = Failure(ProcessDone(0))
        else:
            code = status.code if status.signal is None else None
            reason = Failure(ProcessTerminated(code, status.signal, _wait_status(status)))
        self._reaped = reason
        self._protocol.processExited(reason)
        for descriptor in list(self._pipes):
            self._parent.soon(self._closed, descriptor)
        self._look_whether_over()

    def _closed(self, descriptor: int) -> None:
        if descriptor in self._pipes:
            self._pipes.remove(descriptor)
            self._protocol.childConnectionLost(descriptor)
            self._look_whether_over()

    def _look_whether_over(self) -> None:
        if self._reaped is not None and not self._pipes:
            reaped, self._reaped = self._reaped, None
            self._protocol.processEnded(reaped)


def _output(parent: SimProcess, descriptors: Mapping[int, int | str]) -> Path | None:
    target = descriptors.get(1)
    if not isinstance(target, int):
        return None
    try:
        return parent.files.path_of(target)
    except KeyError:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None


def _wait_status(status: Status) -> int:
    return status.code << 8 if status.signal is None else status.signal
