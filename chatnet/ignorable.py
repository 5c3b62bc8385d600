"""Characters that cannot be seen: Unicode's Default_Ignorable_Code_Point, which Python lacks. Pure.

Joiners, variation selectors, direction marks, fillers and tags: software that does not know them shows
nothing.
"""

from __future__ import annotations

import re

RANGES = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""From DerivedCoreProperties.txt of the Unicode Character Database, 14.0 to 16.0: 4,174 code points."""

IGNORABLE = "".join(f"{chr(first)}-{chr(last)}" for first, last in RANGES)
"""The same for a class in a compiled expression, as :mod:`~chatnet.letters` has others."""
BLANK = (
    "\u2800"  # a pattern of Braille without a dot
    "\ufff9-\ufffc"  # marks of annotations, and what stands for an object that no text has
    "\U0001d159"  # the head of a note that is not drawn
    "\U00013430-\U00013442"  # how hieroglyphs are put together, and two blank ones
    "\ufdd0-\ufdef"  # no characters at all, and so are the last two of each plane:
    + "".join(f"{chr(plane << 16 | 0xFFFE)}-{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
)
"""For a class in the same way: what shows nothing by itself, though Unicode neither calls it ignorable nor a
space, a control or a mark. A character that Unicode has not assigned yet may be an emoji of next year."""
_IGNORABLE = re.compile(f"[{IGNORABLE}]+")


def bare(text: str) -> str:
    """Return ``text`` without invisible characters."""
    return text if text.isascii() else _IGNORABLE.sub("", text)
