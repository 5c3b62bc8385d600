"""Tests that need hosts fail with a sentence that says what they lack; they are not skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.machines import Network, NoMachines
from rigs.tap import Tap


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory as one that needs root."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.root)


@pytest.fixture
def network() -> Iterator[Network]:
    """Yield three hosts."""
    try:
        with Network("alpha", "beta", "gamma") as hosts:
            yield hosts
    except NoMachines as lack:
        pytest.fail(str(lack), pytrace=False)


@pytest.fixture
def tap(network: Network) -> Iterator[Tap]:
    """Yield what records all traffic between hosts, from the start; it looks for users' posts, and SQL."""
    tap = Tap(network, "number ", "SELECT ")
    yield tap
    tap.close()
