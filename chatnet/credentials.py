"""A user's secret, and the credential that is stored for it.

secret       a user's proof of identity: 32 random bytes, made by a program, or a password, chosen by a person
certificate  another proof, for the handshake of TLS alone: it is public, and who shows it there has its key
credential   what the log stores: SHA-256 of random bytes, argon2 of a password, a hash of a certificate's
             fingerprint
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata

import argon2.low_level

from chatnet.errors import BadSecret
from chatnet.imprints import IMPRINT_BYTES
from chatnet.limits import Cost

SECRET_BYTES = 32
"""The length of the random secret with which a client registers."""
MIN_PASSWORD = 8
"""The shortest password, in characters, normalized."""
MAX_PASSWORD = 1024
"""The longest password, in bytes of UTF-8, as it arrives."""

_SHA256 = "sha256:"
_IMPRINT_COST = Cost(1, 128, 1)
_CERTIFICATE = b"chatnet TLS cert"


def random_credential(secret: bytes) -> str:
    """Return what is stored for the random secret with which a name is registered.

    :raises BadSecret: it does not have 32 bytes.
    """
    if len(secret) != SECRET_BYTES:
        raise BadSecret.of(why=f"A new name is registered with a secret of {SECRET_BYTES} random bytes.")
    return _SHA256 + hashlib.sha256(secret).hexdigest()


def certificate_credential(fingerprint: bytes) -> str:
    """Return what is stored for a certificate with this ``fingerprint``, the SHA-256 of all of it.

    It looks like what is stored for random bytes, so that processes of earlier releases take it for the
    secret of one device; but it is another hash, and so nothing that anybody can show as a secret matches it:
    of a certificate everything is known but its key.
    """
    return _SHA256 + hashlib.blake2b(fingerprint, digest_size=32, person=_CERTIFICATE).hexdigest()


def is_of_certificate(credential: str, fingerprint: bytes) -> bool:
    """Return whether this is what is stored for the certificate with this fingerprint."""
    return hmac.compare_digest(credential.encode(), certificate_credential(fingerprint).encode())


def is_of_password(credential: str) -> bool:
    """Return whether a credential is what is stored for a password; an empty one is of nothing."""
    return bool(credential) and not credential.startswith(_SHA256)


def as_typed(password: str) -> bytes:
    """Return a typed password in UTF-8, as it is sent.

    :raises BadSecret: it cannot be a password: see :func:`normalized`.
    """
    typed = password.encode("utf-8", "surrogatepass")  # half of a pair is not text, and is refused as such
    normalized(typed)
    return typed


def normalized(password: bytes) -> bytes:
    """Return a password as it is hashed, however it was typed: RFC 8265's OpaqueString.

    Keyboards send one accented letter, or one space, in several spellings. All clients leave this to the
    worker, so that all agree.

    :raises BadSecret: it is too short, too long, or not UTF-8.
    """
    if len(password) > MAX_PASSWORD:  # before anything looks at it
        raise BadSecret.of(why=f"A password has at most {MAX_PASSWORD:,} bytes.")
    try:
        text = password.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSecret.of(why="A password is text in UTF-8, and this is not.") from error
    spaced = "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in text)
    text = unicodedata.normalize("NFC", spaced)
    if len(text) < MIN_PASSWORD:
        raise BadSecret.of(why=f"A password has at least {MIN_PASSWORD} characters.")
    return text.encode("utf-8")


def password_credential(password: bytes, key: bytes, cost: Cost) -> str:
    """Return what is stored for a ``normalized`` password. Call it in a thread: it takes 100 ms and 64 MiB.

    The salt is the draft's key, 16 random bytes used once: so a repeated draft has the same content, and the
    log recognizes it.
    """
    return argon2.low_level.hash_secret(
        password,
        key,
        time_cost=cost.passes,
        memory_cost=cost.memory_kib,
        parallelism=cost.lanes,
        hash_len=32,
        type=argon2.low_level.Type.ID,
    ).decode("ascii")


def imprinted(credential: str, password: bytes, key: bytes) -> bytes:
    """Return by what it is recognized that this password matches this credential, by who has the ``key``.

    It is made at each login, in the turn of the reactor: so it takes no more than 70 microseconds, as a login
    does in all else. That still slows guesses for who has got hold of it and of the key.

    :raises BadSecret: it can be no password.
    """
    keyed = hmac.digest(key, credential.encode() + b"\0" + normalized(password), "sha256")
    return argon2.low_level.hash_secret_raw(
        keyed,
        b"chatnet imprint",
        time_cost=_IMPRINT_COST.passes,
        memory_cost=_IMPRINT_COST.memory_kib,
        parallelism=_IMPRINT_COST.lanes,
        hash_len=IMPRINT_BYTES,
        type=argon2.low_level.Type.ID,
    )


def is_password(credential: str) -> bool:
    """Return whether this is a password's credential. Checking one takes a hash, and so a thread."""
    return not credential.startswith(_SHA256)


def matches(credential: str, secret: bytes) -> bool:
    """Return whether ``secret`` matches ``credential``. Slow for a password: see :func:`is_password`."""
    if not is_password(credential):
        return hmac.compare_digest(credential, _SHA256 + hashlib.sha256(secret).hexdigest())
    try:
        return argon2.low_level.verify_secret(
            credential.encode("ascii"), normalized(secret), argon2.low_level.Type.ID
        )
    except (argon2.exceptions.VerifyMismatchError, BadSecret):
        return False


def may_match(credential: str, secret: bytes) -> bool:
    """Return whether ``secret`` can match at all: what cannot be a password needs no hash."""
    if not is_password(credential):
        return True
    try:
        normalized(secret)
    except BadSecret:
        return False
    return True
