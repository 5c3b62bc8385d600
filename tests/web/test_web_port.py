"""The web port of a simulated cluster: the same address, whatever dies, stops, drains or wants it too."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.protocol import ClientFactory, Factory, Protocol

from chatnet.addresses import Address
from chatnet.net.one_answer import Asked
from chatnet.web_options import Place, Web
from chatnet.worker.service import Worker
from chatnet.worker.web_port import in_plain
from chatnet.world import World
from simulator.host import HOME, Host
from simulator.process import SimProcess
from simulator.programs import programs
from simulator.toys import Toys

PORT = 8080
DATA = HOME / "chatnet-data"
WEB = {"HOME": str(HOME), "CHATNET_WEB": f"localhost:{PORT}"}
"""The environment of somebody who asks for that port."""
USUAL = {"HOME": str(HOME), "CHATNET_WEB": ""}
"""The environment of somebody who says nothing of it."""


@pytest.fixture
def simulation() -> Iterator[Toys]:
    with Toys(3) as toys:
        yield toys


@pytest.fixture
def alpha(simulation: Toys) -> Host:
    return simulation.host("alpha")


def up(simulation: Toys, host: Host, *options: str, environ: dict[str, str] | None = None) -> SimProcess:
    """Start a master, and wait until its three workers serve."""
    master = host.start("chat-master", *options, environ=WEB if environ is None else environ)
    simulation.run_while(lambda: not any("chatnet is up" in line for line in said(master)), 20)
    simulation.run(1)
    return master


def said(process: SimProcess) -> list[str]:
    return [line for line in process.terminal.lines if line]


class Fetching(Protocol):
    """Asks for one path."""

    transport: Any
    path = "/readyz"

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told
        self._came = b""

    def connectionMade(self) -> None:
        self.transport.write(
            f"GET {self.path} HTTP/1.1\r\nHost: localhost:{PORT}\r\nConnection: close\r\n\r\n".encode()
        )

    def dataReceived(self, data: bytes) -> None:
        self._came += data

    def connectionLost(self, reason: Any = None) -> None:
        self._told(self._came.decode().partition("\r\n")[0].partition(" ")[2] or "nothing")


class Fetch(ClientFactory):
    noisy = False

    def __init__(self, told: Callable[[str], None], path: str) -> None:
        self._told, self._path = told, path

    def buildProtocol(self, addr: Any) -> Protocol:
        made = Fetching(self._told)
        made.path = self._path
        return made

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        self._told("refused")


def fetched(
    simulation: Toys,
    count: int = 20,
    host: str = "alpha",
    path: str = "/readyz",
    port: int = PORT,
    address: str = "127.0.0.1",
) -> Counter[str]:
    """Return the answers to ``count`` requests on ``host`` that begin within a second."""
    told: list[str] = []

    def fetch(world: World) -> None:
        for number in range(count):
            world.reactor.callLater(
                number / count,
                world.reactor.connectTCP,
                address,
                port,
                Fetch(told.append, path),
            )

    process = simulation.start(fetch, host=host, name=f"browser{len(simulation.programs)}")
    simulation.run(2)
    process.kill()
    return Counter(told)


SERVED = "200 OK"


def test_all_workers_of_a_host_have_one_port(simulation: Toys, alpha: Host) -> None:
    """The primary says where the page is. Each worker answers some of those who come, and one that is killed
    leaves no hole."""
    master = up(simulation, alpha)
    assert f"Open http://localhost:{PORT} in a browser, or chat with: " in said(master)[-1]
    assert fetched(simulation) == {SERVED: 20}
    for _ in range(2):
        alpha.living("chat-worker")[0].kill()
    assert fetched(simulation) == {SERVED: 20}


def test_who_asks_one_that_hangs_waits_until_it_is_killed(simulation: Toys, alpha: Host) -> None:
    """The others are served meanwhile; the worker that replaces it joins the port, though some of its
    questions are not answered."""
    up(simulation, alpha)
    alpha.living("chat-worker")[0].kill(signal.SIGSTOP)
    found = fetched(simulation, 30)
    assert 10 < found[SERVED] < 30
    simulation.run(10)
    assert len(alpha.living("chat-worker")) == 3
    assert fetched(simulation, 60) == {SERVED: 60}


def test_the_page_outlives_the_primary(simulation: Toys, alpha: Host) -> None:
    """Nobody who has it open notices."""
    master = up(simulation, alpha)
    master.kill()
    assert fetched(simulation) == {SERVED: 20}


def test_a_worker_has_the_port_before_it_has_a_log(simulation: Toys, alpha: Host) -> None:
    """It says that it lives, and that it does not serve yet."""
    alpha.disk.make_directory(DATA)
    alpha.disk.write(DATA / "cluster.token", b"0" * 64)
    alpha.start("chat-worker", environ=WEB)
    simulation.run(2)
    assert fetched(simulation) == {"503 Service Unavailable": 20}
    assert fetched(simulation, path="/healthz") == {SERVED: 20}


def test_whoever_else_has_a_usual_port_keeps_it(simulation: Toys, alpha: Host) -> None:
    """Nobody asked for it: that is said in one sentence, and the master's port says that there is no page."""
    simulation.start(_squat, host="alpha")
    master = up(simulation, alpha, environ=USUAL)
    assert said(master)[0] == (
        "There is no page, since localhost:8080 cannot be had (another program has it): choose a port by "
        "--web HOST:PORT."
    )
    assert "browser" not in said(master)[1]
    assert fetched(simulation) == {"400 Bad Request": 20}
    assert fetched(simulation, port=64480) == {"404 Not Found": 20}


def test_one_that_was_asked_for_is_an_error(simulation: Toys, alpha: Host) -> None:
    """The master ends with one sentence, and starts nothing; so does a worker that a person starts."""
    sentence = (
        "The page cannot be at localhost:8080 (another program has it): choose another port by --web "
        "HOST:PORT, or --web none."
    )
    squatter = simulation.start(_squat, host="alpha")
    master = alpha.start("chat-master", "--web", "localhost:8080", environ=USUAL)
    simulation.run(5)
    assert master.status is not None
    assert master.status.code == 1
    assert alpha.living() == [squatter]
    assert sentence in master.terminal.errors
    up(simulation, alpha, environ=WEB | {"CHATNET_WEB": "localhost:9090"})
    worker = alpha.start("chat-worker", environ=WEB)
    simulation.run(5)
    assert worker.status is not None
    assert worker.status.code == 1
    assert sentence in worker.terminal.errors
    assert len(alpha.living("chat-worker")) == 3


def test_a_spawned_worker_tries_again(simulation: Toys, alpha: Host) -> None:
    """The port was free when the master started. All others are served meanwhile; the operator is told."""
    up(simulation, alpha)
    worlds: list[World] = []
    squatter = simulation.start(worlds.append, host="alpha", name="squatter")
    for worker in alpha.living("chat-worker"):
        worker.kill()
    squatter.soon(_squat, *worlds)
    simulation.run(15)
    assert fetched(simulation) == {"400 Bad Request": 20}
    assert len(alpha.living("chat-worker")) == 3
    told = status(simulation, alpha)
    assert "3 of 3 workers cannot open the page: another program has localhost:8080 on alpha." in told
    squatter.kill()
    simulation.run(6)
    assert fetched(simulation) == {SERVED: 20}
    told = status(simulation, alpha)
    assert "cannot open the page" not in told
    assert "Page: http://localhost:8080, on alpha alone" in told


def test_two_clusters_do_not_share_a_port(simulation: Toys, alpha: Host) -> None:
    """The second says so, by default and when asked; with a port of its own it has a page."""
    up(simulation, alpha)
    second = ("--data", "second", "--listen", "0.0.0.0:7000")
    asked = alpha.start("chat-master", *second, environ=WEB)
    simulation.run(5)
    assert asked.status is not None
    assert asked.status.code == 1
    by_default = up(simulation, alpha, *second, environ=USUAL)
    assert said(by_default)[0].startswith("There is no page, since localhost:8080 cannot be had")
    by_default.kill(signal.SIGTERM)
    simulation.run(20)
    up(simulation, alpha, *second, "--web", "127.0.0.1:8081", environ=WEB)
    assert fetched(simulation) == fetched(simulation, port=8081) == {SERVED: 20}


def test_a_host_that_is_drained_leaves_its_port(simulation: Toys, alpha: Host) -> None:
    """From when it is told: browsers are let in on the others alone."""
    up(simulation, alpha)
    beta = simulation.host("beta")
    beta.disk.make_directory(DATA)
    beta.disk.write(DATA / "cluster.token", alpha.disk.read(DATA / "cluster.token"))
    beta.start("chat-worker", "--master", "alpha", environ=WEB)
    simulation.run_while(lambda: len(beta.living("chat-worker")) < 3, 20)
    simulation.run(5)
    assert fetched(simulation, host="beta") == {SERVED: 20}
    alpha.start("chatnet", "drain", "beta")
    simulation.run_while(lambda: bool(beta.living("chat-worker")), 60)
    assert fetched(simulation, host="beta") == {"refused": 20}
    assert fetched(simulation) == {SERVED: 20}


def test_a_worker_that_is_emptied_leaves_the_port(simulation: Toys, alpha: Host) -> None:
    """While its sessions move it is still there, but nobody comes by that port; until it is told to."""
    up(simulation, alpha)
    workers = alpha.living("chat-worker")

    def told(which: list[SimProcess], *emptied: bool) -> Counter[str]:
        for worker in which:
            for each in emptied:
                worker.soon(cast(Worker, worker.service).other_workers, [], each)
        simulation.run(0.5)
        return fetched(simulation)

    assert told(workers[:2], True) == {SERVED: 20}
    assert told(workers[2:], True) == {"refused": 20}
    assert told(workers[:1], False) == {SERVED: 20}
    assert told(workers[:1], True, False, True) == {"refused": 20}
    assert told(workers, False, True, False) == {SERVED: 20}
    assert alpha.living("chat-worker") == workers


def _squat(world: World) -> None:
    class Other(Protocol):
        transport: Any

        def dataReceived(self, data: bytes) -> None:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            self.transport.loseConnection()

    world.listen_shared(Address("127.0.0.1", PORT), Factory.forProtocol(Other), True)


def status(simulation: Toys, host: Host) -> str:
    """Return what ``chatnet status`` says."""
    asking = host.start("chatnet", "status", environ=WEB, output=Path("/tmp/status"))
    simulation.run_while(lambda: not asking.is_dead, 10)
    return "\n".join(said(asking))


@pytest.mark.parametrize(
    ("target", "web", "status", "location"),
    [
        ("/", Web(Address("0.0.0.0", 8080)), 308, "https://chat.example:8080/"),
        (
            "/a/x?y",
            Web(Address("::", 8080), public_url=Place("https", "c.example", 443)),
            308,
            "https://c.example/a/x?y",
        ),
        ("/api/v1/posts", Web(Address("0.0.0.0", 8080)), 403, ""),
        ("/ws", Web(Address("0.0.0.0", 8080)), 403, ""),
    ],
)
def test_another_machine_without_tls(target: str, web: Web, status: int, location: str) -> None:
    """A page is asked again by TLS; a program is refused, which has shown its ticket already."""
    said = in_plain(Asked(target, "chat.example", False), web)
    assert (said.status, said.location) == (status, location)
    assert ("TLS_REQUIRED" in said.text) == (status == 403)


@pytest.mark.parametrize("encrypted", [True, False])
def test_another_machine_in_a_cluster(simulation: Toys, alpha: Host, encrypted: bool) -> None:
    """On the wire it is sent to where TLS is spoken; with --insecure it is answered."""
    simulation.programs |= programs(encrypted)
    up(simulation, alpha, "--web", "0.0.0.0:8080", environ=USUAL)
    there = fetched(simulation, host="beta", address="alpha")
    assert there == {"308 Permanent Redirect" if encrypted else SERVED: 20}
    assert fetched(simulation) == {SERVED: 20}
    assert fetched(simulation, host="beta", address="alpha", port=64480) == {"302 Found": 20}
