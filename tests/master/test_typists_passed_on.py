"""The primary passes on who is typing, to fronts that want to know, and keeps nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from master.in_memory import Master

from chatnet.errors import BadRequest
from chatnet.typists import GATHER_SECONDS, MOST_TOLD, MOST_WAITING, Typist
from chatnet.wire.arguments import MAX_VALUE, packed_bytes
from chatnet.wire.typists import TellTypists

ALICE, BOB = (Typist(user, "#tea", "active", 3) for user in ("alice", "bob"))


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    """Yield a primary that wants no workers."""
    master = Master(tmp_path, 0)
    yield master
    master.close()


def test_who_wants_to_know_is_told(master: Master) -> None:
    """Also the one that said it. A front of the last release says nothing of that, and is told nothing."""
    one, two = (master.front(id, spawned=False) for id in ("one", "two"))
    old = master.front("old", spawned=False)
    one.tell_typists(ALICE)
    one.tell_typists(wants=True)
    two.tell_typists(wants=True)
    master.pass_time(GATHER_SECONDS)
    assert one.hears.typists == two.hears.typists == []
    one.tell_typists(ALICE, BOB)
    two.tell_typists(Typist("bob", "#tea", "done", 3))
    master.pass_time(GATHER_SECONDS)
    told = [[ALICE, Typist("bob", "#tea", "done", 3)]]
    assert one.hears.typists == two.hears.typists == told
    two.cut()
    one.tell_typists(BOB)
    master.pass_time(10 * GATHER_SECONDS)
    assert one.hears.typists == [*told, [BOB]]
    assert old.hears.typists == []


def test_so_many_at_a_time(master: Master) -> None:
    """The rest is never told: it is worth nothing later."""
    front = master.front("front", spawned=False)
    front.tell_typists(wants=True)
    many = [Typist(f"u{number}", "#tea", "active", 1) for number in range(2 * MOST_WAITING)]
    for start in range(0, len(many), MOST_TOLD):
        front.tell_typists(*many[start : start + MOST_TOLD])
    assert master.cluster.typists.waiting == MOST_WAITING
    master.pass_time(GATHER_SECONDS)
    assert [len(piece) for piece in front.hears.typists] == [MOST_TOLD] * (MOST_WAITING // MOST_TOLD)
    front.server.full = True
    front.tell_typists(ALICE)
    master.pass_time(GATHER_SECONDS)
    front.server.full = False
    master.pass_time(10 * GATHER_SECONDS)
    assert len(front.hears.typists) == MOST_WAITING // MOST_TOLD


def test_what_is_none_is_refused(master: Master) -> None:
    """A bug of one process fills nothing at others, and ends no link."""
    front = master.front("front", spawned=False)
    front.tell_typists(wants=True)
    for bad in (Typist("alice", "#" * 200, "active", 3), Typist("", "#tea", "active", 3)):
        front.tell_typists(bad)
    front.tell_typists(Typist("alice", "#tea", "dances", 3))  # type: ignore[arg-type]
    master.pass_time(GATHER_SECONDS)
    assert front.hears.typists == []
    assert front.connected


def test_the_command_takes_a_bounded_number() -> None:
    """However long their names are, they fit one value."""
    deaf = tuple("~" + "x" * 32 for _ in range(20))
    longest = Typist("~" + "x" * 32, "#" + "\U00010400" * 64, "paused", (1 << 63) - 1, deaf)
    assert packed_bytes([longest] * MOST_TOLD) <= MAX_VALUE
    many = TellTypists.makeArguments({"wants": False, "typists": [ALICE] * (MOST_TOLD + 1)}, None)
    with pytest.raises(BadRequest):
        TellTypists.parseArguments(many, None)
