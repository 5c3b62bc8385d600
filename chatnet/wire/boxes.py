"""The boxes in a stream of bytes: AMP's framing, read in one loop. Pure.

Twisted's own reader, a state machine upon another, each called for each string, takes seven times as long.
"""

from __future__ import annotations

from collections.abc import Iterator

Box = dict[bytes, bytes]

MAX_BOX = 128 * 1024
"""A box of which the keys and values are longer together, in bytes, is not read."""
MAX_KEY = 255
"""The longest key that AMP allows, in bytes."""


class Malformed(Exception):
    """What came cannot be read; the text says why, for the log."""


class Boxes:
    """Reads boxes from a stream that comes in pieces, cut anywhere.

    What it keeps of a box that is not yet complete is never more than the bound.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._box: Box = {}
        self._room = MAX_BOX

    def feed(self, piece: bytes) -> Iterator[Box]:
        """The boxes that ``piece`` completes, each read when it is asked for.

        Who does not ask for all of them must feed no more.

        :raises Malformed: a key or a box is too long; whole boxes before it were given. Feed no more.
        """
        stream = self._rest + piece if self._rest else piece
        box, room = self._box, self._room
        at, end = 0, len(stream)
        while at + 2 <= end:
            size = stream[at] << 8 | stream[at + 1]
            if not size:
                yield box
                box, room = {}, MAX_BOX
                at += 2
                continue
            if size > MAX_KEY:
                raise Malformed(f"a key is longer than {MAX_KEY} bytes: this is not AMP")
            value = at + size + 4
            if value > end:
                break
            stop = value + (stream[value - 2] << 8 | stream[value - 1])
            size = stop - at - 4
            if size > room:
                raise Malformed(f"a box is larger than {MAX_BOX} bytes")
            if stop > end:
                break
            box[stream[at + 2 : value - 2]] = stream[value:stop]
            room -= size
            at = stop
        self._rest, self._box, self._room = stream[at:], box, room
