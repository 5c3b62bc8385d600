"""What others wrote, made safe for a terminal. Pure."""

from __future__ import annotations

import re

# Control characters but tab (terminals obey them), line breaks, halves of surrogate pairs, and the marks
# that turn the direction of a line around (they make one's words look like another's).
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """``text`` on one line, its line feeds shown as such, without what a terminal would obey."""
    return _UNSAFE.sub("", text.replace("\n", "⏎"))
