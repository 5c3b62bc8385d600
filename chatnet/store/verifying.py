"""Checks whether the log still has what was read at a cursor."""

from __future__ import annotations

from chatnet.cursor import Cursor
from chatnet.errors import CursorAhead
from chatnet.log import Log
from chatnet.reads import CursorAt


async def verify(log: Log, cursor: Cursor) -> None:
    """:raises CursorAhead: ``cursor`` is not of this log: the log ends before it, or differs there."""
    if await cursor_at(log, cursor.seq) != cursor:
        raise CursorAhead.of(cursor=cursor.seq)


async def cursor_at(log: Log, seq: int) -> Cursor | None:
    """Return the cursor at ``seq``: from the window, if it holds it, otherwise by a read."""
    return log.window.at(seq) or await log.read(CursorAt(seq))
