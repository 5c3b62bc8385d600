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
_IGNORABLE = re.compile(f"[{IGNORABLE}]+")


def bare(text: str) -> str:
    """Return ``text`` without invisible characters."""
    return text if text.isascii() else _IGNORABLE.sub("", text)
