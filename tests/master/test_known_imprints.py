"""The primary tells IRC fronts which passwords were right, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from master.in_memory import Master

from chatnet.errors import BadRequest
from chatnet.imprints import GATHER_SECONDS, IMPRINT_BYTES, Imprint
from chatnet.wire.imprints import TellImprints

ALICE, BOB = (Imprint(user, 3, b"v" * IMPRINT_BYTES) for user in ("alice", "bob"))


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    """Yield a primary that wants no workers."""
    master = Master(tmp_path, 0)
    yield master
    master.close()


def test_who_wants_them_is_told(master: Master) -> None:
    """A worker, or a front of the last release, says nothing of that and is told nothing."""
    worker, old = master.worker("w1", spawned=False), master.front("old", spawned=False)
    front = master.front("front", spawned=False)
    worker.tell_imprints(ALICE)
    front.tell_imprints(wants=True)
    master.pass_time(GATHER_SECONDS)
    worker.tell_imprints(ALICE, BOB)
    master.pass_time(GATHER_SECONDS)
    assert front.hears.imprints == [[ALICE], [BOB]]
    assert worker.hears.imprints == old.hears.imprints == []
    assert master.cluster.imprints.wanting == 1
    front.cut()
    assert master.cluster.imprints.wanting == 0
    back = master.front("front", spawned=False)
    back.tell_imprints(wants=True)
    master.pass_time(GATHER_SECONDS)
    assert back.hears.imprints == [[ALICE, BOB]]


def test_what_is_none_is_refused(master: Master) -> None:
    """A bug of one process fills nothing at others."""
    worker = master.worker("w1", spawned=False)
    for bad in (Imprint("alice", 3, b"short"), Imprint("a" * 60_000, 3, b"v" * IMPRINT_BYTES)):
        worker.tell_imprints(bad)
    assert len(master.cluster.imprints) == 0


def test_the_command_takes_a_bounded_number() -> None:
    many = TellImprints.makeArguments({"wants": False, "imprints": [ALICE] * 501}, None)
    with pytest.raises(BadRequest):
        TellImprints.parseArguments(many, None)
