"""What is asked of a log, in the form that all stores answer alike. Pure.

A store's own types have limits: PostgreSQL's text holds no NUL, neither store's holds half of a surrogate
pair, and no number is greater than 2^63 - 1. What they cannot hold, no log has; so each question is put in
the nearest words that ask the same.
"""

from __future__ import annotations

import re

from chatnet.names import is_name, is_room

LAST_SEQ = (1 << 63) - 2
"""No entry has a greater seq; one more is still a number of both stores."""

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_PRIVATE = "\ue000"
"""Comes right behind the surrogates; no name has it."""


def known_seq(seq: int) -> int:
    """``seq``, or the greatest that there can be."""
    return min(seq, LAST_SEQ)


def known_name(user: str) -> str:
    """``user``, or nobody's name."""
    return user if is_name(user) else ""


def known_room(room: str) -> str:
    """``room``, or that of nothing."""
    return room if is_room(room) else ""


def rooms_between(prefix: str, after: str) -> tuple[str, str, str] | None:
    """The rooms with ``prefix`` behind ``after``: not before the first, behind the second, before the third.

    None: there are none.
    """
    if _NO_TEXT.search(prefix):
        return None
    # No name has a NUL: what is behind a text with one is behind what stands before it.
    after = _NO_TEXT.sub(_PRIVATE, after.partition("\0")[0])
    # No name has the last code point, so what begins with the prefix sorts before this.
    return prefix, after, prefix + "\U0010ffff"
