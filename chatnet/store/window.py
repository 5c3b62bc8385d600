"""The newest entries of the log, kept in memory and shared by all readers of a process. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getsizeof

from chatnet.entries import Entry
from chatnet.errors import Hole

LIMIT = 16 * 1024 * 1024
"""How much memory a window may take, in bytes."""

_BESIDES_TEXT = 320
"""An entry's memory besides its text, in bytes: the struct, its numbers, names and key."""

_SLACK = 16
"""Eviction makes room for this part of the limit at once, so that its cost is spread over many entries."""

Watcher = Callable[[list[Entry]], None]


class Window:
    """The entries from ``start`` to ``head``, without a hole; the oldest go when ``limit`` bytes are full.

    ``start`` is the seq of the first entry held: ``head + 1`` when it is empty.
    """

    def __init__(self, head: int = 0, limit: int = LIMIT) -> None:
        self._limit = limit
        self._watchers: dict[Watcher, None] = {}
        self.restart(head)

    def restart(self, head: int) -> None:
        """Forget everything, and go on behind ``head``. Watchers are not told."""
        self._entries: list[Entry] = []
        self._bytes = 0
        self.start, self.head = head + 1, head

    def extend(self, entries: Sequence[Entry]) -> list[Entry]:
        """Take what follows the head, then tell the watchers. What is already known is dropped.

        Watchers are called in the order in which they were added, with the new entries, all in this call:
        who fans out to live readers watches first, so that a reader that goes live in a later watcher gets
        nothing twice.

        :raises Hole: the entries do not continue at ``head + 1``; nothing was taken.
        """
        known = self.head
        fresh = [entry for entry in entries if entry.seq > known]
        size = 0
        for seq, entry in enumerate(fresh, known + 1):
            if entry.seq != seq:
                raise Hole(f"The log goes on at {seq}, and was given {entry.seq}")
            size += _size(entry)
        if fresh:
            self._entries += fresh
            self._bytes += size
            self.head = fresh[-1].seq
            if self._bytes > self._limit:
                self._evict()
            for watcher in list(self._watchers):
                watcher(fresh)
        return fresh

    def holds(self, cursor: int) -> bool:
        """Is everything behind ``cursor`` here? Not if the cursor is ahead of the head."""
        return self.start - 1 <= cursor <= self.head

    def after(self, cursor: int, count: int | None = None) -> list[Entry]:
        """The entries behind ``cursor``, at most ``count`` of them. The window must hold the cursor."""
        if not self.holds(cursor):
            raise ValueError(f"The window from {self.start} to {self.head} does not hold {cursor}")
        first = cursor + 1 - self.start
        return self._entries[first:] if count is None else self._entries[first : first + count]

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher`` with the new entries from now on, after those who watch already."""
        self._watchers[watcher] = None

    def unwatch(self, watcher: Watcher) -> None:
        """Call ``watcher`` no more; harmless if it does not watch."""
        self._watchers.pop(watcher, None)

    def _evict(self) -> None:
        gone = 0
        goal = self._limit - self._limit // _SLACK
        while self._bytes > goal:
            self._bytes -= _size(self._entries[gone])
            gone += 1
        del self._entries[:gone]
        self.start += gone


def _size(entry: Entry) -> int:
    return _BESIDES_TEXT + getsizeof(entry.text)
