"""Wrong passwords, and how long the next attempt must wait. Pure; time in seconds."""

from __future__ import annotations

import math

from chatnet.errors import TryLater

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds between two attempts on a name from an address: after one failure, and at most."""
FORGET_SECONDS = 300.0
"""Failures are forgotten after this many seconds without a new one."""
MOST_REMEMBERED = 10_000
"""How many pairs of name and address are remembered; the oldest are dropped."""


class _Failed:
    """The failures on one name from one address: how many, when the last, when the next attempt may be."""

    __slots__ = ("count", "free", "last")

    def __init__(self, now: float) -> None:
        self.count = 0
        self.last = now
        self.free = now

    def pause(self) -> float:
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.count - 1, 10))


class Failures:
    """Counts wrong passwords by name *and* address: a stranger's failures do not delay the owner or
    neighbours.

    Attempts that come together are spread in time: each keeps its pause after the one before it.
    """

    def __init__(self) -> None:
        self._failed: dict[tuple[str, str], _Failed] = {}

    def wait(self, now: float, name: str, address: str) -> float:
        """Return how many seconds this attempt must wait; its place in time is then taken.

        :raises TryLater: the wait would be longer than :data:`LONGEST_PAUSE`.
        """
        record = self._recent(now, name, address)
        if record is None:
            return 0.0
        start = max(now, record.free)
        if start - now > LONGEST_PAUSE:
            raise TryLater.of(seconds=math.ceil(start - now))
        record.free = start + record.pause()
        return start - now

    def failed(self, now: float, name: str, address: str) -> None:
        """Record a failed attempt."""
        record = self._recent(now, name, address) or _Failed(now)
        record.count += 1
        record.last = now
        record.free = max(record.free, now + record.pause())
        self._failed.pop((name, address), None)
        self._failed[name, address] = record
        if len(self._failed) > MOST_REMEMBERED:
            del self._failed[next(iter(self._failed))]

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures from here: the name's owner has logged in, so they were the owner's."""
        self._failed.pop((name, address), None)

    def __len__(self) -> int:
        return len(self._failed)

    def _recent(self, now: float, name: str, address: str) -> _Failed | None:
        record = self._failed.get((name, address))
        if record is not None and now - record.last > FORGET_SECONDS:
            del self._failed[name, address]
            return None
        return record
