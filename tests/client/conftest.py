"""What the client's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from client.person import MASTER, WORKER, Person

from chatnet.testing.fake_cluster import FakeCluster, Network


@pytest.fixture
def network() -> Network:
    """Return a network with no hosts."""
    return Network()


@pytest.fixture
def cluster(network: Network) -> FakeCluster:
    """Return a master and a worker."""
    cluster = FakeCluster(network)
    cluster.master(MASTER, worker=f"w:{WORKER}")
    cluster.worker(WORKER)
    return cluster


@pytest.fixture
def new_person(network: Network, tmp_path: Path) -> Iterator[Callable[..., Person]]:
    """Yield what makes clients that are not started yet; each is stopped after the test, and leaves no
    timer."""
    made: list[Person] = []

    def make(**options: Any) -> Person:
        directory = options.pop("directory", tmp_path)
        made.append(Person(network, directory, seed=len(made), **options))
        return made[-1]

    yield make
    for person in made:
        if person.client.running:
            person.stop()
    network.pass_time(0.1)
    assert not [call for call in network.getDelayedCalls() if call.active()]


@pytest.fixture
def alice(cluster: FakeCluster, new_person: Callable[..., Person]) -> Person:
    """Return Alice, logged in."""
    person = new_person().start()
    assert person.seen() == ["Logged in as alice."]
    return person
