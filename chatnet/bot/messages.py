"""What a bot and the cluster say to each other, in JSON: see docs/web.md. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

VERSION = 1
EVERYTHING = (1 << 53) - 1
"""How many entries a bot may be behind, and still gets all of them: it misses nothing."""


class Cursor(msgspec.Struct, frozen=True, gc=False):
    """Everything up to ``seq`` was read, in a log whose entry there has this ``check``."""

    seq: int
    check: str


class Post(msgspec.Struct, frozen=True, gc=False):
    """What the bot hears: a post, or an entry of another ``kind``.

    ``time`` is in milliseconds since 1970. ``room`` of a conversation is ``alice=bob``; :meth:`where` is how
    one answers there. ``ref`` is the entry that it refers to; ``form`` is "notice" or "action".
    """

    seq: int
    check: str
    time: int
    kind: str
    user: str
    room: str
    text: str = ""
    key: str = ""
    to: str = ""
    ref: Cursor | None = None
    form: str = ""
    until: int = 0
    redacted: bool = False

    @property
    def cursor(self) -> Cursor:
        """How far one has read who has read this."""
        return Cursor(self.seq, self.check)

    def where(self, me: str) -> str:
        """Return the room of this entry as ``me`` says it in a command."""
        first, _, second = self.room.partition("=")
        return f"@{second if first == me else first}" if second else self.room


class Received(msgspec.Struct, gc=False):
    """A message of the cluster: of its values those that this ``t`` has. A newer one may have more."""

    t: str
    v: int = 0
    user: str = ""
    log: str = ""
    cursor: Cursor | None = None
    posts: list[Post] = []
    gap: dict[str, int] | None = None
    id: int | None = None
    code: str = ""
    text: str = ""
    n: int = 0


_received = msgspec.json.Decoder(Received).decode
_answer = msgspec.json.Decoder(dict[str, Any]).decode
_post = msgspec.convert
encode = msgspec.json.Encoder().encode


def received(text: str | bytes) -> Received | None:
    """Return a message of the cluster; None if this is nothing that we know how to read."""
    try:
        return _received(text)
    except (msgspec.DecodeError, UnicodeError):
        return None


def results(text: str | bytes) -> dict[str, Any]:
    """Return the results in the answer to a command."""
    return {name: value for name, value in _answer(text).items() if name not in ("t", "id")}


def posts_in(results: dict[str, Any]) -> list[Post]:
    """Return the posts of an answer."""
    return msgspec.convert(results.get("posts", []), list[Post])


def said(message: dict[str, Any]) -> str:
    """Return a message to the cluster."""
    return encode(message).decode()
