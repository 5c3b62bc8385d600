"""The log's entries and drafts, names, topics and mentions, and the one rule of who sees a post. Pure.

A *place* is where a post can be heard: its author's room, each topic in its text, and ``@name`` for each
user it mentions. A user listens at their own room, at ``@`` and their name, and in every room they are a
member of. The store's index, the router and the checkers of tests all go through :func:`places`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

import msgspec

from chatnet.errors import BadName, BadRoom, BadText

Kind = Literal["register", "secret", "join", "leave", "post"]

KEY_BYTES = 16
"""The length of a draft's key."""
MAX_TEXT = 2000
"""The longest text of a post, in characters."""
MAX_NAME = 32
MAX_TOPIC = 64

_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_BASE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_WORDS = re.compile(r"(?<![\w@#&/])([@#])([\w-]+)")
# Control characters but tab, halves of surrogate pairs (they have no encoding), line and paragraph breaks.
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Draft(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry not yet committed.

    ``room`` is the room joined or left, and the author's own room otherwise; ``text`` is a post's text, or
    the credential of a ``register`` or ``secret``; ``key`` is unique per user, for ever.
    """

    kind: Kind
    user: str
    room: str
    text: str
    key: bytes


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record of the log. ``seq`` is dense from 1; ``time`` is the log's, in milliseconds since 1970."""

    seq: int
    time: int
    kind: Kind
    user: str
    room: str
    text: str
    key: bytes


class Interval(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One stay of a user in a room: from the seq of the join to that of the leave, or None while it lasts."""

    room: str
    joined: int
    left: int | None


def fold_name(name: str) -> str:
    """``name`` in lower case, or raise :class:`BadName`."""
    folded = name.strip().lower()
    if not _NAME.fullmatch(folded):
        raise BadName.of(name=_quote(name))
    return folded


def fold_room(room: str) -> str:
    """A user's room or a topic in its one spelling (lower case, NFC), or raise :class:`BadRoom`."""
    folded = unicodedata.normalize("NFC", room.strip().lower())
    if folded.startswith("#"):
        if _is_topic(folded[1:]):
            return folded
    elif _NAME.fullmatch(folded):
        return folded
    raise BadRoom.of(room=_quote(room))


def check_text(text: str) -> str:
    """``text`` as it is, or raise :class:`BadText`: 1 to 2,000 characters, no control character but tab."""
    if not text:
        raise BadText.of(why="A post has at least one character.")
    if len(text) > MAX_TEXT:
        raise BadText.of(why=f"A post has at most {MAX_TEXT:,} characters; this one has {len(text):,}.")
    if _UNPRINTABLE.search(text):
        raise BadText.of(why="A post is one line, without control characters; tabs are fine.")
    return text


def is_topic(room: str) -> bool:
    """Is this (folded) room a topic, and not a user's room?"""
    return room.startswith("#")


def places(user: str, text: str) -> tuple[str, ...]:
    """Where a post of ``user`` is heard: their room, then its topics and ``@`` mentions, each once."""
    if "#" not in text and "@" not in text:
        return (user,)
    found = {user: None}
    for mark, word in _WORDS.findall(text):
        folded = unicodedata.normalize("NFC", word.lower())
        if (mark == "#" and _is_topic(folded)) or (mark == "@" and _NAME.fullmatch(folded)):
            found[mark + folded] = None
    return tuple(found)


class Memberships:
    """One user's stays in rooms, kept in step by the entries of the log."""

    __slots__ = ("_stays",)

    def __init__(self, intervals: Iterable[Interval] = ()) -> None:
        self._stays: dict[str, list[Interval]] = {}
        for interval in intervals:
            self._stays.setdefault(interval.room, []).append(interval)

    def apply(self, entry: Entry) -> bool:
        """Take one ``join`` or ``leave`` of this user; True if it changed who they are following now."""
        stays = self._stays.setdefault(entry.room, [])
        open_now = bool(stays) and stays[-1].left is None
        if entry.kind == "join" and not open_now:
            stays.append(Interval(entry.room, entry.seq, None))
            return True
        if entry.kind == "leave" and open_now:
            stays[-1] = Interval(entry.room, stays[-1].joined, entry.seq)
            return True
        if not stays:
            del self._stays[entry.room]
        return False

    def covers(self, room: str, seq: int) -> bool:
        """Was the user a member of ``room`` at ``seq``?"""
        return any(
            stay.joined < seq and (stay.left is None or seq < stay.left) for stay in self._stays.get(room, ())
        )

    def has(self, room: str) -> bool:
        """Is the user a member of ``room`` now?"""
        stays = self._stays.get(room)
        return stays is not None and stays[-1].left is None

    def rooms(self) -> list[str]:
        """The rooms that the user is a member of now."""
        return [room for room in self._stays if self.has(room)]

    def intervals(self) -> list[Interval]:
        """All stays, by room and then in order."""
        return [stay for stays in self._stays.values() for stay in stays]


def listens(user: str, memberships: Memberships, place: str, seq: int) -> bool:
    """Does ``user`` hear what is said at ``place`` at ``seq``?"""
    return place == user or place == "@" + user or memberships.covers(place, seq)


def visible(post: Entry, user: str, memberships: Memberships) -> bool:
    """Who sees a post: its author, whom it mentions, and who was a member of one of its rooms at its seq."""
    return any(listens(user, memberships, place, post.seq) for place in places(post.user, post.text))


def _is_topic(word: str) -> bool:
    return 1 <= len(word) <= MAX_TOPIC and all(letter in _BASE or letter.isalpha() for letter in word)


def _quote(word: str) -> str:
    """``word`` as it can stand in a sentence: short, and without what would upset a terminal."""
    shown = _UNPRINTABLE.sub("?", word)
    return f"“{shown[:40]}…”" if len(shown) > 40 else f"“{shown}”"
