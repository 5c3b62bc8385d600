"""Questions to a log, in a form that all stores answer in the same way. Pure.

A store's own types have limits: PostgreSQL's text cannot hold NUL, neither store's text can hold half of a
surrogate pair, and no number is greater than 2^63 - 1. No log contains what its store cannot hold; so each
question is changed to the nearest one that the store can take and that has the same answer.
"""

from __future__ import annotations

import re

from chatnet.names import GUEST, is_room, is_user
from chatnet.reads import LAST_SEQ

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_PRIVATE = "\ue000"
"""Sorts right after the surrogates; no name has it."""


def known_seq(seq: int) -> int:
    """Return ``seq``, or the greatest possible one."""
    return min(seq, LAST_SEQ)


def known_name(user: str) -> str:
    """Return ``user``, or a name that nobody has."""
    return user if is_user(user) else ""


def known_room(room: str) -> str:
    """Return ``room``, or a name that no room has."""
    return room if is_room(room) else ""


def known_text(text: str) -> str:
    """Return ``text``, or one that sorts in the same place among names and rooms."""
    # No name has a NUL: a name after a text with NUL is one after the part before the NUL.
    return _NO_TEXT.sub(_PRIVATE, text.partition("\0")[0])


def rooms_between(prefix: str, after: str) -> tuple[str, str, str] | None:
    """Return bounds for the rooms with ``prefix`` after ``after``: at least the first, above the second,
    below the third.

    None: there are no such rooms.
    """
    if _NO_TEXT.search(prefix):
        return None
    after = known_text(after)
    # No name has the last code point, so everything that begins with the prefix sorts before this.
    return prefix, after, prefix + "\U0010ffff"


def users_between(prefix: str, after: str) -> tuple[str, str, str] | None:
    """Return such bounds for the users with ``prefix`` after ``after``: without one, all users, and no guest.

    None: there are none.
    """
    between = rooms_between(prefix, after)
    return between if between is None or prefix else (*between[:2], GUEST)
