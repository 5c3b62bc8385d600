"""The ids of messages: an entry's seq, and a check of it. Pure.

A post has the same id at every worker, live and in history. A log that was put back to an earlier state goes
on with other entries under the same seqs: the check tells them apart.
"""

from __future__ import annotations

import re
from hashlib import sha256

from chatnet.entries import Entry

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
_ID = re.compile("([1-9a-z][0-9a-z]{0,12})-([0-9a-f]{8})")
_MOST_SEQ = (1 << 63) - 1


def msgid(entry: Entry) -> str:
    """Return the id of an entry."""
    return f"{in_base_36(entry.seq)}-{check(entry.user, entry.key)}"


def check(user: str, key: bytes) -> str:
    """Return what an id has of the entry of ``user`` with this key."""
    return sha256(user.encode() + key).hexdigest()[:8]


def read(text: str) -> tuple[int, str] | None:
    """Return the seq and the check in an id; None if this is none of ours."""
    found = _ID.fullmatch(text)
    if found is None:
        return None
    seq = int(found[1], 36)
    return (seq, found[2]) if seq <= _MOST_SEQ else None


def in_base_36(number: int) -> str:
    """Return a number that is not negative in digits and small letters."""
    text = ""
    while number >= 36:
        number, pair = divmod(number, 1_296)
        text = _PAIRS[pair] + text
    return _DIGITS[number] + text if number or not text else text
