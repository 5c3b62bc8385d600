"""Who may do what: the cluster's token, and tickets.

token       32 random bytes, shared by the cluster's processes and its operators; it never travels
ticket      signed at login, checked by one HMAC; ends when the user's secret changes
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeGuard, get_args

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatnet.errors import BadTicket, CannotStart
from chatnet.rights import secure_token
from chatnet.world import Files, read_text

TOKEN_BYTES = 32

Role = Literal["worker", "replica", "operator"]


def is_role(text: str) -> TypeGuard[Role]:
    """Is that what a process of the cluster may be?"""
    return text in get_args(Role)


class Token:
    """The cluster's shared secret, and what is derived from it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._ticket_key = hmac.digest(secret, b"chatnet ticket", "sha256")

    def proof(
        self, side: Literal["asks", "answers"], role: Role, asker: bytes, answerer: bytes, binding: bytes
    ) -> bytes:
        """HMAC-SHA256 over who says it, the role, both nonces, and the connection. 32 bytes."""
        parts = (side.encode(), role.encode(), asker, answerer, binding)
        return hmac.digest(self._secret, b"|".join(parts), "sha256")

    @property
    def fingerprint(self) -> str:
        """A public fingerprint of the token, from which nobody can guess it."""
        return hmac.digest(self._secret, b"chatnet mark", "sha256").hex()

    def derive(self, purpose: str, size: int) -> bytes:
        """``size`` bytes that whoever has the token can make for ``purpose``, and nobody else can guess.

        HKDF-SHA256 (RFC 5869): what is made for one purpose says nothing of what is made for another.
        """
        return HKDF(hashes.SHA256(), size, salt=None, info=purpose.encode()).derive(self._secret)

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


def make_token(files: Files, path: Path, fresh: bytes) -> Token:
    """The token in ``path``; made of ``fresh`` by the first master that comes.

    :raises OSError: it cannot be read or made.
    :raises CannotStart: it holds none, or others may read it.
    """
    secure_token(files, path)
    try:
        text = read_text(files, path)
    except FileNotFoundError:
        files.create(path, fresh.hex().encode() + b"\n")
        text = read_text(files, path)
    return _parse_token(text, str(path))


def find_token(files: Files, environ: Mapping[str, str], option: str | None, data: Path) -> Token:
    """The token that a worker or operator was given: by option, environment, or the data directory.

    :raises CannotStart: none was, or it cannot be read, or others may; the sentence says what to do.
    """
    if option is None and environ.get("CHATNET_TOKEN"):
        return _parse_token(environ["CHATNET_TOKEN"], "CHATNET_TOKEN")
    path = Path(option) if option is not None else data / "cluster.token"
    try:
        secure_token(files, path)
        return _parse_token(read_text(files, path), str(path))
    except OSError as error:
        raise CannotStart(
            f"There is no cluster token at {path} ({error.strerror}): copy DATA/cluster.token from the "
            "master's machine, and pass it by --token-file FILE or CHATNET_TOKEN."
        ) from error


def _parse_token(text: str, source: str) -> Token:
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != TOKEN_BYTES:
        raise CannotStart(f"{source} does not hold a cluster token ({TOKEN_BYTES * 2} hexadecimal digits).")
    return Token(secret)
