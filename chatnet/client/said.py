"""A post as people see it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from chatnet.entries import Entry
from chatnet.names import spelled_for


class Said(NamedTuple):
    """What ``user`` has said in ``room``, as the reader spells it: ``@bob`` is their conversation with bob.

    ``time`` is in milliseconds since 1970, by the log's clock, and ``seq`` its place in the log; both are 0
    for a post that is not acknowledged yet.
    """

    room: str
    user: str
    text: str
    time: int = 0
    seq: int = 0

    @classmethod
    def by(cls, post: Entry, reader: str) -> Said:
        """Return what was said in ``post``, for ``reader``."""
        return cls(spelled_for(post.room, reader), post.user, post.text, post.time, post.seq)

    @property
    def line(self) -> str:
        """The post with its author; and with its room, unless that is its author's own."""
        said = f"{self.user}: {self.text}"
        return said if self.room == self.user else f"[{self.room}] {said}"
