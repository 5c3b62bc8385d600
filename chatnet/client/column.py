"""The column of rooms, left of the feed. Pure."""

from __future__ import annotations

from chatnet.client.cells import Row, rows
from chatnet.client.rooms import Listed, Rooms
from chatnet.reads import MOST_UNREAD

WIDE = 100
"""From this width on, in columns, a screen has room for it."""
WIDTH = 24
"""How wide it is, with the line at its right."""
_RIGHT = Row(b" | ", [("waiting", 3)])


def room_rows(rooms: Rooms, height: int) -> list[Row]:
    """Return ``height`` rows of :data:`WIDTH`; if there are more rooms, those around the one posts go to."""
    listed = rooms.listed()
    here = next((number for number, room in enumerate(listed) if room.is_here), 0)
    first = max(0, min(here - height // 2, len(listed) - height))
    shown = [_row(room) for room in listed[first : first + height]]
    empty = rows("", WIDTH - len(_RIGHT.shown))
    return [beside(row, _RIGHT) for row in shown + empty * (height - len(shown))]


def beside(left: Row, right: Row) -> Row:
    """Return both as one row."""
    return Row(left.shown + right.shown, [*left.looks, *right.looks])


def _row(listed: Listed) -> Row:
    count = f" {MOST_UNREAD}+" if listed.new >= MOST_UNREAD else f" {listed.new}" if listed.new else ""
    look = "here" if listed.is_here else "counted" if count else None
    name = rows(listed.room, WIDTH - len(_RIGHT.shown) - len(count), look)[0]
    return beside(name, rows(count, len(count), look)[0]) if count else name
