"""The message of the day: a file of the operator's, which is looked at once a minute."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence

from twisted.logger import Logger

from chatnet.irc import texts

LOOK_SECONDS = 60.0
MOST_BYTES = 16 * 1024
"""How much of the file is shown: each client gets it at its login."""
_ROOM = 400
"""How many bytes of a line of the file are in one line of IRC."""


class Motd:
    """The lines of the file at ``path``; none for no path, or while there is no such file. ``seconds`` is a
    clock."""

    _logger = Logger()

    def __init__(self, path: str, seconds: Callable[[], float]) -> None:
        self._path = path
        self._seconds = seconds
        self._looked_at = -LOOK_SECONDS
        self._lines: Sequence[str] = ()
        self._why = ""

    def __call__(self) -> Sequence[str]:
        """Return the lines as of less than a minute ago."""
        now = self._seconds()
        if self._path and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._look()
        return self._lines

    def _look(self) -> None:
        try:
            self._lines, why = lines_of(_read(self._path)), ""
        except OSError as error:
            self._lines, why = (), error.strerror or str(error)
        if why and why != self._why:
            text = "The message of the day cannot be read ({why}): IRC clients get none: {path}"
            self._logger.error(text, why=why, path=self._path)
        self._why = why


def _read(path: str) -> bytes:
    """Return the beginning of a file.

    :raises OSError: it cannot be read, or is none.
    """
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(0, "it is not a file")
        return os.read(file, MOST_BYTES)
    finally:
        os.close(file)


def lines_of(text: bytes) -> list[str]:
    """Return a text in lines that fit into lines of IRC, without formatting and controls."""
    whole = text.decode(errors="replace").expandtabs().rstrip()
    lines = [texts.harmless(line.rstrip()) for line in whole.splitlines()]
    return [piece.text for line in lines for piece in texts.multiline(line, _ROOM)]
