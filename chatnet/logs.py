"""Where a program's log goes: harmless to read, limited on the disk, and not filled by one kind of trouble.

twistd asks for this before there is a service, and so before there is a World.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from twisted.application.service import IService, MultiService
from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    Logger,
    formatEventAsClassicLogText,
)
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile
from zope.interface import implementer

from chatnet.text import harmless

MOST_BYTES = 10_000_000
"""The size at which a log file is closed, and a new one begun."""
DAEMONS_FILES, CHILDRENS_FILES = 5, 2
"""How many old files are kept: of a daemon, and of a process that a supervisor started."""
A_MINUTE = 60.0


def logged(service: IService, options: Any) -> IService:
    """Return ``service``, of a program with these ``options`` below twistd's, with its log set up.

    With ``--logger`` or ``--syslog`` the log stays as chosen.
    """
    twistd: Any = {} if options.parent is None else options.parent
    if twistd.get("syslog"):
        return service
    program = Program(lambda: make_observer(twistd, bool(options.get("spawned"))))
    service.setServiceParent(program)
    return program


class Program(MultiService):
    """The service that twistd runs; it gives its application the observer of the log."""

    def __init__(self, observer: Callable[[], ILogObserver]) -> None:
        super().__init__()
        self._observer = observer

    def setServiceParent(self, parent: Any) -> None:
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer())
        super().setServiceParent(parent)


def make_observer(twistd: Mapping[str, Any], spawned: bool, most: int = MOST_BYTES) -> ILogObserver:
    """What writes the log; of a child, to the file that is its standard output."""
    name = twistd.get("logfile")
    if name and name != "-":
        file: Any = LogFile.fromFullPath(name, rotateLength=most, maxRotatedFiles=DAEMONS_FILES)
        _rotate_on_signal(file)
    else:
        file = Output(sys.stdout, most) if spawned else sys.stdout
    return Refusals(FileLogObserver(file, _as_text), time.monotonic)


def _as_text(event: LogEvent) -> str | None:
    line = formatEventAsClassicLogText(event)
    return None if line is None else harmless(line)


def _rotate_on_signal(file: LogFile) -> None:
    """Rotate the file at SIGUSR1, as twistd itself does."""
    if not signal.getsignal(signal.SIGUSR1):
        from twisted.internet import reactor

        it: Any = reactor
        signal.signal(signal.SIGUSR1, lambda *_: it.callFromThread(file.rotate))


class Output:
    """The standard output of a child, which is a file that its supervisor opened for appending.

    The process that writes the file limits its size: its supervisor may be dead, and it may be the primary
    now. Others hold descriptors of the file too, so it is copied and emptied.
    """

    def __init__(self, stream: TextIO, most: int = MOST_BYTES) -> None:
        self._stream = stream
        self._most = most
        status = os.fstat(stream.fileno())
        self._size = status.st_size if stat.S_ISREG(status.st_mode) else None

    def write(self, text: str) -> None:
        """Append ``text``."""
        self._stream.write(text)
        if self._size is not None:
            self._size += len(text.encode())
            if self._size > self._most:
                self._stream.flush()
                self._size = 0
                with suppress(OSError):  # probably a full disk: try another time
                    self._begin_anew()

    def flush(self) -> None:
        """Write out what is buffered."""
        self._stream.flush()

    def _begin_anew(self) -> None:
        descriptor = self._stream.fileno()
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        for number in range(CHILDRENS_FILES, 1, -1):
            with suppress(FileNotFoundError):
                os.replace(f"{path}.{number - 1}", f"{path}.{number}")
        newest = Path(f"{path}.1")
        newest.touch(mode=0o600)
        shutil.copyfile(path, newest)
        os.ftruncate(descriptor, 0)


@implementer(ILogObserver)
class Refusals:
    """Passes everything on to ``observer`` except Twisted's lines about connections that it cannot accept.

    Twisted logs several lines for each; this logs one a minute, with the number. ``monotonic`` is in seconds.
    """

    def __init__(self, observer: Callable[[LogEvent], None], monotonic: Callable[[], float]) -> None:
        self._observer = observer
        self._monotonic = monotonic
        self._log = Logger(namespace=__name__, observer=observer)  # type: ignore[arg-type]
        self._said = -A_MINUTE
        self._refused = 0

    def __call__(self, event: LogEvent) -> None:
        if not str(event.get("log_namespace", "")).startswith("twisted.internet.tcp"):
            self._observer(event)
            return
        line = event.get("log_format") or ""
        self._refused += line.startswith(("Could not accept", "EMFILE recovery"))
        if self._refused and self._monotonic() - self._said >= A_MINUTE:
            self._log.warn(
                "Too many files are open: {count} connections could not be accepted since this was last said",
                count=self._refused,
            )
            self._said, self._refused = self._monotonic(), 0
