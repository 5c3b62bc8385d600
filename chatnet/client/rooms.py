"""The rooms of a chat: which there are, where posts go, and how much came in the others. Pure."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from chatnet.client.said import Said
from chatnet.names import is_name, is_room, is_talk, named

_MARKS = "#&@"
"""How rooms begin where more than one user posts: topics, private rooms, conversations; in this order."""
MOST_LISTED = 500
"""How many rooms are listed."""


class Counts(Protocol):
    """How many posts came in each room since it was looked at."""

    def begin(self, room: str, count: int) -> None:
        """As many posts as ``count`` came in ``room`` before; what this cannot be counts as none."""

    def came(self, room: str) -> None:
        """A post came in ``room``."""

    def looked_at(self, room: str) -> None:
        """The user looks at ``room``."""

    def of(self, room: str) -> int:
        """Return how many came in ``room`` since."""


class LocalCounts:
    """Counts what comes while this program runs, from where the cluster's count was at its beginning."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def begin(self, room: str, count: int) -> None:
        if count > 0:
            self._counts[room] = max(count, self.of(room))  # some may have come since, and count in both

    def came(self, room: str) -> None:
        self._counts[room] = self._counts.get(room, 0) + 1

    def looked_at(self, room: str) -> None:
        self._counts.pop(room, None)

    def of(self, room: str) -> int:
        return self._counts.get(room, 0)


class Listed(NamedTuple):
    """A room as it is listed: how many posts came since it was looked at, and whether one posts there."""

    room: str
    came: int
    is_here: bool


class Rooms:
    """The rooms that were heard of: one's own, those joined, and those where something was said.

    ``own`` is the user's room, and ``here`` the room that posts go to; empty: they go nowhere; None: there is
    no chat.
    """

    def __init__(self, counts: Counts) -> None:
        self.own = ""
        self.here: str | None = None
        self._counts = counts
        self._joined: set[str] = set()
        self._said: dict[str, None] = {}  # the rooms where something was said, the last one last

    def go_to(self, room: str | None) -> None:
        """Posts go to ``room`` from now on: see :attr:`here`."""
        self.here = room
        if room:
            self._note(room)
            self._counts.looked_at(room)

    def joined(self, room: str, unread: int = 0) -> None:
        """The user is a member of ``room``; as many posts as ``unread`` came there before the chat."""
        if len(self._joined) < MOST_LISTED and _can_be_listed(room):
            self._joined.add(room)
            if room != self.here:
                self._counts.begin(room, unread)

    def left(self, room: str) -> None:
        """The user is no member of ``room`` any more."""
        self._joined.discard(room)
        if room != self.here:
            self._forget(room)

    def forgotten(self, user: str) -> None:
        """There is no such user any more: nothing is said in their room, or with them."""
        for room in (user, "@" + user):
            self._joined.discard(room)
            self._forget(room)

    def heard(self, said: Said, is_new: bool) -> None:
        """A post was heard; ``is_new``: since the chat has begun. What is said in a user's own room is said
        in the topics that it names, too."""
        self._note(said.room)
        also = named(said.text) if said.room == said.user else ()
        for room in {said.room, *also}:
            if is_new and room != self.here and room in self:
                self._counts.came(room)

    def __contains__(self, room: str) -> bool:
        return room == self.own or room in self._joined or room in self._said

    def listed(self) -> list[Listed]:
        """Return the rooms in order: one's own, topics, private ones, conversations, then those of others."""
        names = {self.own, *self._joined, *self._said} - {""}
        return [
            Listed(room, 0 if room == self.here else self._counts.of(room), room == self.here)
            for room in sorted(names, key=self._order)
        ]

    def beside(self, room: str, step: int) -> str:
        """Return the room where one can post that is ``step`` behind ``room`` in the order; round the end."""
        rooms = [
            listed.room for listed in self.listed() if listed.room == self.own or listed.room[0] in _MARKS
        ]
        if not rooms:
            return room
        return rooms[(rooms.index(room) + step) % len(rooms)] if room in rooms else rooms[0]

    def _order(self, room: str) -> tuple[bool, int, str]:
        return room != self.own, _MARKS.index(room[0]) if room[0] in _MARKS else len(_MARKS), room

    def _note(self, room: str) -> None:
        if not _can_be_listed(room):
            return  # only a lying worker says so
        self._said.pop(room, None)
        self._said[room] = None
        if len(self._said) > MOST_LISTED:
            self._forget(next(iter(self._said)))

    def _forget(self, room: str) -> None:
        self._said.pop(room, None)
        if room not in self:
            self._counts.looked_at(room)


def _can_be_listed(room: str) -> bool:
    """Return whether this is a room, as a user spells it."""
    return is_name(room[1:]) if room[:1] == "@" else is_room(room) and not is_talk(room)
