"""A primary in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from master.in_memory import Master


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    """Yield a primary that wants three workers."""
    master = Master(tmp_path, 3)
    yield master
    master.close()
