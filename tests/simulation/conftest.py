"""A simulation for each test."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from simulator.toys import Toys


@pytest.fixture
def simulation() -> Iterator[Toys]:
    """Fails the test on whatever no run may have."""
    with Toys(1) as toys:
        yield toys
        assert not toys.verdict()


@pytest.fixture(autouse=True)
def what_a_run_leaves_says_nothing(logged_failures: Any) -> Iterator[None]:
    """Processes end in the middle of what they do. When that is collected, a coroutine may wake another that
    was collected before; a run hears all of its own, and it is over."""
    yield
    before = list(logged_failures.events)
    gc.collect()
    logged_failures.events[:] = before
