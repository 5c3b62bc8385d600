"""A cluster of real processes for each test; all of them end with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigs.processes import Cluster


@pytest.fixture
def new_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Yield what makes clusters that are not started yet, with the given options for the master."""
    made: list[Cluster] = []

    def make(*options: str) -> Cluster:
        made.append(Cluster(tmp_path / f"cluster{len(made)}", *options))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def cluster(new_cluster: Callable[..., Cluster]) -> Cluster:
    """Return a running cluster: a primary and three workers."""
    started = new_cluster()
    started.start()
    return started
