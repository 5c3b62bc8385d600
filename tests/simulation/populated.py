"""A cluster whose users are all connected."""

from __future__ import annotations

from collections import Counter
from typing import cast

from chatnet.auth import TOKEN_BYTES
from chatnet.testing.history import Event
from simulator import Host, SimProcess, Simulation
from simulator.host import HOME
from simulator.people import Crowd, crowd

USERS = [f"user{number}" for number in range(24)]
TOKEN = "ab" * TOKEN_BYTES


class Place:
    """A cluster, and a crowd that is connected to it. ``history`` is the crowd's."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.history: list[Event] = []
        simulation.programs["users"] = crowd(self.history.append, lambda: simulation.now)
        self.alpha = simulation.host("alpha")
        self.alpha.disk.make_directory(HOME / "chatnet-data")
        self.alpha.disk.write(HOME / "chatnet-data" / "cluster.token", f"{TOKEN}\n".encode())
        self.alpha.start("chat-master")
        simulation.run_while(lambda: not simulation.trace.has("chatnet is up"), 20)
        self.users = users = simulation.host("beta").start("users", "alpha", *USERS)
        simulation.run(0.5)
        people = cast(Crowd, users.service).people  # and other devices of theirs, which nobody lets in
        self.people = [people[name] for name in USERS]
        for person in self.people:
            simulation.schedule(simulation.now, users, person.arrive, ())
        self.settle()

    def elsewhere(self, name: str, *options: str) -> Host:
        """Return another host, on which somebody starts a worker."""
        host = self.simulation.host(name)
        environ = {"HOME": str(HOME), "CHATNET_TOKEN": TOKEN}
        host.start("chat-worker", "--master", "alpha", *options, environ=environ)
        return host

    def primary(self) -> SimProcess:
        """Return the process that holds the lease."""
        return next(iter(self.alpha.disk.locks.values()))

    def loads(self) -> list[int]:
        """Return how many sessions each worker has that has any, the fewest first."""
        return sorted(Counter(person.user.worker for person in self.people if person.user).values())

    def settle(self) -> None:
        """Run until everybody is connected."""
        self.simulation.run_while(lambda: not all(person.is_settled for person in self.people), 30)

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.history)
