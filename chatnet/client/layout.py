"""The parts of the screen: the feed, the rooms beside it if it is wide, the status line, and the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import urwid

from chatnet.client.back import Back
from chatnet.client.cells import Row, cells, painted, wrapped
from chatnet.client.column import WIDE, WIDTH, beside, room_rows
from chatnet.client.draft import Draft
from chatnet.client.rooms import Rooms
from chatnet.client.scroll import Scroll

MOVES = {"meta up": -1, "meta down": 1}
EMPTY_MOVES = {"shift tab": -1, "tab": 1}
"""These move as well if nothing is typed and the rooms are seen."""


class Layout(urwid.Widget):
    """Draws the parts, and gives each key to the part that it is for.

    The page keys move the feed, and End brings it back; Alt and an arrow call ``move``, and so does Tab where
    it has nothing to complete; all other keys go to the input. ``changed`` is called after each key.
    """

    _sizing = frozenset([urwid.BOX])
    _selectable = True
    no_cache = ["render"]

    def __init__(
        self,
        scroll: Scroll,
        back: Back,
        rooms: Rooms,
        draft: Draft,
        move: Callable[[int], None],
        changed: Callable[[], None],
    ) -> None:
        super().__init__()
        self._scroll, self._back, self._rooms, self._draft = scroll, back, rooms, draft
        self._move, self._changed = move, changed
        self.standing = ""

    def render(self, size: Any, focus: bool = False) -> urwid.Canvas:
        width, height = size
        typed, (column, row) = self._typed(width, height)
        shown = self._above(width, height - len(typed) - (height > 1))
        if height > 1:
            shown.append(painted(wrapped(cells(self.standing, "standing"), width, by_word=False)[0], width))
        shown += typed
        return urwid.TextCanvas(
            [row.shown for row in shown],
            [list(row.looks) for row in shown],
            maxcol=width,
            cursor=(column, height - len(typed) + row),
        )

    def keypress(self, size: Any, key: str) -> str | None:
        if key in ("page up", "page down"):
            self._page(size, key)
        elif key in MOVES:
            self._move(MOVES[key])
        elif key in EMPTY_MOVES and not self._draft.text and self._feed_width(size[0]) < size[0]:
            self._move(EMPTY_MOVES[key])
        elif key == "end" and self._back.is_back:
            self._back.end()
        elif not self._draft.press(key):
            return key
        self._changed()
        return None

    def _above(self, width: int, height: int) -> list[Row]:
        """Return the rows of the feed, and of the rooms beside it."""
        inner = self._feed_width(width)
        shown = self._scroll.visible(inner, height)
        shown += [painted([], inner)] * (height - len(shown))
        if inner == width:
            return shown
        return [beside(room, row) for room, row in zip(room_rows(self._rooms, height), shown, strict=True)]

    def _feed_width(self, width: int) -> int:
        return width if width < WIDE or self._rooms.here is None else width - WIDTH

    def _page(self, size: tuple[int, int], key: str) -> None:
        width, height = size
        room = max(1, height - len(self._typed(width, height)[0]) - 1)
        turn = self._back.page_up if key == "page up" else self._back.page_down
        turn(self._feed_width(width), room)

    def _typed(self, width: int, height: int) -> tuple[list[Row], tuple[int, int]]:
        """Return the rows of the input, and the cursor in them. The last column stays empty: a character in
        the last corner of a terminal would scroll it."""
        inner = max(1, width - 1)
        typed, cursor = self._draft.laid_out(inner, max(1, (height - 1) // 2))
        margin = width - inner
        return [Row(row.shown + b" " * margin, [*row.looks, (None, margin)]) for row in typed], cursor
