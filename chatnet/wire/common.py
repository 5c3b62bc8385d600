"""What every link says (Ping), and how both ends of a cluster link prove the token (Challenge, Prove)."""

from __future__ import annotations

from chatnet.cursor import CHECK_BYTES
from chatnet.errors import WrongToken, WrongVersion
from chatnet.wire.arguments import Bytes, Command, Number, Text, declared

VERSION = 1
"""The version of the protocol, in the first command of every connection."""

NONCE_BYTES = 32
PROOF_BYTES = 32


class Ping(Command):
    """A sign of life; from a worker to a session also: nothing for you up to this cursor. No answer."""

    arguments = [(b"seq", Number(optional=True)), (b"check", Bytes(CHECK_BYTES, optional=True))]
    requiresAnswer = False


class Challenge(Command):
    """Exchange nonces: each end will prove the token over both."""

    arguments = [(b"version", Number()), (b"nonce", Bytes(NONCE_BYTES))]
    response = [(b"nonce", Bytes(NONCE_BYTES))]
    errors = declared(WrongVersion)


class Prove(Command):
    """``proof`` is HMAC-SHA256 of the token over the asker's role and both nonces; so is the answer's.

    A replica's answer says where the ``primary`` is, HOST:PORT, or has an empty text if it does not know;
    nothing else can be asked of a replica.
    """

    arguments = [(b"role", Text()), (b"proof", Bytes(PROOF_BYTES))]
    response = [(b"proof", Bytes(PROOF_BYTES)), (b"primary", Text(optional=True))]
    errors = declared(WrongToken)
