"""The boxes in a stream of bytes: AMP's framing, read in one loop. Pure.

Twisted's own reader has two state machines, both called for each string, and takes seven times as long.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

Box = dict[bytes, bytes]

_END = b"\0\0"

MAX_BOX = 128 * 1024
"""Bytes of the longest box that is read: its keys and values together."""
MAX_STRANGERS_BOX = 4 * 1024
"""The same for peers that have not logged in or proven anything: it is enough to do so."""
MAX_KEY = 255
"""The longest key that AMP allows, in bytes."""
MAX_KEYS = 32
"""How many keys a box has at most: each costs us much more than its bytes."""


class Malformed(Exception):
    """The bytes cannot be read; the text says why, for the log."""


def serialize(box: Mapping[bytes, bytes]) -> bytes:
    """Return the bytes of a box. Twisted's own function also sorts the keys, and checks types and lengths.

    :raises OverflowError: a value is longer than AMP can carry (65,535 bytes).
    """
    parts: list[bytes] = []
    for key, value in box.items():
        parts += (len(key).to_bytes(2, "big"), key, len(value).to_bytes(2, "big"), value)
    parts.append(_END)
    return b"".join(parts)


class Boxes:
    """Reads boxes from a stream that arrives in pieces, cut anywhere.

    It keeps at most ``most`` bytes of an incomplete box; ``most`` may be changed at any time, for later
    boxes.
    """

    __slots__ = ("_box", "_keys", "_rest", "_room", "most")

    def __init__(self, most: int = MAX_BOX) -> None:
        self.most = most
        self._rest = b""
        self._box: Box | None = None  # None between two boxes, the usual case: an empty dict takes memory
        self._room = self._keys = 0

    def feed(self, piece: bytes) -> Generator[Box, None, None]:
        """Return the boxes that ``piece`` completes, each read when it is asked for.

        What is not asked for is kept, and read first at the next call; before that call, close or drop the
        generator.

        :raises Malformed: a key or a box is too long; whole boxes before it were given. Then feed nothing.
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
