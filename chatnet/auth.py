"""Who may do what: the cluster's token, users' secrets, and tickets.

token       32 random bytes, shared by the cluster's processes and its operators; it never travels
secret      a user's proof of identity: 32 random bytes (stored as SHA-256) or a password (stored as argon2)
ticket      signed at login, checked by one HMAC; ends when the user's secret changes
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import argon2.low_level
import msgspec

from chatnet.errors import BadSecret, BadTicket, CannotStart
from chatnet.world import Files

SECRET_BYTES = 32
"""The length of the random secret by which a client registers."""
TOKEN_BYTES = 32
MIN_PASSWORD, MAX_PASSWORD = 8, 1024
"""How long a password may be, in bytes of UTF-8."""

Role = Literal["worker", "replica", "operator"]

_SHA256 = "sha256:"
_ARGON2_TIME, _ARGON2_MEMORY_KIB, _ARGON2_LANES = 3, 65536, 4  # RFC 9106's second recommended option


class Token:
    """The cluster's shared secret, and what is derived from it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._ticket_key = hmac.digest(secret, b"chatnet ticket", "sha256")

    def proof(self, side: Literal["asks", "answers"], role: str, asker: bytes, answerer: bytes) -> bytes:
        """HMAC-SHA256 over who says it, the role, and both nonces. 32 bytes."""
        return hmac.digest(self._secret, b"|".join((side.encode(), role.encode(), asker, answerer)), "sha256")

    @property
    def mark(self) -> str:
        """By this it is known, and nobody can guess it from this."""
        return hmac.digest(self._secret, b"chatnet mark", "sha256").hex()

    def ticket(self, log: str, user: str, secret_seq: int) -> bytes:
        """A ticket for ``user``, good in this cluster's log until the user's secret changes."""
        body = msgspec.msgpack.encode((log, user, secret_seq))
        return hmac.digest(self._ticket_key, body, "sha256") + body

    def check_ticket(self, log: str, ticket: bytes) -> tuple[str, int]:
        """The user and the seq of the secret that a ticket was made for; the caller compares the seq.

        :raises BadTicket: torn, forged, or of another cluster.
        """
        signature, body = ticket[:32], ticket[32:]
        if not hmac.compare_digest(signature, hmac.digest(self._ticket_key, body, "sha256")):
            raise BadTicket(BadTicket.sentence)
        its_log, user, secret_seq = msgspec.msgpack.decode(body, type=tuple[str, str, int])
        if its_log != log:
            raise BadTicket(BadTicket.sentence)
        return user, secret_seq


def random_credential(secret: bytes) -> str:
    """What is stored of the random secret by which a name is registered.

    :raises BadSecret: it is not of 32 bytes.
    """
    if len(secret) != SECRET_BYTES:
        raise BadSecret.of(why=f"A new name is registered with a secret of {SECRET_BYTES} random bytes.")
    return _SHA256 + hashlib.sha256(secret).hexdigest()


def check_password(password: bytes) -> None:
    """:raises BadSecret: it is too short or too long."""
    if len(password) < MIN_PASSWORD:
        raise BadSecret.of(why=f"A password has at least {MIN_PASSWORD} characters.")
    if len(password) > MAX_PASSWORD:
        raise BadSecret.of(why=f"A password has at most {MAX_PASSWORD} bytes.")


def password_credential(password: bytes, key: bytes) -> str:
    """What is stored of a password. Takes 100 ms and 64 MiB: call it in a thread.

    The salt is the draft's key, 16 random bytes used once: so a resent draft has the same content, and the
    log recognizes it.
    """
    return argon2.low_level.hash_secret(
        password,
        key,
        time_cost=_ARGON2_TIME,
        memory_cost=_ARGON2_MEMORY_KIB,
        parallelism=_ARGON2_LANES,
        hash_len=32,
        type=argon2.low_level.Type.ID,
    ).decode("ascii")


def is_slow(credential: str) -> bool:
    """Does checking this credential take a password hash, and so a thread?"""
    return not credential.startswith(_SHA256)


def matches(credential: str, secret: bytes) -> bool:
    """Is ``secret`` the one behind ``credential``? Slow for a password: see :func:`is_slow`."""
    if not is_slow(credential):
        return hmac.compare_digest(credential, _SHA256 + hashlib.sha256(secret).hexdigest())
    try:
        return argon2.low_level.verify_secret(credential.encode("ascii"), secret, argon2.low_level.Type.ID)
    except argon2.exceptions.VerifyMismatchError:
        return False


def make_token(files: Files, path: Path, fresh: bytes) -> Token:
    """The token in ``path``; made of ``fresh`` by the first master that comes.

    :raises OSError: it cannot be read or made.
    """
    try:
        text = files.read(path)
    except FileNotFoundError:
        files.create(path, fresh.hex().encode() + b"\n")
        text = files.read(path)
    return _parse_token(text, str(path))


def find_token(files: Files, environ: Mapping[str, str], option: str | None, data: Path) -> Token:
    """The token that a worker or operator was given: by option, environment, or the data directory.

    :raises CannotStart: none was, or it cannot be read; the sentence says where to get it.
    """
    if option is None and environ.get("CHATNET_TOKEN"):
        return _parse_token(environ["CHATNET_TOKEN"].encode(), "CHATNET_TOKEN")
    path = Path(option) if option is not None else data / "cluster.token"
    try:
        return _parse_token(files.read(path), str(path))
    except OSError as error:
        raise CannotStart(
            f"There is no cluster token at {path} ({error.strerror}): copy DATA/cluster.token from the "
            "master's machine, and pass it by --token-file FILE or CHATNET_TOKEN."
        ) from error


def _parse_token(text: bytes, source: str) -> Token:
    try:
        secret = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != TOKEN_BYTES:
        raise CannotStart(f"{source} does not hold a cluster token ({TOKEN_BYTES * 2} hexadecimal digits).")
    return Token(secret)
