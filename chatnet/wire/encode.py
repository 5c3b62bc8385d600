"""The most frequent boxes, made by hand: the same bytes as AMP's, several times faster. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.wire.boxes import Box, serialize

BARE_PING: Box = {b"_command": b"Ping"}
PING = serialize(BARE_PING)
"""The box of a ``Ping`` that is only a sign of life."""
_DELIVER = b"\0\x08_command\0\x07Deliver\0\x05entry"
_END = b"\0\0"
_encode = msgspec.msgpack.Encoder().encode


def ping(cursor: Cursor) -> bytes:
    """Return the box of a ``Ping`` that says: nothing for you up to ``cursor``."""
    digits = b"%d" % cursor.seq
    return b"\0\x08_command\0\x04Ping\0\x03seq\0%c%b\0\x05check\0\x08%b\0\0" % (
        len(digits),
        digits,
        cursor.check,
    )


def for_clients(entry: Entry) -> Entry:
    """Return an entry as clients are given it: its places are not for them, since they may tell that
    somebody blocks its author."""
    return msgspec.structs.replace(entry, at=()) if entry.at else entry


def deliver(posts: Iterable[Entry]) -> bytes:
    """Return the boxes of ``Deliver`` for ``posts``, one after the other."""
    parts: list[bytes] = []
    for post in posts:
        blob = _encode(for_clients(post))
        parts += (_DELIVER, len(blob).to_bytes(2, "big"), blob, _END)
    return b"".join(parts)


def committed(epoch: int, entries: list[Entry], most_bytes: int) -> Iterator[bytes]:
    """The boxes of ``Committed`` that push ``entries``, each of ``most_bytes``, or of a single one."""
    blob = _encode(entries)
    if len(blob) <= most_bytes or len(entries) == 1:
        yield serialize({b"_command": b"Committed", b"entries": blob, b"epoch": b"%d" % epoch})
        return
    parts = len(blob) // most_bytes + 1
    size = -(-len(entries) // parts)
    for start in range(0, len(entries), size):
        yield from committed(epoch, entries[start : start + size], most_bytes)
