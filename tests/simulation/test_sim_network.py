"""What a protocol sees of delays, cuts and deaths in the simulated network, under Twisted's transports."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from twisted.application.internet import ClientService
from twisted.internet import error
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import ClientFactory, Factory, Protocol, ReconnectingClientFactory
from zope.interface import implementer

from chatnet.world import World
from simulator.toys import Toys

PORT = 7000


class End(Protocol):
    """A protocol that records what it is told."""

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.lost: Any = None
        self.made = False

    def connectionMade(self) -> None:
        self.made = True

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = reason.value


class Echo(End):
    """A protocol that sends back what it gets."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.transport.write(data)


class Ends(Factory):
    """Makes protocols of one class and keeps them, newest last."""

    noisy = False

    def __init__(self, kind: type[End] = End) -> None:
        self.kind = kind
        self.made: list[Any] = []

    def buildProtocol(self, addr: Any) -> End:
        self.made.append(self.kind())
        return self.made[-1]


class Dial(ClientFactory, Ends):
    """The same for a client; ``failed`` has the errors of its attempts."""

    def __init__(self, kind: type[End] = End) -> None:
        Ends.__init__(self, kind)
        self.failed: list[Any] = []

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        self.failed.append(reason.value)


class Pair:
    """A server on ``there`` and a connection to it from ``here``."""

    def __init__(self, simulation: Toys, there: str = "beta", kind: type[End] = End) -> None:
        self.served, self.dialled = Ends(kind), Dial()
        self.here, self.there = simulation.host("alpha"), simulation.host(there)
        self.server = simulation.start(self._serve, host=there, name="server")
        self.client = simulation.start(self._dial, there, host="alpha", name="client")
        simulation.run_while(lambda: not (self.dialled.made and self.served.made))
        self.near, self.far = self.dialled.made[0], self.served.made[0]

    def _serve(self, world: World) -> None:
        world.reactor.listenTCP(PORT, self.served)

    def _dial(self, world: World, host: str) -> None:
        world.reactor.connectTCP(host, PORT, self.dialled)


def test_bytes_arrive_whole_and_in_order_however_they_are_cut(simulation: Toys) -> None:
    """This holds for pieces of all sizes, both ways; the addresses are those of the two hosts."""
    pair = Pair(simulation, kind=Echo)
    sent = [bytes([number % 256]) * (1 + number**3 % 9000) for number in range(200)]
    for number, piece in enumerate(sent):
        pair.client.later(number * 0.001, pair.near.transport.write, piece)
    simulation.run(3)
    assert pair.far.received == pair.near.received == b"".join(sent)
    assert pair.far.transport.getPeer().host == pair.here.address
    assert pair.near.transport.getPeer() == pair.far.transport.getHost()


def test_data_is_cut_at_places_that_the_seed_chooses() -> None:
    """A message arrives in one piece or in several, and not always cut at the same place."""
    pieces: set[tuple[int, ...]] = set()

    class Pieces(End):
        def connectionMade(self) -> None:
            self.sizes: list[int] = []

        def dataReceived(self, data: bytes) -> None:
            self.sizes.append(len(data))

    for seed in range(12):
        with Toys(seed) as simulation:
            pair = Pair(simulation, kind=Pieces)
            for _ in range(10):
                pair.client.soon(pair.near.transport.write, b"x" * 100)
                simulation.run(1)
            pieces.add(tuple(pair.far.sizes))
    assert all(sum(sizes) == 1000 for sizes in pieces)
    assert len(pieces) > 6


def test_nobody_listening_refuses(simulation: Toys) -> None:
    """The refusal comes at once, not after a timeout."""
    simulation.host("beta")
    dial = Dial()
    simulation.start(lambda world: world.reactor.connectTCP("beta", PORT, dial), name="client")
    simulation.run(0.2)
    assert [type(failure) for failure in dial.failed] == [error.ConnectionRefusedError]


def test_an_unknown_name_does_not_resolve(simulation: Toys) -> None:
    """The error is that of DNS."""
    dial = Dial()
    simulation.start(lambda world: world.reactor.connectTCP("nowhere", PORT, dial), name="client")
    simulation.run(0.2)
    assert [type(failure) for failure in dial.failed] == [error.DNSLookupError]


def test_a_port_is_for_one_at_a_time(simulation: Toys) -> None:
    """A port is free again when its process has died; port 0 gives any free port."""
    first = simulation.start(lambda world: world.reactor.listenTCP(PORT, Ends()), name="first")

    def second(world: World) -> None:
        with pytest.raises(error.CannotListenError):
            world.reactor.listenTCP(PORT, Ends())
        assert world.reactor.listenTCP(0, Ends()).getHost().port != PORT

    simulation.start(second)
    first.kill()
    simulation.start(lambda world: world.reactor.listenTCP(PORT, Ends()), name="third")


def test_loopback_alone_is_not_reached_from_elsewhere(simulation: Toys) -> None:
    """A listener on 127.0.0.1 can be reached from its own host, and others are refused."""
    simulation.start(
        lambda world: world.reactor.listenTCP(PORT, Ends(), interface="127.0.0.1"), name="server"
    )
    near, far = Dial(), Dial()
    simulation.start(lambda world: world.reactor.connectTCP("localhost", PORT, near), name="near")
    simulation.start(lambda world: world.reactor.connectTCP("alpha", PORT, far), host="beta", name="far")
    simulation.run(1)
    assert near.made[0].made
    assert near.made[0].transport.getHost().host == "127.0.0.1"
    assert len(far.failed) == 1


def test_closing_ends_both_sides_cleanly_after_all_was_sent(simulation: Toys) -> None:
    """loseConnection loses no byte."""
    pair = Pair(simulation)

    def talk() -> None:
        pair.near.transport.write(b"x" * 1_000_000)
        pair.near.transport.loseConnection()

    pair.client.soon(talk)
    simulation.run(5)
    assert len(pair.far.received) == 1_000_000
    assert type(pair.near.lost) is type(pair.far.lost) is error.ConnectionDone
    assert simulation.network.connections() == []


def test_aborting_resets(simulation: Toys) -> None:
    """The other end loses the connection uncleanly."""
    pair = Pair(simulation)
    pair.client.soon(pair.near.transport.abortConnection)
    simulation.run(1)
    assert type(pair.near.lost) is error.ConnectionAborted
    assert type(pair.far.lost) is error.ConnectionLost


@pytest.mark.parametrize("unread", [False, True])
def test_a_killed_process_s_kernel_closes_its_connections(simulation: Toys, unread: bool) -> None:
    """It closes them cleanly, or with a reset if the process had not read everything."""
    pair = Pair(simulation)
    if unread:
        pair.server.kill(signal.SIGSTOP)
        pair.client.soon(pair.near.transport.write, b"unread")
        simulation.run(1)
    pair.server.kill()
    simulation.run(1)
    assert type(pair.near.lost) is (error.ConnectionLost if unread else error.ConnectionDone)


def test_a_reset_in_between_is_heard_by_both(simulation: Toys) -> None:
    """Both ends lose the connection, as after a firewall's reset."""
    pair = Pair(simulation)
    [connection] = simulation.network.connections()
    connection.reset()
    simulation.run(1)
    assert type(pair.near.lost) is type(pair.far.lost) is error.ConnectionLost


def test_a_forgotten_connection_is_silent_at_both_ends(simulation: Toys) -> None:
    """It is half-open until an end gives it up: what is sent is lost, and nobody is told."""
    pair = Pair(simulation, kind=Echo)
    [connection] = simulation.network.connections()
    assert not simulation.network.any_forgotten()
    connection.forget()
    assert simulation.network.any_forgotten()
    assert pair.client.out_of_touch == simulation.now
    pair.client.soon(pair.near.transport.write, b"anybody?")
    simulation.run(100)
    assert pair.far.received == b""
    assert pair.near.lost is pair.far.lost is None
    pair.client.soon(pair.near.transport.abortConnection)
    simulation.run(1)
    assert not simulation.network.any_forgotten()


def test_a_connection_may_be_forgotten_while_its_link_is_cut(simulation: Toys) -> None:
    """If its ends then die, what the cut held back is lost with them."""
    pair = Pair(simulation, kind=Echo)
    [connection] = simulation.network.connections()
    simulation.network.cut(pair.here, pair.there)
    pair.client.soon(pair.near.transport.write, b"held back")
    simulation.run(1)
    connection.forget()
    pair.client.soon(pair.near.transport.write, b"forgotten")
    simulation.run(1)
    pair.here.power_off()
    simulation.network.heal_all()
    simulation.run(1)
    assert pair.far.received == b""


def test_a_host_without_power_says_nothing_and_once_it_is_back_it_resets(simulation: Toys) -> None:
    """Its peers are half-open until they send to the new kernel, which knows of no connection."""
    pair = Pair(simulation)
    pair.there.power_off()
    pair.client.soon(pair.near.transport.write, b"hello")
    simulation.run(60)
    assert pair.near.lost is None
    pair.there.power_on()
    simulation.run(1)
    lost: Any = pair.near.lost  # it has been set by now
    assert type(lost) is error.ConnectionLost


def test_a_cut_link_delays_and_a_healed_one_delivers(simulation: Toys) -> None:
    """Nothing is lost or reordered: the kernel sends it again."""
    pair = Pair(simulation, kind=Echo)
    simulation.network.cut(pair.here, pair.there)
    for number in range(50):
        pair.client.later(number * 0.01, pair.near.transport.write, b"%02d" % number)
    simulation.run(20)
    assert pair.far.received == b""
    simulation.network.heal(pair.here, pair.there)
    simulation.run(1)
    expected = b"".join(b"%02d" % number for number in range(50))
    assert pair.far.received == pair.near.received == expected


def test_a_link_may_be_cut_in_one_direction(simulation: Toys) -> None:
    """What the client says arrives, and it gets the answer only when the link is healed."""
    pair = Pair(simulation, kind=Echo)
    simulation.network.cut(pair.there, pair.here, both=False)
    pair.client.soon(pair.near.transport.write, b"hello")
    simulation.run(5)
    assert pair.far.received == b"hello"
    assert pair.near.received == b""
    simulation.network.heal_all()
    simulation.run(1)
    assert pair.near.received == b"hello"


def test_a_connection_across_a_cut_link_times_out(simulation: Toys) -> None:
    """An attempt with a longer timeout succeeds after the link is healed."""
    simulation.start(lambda world: world.reactor.listenTCP(PORT, Ends()), host="beta", name="server")
    hasty, patient = Dial(), Dial()
    simulation.network.partition([simulation.host("alpha")], [simulation.host("beta")])

    def connects(world: World) -> None:
        world.reactor.connectTCP("beta", PORT, hasty, timeout=2)
        world.reactor.connectTCP("beta", PORT, patient, timeout=60)

    simulation.start(connects)
    simulation.run(10)
    assert [type(failure) for failure in hasty.failed] == [error.TimeoutError]
    simulation.network.heal_all()
    simulation.run(3)
    assert patient.made[0].made


def test_a_stopped_process_is_still_connected_to_and_written_to(simulation: Toys) -> None:
    """Its kernel accepts and keeps what comes, and the process finds it when it continues."""
    pair = Pair(simulation)
    pair.server.kill(signal.SIGSTOP)
    dial = Dial()
    simulation.start(lambda world: world.reactor.connectTCP("beta", PORT, dial), host="gamma", name="late")
    pair.client.soon(pair.near.transport.write, b"hello")
    simulation.run(5)
    assert dial.made[0].made
    assert (len(pair.served.made), pair.far.received) == (1, b"")
    pair.server.kill(signal.SIGCONT)
    simulation.run(1)
    assert (len(pair.served.made), pair.far.received) == (2, b"hello")


def test_the_backlog_of_a_stopped_process_is_bounded(simulation: Toys) -> None:
    """When it is full, a client waits until it gives up."""
    server = simulation.start(lambda world: world.reactor.listenTCP(PORT, Ends(), backlog=3), name="server")
    server.kill(signal.SIGSTOP)
    dial = Dial()

    def connects(world: World) -> None:
        for _ in range(10):
            world.reactor.connectTCP("alpha", PORT, dial, timeout=5)

    simulation.start(connects)
    simulation.run(20)
    assert len(dial.made) == 4
    assert [type(failure) for failure in dial.failed] == [error.TimeoutError] * 6


@implementer(IPushProducer)
class Flood(End):
    """A protocol that writes as much as it may."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self.sent = 0
        self.paused = False
        self.transport.registerProducer(self, True)
        self.resumeProducing()

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        while not self.paused and self.sent < 2_000_000:
            self.transport.write(b"x" * 10_000)
            self.sent += 10_000

    def stopProducing(self) -> None:
        self.paused = True


def test_a_reader_that_pauses_pauses_the_writer_in_bounded_memory(simulation: Toys) -> None:
    """The buffers of a transport and of two kernels fill up, and no more; when it reads on, all comes."""
    pair = Pair(simulation, kind=Flood)
    pair.client.soon(pair.near.transport.pauseProducing)
    simulation.run(5)
    stuck, read = pair.far.sent, len(pair.near.received)
    assert pair.far.paused
    simulation.run(50)
    assert (pair.far.sent, len(pair.near.received)) == (stuck, read)
    assert 100_000 < stuck - read < 500_000
    pair.client.soon(pair.near.transport.resumeProducing)
    simulation.run(60)
    assert len(pair.near.received) == 2_000_000


@pytest.mark.parametrize("way", ["sleeps", "is cut off", "reads from who loses power"])
def test_who_waits_for_room_learns_that_the_reader_is_gone(simulation: Toys, way: str) -> None:
    """Its kernel goes on asking for room, though the reset was lost, and there is nothing it may send."""
    pair = Pair(simulation, kind=Flood)
    pair.client.soon(pair.near.transport.pauseProducing)
    simulation.run(5)
    assert pair.far.paused
    if way == "sleeps":
        pair.there.sleep()
        pair.client.soon(pair.near.transport.abortConnection)
    elif way == "is cut off":
        simulation.network.cut(pair.here, pair.there)
        pair.client.soon(pair.near.transport.abortConnection)
    else:
        pair.here.power_off()
    simulation.run(60)
    assert pair.far.lost is None
    if way == "sleeps":
        pair.there.awake()
    elif way == "is cut off":
        simulation.network.heal_all()
    else:
        pair.here.power_on()
    simulation.run(1)
    lost: Any = pair.far.lost  # it has been set by now
    assert type(lost) is error.ConnectionLost


def test_a_reconnecting_factory_reconnects(simulation: Toys) -> None:
    """Twisted's own reconnecting factory survives failures, refusals and the death of the server."""

    class Again(ReconnectingClientFactory, Ends):
        jitter = 0
        initialDelay = 0.5

        def __init__(self, clock: Any) -> None:
            Ends.__init__(self)
            self.clock = clock

    factories: list[Again] = []

    def client(world: World) -> None:
        factories.append(Again(world.reactor))
        world.reactor.connectTCP("beta", PORT, factories[0])

    simulation.host("beta")
    simulation.start(client)
    simulation.run(3)
    assert factories[0].made == []
    for count in (1, 2):
        server = simulation.start(
            lambda world: world.reactor.listenTCP(PORT, Ends()), host="beta", name="server"
        )
        simulation.run_while(lambda: len(factories[0].made) < count, 60)  # noqa: B023 - now
        server.kill()


def test_a_client_service_over_a_hostname_endpoint_stays_connected(simulation: Toys) -> None:
    """Names are resolved, endpoints connect and listen, and the service reconnects after a death."""
    made = Ends()
    services: list[ClientService] = []

    def serve(world: World) -> None:
        TCP4ServerEndpoint(world.reactor, PORT).listen(Ends(Echo))

    def client(world: World) -> None:
        endpoint = HostnameEndpoint(world.reactor, "beta", PORT)
        services.append(ClientService(endpoint, made, retryPolicy=lambda _: 0.5, clock=world.reactor))
        services[0].startService()

    server = simulation.start(serve, host="beta")
    process = simulation.start(client)
    simulation.run(1)
    server.kill()
    simulation.run(1)
    simulation.start(serve, host="beta")
    simulation.run(2)
    assert [end.made for end in made.made] == [True, True]
    process.soon(services[0].stopService)
    simulation.run(1)
    assert made.made[1].lost is not None


def test_an_attempt_to_connect_can_be_cancelled(simulation: Toys) -> None:
    """Nothing of the attempt stays."""
    outcome: list[Any] = []
    host = simulation.host("beta")
    simulation.network.cut(simulation.host("alpha"), host)

    def client(world: World) -> None:
        attempt = TCP4ClientEndpoint(world.reactor, "beta", PORT).connect(Ends())
        attempt.addErrback(lambda why: outcome.append(why.type))
        world.reactor.callLater(1, attempt.cancel)

    process = simulation.start(client)
    simulation.run(3)
    assert outcome == [error.ConnectingCancelledError]
    assert process.sockets == {}
    assert process.reactor.getDelayedCalls() == []


def test_what_a_stopped_reactor_holds_is_disconnected(simulation: Toys) -> None:
    """Its protocols are told of the loss before the process exits, and so are their peers."""
    pair = Pair(simulation)
    pair.server.kill(signal.SIGTERM)
    simulation.run(1)
    assert pair.server.is_dead
    assert type(pair.far.lost) is error.ConnectionLost
    assert type(pair.near.lost) is error.ConnectionDone
