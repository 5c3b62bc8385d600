"""A text as rows of a terminal's cells. Pure.

Libraries and terminals disagree about how many cells a character takes. Here each cluster gets the greatest
number that anybody counts, so that no row is wider than the terminal; and each finished row is measured by
the library that draws it. A row that the library cannot place is shown by code points.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple
from unicodedata import category, east_asian_width

import urwid
import wcwidth

from chatnet.client.text import escaped, pieces

INDENT = 2
"""Columns by which later rows of a text are indented: at the left edge they would look like a new line."""
TAB = 4
MAX_CLUSTER = 8
"""How many characters stay together although a library takes them apart."""
UNSEEN = "unseen"
"""The look of text that stands for something invisible."""


class Cell(NamedTuple):
    """What is shown for ``length`` characters of a text, and how many columns it takes at most."""

    shown: str
    width: int
    look: str | None = None
    length: int = 1


class Row(NamedTuple):
    """One line of the screen: bytes in the terminal's encoding, with the looks of their parts."""

    shown: bytes
    looks: list[tuple[str | None, int]]


def cells(text: str, look: str | None = None, by_number: bool = False) -> list[Cell]:
    """Return the cells of ``text``; only the row decides the width of a line feed and a tab.

    ``by_number``: every character that is not ASCII is shown by its code point, whose width is certain.
    """
    found: list[Cell] = []
    for piece, is_ours in pieces(text):
        if is_ours:
            found += _numbers(piece, 1)
        elif piece.isascii():
            found += [Cell(letter, 1, look) for letter in piece]
        elif by_number:
            for letter in piece:
                found += [Cell(letter, 1, look)] if letter.isascii() else _numbers(escaped(letter), 1)
        else:
            for cluster in _clusters(piece):
                if can_be_said(cluster):
                    found.append(Cell(cluster, _width(cluster), look, len(cluster)))
                else:
                    found += _numbers(escaped(cluster), len(cluster))
    return found


def rows(text: str, width: int, look: str | None = None) -> list[Row]:
    """Return the rows of ``text``, broken between words, indented after the first; each fills ``width``,
    whatever is beside it."""
    try:
        shown = [painted(row, width) for row in wrapped(cells(text, look), width)]
        _check_edge(shown[0])
        return shown
    except Exception:  # whatever breaks a library: one post must not hide the others
        return [painted(row, width) for row in wrapped(cells(text, look, by_number=True), width)]


def plain_rows(text: str, width: int) -> list[str]:
    """Return the rows of ``text``, as :func:`rows` does, for a terminal that gets them as lines of UTF-8."""
    with urwid.util.set_temporary_encoding("utf-8"):
        return [row.shown.decode("utf-8").rstrip(" ") for row in rows(text, width)]


def wrapped(cells: Sequence[Cell], width: int, by_word: bool = True) -> list[list[Cell]]:
    """Return the cells of each row, with the indentation; at least one row."""
    moved = min(INDENT, max(width - 2, width > 1))
    indent = Cell(" " * moved, moved, None, 0)
    done: list[list[Cell]] = []
    row: list[Cell] = []
    used = word = 0  # columns; where in the row the last word begins
    left = deque(cells)
    while left:
        cell = _sized(left.popleft(), used, width, indent.width)
        if cell.shown == " " and by_word and used == width:
            cell = cell._replace(shown="", width=0)  # at the end of a row it is invisible
        is_break = cell.shown == "\n"
        if is_break:
            row.append(cell._replace(shown=""))
        elif used + cell.width > width:
            kept = word if by_word and word > bool(done) else len(row)
            left.extendleft(reversed([*row[kept:], cell]))
            row = row[:kept]
        else:
            row.append(cell)
            used += cell.width
            if _ends_word(cell.shown):
                word = len(row)
            continue
        done.append(row)
        row, used, word = [indent], indent.width, 1
    return [*done, row]


def _ends_word(shown: str) -> bool:
    """Return whether a row may break after this: a space, or any Chinese, Japanese or Korean character."""
    return shown.strip(" ") == "" or east_asian_width(shown[0]) == "W"


def _sized(cell: Cell, used: int, width: int, indent: int) -> Cell:
    """Return the cell with its size here: a tab reaches to its next stop; what fits no row becomes ``?``."""
    if cell.shown == "\t":
        size = min(TAB - used % TAB, width - used) if used < width else 1
        return cell._replace(shown=" " * size, width=size)
    if cell.shown == "\n":
        return cell._replace(width=0)
    return cell if cell.width <= max(1, width - indent) else cell._replace(shown="?", width=1)


def painted(row: Sequence[Cell], width: int) -> Row:
    """Return the row to draw.

    :raises ValueError: it is wider than ``width``, as the drawing library counts.
    """
    parts = [(look, _encoded(part)) for look, part in _runs(row)]
    shown = b"".join(part for _, part in parts)
    room = width - _measured(shown)
    if room < 0:
        raise ValueError("This row is too wide")
    looks = [(look, len(part)) for look, part in parts]
    return Row(shown + b" " * room, [*looks, (looks[-1][0] if looks else None, room)] if room else looks)


def _check_edge(row: Row) -> None:
    """Check that what the row begins with would not become one with what is at its left.

    :raises ValueError: it would, like an accent.
    """
    if _measured(b" " + row.shown) != 1 + _measured(row.shown):
        raise ValueError("This row does not stand alone")


def columns(row: Sequence[Cell]) -> int:
    """Return how many columns the row takes, as the drawing library counts."""
    return _measured(_encoded("".join(cell.shown for cell in row)))


def can_be_said(text: str) -> bool:
    """Return whether the terminal's encoding has these characters."""
    try:
        text.encode(urwid.util.get_encoding())
    except UnicodeEncodeError:
        return False
    return True


def _encoded(text: str) -> bytes:
    return text.encode(urwid.util.get_encoding(), "replace")


def _measured(shown: bytes) -> int:
    return int(urwid.calc_width(shown, 0, len(shown)))


def _runs(row: Sequence[Cell]) -> Iterator[tuple[str | None, str]]:
    for look, part in groupby(row, key=lambda cell: cell.look):
        yield look, "".join(cell.shown for cell in part)


def _numbers(said: str, length: int) -> list[Cell]:
    """Return cells that show ``said`` in place of ``length`` characters, as far as the terminal can."""
    if not can_be_said(said):
        said = said.replace("‹", "<").replace("›", ">")
    first, *others = (Cell(letter, 1, UNSEEN, 0) for letter in said)
    return [first._replace(length=length), *others]


def _clusters(text: str) -> Iterator[str]:
    """Yield what a person calls characters; a vowel sign stays with its consonant while that is short."""
    held = ""
    for cluster in wcwidth.iter_graphemes(text):
        is_letter = held not in ("", "\n", "\t")
        if is_letter and category(cluster[0])[0] == "M" and len(held) + len(cluster) <= MAX_CLUSTER:
            held += cluster
            continue
        if held:
            yield held
        held = cluster
    if held:
        yield held


@lru_cache(maxsize=10_000)
def _width(cluster: str) -> int:
    apart = sum(max(wcwidth.wcwidth(letter), category(letter) == "Mc", 0) for letter in cluster)
    return max(apart, wcwidth.width(cluster, control_codes="ignore"), 1)
