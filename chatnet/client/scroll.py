"""The feed on the screen, with what was read back above it, and which part of both is seen. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, dropwhile, islice
from typing import NamedTuple

from chatnet.blanking import Blanking
from chatnet.client.cells import Row, rows
from chatnet.client.said import Said

MAX_LINES = 5_000
"""How many lines of the feed are kept, and as many of what was read back."""


class Line:
    """One text; with a post, ``said``, the text stands before that. It is laid out when it is seen, once for
    each width. ``seq``: of the post, or 0. ``is_quote``: it was asked for, and is not in its place among the
    others."""

    __slots__ = ("_before", "_laid_out", "_look", "_said", "_text", "is_quote", "seq")

    def __init__(self, text: str, look: str | None = None, said: Said | None = None) -> None:
        self._before, self._look, self._said = text, look, said
        self._text = text if said is None else f"{text} {said.line}"
        self.seq = 0 if said is None else said.seq
        self.is_quote = False
        self._laid_out: tuple[int, list[Row]] | None = None

    def turn(self, look: str | None, mark: str = "") -> None:
        """Change its look, and add ``mark`` at its end."""
        self._text, self._look, self._laid_out = self._text + mark, look, None

    def take_back(self) -> None:
        """Show the post without its text."""
        if self._said is not None:
            self._text, self._laid_out = f"{self._before} {self._said.taken_back().line}", None

    def is_in(self, taken: Blanking) -> bool:
        """Return whether it shows a post whose text is among those ``taken`` back together."""
        return self._said is not None and self._said._replace(seq=self.seq).is_in(taken)

    def rows(self, width: int) -> list[Row]:
        """Return its rows; at least one."""
        if self._laid_out is None or self._laid_out[0] != width:
            self._laid_out = width, rows(self._text, width, self._look)
        return self._laid_out[1]


class Edge(Line):
    """The line between the feed and what was read back in ``where``."""

    __slots__ = ("_left_out", "_where")

    def __init__(self, where: str) -> None:
        self._where, self._left_out = where, 0
        super().__init__(f"-- Above: what was said before in {where} alone. --", "typed")

    def leave_out(self) -> None:
        """Say of one more line that it was here and is not kept."""
        self._left_out += 1
        lines = f"{self._left_out} lines" if self._left_out > 1 else "1 line"
        self._text = (
            f"-- Above: what was said before in {self._where} alone; {lines} between are left out. End, and "
            "then Page Up, show them. --"
        )
        self._laid_out = None


class Place(NamedTuple):
    """A row: the line, and the row in it."""

    line: Line
    row: int


class Scroll:
    """Follows incoming lines, unless the user has scrolled up: then the visible part stays in place.

    ``unseen`` is how many lines have come since.
    """

    def __init__(self) -> None:
        self._feed: deque[Line] = deque()
        self._past: deque[Line] = deque()
        self._edge: list[Edge] = []  # one as soon as something was read back
        self._bottom: Place | None = None  # the last visible row; None: the newest
        self.unseen = 0

    def __len__(self) -> int:
        return len(self._feed) + len(self._edge) + len(self._past)

    @property
    def is_live(self) -> bool:
        """Whether it follows incoming lines."""
        return self._bottom is None

    @property
    def oldest(self) -> int | None:
        """The seq of the oldest post of the feed; None if there is none."""
        return next((line.seq for line in self._feed if line.seq and not line.is_quote), None)

    def add(self, text: str, look: str | None = None, said: Said | None = None, is_news: bool = True) -> Line:
        """Add a line at the end of the feed; ``is_news``: it counts as unseen if it is not seen. See
        :class:`Line`."""
        line = Line(text, look, said)
        self._feed.append(line)
        if len(self._feed) > MAX_LINES:
            self._leave_out(self._feed.popleft(), self._feed[0])
        if not self.is_live:
            self.unseen += is_news
        return line

    def take_back(self, seq: int) -> None:
        """Show the post ``seq`` without its text, wherever it is."""
        for line in chain(self._feed, self._past):
            if seq and line.seq == seq:
                line.take_back()

    def take_back_all(self, taken: Blanking) -> None:
        """Show all posts without their texts that are ``taken`` back together."""
        for line in chain(self._feed, self._past):
            if line.is_in(taken):
                line.take_back()

    def put_above(self, lines: Sequence[Line], where: str) -> None:
        """Put the lines, which were read back in ``where``, above all; the visible part stays in place."""
        self._edge = self._edge or [Edge(where)]
        self._past.extendleft(reversed(lines))
        while len(self._past) > MAX_LINES:
            self._leave_out(self._past.pop(), self._edge[0])

    def visible(self, width: int, height: int) -> list[Row]:
        """Return the visible rows from the top; fewer than ``height`` only if there are not as many."""
        above = [row for _, row in islice(self._upwards(width), height)]
        below = [row for _, row in islice(self._downwards(width), height - len(above))]
        return above[::-1] + below

    def page(self, width: int, height: int) -> int:
        """Return the rows of a page: one fewer than are visible, so that one is seen before and after."""
        return max(1, sum(1 for _ in islice(self._upwards(width), height)) - 1)

    def up(self, width: int, height: int, count: int) -> int:
        """Scroll towards the oldest by ``count`` rows, or as far as there are. Return how many there were, as
        far as they matter: at most a screen more."""
        places = [place for place, _ in islice(self._upwards(width), height + count + height)]
        above = max(0, len(places) - height)
        if above:
            self._bottom = places[min(count, above)]
        return above

    def page_down(self, width: int, height: int) -> None:
        """Scroll a screen towards the newest, less one row; at the end, follow incoming lines again."""
        step = max(1, height - 1)
        below = [place for place, _ in islice(self._downwards(width), step + 1)]
        if len(below) > step:
            self._bottom = below[step - 1]
        else:
            self.end()

    def end(self) -> None:
        """Follow incoming lines again, and forget what was read back."""
        self._bottom, self.unseen = None, 0
        self._past.clear()
        self._edge = []

    def _leave_out(self, line: Line, below: Line) -> None:
        """``line`` is gone; the next one is ``below``."""
        if self._bottom is not None and self._bottom.line is line:
            self._bottom = Place(below, 0)
        for edge in self._edge:
            edge.leave_out()

    def _upwards(self, width: int) -> Iterator[tuple[Place, Row]]:
        """Yield the rows from the lowest visible one up to the oldest."""
        bottom = self._bottom
        lines = chain(reversed(self._feed), self._edge, reversed(self._past))
        for line in lines if bottom is None else dropwhile(lambda line: line is not bottom.line, lines):
            found = line.rows(width)
            last = min(bottom.row, len(found) - 1) if bottom and line is bottom.line else len(found) - 1
            for row in range(last, -1, -1):
                yield Place(line, row), found[row]

    def _downwards(self, width: int) -> Iterator[tuple[Place, Row]]:
        """Yield the rows below the visible ones."""
        bottom = self._bottom
        if bottom is None:
            return
        lines = chain(self._past, self._edge, self._feed)
        for line in dropwhile(lambda line: line is not bottom.line, lines):
            found = line.rows(width)
            for row in range(bottom.row + 1 if line is bottom.line else 0, len(found)):
                yield Place(line, row), found[row]
