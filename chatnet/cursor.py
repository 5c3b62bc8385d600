"""How far somebody has read: a seq, and a check of the entry there. Pure.

A seq alone does not identify a post: when a log is put back to an earlier state, by a restore or a fail-over,
it continues with other entries under the same seqs. So a reader that returns shows by the check what it has
read there, without keeping it; and whoever has the entry can compute the check.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Self

import msgspec

from chatnet.entries import Entry
from chatnet.errors import BadRequest

CHECK_BYTES = 8
"""The length of a check: two entries have the same one by chance in one of 2**64 cases."""


class Cursor(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything up to ``seq`` was read, in a log whose entry there has this ``check``."""

    seq: int
    check: bytes

    @classmethod
    def at(cls, log_id: str, entry: Entry) -> Self:
        """Return the cursor at ``entry`` of the log ``log_id``."""
        return cls(entry.seq, _check(log_id, entry.seq, entry.user, entry.key))

    @classmethod
    def beginning(cls, log_id: str) -> Self:
        """Return the cursor before the first entry of that log."""
        return cls(0, _check(log_id, 0, "", b""))

    @classmethod
    def of_row(cls, log_id: str, seq: int, user: str | None, key: bytes | None) -> Self | None:
        """Return the cursor at ``seq``, where the table has ``user`` and ``key``; None if neither."""
        if seq == 0:
            return cls.beginning(log_id)
        return None if user is None or key is None else cls(seq, _check(log_id, seq, user, key))

    @classmethod
    def received(cls, seq: int | None, check: bytes | None) -> Self | None:
        """Return the cursor from two values that may be missing.

        :raises BadRequest: one came without the other.
        """
        if seq is None and check is None:
            return None
        if seq is None or check is None:
            raise BadRequest.of(why="a cursor is a seq and its check, both or none.")
        return cls(seq, check)


def is_of(check: bytes, log_id: str, entry: Entry) -> bool:
    """Return whether this is the check of ``entry`` in the log ``log_id``."""
    return check == _check(log_id, entry.seq, entry.user, entry.key)


def _check(log_id: str, seq: int, user: str, key: bytes) -> bytes:
    return sha256(f"{log_id}|{seq}|{user}|".encode() + key).digest()[:CHECK_BYTES]
