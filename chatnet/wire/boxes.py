"""The boxes in a stream of bytes: AMP's framing, read in one loop. Pure.

Twisted's own reader is two state machines, both called for each string, and takes seven times as long.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

Box = dict[bytes, bytes]

_END = b"\0\0"

MAX_BOX = 128 * 1024
"""The longest box that is read: its keys and values together, in bytes."""
MAX_STRANGERS_BOX = 4 * 1024
"""Likewise for those who have not logged in or proven anything: it is enough to do so."""
MAX_KEY = 255
"""The longest key that AMP allows, in bytes."""
MAX_KEYS = 32
"""How many keys a box has at most: each costs us much more than its bytes."""


class Malformed(Exception):
    """What came cannot be read; the text says why, for the log."""


def serialize(box: Mapping[bytes, bytes]) -> bytes:
    """The bytes of a box; Twisted's own sorts its keys, and looks at the types and lengths of all.

    :raises OverflowError: a value is longer than AMP can carry (65,535 bytes).
    """
    parts: list[bytes] = []
    for key, value in box.items():
        parts += (len(key).to_bytes(2, "big"), key, len(value).to_bytes(2, "big"), value)
    parts.append(_END)
    return b"".join(parts)


class Boxes:
    """Reads boxes from a stream that comes in pieces, cut anywhere.

    What it keeps of a box that is not yet complete is never more than ``most`` bytes; it may be
    changed at any time, for the boxes that follow.
    """

    __slots__ = ("_box", "_keys", "_rest", "_room", "most")

    def __init__(self, most: int = MAX_BOX) -> None:
        self.most = most
        self._rest = b""
        self._box: Box | None = None  # between two boxes, as it mostly is: an empty dict takes memory
        self._room = self._keys = 0

    def feed(self, piece: bytes) -> Generator[Box, None, None]:
        """The boxes that ``piece`` completes, each read when it is asked for.

        What is not asked for is kept as it came, and read first the next time; before that, close the
        generator or drop it.

        :raises Malformed: a key or a box is too long; whole boxes before it were given. Feed nothing then.
        """
        self._rest = self._rest + piece if self._rest else piece
        return self._read()

    def _read(self) -> Generator[Box, None, None]:
        stream = self._rest
        box, room, keys = self._box, self._room, self._keys
        at, end = 0, len(stream)
        try:
            while at + 2 <= end:
                size = stream[at] << 8 | stream[at + 1]
                if not size:
                    at += 2
                    whole, box = box, None
                    yield {} if whole is None else whole
                    continue
                if size > MAX_KEY:
                    raise Malformed(f"a key is longer than {MAX_KEY} bytes: this is not AMP")
                value = at + size + 4
                if value > end:
                    break
                stop = value + (stream[value - 2] << 8 | stream[value - 1])
                size = stop - at - 4
                if not box:
                    box, room, keys = {}, self.most, MAX_KEYS
                if size > room:
                    raise Malformed(f"a box is larger than {self.most} bytes")
                if not keys:
                    raise Malformed(f"a box has more than {MAX_KEYS} keys")
                if stop > end:
                    break
                box[stream[at + 2 : value - 2]] = stream[value:stop]
                room -= size
                keys -= 1
                at = stop
        finally:
            self._rest, self._box, self._room, self._keys = stream[at:], box or None, room, keys
