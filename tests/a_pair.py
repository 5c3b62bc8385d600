"""Certificates for tests, of an authority of our own, for any name and any time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from tempfile import NamedTemporaryFile
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from chatnet.net.pair import KeyPair
from chatnet.net.tls import Presented
from rigs.postgres import Identity

TODAY = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW = TODAY.timestamp()
DAY = timedelta(days=1)
_ECDSA_BY_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Authority:
    """An authority that vouches for others; ``pair`` is its own."""

    pair: KeyPair

    def vouch(
        self,
        name: str = "chat.example",
        begins: datetime = TODAY - DAY,
        ends: datetime = TODAY + DAY,
        **more: Any,
    ) -> KeyPair:
        """Return a pair for ``name``, which may be a literal, or empty; of ``key``, or a new one, with
        ``padding`` bytes more than it needs."""
        key, padding = more.get("key") or new_key(), more.get("padding", 0)
        certificate = _certificate(name, key, self.pair, begins, ends, is_authority=False, padding=padding)
        return KeyPair(certificate, key, more.get("chain", ()))

    def appoint(self, today: datetime = TODAY) -> Authority:
        """Return an authority for which this one vouches."""
        key = new_key()
        begins, ends = today - 10 * DAY, today + 10 * DAY
        return Authority(
            KeyPair(_certificate("between", key, self.pair, begins, ends, is_authority=True), key)
        )


def new_authority(begins: datetime = TODAY - 20 * DAY, ends: datetime = TODAY + 20 * DAY) -> Authority:
    key = new_key()
    return Authority(KeyPair(_certificate("root", key, None, begins, ends, is_authority=True), key))


class Unreadable(Presented):
    """Presents a certificate of X.509 version 4, signed by ``by``: OpenSSL takes it, we cannot read it."""

    def __init__(self, pair: KeyPair, by: KeyPair | None = None) -> None:
        super().__init__(pair)
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        _use_unreadable(self._context, pair, by)


def _use_unreadable(context: SSL.Context, pair: KeyPair, by: KeyPair | None = None) -> None:
    key = (by or pair).key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    # The version counts from 0.
    signed = pair.certificate.tbs_certificate_bytes.replace(b"\xa0\3\2\1\2", b"\xa0\3\2\1\3", 1)
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    content = _der(0x30, signed + _ECDSA_BY_SHA256 + _der(3, b"\0" + signature))
    with NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        context.use_certificate_file(file.name, crypto.FILETYPE_ASN1)
    context.use_privatekey(pair.key)  # type: ignore[arg-type]


@implementer(IOpenSSLClientConnectionCreator)
class Showing:
    """Makes dialling ends that show the certificate of ``pair``, if there is one, and take any. They offer to
    go on with ``session``."""

    session: SSL.Session | None = None

    def __init__(self, pair: KeyPair | None, newest: int = SSL.TLS1_3_VERSION) -> None:
        self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self._context.set_max_proto_version(newest)
        if pair is not None:
            self._context.use_certificate(pair.certificate)
            self._context.use_privatekey(pair.key)  # type: ignore[arg-type]
            for one in pair.chain:
                self._context.add_extra_chain_cert(one)

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if self.session is not None:
            connection.set_session(self.session)
        return connection


class ShowingUnreadable(Showing):
    """The same, of X.509 version 4."""

    def __init__(self, pair: KeyPair) -> None:
        super().__init__(None)
        _use_unreadable(self._context, pair)


def certificates(pair: KeyPair) -> bytes:
    """Return the file for ``--tls-cert``."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in (pair.certificate, *pair.chain))


def key(pair: KeyPair, passphrase: bytes | None = None) -> bytes:
    """Return the file for ``--tls-key``."""
    lock = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    return pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def of_server(authority: Authority, name: str, today: datetime = TODAY) -> Identity:
    """Return what a database called ``name`` shows."""
    pair = authority.vouch(name, today - DAY, today + DAY)
    return Identity(certificates(pair), key(pair), certificates(authority.pair))


def _certificate(
    name: str,
    key: Any,
    by: KeyPair | None,
    begins: datetime,
    ends: datetime,
    is_authority: bool,
    padding: int = 0,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name or "nobody")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if name:
        builder = builder.add_extension(x509.SubjectAlternativeName([_named(name)]), critical=False)
    if padding:
        more = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.1"), bytes(padding))
        builder = builder.add_extension(more, critical=False)
    return builder.sign(key if by is None else by.key, hashes.SHA256())  # type: ignore[arg-type]


def _der(kind: int, content: bytes) -> bytes:
    size = len(content)
    sizes = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2)
    return bytes([kind]) + sizes + content


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
