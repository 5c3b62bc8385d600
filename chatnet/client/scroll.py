"""The feed on the screen: the newest lines, and which part of them is seen. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from chatnet.client.cells import Row, rows

MAX_LINES = 5_000
"""How many lines one can scroll back."""


class Line:
    """One text of the feed. It is laid out when it is seen, once for each width."""

    __slots__ = ("_laid_out", "_look", "_text")

    def __init__(self, text: str, look: str | None) -> None:
        self._text, self._look = text, look
        self._laid_out: tuple[int, list[Row]] | None = None

    def turn(self, look: str | None, mark: str = "") -> None:
        """Change its look, and add ``mark`` at its end."""
        self._text, self._look, self._laid_out = self._text + mark, look, None

    def rows(self, width: int) -> list[Row]:
        """Return its rows; at least one."""
        if self._laid_out is None or self._laid_out[0] != width:
            self._laid_out = width, rows(self._text, width, self._look)
        return self._laid_out[1]


class Place(NamedTuple):
    """A row of the feed: the number of the line, counted from the first ever, and the row in it."""

    line: int
    row: int


class Scroll:
    """Follows incoming lines, unless the user has scrolled up: then the visible part stays in place."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque()
        self._gone = 0
        self._bottom: Place | None = None  # the last visible row; None: the newest
        self.unseen = 0

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, text: str, look: str | None = None) -> Line:
        """Add a line at the end."""
        line = Line(text, look)
        self._lines.append(line)
        if len(self._lines) > MAX_LINES:
            self._lines.popleft()
            self._gone += 1
        if self._bottom is not None:
            self.unseen += 1
        return line

    def visible(self, width: int, height: int) -> list[Row]:
        """Return the visible rows from the top; fewer than ``height`` only if there are not as many."""
        above = [row for _, row in islice(self._upwards(width), height)]
        below = [row for _, row in islice(self._downwards(width), height - len(above))]
        return above[::-1] + below

    def page_up(self, width: int, height: int) -> None:
        """Scroll a screen towards the oldest, less one row."""
        above = [place for place, _ in islice(self._upwards(width), 2 * height - 1)]
        if len(above) > height:
            self._bottom = above[min(max(1, height - 1), len(above) - height)]

    def page_down(self, width: int, height: int) -> None:
        """Scroll a screen towards the newest, less one row; at the end, follow incoming lines again."""
        step = max(1, height - 1)
        below = [place for place, _ in islice(self._downwards(width), step + 1)]
        if len(below) > step:
            self._bottom = below[step - 1]
        else:
            self._bottom, self.unseen = None, 0

    def _upwards(self, width: int) -> Iterator[tuple[Place, Row]]:
        """Yield the rows from the lowest visible one up to the oldest."""
        bottom = self._bottom or Place(self._gone + len(self._lines) - 1, -1)
        for number in range(max(bottom.line, self._gone), self._gone - 1, -1):
            if not self._lines:
                return
            found = self._lines[number - self._gone].rows(width)
            is_cut = number == bottom.line and bottom.row >= 0
            last = min(bottom.row, len(found) - 1) if is_cut else len(found) - 1
            for row in range(last, -1, -1):
                yield Place(number, row), found[row]

    def _downwards(self, width: int) -> Iterator[tuple[Place, Row]]:
        """Yield the rows below the visible ones."""
        if self._bottom is None:
            return
        first = max(self._bottom.line, self._gone)
        for number in range(first, self._gone + len(self._lines)):
            found = self._lines[number - self._gone].rows(width)
            start = self._bottom.row + 1 if number == self._bottom.line else int(number == first)
            for row in range(start, len(found)):
                yield Place(number, row), found[row]
