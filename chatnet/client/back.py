"""Scrolls the feed, and reads pages of history above it when its top is near."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from chatnet.client.calendar import Calendar
from chatnet.client.past import Past
from chatnet.client.refused import REFUSED, sentence_of
from chatnet.client.scroll import Line, Scroll
from chatnet.entries import Entry

ReadHistory = Callable[[str, "int | None"], Awaitable[Sequence[Entry]]]
"""Returns a page of a room's posts before a seq, or its newest page, as :meth:`.Connection.history` does."""


class Back:
    """Reads back in one room, :attr:`room`, from the oldest line of the feed on; nowhere while it is empty.

    Back at the newest lines, or in another room, history is forgotten: the next page up begins afresh.
    ``changed`` is called when a page has come.
    """

    _logger = Logger()

    def __init__(
        self, scroll: Scroll, calendar: Calendar, read: ReadHistory, changed: Callable[[], None]
    ) -> None:
        self._scroll, self._calendar, self._read, self._changed = scroll, calendar, read, changed
        self._room = self._named = self._reader = ""
        self._past: Past | None = None
        self._begins: int | None = None  # the seq before which nothing is in this room, once that is known
        self._missing = 0  # rows by which the view could not go up yet, in a view of this size:
        self._size = (0, 0)
        self.is_reading = False

    @property
    def is_back(self) -> bool:
        """Whether there is a way to the newest, or something that was read back to forget."""
        return self._past is not None or not self._scroll.is_live

    def go_to(self, room: str, named: str, reader: str) -> None:
        """Let ``reader`` read back in ``room`` from now on; ``named`` is how a sentence names it."""
        if (room, reader) != (self._room, self._reader):
            self._room, self._named, self._reader = room, named, reader
            self._begins = None
            self.end()

    def page_up(self, width: int, height: int) -> None:
        """Scroll towards the oldest by a screen, less one row."""
        self._size = width, height
        self._up(self._scroll.page(width, height))

    def page_down(self, width: int, height: int) -> None:
        """Scroll towards the newest by a screen, less one row."""
        self._missing = 0
        self._scroll.page_down(width, height)
        if self._scroll.is_live:
            self.end()

    def end(self) -> None:
        """Go to the newest, and follow it."""
        self._past, self._missing = None, 0
        self.is_reading = False
        self._scroll.end()

    def _up(self, rows: int) -> None:
        width, height = self._size
        above = self._scroll.up(width, height, rows)
        self._missing = max(0, rows - above)
        if above - rows < height:
            self._want()

    def _want(self) -> None:
        if self._past is None and self._room:
            self._past = Past(self._room, self._scroll.oldest, self._calendar, self._reader, self._named)
        past = self._past
        if past is None or self.is_reading or past.is_whole:
            return
        if past.before is not None and past.before == self._begins:
            self._put_above(past.came(()))
        else:
            self.is_reading = True
            Deferred.fromCoroutine(self._page(past)).addErrback(
                lambda failure: self._logger.failure("A page of history could not be shown", failure)
            )

    async def _page(self, past: Past) -> None:
        page: Sequence[Entry] = ()
        why = ""
        try:
            page = await self._read(past.room, past.before)
        except REFUSED as error:
            why = sentence_of(error)
        if past is not self._past:
            return
        self.is_reading = False
        if not (page or why):
            self._begins = past.before
        self._put_above(past.ends(why) if why else past.came(page))
        self._changed()

    def _put_above(self, lines: Sequence[Line]) -> None:
        self._scroll.put_above(lines, self._named)
        if self._missing:
            self._up(self._missing)
