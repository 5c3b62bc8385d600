"""Tells pasted text from typed text: a paste becomes one key. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chatnet.client.draft import OVERLONG, Pasted

MAX_PASTE = 2**20
"""Bytes of a paste that are gathered; a larger paste is left out."""
_EDGE = re.compile(rb"\x1b\[20([01])~")
_BEGIN, _END = "begin paste", "end paste"


class Pastes:
    """Bracketed paste, over any number of reads."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._pasted: bytes | None = None  # None unless a paste is under way
        self._is_overlong = False

    def take(self, keys: Sequence[str], raw: bytes) -> list[str]:
        """Return ``keys``, which a terminal sent as ``raw``, with each complete paste as one key."""
        edges = [key for key in keys if key in (_BEGIN, _END)]
        parts = _EDGE.split(raw)[::2]
        if len(parts) != len(edges) + 1:
            return list(keys)
        taken: list[str] = []
        for typed, part, edge in zip(_split(keys), parts, [*edges, None], strict=True):
            taken += self._part(typed, part)
            if edge == _BEGIN:
                self._pasted = self._pasted or b""
            if edge == _END:
                taken += self._whole()
        return taken

    def _part(self, typed: list[str], raw: bytes) -> list[str]:
        if self._pasted is None:
            return typed
        taken = [key for key in typed if key == "window resize"]
        if not self._is_overlong:
            self._pasted += raw
            if len(self._pasted) > MAX_PASTE:
                self._pasted, self._is_overlong = b"", True
                taken.append(OVERLONG)
        return taken

    def _whole(self) -> list[str]:
        pasted, self._pasted, self._is_overlong = self._pasted, None, False
        if not pasted:
            return []
        text = pasted.decode(self._encoding, "replace")
        return [Pasted(text.replace("\r\n", "\n").replace("\r", "\n"))]


def _split(keys: Sequence[str]) -> Iterator[list[str]]:
    """Yield the parts between the edges of pastes, and at both ends."""
    part: list[str] = []
    for key in keys:
        if key in (_BEGIN, _END):
            yield part
            part = []
        else:
            part.append(key)
    yield part
