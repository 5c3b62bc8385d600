"""Honest users during an attack, on each store: see rigs.beside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hostile.opening import Opening, a_place

from chatnet.entries import Entry
from rigs.beside import Beside
from rigs.chaos import final_log
from rigs.postgres import Server, running, whole_log
from rigs.processes import Cluster


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Yield the PostgreSQL server of this run; each test uses a fresh database on it."""
    with running("-c", "fsync=off") as server:
        yield server


@pytest.fixture
def place() -> Iterator[Path]:
    """Yield a directory for one test."""
    with a_place() as place:
        yield place


@pytest.fixture(scope="session")
def opening(request: pytest.FixtureRequest) -> Opening:
    """Return what opens a cluster with honest users. At the end they leave, and all promises were kept."""

    @contextmanager
    def opened(store: str, place: Path, *options: str) -> Iterator[Beside]:
        url = request.getfixturevalue("server").fresh() if store == "postgresql" else ""
        cluster = Cluster(place, *options, environ={"CHATNET_STORE": url} if url else {})

        def read_log() -> list[Entry]:
            return whole_log(url) if url else final_log(cluster.data / "log.sqlite", place / "copy")

        users = Beside(cluster, read_log)
        try:
            users.start()
            try:
                yield users
                users.close()
            finally:
                users.look_no_more()
        finally:
            cluster.close()

    return opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def beside(request: pytest.FixtureRequest, opening: Opening) -> Iterator[Beside]:
    """Yield honest users of a cluster that all tests of a module share: to start and stop a cluster and its
    users takes longer than most attacks."""
    with a_place() as place, opening(request.param, place) as users:
        yield users
