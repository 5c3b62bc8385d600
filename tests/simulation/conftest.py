"""A simulation for each test."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from simulator.toys import Toys


@pytest.fixture
def simulation() -> Iterator[Toys]:
    """Yield a simulation; fail the test on what no run may have."""
    with Toys(1) as toys:
        yield toys
        assert not toys.verdict()


@pytest.fixture(autouse=True)
def what_a_run_leaves_says_nothing(logged_failures: Any) -> Iterator[None]:
    """Ignore failures after a run. Processes end in the middle of their work. When that is collected, a
    coroutine may wake another one that was collected before; a run sees all of its own failures itself."""
    yield
    before = list(logged_failures.events)
    gc.collect()
    logged_failures.events[:] = before
