"""The IRC fronts of a simulated cluster: one address, whatever dies, stops, drains or wants it too."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import ClientFactory, Factory, Protocol

from chatnet.addresses import Address
from chatnet.world import World
from simulator.host import HOME, Host
from simulator.process import SimProcess
from simulator.tls import SimPresented
from simulator.toys import Toys

PORT = 6667
DATA = HOME / "chatnet-data"
ASKED = {"HOME": str(HOME), "CHATNET_WEB": "none", "CHATNET_IRC": f"localhost:{PORT}"}
"""The environment of somebody who asks for that port."""
USUAL = {**ASKED, "CHATNET_IRC": ""}
"""The environment of somebody who says nothing of it."""
FRONT = "chat-front"


@pytest.fixture
def simulation() -> Iterator[Toys]:
    with Toys(3) as toys:
        yield toys


@pytest.fixture
def alpha(simulation: Toys) -> Host:
    return simulation.host("alpha")


def said(process: SimProcess) -> list[str]:
    return [line for line in process.terminal.lines if line]


def up(simulation: Toys, host: Host, *options: str, environ: dict[str, str] = ASKED) -> SimProcess:
    """Start a master, and wait until its workers and fronts serve."""
    master = host.start("chat-master", *options, environ=environ)
    simulation.run_while(lambda: not any("chatnet is up" in line for line in said(master)), 20)
    simulation.run(3)
    return master


class Line(Protocol):
    """A client that pings, and notes what is said and how it ends."""

    transport: Any

    def __init__(self, first: bytes) -> None:
        self._first = first
        self.heard = b""
        self.is_lost = False

    def connectionMade(self) -> None:
        self.transport.write(self._first)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:
        self.is_lost = True


class Dial(ClientFactory):
    noisy = False

    def __init__(self, line: Line) -> None:
        self._line = line

    def buildProtocol(self, addr: Any) -> Protocol:
        return self._line

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        self._line.is_lost = True


def clients(
    simulation: Toys,
    count: int = 12,
    host: str = "alpha",
    address: str = "127.0.0.1",
    first: bytes = b"PING :x\r\n",
    after: float = 0.0,
) -> tuple[SimProcess, list[Line]]:
    """Return so many clients on ``host``, which have said something at the port of ``address``, or will
    ``after`` so many seconds."""
    lines = [Line(first) for _ in range(count)]

    def dial(world: World) -> None:
        for line in lines:
            world.reactor.callLater(after, world.reactor.connectTCP, address, PORT, Dial(line))

    process = simulation.start(dial, host=host, name=f"irssi{len(simulation.programs)}")
    simulation.run(0 if after else 1)
    return process, lines


def answered(lines: list[Line]) -> int:
    return sum(b" PONG " in line.heard and not line.is_lost for line in lines)


def status(simulation: Toys, host: Host) -> str:
    """Return what ``chatnet status`` says."""
    asking = host.start("chatnet", "status", environ=ASKED, output=Path("/tmp/status"))
    simulation.run_while(lambda: not asking.is_dead, 10)
    return "\n".join(said(asking))


def squat(world: World) -> None:
    class Other(Protocol):
        transport: Any

        def dataReceived(self, data: bytes) -> None:
            self.transport.write(b":other 421 * :Unknown command\r\n")

    world.listen_shared(Address("127.0.0.1", PORT), Factory.forProtocol(Other), True)


def test_the_fronts_of_a_host_share_one_port(
    simulation: Toys, alpha: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its share of the clients; the primary says where IRC is, and its status lists them. They ask
    for a certificate, and nobody else does: a browser would ask its user for one."""
    asking: list[SimPresented] = []

    def asks(presented: SimPresented) -> SimPresented:
        asking.append(presented)
        return presented

    monkeypatch.setattr(SimPresented, "asking", asks)
    master = up(simulation, alpha)
    assert len(asking) == 2
    assert f"onnect an IRC client to localhost:{PORT}, or chat with" in said(master)[-1]
    assert len(alpha.living(FRONT)) == 2
    process, lines = clients(simulation)
    assert answered(lines) == 12
    at_each = [
        len([one for one in front.reactor.getReaders() if getattr(one, "getHost", None)])
        for front in alpha.living(FRONT)
    ]
    assert min(at_each) > 2
    rows = [line.split() for line in status(simulation, alpha).splitlines()]
    shown = [row[:5] for row in rows if row[:1] == ["front"]]
    assert shown == [
        ["front", "alpha", str(front.pid), "localhost:6667", "0"] for front in alpha.living(FRONT)
    ]
    process.kill()


def test_no_other_process_s_death_is_felt(simulation: Toys, alpha: Host) -> None:
    """Not the primary's, nor all workers'. Who comes meanwhile is let in. A front's own death costs its share
    the connection, and another front comes."""
    master = up(simulation, alpha)
    _, lines = clients(simulation)
    master.kill()
    for worker in alpha.living("chat-worker"):
        worker.kill()
    _, late = clients(simulation)
    simulation.run(15)
    assert len(alpha.living("chat-worker")) == 3
    assert len(alpha.living(FRONT)) == 2
    assert (answered(lines), answered(late)) == (12, 12)
    victim = alpha.living(FRONT)[0]
    victim.kill()
    simulation.run(5)
    assert 0 < answered(lines) < 12
    assert len(alpha.living(FRONT)) == 2
    assert answered(clients(simulation)[1]) == 12


def test_one_that_is_stopped_for_a_moment_keeps_its_clients(simulation: Toys, alpha: Host) -> None:
    """A worker would be killed by then. After ten seconds a front is, too."""
    up(simulation, alpha)
    _, lines = clients(simulation)
    front = alpha.living(FRONT)[0]
    front.kill(signal.SIGSTOP)
    simulation.run(8)
    front.kill(signal.SIGCONT)
    simulation.run(5)
    assert answered(lines) == 12
    front.kill(signal.SIGSTOP)
    simulation.run(20)
    assert front.is_dead
    assert len(alpha.living(FRONT)) == 2


def test_whoever_else_has_the_usual_port_keeps_it(simulation: Toys, alpha: Host) -> None:
    """Nobody asked for it: that is said in one sentence, and no front is started."""
    simulation.start(squat, host="alpha")
    master = up(simulation, alpha, environ=USUAL)
    assert said(master)[0] == (
        "There is no IRC, since localhost:6667 cannot be had (another program has it): choose a port by "
        "--irc HOST:PORT."
    )
    assert "IRC" not in said(master)[1]
    assert alpha.living(FRONT) == []
    worker = alpha.start("chat-worker", environ=USUAL)
    simulation.run(3)
    assert said(worker)[0] == said(master)[0]


@pytest.mark.parametrize("program", ["chat-master", "chat-worker", FRONT])
def test_one_that_was_asked_for_is_an_error(simulation: Toys, alpha: Host, program: str) -> None:
    """Whoever is started by a person ends with one sentence. A front that has none by default, too."""
    alpha.disk.make_directory(DATA)
    alpha.disk.write(DATA / "cluster.token", b"0" * 64)
    simulation.start(squat, host="alpha")
    process = alpha.start(program, environ=ASKED)
    simulation.run(5)
    assert process.status is not None
    assert process.status.code == 1
    assert process.terminal.errors == [
        "IRC cannot be at localhost:6667 (another program has it): choose another port by --irc HOST:PORT, "
        "or --irc none."
    ]


def test_a_port_that_is_taken_later_is_tried_again(simulation: Toys, alpha: Host) -> None:
    """The operator is told."""
    up(simulation, alpha)
    worlds: list[World] = []
    squatter = simulation.start(worlds.append, host="alpha", name="squatter")
    for front in alpha.living(FRONT):
        front.kill()
    squatter.soon(squat, *worlds)
    simulation.run(15)
    assert "2 of 2 IRC fronts cannot open their port: another program has localhost:6667 on alpha." in (
        status(simulation, alpha)
    )
    squatter.kill()
    simulation.run(6)
    assert answered(clients(simulation)[1]) == 12
    assert "cannot open" not in status(simulation, alpha)


def test_a_front_has_no_port_before_it_has_a_log(simulation: Toys, alpha: Host) -> None:
    """So the others of its host get all clients until then. One that a person starts is kept by nobody."""
    alpha.disk.make_directory(DATA)
    alpha.disk.write(DATA / "cluster.token", b"0" * 64)
    front = alpha.start(FRONT, environ=ASKED)
    simulation.run(5)
    assert answered(clients(simulation)[1]) == 0
    up(simulation, alpha, "--irc-fronts", "0")
    assert answered(clients(simulation)[1]) == 12
    assert alpha.living(FRONT) == [front]
    assert "front*" in status(simulation, alpha)


def test_another_host_keeps_its_own_and_ends_them_last(simulation: Toys, alpha: Host) -> None:
    """As many as its worker's options say. A host that is drained lets nobody in; its clients stay until its
    workers have gone."""
    up(simulation, alpha)
    beta = simulation.host("beta")
    beta.disk.make_directory(DATA)
    beta.disk.write(DATA / "cluster.token", alpha.disk.read(DATA / "cluster.token"))
    beta.start("chat-worker", "--master", "alpha", "--irc-fronts", "3", environ=ASKED)
    simulation.run_while(lambda: len(beta.living(FRONT)) < 3 or len(beta.living("chat-worker")) < 3, 30)
    simulation.run(5)
    _, lines = clients(simulation, host="beta")
    assert answered(lines) == 12
    seen: list[tuple[int, int, int]] = []

    def look() -> bool:
        seen.append((len(beta.living("chat-worker")), len(beta.living(FRONT)), answered(lines)))
        return seen[-1][:2] != (0, 0)

    alpha.start("chatnet", "drain", "beta", environ=ASKED)
    _, late = clients(simulation, host="beta", after=1.9)
    simulation.run_while(look, 60)
    assert (3, 3, 12) in seen
    assert all(served == 12 for workers, _, served in seen if workers > 1)
    assert (answered(late), {line.heard for line in late}) == (0, {b""})
    assert len(alpha.living(FRONT)) == 2


@pytest.mark.parametrize("encrypted", [True, False])
def test_another_machine_in_plain(simulation: Toys, alpha: Host, encrypted: bool) -> None:
    """It is told to come by TLS, in the words of IRC, and hung up on; with --insecure it is answered. On this
    machine a front of the cluster is told from a client by what it says first."""
    from simulator.programs import programs

    simulation.programs |= programs(encrypted)
    up(simulation, alpha, "--irc", f"0.0.0.0:{PORT}", environ=USUAL)
    _, lines = clients(simulation, host="beta", address="alpha")
    assert answered(lines) == (0 if encrypted else 12)
    if encrypted:
        assert {line.heard[:7] for line in lines} == {b"ERROR :"}
        assert all(line.is_lost for line in lines)
    _, invited = clients(simulation, first=b"INVITE x #y\r\nPING :x\r\n")
    assert answered(invited) == 12
    assert len(alpha.listeners(PORT)) == 2
