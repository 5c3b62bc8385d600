"""TLS at both ends: what a port presents, and how a dialling end knows whom it has reached.

Presented     what a port presents; a renewed pair is for later connections
asking        the same, where the dialling end is asked for a certificate, which it may show; no authority is
              asked about it (``shown_fingerprint``)
pinned        the dialling end wants exactly this public key; no authority is asked
vouched_for   the dialling end wants a certificate for that name, from an authority
in_cluster    the dialling end checks no certificate: both ends prove the token, bound to ``channel_binding``

Encryption    wraps the protocols of a factory, by one of these; never by ``startTLS``, which uses the global
              reactor

A used context cannot be changed, so each new pair gets a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.error import ConnectionClosed, ConnectionLost
from twisted.internet.interfaces import (
    IDelayedCall,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IReactorTime,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    TLSVersion,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from chatnet.net.outbox import CLOSE_SECONDS
from chatnet.net.pair import KeyPair, fingerprint

CIPHERS = AcceptableCiphers.fromOpenSSLCipherString("ECDH+AESGCM:ECDH+CHACHA20:!aNULL")
"""For TLS 1.2, only what TLS 1.3 has too: session keys that a thief of the certificate's key cannot recover
later, and data that nobody can change. Every client of the last ten years supports one of these."""
Creator = IOpenSSLClientConnectionCreator | IOpenSSLServerConnectionCreator
Verify = Callable[[Any, Any, int, int, int], bool]
"""Asked in the handshake about each certificate that the other end shows: whether to go on.

The arguments: the connection, the certificate, an error of OpenSSL or 0, the certificate's depth in the
chain, and whether OpenSSL finds it good. The peer's own certificate comes last, at depth 0, and only its key
is proven. An exception refuses."""
_MOST_SAID = 1 << 20
"""What one end says in a handshake is less, in bytes."""
_UNREADABLE = (
    UnsupportedAlgorithm,
    InternalError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    ValueError,
    TypeError,
)
"""What ``cryptography`` raises about a certificate that OpenSSL takes: the first five are no ValueErrors."""
MOST_CERTIFICATE_BYTES = 4 * 1024
"""How long a certificate may be that a client shows."""
MOST_RSA_BITS, MOST_EXPONENT_BITS = 4096, 32
"""How long its key may be, and the key's exponent: to check a signature takes as much longer."""
_SHORT = (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
HTTP = b"http/1.1"
"""What browsers call the protocol that they may speak within TLS (ALPN); AMP has no name there."""
_BINDING, _BINDING_BYTES = b"EXPORTER-Channel-Binding", 32
"""The label and the length of RFC 9266."""


class WrongKey(Exception):
    """The other end has another public key than expected."""

    def __init__(self, theirs: str, expected: str) -> None:
        super().__init__(f"its key is {theirs}, and not {expected}")
        self.theirs = theirs


class WrongName(Exception):
    """An authority vouches for the other end, but not under the name that was dialled."""

    def __init__(self, host: str) -> None:
        super().__init__(f"its certificate is not for {host}")


class TooOld(Exception):
    """The other end speaks TLS 1.2 where 1.3 is needed, or no TLS."""


@implementer(IOpenSSLServerConnectionCreator)
class Presented:
    """The ``pair`` that a port presents, by TLS 1.2 or newer.

    :raises SSL.Error: OpenSSL refuses it: its key may be too short, or on a curve that TLS 1.3 does not know.
    :raises crypto.Error: OpenSSL cannot read the certificate.
    """

    def __init__(self, pair: KeyPair) -> None:
        self.renew(pair)

    def renew(self, pair: KeyPair) -> None:
        """Present ``pair`` on new connections; existing ones stay as they are. Keeps the old if this raises.

        :raises SSL.Error: as above. :raises crypto.Error: for the same reasons.
        """
        context = _server_context(pair)
        _shake_hands_within(context)
        self._context = context
        self.pair = pair

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        return SSL.Connection(self._context, None)

    def asking(self) -> IOpenSSLServerConnectionCreator:
        """Return what presents the same pair, and asks for a certificate."""
        return _Asking(self)


@implementer(IOpenSSLServerConnectionCreator)
class _Asking:
    """Presents what ``presented`` does, and asks the other end for a certificate. Who shows none is let in,
    and so is one that is self-made or has expired: what counts is who has its key."""

    def __init__(self, presented: Presented) -> None:
        self._presented = presented
        self._asks: tuple[KeyPair, SSL.Context] | None = None

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        pair = self._presented.pair
        if self._asks is None or self._asks[0] is not pair:
            context = _server_context(pair)
            context.set_verify(SSL.VERIFY_PEER, _is_bearable)
            context.set_verify_depth(0)  # nothing is done for the chain behind it
            self._asks = pair, context
        return SSL.Connection(self._asks[1], None)


class Encrypted(TLSMemoryBIOProtocol):
    """Twisted's TLS, with a limit on closing: Twisted's own waits without end for the other end to agree.

    This one waits for :data:`CLOSE_SECONDS`, also when no :class:`~chatnet.net.outbox.Outbox` closes it.

    Twisted's BufferingTLSTransport is not used: an outbox already gathers what is written in one turn of the
    reactor. If ``wait`` is set, it gets each piece of a handshake; :meth:`shake_hands` then processes it.
    """

    factory: Encryption
    wait: Callable[[bytes], None] | None = None
    _closing: IDelayedCall | None = None

    def dataReceived(self, data: bytes) -> None:
        if self.wait is None or self._handshakeDone:
            super().dataReceived(data)
        else:
            self.wait(data)

    def shake_hands(self, piece: bytes) -> None:
        """Continue the handshake with ``piece``."""
        super().dataReceived(piece)
        if self._handshakeDone:
            self.wait = None

    def loseConnection(self) -> None:
        super().loseConnection()
        if self.connected and self._closing is None:
            self._closing = self.factory.close_clock.callLater(CLOSE_SECONDS, self._closed_too_late)

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        if reason is not None:
            # A frame of its traceback holds the failure and this object: 60 KB of OpenSSL's, until the next
            # garbage collection.
            reason.cleanFailure()
        super()._tlsShutdownFinished(reason)

    def _closed_too_late(self) -> None:
        self._closing = None
        self.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        closing, self._closing = self._closing, None
        self.wait = None
        if closing is not None:
            closing.cancel()
        if self._handshakeDone and self._reason is not None and not self._reason.check(ConnectionClosed):
            # An error of OpenSSL's: we wrote after our own closing, or data was changed on its way. For the
            # layers above, this is a lost connection like any other, on which nothing was refused.
            self._reason = Failure(ConnectionLost(str(self._reason.value)))
        super().connectionLost(reason)


class Encryption(TLSMemoryBIOFactory):
    """TLS around the protocols of ``wrapped``, at the dialling end (``is_client``) or the dialled one."""

    protocol = Encrypted

    def __init__(self, creator: Creator, is_client: bool, wrapped: Factory, clock: IReactorTime) -> None:
        super().__init__(creator, is_client, wrapped, clock)
        self.close_clock = clock

    def wrap(self, protocol: IProtocol) -> Encrypted:
        """Return TLS around a ``protocol`` that was made elsewhere, not by ``wrapped``."""
        return self.protocol(self, protocol)


def pinned(expected: str) -> IOpenSSLClientConnectionCreator:
    """Return a creator of connections to an end that must prove the key with the fingerprint ``expected``.

    Otherwise the connection is lost with :class:`WrongKey`, before anything was sent on it.
    """
    return _Checking(CertificateOptions(acceptableCiphers=CIPHERS), key_check(expected))


def vouched_for(
    host: str, authorities: Sequence[x509.Certificate] | None = None
) -> IOpenSSLClientConnectionCreator:
    """Return a creator of connections to an end with a certificate for ``host``, a name or an IP address.

    One of ``authorities`` must vouch for it, or, if none are named, one of those that this machine trusts.
    Otherwise the connection is lost, before anything was sent on it, with :class:`WrongName`, or with an
    :class:`SSL.Error`, which :func:`why_not_trusted` puts into words.
    """
    return _VouchedFor(host, authorities)


def in_cluster() -> IOpenSSLClientConnectionCreator:
    """Return a creator of TLS 1.3 connections to an end that may present any certificate: see the module."""
    return _InCluster()


def channel_binding(transport: Any) -> bytes:
    """Return 32 bytes that only the two ends of this connection have; a man in the middle has two.

    :raises TooOld: it is not TLS 1.3, the version for which this is certain.
    """
    connection: Any = transport.getHandle() if is_encrypted(transport) else None
    if connection is None or connection.get_protocol_version() < SSL.TLS1_3_VERSION:
        raise TooOld("this link is not encrypted by TLS 1.3")
    binding: bytes = connection.export_keying_material(_BINDING, _BINDING_BYTES, b"")
    return binding


def shown_fingerprint(transport: Any) -> bytes:
    """Return the SHA-256 of the certificate that the other end has shown, and whose key it has; empty if it
    has shown none. The handshake is over."""
    certificate = _shown(transport)
    return b"" if certificate is None else sha256(_der(certificate)).digest()


def shown_name(transport: Any) -> str:
    """Return the common name in that certificate, which anybody may have written there; empty if there is
    none."""
    certificate = _shown(transport)
    try:
        subject = x509.Name([]) if certificate is None else certificate.to_cryptography().subject
        names = [one.value for one in subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    except _UNREADABLE:
        return ""
    return names[0] if len(names) == 1 and isinstance(names[0], str) else ""


def _shown(transport: Any) -> Any:
    connection: Any = transport.getHandle() if is_encrypted(transport) else None
    return None if connection is None else connection.get_peer_certificate()


def is_encrypted(transport: Any) -> bool:
    """Return whether this transport speaks TLS."""
    return isinstance(transport, TLSMemoryBIOProtocol)


def why_not_trusted(error: BaseException | None) -> str:
    """Return why a handshake failed, as the end of a sentence without the full stop; "" for other errors."""
    match error:
        case WrongKey() | WrongName():
            return str(error)
        case SSL.Error() if "certificate verify failed" in str(error):
            return "no authority that is trusted here vouches for its certificate, or it has expired"
        case SSL.Error():
            return "it does not speak TLS as we do"
    return ""


def _server_context(pair: KeyPair) -> SSL.Context:
    options = CertificateOptions(
        # Their types are pyOpenSSL's own, but today pyOpenSSL wants those of cryptography.
        privateKey=pair.key,  # type: ignore[arg-type]
        certificate=pair.certificate,  # type: ignore[arg-type]
        extraCertChain=list(pair.chain),  # type: ignore[arg-type]
        acceptableCiphers=CIPHERS,
    )
    context: SSL.Context = options.getContext()
    # Twisted's own asks the connection's protocol, and ours has none to say: it would fail for each browser.
    context.set_alpn_select_callback(_spoken)
    return context


def _spoken(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """Return the protocol to speak of those that a client offers, if it is one of ours that has a name."""
    return HTTP if HTTP in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _shake_hands_within(context: SSL.Context) -> None:
    """Shake hands by TLS 1.3 in memory: OpenSSL takes keys with which it cannot do so later.

    :raises SSL.Error: it fails.
    """
    server = SSL.Connection(context, None)
    client = SSL.Connection(CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_3).getContext(), None)
    server.set_accept_state()
    client.set_connect_state()
    for here, there in 2 * ((client, server), (server, client)):
        with suppress(SSL.WantReadError):
            here.do_handshake()
        with suppress(SSL.WantReadError):
            there.bio_write(here.bio_read(_MOST_SAID))


def key_check(expected: str) -> Verify:
    """Return a check for the key with the fingerprint ``expected``; it fails with :class:`WrongKey`."""

    def verify(connection: Any, certificate: Any, error: int, depth: int, ok: int) -> bool:
        if depth:
            return True
        theirs = _fingerprint_of(certificate)
        if theirs == expected:
            return True
        connection.get_app_data().failVerification(Failure(WrongKey(theirs, expected)))
        return False

    return verify


def name_check(host: str) -> Verify:
    """Return a check for a good certificate for ``host``; another name fails with :class:`WrongName`."""
    is_literal = isIPAddress(host) or isIPv6Address(host)
    is_for = verify_certificate_ip_address if is_literal else verify_certificate_hostname

    def verify(connection: Any, certificate: Any, error: int, depth: int, ok: int) -> bool:
        if depth or not ok:
            return bool(ok)
        try:
            is_for(certificate.to_cryptography(), host)
        except (VerificationError, CertificateError, *_UNREADABLE):
            connection.get_app_data().failVerification(Failure(WrongName(host)))
            return False
        return True

    return verify


@implementer(IOpenSSLClientConnectionCreator)
class _Checking:
    """Asks ``verify`` about each certificate that the other end shows."""

    def __init__(self, options: CertificateOptions, verify: Verify) -> None:
        self._context = options.getContext()
        self._verify = verify

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        connection.set_verify(SSL.VERIFY_PEER, self._verify)
        return connection


class _VouchedFor(_Checking):
    """Checks names itself, because Twisted's ``optionsForClientTLS`` accepts a certificate without any name:
    the error that ``service_identity`` raises about it is not a ``VerificationError``, and Twisted only logs
    it (26.10).
    """

    def __init__(self, host: str, authorities: Sequence[x509.Certificate] | None) -> None:
        roots = platformTrust() if authorities is None else _trust(authorities)
        self._is_literal = isIPAddress(host) or isIPv6Address(host)
        self._host = host if self._is_literal else host.rstrip(".").encode("idna").decode()
        options = CertificateOptions(trustRoot=roots, acceptableCiphers=CIPHERS)
        super().__init__(options, name_check(self._host))

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = super().clientConnectionForTLS(tlsProtocol)
        if not self._is_literal:
            connection.set_tlsext_host_name(self._host.encode())
        return connection


@implementer(IOpenSSLClientConnectionCreator)
class _InCluster:
    def __init__(self) -> None:
        options = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_3, acceptableCiphers=CIPHERS)
        self._context = options.getContext()

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        return SSL.Connection(self._context, None)


def _trust(authorities: Sequence[x509.Certificate]) -> Any:
    return trustRootFromCertificates(
        [Certificate.loadPEM(one.public_bytes(Encoding.PEM)) for one in authorities]
    )


def _is_bearable(connection: Any, certificate: Any, error: int, depth: int, ok: int) -> bool:
    """Return whether it takes little to check a signature by the key of a stranger's certificate."""
    try:
        if len(_der(certificate)) > MOST_CERTIFICATE_BYTES:
            return False
        return is_quick(certificate.get_pubkey().to_cryptography_key())
    except (crypto.Error, *_UNREADABLE):
        return False


def is_quick(key: Any) -> bool:
    """Return whether it takes little to check a signature by this public key."""
    if isinstance(key, rsa.RSAPublicKey):
        exponent = key.public_numbers().e
        return key.key_size <= MOST_RSA_BITS and exponent.bit_length() <= MOST_EXPONENT_BITS
    return isinstance(key, _SHORT) or (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)
    )


def _der(certificate: Any) -> bytes:
    return crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)


def _fingerprint_of(certificate: Any) -> str:
    """Return the fingerprint of a stranger's certificate, which may hold a key of any kind."""
    try:
        return fingerprint(certificate.to_cryptography().public_key())
    except _UNREADABLE:
        return "of a kind that is not known here"
