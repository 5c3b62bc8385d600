"""What a client wrote down of a channel, read while it writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple


class Heard(NamedTuple):
    """A line of somebody's, and when it was found here, in monotonic seconds."""

    author: str
    text: str
    at: float


class Transcript:
    """A client's log file, which may not be there yet; ``pattern`` matches a line of somebody's.

    Its groups ``author`` and ``text`` say what was said.
    """

    def __init__(self, path: Path, pattern: str) -> None:
        self._path = path
        self._pattern = re.compile(pattern)
        self._read = 0
        self.heard: list[Heard] = []

    def look(self, now: float) -> None:
        """Read what is new: whole lines alone."""
        try:
            with self._path.open("rb") as lines:
                lines.seek(self._read)
                whole, end, _ = lines.read().rpartition(b"\n")
        except FileNotFoundError:
            return
        self._read += len(whole) + len(end)
        for line in whole.decode().splitlines():
            if found := self._pattern.fullmatch(line):
                self.heard.append(Heard(found["author"], found["text"], now))
