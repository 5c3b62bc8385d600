"""How many lines a client may send: beyond that it is read more slowly, and never cut. Pure.

What is a draft is not counted: the session's own rate holds those.
"""

from __future__ import annotations

RATE, BURST = 20.0, 100.0
"""Lines a second in the long run, and at once."""
_ALMOST = 0.999
"""What counts as a whole line: seconds are not exact."""


class Budget:
    """A bucket of lines; times are in seconds, on one clock."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left, self._since = BURST, now

    def spend(self, now: float, lines: int) -> None:
        """Count so many lines."""
        self._refill(now)
        self._left -= lines

    def wait(self, now: float) -> float:
        """Return in how many seconds the next line may be taken; 0 if now."""
        self._refill(now)
        return 0.0 if self._left >= _ALMOST else (1 - self._left) / RATE

    def _refill(self, now: float) -> None:
        self._left = min(BURST, self._left + max(0.0, now - self._since) * RATE)
        self._since = now
