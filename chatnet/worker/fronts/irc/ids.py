"""The ids of messages on IRC: which entry of which log a ``msgid`` means. Pure.

An id is the seq and the check of the entry (see :mod:`chatnet.cursor`): so it is the same on all workers,
live and in histories; what it means is found by its seq; and after a log was put back, nothing else has it.
"""

from __future__ import annotations

import re

from chatnet.cursor import CHECK_BYTES, Cursor
from chatnet.entries import Entry, Ref
from chatnet.irc.msgids import in_base_36

_ID = re.compile(rf"([0-9a-z]{{1,13}})-([0-9a-f]{{{2 * CHECK_BYTES}}})")


def msgid(log_id: str, entry: Entry) -> str:
    """Return the id of ``entry``."""
    return shown(Ref(entry.seq, Cursor.at(log_id, entry).check))


def shown(ref: Ref) -> str:
    """Return the id of what is referred to."""
    return f"{in_base_36(ref.seq)}-{ref.check.hex()}"


def read(said: str) -> Ref | None:
    """Return what an id refers to; None if it is none of ours."""
    found = _ID.fullmatch(said)
    if found is None or (seq := int(found[1], 36)) >= 1 << 63:
        return None
    return Ref(seq, bytes.fromhex(found[2]))
