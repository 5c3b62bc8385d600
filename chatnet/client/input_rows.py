"""What is typed as rows of a terminal's cells, and where the cursor is in them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from chatnet.client.cells import UNSEEN, Cell, Row, can_be_said, cells, columns, painted, wrapped

View = tuple[list[Row], tuple[int, int]]
"""Rows, and the cursor's column and row in them."""


def view(prompt: str, text: str, cursor: int, width: int, height: int, *, is_secret: bool) -> View:
    """Return at most ``height`` rows of ``text`` behind its prompt, around the cursor; of a secret, stars."""
    if is_secret:
        return _around(cells(prompt), [Cell("*", 1)] * len(text), cursor, width, height)
    try:
        return _around(cells(prompt), cells(text), cursor, width, height)
    except Exception:  # whatever breaks a library, as in cells.rows
        return _around(cells(prompt), cells(text, by_number=True), cursor, width, height)


def below(above: Callable[[int, int], View], question: str, width: int, height: int) -> View:
    """Return a question, with the cursor behind it; and above it what ``above`` shows in the rows left."""
    asked = wrapped([*cells(question), Cell(" ", 1)], width)[-height:]
    shown = above(width, height - len(asked))[0] if height > len(asked) else []
    cursor = min(columns(asked[-1][:-1]), width - 1), len(shown) + len(asked) - 1
    return [*shown, *(painted(row, width) for row in asked)], cursor


def _around(prompt: Sequence[Cell], text: Sequence[Cell], cursor: int, width: int, height: int) -> View:
    lines = wrapped([*prompt, *_with_breaks(text), Cell(" ", 1)], width, by_word=False)
    number, before = _find(lines, sum(cell.length for cell in prompt) + cursor)
    first = max(0, min(number - height // 2, len(lines) - height))
    shown = [painted(line, width) for line in lines[first : first + height]]
    return shown, (min(columns(lines[number][:before]), width - 1), number - first)


def _with_breaks(text: Sequence[Cell]) -> Iterator[Cell]:
    """Yield the cells with a visible sign for each line feed, on which the cursor can stand."""
    sign = "⏎" if can_be_said("⏎") else "/"
    for cell in text:
        if cell.shown == "\n":
            yield Cell(sign, 1, UNSEEN)
            yield cell._replace(length=0)
        else:
            yield cell


def _find(lines: Sequence[Sequence[Cell]], offset: int) -> tuple[int, int]:
    """Return the line, and the cell in it, where the character at ``offset`` is."""
    for number, line in enumerate(lines):
        for before, cell in enumerate(line):
            if offset < cell.length:
                return number, before
            offset -= cell.length
    raise IndexError(offset)
