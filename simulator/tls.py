"""TLS in a simulation: a stand-in for ``SSL.Connection`` with simulated randomness.

Above it are Twisted's own layer, with its buffering, producers and closing; the real code checks the
certificates.

Nothing is encrypted: nobody in a simulation reads the bytes of others. It has everything that can be
observed: one and a half round trips, in records that begin like TLS's; a certificate whose key the other end
has; its refusal by an alert; ``close_notify``; tickets, which carry no data; and 32 bytes that only the two
ends have.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from zope.interface import implementer

from chatnet.net import tls
from chatnet.net.pair import KeyPair

Entropy = Callable[[int], bytes]
Spend = Callable[[float], object]
"""Makes the process compute for this many seconds."""

ALERT, HANDSHAKE, DATA = 0x15, 0x16, 0x17
"""The types of records."""
_CLOSE, _REFUSED = b"\0", b"\x2a"
"""The contents of alerts."""
_TICKET = b"ticket"
_RANDOM = 32
HANDSHAKE_SECONDS = 0.04
"""How long a handshake keeps the dialled end busy: on a slow machine, with a long RSA key."""
CUTS = 38
"""How often, out of 256 times, what is sent at once arrives in two records."""


class SimConnection:
    """One end, with the ``pair`` that it presents; the dialling end has none. It costs: see ``spend``.

    Its methods are those of ``SSL.Connection`` that Twisted calls, with their errors.
    """

    def __init__(
        self, entropy: Entropy, pair: KeyPair | None = None, spend: Spend = lambda seconds: None
    ) -> None:
        self._entropy = entropy
        self._pair = pair
        self._spend = spend
        self._ours = entropy(_RANDOM)
        self._shared = b""
        self._peer: Certificate | None = None
        self._is_client = self._is_greeted = self._is_done = False
        self._verify: tls.Verify | None = None
        self._app_data: Any = None
        self._coming, self._going, self._read = bytearray(), bytearray(), bytearray()
        self._is_cut_off = self._has_closed = self._is_closed = False

    # ---- settings ----

    def set_connect_state(self) -> None:
        self._is_client = True

    def set_accept_state(self) -> None:
        self._is_client = False

    def set_app_data(self, data: Any) -> None:
        self._app_data = data

    def get_app_data(self) -> Any:
        return self._app_data

    def set_verify(self, mode: int, verify: tls.Verify) -> None:
        self._verify = verify

    def set_tlsext_host_name(self, name: bytes) -> None:
        """Do nothing: each port of a simulation presents one pair."""

    # ---- questions ----

    def get_peer_certificate(self) -> Certificate | None:
        return self._peer

    def get_protocol_version(self) -> int:
        return SSL.TLS1_3_VERSION

    def get_alpn_proto_negotiated(self) -> bytes:
        return b""

    def export_keying_material(self, label: bytes, size: int, context: bytes | None = None) -> bytes:
        return sha256(b"|".join((self._shared, label, context or b""))).digest()[:size]

    # ---- bytes of the wire ----

    def bio_write(self, data: bytes) -> int:
        self._coming += data
        return len(data)

    def bio_read(self, size: int) -> bytes:
        if not self._going:
            raise SSL.WantReadError
        data = bytes(self._going[:size])
        del self._going[:size]
        return data

    def bio_shutdown(self) -> None:
        self._is_cut_off = True

    # ---- the handshake ----

    def do_handshake(self) -> None:
        if self._is_client and not self._is_greeted:
            self._is_greeted = True
            self._put(HANDSHAKE, self._ours)
        while not self._is_done:
            self._shake_hands(*self._next())

    def _shake_hands(self, kind: int, said: bytes) -> None:
        if kind == ALERT:
            _fail("ssl/tls alert certificate unknown")
        if kind != HANDSHAKE:
            _fail("unexpected message")
        if self._is_client:
            self._greeted_back(said)
        elif not self._is_greeted:
            self._greet(said)
        else:
            if said != self._shared:
                _fail("digest check failed")
            self._is_done = True
            self._put(DATA, _TICKET)

    def _greet(self, theirs: bytes) -> None:
        assert self._pair is not None
        self._is_greeted = True
        self._spend(HANDSHAKE_SECONDS)
        certificate = self._pair.certificate.public_bytes(Encoding.DER)
        self._share(theirs, self._ours, certificate)
        self._put(HANDSHAKE, self._ours + certificate)

    def _greeted_back(self, said: bytes) -> None:
        theirs, certificate = said[:_RANDOM], said[_RANDOM:]
        self._peer = Certificate(certificate)
        self._share(self._ours, theirs, certificate)
        if self._verify is not None and not self._verify(self, self._peer, 0, 0, 1):
            self._put(ALERT, _REFUSED)
            _fail("certificate verify failed")
        self._is_done = True
        self._put(HANDSHAKE, self._shared)

    def _share(self, *parts: bytes) -> None:
        self._shared = sha256(b"".join(parts)).digest()

    # ---- application data ----

    def send(self, data: bytes) -> int:
        if not self._is_done:
            raise SSL.WantReadError
        if self._has_closed:
            _fail("protocol is shutdown")
        draw = self._entropy(2)
        at = 1 + draw[1] * (len(data) - 1) // 256 if draw[0] < CUTS and len(data) > 1 else len(data)
        for part in (data[:at], data[at:]):
            if part:
                self._put(DATA, b"d" + part)
        return len(data)

    def recv(self, size: int) -> bytes:
        if not self._is_done:
            self.do_handshake()
        while not self._read:
            if self._is_closed:
                raise SSL.ZeroReturnError
            kind, said = self._next()
            if kind == ALERT:
                if said != _CLOSE:
                    _fail("ssl/tls alert certificate unknown")
                self._is_closed = True
            elif kind != DATA:
                _fail("unexpected message")
            elif said != _TICKET:
                self._read += said[1:]
        data = bytes(self._read[:size])
        del self._read[:size]
        return data

    def shutdown(self) -> bool:
        """Close; return true once both ends have said that they close."""
        if not self._is_done:
            _fail("shutdown while in init")
        if not self._has_closed:
            self._has_closed = True
            self._put(ALERT, _CLOSE)
        return self._is_closed

    # ---- records ----

    def _put(self, kind: int, said: bytes) -> None:
        self._going += struct.pack(">BHH", kind, 0x0303, len(said)) + said

    def _next(self) -> tuple[int, bytes]:
        """Return the next complete record.

        :raises SSL.WantReadError: there is none yet. :raises SSL.SysCallError: there will be none.
        """
        coming = self._coming
        if coming and not ALERT <= coming[0] <= DATA:
            _fail("wrong version number")
        end = 5 + int.from_bytes(coming[3:5]) if len(coming) >= 5 else 5
        if len(coming) < end:
            if self._is_cut_off:
                raise SSL.SysCallError(-1, "Unexpected EOF")
            raise SSL.WantReadError
        kind, said = coming[0], bytes(coming[5:end])
        del coming[:end]
        return kind, said


class Certificate:
    """A certificate in pyOpenSSL's form."""

    def __init__(self, der: bytes) -> None:
        self._der = der

    def to_cryptography(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self._der)


def _fail(why: str) -> NoReturn:
    raise SSL.Error([("SSL routines", "", why)])


@implementer(IOpenSSLServerConnectionCreator)
class SimPresented(tls.Presented):
    """A pair that is presented: nobody else can present it, because nobody else has its key."""

    def __init__(self, pair: KeyPair, entropy: Entropy, spend: Spend) -> None:
        self._entropy = entropy
        self._spend = spend
        super().__init__(pair)

    def renew(self, pair: KeyPair) -> None:
        self.pair = pair

    def serverConnectionForTLS(self, tlsProtocol: Any) -> Any:
        return SimConnection(self._entropy, self.pair, self._spend)

    def asking(self) -> Any:
        return self  # no client of a simulation has a certificate


@implementer(IOpenSSLClientConnectionCreator)
class Checking:
    """Makes dialling ends; ``verify``, the real code's, checks each certificate."""

    def __init__(self, entropy: Entropy, verify: tls.Verify | None = None) -> None:
        self._entropy = entropy
        self._verify = verify

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        connection = SimConnection(self._entropy)
        if self._verify is not None:
            connection.set_verify(SSL.VERIFY_PEER, self._verify)
        return connection


class SimTls:
    """The TLS of one process; see :class:`chatnet.world.Tls`. The real code checks the certificates."""

    def __init__(self, entropy: Entropy, spend: Spend = lambda seconds: None) -> None:
        self._entropy = entropy
        self._spend = spend

    def presented(self, pair: KeyPair) -> tls.Presented:
        return SimPresented(pair, self._entropy, self._spend)

    def pinned(self, expected: str) -> Any:
        return Checking(self._entropy, tls.key_check(expected))

    def vouched_for(self, host: str, authorities: Sequence[x509.Certificate] | None = None) -> Any:
        name_check = tls.name_check(host)

        def verify(connection: Any, certificate: Any, error: int, depth: int, ok: int) -> bool:
            is_good = any(_vouches(authority, certificate) for authority in authorities or ())
            return name_check(connection, certificate, error, depth, int(is_good))

        return Checking(self._entropy, verify)

    def in_cluster(self) -> Any:
        return Checking(self._entropy)


def _vouches(authority: x509.Certificate, certificate: Certificate) -> bool:
    """Return whether ``authority`` has signed it. Dates are ignored: they depend on the real clock."""
    try:
        certificate.to_cryptography().verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
