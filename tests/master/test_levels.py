"""How the primary raises the log's level, with a toy kind of level 2."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
import toy_kind
from master.in_memory import HOST, Master, Peer

from chatnet.entries import Draft
from chatnet.errors import BadRequest, HeldBack, LevelTooLow
from chatnet.kinds import CLUSTER
from chatnet.wire.cluster import Register, WorkerIdentity
from chatnet.wire.operate import LevelUp
from chatnet.wire.replica import Attach, MasterIdentity


@pytest.fixture(autouse=True, scope="module")
def _toy() -> Iterator[None]:
    with toy_kind.there():
        yield


@pytest.fixture
def newer(master: Master) -> Master:
    """Return a primary that understands level 2."""
    master.levels._me = msgspec.structs.replace(master.levels._me, level=2)
    return master


def worker(master: Master, id: str, level: int) -> Peer:
    peer = Peer(master)
    peer.prove("worker")
    peer.ask(Register, worker=WorkerIdentity(id, HOST, 7, "0.0.0.0:5", False, 0, level=level), seen=0)
    return peer


def replica(master: Master, pid: int, level: int) -> Peer:
    peer = Peer(master)
    peer.prove("replica")
    peer.ask(Attach, master=MasterIdentity(HOST, pid, 1, False, level=level), seen=0)
    return peer


def operator(master: Master) -> Peer:
    peer = Peer(master)
    peer.prove("operator")
    return peer


def test_it_rises_once_all_understand_it(newer: Master) -> None:
    """Before that, the processes that hold it back are named. To ask again changes nothing."""
    old, new = worker(newer, "old", 1), worker(newer, "new", 2)
    stands_by = replica(newer, 11, 1)
    asks = operator(newer)
    sentence = (
        "The log stays at level 1, for level 2 is not understood by worker old on {host} \\(pid 7\\), "
        "replica \\(pid 11\\) on {host}: update chatnet there, and start it again."
    )
    with pytest.raises(HeldBack, match=sentence.format(host=HOST)):
        asks.ask(LevelUp)
    old.cut()
    stands_by.cut()
    assert newer.log.entries == []
    for _ in range(2):
        assert asks.ask(LevelUp) == {"level": 2}
    [entry] = newer.log.entries
    assert (entry.kind, entry.user, entry.room, entry.text) == ("level", CLUSTER, CLUSTER, "2")
    assert new.connected
    assert newer.events().count("the log is at level 2") == 1


def test_two_operators_raise_it_once(newer: Master) -> None:
    """Both are told the level, and it is noted once."""
    newer.log.held = True
    answers = [operator(newer).begin(LevelUp) for _ in range(2)]
    newer.log.let_go()
    newer.settle()
    assert answers == [[{"level": 2}], [{"level": 2}]]
    assert newer.events().count("the log is at level 2") == 1


def test_a_log_that_does_not_take_it_says_why(newer: Master) -> None:
    """The log's sentence comes after what was asked."""
    newer.log.state.own_level = 1
    with pytest.raises(
        HeldBack, match=r"^The log stays at level 1, for it does not take level 2: The cluster"
    ):
        operator(newer).ask(LevelUp)


def test_it_rises_as_far_as_all_understand_it(newer: Master) -> None:
    """One process that is ahead, or says so, does not keep the others from their common level."""
    common, ahead = worker(newer, "common", 2), worker(newer, "ahead", 3)
    assert operator(newer).ask(LevelUp) == {"level": 2}
    assert [entry.text for entry in newer.log.entries] == ["2"]
    assert common.connected
    assert ahead.connected
    with pytest.raises(HeldBack, match=r"for level 3 is not understood by primary .*, worker common"):
        operator(newer).ask(LevelUp)


def test_an_old_primary_holds_it_back(master: Master) -> None:
    """It would be the first that cannot take part."""
    worker(master, "new", 2)
    with pytest.raises(HeldBack, match=r"is not understood by primary \(pid \d+\) on here: update"):
        operator(master).ask(LevelUp)


def test_of_many_only_some_are_named(newer: Master) -> None:
    """The sentence has a limited length."""
    for number in range(7):
        worker(newer, f"w{number}", 1)
    with pytest.raises(HeldBack, match=r"\(pid 7\) and 4 more: update"):
        operator(newer).ask(LevelUp)


def test_who_is_too_old_is_refused(newer: Master) -> None:
    """A worker and a replica are refused by a sentence."""
    assert operator(newer).ask(LevelUp) == {"level": 2}
    sentence = "The log is at level 2, and this chatnet understands level 1: update chatnet on this machine"
    with pytest.raises(LevelTooLow, match=sentence):
        worker(newer, "old", 1)
    with pytest.raises(LevelTooLow, match=sentence):
        replica(newer, 11, 1)
    assert (newer.registry.workers(), newer.replicas.attached()) == ([], [])
    assert worker(newer, "new", 2).connected


def test_who_was_linked_is_cut_off_when_it_rises(newer: Master) -> None:
    """This includes one that came while the entry was committed: it can neither append nor read from then
    on."""
    old, new = worker(newer, "old", 1), worker(newer, "new", 2)
    old_replica, new_replica = replica(newer, 11, 1), replica(newer, 12, 2)
    newer.log.append([Draft("level", CLUSTER, CLUSTER, "2", b"k" * 16)])
    newer.settle()
    assert [peer.connected for peer in (old, new, old_replica, new_replica)] == [False, True, False, True]


@pytest.mark.parametrize("level", [0, -1, 1 << 63, "2"])
def test_what_is_no_level_is_refused(newer: Master, level: object) -> None:
    """A sentence says so."""
    with pytest.raises(BadRequest, match="the value of “worker” is wrong"):
        worker(newer, "odd", level)  # type: ignore[arg-type]
