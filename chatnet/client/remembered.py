"""The posts that were seen last: whose each is, and its check, to name it in a request. Pure."""

from __future__ import annotations

from typing import NamedTuple

from chatnet.cursor import Cursor

MOST_REMEMBERED = 10_000
"""How many posts are remembered."""


class _Post(NamedTuple):
    check: bytes
    user: str
    room: str


class Remembered:
    """Posts by their seqs."""

    def __init__(self) -> None:
        self._posts: dict[int, _Post] = {}

    def saw(self, at: Cursor, user: str, room: str) -> None:
        """A post of ``user`` in ``room`` was seen, with the cursor at it."""
        self._posts.pop(at.seq, None)
        self._posts[at.seq] = _Post(at.check, user, room)
        if len(self._posts) > MOST_REMEMBERED:
            del self._posts[next(iter(self._posts))]

    def check_of(self, seq: int) -> bytes | None:
        """Return the check of the post ``seq``; None if it was not seen, or long ago."""
        post = self._posts.get(seq)
        return None if post is None else post.check

    def author_of(self, seq: int) -> str:
        """Return who said the post ``seq``; empty if that is not known."""
        post = self._posts.get(seq)
        return "" if post is None else post.user

    def knows(self, user: str) -> bool:
        """Return whether a post of ``user`` is among them."""
        return any(post.user == user for post in self._posts.values())

    def room_of(self, seq: int) -> str:
        """Return where the post ``seq`` was said; empty if that is not known."""
        post = self._posts.get(seq)
        return "" if post is None else post.room
