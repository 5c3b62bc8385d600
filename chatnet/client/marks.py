"""Tells the cluster what this client has shown: the user has read it, on their other devices, too."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from chatnet.entries import Entry, places
from chatnet.names import spelled_for

MARK_SECONDS = 5.0
"""Seconds that rooms are gathered in which something was shown: each is marked once in that time."""
MOST_ROOMS = 50
"""How many rooms are marked at once; the others follow in the next turn."""

Say = Callable[[str, int], bool]
"""Marks a room up to a seq; returns False if the client is not connected."""


class ShownPosts:
    """The rooms in which posts were shown that are not marked yet, and up to where.

    ``say`` marks a room. What it cannot say now is said in the next turn. A room in which the user is not is
    marked in vain, as the worker knows better in which they are.
    """

    def __init__(self, say: Say, clock: IReactorTime) -> None:
        self._say, self._clock = say, clock
        self._rooms: dict[str, int] = {}
        self._turn: IDelayedCall | None = None

    def shown(self, post: Entry, name: str) -> None:
        """The terminal has shown ``post`` to the user ``name``: its rooms are read up to there."""
        for room in places(post.user, post.room, post.text):
            if room[0] != "@":
                room = spelled_for(room, name)
                self._rooms[room] = max(post.seq, self._rooms.get(room, 0))
        self._plan()

    def flush(self) -> None:
        """Mark everything now, without waiting for answers: the client is leaving."""
        for room, seq in self._rooms.items():
            self._say(room, seq)
        self.stop()

    def stop(self) -> None:
        """Mark nothing more."""
        self._rooms.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _plan(self) -> None:
        if self._rooms and self._turn is None:
            self._turn = self._clock.callLater(MARK_SECONDS, self._mark)

    def _mark(self) -> None:
        self._turn = None
        for room in list(self._rooms)[:MOST_ROOMS]:
            if not self._say(room, self._rooms[room]):
                break
            del self._rooms[room]
        self._plan()
