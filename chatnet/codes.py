"""Codes, with which somebody comes in who has no secret here yet. Pure.

A code is 60 random bits, in twelve letters and digits that nobody mistakes for one another. It is made by
whoever makes it known; the log only ever gets its SHA-256.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from chatnet.errors import BadCode

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's alphabet of base 32: no I, L, O and U."""
LENGTH, GROUP = 12, 4
FORM = "A code has 12 letters and digits, like 7KQM-2XWD-9TRP."
MOST_TYPED = 64
"""How many characters of what somebody typed are looked at: there may be spaces and hyphens in it."""
PAIR_MS = 600_000
"""For how long a code is good with which a user lets in another device of theirs."""
NAME_MS = 86_400_000
"""For how long a code is good that is for one name alone."""
MOST_UNTIL = (1 << 62) - 1
"""The latest time until which a code may be good, in milliseconds since 1970."""
MOST_USES = 10_000
"""How many may use one code, at most."""
KEPT_LENGTH = 64
_KEPT = re.compile(rf"[0-9a-f]{{{KEPT_LENGTH}}}")
_ALIKE = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})


def fresh_code(entropy: Callable[[int], bytes]) -> str:
    """Return a new code, as it is shown: ``7KQM-2XWD-9TRP``."""
    number = int.from_bytes(entropy(8), "big")
    letters = "".join(LETTERS[number >> 5 * place & 31] for place in range(LENGTH))
    return "-".join(letters[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def kept(code: str) -> str:
    """Return what the log keeps of a code, however it was typed.

    :raises BadCode: no code looks like that.
    """
    if not looks_like_code(code):
        raise BadCode.of()
    return hashlib.sha256(_letters(code).encode()).hexdigest()


def looks_like_code(text: str) -> bool:
    """Return whether this may be a code, however it was typed."""
    letters = _letters(text)
    return len(letters) == LENGTH and set(letters) <= set(LETTERS)


def _letters(code: str) -> str:
    return code[:MOST_TYPED].upper().translate(_ALIKE)


def is_kept(text: str) -> bool:
    """Return whether this can be what is kept of a code."""
    return _KEPT.fullmatch(text) is not None


def code_text(kept: str, uses: int) -> str:
    """Return the text of an entry of the kind ``code``."""
    return f"{kept} {uses}"


def is_code_text(text: str) -> bool:
    """Return whether this is the text of an entry of the kind ``code``."""
    code, _, uses = text.partition(" ")
    is_number = uses.isascii() and uses.isdecimal() and len(uses) <= len(str(MOST_USES)) and uses[0] != "0"
    return is_kept(code) and is_number and int(uses) <= MOST_USES


def uses_of(text: str) -> int:
    """Return how many may use the code, by the text of its entry."""
    return int(text[KEPT_LENGTH + 1 :])
