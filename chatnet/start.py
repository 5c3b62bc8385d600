"""Reports a program's start to whoever waits for it: that it works, or in one sentence why not.

A twistd that becomes a daemon leaves a process behind, which waits for a word in a pipe. By default it gets
one as soon as ``startService`` has returned, and shows 98 bytes of an error. So this module takes the pipe
over, and answers when the result is known; the whole sentence goes to the original standard error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chatnet.errors import CannotStart

TERMINAL = "terminal"
"""The key in twistd's options for a descriptor of standard error, from before the daemon."""


class Start:
    """One start. ``options`` are the program's, below twistd's; in other worlds nobody waits."""

    def __init__(self, options: Any) -> None:
        parent = getattr(options, "parent", None)
        self._twistd: Any = {} if parent is None else parent
        self._pipe: int | None = None
        self.is_over = False

    @property
    def is_awaited(self) -> bool:
        """Whether another process is still waiting for it."""
        return self._pipe is not None and not self.is_over

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Wrap ``startService``: report what it raises. Otherwise nothing is reported until :meth:`up` or
        :meth:`failed`.
        """
        try:
            yield
        except CannotStart as cannot:
            self._take_pipe()
            self.failed(str(cannot))
            raise
        self._take_pipe()

    def up(self, sentence: str = "") -> None:
        """Report that it works, or keeps trying, as the ``sentence`` says. Only the first call counts."""
        self._tell(sentence, b"0")

    def failed(self, sentence: str) -> None:
        """Report that it failed: the process ends now, and leaves no pid file."""
        if pidfile := self._twistd.get("pidfile"):
            with suppress(OSError):
                Path(pidfile).unlink(missing_ok=True)
        self._tell(sentence, b"1 as said above")

    def _take_pipe(self) -> None:
        """Take the pipe from twistd, which would answer by itself."""
        self._pipe = self._twistd.get("statusPipe")
        if self._pipe is not None:
            self._twistd["statusPipe"] = None

    def _tell(self, sentence: str, answer: bytes) -> None:
        if self.is_over:
            return
        self.is_over = True
        terminal = self._twistd.get(TERMINAL)
        if self._pipe is not None:
            if sentence and terminal is not None:
                _write(terminal, sentence.encode() + b"\n")
            _write(self._pipe, answer)
            os.close(self._pipe)
        if terminal is not None:
            os.close(terminal)


def _write(descriptor: int, content: bytes) -> None:
    with suppress(OSError):  # nobody reads it now
        os.write(descriptor, content)
