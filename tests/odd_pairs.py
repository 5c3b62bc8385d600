"""What operators' certificate and key files may contain, and what is said about it."""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Callable, Iterator
from typing import Any, cast

from a_pair import Authority, certificates, key, new_authority, new_key
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtensionOID

from chatnet.net.pair import KeyPair

AUTHORITY = new_authority()
BETWEEN = AUTHORITY.appoint()
GOOD = BETWEEN.vouch(chain=[BETWEEN.pair.certificate])
CERTIFICATES, KEY = certificates(GOOD), key(GOOD)
Contents = tuple[bytes, bytes]
"""The contents of the certificate's file, and of the key's file."""

NO_CERTIFICATE = "fullchain.pem holds no certificate: name the full chain, as PEM, by --tls-cert."
NO_KEY = "privkey.pem holds no private key: name the certificate's key, as PEM, by --tls-key."
DAMAGED = "fullchain.pem is cut short or damaged: copy it again, as PEM."
DAMAGED_KEY = "privkey.pem is cut short or damaged: copy it again, as PEM."
ODD_KEY = "privkey.pem is of no kind that TLS knows: make another, with an EC key (P-256) or one of RSA with"
ODD = "fullchain.pem is of no kind that TLS knows: make another, with an EC key (P-256) or one of RSA with"
REFUSED = "OpenSSL refuses the certificate in"
LOCKED = (
    "privkey.pem is locked by a passphrase: write it without one, by “openssl pkey”, for this user alone."
)


def of(its_key: Any) -> Contents:
    """Return a pair with this key, whatever it is."""
    pair = AUTHORITY.vouch(key=its_key)
    return certificates(pair), key(pair)


def written(encoding: Encoding, form: PrivateFormat, lock: Any = None) -> bytes:
    """Return the good key."""
    made: bytes = GOOD.key.private_bytes(encoding, form, lock or NoEncryption())
    return made


def in_wrong_order() -> bytes:
    """Return the authority's certificate followed by the server's own."""
    return certificates(KeyPair(BETWEEN.pair.certificate, GOOD.key, [GOOD.certificate]))


def of_version_1() -> Contents:
    """Return a certificate without version and extensions. Its signature is wrong, but is not checked."""
    whole, algorithm, signature = _parts(GOOD.certificate.public_bytes(Encoding.DER))
    tbs = [part for part in _parts(whole) if part[0] not in (0xA0, 0xA3)]
    return _pem(_sequence(_sequence(*tbs), algorithm, signature)), KEY


def with_bytes(old: bytes, new: bytes) -> Contents:
    """Return the good certificate with ``old`` replaced by ``new``."""
    content = GOOD.certificate.public_bytes(Encoding.DER)
    assert old in content
    assert len(old) == len(new)
    return _pem(content.replace(old, new)), KEY


def with_a_negative_number() -> Contents:
    """Return a certificate with a negative number, as tools made that took random bits for it."""
    number = GOOD.certificate.serial_number
    size = number.bit_length() // 8 + 1
    old = bytes([2, size]) + number.to_bytes(size)
    return with_bytes(old, bytes([2, size, 0x80]) + old[3:])


def with_names(value: bytes, authority: Authority = AUTHORITY) -> Contents:
    """Return a certificate for the good key with this extension of names, which may be invalid."""
    good, signer = GOOD.certificate, cast(Any, authority.pair.key)
    builder = x509.CertificateBuilder(
        authority.pair.certificate.subject,
        good.subject,
        good.public_key(),
        good.serial_number,
        good.not_valid_before_utc,
        good.not_valid_after_utc,
    )
    names = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, value)
    certificate = builder.add_extension(names, critical=False).sign(signer, hashes.SHA256())
    return certificates(KeyPair(certificate, GOOD.key)), KEY


def _pem(content: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + encodebytes(content) + b"-----END CERTIFICATE-----\n"


def _parts(sequence: bytes) -> Iterator[bytes]:
    """Yield the elements of a DER sequence."""
    at, end = _content(sequence, 0)
    while at < end:
        _, next = _content(sequence, at)
        yield sequence[at:next]
        at = next


def _content(der: bytes, at: int) -> tuple[int, int]:
    length, begins = der[at + 1], at + 2
    if length >= 0x80:
        begins += length - 0x80
        length = int.from_bytes(der[at + 2 : begins])
    return begins, begins + length


def _sequence(*parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content).to_bytes(2).lstrip(b"\0")
    return bytes([0x30, 0x80 + len(size)]) + size + content  # all are at least 128 bytes long


WRONG: dict[str, tuple[Callable[[], Contents], str]] = {
    "nothing": (lambda: (b"", b""), NO_CERTIFICATE),
    "no key": (lambda: (CERTIFICATES, b""), NO_KEY),
    "blanks": (lambda: (CERTIFICATES, b" \n\n"), NO_KEY),
    "zeros": (lambda: (bytes(5000), bytes(5000)), NO_CERTIFICATE),
    "certificate in DER": (
        lambda: (GOOD.certificate.public_bytes(Encoding.DER), KEY),
        NO_CERTIFICATE,
    ),
    "key in DER": (lambda: (CERTIFICATES, written(Encoding.DER, PrivateFormat.PKCS8)), NO_KEY),
    "UTF-16": (lambda: (CERTIFICATES.decode().encode("utf-16"), KEY), NO_CERTIFICATE),
    "a request": (
        lambda: (CERTIFICATES.replace(b" CERTIFICATE", b" CERTIFICATE REQUEST"), KEY),
        NO_CERTIFICATE,
    ),
    "a public key": (
        lambda: (
            CERTIFICATES,
            GOOD.certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        ),
        NO_KEY,
    ),
    "a key of SSH": (
        lambda: (CERTIFICATES, written(Encoding.PEM, PrivateFormat.OpenSSH)),
        "privkey.pem is one of SSH: name the key that the certificate was made for, as PEM, by --tls-key.",
    ),
    "a locked key": (lambda: (CERTIFICATES, key(GOOD, b"secret")), LOCKED),
    "a locked key of old": (
        lambda: (
            CERTIFICATES,
            written(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret")),
        ),
        LOCKED,
    ),
    "several keys": (
        lambda: (CERTIFICATES, key(AUTHORITY.vouch()) + KEY),
        "privkey.pem holds several private keys, and the first is not that of the first certificate in",
    ),
    "wrong order": (lambda: (in_wrong_order(), KEY), "stand in the wrong order: first the one of the key in"),
    "an authority alone": (
        lambda: (certificates(BETWEEN.pair), KEY),
        "copy both again, from one renewal.",
    ),
    "DSA": (lambda: of(dsa.generate_private_key(2048)), ODD_KEY),
    "X25519": (
        lambda: (CERTIFICATES, key(KeyPair(GOOD.certificate, x25519.X25519PrivateKey.generate()))),
        ODD_KEY,
    ),
    "short RSA": (lambda: of(rsa.generate_private_key(65537, 1024)), REFUSED),
    "P-192": (lambda: of(ec.generate_private_key(ec.SECP192R1())), ODD_KEY),
    "P-224": (lambda: of(ec.generate_private_key(ec.SECP224R1())), ODD_KEY),
    "the curve of Bitcoin": (lambda: of(ec.generate_private_key(ec.SECP256K1())), ODD_KEY),
    "a curve that only some have": (lambda: of(ec.generate_private_key(ec.BrainpoolP256R1())), ODD_KEY),
    "trusted for a purpose": (
        lambda: (
            CERTIFICATES.replace(b"BEGIN C", b"BEGIN TRUSTED C").replace(b"END C", b"END TRUSTED C"),
            KEY,
        ),
        NO_CERTIFICATE,
    ),
    "a kind of key nobody knows": (
        lambda: with_bytes(bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0901")),
        ODD,
    ),
    "a curve nobody knows": (
        lambda: with_bytes(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030177")),
        ODD,
    ),
    "a point on no curve": (
        lambda: with_bytes(bytes.fromhex("03420004"), bytes.fromhex("03420009")),
        DAMAGED,
    ),
    "a version nobody knows": (
        lambda: with_bytes(bytes.fromhex("a003020102"), bytes.fromhex("a003020107")),
        DAMAGED,
    ),
    "a name that OpenSSL cannot read": (
        lambda: with_bytes(b"\x0c\x0cchat.example", b"\x0c\x0cchat\xffexample"),
        REFUSED,
    ),
}
"""What is refused, each with a part of the sentence."""

RIGHT: dict[str, Callable[[], Contents]] = {
    "version 1": of_version_1,
    "a negative number": with_a_negative_number,
    "P-384": lambda: of(ec.generate_private_key(ec.SECP384R1())),
    "Ed25519": lambda: of(ed25519.Ed25519PrivateKey.generate()),
    "Ed448": lambda: of(ed448.Ed448PrivateKey.generate()),
    "several keys, its own first": lambda: (CERTIFICATES, KEY + key(KeyPair(GOOD.certificate, new_key()))),
    "a chain that leads nowhere": lambda: (
        certificates(KeyPair(GOOD.certificate, GOOD.key, [new_authority().pair.certificate])),
        KEY,
    ),
    "written by an editor": lambda: (b"\xef\xbb\xbf" + CERTIFICATES, b"\xef\xbb\xbf" + KEY),
    "a broken extension": lambda: with_names(b"\x05\x00"),
}
"""What looks odd, and is presented like any other."""
