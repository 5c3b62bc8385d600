"""The port that all processes have, and who is admitted: without TLS, with it, through a relay."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor as real
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.auth import Role, Token
from chatnet.errors import CannotStart, TlsRequired, WrongToken
from chatnet.net import first_byte
from chatnet.net.approach import Approach
from chatnet.net.certificates import Certificates
from chatnet.net.dial import shake_hands
from chatnet.net.first_byte import AMP
from chatnet.net.gate import Caller, Gate, Unregistered, prove
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.pair import self_made
from chatnet.net.pulse import CLUSTER_PULSE, Pulse
from chatnet.net.security import LOOK_SECONDS, Renewal, Security
from chatnet.net.tls import Encryption, Presented, in_cluster, is_encrypted
from chatnet.net.visitors import Visitors
from chatnet.options import find_pair
from chatnet.testing.loopback import Loopback
from chatnet.wire.common import NONCE_BYTES, VERSION, Challenge
from chatnet.world.real import real_world

reactor: Any = real
TOKEN, OTHER = Token(b"t" * 32), Token(b"o" * 32)
ROLES: tuple[Role, ...] = ("worker", "replica", "operator")
SECONDS = 5.0


class Served:
    """A master's port, and who was admitted there."""

    def __init__(self, insecure: bool = False, clock: Any = reactor) -> None:
        self.admitted: list[Role] = []
        self.links: list[Link] = []
        self.outboxes = Outboxes(clock)
        visitors = Visitors(clock)
        gates: Any = Factory.forProtocol(
            lambda: self._kept(Link(Gate(TOKEN, self._admit, os.urandom, clock), self.outboxes))
        )
        world = replace(real_world(), reactor=clock)
        security = Security(None, TOKEN, insecure, world)
        self.port = security.port({AMP: gates}, self.outboxes, visitors, lambda: True)

    def _admit(self, role: Role) -> Locator:
        self.admitted.append(role)
        return Locator()

    def _kept(self, link: Link) -> Link:
        self.links.append(link)
        return link


class Real(Served):
    """A port that listens, and links to it."""

    def __init__(self) -> None:
        super().__init__()
        self._ports = [reactor.listenTCP(0, self.port, interface="127.0.0.1")]
        self.address = self._address(0)

    def _address(self, number: int) -> Address:
        return Address("127.0.0.1", self._ports[number].getHost().port)

    def relay(self) -> Address:
        """Return the address of a relay that speaks TLS with both ends, and passes on what they say."""
        relays: Any = Factory.forProtocol(lambda: Relay(self.address))
        factory = Encryption(Presented(self_made(OTHER)), False, relays, reactor)
        self._ports.append(reactor.listenTCP(0, factory, interface="127.0.0.1"))
        return self._address(1)

    async def dial(self, to: Address, creator: Any = None) -> Link:
        def make() -> Link:
            return self._kept(Link(Unregistered(), self.outboxes))

        return await shake_hands(reactor, to, make, SECONDS, creator or in_cluster())

    def approach(self, role: Role, token: Token = TOKEN, insecure: bool = False) -> Approach:
        pulse = Pulse(reactor, reactor.seconds, *CLUSTER_PULSE)
        caller = Caller(role, token, os.urandom, self.outboxes, pulse)
        return Approach(caller, insecure, real_world().tls, reactor)

    async def close(self) -> None:
        for port in self._ports:
            await port.stopListening()
        for link in self.links:
            link.abort()
            await link.when_lost()


class Relay(Protocol):
    """A relay that reads everything."""

    transport: Any
    other: Any = None

    def __init__(self, to: Address | None = None) -> None:
        self._to = to
        self._waiting = b""

    def connectionMade(self) -> None:
        if self._to is not None:
            far = Relay()
            far.other = self
            dialling: Any = ClientFactory.forProtocol(lambda: far)
            factory = Encryption(in_cluster(), True, dialling, reactor)
            reactor.connectTCP(*self._to, factory)
        else:
            self.other.other = self
            self.transport.write(self.other._waiting)

    def dataReceived(self, data: bytes) -> None:
        if self.other is None:
            self._waiting += data
        else:
            self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.other is not None and self.other.transport.connected:
            self.other.transport.loseConnection()


# ---- who stands in between ----


@pytest.mark.parametrize("role", ROLES)
@pytest_twisted.ensureDeferred
async def test_who_relays_an_encrypted_link_proves_nothing(role: Role) -> None:
    """Both ends have the token, and the relay has all they say; but each end has another connection."""
    served = Real()
    try:
        with pytest.raises(WrongToken):
            await prove(await served.dial(served.relay()), TOKEN, role, os.urandom)
        assert not served.admitted
        await prove(await served.dial(served.address), TOKEN, role, os.urandom)
        assert served.admitted == [role]
    finally:
        await served.close()


@pytest_twisted.ensureDeferred
async def test_another_token_is_refused_over_tls() -> None:
    """It is refused as without TLS; its own certificate does not matter."""
    served = Real()
    try:
        with pytest.raises(WrongToken):
            await prove(await served.dial(served.address), OTHER, "worker", os.urandom)
        assert not served.admitted
    finally:
        await served.close()


@pytest_twisted.ensureDeferred
async def test_an_older_tls_is_refused_before_the_challenge() -> None:
    """Only with 1.3 is a proof's binding secure; clients may use 1.2."""

    class Older:
        def clientConnectionForTLS(self, protocol: Any) -> Any:
            from OpenSSL import SSL

            options = CertificateOptions(lowerMaximumSecurityTo=TLSVersion.TLSv1_2)
            return SSL.Connection(options.getContext(), None)

    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
    from zope.interface import directlyProvides

    older = Older()
    directlyProvides(older, IOpenSSLClientConnectionCreator)
    served = Real()
    try:
        link = await served.dial(served.address, older)
        with pytest.raises(TlsRequired):
            await link.callRemote(Challenge, version=VERSION, nonce=b"n" * NONCE_BYTES)
    finally:
        await served.close()


# ---- without TLS ----


@pytest.mark.parametrize(("role", "encrypted"), [("worker", False), ("replica", False), ("operator", True)])
@pytest_twisted.ensureDeferred
async def test_on_loopback_processes_speak_plain_and_operators_tls(role: Role, encrypted: bool) -> None:
    """TLS between processes of a machine would cost and gain nothing; an operator may come by a tunnel."""
    served = Real()
    try:
        link = await served.approach(role).link(served.address, SECONDS, SECONDS)
        served.links.append(link)
        assert is_encrypted(link.transport) == encrypted
        assert served.admitted == [role]
    finally:
        await served.close()


@pytest.mark.parametrize("insecure", [False, True])
@pytest_twisted.ensureDeferred
async def test_who_is_told_that_it_takes_tls_speaks_it(
    insecure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loopback literal here may lead to another machine: the other end of a tunnel."""
    monkeypatch.setattr(first_byte, "both_on_loopback", lambda transport: False)
    served = Real()
    try:
        link = await served.approach("worker", insecure=insecure).link(served.address, SECONDS, SECONDS)
        served.links.append(link)
        assert is_encrypted(link.transport)
        assert served.admitted == ["worker"]
    finally:
        await served.close()


def far(wire: Loopback) -> None:
    """Put the two ends on two machines."""
    here, there = (IPv4Address("TCP", f"10.0.0.{number}", 64480) for number in (1, 2))
    for transport, host, peer in ((wire.client_transport, here, there), (wire.server_transport, there, here)):
        transport._host, transport._peer = host, peer


class FarLoopback(Loopback):
    """A connection between two machines."""

    def __init__(self, client: Any, server: Any) -> None:
        class Waiting(Protocol):
            """Makes its protocol only when the addresses are known."""

        super().__init__(Waiting(), Waiting())
        far(self)
        self.ends = [(client, self.ends[0][1]), (server, self.ends[1][1])]
        for protocol, transport in reversed(self.ends):
            protocol.makeConnection(transport)


def proven(served: Served, clock: Clock, make: Callable[[Any], Any] = lambda link: link) -> Any:
    """Send a proof without TLS from another machine; return what follows."""
    asker = Link(Unregistered(), Outboxes(clock))
    wire = FarLoopback(make(asker), served.port.buildProtocol(None))
    found: list[Any] = []
    Deferred.fromCoroutine(prove(asker, TOKEN, "worker", os.urandom)).addBoth(found.append)
    clock.advance(0)
    while wire.pump():
        clock.advance(0)
    answer, lost = found[0], wire.client_transport.lost
    wire.cut()
    return answer, lost


def test_who_speaks_plain_from_another_machine_is_told_so_and_hung_up_on() -> None:
    """It is closed whatever it asks, and no timer stays."""
    clock = Clock()
    served = Served(clock=clock)
    answer, lost = proven(served, clock)
    assert answer.check(TlsRequired)
    assert lost is not None
    assert not served.admitted
    assert not [call for call in clock.getDelayedCalls() if call.getTime() > clock.seconds() + 1]


def test_who_has_said_nothing_goes_when_the_port_is_closed() -> None:
    """Nothing of it stays, and a stopping process does not wait for it."""
    clock = Clock()
    served = Served(clock=clock)
    wire = Loopback(Protocol(), served.port.buildProtocol(None))
    assert served.port.undecided == 1
    served.port.doStart()
    served.port.doStop()
    wire.pump()
    assert served.port.undecided == 0
    assert not clock.getDelayedCalls()


def test_nobody_is_accepted_while_nobody_is_taken() -> None:
    """Then not even a handshake begins."""
    served = Served(clock=Clock())
    served.port.takes = lambda: False
    assert served.port.buildProtocol(None) is None


def test_it_is_served_if_the_operator_says_so() -> None:
    """With --insecure it is; and so is a client that speaks TLS there."""
    clock = Clock()
    served = Served(insecure=True, clock=clock)
    assert proven(served, clock)[0] is None
    encrypted = Encryption(in_cluster(), True, Factory(), cast(Any, clock))
    assert proven(served, clock, encrypted.wrap)[0] is None
    assert served.admitted == ["worker", "worker"]


# ---- the operator's certificate ----


@pytest.mark.parametrize("named", ["tls-cert", "tls-key"])
def test_a_certificate_and_its_key_go_together(named: str) -> None:
    """One of them without the other is a mistake."""
    options = {"tls-cert": None, "tls-key": None, named: "a.pem"}
    with pytest.raises(
        CannotStart, match="--tls-cert and --tls-key go together: name both files, or neither"
    ):
        find_pair(options, real_world().directory)


def test_it_is_looked_at_each_minute_and_at_sighup() -> None:
    """A new certificate is taken once; and nothing happens after the stop."""

    class Watched:
        looks = [False, True, False, True]

        def look(self) -> bool:
            return self.looks.pop(0)

    class Processes:
        def at_hangup(self, _: Any, call: Callable[[], object]) -> None:
            hangups.append(call)

    hangups: list[Callable[[], object]] = []
    changed: list[None] = []
    clock = Clock()
    world: Any = replace(real_world(), reactor=clock, processes=cast(Any, Processes()))
    renewal = Renewal(cast(Certificates, Watched()), lambda: changed.append(None), world)
    renewal.start()
    clock.pump([LOOK_SECONDS] * 2)
    assert len(changed) == 1
    for _ in range(2):
        hangups[0]()
    assert len(changed) == 2
    renewal.stop()
    hangups[0]()
    assert not clock.getDelayedCalls()
