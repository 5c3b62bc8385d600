"""A simulation for each test."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from simulator.simulation import Simulation
from simulator.toys import Toys


@pytest.fixture
def simulation(request: pytest.FixtureRequest) -> Iterator[Simulation]:
    """Yield a simulation, of the SEED of a test's module; without one, of toys. Fail the test on what no run
    may have."""
    seed = getattr(request.module, "SEED", None)
    with Toys(1) if seed is None else Simulation(seed) as made:
        yield made
        assert not made.verdict(), made.failures[0]


@pytest.fixture(autouse=True)
def what_a_run_leaves_says_nothing(logged_failures: Any) -> Iterator[None]:
    """Ignore failures after a run. Processes end in the middle of their work. When that is collected, a
    coroutine may wake another one that was collected before; a run sees all of its own failures itself."""
    yield
    before = list(logged_failures.events)
    gc.collect()
    logged_failures.events[:] = before
