"""The progress of a command that goes through a log."""

from __future__ import annotations

from collections.abc import Callable

from chatnet.world import World

SAY_SECONDS = 5.0
"""Seconds between two progress lines, where there is no terminal."""
BAR = 30


class Progress:
    """Shows the progress: a bar on a terminal, otherwise a line from time to time."""

    def __init__(self, world: World) -> None:
        self._stdio = world.stdio
        self._monotonic: Callable[[], float] = world.monotonic
        self._terminal = self._stdio.streams()[1] if self._stdio.is_terminal() else None
        self._in_line = False

    def begin(self, done: int, total: int) -> None:
        self._began, self._first, self._total = self._monotonic(), done, total
        self._said = self._began

    def show(self, what: str, done: int) -> None:
        now = self._monotonic()
        rate = (done - self._first) / max(now - self._began, 1e-6)
        line = f"{done / self._total:4.0%}  {done:,} of {self._total:,} entries {what}, {rate:,.0f}/s"
        if self._terminal is not None:
            full = round(BAR * done / self._total)
            self._terminal.write(f"\r[{'#' * full}{'.' * (BAR - full)}] {line}  ")
            self._terminal.flush()
            self._in_line = True
            if done == self._total:
                self.end()
        elif now - self._said >= SAY_SECONDS or done == self._total:
            self._said = now
            self._stdio.say(line)

    def end(self) -> None:
        """End the line, so that the next output begins on its own line."""
        if self._terminal is not None and self._in_line:
            self._terminal.write("\n")
            self._terminal.flush()
        self._in_line = False
