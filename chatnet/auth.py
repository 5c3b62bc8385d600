"""What proves who may do what: the cluster's token, and tickets.

token       32 random bytes, shared by the cluster's processes and its operators; never sent
ticket      signed at login, checked with one HMAC; invalid once the user's secret changes, or it has aged
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeGuard, get_args

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatnet.errors import BadTicket, CannotStart
from chatnet.rights import secure_token
from chatnet.world import Files, read_text

TOKEN_BYTES = 32

Role = Literal["worker", "replica", "operator"]


def is_role(text: str) -> TypeGuard[Role]:
    """Return whether this is a role of a process in the cluster, or of an operator."""
    return text in get_args(Role)


class Ticket(NamedTuple):
    """What a ticket says: it is of ``user``, whose session the entry at the seq ``by`` began, and who showed
    a secret on this ``day``; 0: it does not age, as none did that is older. See :mod:`chatnet.aging`."""

    user: str
    by: int
    day: int = 0


class _Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    log: str
    user: str
    by: int
    day: int = 0


class Token:
    """The cluster's shared secret, and values derived from it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._ticket_key = hmac.digest(secret, b"chatnet ticket", "sha256")

    def proof(
        self, side: Literal["asks", "answers"], role: Role, asker: bytes, answerer: bytes, binding: bytes
    ) -> bytes:
        """Return an HMAC-SHA256 over the side, the role, both nonces, and the connection. 32 bytes."""
        parts = (side.encode(), role.encode(), asker, answerer, binding)
        return hmac.digest(self._secret, b"|".join(parts), "sha256")

    @property
    def fingerprint(self) -> str:
        """A public fingerprint of the token, from which nobody can guess the token."""
        return hmac.digest(self._secret, b"chatnet mark", "sha256").hex()

    def derive(self, purpose: str, size: int) -> bytes:
        """Return ``size`` bytes for ``purpose`` that each owner of the token can make, and nobody else guess.

        HKDF-SHA256 (RFC 5869): the bytes for one purpose say nothing about those for another.
        """
        return HKDF(hashes.SHA256(), size, salt=None, info=purpose.encode()).derive(self._secret)

    def ticket(self, log: str, user: str, by: int, day: int = 0) -> bytes:
        """Return a :class:`Ticket` for ``user``, valid in this cluster's log until that session ends."""
        body = msgspec.msgpack.encode((log, user, by, day) if day else (log, user, by))
        return hmac.digest(self._ticket_key, body, "sha256") + body

    def check_ticket(self, log: str, ticket: bytes) -> Ticket:
        """Return what a ticket says; the caller looks whether the session has ended.

        :raises BadTicket: it is torn, forged, or of another cluster.
        """
        signature, body = ticket[:32], ticket[32:]
        if not hmac.compare_digest(signature, hmac.digest(self._ticket_key, body, "sha256")):
            raise BadTicket(BadTicket.sentence)
        signed = msgspec.msgpack.decode(body, type=_Signed)
        if signed.log != log:
            raise BadTicket(BadTicket.sentence)
        return Ticket(signed.user, signed.by, signed.day)


def make_token(files: Files, path: Path, fresh: bytes) -> Token:
    """Return the token in ``path``; the first master makes it from ``fresh``.

    :raises OSError: the file cannot be read or made.
    :raises CannotStart: the file holds none, or others may read it.
    """
    secure_token(files, path)
    try:
        text = read_text(files, path)
    except FileNotFoundError:
        files.create(path, fresh.hex().encode() + b"\n")
        text = read_text(files, path)
    return _parse_token(text, str(path))


def find_token(files: Files, environ: Mapping[str, str], option: str | None, data: Path) -> Token:
    """Return the token of a worker or operator: from the option, the environment, or the data directory.

    :raises CannotStart: there is none, or it cannot be read, or others may read it; the sentence says what to
    do.
    """
    if option is None and environ.get("CHATNET_TOKEN"):
        return _parse_token(environ["CHATNET_TOKEN"], "CHATNET_TOKEN")
    path = Path(option) if option is not None else data / "cluster.token"
    try:
        secure_token(files, path)
        return _parse_token(read_text(files, path), str(path))
    except OSError as error:
        raise CannotStart(
            f"There is no cluster token at {path} ({error.strerror}): name the master's data directory by "
            "--data; or, on another machine, copy DATA/cluster.token from there, and pass it by --token-file "
            "FILE or CHATNET_TOKEN."
        ) from error


def _parse_token(text: str, source: str) -> Token:
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != TOKEN_BYTES:
        raise CannotStart(f"{source} does not hold a cluster token ({TOKEN_BYTES * 2} hexadecimal digits).")
    return Token(secret)
