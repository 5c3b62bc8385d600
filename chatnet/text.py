"""What others say, as it can stand in a line of a log, a sentence or a table. Pure.

How posts are shown on a terminal is another matter: see :mod:`chatnet.client.text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 300
"""How much of it is shown, in characters, unless less is asked for. None of our own texts is longer."""
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

_HALF = re.compile("[\ud800-\udfff]")


def legible(said: str | bytes, most: int = LONGEST) -> str:
    """``said``: at most ``most`` characters, on one line, and nothing that a terminal would obey.

    What is not printable (controls, line breaks, marks of direction, what is no UTF-8) is escaped, as in
    ``\\x1b``.
    """
    text = said if isinstance(said, str) else said[: 4 * most].decode("utf-8", "backslashreplace")
    cut = text[:most]
    shown = cut if cut.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in cut)
    return f"{shown[:most]}…" if max(len(text), len(shown)) > most else shown


def is_text(said: str) -> bool:
    """Can it be encoded? Not if it comes from a command line that is not UTF-8."""
    return not _HALF.search(said)


def meant(word: str, known: Iterable[str]) -> str:
    """To follow a sentence about a mistyped ``word``: names the nearest known one; empty if none is near."""
    near = get_close_matches(word[:40], list(known), 1, 0.6)
    return f" Did you mean {near[0]}?" if near else ""


def harmless(lines: str) -> str:
    """Many lines of our own, in which others' words may stand: whatever a terminal would obey is escaped."""
    return _CONTROL.sub(lambda found: _escaped(found[0]), lines)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
