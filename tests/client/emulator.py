"""A terminal that obeys nothing but what drawing needs, and refuses the rest."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

import wcwidth

_SEQUENCES = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|(?P<home>\x1b\[H)"
    r"|(?P<colour>(?:\x1b\[[\d;]*m)+)"
    r"|(?P<erase>\x1b\[K)"
    r"|(?P<nothing>\x1b\[\?25[lh]|\x1b\)0)"
)
# What turns the direction of writing, breaks lines, or is not seen; joiners and selectors within words are.
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff"
    "\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

Cell = tuple[str, str]
"""A character, and the sequence that gave it its colour."""


class Disobeyed(AssertionError):
    """Something was written that a terminal must not be told."""


class Emulator:
    """A terminal of ``columns`` and ``rows``, which has these ``colours``: the sequences that set them.

    Each row is what was written into it since the cursor was at its left edge.
    """

    def __init__(self, columns: int, rows: int, colours: AbstractSet[str]) -> None:
        self._columns, self._colours = columns, colours
        self._colour = ""
        self._rows: list[list[Cell]] = [[] for _ in range(rows)]
        self.cursor = (0, 0)
        self._is_at_edge = True

    def feed(self, written: str) -> None:
        """Obey.

        :raises Disobeyed: it is not to be obeyed.
        """
        at = 0
        while at < len(written):
            found = _SEQUENCES.match(written, at)
            if found is None:
                raise Disobeyed(f"the terminal would obey {written[at : at + 10]!r}")
            at = found.end()
            if found["text"]:
                self._write(found["text"])
            elif found["colour"]:
                if found["colour"] not in self._colours:
                    raise Disobeyed(f"a colour that nothing has: {found['colour']!r}")
                self._colour = found["colour"]
            elif found["erase"]:
                self._begin_row()
            elif found["row"] or found["home"]:
                self._go(int(found["column"] or 1) - 1, int(found["row"] or 1) - 1)

    def rows(self) -> list[list[Cell]]:
        """Return the rows, without blanks at their ends."""
        return [without_blanks(row) for row in self._rows]

    def _go(self, column: int, row: int) -> None:
        if not (column < self._columns and row < len(self._rows)):
            raise Disobeyed(f"the cursor goes to {column}, {row}")
        self.cursor = (column, row)
        self._is_at_edge = column == 0

    def _begin_row(self) -> None:
        if self._is_at_edge:
            self._rows[self.cursor[1]] = []
            self._is_at_edge = False

    def _write(self, text: str) -> None:
        if hidden := _HIDDEN.search(text):
            raise Disobeyed(f"what cannot be seen is written: {hidden[0]!r}")
        column, row = self.cursor
        self._begin_row()
        self._rows[row] += [(letter, self._colour) for letter in text]
        used = column + wcwidth.width(text, control_codes="ignore")
        if used > self._columns:
            raise Disobeyed(f"a row of {used} columns")
        self.cursor = (used, row)


def without_blanks(row: list[Cell]) -> list[Cell]:
    """Return the row without blanks at its end."""
    while row and row[-1][0] == " ":
        row = row[:-1]
    return row
