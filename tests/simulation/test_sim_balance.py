"""Sessions are spread over the workers, whatever comes and goes, and then stay where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import cast

import pytest

from chatnet.auth import TOKEN_BYTES
from chatnet.testing.history import Ended, Event, LoggedIn, Lost, Moved
from chatnet.testing.simulation import Host, Simulation, workload
from chatnet.testing.simulation.host import HOME
from chatnet.testing.simulation.workload import Crowd

USERS = [f"user{number}" for number in range(24)]
TOKEN = "ab" * TOKEN_BYTES


class Place:
    """A cluster, and a crowd that is connected to it. ``history`` is the crowd's."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.history: list[Event] = []
        crowd = workload.crowd(self.history.append, lambda: simulation.now)
        simulation.programs["users"] = crowd  # type: ignore[assignment]
        self.alpha = simulation.host("alpha")
        self.alpha.disk.make_directory(HOME / "chatnet-data")
        self.alpha.disk.write(HOME / "chatnet-data" / "cluster.token", f"{TOKEN}\n".encode())
        self.alpha.start("chat-master")
        simulation.run_while(lambda: not simulation.trace.has("chatnet is up"), 20)
        users = simulation.host("beta").start("users", "alpha", *USERS)
        simulation.run(0.5)
        self.people = list(cast(Crowd, users.service).people.values())
        for person in self.people:
            simulation.schedule(simulation.now, users, person.arrive, ())
        self.settle()

    def loads(self) -> list[int]:
        """How many sessions each worker has that has any, the fewest first."""
        return sorted(Counter(person.user.worker for person in self.people if person.user).values())

    def settle(self) -> None:
        """Until everybody is connected."""
        self.simulation.run_while(lambda: not all(person.is_settled for person in self.people), 30)

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self.history)


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    """Fails the test on whatever no run may have."""
    with Simulation(5) as made:
        yield made
        assert not made.verdict(), made.failures[0]


@pytest.fixture
def place(simulation: Simulation) -> Place:
    return Place(simulation)


def test_a_worker_that_replaces_another_gets_its_share(simulation: Simulation, place: Place) -> None:
    """Each is moved once; and then, for as long as nothing changes, nobody is."""
    assert place.loads() == [8, 8, 8]
    place.alpha.living("chat-worker")[0].kill(9)
    simulation.run(20)
    place.settle()
    assert place.loads() == [8, 8, 8]
    moved = place.count(Moved)
    assert 0 < moved <= 8
    simulation.run(120)
    assert place.count(Moved) == moved


def test_a_worker_that_joins_gets_its_share_without_a_lost_connection(
    simulation: Simulation, place: Place
) -> None:
    """Nobody is told of a lost connection, or logs in with more than a ticket."""
    gamma: Host = simulation.host("gamma")
    gamma.start("chat-worker", "--master", "alpha", environ={"HOME": str(HOME), "CHATNET_TOKEN": TOKEN})
    simulation.run(20)
    assert place.loads() == [6, 6, 6, 6]
    assert place.count(Moved) == 6
    assert place.count(Lost) == 0
    assert place.count(Ended) == 0
    assert {event.how for event in place.history if isinstance(event, LoggedIn)} == {"first"}


def test_the_next_primary_evens_out_too(simulation: Simulation, place: Place) -> None:
    """A primary and a worker die together."""
    place.alpha.living("chat-worker")[0].kill(9)
    next(iter(place.alpha.disk.locks.values())).kill(9)
    simulation.run(20)
    place.settle()
    assert place.loads() == [8, 8, 8]
