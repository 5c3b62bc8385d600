"""Who hears what, defined a second time: on purpose without the code that it is compared with. Pure.

It covers the texts of simulated users, which :mod:`simulator.workload` draws.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from unicodedata import category, normalize

HIDDEN = "\u200b\u200c\u200d\u2060\u3164\ufe0f\ufeff"
"""The invisible characters in those texts."""
_SEEN = dict.fromkeys(map(ord, HIDDEN))
_MARK = re.compile("[#@]")
_NOT_BEFORE = "@#&/_"


def one_spelling(word: str) -> str:
    """Return the one spelling of ``word``, however it was typed."""
    seen = normalize("NFD", word.translate(_SEEN))
    return normalize("NFC", seen.casefold()).replace("i\u0307", "i")


def heard_at(user: str, room: str, text: str) -> tuple[str, ...]:
    """Return the places of a post: its room, then what its text names: in a topic, only people, and in a
    private room or a conversation nobody."""
    marks = "#@" if room == user else "@" if room[0] == "#" else ""
    return (room, *(name for name in dict.fromkeys(_named(one_spelling(text))) if name[0] in marks))


def topics_in(text: str) -> tuple[str, ...]:
    """Return the topics that a text names."""
    return tuple(name for name in dict.fromkeys(_named(one_spelling(text))) if name[0] == "#")


def _named(text: str) -> Iterator[str]:
    for found in _MARK.finditer(text):
        mark, at = found[0], found.start()
        before = text[at - 1] if at else " "
        if before in _NOT_BEFORE or (before != "-" and _is_of_word(before)):
            continue
        word = "".join(takewhile(_is_of_word, text[at + 1 :]))
        if not word or word[0] in "_-" or category(word[0])[0] == "M":
            continue
        if len(word) <= 64 if mark == "#" else (len(word) <= 32 and word.isascii()):
            yield mark + word


def _is_of_word(letter: str) -> bool:
    return letter in "_-" or category(letter)[0] in "LM" or category(letter) == "Nd"
