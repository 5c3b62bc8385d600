"""The log's entries and drafts, where a post is heard, and the one rule for who sees it. Pure.

A *place* is where a post can be heard: the room where it is said, and ``@name`` for each user that it
mentions; a post in its author's own room is heard in each topic that it names as well. A user listens at
their own room, at ``@`` and their name, and in every room that they are a member of. The stores' indexes and
the router use :func:`places`; the checkers in tests state the rule a second time.
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
    """Return a key for a new draft, made at ``seconds`` since 1970: its milliseconds, then 80 random bits.

    Only the stores need the time: keys of one time are neighbours in their index. Each random key would be on
    another page of it, and most of what a store writes would be those pages. A wrong clock does no harm.
    """
    made = max(0, int(seconds * 1000)) % (1 << 8 * _TIME_BYTES)
    return made.to_bytes(_TIME_BYTES, "big") + entropy(KEY_BYTES - _TIME_BYTES)


class Draft(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry that is not committed yet.

    ``room`` is the room joined or left, or where a post is said, otherwise the author's own room; ``text`` is
    a post's text, or the credential of a ``register`` or ``secret``; ``key`` is never used twice by a user.

    ``by`` is not part of the entry: it is the seq of the secret that the author has shown. If there is a
    newer secret, the log takes nothing new from them. 0: not checked.
    """

    kind: KindName
    user: str
    room: str
    text: str
    key: bytes
    by: int = 0

    def described(self) -> str:
        """Return it for a log: without the text, which is private, or a credential."""
        user, key = legible(self.user, 64), self.key.hex()[:64]
        return f"{self.kind} of {user}, {len(self.text)} characters, key {key}"


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record of the log. ``seq`` counts from 1 without gaps; ``time`` is the log's, in ms since 1970.

    ``kind`` may be unknown to this program: see :meth:`chatnet.store.window.Window.extend`.
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


def places(user: str, room: str, text: str) -> tuple[str, ...]:
    """Return where a post of ``user`` in ``room`` is heard, each place once: the room first.

    What is said in somebody's own room is heard in the topics that it names; what is said in a topic, there
    alone, since whoever names another topic only talks about it. Those who are mentioned hear either.
    """
    if room == user:
        return (user, *named(text))
    return (room, *(place for place in named(text) if place[0] == "@"))


def _joined(stay: Interval) -> int:
    return stay.joined


def _left(stay: Interval) -> int:
    return stay.left or 0  # only for stays that have ended


class Memberships:
    """One user's stays in rooms, kept in step by the entries of the log.

    ``registered`` is the seq at which they got the name; 0: nobody has it.
    """

    __slots__ = ("_ended", "_stays", "registered")

    def __init__(self, intervals: Iterable[Interval] = (), registered: int = 0) -> None:
        self.registered = registered
        self._stays: dict[str, list[Interval]] = {}
        # Pages of a snapshot list stays that last before those that have ended.
        for interval in sorted(intervals, key=_joined):
            self._add(interval)
        ended = [stay for stay in self.intervals() if stay.left is not None]
        # Most users have no ended stay: then there is no list.
        self._ended: list[Interval] | None = sorted(ended, key=_left) or None

    def apply(self, entry: Entry) -> bool:
        """Apply an entry of this user. Return whether it changed the rooms that they follow now."""
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
            # At the end, unless a snapshot had a stay that ended while it was read.
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
        """Whether it keeps a stay that has ended."""
        return self._ended is not None

    def forget(self, upto: int) -> None:
        """Drop the stays that had ended by ``upto``: nobody will ask about that time again."""
        if self._ended is None or _left(self._ended[0]) > upto:
            return
        gone = bisect_right(self._ended, upto, key=_left)
        for room, last in {stay.room: stay for stay in self._ended[:gone]}.items():
            # The stays in a room follow one another: earlier ones ended earlier.
            stays = self._stays[room]
            del stays[: bisect_right(stays, last.joined, key=_joined)]
            if not stays:
                del self._stays[room]
        self._ended = self._ended[gone:] or None

    def know_none_of(self, rooms: Iterable[str]) -> bool:
        """Return whether the user was surely never in ``rooms``; much cheaper than asking about each."""
        return self._stays.keys().isdisjoint(rooms)

    def covers(self, room: str, seq: int) -> bool:
        """Return whether the user was a member of ``room`` at ``seq``."""
        stays = self._stays.get(room)
        if stays is None:
            return False
        # Stays follow one another: only the last one that began before can cover it. There may be very many.
        began = bisect_left(stays, seq, key=_joined)
        if not began:
            return False
        left = stays[began - 1].left
        return left is None or seq < left

    def has(self, room: str) -> bool:
        """Return whether the user is a member of ``room`` now."""
        stays = self._stays.get(room)
        return stays is not None and stays[-1].left is None

    def rooms(self) -> list[str]:
        """Return the rooms that the user is a member of now."""
        return [room for room in self._stays if self.has(room)]

    @property
    def room_count(self) -> int:
        """In how many rooms the user is, or was recently."""
        return len(self._stays)

    def intervals(self) -> list[Interval]:
        """Return all stays, by room and then in order."""
        return [stay for stays in self._stays.values() for stay in stays]


def listens(user: str, memberships: Memberships, place: str, seq: int) -> bool:
    """Return whether ``user`` hears what is said at ``place`` at ``seq``.

    A mention from before they got the name means somebody else, or nobody.
    """
    if place == "@" + user:
        return 0 < memberships.registered < seq
    return place == user or memberships.covers(place, seq)


def visible(post: Entry, user: str, memberships: Memberships) -> bool:
    """Return whether ``user`` sees a post: as author, mentioned, or member of one of its rooms at its seq."""
    where = places(post.user, post.room, post.text)
    if memberships.know_none_of(where):
        where = tuple(place for place in (user, "@" + user) if place in where)
    return any(listens(user, memberships, place, post.seq) for place in where)
