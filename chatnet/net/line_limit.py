"""Lines of the log that others can cause: so many of a kind in a minute, and the others are counted."""

from __future__ import annotations

from collections import Counter

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

A_MINUTE = 60.0


class LineLimit:
    """At most ``most`` lines of a kind in a minute; then one line says how many more there were."""

    _logger = Logger()

    def __init__(self, clock: IReactorTime, most: int) -> None:
        self._clock = clock
        self._most = most
        self._lines: Counter[str] = Counter()
        self._minute = clock.seconds()

    def may_be_logged(self, line: str) -> bool:
        """One more ``line`` of this kind is to be logged: may it? Else it is counted, and the number said."""
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
