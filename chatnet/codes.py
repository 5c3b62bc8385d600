"""Codes, with which somebody comes in who has no secret here yet. Pure.

A code is 60 random bits, in twelve letters and digits that nobody mistakes for one another. It is made by
whoever makes it known; the log only ever gets its SHA-256.

A *recovery code* is for its user alone, who has lost the password: with one of eight they set a new secret.
It is good until it is used, perhaps for years, and so has 120 bits, which nobody finds from what is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable

from chatnet.errors import BadCode

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's alphabet of base 32: no I, L, O and U."""
LENGTH, GROUP = 12, 4
RECOVERY_LENGTH = 24
RECOVERIES = 8
"""How many recovery codes are made together. They end those that were made before."""
FORM = "A code has 12 letters and digits, like 7KQM-2XWD-9TRP; one for recovery has 24."
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
    return _shown(entropy(8), LENGTH)


def fresh_recoveries(entropy: Callable[[int], bytes]) -> list[str]:
    """Return new recovery codes, as they are shown."""
    return [_shown(entropy(RECOVERY_LENGTH * 5 // 8), RECOVERY_LENGTH) for _ in range(RECOVERIES)]


def _shown(random: bytes, length: int) -> str:
    number = int.from_bytes(random, "big")
    letters = "".join(LETTERS[number >> 5 * place & 31] for place in range(length))
    return "-".join(letters[start : start + GROUP] for start in range(0, length, GROUP))


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
    return len(letters) in (LENGTH, RECOVERY_LENGTH) and set(letters) <= set(LETTERS)


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


def recovery_text(codes: Iterable[str]) -> str:
    """Return the text of an entry of the kind ``code`` that makes recovery codes, by what is ``kept`` of
    them."""
    return " ".join(codes)


def hashes_of(codes: Iterable[str]) -> bytes:
    """Return what is sent of codes, however they were typed: the SHA-256 of each, one behind the other.

    :raises BadCode: no code looks like one of them.
    """
    return b"".join(bytes.fromhex(kept(code)) for code in codes)


def recoveries_of(text: str) -> list[str]:
    """Return what is kept of the recovery codes that an entry of the kind ``code`` makes, by its text; empty
    if that makes another code."""
    kept = text.split(" ")
    return kept if len(kept) == RECOVERIES else []


def is_recovery_text(text: str) -> bool:
    """Return whether this is the text of an entry that makes recovery codes, no two of which are the same."""
    kept = recoveries_of(text)
    return len(set(kept)) == RECOVERIES and all(map(is_kept, kept))
