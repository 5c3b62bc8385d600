"""Tells the cluster what this client has shown: the user has read it, on their other devices, too."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from chatnet.client.rooms import is_read_in
from chatnet.entries import Entry, places
from chatnet.names import spelled_for

MARK_SECONDS = 5.0
"""Seconds that rooms are gathered in which something was shown: each is marked once in that time."""
MOST_ROOMS = 50
"""How many rooms are marked at once; the others follow in the next turn."""
MOST_ELSEWHERE = 2_000
"""Of how many rooms it is remembered that something was shown while the user was elsewhere."""

Say = Callable[[str, int], bool]
"""Marks a room up to a seq; returns False if the client is not connected."""


class ShownPosts:
    """The rooms in which posts were shown that are not marked yet, and up to where.

    ``say`` marks a room. What it cannot say now is said in the next turn. A room in which the user is not is
    marked in vain, as the worker knows better in which they are. Until :meth:`go_to`, all that is shown is
    read.
    """

    def __init__(self, say: Say, clock: IReactorTime) -> None:
        self._say, self._clock = say, clock
        self._rooms: dict[str, int] = {}
        self._elsewhere: dict[str, int] = {}  # where the user has to go first
        self._here: str | None = None
        self._turn: IDelayedCall | None = None

    def go_to(self, here: str, name: str) -> None:
        """The user ``name`` reads what is shown in the room ``here`` from now on, see :func:`.is_read_in`;
        empty: nothing. What was shown there before is read by that, and what was read is marked at once."""
        self._here = here
        for room in [room for room in self._elsewhere if is_read_in(here, room, name)]:
            self._note(room, self._elsewhere.pop(room))
        if self._turn is not None:
            self._turn.cancel()
        self._mark()

    def shown(self, post: Entry, name: str) -> None:
        """The terminal has shown ``post`` to the user ``name``: its rooms are read up to there, as far as the
        user is in them."""
        for room in _rooms_of(post, name):
            if self._here is None or is_read_in(self._here, room, name):
                self._note(room, post.seq)
            else:
                self._elsewhere.pop(room, None)
                self._elsewhere[room] = post.seq
                if len(self._elsewhere) > MOST_ELSEWHERE:
                    del self._elsewhere[next(iter(self._elsewhere))]
        self._plan()

    def read(self, post: Entry, name: str) -> list[str]:
        """The user ``name`` has asked to see ``post``: return its rooms, which are read up to there."""
        rooms = _rooms_of(post, name)
        for room in rooms:
            self._note(room, post.seq)
        self._plan()
        return rooms

    def flush(self) -> None:
        """Mark everything that is read now, without waiting for answers: the client is leaving."""
        for room, seq in self._rooms.items():
            self._say(room, seq)
        self.stop()

    def stop(self) -> None:
        """Mark nothing more of what was shown so far where the user is."""
        self._rooms.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _note(self, room: str, seq: int) -> None:
        self._rooms[room] = max(seq, self._rooms.get(room, 0))

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


def _rooms_of(post: Entry, name: str) -> list[str]:
    """Return where the post was said, as the user ``name`` spells it. A mention is no room, and nobody else
    posts in one's own."""
    rooms = places(post.user, post.room, post.text)
    return [spelled_for(room, name) for room in rooms if room[0] != "@" and room != name]
