"""Classes of characters that Python's regular expressions lack, for use between brackets. Pure.

A text is searched by one compiled expression, not letter by letter: it may be written so that each letter
costs much, and many processes look at it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, compress
from unicodedata import category

# The blocks with marks and numbers: the others hold ideographs, syllables of Hangul and of Tangut, private
# use, or nothing. All programs go through these when they start, so there are few.
_BLOCKS = (
    range(0x80, 0x3400),
    range(0xA000, 0xAC00),
    range(0xF900, 0x17000),
    range(0x18D00, 0x20000),
    range(0xE0000, 0xE1000),
)
_POINTS = list(chain(*_BLOCKS))
_KINDS = list(map(category, map(chr, _POINTS)))


def _ranges(points: Iterable[int]) -> str:
    """Return rising code points as a class: ``a-cx-z``."""
    runs: list[list[int]] = []
    for point in points:
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in runs)


MARKS = _ranges(compress(_POINTS, map(frozenset(("Mn", "Mc", "Me")).__contains__, _KINDS)))
"""Marks: categories Mn, Mc and Me."""
OTHER_NUMBERS = _ranges(compress(_POINTS, map(frozenset(("Nl", "No")).__contains__, _KINDS)))
r"""Characters that ``\w`` includes besides letters, decimal digits and ``_``: Roman numerals, fractions, ².

These are categories Nl and No.
"""
del _POINTS, _KINDS
