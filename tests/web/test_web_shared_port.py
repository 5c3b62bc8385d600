"""Who may join a port that the processes of one cluster share on a host."""

from __future__ import annotations

import hmac
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransportWithDisconnection

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.net.shared_port import (
    ASK_SECONDS,
    MOST_QUESTION,
    TIMES,
    Had,
    Identifying,
    Passport,
    PortTaken,
    Who,
    ask,
    join,
    literals,
    look,
)
from chatnet.net.visitors import Visitors
from chatnet.world import World
from chatnet.world.real import real_world
from simulator.process import SimProcess
from simulator.toys import Toys

PLACE = Address("localhost", 8080)
OURS, ANOTHER = Token(b"o" * 32), Token(b"a" * 32)


@pytest.fixture
def simulation() -> Iterator[Toys]:
    with Toys(1) as toys:
        yield toys
        assert not toys.verdict()


class Member:
    """A process that wants to share the port; ``why`` says why it cannot."""

    def __init__(
        self,
        simulation: Toys,
        name: str,
        token: Token = OURS,
        place: Address = PLACE,
        only_looks: bool = False,
    ) -> None:
        self.had: Had | None = None
        self.why = ""
        self.seconds = 0.0
        self._token, self._place, self._only_looks = token, place, only_looks
        self.process: SimProcess = simulation.start(self._start, host="alpha", name=name)

    def _start(self, world: World) -> None:
        Deferred.fromCoroutine(self._join(world))

    async def _join(self, world: World) -> None:
        passport, begun = Passport(self._token), world.monotonic()
        factory = Identifying(passport, Visitors(world.reactor), world.reactor)
        try:
            if self._only_looks:
                await look(self._place, passport, world)
            else:
                self.had = await join(self._place, factory, passport, world)
        except PortTaken as taken:
            self.why = str(taken)
        self.seconds = world.monotonic() - begun


def stranger(simulation: Toys, protocol: type[Protocol]) -> SimProcess:
    """Return another program, which has the port and shares it with whoever comes."""

    def listen(world: World) -> None:
        world.listen_shared(Address("127.0.0.1", PLACE.port), Factory.forProtocol(protocol), True)

    return simulation.start(listen, host="alpha", name="stranger")


class Web(Protocol):
    """Any program that speaks HTTP."""

    transport: Any

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        self.transport.loseConnection()


def test_a_free_port_is_opened_and_others_of_the_cluster_join(simulation: Toys) -> None:
    """The first asks nobody; the others are shown that it is of their cluster. Those who only look, too."""
    for name in ("one", "two", "looks", "three"):
        member = Member(simulation, name, only_looks=name == "looks")
        simulation.run(0.5)
        assert not member.why
        assert (member.had is None) == (name == "looks")


@pytest.mark.parametrize("only_looks", [False, True])
def test_another_cluster_does_not_join(simulation: Toys, only_looks: bool) -> None:
    """Its own browsers would be sent to a cluster that does not know them, and the other way round."""
    Member(simulation, "one")
    simulation.run(0.5)
    other = Member(simulation, "other", ANOTHER, only_looks=only_looks)
    simulation.run(0.5)
    assert other.why == "another program has it"


def test_nor_on_all_addresses(simulation: Toys) -> None:
    """The kernel would let 127.0.0.1:8080 and 0.0.0.0:8080 of one user stand beside each other, silently."""
    Member(simulation, "one")
    simulation.run(0.5)
    other = Member(simulation, "other", ANOTHER, Address("0.0.0.0", PLACE.port))
    simulation.run(0.5)
    assert other.why == "another program has it"


def test_another_program_is_told_by_its_answer(simulation: Toys) -> None:
    """Whatever it says, it is no proof."""
    stranger(simulation, Web)
    member = Member(simulation, "one")
    simulation.run(0.5)
    assert member.why == "another program has it"


def test_one_that_says_nothing_is_asked_for_a_while(simulation: Toys) -> None:
    """Then the port counts as taken."""
    stranger(simulation, Protocol)
    member = Member(simulation, "one")
    simulation.run(TIMES * 1.5)
    assert member.why == "who has it does not answer"
    assert member.seconds > TIMES * ASK_SECONDS


def test_one_that_is_stopped_keeps_nobody_from_joining(simulation: Toys) -> None:
    """The kernel gives some of the questions to others: after a silent second the next one is asked."""
    first = Member(simulation, "first")
    simulation.run(0.5)
    for name in ("second", "third"):
        Member(simulation, name)
    simulation.run(5)
    first.process.kill(signal.SIGSTOP)
    late = [Member(simulation, f"late{number}") for number in range(6)]
    simulation.run(TIMES)
    assert all(member.had for member in late)
    assert max(member.seconds for member in late) > 1 > min(member.seconds for member in late)


def test_the_port_of_one_that_was_killed_is_free(simulation: Toys) -> None:
    """At once, and whoever waits for an answer of the dead asks again."""
    first = Member(simulation, "first")
    simulation.run(0.5)
    first.process.kill(signal.SIGSTOP)
    late = Member(simulation, "late")
    simulation.run(0.5)
    first.process.kill()
    simulation.run(0.5)
    assert late.had is not None


@pytest.mark.parametrize("second", [OURS, ANOTHER])
def test_two_that_start_at_once(simulation: Toys, second: Token) -> None:
    """Both find nobody there. If they are of one cluster both get the port, else exactly one does."""
    for number in range(5):
        place = Address("localhost", 9000 + number)
        members = [
            Member(simulation, f"{name}{number}", token, place)
            for name, token in (("a", OURS), ("b", second))
        ]
        simulation.run(3)
        assert sum(member.had is not None for member in members) == (2 if second is OURS else 1)
        assert {member.why for member in members} <= {"", "another program has it"}


class PassesOn(Protocol):
    """Has the port, and asks a process of the cluster what it is asked itself."""

    transport: Any
    world: World

    def dataReceived(self, data: bytes) -> None:
        from twisted.internet.protocol import ClientFactory

        here = self

        class Out(Protocol):
            transport: Any

            def connectionMade(self) -> None:
                self.transport.write(data)

            def dataReceived(self, data: bytes) -> None:
                here.transport.write(data)

        self.world.reactor.connectTCP("127.0.0.1", 7777, ClientFactory.forProtocol(Out))


def test_a_proof_that_is_passed_on_proves_nothing(simulation: Toys) -> None:
    """A program that shares the port, but not the token, may ask those who have it."""
    Member(simulation, "member", place=Address("127.0.0.1", 7777))
    simulation.run(0.5)

    def listen(world: World) -> None:
        PassesOn.world = world
        world.listen_shared(Address("127.0.0.1", PLACE.port), Factory.forProtocol(PassesOn), True)

    simulation.start(listen, host="alpha", name="passes on")
    victim = Member(simulation, "victim")
    simulation.run(2)
    assert victim.why == "another program has it"


@pytest.mark.parametrize(
    "said",
    [
        b"\r\n\r\n",
        b"IDENTIFY\r\n\r\n",
        b"IDENTIFY /\r\n\r\n",
        b"IDENTIFY /" + b"0" * 31 + b" HTTP/1.1\r\n\r\n",
        b"IDENTIFY /" + b"\xff" * 32 + b" HTTP/1.1\r\n\r\n",
        b"I" * (MOST_QUESTION + 1),
    ],
)
def test_whatever_else_is_asked_is_hung_up_on(said: bytes) -> None:
    """And nothing is kept of it."""
    visitors = Visitors(reactor)
    protocol: Any = Identifying(Passport(OURS), visitors, reactor).buildProtocol(None)
    transport: Any = StringTransportWithDisconnection()
    transport.protocol = protocol
    protocol.makeConnection(transport)
    protocol.dataReceived(said)
    assert not transport.value()
    assert transport.disconnected
    protocol.connectionLost()
    assert visitors.strangers == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


@pytest_twisted.ensureDeferred
async def test_on_this_machine() -> None:
    """localhost is 127.0.0.1 and ::1; a bind that does not share the port fails."""
    world = real_world()
    passport = Passport(OURS)
    place = Address("localhost", free_port())
    assert {await ask(each, passport, world) for each in literals(place)} == {Who.NOBODY}
    await look(place, passport, world)
    had = []
    for _ in range(2):
        had.append(
            await join(place, Identifying(passport, Visitors(world.reactor), reactor), passport, world)
        )
        assert len(had[-1].ports) == 1 + has_ipv6()
        assert await ask(literals(place)[0], passport, world) is Who.OURS
        await look(place, passport, world)
        with pytest.raises(PortTaken, match="another program has it"):
            await join(place, Factory(), Passport(ANOTHER), world)
        with socket.socket() as probe, pytest.raises(OSError, match="in use"):
            probe.bind(("127.0.0.1", place.port))
    await had[0].close()
    assert await ask(literals(place)[0], passport, world) is Who.OURS
    await had[1].close()
    assert await ask(literals(place)[0], passport, world) is Who.NOBODY


@pytest_twisted.ensureDeferred
async def test_two_at_once_on_this_machine() -> None:
    """The kernel is as the simulator has it."""
    world = replace(real_world())
    for tokens, got in (((OURS, OURS), 2), ((OURS, ANOTHER), 1)):
        place = Address("127.0.0.1", free_port())
        passports = [Passport(token) for token in tokens]
        attempts = [
            Deferred.fromCoroutine(
                join(place, Identifying(passport, Visitors(world.reactor), reactor), passport, world)
            )
            for passport in passports
        ]
        ended: list[Any] = await gatherResults([one.addErrback(lambda why: why.value) for one in attempts])
        had = [one for one in ended if isinstance(one, Had)]
        assert len(had) == got
        for one in had:
            await one.close()


def test_the_documents_example() -> None:
    """Others can compute the proof from what docs/protocol.md says."""
    served, asks = (IPv4Address("TCP", "127.0.0.1", port) for port in (8080, 40_000))
    proof = Passport(Token(bytes(range(32)))).proof("aa" * 16, served, asks).decode()
    document = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    assert f"    {proof}\n" in document
    key = HKDF(SHA256(), 32, None, b"chatnet port").derive(bytes(range(32)))
    said = f"{'aa' * 16} 127.0.0.1:8080 127.0.0.1:40000"
    assert proof == hmac.digest(key, said.encode(), "sha256").hex()
