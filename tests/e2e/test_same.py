"""The same input gets the same answer on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile.fuzz.same import Sequence, Side, differences, timeless

from rigs.chaos import final_log
from rigs.postgres import running, whole_log
from rigs.processes import Cluster

COMMANDS = 3_000
ALONE = ("--workers", "1", "--replicas", "0", "--post-rate", "0")


@pytest.fixture
def clusters(tmp_path: Path) -> Iterator[tuple[Cluster, Cluster]]:
    """Yield a cluster of a single worker on each store."""
    with running("-c", "fsync=off") as server:
        embedded = Cluster(tmp_path / "sqlite", *ALONE)
        shared = Cluster(tmp_path / "postgresql", *ALONE, environ={"CHATNET_STORE": server.fresh()})
        try:
            embedded.start()
            shared.start()
            yield embedded, shared
        finally:
            embedded.close()
            shared.close()


@pytest.mark.parametrize("seed", [1])
def test_the_same_commands_get_the_same_answers(clusters: tuple[Cluster, Cluster], seed: int) -> None:
    """Commands with values of every sort get equal answers on both stores, and leave equal logs."""
    embedded, shared = clusters
    sequence = Sequence(seed)
    sides = (Side(embedded, sequence), Side(shared, sequence))
    found = list(differences(sides, sequence, COMMANDS))
    for side in sides:
        side.close()
    assert not found, "\n".join(found[:10])
    logs = (
        final_log(embedded.data / "log.sqlite", embedded.root / "copy"),
        whole_log(shared.environ["CHATNET_STORE"]),
    )
    assert len(logs[0]) > 100
    assert [timeless(entry) for entry in logs[0]] == [timeless(entry) for entry in logs[1]]
