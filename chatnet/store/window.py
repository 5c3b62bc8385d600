"""The newest entries of the log, kept in memory and shared by all readers of a process. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import getsizeof

from twisted.internet.defer import Deferred

from chatnet.blanking import TAKES_BACK, Blanking, blanking_of, emptied, has_words
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import Hole, Outgrown
from chatnet.kinds import FIRST_LEVEL, own_level, understood
from chatnet.limits import LIMITS, Limits
from chatnet.store.taken_back import TakenBack

_BESIDES_TEXT = 320
"""Bytes of memory that an entry takes besides its text: the struct, its numbers, names and key."""

_SLACK = 16
"""Eviction frees this part (1/n) of the limit at once, so that its cost is spread over many entries."""

STALE_SECONDS = 3.0
"""Who could not follow the log for so many seconds gives no texts of the window: some may be taken back."""

Watcher = Callable[[list[Entry]], None]


class Window:
    """The entries from ``start`` to ``head``, without a gap; the oldest are dropped when its bytes are full.

    ``start`` is the seq of the first entry held: ``head + 1`` when the window is empty. The entries are of
    the log ``log_id``, and follow the cursor ``base`` (without it, the log's beginning). ``limits`` say how
    much the window holds, and how much of it a reader gets at once.

    ``own`` is the level that this process understands: its program's, if none is given. ``level`` is the
    log's, as far as it is followed: whoever opens the window sets it first.

    What an entry that was taken takes back is held without its text; ``taken_back`` remembers what that is.
    """

    def __init__(
        self,
        log_id: str = "",
        base: Cursor | None = None,
        limits: Limits = LIMITS,
        own: int | None = None,
    ) -> None:
        self.limits = limits
        self._limit = limits.window_bytes
        self._own_level = own_level() if own is None else own
        self._understood = understood(self._own_level)
        self._plain = self._understood - {"level", "redact", *TAKES_BACK}
        self.taken_back: TakenBack
        self.level = FIRST_LEVEL
        self._watchers: dict[Watcher, None] = {}
        self.is_stale: Callable[[], bool] = bool  # who follows the log says it
        self._until_fresh: list[Deferred[None]] = []
        self.restart(log_id, base or Cursor.beginning(log_id))

    def restart(self, log_id: str, base: Cursor) -> None:
        """Forget everything, and continue after ``base`` of the log ``log_id``. Watchers are not told."""
        self.log_id = log_id
        self._entries: list[Entry] = []
        self._bytes = 0
        self.taken_back = TakenBack()
        self.start, self.head = base.seq + 1, base.seq
        self._base = self._cursor = base

    @property
    def time(self) -> int:
        """When the newest entry was committed, in milliseconds since 1970; 0 if none is held."""
        return self._entries[-1].time if self._entries else 0

    def extend(self, entries: Sequence[Entry]) -> list[Entry]:
        """Take what follows the head, then tell the watchers. Known entries are dropped.

        What they take back loses its text first, whether it is held or new itself.

        Watchers are called with the new entries in the order in which they were added, all in this call. The
        fan-out to live readers must watch first: then a reader that goes live in a later watcher gets nothing
        twice.

        :raises Hole: the entries do not continue at ``head + 1``; nothing was taken.
        :raises Outgrown: this process does not understand an entry, or what may follow it; nothing was taken.
        """
        known, level = self.head, self.level
        fresh = [entry for entry in entries if entry.seq > known]
        if known < self.taken_back.blankings.upto:
            fresh = self.taken_back.blankings.without(fresh)
        size, redactions = 0, []
        for seq, entry in enumerate(fresh, known + 1):
            if entry.seq != seq:
                raise Hole(f"The log continues at {seq}, but {entry.seq} came")
            if entry.kind not in self._plain:
                level = self._look(entry, level)
                if entry.kind != "level":
                    redactions.append(entry)
            size += _BESIDES_TEXT + getsizeof(entry.text)
        if fresh:
            self._entries += fresh
            self._bytes += size
            self.head, self.level = fresh[-1].seq, level
            if redactions:
                self._take_back(redactions)
                fresh = self.after(known)
            if self._bytes > self._limit:
                self._evict()
            for watcher in list(self._watchers):
                watcher(fresh)
        return fresh

    def _look(self, entry: Entry, level: int) -> int:
        """Return the level of the log after an ``entry`` of an unusual kind; before it, it is ``level``."""
        if entry.kind not in self._understood:
            raise Outgrown.by(entry.kind, self._own_level)
        if entry.kind != "level":
            return level
        level = int(entry.text)
        if level > self._own_level:
            raise Outgrown.at(level, self._own_level)
        return level

    def _take_back(self, redactions: Sequence[Entry]) -> None:
        for redaction in redactions:
            blanking = blanking_of(redaction)
            if blanking is not None:
                self.blank([blanking])
            elif redaction.ref is not None:
                seq = redaction.ref.seq
                self.taken_back.add(seq)
                if self.start <= seq <= self.head:
                    self._empty(seq - self.start)

    def blank(self, blankings: Iterable[Blanking]) -> None:
        """Take what was taken back before the first entry held, and is not overwritten in the store yet."""
        for blanking in blankings:
            self.taken_back.blankings.add(blanking)
            self._blank(blanking)

    def _blank(self, blanking: Blanking) -> None:
        for at, entry in enumerate(self._entries[: max(0, blanking.upto + 1 - self.start)]):
            if has_words(entry) and blanking.covers(entry):
                self._empty(at)

    def _empty(self, at: int) -> None:
        entry = self._entries[at]
        self._entries[at] = emptied(entry)
        self._bytes -= getsizeof(entry.text) - getsizeof("")

    def holds(self, cursor: int) -> bool:
        """Return whether everything after ``cursor`` is here. Not if the cursor is ahead of the head."""
        return self.start - 1 <= cursor <= self.head

    def after(self, cursor: int, count: int | None = None) -> list[Entry]:
        """Return the entries after ``cursor``, at most ``count``. The window must hold the cursor."""
        if not self.holds(cursor):
            raise ValueError(f"The window from {self.start} to {self.head} does not hold {cursor}")
        first = cursor + 1 - self.start
        return self._entries[first:] if count is None else self._entries[first : first + count]

    @property
    def cursor(self) -> Cursor:
        """The cursor at the head; its check is computed once for each head that is asked for."""
        if self._cursor.seq != self.head:
            self._cursor = self._made(self.head)
        return self._cursor

    def at(self, seq: int) -> Cursor | None:
        """Return the cursor at ``seq``; None if the window does not hold it."""
        if not self.holds(seq):
            return None
        return self.cursor if seq == self.head else self._made(seq)

    def _made(self, seq: int) -> Cursor:
        if seq == self._base.seq:
            return self._base
        return Cursor.at(self.log_id, self._entries[seq - self.start])

    async def fresh(self) -> None:
        """Return at once, or when the log is followed to its head: for the first time, or again, if that was
        not possible for some seconds."""
        while self.is_stale():
            self._until_fresh.append(Deferred())
            await self._until_fresh[-1]

    def freshened(self) -> None:
        """The log is followed again."""
        waiting, self._until_fresh = self._until_fresh, []
        for fresh in waiting:
            fresh.callback(None)

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher`` with new entries from now on, after the watchers added before."""
        self._watchers[watcher] = None

    def unwatch(self, watcher: Watcher) -> None:
        """Stop calling ``watcher``; harmless if it is not watching."""
        self._watchers.pop(watcher, None)

    def _evict(self) -> None:
        gone = 0
        goal = self._limit - self._limit // _SLACK
        while self._bytes > goal:
            self._bytes -= _BESIDES_TEXT + getsizeof(self._entries[gone].text)
            gone += 1
        self._base = Cursor.at(self.log_id, self._entries[gone - 1])
        del self._entries[:gone]
        self.start += gone
