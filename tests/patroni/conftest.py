"""What tests on a pair of databases share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rigs.patroni import NoPatroni, Pair


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Yield two nodes; synchronous, unless the test says otherwise."""
    try:
        with Pair(synchronous=getattr(request, "param", True)) as pair:
            yield pair
    except NoPatroni as lack:
        pytest.fail(str(lack), pytrace=False)
