"""A certificate and its key: made from the cluster's token, or read from an operator's files. Pure.

self_made    the pair that a process presents if the operator gives none
fingerprint  the name of a public key, by which clients pin it
read_pair    the pair in two files, or a sentence that says what is wrong with the files, and what to do
"""

from __future__ import annotations

import hashlib
import re
import warnings
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.utils import CryptographyDeprecationWarning

from chatnet.auth import Token
from chatnet.errors import CannotStart

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of the group of P-256: a private key is a number from 1 to this minus one."""
_BORN, _DIES = datetime(2020, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The first and last moment of a self-made certificate. RFC 5280 uses this end for “no end”."""

_OF_TLS = (ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey, rsa.RSAPrivateKey)
"""The private keys by which TLS 1.3 can sign."""
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
"""The curves that every TLS has. OpenSSL knows others, and its newest shake hands by some of them."""
_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE")
_MARK_OF_UTF8 = b"\xef\xbb\xbf"
_BLOCK = re.compile(
    rb"^-----BEGIN (?P<label>[A-Z0-9 ]+)-----[ \t\r]*$.*?^-----END (?P=label)-----[ \t\r]*$",
    re.MULTILINE | re.DOTALL,
)
"""One block of a PEM file. Between the blocks there may be free text (RFC 7468)."""
_REST_OF_A_BLOCK = re.compile(rb"^-", re.MULTILINE)


@dataclass(frozen=True)
class KeyPair:
    """A certificate, its private key, and the certificates that lead from it to an authority, if any do."""

    certificate: x509.Certificate
    key: PrivateKeyTypes
    chain: Sequence[x509.Certificate] = ()

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its public key."""
        return fingerprint(self.certificate.public_key())

    @property
    def expires(self) -> float:
        """Until when the certificate is good, in seconds since 1970."""
        return self.certificate.not_valid_after_utc.timestamp()


class PairFiles(NamedTuple):
    """Where an operator keeps a pair; both may be one file. ``certificate`` also has the chain."""

    certificate: Path
    key: Path


def fingerprint(key: PublicKeyTypes) -> str:
    """Return ``SHA256:`` and the SHA-256 of a public key, as SSH writes it: in base64, without padding.

    The hash is of the SubjectPublicKeyInfo: a certificate renewed with its old key keeps its fingerprint.
    """
    return f"SHA256:{b64encode(hashlib.sha256(_spki(key)).digest()).decode().rstrip('=')}"


def self_made(token: Token) -> KeyPair:
    """Return the pair of a cluster whose operator gave none: its P-256 key is derived from the ``token``.

    It is the same, byte for byte, in every process and at every start: nothing is stored or copied, and a
    takeover changes nothing. Name and serial number are derived from the key: Firefox refuses two different
    certificates that share both, and those of two clusters on localhost would.
    """
    # 128 bits more than a key has, so that every key is equally likely (FIPS 186-5, A.2.1).
    number = int.from_bytes(token.derive("chatnet TLS key", 48)) % (_ORDER - 1) + 1
    key = ec.derive_private_key(number, ec.SECP256R1())
    mark = hashlib.sha256(_spki(key.public_key())).digest()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"chatnet {mark[:8].hex()}")])
    certificate = (
        x509.CertificateBuilder()
        .issuer_name(name)
        .subject_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(mark[:15]) + 1)
        .not_valid_before(_BORN)
        .not_valid_after(_DIES)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return KeyPair(certificate, key)


def read_pair(certificate: bytes, key: bytes, files: PairFiles, now: float) -> KeyPair:
    """Return the pair in ``files``. The first two arguments are their contents; ``now`` is in seconds since
    1970.

    :raises CannotStart: the pair cannot be used.
    """
    first, *chain = _certificates(certificate, files.certificate)
    its_key, *more = _keys(key, files.key)
    mark = _mark(its_key)
    if mark != _mark(first):
        raise CannotStart(
            _why_they_do_not_fit(files, in_chain=mark in map(_mark, chain), is_one_of_several=bool(more))
        )
    today = datetime.fromtimestamp(now, UTC)
    begins, ends = first.not_valid_before_utc, first.not_valid_after_utc
    if ends < today:
        raise CannotStart(f"The certificate in {files.certificate} expired on {ends:%Y-%m-%d}: renew it.")
    if begins > today:
        raise CannotStart(
            f"The certificate in {files.certificate} is not good before {begins:%Y-%m-%d %H:%M} UTC: "
            "wait, or set this machine's clock right."
        )
    return KeyPair(first, its_key, chain)


def _why_they_do_not_fit(files: PairFiles, in_chain: bool, is_one_of_several: bool) -> str:
    if in_chain:
        return (
            f"The certificates in {files.certificate} stand in the wrong order: first the one of the key in "
            f"{files.key}, then each that vouches for the one before."
        )
    if is_one_of_several:
        return (
            f"{files.key} holds several private keys, and the first is not that of the first certificate in "
            f"{files.certificate}: leave only that one in it."
        )
    return (
        f"{files.key} does not hold the key of the first certificate in {files.certificate}: "
        "copy both again, from one renewal."
    )


def _certificates(content: bytes, path: Path) -> list[x509.Certificate]:
    blocks = [block for label, block in _blocks(content, path) if label in _CERTIFICATES]
    if not blocks:
        raise CannotStart(f"{path} holds no certificate: name the full chain, as PEM, by --tls-cert.")
    try:
        with warnings.catch_warnings():
            # What a later release will not read, as a serial number of 0, is good until then.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            found = [x509.load_pem_x509_certificate(block) for block in blocks]
        found[0].public_key()
    except (ValueError, x509.InvalidVersion) as error:
        raise _damaged(path) from error
    except UnsupportedAlgorithm as error:
        raise _of_no_kind("certificate", path) from error
    return found


def _keys(content: bytes, path: Path) -> list[PrivateKeyTypes]:
    blocks = [(label, block) for label, block in _blocks(content, path) if label.endswith("PRIVATE KEY")]
    if not blocks:
        raise CannotStart(f"{path} holds no private key: name the certificate's key, as PEM, by --tls-key.")
    if any(label == "OPENSSH PRIVATE KEY" for label, _ in blocks):
        raise CannotStart(
            f"The key in {path} is one of SSH: name the key that the certificate was made for, as PEM, by "
            "--tls-key."
        )
    try:
        keys = [serialization.load_pem_private_key(block, password=None) for _, block in blocks]
    except TypeError as error:
        raise CannotStart(
            f"The key in {path} is locked by a passphrase: write it without one, by “openssl pkey”, "
            "for this user alone."
        ) from error
    except UnsupportedAlgorithm as error:
        raise _of_no_kind("key", path) from error
    except ValueError as error:
        raise _damaged(path) from error
    first = keys[0]
    is_odd = isinstance(first, ec.EllipticCurvePrivateKey) and not isinstance(first.curve, _CURVES)
    if is_odd or not isinstance(first, _OF_TLS):
        raise _of_no_kind("key", path)
    return keys


def _blocks(content: bytes, path: Path) -> list[tuple[str, bytes]]:
    """Return the blocks of a PEM file, each with its label.

    :raises CannotStart: a block is cut short.
    """
    content = content.removeprefix(_MARK_OF_UTF8)  # of an editor
    if _REST_OF_A_BLOCK.search(_BLOCK.sub(b"", content)):
        raise _damaged(path)
    return [(found["label"].decode(), found[0]) for found in _BLOCK.finditer(content)]


def _damaged(path: Path) -> CannotStart:
    return CannotStart(f"{path} is cut short or damaged: copy it again, as PEM.")


def _of_no_kind(what: str, path: Path) -> CannotStart:
    return CannotStart(
        f"The {what} in {path} is of no kind that TLS knows: make another, with an EC key (P-256) or one of "
        "RSA with 2048 bits."
    )


def _mark(of: x509.Certificate | PrivateKeyTypes) -> bytes:
    """What a certificate and its key have in common; nothing, for an authority with an odd one."""
    try:
        return _spki(of.public_key())
    except (UnsupportedAlgorithm, ValueError):
        return b""


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
