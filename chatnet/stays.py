"""Stays: intervals of seq in which a user listens somewhere; and which entries begin or end them. Pure.

A user has a stay in each room that they are a member of, and one at ``!mods`` and a room that they moderate.
Everybody who follows the log agrees on stays, and so on who hears what.

A ``forget`` ends more stays than it names: all of who is forgotten, and everybody's in that one's room.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from chatnet.entries import Entry


class Change(NamedTuple):
    """A stay of ``user`` at ``place`` begins, if none is under way, or ends, if one is."""

    user: str
    place: str
    begins: bool


def _moderated(room: str) -> str:
    return "!mods" + room


def _join(entry: Entry) -> tuple[Change, ...]:
    return (Change(entry.user, entry.room, True),)


def _create(entry: Entry) -> tuple[Change, ...]:
    return (Change(entry.user, entry.room, True), Change(entry.user, _moderated(entry.room), True))


def _gone(user: str, room: str) -> tuple[Change, ...]:
    return (Change(user, room, False), Change(user, _moderated(room), False))


def _leave(entry: Entry) -> tuple[Change, ...]:
    return _gone(entry.user, entry.room)


def _removed(entry: Entry) -> tuple[Change, ...]:
    return _gone(entry.to, entry.room)


def _role(entry: Entry) -> tuple[Change, ...]:
    return (Change(entry.to, _moderated(entry.room), entry.text != "none"),)


def _of_guest(entry: Entry) -> tuple[Change, ...]:
    """A guest's stays end where the entry is heard; with another name they are there again."""
    if entry.kind == "gone":
        return tuple(Change(entry.to, room, False) for room in entry.at)
    ends = [Change(entry.user, room, False) for room in entry.at]
    return (*ends, *(Change(entry.to, room, True) for room in entry.at))


CHANGES: dict[str, Callable[[Entry], tuple[Change, ...]]] = {
    "join": _join,
    "leave": _leave,
    "create": _create,
    "remove": _removed,
    "ban": _removed,
    "role": _role,
    "nick": _of_guest,
    "gone": _of_guest,
}
"""The kinds that begin or end stays, and whose; see :meth:`Memberships.ended_by` for the other one."""


_BEGINS = frozenset({"register", "guest", "nick"})
_ENDS = frozenset({"nick", "gone"})
"""With which a name is somebody's, and no longer."""


def touches_stays(kind: str) -> bool:
    """Return whether entries of this kind begin or end stays."""
    return kind in CHANGES or kind == "forget"


def changes(entry: Entry) -> tuple[Change, ...]:
    """Return the stays that an entry begins and ends; the stay in its room first."""
    change = CHANGES.get(entry.kind)
    return () if change is None else change(entry)


class Interval(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One stay of a user in a room: from the seq of the join to that of the leave, or None while it lasts."""

    room: str
    joined: int
    left: int | None


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

    def apply(self, entry: Entry, user: str) -> bool:
        """Apply an entry to the stays of ``user``. Return whether it changed where they listen now."""
        if entry.seq > self.registered:  # a snapshot knows already who has the name now
            if entry.kind in _BEGINS and user == (entry.to or entry.user):
                self.registered = entry.seq
            elif entry.kind in _ENDS and user == (entry.user if entry.kind == "nick" else entry.to):
                self.registered = 0
        mine = self.ended_by(entry, user) if entry.kind == "forget" else changes(entry)
        changed = [self.change(change, entry.seq) for change in mine if change.user == user]
        return any(changed)

    def ended_by(self, forget: Entry, user: str) -> tuple[Change, ...]:
        """Return the stays of ``user`` that a ``forget`` ends: all if they are forgotten, else the one in the
        room of who is."""
        places = self.rooms() if forget.to == user else [forget.to] if self.has(forget.to) else []
        return tuple(Change(user, place, False) for place in places)

    def change(self, change: Change, seq: int) -> bool:
        """Begin or end a stay at ``seq``. Return whether that changed anything: not if somebody else had the
        name then."""
        if seq < self.registered:
            return False
        stays = self._stays.get(change.place)
        open_now = stays is not None and stays[-1].left is None
        if change.begins:
            if not open_now:
                self._add(Interval(change.place, seq, None))
            return not open_now
        if stays is None or not open_now:
            return False
        stays[-1] = Interval(change.place, stays[-1].joined, seq)
        if self._ended is None:
            self._ended = []
        # At the end, unless a snapshot had a stay that ended while it was read.
        insort(self._ended, stays[-1], key=_left)
        return True

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

    def since(self, room: str) -> int:
        """Return the seq at which the present stay in a room began; 0 if there is none."""
        stays = self._stays.get(room)
        return 0 if stays is None or stays[-1].left is not None else stays[-1].joined

    def changed_at(self, room: str) -> int:
        """Return the seq at which the newest stay in a room began, or ended; 0: that is not known."""
        stays = self._stays.get(room)
        return 0 if stays is None else stays[-1].left or stays[-1].joined

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
