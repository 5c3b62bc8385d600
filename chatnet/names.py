"""Names, topics and rooms in their one spelling, and which of them a text names. Pure.

Whatever somebody calls a room, in a command or in a text, goes through :func:`fold`. So two spellings that
fold alike are one room everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import category, normalize

from chatnet.errors import BadName, BadRoom
from chatnet.ignorable import bare

MAX_NAME = 32
MAX_TOPIC = 64
"""The longest name and topic, in characters of their one spelling."""
MAX_SPELLED = 2_000
"""The longest that either may be as it was typed, in characters; that is looked at before all else."""
MAX_MARKS = 30
"""How many marks may stand in a row. To put more of them in order takes the square of their number."""

RESERVED = frozenset({"all", "here", "everyone", "channel", "admin", "root", "system", "chatnet", "mods"})
"""What nobody is called: it would be taken for everybody, or for whoever runs the cluster."""

_NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{MAX_NAME - 1}}}")
_ASCII_WORDS = re.compile(r"(?<![a-z0-9_@#&/])([@#])([a-z0-9][a-z0-9_-]*)")
_MARK = re.compile("[@#]")
_DOTTED = re.compile("i\u0307+")
# No letter, digit, space or ASCII: marks are among them, and little else that stands in such a row.
_PERHAPS_MARKS = re.compile(rf"[^\w\s\x00-\u02ff]{{{MAX_MARKS + 1},}}")


def fold(word: str) -> str:
    """``word`` without what cannot be seen, and so that case and composition make no difference.

    That is ``NFC(casefold(NFC(word)))``, and a dotted i is an i. Its cost is bounded only if the length of
    ``word`` is, or it has not :func:`too_many_marks`.
    """
    if word.isascii():
        return word.lower()
    folded = normalize("NFC", normalize("NFC", bare(word)).casefold())
    return normalize("NFC", _DOTTED.sub("i", folded)) if "\u0307" in folded else folded


def too_many_marks(text: str) -> bool:
    """Are there more than :data:`MAX_MARKS` marks in a row, in a text that is :func:`~.ignorable.bare`?"""
    for row in _PERHAPS_MARKS.findall(text):
        marks = 0
        for letter in row:
            marks = marks + 1 if category(letter)[0] == "M" else 0
            if marks > MAX_MARKS:
                return True
    return False


def is_name(word: str) -> bool:
    """Is this a user's name in its one spelling?"""
    return len(word) <= MAX_NAME and _is_name(word)


@lru_cache(maxsize=10_000)
def _is_name(word: str) -> bool:
    return _NAME.fullmatch(word) is not None and word not in RESERVED


def is_room(room: str) -> bool:
    """Is this a user's room or a topic in its one spelling?"""
    try:
        return fold_room(room) == room
    except BadRoom:
        return False


def is_topic(room: str) -> bool:
    """Is this (folded) room a topic, and not a user's room?"""
    return room.startswith("#")


def fold_name(name: str) -> str:
    """A user's name in its one spelling, or raise :class:`BadName`."""
    folded = fold(name).strip() if _may_be_folded(name) else ""
    if not is_name(folded):
        raise BadName.of(name=quoted(name))
    return folded


def fold_room(room: str) -> str:
    """A user's room or a topic in its one spelling, or raise :class:`BadRoom`."""
    folded = fold(room).strip() if _may_be_folded(room) else ""
    if not (_is_topic_word(folded[1:]) if is_topic(folded) else is_name(folded)):
        raise BadRoom.of(room=quoted(room))
    return folded


def fold_prefix(prefix: str) -> str:
    """That with which the rooms begin that are looked for."""
    # A room is not longer, and this is little enough to be folded whatever it is.
    return fold(prefix[: 4 * MAX_TOPIC]).strip()


def named(text: str) -> tuple[str, ...]:
    """The ``#topics`` and ``@names`` in a text, in their one spelling, each once."""
    if "#" not in text and "@" not in text:
        return ()
    folded = fold(text)
    words = _ASCII_WORDS.findall(folded) if folded.isascii() else _words(folded)
    found = {
        mark + word: None
        for mark, word in words
        if (len(word) <= MAX_TOPIC if mark == "#" else is_name(word))
    }
    return tuple(found)


def quoted(word: str) -> str:
    """``word`` as it can stand in a sentence: short, and nothing in it that is not seen."""
    shown = "".join(letter if letter.isprintable() and bare(letter) else "?" for letter in word[:40])
    return f"“{shown}…”" if len(word) > 40 else f"“{shown}”"


def _may_be_folded(word: str) -> bool:
    return len(word) <= MAX_SPELLED and not too_many_marks(bare(word))


def _is_topic_word(word: str) -> bool:
    return 1 <= len(word) <= MAX_TOPIC and _begins_word(word[0]) and all(map(_is_of_word, word))


def _words(folded: str) -> Iterator[tuple[str, str]]:
    """Each word that a mark stands before, where that does not follow a word itself."""
    for found in _MARK.finditer(folded):
        at = found.end()
        before = folded[at - 2 : at - 1]
        if before and (before in "@#&/" or (before != "-" and _is_of_word(before))):
            continue
        end = at
        while end < len(folded) and end - at <= MAX_TOPIC and _is_of_word(folded[end]):
            end += 1
        if end > at and _begins_word(folded[at]):
            yield found[0], folded[at:end]


def _is_of_word(letter: str) -> bool:
    kind = category(letter)
    return kind[0] in "LM" or kind == "Nd" or letter in "_-"


def _begins_word(letter: str) -> bool:
    kind = category(letter)
    return kind[0] == "L" or kind == "Nd"
