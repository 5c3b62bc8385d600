"""Honest users beside an attack, over each store: see rigs.beside."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hostile.opening import Opening

from chatnet.entries import Entry
from rigs.beside import Beside
from rigs.chaos import final_log
from rigs.postgres import Server, running, whole_log
from rigs.processes import Cluster

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The one PostgreSQL server of this run; each test takes a fresh place in it."""
    with running("-c", "fsync=off") as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where a cluster may write. In memory, where there is such a place: else the disk, which other programs
    use as well, would be among what is measured."""
    if not MEMORY.is_dir():
        yield tmp_path / "cluster"
        return
    directory = Path(tempfile.mkdtemp(prefix="chatnet-hostile-", dir=MEMORY))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def opening(request: pytest.FixtureRequest) -> Opening:
    """Honest users of a cluster that is up. At the end they go home, and all promises were kept."""

    @contextmanager
    def opened(store: str, place: Path, *options: str) -> Iterator[Beside]:
        url = request.getfixturevalue("server").fresh() if store == "postgresql" else ""
        cluster = Cluster(place, *options, environ={"CHATNET_STORE": url} if url else {})

        def read_log() -> list[Entry]:
            return whole_log(url) if url else final_log(cluster.data / "log.sqlite", place / "copy")

        users = Beside(cluster, read_log)
        try:
            users.start()
            yield users
            users.close()
        finally:
            cluster.close()

    return opened


@pytest.fixture(params=["sqlite", "postgresql"])
def beside(request: pytest.FixtureRequest, place: Path, opening: Opening) -> Iterator[Beside]:
    """Honest users of a cluster for one test alone."""
    with opening(request.param, place) as users:
        yield users
