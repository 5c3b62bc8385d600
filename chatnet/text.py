"""The words of others, made safe for a line of a log, a sentence or a table. Pure.

How a terminal shows posts is another matter: see :mod:`chatnet.client.text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 300
"""How many characters are shown, unless less is asked for. None of our own texts is longer."""
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_ABBREVIATION = 3
"""From how many letters on the beginning of a word stands for it."""
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
    """Return a sentence that names the known word that a mistyped ``word`` may be; empty if there is none.

    It is one that begins so; or one that differs in a quarter of the letters at most, of three in one: a
    guess that is far off helps nobody, and misleads some. Of a word of one or two letters none is made.
    """
    spelled = word.lstrip("-/")
    most = len(spelled) // 4 or len(spelled) // 3
    near = [
        (0 if _begins(one, word, spelled) else _mistypes(word, one), one[:2] != word[:2], len(one), one)
        for one in known
        if abs(len(word) - len(one)) <= most or _begins(one, word, spelled)
    ]
    wrong, _, _, nearest = min(near, default=(0, False, 0, ""))
    return f" Did you mean {nearest}?" if nearest and wrong <= most else ""


def _begins(known: str, word: str, spelled: str) -> bool:
    return len(spelled) >= _ABBREVIATION and known.startswith(word)


def _mistypes(typed: str, known: str) -> int:
    """Return how many letters were left out, added, replaced, or swapped with their neighbours: the optimal
    string alignment distance."""
    above, before = list(range(len(known) + 1)), [0] * (len(known) + 1)
    for row, letter in enumerate(typed, 1):
        above, two_above, before = [row], before, above
        for column, other in enumerate(known, 1):
            least = min(before[column] + 1, above[-1] + 1, before[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == known[column - 2] and typed[row - 2] == other:
                least = min(least, two_above[column - 2] + 1)
            above.append(least)
    return above[-1]


def harmless(lines: str) -> str:
    """Return our own lines, which may quote others, with everything escaped that a terminal would act on."""
    return _CONTROL.sub(lambda found: _escaped(found[0]), lines)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
