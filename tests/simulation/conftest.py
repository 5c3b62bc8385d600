"""A simulation for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chatnet.testing.simulation.toys import Toys


@pytest.fixture
def simulation() -> Iterator[Toys]:
    """Fails the test on whatever no run may have."""
    with Toys(1) as toys:
        yield toys
        assert not toys.verdict()
