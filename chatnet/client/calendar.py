"""When posts were made, for people: in the time of their own machine. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime


class Calendar:
    """``local`` returns a moment in seconds since 1970 as the machine shows it. ``now`` returns what time it
    is at the server, in milliseconds since 1970."""

    def __init__(self, local: Callable[[float], datetime], now: Callable[[], int]) -> None:
        self._local = local
        self.now = now
        self._day = ""

    def stamp(self, time: int) -> str:
        """Return the date and the time, with the zone, of ``time`` in milliseconds; "-" if it has none."""
        moment = self._moment(time)
        return "-" if moment is None else moment.isoformat(timespec="seconds")

    def hour(self, time: int) -> str:
        """Return hour and minute of ``time`` in milliseconds, as HH:MM."""
        moment = self._moment(time)
        return "--:--" if moment is None else f"{moment:%H:%M}"

    def new_day(self, time: int) -> str:
        """Return the day of ``time``, in milliseconds, unless it is that of the time asked about before."""
        day = self.day(time)
        if day in ("", self._day):
            return ""
        self._day = day
        return day

    def day(self, time: int) -> str:
        """Return the day of ``time``, in milliseconds; empty if it has none."""
        moment = self._moment(time)
        return "" if moment is None else moment.date().isoformat()

    def _moment(self, time: int) -> datetime | None:
        try:
            return self._local(time / 1000)
        except (ValueError, OverflowError, OSError):  # a worker may say anything
            return None
