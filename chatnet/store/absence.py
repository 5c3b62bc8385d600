"""Tells when a store cannot be used, and for how long it could not. Pure."""

from __future__ import annotations

from collections.abc import Callable

from chatnet.telemetry import StoreAway, StoreBack, Tell


class Absence:
    """One thing that can keep a store from going on. ``seconds`` is a clock that only goes forward."""

    def __init__(self, tell: Tell, seconds: Callable[[], float]) -> None:
        self._tell = tell
        self._seconds = seconds
        self._since: float | None = None

    def begin(self, why: str) -> None:
        """Tell that the store is away; ``why`` is a sentence, perhaps another one than before."""
        if self._since is None:
            self._since = self._seconds()
        self._tell(StoreAway(why))

    def end(self, how: str) -> None:
        """Tell that the store is back, if it was away; ``how`` is a clause."""
        if self._since is not None:
            since, self._since = self._since, None
            self._tell(StoreBack(how, self._seconds() - since))
