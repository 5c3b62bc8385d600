"""Counts wrong codes for each name, so that nobody tries many for another device of somebody. Pure."""

from __future__ import annotations

MOST_TRIES = 5
"""After so many wrong codes for a name, none lets in another device, for a while."""
MOST_NAMES = 10_000
"""For how many names wrong codes are remembered; the oldest are forgotten."""


class Tries:
    """The wrong codes for each name in the last ``seconds``; times are of any one clock."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failed: dict[str, tuple[int, float]] = {}

    def may_try(self, now: float, name: str) -> bool:
        """Return whether a code for this name may be looked at."""
        count, last = self._failed.get(name, (0, now))
        return count < MOST_TRIES or now - last >= self._seconds

    def failed(self, now: float, name: str) -> None:
        """Record a wrong code."""
        count, last = self._failed.pop(name, (0, now))
        self._failed[name] = (1 if now - last >= self._seconds else count + 1, now)
        if len(self._failed) > MOST_NAMES:
            del self._failed[next(iter(self._failed))]

    def __len__(self) -> int:
        return len(self._failed)
