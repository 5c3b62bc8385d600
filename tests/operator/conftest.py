"""Stores that the operator's commands read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from store.a_log import drafts, make_store

from chatnet.operator.migrate import migrate
from chatnet.world.real import real_world
from rigs.postgres import Server, running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory with a store that was closed in good order."""
    (tmp_path / "data").mkdir(mode=0o700)
    assert make_store(tmp_path / "data" / "log.sqlite", drafts()) == 5_009
    return tmp_path / "data"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def url(server: Server, data: Path) -> str:
    """A database with the same log."""
    url = server.fresh()
    shutil.copytree(data, data.parent / "source")
    migrate(data.parent / "source", url, real_world())
    return url
