"""A relay between two hosts learns nothing from a client that checks the other end's key, or that binds its
proof to the connection."""

from __future__ import annotations

from typing import Any

import pytest
from simulation.test_sim_network import Dial, Echo, End, Ends
from test_tls import OURS
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Factory

from chatnet.addresses import MASTER_PORT
from chatnet.auth import Token
from chatnet.errors import ChatnetError
from chatnet.net.gate import Gate, prove
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.tls import Encryption, WrongKey
from chatnet.world import World
from simulator import SimProcess
from simulator.relay import PORT, RELAY
from simulator.toys import Toys

WORKER_PORT = 7000
TOKEN = Token(b"shared by the cluster's processe")


class Between:
    """A server on beta; a client on alpha that dials it reaches a relay on gamma."""

    def __init__(self, simulation: Toys) -> None:
        self.simulation = simulation
        self.here, self.there, between = (simulation.host(name) for name in ("alpha", "beta", "gamma"))
        self.relay = between.start(RELAY)
        simulation.run(1)
        simulation.network.divert(self.here, self.there, between, PORT)

    def serve(self, port: int, factory: Any, encrypted: bool = True) -> None:
        def serve(world: World) -> None:
            tls = Encryption(world.tls.presented(OURS), False, factory, world.reactor)
            world.reactor.listenTCP(port, tls if encrypted else factory)

        self.simulation.start(serve, host="beta")

    def dial(self, port: int, factory: Any, how: str, *arguments: Any) -> SimProcess:
        def dial(world: World) -> None:
            to = factory
            if how:
                to = Encryption(getattr(world.tls, how)(*arguments), True, factory, world.reactor)
            world.reactor.connectTCP("beta", port, to)

        process = self.simulation.start(dial)
        self.simulation.run(1)
        return process

    def failures(self) -> list[str]:
        """Return what the relay has learned; it then does not fail the run."""
        found, self.simulation.failures = self.simulation.failures, []
        return found


@pytest.fixture
def between(simulation: Toys) -> Between:
    return Between(simulation)


def test_who_is_diverted_notices_nothing_in_plain(between: Between) -> None:
    """Everything is passed on, and the client believes that it reached the server."""
    served, dialled = Ends(Echo), Dial()
    between.serve(WORKER_PORT, served, encrypted=False)
    client = between.dial(WORKER_PORT, dialled, "")
    dialled.made[0].transport.write(b"hello")
    between.simulation.run(1)
    assert dialled.made[0].received == b"hello"
    assert dialled.made[0].transport.getPeer().host == between.there.address
    assert served.made[0].transport.getPeer().host == between.simulation.host("gamma").address
    between.simulation.network.divert_no_more(between.here, between.there)
    between.dial(WORKER_PORT, Dial(), "")
    assert served.made[1].transport.getPeer().host == between.here.address
    client.soon(dialled.made[0].transport.loseConnection)
    between.simulation.run(1)
    assert served.made[0].lost is not None
    assert not between.failures()


def test_connections_that_are_there_are_reset(simulation: Toys) -> None:
    """A client that keeps a connection must dial again, and so reaches the relay."""
    served, dialled = Ends(), Dial()
    simulation.start(lambda world: world.reactor.listenTCP(WORKER_PORT, served), host="beta", name="serve")
    simulation.start(lambda world: world.reactor.connectTCP("beta", WORKER_PORT, dialled), name="dial")
    simulation.run(1)
    alpha, beta, gamma = (simulation.host(name) for name in ("alpha", "beta", "gamma"))
    simulation.network.divert(alpha, beta, gamma, PORT)
    simulation.run(1)
    assert dialled.made[0].lost is not None
    assert served.made[0].lost is not None


def test_who_looks_at_the_key_tells_it_nothing(between: Between) -> None:
    """The relay does not even learn that the client wanted to log in."""
    dialled = Dial()
    between.serve(WORKER_PORT, Ends())
    between.dial(WORKER_PORT, dialled, "pinned", OURS.fingerprint)
    assert isinstance(dialled.made[0].lost, WrongKey)
    assert not between.failures()


def test_it_knows_when_somebody_takes_it_for_a_worker(between: Between) -> None:
    """This happens to a client that checks no key."""

    class Trusting(End):
        def connectionMade(self) -> None:
            self.transport.write(b"1 LOGIN ann secret\n")

    served, dialled = Ends(), Dial(Trusting)
    between.serve(WORKER_PORT, served)
    between.dial(WORKER_PORT, dialled, "in_cluster")
    assert served.made[0].received == b"1 LOGIN ann secret\n"
    assert ["a client spoke to it, and not to the worker" in failure for failure in between.failures()] == [
        True
    ]


@pytest.mark.parametrize("encrypted", [True, False], ids=["by TLS", "in plain"])
def test_a_proof_that_is_bound_to_its_connection_is_not_taken(between: Between, encrypted: bool) -> None:
    """Without TLS a taken proof is no violation: whoever says --insecure trusts the network."""
    outcome = meet(between, encrypted)
    assert outcome == (["WrongToken"] if encrypted else ["proven"])
    assert not between.failures()


def test_it_knows_when_a_proof_is_taken_through_it(between: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof that is the same on all connections is taken."""
    monkeypatch.setattr("chatnet.net.gate._bound_to", lambda link, is_asker: b"")
    assert meet(between, True) == ["proven"]
    (failure,) = between.failures()
    assert "a proof was taken that went through it" in failure


def meet(between: Between, encrypted: bool) -> list[str]:
    """Let a worker on alpha prove the token to the master on beta; return what the relay learned."""
    outcome: list[str] = []

    async def proves(link: Link, world: World) -> None:
        try:
            await prove(link, TOKEN, "worker", world.entropy)
            outcome.append("proven")
        except ChatnetError as error:
            outcome.append(type(error).__name__)

    def serve(world: World) -> None:
        outboxes = Outboxes(world.reactor)

        def gate() -> Gate:
            return Gate(TOKEN, lambda role: Locator(), world.entropy, world.reactor)

        links = _factory(lambda: Link(gate(), outboxes))
        tls = Encryption(world.tls.presented(OURS), False, links, world.reactor)
        world.reactor.listenTCP(MASTER_PORT, tls if encrypted else links)

    def dial(world: World) -> None:
        class Proves(Locator):
            def connected(self, link: Link) -> None:
                super().connected(link)
                Deferred.fromCoroutine(proves(link, world))

        links = _factory(lambda: Link(Proves(), Outboxes(world.reactor)))
        tls = Encryption(world.tls.in_cluster(), True, links, world.reactor)
        world.reactor.connectTCP("beta", MASTER_PORT, tls if encrypted else links)

    between.simulation.start(serve, host="beta")
    between.simulation.start(dial)
    between.simulation.run(1)
    return outcome


def _factory(make: Any) -> Factory:
    factory: Factory = ClientFactory.forProtocol(make)
    factory.noisy = False
    return factory
