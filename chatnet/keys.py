"""The keys of drafts, as programs name them: in base64url, or by a text of their own. Pure."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from hashlib import sha256

from chatnet.entries import KEY_BYTES

MOST_NAME = 255
"""The longest name of a key, in characters."""
_CHARACTERS = 22
"""The length of a key in base64url, without padding."""


def key_named(name: str) -> bytes:
    """Return the key that ``name`` stands for.

    22 characters of base64url are the key itself; of anything else it is the first 16 bytes of its SHA-256.

    :raises ValueError: it is empty, or too long.
    """
    if not 0 < len(name) <= MOST_NAME:
        raise ValueError(f"the name of a key has 1 to {MOST_NAME} characters")
    if len(name) == _CHARACTERS:
        try:
            key = urlsafe_b64decode(name.encode("ascii") + b"==")
        except (NotBase64, UnicodeEncodeError):
            key = b""
        if key_text(key) == name:  # else it has characters that decoding passes over, or stray bits
            return key
    return sha256(name.encode("utf-8", "surrogatepass")).digest()[:KEY_BYTES]


def key_text(key: bytes) -> str:
    """Return a key in base64url."""
    return urlsafe_b64encode(key).rstrip(b"=").decode("ascii")
