"""Who listens at which place: the ears of one channel, by place. Pure.

A post with twenty topics may have thousands of listeners at each topic, and mostly the same people. Looking
at each ear for each place takes ten times as long as the delivery. So all ears are numbered, and a place with
many listeners keeps a row of flags, one byte for each number: whole rows are compared as numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import compress

from chatnet.worker.peer import Ear, Hearing

FEW = 4
"""Up to this many ears at a place are kept in a tuple, which takes a quarter of a dict's memory: at most
places one user listens alone."""
MANY = 256
"""Places with more listeners keep flags, unless they are too small a part of all: see :data:`A_PART`."""
A_PART = 16
"""Flags are kept for a place if at least one ear in this many listens there."""

Ears = tuple[Ear, ...] | dict[Ear, None]


class Audience:
    """The ears of a channel, each from :meth:`enter` until :meth:`leave`, and the places where they listen.

    Finding who hears a post costs less than delivering it to them, whatever places it names.
    """

    __slots__ = ("_ears", "_flags", "_free", "_numbers", "_places", "_rows")

    def __init__(self) -> None:
        self._numbers: dict[Ear, int] = {}
        self._ears: list[Ear] = []
        self._free: list[int] = []
        self._places: dict[str, Ears] = {}
        self._flags: dict[str, bytearray] = {}
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        """How many ears there are."""
        return len(self._numbers)

    def enter(self, ear: Ear) -> None:
        """Add an ear, which listens nowhere yet."""
        if self._free:
            number = self._free.pop()
            self._ears[number] = ear
        else:
            number = len(self._ears)
            self._ears.append(ear)
        self._numbers[ear] = number

    def leave(self, ear: Ear) -> None:
        """Remove an ear, which no longer listens anywhere."""
        number = self._numbers.pop(ear)
        self._ears[number] = None
        self._free.append(number)

    def listen(self, place: str, ear: Ear) -> None:
        """Let ``ear`` hear what is said at ``place`` from now on."""
        ears = self._places[place] = _with(self._places.get(place, ()), ear)
        if place in self._flags:
            self._flag(self._flags[place], ear)
            self._rows.pop(place, None)
        elif self._are_many(ears):
            self._flags[place] = self._flagging(ears)

    def turn_away(self, place: str, ear: Ear) -> None:
        """Stop ``ear`` from hearing what is said at ``place``."""
        ears = _without(self._places[place], ear)
        if ears:
            self._places[place] = ears
        else:
            del self._places[place]
        if place in self._flags:
            self._flags[place][self._numbers[ear]] = 0
            self._rows.pop(place, None)
            if not self._are_many(ears):
                del self._flags[place]

    def hearing(self, where: Sequence[str]) -> list[Hearing]:
        """Return who listens at the places ``where``: each ear once, at its first place in that order."""
        places, flags = self._places, self._flags
        hearing: list[Hearing] = [(place, places[place]) for place in where if place in places]
        if len(hearing) > 1:
            each_once = self._by_flags if any(place in flags for place, _ in hearing) else _by_sets
            hearing = [(place, ears) for place, ears in each_once(hearing) if ears]
        return hearing

    def _by_flags(self, hearing: Iterable[Hearing]) -> Iterator[Hearing]:
        heard = 0
        for place, ears in hearing:
            there = self._row(place, ears)
            fresh = there & ~heard
            heard |= there
            yield place, ears if fresh == there else self._flagged(fresh)

    def _row(self, place: str, ears: Collection[Ear]) -> int:
        """Return the flags of the ears at a place as one number; cached until the listeners there change."""
        row = self._rows.get(place)
        if row is None:
            row = int.from_bytes(self._flags.get(place) or self._flagging(ears), "little")
            if place in self._flags:
                self._rows[place] = row
        return row

    def _flagged(self, row: int) -> list[Ear]:
        size, count = len(self._ears), row.bit_count()
        flags = row.to_bytes(size, "little")
        if count * A_PART > size:
            return list(compress(self._ears, flags))
        at, found = -1, []
        for _ in range(count):
            at = flags.index(1, at + 1)
            found.append(self._ears[at])
        return found

    def _are_many(self, ears: Ears) -> bool:
        return len(ears) > MANY and len(ears) * A_PART >= len(self._ears)

    def _flagging(self, ears: Collection[Ear]) -> bytearray:
        flags = bytearray(len(self._ears))
        for ear in ears:
            flags[self._numbers[ear]] = 1
        return flags

    def _flag(self, flags: bytearray, ear: Ear) -> None:
        number = self._numbers[ear]
        if number >= len(flags):
            flags.extend(bytes(len(self._ears) - len(flags)))
        flags[number] = 1


def _by_sets(hearing: Iterable[Hearing]) -> Iterator[Hearing]:
    heard: set[Ear] = set()
    for place, ears in hearing:
        fresh = [ear for ear in ears if ear not in heard]
        heard.update(fresh)
        yield place, fresh


def _with(ears: Ears, ear: Ear) -> Ears:
    if isinstance(ears, tuple):
        if len(ears) < FEW:
            return (*ears, ear)
        ears = dict.fromkeys(ears)
    ears[ear] = None
    return ears


def _without(ears: Ears, ear: Ear) -> Ears:
    if isinstance(ears, tuple):
        at = ears.index(ear)
        return ears[:at] + ears[at + 1 :]
    del ears[ear]
    return ears
