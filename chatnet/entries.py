"""The log's entries and drafts, where a post is heard, and the one rule of who sees it. Pure.

A *place* is where a post can be heard: its author's room, each topic in its text, and ``@name`` for each
user it mentions. A user listens at their own room, at ``@`` and their name, and in every room they are a
member of. The store's index, the router and the checkers of tests all go through :func:`places`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable

import msgspec

from chatnet.kinds import KindName, Stay, stay_of
from chatnet.names import named
from chatnet.text import legible

KEY_BYTES = 16
"""The length of a draft's key."""
_TIME_BYTES = 6


def fresh_key(seconds: float, entropy: Callable[[int], bytes]) -> bytes:
    """A key for a new draft, made at ``seconds`` since 1970: its milliseconds, then 80 random bits.

    Only the stores need the time: keys of one time stand together in their index. Random keys would each be
    on another page of it, and most of what a store writes would be those pages. A wrong clock does no harm.
    """
    made = max(0, int(seconds * 1000)) % (1 << 8 * _TIME_BYTES)
    return made.to_bytes(_TIME_BYTES, "big") + entropy(KEY_BYTES - _TIME_BYTES)


class Draft(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry not yet committed.

    ``room`` is the room joined or left, and the author's own room otherwise; ``text`` is a post's text, or
    the credential of a ``register`` or ``secret``; ``key`` is never used twice by a user.

    ``by`` is no part of the entry: the seq of the secret that its author has shown. The log takes nothing new
    of who shows an older one than the newest. 0: it is not looked at.
    """

    kind: KindName
    user: str
    room: str
    text: str
    key: bytes
    by: int = 0

    def described(self) -> str:
        """For a log: without the text, which is nobody's business, or a credential."""
        user, key = legible(self.user, 64), self.key.hex()[:64]
        return f"{self.kind} of {user}, {len(self.text)} characters, key {key}"


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record of the log. ``seq`` is dense from 1; ``time`` is the log's, in milliseconds since 1970.

    ``kind`` may be one that this program does not know: see :meth:`chatnet.store.window.Window.extend`.
    """

    seq: int
    time: int
    kind: KindName
    user: str
    room: str
    text: str
    key: bytes


class Interval(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One stay of a user in a room: from the seq of the join to that of the leave, or None while it lasts."""

    room: str
    joined: int
    left: int | None


def places(user: str, text: str) -> tuple[str, ...]:
    """Where a post of ``user`` is heard: their room, then its topics and ``@`` mentions, each once."""
    return (user, *named(text))


def _joined(stay: Interval) -> int:
    return stay.joined


def _left(stay: Interval) -> int:
    return stay.left or 0  # of those that have ended


class Memberships:
    """One user's stays in rooms, kept in step by the entries of the log.

    ``registered`` is the seq since which the name is theirs; 0: it is nobody's.
    """

    __slots__ = ("_ended", "_stays", "registered")

    def __init__(self, intervals: Iterable[Interval] = (), registered: int = 0) -> None:
        self.registered = registered
        self._stays: dict[str, list[Interval]] = {}
        # Pages of a snapshot have those that last before those that ended.
        for interval in sorted(intervals, key=_joined):
            self._add(interval)
        ended = [stay for stay in self.intervals() if stay.left is not None]
        # Of most users none has ended: so there is no list of them.
        self._ended: list[Interval] | None = sorted(ended, key=_left) or None

    def apply(self, entry: Entry) -> bool:
        """Apply an entry of this user's. True if it changed whom they follow now."""
        if entry.kind == "register":
            self.registered = entry.seq
        stay = stay_of(entry.kind)
        if stay is None:
            return False
        stays = self._stays.get(entry.room)
        open_now = stays is not None and stays[-1].left is None
        if stay is Stay.BEGINS and not open_now:
            self._add(Interval(entry.room, entry.seq, None))
            return True
        if stay is Stay.ENDS and stays is not None and open_now:
            stays[-1] = Interval(entry.room, stays[-1].joined, entry.seq)
            if self._ended is None:
                self._ended = []
            # At the end, unless a snapshot had one that ended while it was read.
            insort(self._ended, stays[-1], key=_left)
            return True
        return False

    def _add(self, stay: Interval) -> None:
        stays = self._stays.get(stay.room)
        if stays is None:
            self._stays[stay.room] = [stay]  # an empty list that grows would take more memory
        else:
            stays.append(stay)

    @property
    def has_ended(self) -> bool:
        """Is any stay kept that has ended?"""
        return self._ended is not None

    def forget(self, upto: int) -> None:
        """Drop the stays that had ended by ``upto``: nobody asks any longer what they cover."""
        if self._ended is None or _left(self._ended[0]) > upto:
            return
        gone = bisect_right(self._ended, upto, key=_left)
        for room, last in {stay.room: stay for stay in self._ended[:gone]}.items():
            # The stays in a room follow each other: those before it ended before it.
            stays = self._stays[room]
            del stays[: bisect_right(stays, last.joined, key=_joined)]
            if not stays:
                del self._stays[room]
        self._ended = self._ended[gone:] or None

    def know_none_of(self, rooms: Iterable[str]) -> bool:
        """Has the user surely been in none of ``rooms``? To ask so is much cheaper than to ask of each."""
        return self._stays.keys().isdisjoint(rooms)

    def covers(self, room: str, seq: int) -> bool:
        """Was the user a member of ``room`` at ``seq``?"""
        stays = self._stays.get(room)
        if stays is None:
            return False
        # They follow each other: only the last that began before can hold it. There may be very many.
        began = bisect_left(stays, seq, key=_joined)
        if not began:
            return False
        left = stays[began - 1].left
        return left is None or seq < left

    def has(self, room: str) -> bool:
        """Is the user a member of ``room`` now?"""
        stays = self._stays.get(room)
        return stays is not None and stays[-1].left is None

    def rooms(self) -> list[str]:
        """The rooms that the user is a member of now."""
        return [room for room in self._stays if self.has(room)]

    @property
    def room_count(self) -> int:
        """In how many rooms the user is, or was of late."""
        return len(self._stays)

    def intervals(self) -> list[Interval]:
        """All stays, by room and then in order."""
        return [stay for stays in self._stays.values() for stay in stays]


def listens(user: str, memberships: Memberships, place: str, seq: int) -> bool:
    """Does ``user`` hear what is said at ``place`` at ``seq``?

    Who is mentioned before the name was theirs is somebody else, or nobody.
    """
    if place == "@" + user:
        return 0 < memberships.registered < seq
    return place == user or memberships.covers(place, seq)


def visible(post: Entry, user: str, memberships: Memberships) -> bool:
    """Who sees a post: its author, whom it mentions, and who was a member of one of its rooms at its seq."""
    where = places(post.user, post.text)
    if memberships.know_none_of(where):
        where = tuple(place for place in (user, "@" + user) if place in where)
    return any(listens(user, memberships, place, post.seq) for place in where)
