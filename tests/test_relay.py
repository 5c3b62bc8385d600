"""A relay between two processes of one machine, which passes on what they say, is not admitted."""

from __future__ import annotations

import os
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor as real
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.protocols.portforward import ProxyFactory

from chatnet.auth import Role, Token
from chatnet.errors import WrongToken
from chatnet.net.gate import Gate, Unregistered, prove
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.testing.loopback import Loopback

TOKEN = Token(b"t" * 32)
reactor: Any = real
ROLES: tuple[Role, ...] = ("worker", "replica", "operator")


class Listening:
    """A master's port on loopback, and a relay before it. Admissions are recorded."""

    def __init__(self) -> None:
        self.admitted: list[Role] = []
        self._outboxes = Outboxes(reactor)
        self._links: list[Link] = []
        gates = Factory.forProtocol(lambda: self._kept(Link(self._gate(), self._outboxes)))
        self._ports = [reactor.listenTCP(0, gates, interface="127.0.0.1")]
        self.port = self._ports[0].getHost().port
        relay = ProxyFactory("127.0.0.1", self.port)
        relay.noisy = False
        self._ports.append(reactor.listenTCP(0, relay, interface="127.0.0.1"))
        self.relay = self._ports[1].getHost().port

    def _gate(self) -> Gate:
        def admit(role: Role) -> Locator:
            self.admitted.append(role)
            return Locator()

        return Gate(TOKEN, admit, os.urandom, reactor)

    def _kept(self, link: Link) -> Link:
        self._links.append(link)
        return link

    async def dial(self, port: int) -> Link:
        dialing = Factory.forProtocol(lambda: self._kept(Link(Unregistered(), self._outboxes)))
        return cast(Link, await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(dialing))

    async def close(self) -> None:
        for port in self._ports:
            await port.stopListening()
        for link in self._links:
            link.abort()
            await link.when_lost()


@pytest.mark.parametrize("role", ROLES)
@pytest_twisted.ensureDeferred
async def test_a_proof_is_not_passed_on(role: Role) -> None:
    """Both ends have the token, and neither accepts the other through a relay; directly, both do."""
    listening = Listening()
    try:
        with pytest.raises(WrongToken):
            await prove(await listening.dial(listening.relay), TOKEN, role, os.urandom)
        assert not listening.admitted
        await prove(await listening.dial(listening.port), TOKEN, role, os.urandom)
        assert listening.admitted == [role]
    finally:
        await listening.close()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("here", ["asker", "answerer"])
def test_nor_from_another_machine_to_loopback(role: Role, here: str) -> None:
    """One end sees a loopback connection, the other one from another machine: something is in between."""
    admitted: list[Role] = []

    def admit(role: Role) -> Locator:
        admitted.append(role)
        return Locator()

    clock = Clock()
    asker = Link(Unregistered(), Outboxes(clock))
    answerer = Link(Gate(TOKEN, admit, os.urandom, clock), Outboxes(clock))
    wire = Loopback(asker, answerer)
    far = wire.server_transport if here == "asker" else wire.client_transport
    far._host, far._peer = (IPv4Address("TCP", f"10.0.0.{number}", 64480) for number in (1, 2))
    found: list[Any] = []
    Deferred.fromCoroutine(prove(asker, TOKEN, role, os.urandom)).addBoth(found.append)
    clock.advance(0)
    while wire.pump():
        clock.advance(0)
    assert found[0].check(WrongToken)
    assert not admitted
    wire.cut()
