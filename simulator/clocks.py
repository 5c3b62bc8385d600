"""The clocks of one host."""

from __future__ import annotations

from collections.abc import Callable

BEGINNING = 1_800_000_000.0
"""What the wall clocks show at the beginning, in seconds since 1970."""


class Clock:
    """A wall clock that may step, and a monotonic one that does not.

    ``now`` is the simulation's time; ``stepped`` is called after a step. All in seconds.
    """

    def __init__(self, now: Callable[[], float], up_for: float, stepped: Callable[[float], None]) -> None:
        self._now = now
        self._up_for = up_for
        self._stepped = stepped
        self._wrong = 0.0

    def wall(self) -> float:
        """Return seconds since 1970, as this host believes."""
        return BEGINNING + self._now() + self._wrong

    def monotonic(self) -> float:
        """Return seconds since this host was started; this continues while the host sleeps."""
        return self._up_for + self._now()

    def step(self, seconds: float) -> None:
        """Set the wall clock forwards or backwards, as a person would."""
        self._wrong += seconds
        self._stepped(seconds)
