"""Classes of characters agree with Unicode's categories."""

from __future__ import annotations

import re
import sys
from unicodedata import category

from chatnet.letters import MARKS, OTHER_NUMBERS


def test_they_hold_what_unicode_says() -> None:
    """All characters are compared, so no plane was overlooked."""
    marks = re.compile(f"[{MARKS}]")
    of_words = re.compile(rf"(?![{OTHER_NUMBERS}])\w")
    for letter in map(chr, range(sys.maxunicode + 1)):
        kind = category(letter)
        assert bool(marks.match(letter)) == (kind[0] == "M"), hex(ord(letter))
        assert bool(of_words.match(letter)) == (kind[0] == "L" or kind == "Nd" or letter == "_")
