"""The boxes that arrived on a connection and are not handled yet, in order and within limits. Pure."""

from __future__ import annotations

from collections import deque

from chatnet.wire.boxes import Box

MOST_BOXES, MOST_BYTES = 64, 16 * 1024
"""How much may wait before reading stops: the number of boxes, and about how many bytes of memory."""
KEY_COST = 64
"""Bytes of memory that a key and its value take, on top of their own length."""


class Intake:
    """A queue of boxes. Iterating takes them out, the oldest first."""

    __slots__ = ("_boxes", "_bytes")

    def __init__(self) -> None:
        self._boxes: deque[Box] = deque()
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether so much waits that reading must stop."""
        return len(self._boxes) >= MOST_BOXES or self._bytes >= MOST_BYTES

    def put(self, box: Box) -> None:
        """Add ``box`` at the end."""
        self._boxes.append(box)
        self._bytes += _cost(box)

    def __len__(self) -> int:
        return len(self._boxes)

    def __iter__(self) -> Intake:
        return self

    def __next__(self) -> Box:
        if not self._boxes:
            raise StopIteration
        box = self._boxes.popleft()
        self._bytes -= _cost(box)
        return box


def _cost(box: Box) -> int:
    return sum(KEY_COST + len(key) + len(value) for key, value in box.items())
