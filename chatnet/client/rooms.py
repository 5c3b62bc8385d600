"""The rooms of a chat: which there are, where posts go, and how much is new in the others. Pure.

What is new is what the cluster calls unread: UNREAD shows the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from chatnet.blanking import Blanking
from chatnet.client.said import Said
from chatnet.names import is_room, is_talk, is_user, named
from chatnet.reads import MOST_UNREAD

_MARKS = "#&@"
"""How rooms begin where more than one user posts: topics, private rooms, conversations; in this order."""
MOST_LISTED = 500
"""How many rooms are listed."""


def is_read_in(here: str, room: str, own: str) -> bool:
    """Return whether who is in ``here`` reads what comes in ``room``: in their ``own`` room they read those
    of other users, too, where they cannot be."""
    return bool(here) and (room == here or (here == own and room[:1] not in _MARKS))


class _Post(NamedTuple):
    seq: int
    user: str
    rooms: tuple[str, ...]
    """Where it was heard, whether the user is there or not: they hear it by any of these."""


class Counts:
    """How many posts are new in each room: at most 99, as in the cluster's count."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}  # in the cluster's count, and not among these:
        self._came: dict[str, deque[_Post]] = {}  # since the chat began

    def count(self, room: str, count: int) -> None:
        """The cluster has counted as many; less than nothing counts as nothing."""
        self._before.pop(room, None)
        if (before := count - len(self._came.get(room, ()))) > 0:
            self._before[room] = before

    def began(self, room: str, since: int, is_counted: bool) -> None:
        """The stay in ``room`` began after the seq ``since``; unless it ``is_counted`` the cluster has not
        counted since then."""
        self.read(room, since)
        if not is_counted:
            self._before.pop(room, None)

    def came(self, room: str, post: _Post) -> None:
        """``post`` came in ``room``."""
        self._came.setdefault(room, deque(maxlen=MOST_UNREAD)).append(post)

    def gone(self, seq: int) -> None:
        """The post ``seq`` was taken back."""
        self._drop({seq})

    def all_gone(self, taken: Blanking) -> None:
        """What is ``taken`` back together is new nowhere any more."""
        posts = (post for came in self._came.values() for post in came if post.seq <= taken.upto)
        theirs = (post for post in posts if taken.user in ("", post.user))
        self._drop({post.seq for post in theirs if taken.room in ("", *post.rooms)})

    def _drop(self, gone: set[int]) -> None:
        for room, posts in self._came.items() if gone else ():
            self._came[room] = deque((post for post in posts if post.seq not in gone), MOST_UNREAD)

    def read(self, room: str, upto: int | None = None) -> bool:
        """``room`` was read up to the seq ``upto``; None: all of it. Return whether the cluster has to count
        what is left, since some of it came before the chat."""
        left = [post for post in self._came.pop(room, ()) if upto is not None and post.seq > upto]
        if left:
            self._came[room] = deque(left, MOST_UNREAD)
        if upto is None:
            self._before.pop(room, None)
        return room in self._before

    def of(self, room: str) -> int:
        """Return how many are new in ``room``."""
        return min(self._before.get(room, 0) + len(self._came.get(room, ())), MOST_UNREAD)


class Listed(NamedTuple):
    """A room as it is listed: how many posts are new there, and whether one posts there."""

    room: str
    new: int
    is_here: bool


class Rooms:
    """The rooms that were heard of: one's own, those joined, and those where something was said.

    ``own`` is the user's room, and ``here`` the room that posts go to; empty: they go nowhere; None: there is
    no chat.
    """

    def __init__(self) -> None:
        self.own = ""
        self.here: str | None = None
        self._counts = Counts()
        self._joined: set[str] = set()
        self._told: set[str] = set()  # of whether the user is there, since the cluster was asked
        self._said: dict[str, None] = {}  # the rooms where something was said, the last one last

    def go_to(self, room: str | None) -> None:
        """Posts go to ``room`` from now on: see :attr:`here`."""
        self.here = room
        if room:
            self._note(room)
            for one in (self.own, *self._joined, *self._said):
                if self._reads(one):
                    self._counts.read(one)

    def joined(self, room: str, new: int | None = None, since: int = 0) -> None:
        """The user is a member of ``room``; the cluster has counted ``new`` posts there. What was said up to
        the seq ``since`` is not new: then this stay began, perhaps after another one."""
        self._tell(room)
        if len(self._joined) < MOST_LISTED and _can_be_listed(room):
            self._joined.add(room)
        if since:
            self._counts.began(room, since, is_counted=new is not None)
        if new is not None and room in self and not self._reads(room):
            self._counts.count(room, new)

    def asked(self) -> None:
        """The cluster is asked in which rooms the user is: what is told of one from now on is newer."""
        self._told.clear()

    def listed_all(self, rooms: Sequence[tuple[str, int, int]], is_all: bool) -> None:
        """The cluster has answered in which ``rooms`` the user is, how many posts are new there, and since
        when they are; ``is_all``: they are in no others. Conversations are never left."""
        told = set(self._told)
        for room, new, since in rooms:
            if room not in told:
                self.joined(room, new, since)
        for room in self._joined - told - {room for room, _, _ in rooms} if is_all else ():
            if room[0] != "@":
                self.left(room)

    def has_read(self, room: str, upto: int) -> bool:
        """The user has read ``room`` up to the seq ``upto``, somewhere. Return whether the cluster has to
        count what is left."""
        return self._counts.read(room, upto)

    def taken_back(self, seq: int) -> None:
        """The post ``seq`` is not new any more: it was taken back."""
        self._counts.gone(seq)

    def all_taken_back(self, taken: Blanking) -> None:
        """What was ``taken`` back together is not new any more. Who is forgotten is nobody: nothing is said
        in their room, or with them."""
        self._counts.all_gone(taken)
        for room in (taken.user, "@" + taken.user) if taken.whole else ():
            self._joined.discard(room)
            self._forget(room)

    def left(self, room: str) -> None:
        """The user is no member of ``room`` any more."""
        self._tell(room)
        self._joined.discard(room)
        if room != self.here:
            self._forget(room)

    def heard(self, said: Said, is_new: bool) -> None:
        """A post was heard; ``is_new``: since the chat has begun.

        What is said in a user's own room is said in the topics that it names, too. Who posts in a room has
        read it. What mentions the user in the room of somebody whom they do not follow is in none of theirs.
        """
        self._note(said.room)
        also = named(said.text) if said.room == said.user else ()
        is_stray = f"@{self.own}" in also and said.room not in self._joined
        topics = [word for word in also if word[0] == "#"]
        for room in topics if is_stray else {said.room, *topics}:
            if is_new and room in self and not self._reads(room):
                self._counts.came(room, _Post(said.seq, said.user, (said.room, *topics)))
        if said.user == self.own:
            self._counts.read(said.room, said.seq)

    def __contains__(self, room: str) -> bool:
        return room == self.own or room in self._joined or room in self._said

    def listed(self) -> list[Listed]:
        """Return the rooms in order: one's own, topics, private ones, conversations, then those of others."""
        names = {self.own, *self._joined, *self._said} - {""}
        return [
            Listed(room, self._counts.of(room), room == self.here) for room in sorted(names, key=self._order)
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

    def _reads(self, room: str) -> bool:
        return room == self.own or is_read_in(self.here or "", room, self.own)

    def _tell(self, room: str) -> None:
        if len(self._told) < MOST_LISTED:
            self._told.add(room)

    def _forget(self, room: str) -> None:
        self._said.pop(room, None)
        if room not in self:
            self._counts.read(room)


def _can_be_listed(room: str) -> bool:
    """Return whether this is a room, as a user spells it."""
    return is_user(room[1:]) if room[:1] == "@" else is_room(room) and not is_talk(room)
