"""TLS handshakes between two ends in memory, with right and wrong keys, names, authorities and versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any, cast

import pytest
from a_pair import DAY, Showing, ShowingUnreadable, Unreadable, new_authority
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions, TLSVersion
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from chatnet.auth import Token
from chatnet.net.pair import KeyPair, self_made
from chatnet.net.tls import (
    MOST_CERTIFICATE_BYTES,
    MOST_EXPONENT_BITS,
    MOST_RSA_BITS,
    Presented,
    TooOld,
    WrongKey,
    WrongName,
    channel_binding,
    in_cluster,
    is_quick,
    pinned,
    shown_fingerprint,
    shown_name,
    vouched_for,
    why_not_trusted,
)
from chatnet.testing.loopback import Loopback

# OpenSSL uses this machine's clock.
TODAY = datetime.now(UTC)
GOOD = {"begins": TODAY - DAY, "ends": TODAY + DAY}
AUTHORITY = new_authority(TODAY - 20 * DAY, TODAY + 20 * DAY)
ROOTS = [AUTHORITY.pair.certificate]
OURS = self_made(Token(b"ours" * 8))
THEIRS = self_made(Token(b"them" * 8))


@implementer(IHandshakeListener)
class End(Protocol):
    """A protocol that records what came, and how it ended."""

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.is_trusted = False
        self.lost: BaseException | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def handshakeCompleted(self) -> None:
        self.is_trusted = True

    def connectionLost(self, reason: Failure | None = None) -> None:
        assert reason is not None
        self.lost = reason.value


class Meeting:
    """A client and a server that are connected; the client has sent its first message."""

    def __init__(self, dialling: Any, presented: Any) -> None:
        self._clock = Clock()
        client, server = self._end(dialling, True), self._end(presented, False)
        self._wire = Loopback(client, server)
        self.client: End = client.wrappedProtocol
        self.server: End = server.wrappedProtocol
        self.client.transport.write(b"hello")
        self.go_on()

    def _end(self, creator: Any, is_client: bool) -> Any:
        factory = TLSMemoryBIOFactory(creator, is_client, Factory.forProtocol(End), clock=self._clock)
        return factory.buildProtocol(None)

    def go_on(self) -> None:
        """Carry everything that waits."""
        while True:
            self._clock.advance(0)
            if not self._wire.pump():
                return

    @property
    def is_good(self) -> bool:
        """Return whether they receive each other's messages."""
        self.server.transport.write(b"welcome")
        self.go_on()
        return self.server.received == b"hello" and self.client.received.endswith(b"welcome")

    @property
    def why(self) -> BaseException:
        """Return why the client refused the server; it has then said nothing."""
        assert self.client.lost is not None
        assert not self.client.is_trusted
        assert not self.server.received
        assert not self.client.received
        assert self.server.lost is not None
        return self.client.lost


def old_server(pair: KeyPair) -> Any:
    """Return a server that speaks TLS 1.2 at most."""
    return CertificateOptions(
        privateKey=pair.key,  # type: ignore[arg-type]
        certificate=pair.certificate,  # type: ignore[arg-type]
        lowerMaximumSecurityTo=TLSVersion.TLSv1_2,
    )


@pytest.fixture(params=[Presented, old_server], ids=["1.3", "1.2"])
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Yield what presents a pair, by either version."""
    return request.param


# ---- pins ----


def test_who_has_the_pinned_key_is_trusted(server: Any) -> None:
    """It is trusted though no authority vouches for it."""
    assert Meeting(pinned(OURS.fingerprint), server(OURS)).is_good


def test_who_has_another_key_is_told_nothing(server: Any) -> None:
    """The sentence says which key it has: after a change of the token that may be the right one."""
    why = Meeting(pinned(OURS.fingerprint), server(THEIRS)).why
    assert isinstance(why, WrongKey)
    assert why.theirs == THEIRS.fingerprint
    assert why_not_trusted(why) == f"its key is {THEIRS.fingerprint}, and not {OURS.fingerprint}"


def test_whose_certificate_cannot_be_read_has_another_key() -> None:
    """Anybody can present what OpenSSL takes and ``cryptography`` does not."""
    why = Meeting(pinned(OURS.fingerprint), Unreadable(THEIRS)).why
    assert isinstance(why, WrongKey)
    assert why.theirs == "of a kind that is not known here"


def test_who_shows_the_pinned_certificate_behind_its_own_is_not_trusted() -> None:
    """Anybody has our certificate: only the first one's key is proven."""
    impostor = KeyPair(THEIRS.certificate, THEIRS.key, [OURS.certificate])
    assert isinstance(Meeting(pinned(OURS.fingerprint), Presented(impostor)).why, WrongKey)
    signed = AUTHORITY.vouch(**GOOD, chain=ROOTS)  # type: ignore[arg-type]
    assert isinstance(Meeting(pinned(AUTHORITY.pair.fingerprint), Presented(signed)).why, WrongKey)


def test_who_copies_the_pinned_certificate_without_its_key_gets_nowhere() -> None:
    """OpenSSL does not even begin a handshake."""
    with pytest.raises(SSL.Error):
        Presented(KeyPair(OURS.certificate, THEIRS.key))


def test_a_pinned_key_is_good_whatever_stands_in_its_certificate(server: Any) -> None:
    """It may be for any name, and expired: the key is pinned, as with SSH."""
    expired = AUTHORITY.vouch("another.example", TODAY - 3 * DAY, TODAY - 2 * DAY)
    assert Meeting(pinned(expired.fingerprint), server(expired)).is_good


def test_a_pinned_key_may_have_authorities_behind_it(server: Any) -> None:
    """The authorities' keys are not checked."""
    bought = AUTHORITY.vouch(**GOOD, chain=ROOTS)  # type: ignore[arg-type]
    assert Meeting(pinned(bought.fingerprint), server(bought)).is_good


# ---- authorities ----


@pytest.mark.parametrize("name", ["chat.example", "192.0.2.1", "2001:db8::1"])
def test_who_is_vouched_for_under_its_name_is_trusted(server: Any, name: str) -> None:
    """It has a name, or a literal of either kind."""
    pair = AUTHORITY.vouch(name, **GOOD)
    assert Meeting(vouched_for(name, ROOTS), server(pair)).is_good


def test_a_chain_leads_to_the_authority() -> None:
    """Authorities that sell certificates have one in between."""
    between = AUTHORITY.appoint(TODAY)
    pair = between.vouch(**GOOD, chain=[between.pair.certificate])  # type: ignore[arg-type]
    assert Meeting(vouched_for("chat.example", ROOTS), Presented(pair)).is_good
    alone = KeyPair(pair.certificate, pair.key)
    assert isinstance(Meeting(vouched_for("chat.example", ROOTS), Presented(alone)).why, SSL.Error)


@pytest.mark.parametrize(("asked", "has"), [("chat.example", "chat.evil"), ("192.0.2.1", "192.0.2.2")])
def test_who_is_vouched_for_under_another_name_is_told_nothing(server: Any, asked: str, has: str) -> None:
    """Anybody can have a certificate for a name of their own."""
    why = Meeting(vouched_for(asked, ROOTS), server(AUTHORITY.vouch(has, **GOOD))).why
    assert isinstance(why, WrongName)
    assert why_not_trusted(why) == f"its certificate is not for {asked}"


def test_a_certificate_that_names_nobody_is_nobodys(server: Any) -> None:
    """An authority may have made it for something else; Twisted would accept it for any name."""
    why = Meeting(vouched_for("chat.example", ROOTS), server(AUTHORITY.vouch("", **GOOD))).why
    assert isinstance(why, WrongName)


def test_a_certificate_that_cannot_be_read_is_nobodys() -> None:
    """An authority may sign more than we can read."""
    unreadable = Unreadable(AUTHORITY.vouch(**cast(Any, GOOD)), AUTHORITY.pair)
    assert isinstance(Meeting(vouched_for("chat.example", ROOTS), unreadable).why, WrongName)


@pytest.mark.parametrize(
    "pair",
    [
        AUTHORITY.vouch("chat.example", TODAY - 3 * DAY, TODAY - 2 * DAY),
        new_authority(TODAY - 20 * DAY, TODAY + 20 * DAY).vouch("chat.example", **GOOD),
        OURS,
    ],
    ids=["expired", "of a strange authority", "self-made"],
)
def test_who_is_not_vouched_for_is_told_nothing(server: Any, pair: KeyPair) -> None:
    """This holds whatever name is on it."""
    why = Meeting(vouched_for("chat.example", ROOTS), server(pair)).why
    assert why_not_trusted(why) == (
        "no authority that is trusted here vouches for its certificate, or it has expired"
    )


def test_without_authorities_those_of_this_machine_are_asked() -> None:
    """They do not know our authority."""
    why = Meeting(vouched_for("chat.example"), Presented(AUTHORITY.vouch(**cast(Any, GOOD)))).why
    assert isinstance(why, SSL.Error)


# ---- within the cluster ----


def test_within_the_cluster_no_certificate_is_looked_at() -> None:
    """Both ends prove the token instead."""
    assert Meeting(in_cluster(), Presented(THEIRS)).is_good


def test_within_the_cluster_only_tls_1_3_is_spoken() -> None:
    """With an older version two connections may have the same binding."""
    assert isinstance(Meeting(in_cluster(), old_server(OURS)).why, SSL.Error)


def test_both_ends_have_what_nobody_else_has() -> None:
    """A relay has two connections with two values: no proof is good on both."""
    here, there = Meeting(in_cluster(), Presented(OURS)), Meeting(in_cluster(), Presented(OURS))
    bindings = [
        channel_binding(end.transport) for end in (here.client, here.server, there.client, there.server)
    ]
    assert bindings[0] == bindings[1] != bindings[2] == bindings[3]
    assert {len(binding) for binding in bindings} == {32}


def test_a_link_that_is_older_or_plain_has_no_binding() -> None:
    """So it is refused before the proof begins."""
    old = Meeting(pinned(OURS.fingerprint), old_server(OURS))
    for transport in (old.client.transport, old.server.transport, _Plain()):
        with pytest.raises(TooOld):
            channel_binding(transport)


class _Plain:
    def getHandle(self) -> object:
        """Return a socket."""
        return object()


# ---- ports ----


def test_a_renewed_pair_is_for_those_who_come_after_it() -> None:
    """Existing connections are not affected."""
    presented = Presented(OURS)
    before = Meeting(pinned(OURS.fingerprint), presented)
    presented.renew(THEIRS)
    assert before.is_good
    assert Meeting(pinned(THEIRS.fingerprint), presented).is_good
    assert isinstance(Meeting(pinned(OURS.fingerprint), presented).why, WrongKey)


SELF_MADE = self_made(Token(b"mine" * 8))


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def good(key: Any, padding: int = 0) -> KeyPair:
    return AUTHORITY.vouch(key=key, padding=padding, **cast(Any, GOOD))


VERSIONS = [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION]


@pytest.mark.parametrize("newest", VERSIONS)
@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: SELF_MADE,
        lambda: AUTHORITY.vouch("a", TODAY - 3 * DAY, TODAY - DAY, chain=[AUTHORITY.pair.certificate]),
        lambda: good(ed25519.Ed25519PrivateKey.generate()),
        lambda: good(rsa_key()),
        lambda: good(ec.generate_private_key(ec.SECP384R1()), MOST_CERTIFICATE_BYTES - 600),
    ],
    ids=["none", "self-made", "expired", "Ed25519", "RSA", "long"],
)
def test_a_port_that_asks_for_a_certificate_needs_none(
    make: Callable[[], KeyPair | None], newest: int
) -> None:
    """Nobody has to vouch for it. It is known by all of it, as ``openssl x509 -fingerprint`` shows it; and
    not where nobody asks."""
    pair = make()
    meeting = Meeting(Showing(pair, newest), Presented(OURS).asking())
    assert meeting.is_good
    der = b"" if pair is None else pair.certificate.public_bytes(Encoding.DER)
    assert shown_fingerprint(meeting.server.transport) == (sha256(der).digest() if der else b"")
    unasked = Meeting(Showing(pair, newest), Presented(OURS))
    assert unasked.is_good
    assert shown_fingerprint(unasked.server.transport) == shown_fingerprint(_Plain()) == b""


@pytest.mark.parametrize(
    ("showing", "name"),
    [
        (Showing(None), ""),
        (Showing(AUTHORITY.vouch("A b", **cast(Any, GOOD))), "A b"),
        (ShowingUnreadable(OURS), ""),
    ],
)
def test_the_name_in_a_certificate(showing: Showing, name: str) -> None:
    meeting = Meeting(showing, Presented(OURS).asking())
    assert meeting.is_good
    assert shown_name(meeting.server.transport) == name
    assert shown_name(_Plain()) == ""


@pytest.mark.parametrize("newest", VERSIONS)
@pytest.mark.parametrize(
    "make",
    [
        lambda: good(ec.generate_private_key(ec.BrainpoolP512R1())),
        lambda: good(None, MOST_CERTIFICATE_BYTES),
    ],
    ids=["another curve", "a long certificate"],
)
def test_a_certificate_is_refused_whose_check_costs_much(make: Callable[[], KeyPair], newest: int) -> None:
    """Before its signature is checked; nothing that is said behind it is heard."""
    meeting = Meeting(Showing(make(), newest), Presented(OURS).asking())
    assert isinstance(meeting.server.lost, SSL.Error)
    assert not meeting.server.received
    assert meeting.client.lost is not None


def test_keys_that_take_long_are_refused() -> None:
    """Real ones of that length would take seconds to make."""

    def key(bits: int, exponent: int) -> Any:
        return rsa.RSAPublicNumbers(exponent, (1 << bits) - 1).public_key()

    assert is_quick(key(MOST_RSA_BITS, 65537))
    assert is_quick(key(2048, (1 << MOST_EXPONENT_BITS) - 1))
    assert not is_quick(key(MOST_RSA_BITS + 1, 65537))
    assert not is_quick(key(2048, (1 << MOST_EXPONENT_BITS) + 1))


@pytest.mark.parametrize("newest", VERSIONS)
@pytest.mark.parametrize("pair", [None, SELF_MADE], ids=["none", "one"])
def test_who_offers_to_go_on_where_they_were_is_asked_again(pair: KeyPair | None, newest: int) -> None:
    """Many programs keep what OpenSSL calls a session. Here it is good for nothing, and does no harm."""
    showing = Showing(pair, newest)
    asking = Presented(OURS).asking()
    before = Meeting(showing, asking)
    assert before.is_good
    showing.session = before.client.transport.getHandle().get_session()
    again = Meeting(showing, asking)
    assert again.is_good
    assert bool(shown_fingerprint(again.server.transport)) is (pair is not None)


def test_a_port_that_asks_presents_the_renewed_pair() -> None:
    presented = Presented(OURS)
    asking = presented.asking()
    assert Meeting(pinned(OURS.fingerprint), asking).is_good
    presented.renew(THEIRS)
    assert Meeting(pinned(THEIRS.fingerprint), asking).is_good
    assert isinstance(Meeting(pinned(OURS.fingerprint), asking).why, WrongKey)


def test_what_openssl_does_not_take_leaves_the_old_pair() -> None:
    """The port goes on presenting the old pair."""
    presented = Presented(OURS)
    with pytest.raises(SSL.Error):
        presented.renew(KeyPair(THEIRS.certificate, OURS.key))
    assert presented.pair is OURS
    assert Meeting(pinned(OURS.fingerprint), presented).is_good


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [(["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (["h2"], ""), ([], "")],
)
def test_browsers_speak_http_1_1(offered: list[str], spoken: str) -> None:
    """Every browser offers protocols by name. Where none of them is ours, the handshake goes on without."""
    options = CertificateOptions(acceptableProtocols=[one.encode() for one in offered] or None)

    @implementer(IOpenSSLClientConnectionCreator)
    class Creator:
        def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
            connection = SSL.Connection(options.getContext(), None)
            if offered:
                connection.set_alpn_protos([one.encode() for one in offered])
            return connection

    meeting = Meeting(Creator(), Presented(OURS))
    assert meeting.client.is_trusted
    assert meeting.server.received == b"hello"
    assert meeting.client.transport.getHandle().get_alpn_proto_negotiated() == spoken.encode()


def test_who_has_only_ciphers_of_old_is_refused() -> None:
    """Without forward secrecy a stolen key opens what was recorded years ago."""
    client = CertificateOptions(
        lowerMaximumSecurityTo=TLSVersion.TLSv1_2,
        acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString("AES128-SHA:ECDHE-ECDSA-AES128-SHA"),
    )
    assert isinstance(Meeting(client, Presented(OURS)).why, SSL.Error)
    modern = CertificateOptions(lowerMaximumSecurityTo=TLSVersion.TLSv1_2)
    assert Meeting(modern, Presented(OURS)).is_good


def test_who_does_not_speak_tls_is_said_to() -> None:
    """What is no failure of TLS is left to others to report."""
    assert why_not_trusted(SSL.Error([("SSL routines", "", "wrong version number")])) == (
        "it does not speak TLS as we do"
    )
    assert why_not_trusted(ConnectionClosed()) == ""
