"""Standard input, output and error of this process, without twistd's replacements.

A stream that was closed when the process began is not ours: its number goes to the next file or socket that
is opened, so it must not be read or written by that number.
"""

from __future__ import annotations

import errno
import fcntl
import getpass
import io
import locale
import os
import select
import signal
import stat
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

PATIENCE_SECONDS = 1.0
"""Seconds to wait for a slow reader, before what is said at the end is lost."""
MAX_UNREAD = 2**20
"""Bytes of input that are examined when it is too late to run it."""
USUAL_WIDTH = 80
"""Columns of a terminal that does not say how wide it is."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that may end a process while it asks for a password."""


class RealStdio:
    """The streams that this process was started with."""

    def __init__(self) -> None:
        self._shown: list[Any] | None = None
        self._blocking: list[int] = []

    # ---- what they are ----

    def is_terminal(self) -> bool:
        return self.is_keyboard() and _is_open(1) and os.isatty(1)

    def is_keyboard(self) -> bool:
        return _is_open(0) and os.isatty(0)

    def height(self) -> int | None:
        return os.get_terminal_size(1).lines if _is_open(1) and os.isatty(1) else None

    def width(self) -> int | None:
        if not (_is_open(1) and os.isatty(1)):
            return None
        with suppress(OSError):  # it has hung up
            return os.get_terminal_size(1).columns or USUAL_WIDTH
        return USUAL_WIDTH

    def encoding(self) -> str:
        return locale.getpreferredencoding(False)

    def is_file(self) -> bool:
        if not _is_open(1):
            return False
        mode = os.fstat(1).st_mode
        return not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(1))

    def unread(self) -> bytes:
        if not _is_open(0):
            return b""
        try:
            (waiting,) = struct.unpack("i", fcntl.ioctl(0, termios.FIONREAD, b"\0" * 4))
            return os.read(0, min(waiting, MAX_UNREAD)) if waiting > 0 else b""
        except OSError:
            return b""

    # ---- as a transport, or a screen ----

    def attach(self, reactor: Any, protocol: Any) -> None:
        from twisted.internet.stdio import StandardIO

        ends = [number if _is_open(number) else os.open(os.devnull, os.O_RDWR) for number in (0, 1)]
        # Twisted makes them non-blocking. They are shared with the process that started us.
        self._blocking = [end for end in ends if os.get_blocking(end)]
        make: Any = StandardIO  # on other systems it takes no numbers
        make(protocol, stdin=ends[0], stdout=ends[1], reactor=reactor)

    def streams(self) -> tuple[TextIO, TextIO]:
        source, target = (io.FileIO(number, mode, closefd=False) for number, mode in ((0, "r"), (1, "w")))
        how: dict[str, Any] = {"encoding": self.encoding(), "errors": "replace", "newline": ""}
        return io.TextIOWrapper(io.BufferedReader(source), **how), io.TextIOWrapper(
            io.BufferedWriter(target), **how
        )

    def echo(self, on: bool) -> None:
        if self._shown is None:
            if on or not self.is_keyboard():
                return
            self._shown = termios.tcgetattr(0)
        modes = list(self._shown)
        if not on:
            modes[3] &= ~termios.ECHO
        with suppress(termios.error):  # it has hung up
            termios.tcsetattr(0, termios.TCSADRAIN, modes)
        if on:
            self._shown = None

    def restore(self) -> None:
        self.echo(True)
        for end in self._blocking:
            with suppress(OSError):
                os.set_blocking(end, True)
        self._blocking = []

    # ---- a sentence at a time ----

    def ask_password(self, prompt: str) -> str:
        with _interrupted_by(ENDING):
            return getpass.getpass(prompt)

    def error(self, line: str) -> None:
        with suppress(OSError):
            _write(2, line)

    def say(self, line: str) -> None:
        try:
            _write(1, line)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputLost(*error.args) from error


class OutputLost(OSError):
    """Standard output is closed or full. (If its reader is gone, that is a :class:`BrokenPipeError`.)"""


def _is_open(number: int) -> bool:
    """Return whether this stream was open when the process began, as the interpreter found it."""
    return (sys.__stdin__, sys.__stdout__, sys.__stderr__)[number] is not None


def _write(number: int, line: str) -> None:
    """Write all of ``line``.

    :raises OSError: it cannot be written whole.
    """
    if not _is_open(number):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    left = f"{line}\n".encode("utf-8", "backslashreplace")
    while left:
        try:
            left = left[os.write(number, left) :]
        except BlockingIOError:
            if not select.select([], [number], [], PATIENCE_SECONDS)[1]:
                raise


@contextmanager
def _interrupted_by(numbers: tuple[signal.Signals, ...]) -> Iterator[None]:
    """Make these signals raise :class:`KeyboardInterrupt`, so that blocking code cleans up after itself.

    A signal that is ignored stays ignored.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
