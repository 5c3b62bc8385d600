"""What happens to the cluster, as its operator is told: logged, kept, and known to every replica."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from twisted.logger import Logger

from chatnet.text import legible
from chatnet.wire.operate import Event

MOST_TOLD = 1000
"""How much of an event is kept, in characters: it may hold what others say of themselves."""
KEPT_EVENTS = 100
"""How many of the newest events are kept for the operator."""


class Journal:
    """Keeps the newest events, and calls ``changed`` after each; it begins with those of the primary before.

    ``wall`` gives the seconds since 1970.
    """

    _logger = Logger()

    def __init__(self, wall: Callable[[], float], events: Iterable[Event] = ()) -> None:
        self._wall = wall
        self._events: deque[Event] = deque(events, maxlen=KEPT_EVENTS)
        self._watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` after each event from now on."""
        self._watchers.append(changed)

    def note(self, what: str) -> None:
        """Log and keep what has happened: a sentence without its full stop."""
        self._logger.info("{what}", what=what)
        self.keep(what)

    def keep(self, what: str) -> None:
        """Keep what was logged already."""
        self._events.append(Event(self._wall(), legible(what, MOST_TOLD)))
        for changed in self._watchers:
            changed()

    def events(self) -> list[Event]:
        """The newest events, oldest first."""
        return list(self._events)
