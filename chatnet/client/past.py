"""One room's history, read page by page towards the oldest: what is next, and how it looks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chatnet.client.calendar import Calendar
from chatnet.client.feed import is_shown
from chatnet.client.said import Said
from chatnet.client.scroll import Line
from chatnet.entries import Entry


class Past:
    """The history of ``room`` before the seq ``before``, None: all of it; as ``reader`` sees it. ``named`` is
    how a sentence names it."""

    def __init__(self, room: str, before: int | None, calendar: Calendar, reader: str, named: str) -> None:
        self.room, self.before, self._named = room, before, named
        self.is_whole = False  # nothing is left to read
        self._calendar, self._reader = calendar, reader
        self._day = ""  # of the oldest post that was read

    def came(self, page: Sequence[Entry]) -> list[Line]:
        """Take the page before :attr:`before`, oldest post first; return its lines, to be seen above those
        of the pages before it. An empty page is the beginning of the room."""
        if not page:
            return self.ends(f"-- {beginning_of(self._named)} --")
        self.before = page[0].seq
        return list(self._lines(page))[::-1]

    def ends(self, sentence: str) -> list[Line]:
        """Nothing more is to be read, as ``sentence`` says; return the lines at the top."""
        self.is_whole = True
        return [Line(text) for text in (sentence, day_line(self._day) if self._day else "") if text]

    def _lines(self, page: Sequence[Entry]) -> Iterator[Line]:
        """Yield the newest first. The line for a day is above its first post: it is known once a post of an
        earlier day is read."""
        for post in reversed(page):
            if not is_shown(post):
                continue
            day = self._calendar.day(post.time) or self._day
            if self._day and day != self._day:
                yield Line(day_line(self._day))
            self._day = day
            yield Line(self._calendar.hour(post.time), None, Said.by(post, self._reader))


def beginning_of(room: str) -> str:
    """Return what is said where history ends. Of a private room, who joined it later cannot read all."""
    return f"This is the beginning of {room}{', as far as you can read it' if room[0] == '&' else ''}."


def day_line(day: str) -> str:
    """Return the line above the posts of a day."""
    return f"-- {day} --"
