"""Classes of characters that Python's regular expressions lack, to be written between brackets. Pure.

A text is looked at by one search that is compiled, and not letter by letter: it may have been written so that
each letter counts, and many processes look at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from unicodedata import category

# Marks, and what is alphanumeric and neither a letter nor a digit, stand in these planes alone: beyond are
# ideographs, and what is for private use.
_PLANES = (range(0x20000), range(0xE0000, 0xE1000))
# In Python's own words: neither a letter, a number, "_", white space nor ASCII. Marks are among these.
_UNWORDED = re.compile(r"[^\w\s\x00-\x7f]")
_WORDED = re.compile(r"[^\W_\x00-\x7f]")


def _found(pattern: re.Pattern[str]) -> Iterable[str]:
    return chain.from_iterable(pattern.findall("".join(map(chr, plane))) for plane in _PLANES)


def _ranges(letters: Iterable[str]) -> str:
    """The letters, which rise, as a class: ``a-cx-z``."""
    runs: list[list[int]] = []
    for point in map(ord, letters):
        if runs and runs[-1][1] == point - 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in runs)


MARKS = _ranges(letter for letter in _found(_UNWORDED) if category(letter)[0] == "M")
"""Marks: categories Mn, Mc and Me."""
OTHER_NUMBERS = _ranges(
    letter for letter in _found(_WORDED) if not letter.isalpha() and category(letter) in ("Nl", "No")
)
r"""What ``\w`` has beside letters, decimal digits and ``_``: Roman numerals, fractions, ².

A few letters of other kinds that Python counts as digits are of category No as well.
"""
