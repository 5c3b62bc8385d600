"""Marks: how far a user has read in a room, and how far a device has heard. A mark is no entry; of two, the
greater one wins. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatnet.names import MAX_NAME, MAX_ROOM

MOST_MARKS = 200
"""How many marks travel together at most, and how many a worker passes on in a second."""
MOST_KEPT = 4_000
"""How many rooms of a user keep a mark: all that one may be in, and as many conversations. One marks what one
likes to call a conversation, so nothing else would bound them."""
MOST_USED = 100
"""How many sessions of a user are known for when they were last used: more than there may be at a time. These
are counted apart, so that rooms never drive them out, nor the other way round."""
MOST_HEARD = 100
"""How many devices of a user are known for what they have heard: more than there may be at a time. These are
counted apart, too."""
MOST_KINDS = {"": MOST_KEPT, "!": MOST_USED, "!@": MOST_HEARD}
"""How many marks of each kind are kept of a user, by :func:`kind_of` their rooms."""


def used(session: int) -> str:
    """Return the room under which it is kept when the session at this seq was last used: no room is called
    so. What is kept there is the log's head of then."""
    return f"!{session}"


def heard(device: str) -> str:
    """Return the room under which it is kept up to where a device has heard everything that is for its user:
    no room is called so."""
    return f"!@{device}"


def kind_of(room: str) -> str:
    """Return which marks are counted together: those of rooms, and those under :func:`used` and
    :func:`heard`."""
    return "" if room[0] != "!" else room[: 1 + (room[1] == "@")]


class UserMark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``user`` has read ``room`` up to ``seq``."""

    user: Annotated[str, Meta(max_length=MAX_NAME)]
    room: Annotated[str, Meta(max_length=MAX_ROOM)]
    seq: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]

    @property
    def is_of_room(self) -> bool:
        """Whether other sessions of the user are told of it: not of one under :func:`used` or
        :func:`heard`."""
        return self.room[0] != "!"


def cut(marks: Iterable[UserMark], head: int) -> Sequence[UserMark]:
    """Return the greatest mark of each user and room, in their order, none of them above ``head``."""
    greatest: dict[tuple[str, str], int] = {}
    for mark in marks:
        whose = mark.user, mark.room
        greatest[whose] = max(greatest.get(whose, 0), min(mark.seq, head))
    return [UserMark(*whose, seq) for whose, seq in sorted(greatest.items())]
