"""Makes others' texts safe for a terminal: invisible characters are shown by their code points. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from chatnet.ignorable import IGNORABLE

# Characters that are invisible, or make a terminal do something: controls except tab and line feed, line and
# paragraph separators, halves of surrogate pairs, noncharacters, what Unicode tells everybody to ignore, and
# the rest of its format controls.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\ufff9-\ufffb"
    + IGNORABLE
    + "\U00013430-\U0001345f]"
)
_NON_JOINER, _JOINER, _EMOJI_SELECTOR = "\u200c", "\u200d", "\ufe0f"
# The blocks of scripts whose words are spelt with joiners: Arabic, Syriac, N'Ko, Mandaic, those of India and
# its neighbours, Mongolian, and later additions to them.
_JOINED = re.compile(
    "[\u0600-\u085f\u0860-\u0fff\u1000-\u109f\u1700-\u18af\u1900-\u1cff\ua800-\ua8ff\ua900-\ua95f\ua980-\uaaff"
    "\uabc0-\uabff\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010a00-\U00010aff\U00010d00-\U00011fff\U0001e900-\U0001e95f]"
)
_MONGOLIAN = re.compile("[\u1820-\u18aa]")
_MONGOLIAN_SELECTORS = "\u180b\u180c\u180d\u180f"


def one_line(text: str) -> str:
    """Return ``text`` for a terminal that shows plain lines: a line feed becomes ``⏎``."""
    return "".join(seen for seen, _ in pieces(text)).replace("\n", "⏎")


def on_terminal(line: str, width: int | None) -> list[str]:
    """Return the rows of a line on a terminal of ``width`` columns; if it is None, for a reader, it is one.

    A terminal would break it anywhere, and what follows would stand at its left edge like a line of its own.
    """
    if width is None or (len(line) <= width and line.isascii() and line.isprintable()):
        return [line]
    from chatnet.client.cells import plain_rows  # scripts need not load the drawing library

    return plain_rows(line, width)


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield ``text`` in pieces to show, and for each whether it is ours, replacing something invisible."""
    behind = 0
    for unseen in _UNSEEN.finditer(text):
        start = unseen.start()
        if _belongs(text, start):
            continue
        if behind < start:
            yield text[behind:start], False
        yield escaped(unseen[0]), True
        behind = unseen.end()
    if behind < len(text):
        yield text[behind:], False


def escaped(text: str) -> str:
    """Return each character as its code point."""
    return "".join(f"‹U+{ord(letter):04X}›" for letter in text)


def _belongs(text: str, at: int) -> bool:
    """Return whether this is part of the spelling of a word or an emoji. Not at its edge, and not twice."""
    before, unseen, after = text[at - 1 : at], text[at], text[at + 1 : at + 2]
    if unseen == _EMOJI_SELECTOR:
        return _is_symbol(before) or (before in "0123456789#*" and after == "\u20e3")
    if unseen in _MONGOLIAN_SELECTORS:
        return bool(_MONGOLIAN.match(before))
    if unseen not in (_NON_JOINER, _JOINER):
        return False
    if _JOINED.match(before) and _JOINED.match(after):
        return unicodedata.category(before)[0] in "LM" and unicodedata.category(after)[0] in "LM"
    return unseen == _JOINER and _is_emoji(before) and _is_symbol(after)


def _is_emoji(letter: str) -> bool:
    return letter == _EMOJI_SELECTOR or "\U0001f3fb" <= letter <= "\U0001f3ff" or _is_symbol(letter)


def _is_symbol(letter: str) -> bool:
    return letter != "" and (unicodedata.category(letter) == "So" or letter in "©®‼⁉↔↕↖↗↘↙↩↪▶◀")
