"""The words of others, made safe for a line of a log, a sentence or a table. Pure.

How a terminal shows posts is another matter: see :mod:`chatnet.client.text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 300
"""How many characters are shown, unless less is asked for. None of our own texts is longer."""
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

_HALF = re.compile("[\ud800-\udfff]")


def legible(said: str | bytes, most: int = LONGEST) -> str:
    """Return ``said`` in at most ``most`` characters, on one line, with nothing that a terminal would act on.

    What is not printable (controls, line breaks, direction marks, invalid UTF-8) is escaped, as in
    ``\\x1b``.
    """
    text = said if isinstance(said, str) else said[: 4 * most].decode("utf-8", "backslashreplace")
    cut = text[:most]
    shown = cut if cut.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in cut)
    return f"{shown[:most]}…" if max(len(text), len(shown)) > most else shown


def is_text(said: str) -> bool:
    """Return whether it can be encoded. Text from a command line that is not UTF-8 cannot."""
    return not _HALF.search(said)


def meant(word: str, known: Iterable[str]) -> str:
    """Return a sentence that names the known word nearest to a mistyped ``word``; empty if none is near."""
    near = get_close_matches(word[:40], list(known), 1, 0.6)
    return f" Did you mean {near[0]}?" if near else ""


def harmless(lines: str) -> str:
    """Return our own lines, which may quote others, with everything escaped that a terminal would act on."""
    return _CONTROL.sub(lambda found: _escaped(found[0]), lines)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
