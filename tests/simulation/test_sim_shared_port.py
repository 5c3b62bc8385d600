"""The simulated network's ports that several processes share, as Linux has them with SO_REUSEPORT."""

from __future__ import annotations

import signal
from collections import Counter
from typing import Any

from simulation.test_sim_network import Dial, End, Ends
from twisted.internet.error import CannotListenError, ConnectionLost

from chatnet.addresses import Address
from chatnet.net.listen import ACCEPTED
from chatnet.world import World
from simulator.process import SimProcess
from simulator.toys import Toys

PLACE = Address("0.0.0.0", 8080)


class Named(Ends):
    """Makes a server's ends, which say whose they are."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name.encode()

    def buildProtocol(self, addr: Any) -> End:
        made = super().buildProtocol(addr)
        connected = made.connectionMade

        def greet() -> None:
            connected()
            made.transport.write(self.name)

        made.connectionMade = greet  # type: ignore[method-assign]
        return made


class Server:
    """A process that listens at the shared port; ``error`` if it could not."""

    def __init__(self, simulation: Toys, name: str, alone: bool = False, host: str = "beta") -> None:
        self._alone = alone
        self.ends = Named(name)
        self.error: CannotListenError | None = None
        self.process: SimProcess = simulation.start(self._listen, host=host, name=name)

    def _listen(self, world: World) -> None:
        try:
            world.listen_shared(PLACE, self.ends, self._alone)
        except CannotListenError as error:
            self.error = error


def dialled(simulation: Toys, count: int) -> Dial:
    """Return what ``count`` connections to the port are told, once they have had time to be made."""
    dialling(simulation, dial := Dial(), count)
    return dial


def dialling(simulation: Toys, dial: Dial, count: int) -> SimProcess:
    """Return the process that has made so many connections to the port."""

    def connect(world: World) -> None:
        for _ in range(count):
            world.reactor.connectTCP("beta", PLACE.port, dial)

    process = simulation.start(connect, host="alpha", name=f"clients{len(simulation.programs)}")
    simulation.run(0.5)
    return process


def answered(dial: Dial) -> Counter[bytes]:
    return Counter(end.received for end in dial.made if end.received)


def test_each_sharer_gets_its_part_of_the_connections(simulation: Toys) -> None:
    """The kernel draws: 90 connections to three processes are some 30 for each."""
    for name in ("one", "two", "three"):
        assert Server(simulation, name, alone=name == "one").error is None
    found = answered(dialled(simulation, 90))
    assert sum(found.values()) == 90
    assert set(found) == {b"one", b"two", b"three"}
    assert min(found.values()) > 15


def test_who_wants_it_alone_or_does_not_share_does_not_get_it(simulation: Toys) -> None:
    """Also the other way round: nobody joins who has it without sharing."""
    Server(simulation, "one")
    assert Server(simulation, "two", alone=True).error is not None
    Server(simulation, "plain", host="gamma").process.kill()
    simulation.start(
        lambda world: world.reactor.listenTCP(PLACE.port, Ends()), host="gamma", name="not shared"
    )
    assert Server(simulation, "joins", host="gamma").error is not None


def test_a_stopped_sharer_keeps_its_part(simulation: Toys) -> None:
    """Its kernel accepts for it, and nobody answers: not even to a client that asks again."""
    servers = [Server(simulation, name, alone=name == "one") for name in ("one", "two")]
    servers[0].process.kill(signal.SIGSTOP)
    dial = dialled(simulation, 40)
    assert len(dial.made) == 40
    assert 5 < answered(dial)[b"two"] < 35
    servers[0].process.kill(signal.SIGCONT)
    simulation.run(0.5)
    assert sum(answered(dial).values()) == 40


def waiting(simulation: Toys) -> tuple[Dial, Server]:
    """Return clients, of which some wait for a stopped server, and another server; kill the stopped one."""
    stopped, other = Server(simulation, "stopped", alone=True), Server(simulation, "other")
    stopped.process.kill(signal.SIGSTOP)
    dial = dialled(simulation, 40)
    stopped.process.kill()
    simulation.run(0.5)
    return dial, other


def test_who_hangs_up_on_a_stopped_sharer_is_not_looked_at_later(simulation: Toys) -> None:
    """But for the first few of a crowd: see :mod:`chatnet.net.listen`."""
    server = Server(simulation, "stopped", alone=True)
    server.process.kill(signal.SIGSTOP)
    dialling(simulation, Dial(), 6 * ACCEPTED).kill()
    simulation.run(0.5)
    server.process.kill(signal.SIGCONT)
    late = dialled(simulation, 4)
    assert answered(late) == {b"stopped": 4}
    assert len(server.ends.made) == ACCEPTED + 4


def test_who_waits_for_a_sharer_that_is_closed_is_reset(simulation: Toys) -> None:
    """All later ones get to the other."""
    dial, _ = waiting(simulation)
    lost = [end for end in dial.made if end.lost is not None]
    assert 5 < len(lost) == 40 - answered(dial)[b"other"]
    assert {type(end.lost) for end in lost} == {ConnectionLost}
    assert answered(dialled(simulation, 20)) == {b"other": 20}


def test_or_is_given_to_another(simulation: Toys) -> None:
    """With Linux's ``tcp_migrate_req``."""
    simulation.network.migrates = True
    dial, _ = waiting(simulation)
    assert answered(dial) == {b"other": 40}
    assert not any(end.lost for end in dial.made)
