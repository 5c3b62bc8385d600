"""Which texts are taken back together: those of a user who is forgotten, or purged, and those that are too
old. Pure.

One entry says so, for everything up to a seq. Whoever has followed the log to that entry gives none of these
texts any more; the store overwrites them afterwards, bit by bit (:mod:`chatnet.master.eraser`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from chatnet.entries import Entry, More, blanked, heard_at
from chatnet.kinds import KINDS, SAID, Text

TAKES_BACK = frozenset({"forget", "purge", "expire"})
"""The kinds of entries that take texts back together."""


class Blanking(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The texts of ``user`` (empty: of everybody) that were heard in ``room`` (empty: anywhere), up to the
    seq ``upto``, are taken back.

    Of everybody only posts are; of a user the words of other entries as well, and if ``whole``, credentials,
    and by what they and their devices were known. ``seq`` is the entry that says so.
    """

    user: str
    room: str
    upto: int
    seq: int
    whole: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of entries whose texts go."""
        return tuple(name for name, kind in KINDS.items() if kind.text in self._texts)

    @property
    def _texts(self) -> tuple[Text, ...]:
        if not self.user:
            return (Text.POST,)
        if self.whole:
            return (Text.POST, Text.WORDS, Text.CREDENTIAL, Text.DEVICE, Text.FACE)
        return (Text.POST, Text.WORDS)

    def covers(self, entry: Entry) -> bool:
        """Return whether the text of the entry is taken back."""
        return (
            entry.seq <= self.upto
            and self.user in ("", entry.user)
            and entry.kind in KINDS
            and KINDS[entry.kind].text in self._texts
            and (not self.room or self.room == entry.room or self.room in heard_at(entry))
        )

    def merged(self, other: Blanking) -> Blanking:
        """Return both of the same user and room as one."""
        upto, seq = max(self.upto, other.upto), max(self.seq, other.seq)
        return Blanking(self.user, self.room, upto, seq, self.whole or other.whole)


def blanking_of(entry: Entry) -> Blanking | None:
    """Return what the entry takes back together, if it is of such a kind."""
    match entry.kind:
        case "forget":
            return Blanking(entry.to, "", entry.seq, entry.seq, whole=True)
        case "purge":
            upto = entry.seq if entry.ref is None else entry.ref.seq
            return Blanking(entry.to, entry.room, upto, entry.seq)
        case "expire" if entry.ref is not None:
            return Blanking("", entry.room, entry.ref.seq, entry.seq)
    return None


class Blankings:
    """What was taken back together, as far as somebody has followed the log: one for each user and room.

    Beyond ``most`` the oldest are dropped: for who needs only those that may not be overwritten yet. ``upto``
    is the greatest seq of a text that is taken back; ``count``: how many were ever taken.
    """

    __slots__ = ("_by_place", "_most", "count", "upto")

    def __init__(self, known: Iterable[Blanking] = (), most: int = sys.maxsize) -> None:
        self._by_place: dict[tuple[str, str], Blanking] = {}
        self.upto = self.count = 0
        self._most = most
        for blanking in known:
            self.add(blanking)

    def add(self, blanking: Blanking) -> None:
        """Take one more."""
        place = blanking.user, blanking.room
        self.upto = max(self.upto, blanking.upto)
        self.count += 1
        before = self._by_place.pop(place, None)
        self._by_place[place] = blanking if before is None else before.merged(blanking)
        if len(self._by_place) > self._most:
            del self._by_place[next(iter(self._by_place))]

    def __bool__(self) -> bool:
        return bool(self._by_place)

    def __iter__(self) -> Iterator[Blanking]:
        return iter(self._by_place.values())

    def has_forgotten(self, user: str) -> bool:
        """Return whether the user is forgotten, as far as these go."""
        blanking = self._by_place.get((user, ""))
        return blanking is not None and blanking.whole

    def cover(self, entry: Entry) -> bool:
        """Return whether the text of the entry is taken back."""
        if not has_words(entry):
            return False
        rooms = dict.fromkeys(("", entry.room, *heard_at(entry)))
        found = (self._by_place.get((user, room)) for user in (entry.user, "") for room in rooms)
        return any(blanking is not None and blanking.covers(entry) for blanking in found)

    def without(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries, those that are covered without their texts."""
        return [emptied(entry) if self.cover(entry) else entry for entry in entries]


def has_words(entry: Entry) -> bool:
    """Return whether an entry has anything left that can be taken back."""
    return bool(entry.text) or _names_device(entry)


def emptied(entry: Entry) -> Entry:
    """Return an entry without its text; the places of a post are written out instead.

    Nor does it say on which device it began a session, and what that was called.
    """
    if entry.kind in SAID:
        return blanked(entry)
    more = entry.more
    if more is not None and _names_device(entry):
        more = msgspec.structs.replace(more, label="", device="")
        more = None if more == _NOTHING else more
    return msgspec.structs.replace(entry, text="", more=more)


def _names_device(entry: Entry) -> bool:
    return entry.more is not None and bool(entry.more.label or entry.more.device)


_NOTHING = More()
