"""Limits log lines that others can cause: a fixed number of one kind in a minute, then only a count."""

from __future__ import annotations

from collections import Counter

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

A_MINUTE = 60.0


class LineLimit:
    """Allows ``most`` lines of one kind in a minute; then one line says how many more there were."""

    _logger = Logger()

    def __init__(self, clock: IReactorTime, most: int) -> None:
        self._clock = clock
        self._most = most
        self._lines: Counter[str] = Counter()
        self._minute = clock.seconds()

    def may_be_logged(self, line: str) -> bool:
        """Return whether one more ``line`` of this kind may be logged. Else, count it for the later line."""
        now = self._clock.seconds()
        if now - self._minute >= A_MINUTE:
            self._begin_minute()
        self._lines[line] += 1
        if self._lines[line] == self._most + 1:
            self._clock.callLater(self._minute + A_MINUTE - now, self._begin_minute)
        return self._lines[line] <= self._most

    def _begin_minute(self) -> None:
        self._minute = self._clock.seconds()
        lines, self._lines = self._lines, Counter()
        for line, count in lines.items():
            if count > self._most:
                more = count - self._most
                self._logger.info("… and {more} more like “{line}” in the last minute", more=more, line=line)
