"""Is what a cursor was read at still in the log?"""

from __future__ import annotations

from chatnet.cursor import Cursor
from chatnet.errors import CursorAhead
from chatnet.log import Log
from chatnet.reads import CursorAt


async def verify(log: Log, cursor: Cursor) -> None:
    """:raises CursorAhead: ``cursor`` is none of this log: it ends before, or has something else there."""
    if await cursor_at(log, cursor.seq) != cursor:
        raise CursorAhead.of(cursor=cursor.seq)


async def cursor_at(log: Log, seq: int) -> Cursor | None:
    """The cursor at ``seq``: from the window, if it holds it, else by a read."""
    return log.window.at(seq) or await log.read(CursorAt(seq))
