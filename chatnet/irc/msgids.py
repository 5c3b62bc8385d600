"""The ids of messages on IRC: which entry of which log a ``msgid`` means. Pure.

An id is the seq and the check of the entry (see :mod:`chatnet.cursor`): so it is the same at all workers,
live and in history; what it means is found by its seq; and once a log was put back to an earlier state,
nothing else has it.
"""

from __future__ import annotations

import re

from chatnet.cursor import CHECK_BYTES, Cursor
from chatnet.entries import Entry, Ref

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
_ID = re.compile(rf"([1-9a-z][0-9a-z]{{0,12}})-([0-9a-f]{{{2 * CHECK_BYTES}}})")
_MOST_SEQ = (1 << 63) - 1


def msgid(log_id: str, entry: Entry) -> str:
    """Return the id of an entry of the log ``log_id``."""
    return shown(Ref(entry.seq, Cursor.at(log_id, entry).check))


def shown(ref: Ref) -> str:
    """Return the id of what is referred to."""
    return f"{in_base_36(ref.seq)}-{ref.check.hex()}"


def read(text: str) -> Ref | None:
    """Return what an id refers to; None if it is none of ours."""
    found = _ID.fullmatch(text)
    if found is None:
        return None
    seq = int(found[1], 36)
    return Ref(seq, bytes.fromhex(found[2])) if seq <= _MOST_SEQ else None


def in_base_36(number: int) -> str:
    """Return a number that is not negative in digits and small letters."""
    text = ""
    while number >= 36:
        number, pair = divmod(number, 1_296)
        text = _PAIRS[pair] + text
    return _DIGITS[number] + text if number or not text else text
