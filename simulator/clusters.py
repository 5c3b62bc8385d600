"""The clusters of the runs: one machine with the embedded store, or many with a database."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chatnet import telemetry
from chatnet.addresses import MASTER_PORT, Address
from chatnet.auth import TOKEN_BYTES, Token
from chatnet.client.identity import config_directory
from chatnet.entries import Entry, of_row
from chatnet.irc_options import IRC_PORT
from chatnet.net.pair import self_made
from chatnet.port_options import NONE
from chatnet.testing.history import Event
from chatnet.web_options import WEB_PORT
from simulator.database_server import PATH, Postgres
from simulator.disk import Disk
from simulator.host import HOME, Host
from simulator.lease_probe import Reigns
from simulator.nemesis import Nemesis
from simulator.operators import Operator
from simulator.outages import Outages
from simulator.process import SimProcess
from simulator.watch import WatchedDisk, connections_of

if TYPE_CHECKING:
    from simulator.simulation import Simulation

WORKERS = 3
"""How many workers each machine with workers has."""
FRONTS = 2
"""How many IRC fronts each machine with workers has, if it has IRC."""
MASTERS = 3
"""How many masters there are: a primary and two replicas."""
STORE = HOME / "chatnet-data" / "log.sqlite"
ANNEXES = 0.3
"""How often there is a second machine with a worker."""
MACHINES = ("alpha", "beta", "gamma")

Keep = Callable[[Event], object]


class Cluster:
    """The machines of a cluster, and the ``laptops`` of its users, who look for it at ``masters_at``.

    ``hosts`` are the machines that run its processes.
    """

    hosts: list[Host]
    laptops: list[Host]
    operators: list[Operator]
    masters_at: str
    nemesis: Nemesis

    def start(self) -> None:
        """Let each operator start what they keep running."""
        for operator in self.operators:
            operator.start()

    def stop(self) -> None:
        """Let the operators stop it for good."""
        for operator in self.operators:
            operator.stop()

    def order(self, words: Sequence[str]) -> SimProcess | None:
        """Let an operator give an order in the cluster's own name, where the first master runs; return the
        command, or None if that host is down."""
        return self._operate(*words) if self.hosts[0].is_up else None

    def _operate(self, *words: str) -> SimProcess:
        """Run ``chatnet`` where the first master runs."""
        raise NotImplementedError

    def living(self, program: str = "") -> list[SimProcess]:
        """Return the processes on its hosts that are not dead."""
        return [process for host in self.hosts for process in host.living(program)]

    @property
    def workers(self) -> int:
        """How many workers there must be in peace."""
        raise NotImplementedError

    @property
    def primary(self) -> SimProcess | None:
        """The process that holds the lease."""
        raise NotImplementedError

    @property
    def masters(self) -> int:
        """How many masters there must be in peace; replicas started by hand never count as too many."""
        primary = self.primary
        replicas = [one for one in self.living("chat-master") if one is not primary]
        return max(MASTERS, 1 + _by_hand(replicas))

    def lacking(self) -> Iterator[str]:
        """Yield what this cluster lacks to be whole."""
        for program, wanted in (("chat-worker", self.workers), ("chat-master", self.masters)):
            living = self.living(program)
            running = [process for process in living if process.reactor.running]
            if not len(living) == len(running) == wanted:
                yield f"there are {len(living)} of {program}, and {len(running)} run: not {wanted}"
        for host in self.hosts:
            if host.web != NONE:
                yield from _lacking_port(host, host.living("chat-worker"), Address.parse(host.web).port)
            if host.irc != NONE:
                port = Address.parse(host.irc).port
                fronts = [front for front in host.living("chat-front") if not _is_one_too_many(front, port)]
                running = [front for front in fronts if front.reactor.running]
                # Where the last worker is gone, those that live go on, and nobody could start others.
                if len(running) != FRONTS and host.living("chat-worker"):
                    yield f"there are {len(running)} IRC fronts that run on {host}: not {FRONTS}"
                yield from _lacking_port(host, fronts, port)

    def with_page(self) -> None:
        """Let all its hosts have a page."""
        for host in self.hosts:
            host.web = f"0.0.0.0:{WEB_PORT}"

    def with_irc(self) -> None:
        """Let all its hosts have IRC fronts."""
        for host in self.hosts:
            host.irc = f"0.0.0.0:{IRC_PORT}"

    @property
    def fronts(self) -> int:
        """How many IRC fronts there are."""
        return len(self.living("chat-front"))

    def told(self, process: SimProcess, event: telemetry.Event) -> None:
        """Hear an event in a process: a listener."""

    def log(self) -> list[Entry]:
        """Return everything that is committed."""
        raise NotImplementedError


def _is_one_too_many(front: SimProcess, port: int) -> bool:
    """Return whether a front lets nobody in any more, and goes on for the clients that it has: they cannot be
    sent elsewhere."""
    is_closed = front not in front.host.listeners(port)
    return is_closed and any(one.getHost().port == port for one in connections_of(front))


def _lacking_port(host: Host, those: Iterable[SimProcess], port: int) -> Iterator[str]:
    """Yield what is wrong with a port that ``those`` processes share: they have it, and nobody else."""
    processes, sharers = set(those), host.listeners(port)
    if processes != sharers:
        yield f"{len(processes & sharers)} of {len(processes)} processes on {host} have their port {port}"
    if sharers - processes:
        yield f"others have the port {port} on {host}, too"


def cluster(
    simulation: Simulation, laptops: int, store: str, keep: Keep, with_annex: bool = False
) -> Cluster:
    """Make the cluster of a run by its ``store``, "sqlite" or "postgresql"; its leases go to ``keep``.
    ``with_annex``: one machine surely has an annex."""
    if store == "postgresql":
        return ManyMachines(simulation, laptops, keep)
    return OneMachine(simulation, laptops, keep, with_annex)


class OneMachine(Cluster):
    """A cluster on one machine, perhaps with one worker on an annex."""

    masters_at = "server"

    def __init__(self, simulation: Simulation, laptops: int, keep: Keep, with_annex: bool = False) -> None:
        self._server = simulation.host("server")
        self._server.disk = WatchedDisk(simulation, self._server, keep)
        self.laptops = _laptops(simulation, laptops)
        self._master = Operator(self._server, "chat-master")
        if simulation.is_encrypted:
            token = simulation.chance("token").randbytes(TOKEN_BYTES).hex()
            self._has_token(token)
            _know(self.laptops, ["server"], token)
        often = 1.0 if with_annex else ANNEXES
        self._annex = self._with_annex(simulation, simulation.chance("annex"), often)
        self.operators = [self._master, self._annex] if self._annex else [self._master]
        self.hosts = [operator.host for operator in self.operators]
        self.nemesis = Nemesis(simulation, self._master, self._annex, self.laptops)

    def _with_annex(self, simulation: Simulation, chance: random.Random, often: float) -> Operator | None:
        """Perhaps add another machine, with a worker that was started there by hand."""
        if chance.random() >= often:
            return None
        # A person would copy the token; so it must be known before the master makes one.
        token = chance.randbytes(TOKEN_BYTES).hex()
        self._has_token(token)
        if simulation.is_encrypted:
            _know(self.laptops, ["server"], token)
        environ = {"HOME": str(HOME), "CHATNET_TOKEN": token}
        return Operator(simulation.host("annex"), "chat-worker", "--master", "server", environ=environ)

    def _operate(self, *words: str) -> SimProcess:
        return self._server.start("chatnet", *words)

    def _has_token(self, token: str) -> None:
        self._server.disk.make_directory(STORE.parent)
        self._server.disk.write(STORE.parent / "cluster.token", f"{token}\n".encode())

    @property
    def workers(self) -> int:
        return WORKERS * len(self.hosts)

    @property
    def primary(self) -> SimProcess | None:
        return self._master.primary

    def lacking(self) -> Iterator[str]:
        yield from super().lacking()
        here = len(self._server.living("chat-worker"))
        if here != WORKERS:
            yield f"there are {here} workers on the server"
        if not self._server.disk.locks:
            yield "nobody holds the lease"

    def log(self) -> list[Entry]:
        return read_log(self._server.disk)


class ManyMachines(Cluster):
    """Masters on several machines and workers on all, around a database on its own machine."""

    def __init__(self, simulation: Simulation, laptops: int, keep: Keep) -> None:
        chance = simulation.chance("machines")
        self._postgres = Postgres(simulation)
        self.hosts = [simulation.host(name) for name in MACHINES]
        self.laptops = _laptops(simulation, laptops)
        self._reigns = Reigns(simulation, self._postgres, keep)
        # The last machine may have only workers.
        masters = self.hosts[: chance.choice((2, 3))]
        self.masters_at = ",".join(host.name for host in masters)
        token = {"HOME": str(HOME), "CHATNET_TOKEN": chance.randbytes(TOKEN_BYTES).hex()}
        if simulation.is_encrypted:
            _know(self.laptops, [host.name for host in masters], token["CHATNET_TOKEN"])
        environ = {**token, "CHATNET_STORE": self._postgres.url}
        self.operators = [Operator(host, "chat-master", environ=environ) for host in masters]
        self.operators += (
            Operator(host, "chat-worker", "--master", self.masters_at, environ=token)
            for host in self.hosts[len(masters) :]
        )
        self._masters, self._environ = masters, environ
        self.nemesis = Outages(
            simulation, self.operators, self.laptops, self._postgres, self._reigns, environ, self.masters_at
        )

    def start(self) -> None:
        self._postgres.start()
        super().start()

    def stop(self) -> None:
        # Not by signals to masters alone: the workers of a host without a primary would stay at work.
        for operator in self.operators:
            operator.rest()
        self._operate("stop")

    def _operate(self, *words: str) -> SimProcess:
        return self._masters[0].start("chatnet", *words, "--master", self.masters_at, environ=self._environ)

    @property
    def workers(self) -> int:
        primary = self.primary
        with_workers = {process.host.name for process in self.living("chat-worker")}
        with_workers |= {operator.host.name for operator in self.operators[len(self._masters) :]}
        if primary is not None:
            with_workers.add(primary.host.name)
        return WORKERS * len(with_workers) + self._beside_primary

    @property
    def _beside_primary(self) -> int:
        """How many workers of the primary's host were started by hand: they are kept beside its own."""
        primary = self.primary
        return 0 if primary is None else _by_hand(primary.host.living("chat-worker"))

    @property
    def primary(self) -> SimProcess | None:
        return self._reigns.holder

    def lacking(self) -> Iterator[str]:
        if self._postgres.server is None:
            yield "the database is down"
            return
        yield from super().lacking()
        primary = self.primary
        for host in self.hosts:
            workers = len(host.living("chat-worker"))
            if primary is not None and host is primary.host:
                workers -= self._beside_primary
            if workers not in (0, WORKERS):
                yield f"there are {workers} workers on {host}"
        if self._reigns.is_vacant:
            yield "nobody commands"

    def told(self, process: SimProcess, event: telemetry.Event) -> None:
        self._reigns.told(process, event)

    def log(self) -> list[Entry]:
        return read_log(self._postgres.host.disk, PATH)


def _by_hand(processes: Iterable[SimProcess]) -> int:
    """Return how many of them were not started by a process of the cluster."""
    return sum("--spawned" not in process.arguments for process in processes)


def _laptops(simulation: Simulation, count: int) -> list[Host]:
    return [simulation.host(f"laptop-{at}") for at in range(1, count + 1)]


def _know(laptops: Iterable[Host], masters: Iterable[str], token: str) -> None:
    """Give users the key of the masters, as they should have it: then a relay meets nobody without it."""
    key = self_made(Token(bytes.fromhex(token))).fingerprint
    lines = "".join(f"{Address(master, MASTER_PORT).place} {key}\n" for master in masters)
    for laptop in laptops:
        directory = config_directory({"HOME": str(HOME)})
        laptop.disk.make_directory(directory)
        laptop.disk.write(directory / "known_masters", lines.encode())


def read_log(disk: Disk, path: Path = STORE) -> list[Entry]:
    """Return the log that SQLite keeps on ``disk``."""
    connection = disk.look_into(path)
    try:
        columns = "seq, time, kind, user, room, text, key, more, at"
        return [of_row(row) for row in connection.execute(f"SELECT {columns} FROM entry ORDER BY seq")]
    finally:
        connection.close()
