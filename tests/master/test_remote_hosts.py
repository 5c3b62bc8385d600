"""Workers of other hosts are told to start as many as wanted there, and to kill hung ones."""

from __future__ import annotations

import pytest
from master.in_memory import EPOCH, HOST, Master, Peer
from twisted.internet.defer import Deferred

from chatnet.errors import NoSuchHost, OnlyHost, PrimaryThere
from chatnet.master.host_plan import DRAIN_SECONDS, PATIENCE_SECONDS
from chatnet.master.remote_hosts import LOOK_SECONDS
from chatnet.supervisor import TERM_SECONDS
from chatnet.wire.operate import Drain
from chatnet.wire.replica import Attach, MasterIdentity


def abroad(master: Master, id: str, pid: int, supervisor: int = 0) -> Peer:
    """Return a worker of another host, started by hand unless by a supervisor; it serves."""
    worker = master.worker(id, pid, "there", spawned=supervisor != 0, supervisor=supervisor or 1)
    worker.report()
    return worker


def test_the_first_worker_of_a_host_is_told_to_start_others(master: Master) -> None:
    """It is told once, after a moment, with the epoch, and the operator reads of it. Our own host's worker is
    told nothing."""
    here = master.worker("here", 9, spawned=False)
    first = abroad(master, "a", 50)
    master.pass_time(PATIENCE_SECONDS - LOOK_SECONDS)
    assert first.hears.kept == []
    master.pass_time(10)
    assert first.hears.kept == [2]
    assert first.hears.epochs == [EPOCH]
    assert here.hears.kept == []
    assert "worker a on there (pid 50) is asked to start 2 others" in master.events()


def test_a_host_that_is_complete_is_left_alone(master: Master) -> None:
    """A host with too many loses those that nobody would start again, once their sessions have moved."""
    first = abroad(master, "a", 50)
    children = [abroad(master, "b", 51, 50), abroad(master, "c", 52, 50)]
    master.pass_time(10)
    assert first.hears.kept == []
    orphan = abroad(master, "d", 53, 99)
    orphan.report(sessions=2)
    master.pass_time(LOOK_SECONDS)
    assert [peer.hears.shut_down for peer in (first, *children, orphan)] == [0, 0, 0, 0]
    assert orphan.hears.shed == [2]
    orphan.report()
    master.pass_time(LOOK_SECONDS)
    assert [peer.hears.shut_down for peer in (first, *children, orphan)] == [0, 0, 0, 1]
    orphan.cut()
    master.pass_time(10)
    assert first.hears.kept == []


def test_when_the_parent_is_lost_another_starts_those_that_are_missing(master: Master) -> None:
    """The eldest that is left starts them; workers whose parent is gone live on."""
    first = abroad(master, "a", 50)
    second, third = abroad(master, "b", 51, 50), abroad(master, "c", 52, 50)
    first.cut()
    master.pass_time(10)
    assert (second.hears.kept, third.hears.kept) == ([1], [])
    assert second.hears.shut_down == third.hears.shut_down == 0


def test_who_came_back_is_told_again(master: Master) -> None:
    """The order may have been lost with its link."""
    abroad(master, "a", 50).cut()
    first = abroad(master, "a", 50)
    master.pass_time(10)
    first.cut()
    again = abroad(master, "a", 50)
    master.pass_time(10)
    assert (first.hears.kept, again.hears.kept) == ([2], [2])


def test_who_hangs_is_killed_by_one_of_its_host(master: Master) -> None:
    """Its parent kills it when it has not come back for a while; one that was started by hand is left
    alone."""
    first = abroad(master, "a", 50)
    second, hung = abroad(master, "b", 51, 50), abroad(master, "c", 52, 50)
    by_hand = abroad(master, "d", 53)
    master.pass_time(1)  # they have been told of each other, and have answered
    for peer in (hung, by_hand):
        master.far_pulse.discard(peer.link)
    master.pass_time(3.25)
    assert not hung.connected
    assert not first.hears.killed
    master.pass_time(PATIENCE_SECONDS)
    assert (first.hears.killed, second.hears.killed) == ([(52, 0)], [])


def test_a_host_without_workers_is_forgotten(master: Master) -> None:
    """No process is there to start one, until somebody starts a worker."""
    abroad(master, "a", 50).cut()
    master.pass_time(10)
    assert abroad(master, "b", 60).hears.kept == []
    assert [event for event in master.events() if "asked" in event] == []


def test_workers_of_our_own_host_that_others_keep_are_replaced(master: Master) -> None:
    """They were started when the primary was elsewhere: two that keep the same would quarrel. Their sessions
    move, to ours that are started at once, before they are stopped."""
    by_hand = master.worker("a", 50, spawned=False)
    kept = master.worker("b", 51, supervisor=50)
    adopted = master.worker("c", 52)
    for peer in (by_hand, kept, adopted):
        peer.report(sessions=3)
    master.adopted()
    assert len(master.reactor.running) == 2
    assert (kept.hears.shed, adopted.hears.shed) == ([3], [])
    kept.report(sessions=3, moving=2)
    master.pass_time(10)
    assert by_hand.hears.kept == []
    kept.report(sessions=0)
    master.pass_time(LOOK_SECONDS)
    assert by_hand.hears.kept == [0]
    assert (kept.hears.shut_down, adopted.hears.shut_down) == (0, 0)
    kept.cut()
    late = master.worker("d", 54, supervisor=50)
    late.cut()
    master.pass_time(10)
    assert len(master.reactor.running) == 2


def test_a_primary_that_stops_waits_for_no_sessions_of_the_disowned(master: Master) -> None:
    """If it waited, they would live on with the process that started them."""
    by_hand = master.worker("a", 50, spawned=False)
    master.worker("b", 51, supervisor=50).report(sessions=3)
    master.adopted()
    assert by_hand.hears.kept == []
    Deferred.fromCoroutine(master.cluster.stop())
    master.settle()
    assert by_hand.hears.kept == [0]
    assert by_hand.hears.shut_down == 0
    master.pass_time(TERM_SECONDS)


def test_workers_that_are_disowned_late_are_replaced(master: Master) -> None:
    """After a takeover their supervisor may come back last: then, too, three of our own are started."""
    children = [master.worker(str(pid), pid, spawned=True, supervisor=50) for pid in (51, 52)]
    master.adopted()
    assert len(master.reactor.running) == 1
    parent = master.worker("hand", 50, spawned=False)
    assert len(master.reactor.running) == 3
    for peer in (parent, *children):
        peer.report()
    master.pass_time(DRAIN_SECONDS + LOOK_SECONDS)
    assert parent.hears.kept == [0]
    for child in children:
        child.cut()
    master.pass_time(10)
    assert len(master.reactor.running) == 3


def test_stopping_gives_no_more_orders(master: Master) -> None:
    """Workers whose parent is told to stop are stopped by it."""
    first = abroad(master, "a", 50)
    child = abroad(master, "b", 51, 50)
    master.cluster.shut_down_all()
    child.cut()
    master.pass_time(10)
    assert (first.hears.shut_down, child.hears.shut_down) == (1, 0)
    assert first.hears.kept == []


def drain(master: Master, host: str = "there") -> tuple[int, int]:
    operator = Peer(master)
    operator.prove("operator")
    left = operator.ask(Drain, host=host)
    return left["workers"], left["sessions"]


def test_a_drained_host_is_emptied_and_then_stopped(master: Master) -> None:
    """No clients are sent there, and its sessions move. When the last session has gone, workers without a
    parent are told to stop, and nobody is asked to start another. Asked again, the drain goes on."""
    master.worker("here", 9, spawned=False).report()
    first = abroad(master, "a", 50)
    child = abroad(master, "b", 51, 50)
    first.report(sessions=3)
    child.report(sessions=2)
    assert drain(master) == (2, 5)
    assert set(master.registry.open()) == {"here"}
    master.pass_time(1)
    assert (first.hears.shed, child.hears.shed) == ([3], [2])
    first.report(sessions=2, moving=2)
    child.report(sessions=0)
    assert drain(master) == (2, 2)
    master.pass_time(10)
    assert first.hears.shut_down == 0
    first.report(sessions=0)
    master.pass_time(1)
    assert (first.hears.shut_down, child.hears.shut_down) == (1, 0)
    assert (first.hears.kept, child.hears.kept) == ([], [])
    child.cut()
    first.cut()
    assert drain(master) == (0, 0)


def test_those_who_came_by_a_shared_port_leave_a_drained_host_too(master: Master) -> None:
    """By the name they find another machine."""
    master.worker("here", 1).report(sessions=0, web="localhost:8080")
    there = master.worker("far", 2, host="there", spawned=False)
    there.report(sessions=5, shared=3, web="localhost:8080")
    master.pass_time(1)
    assert drain(master) == (1, 5)
    master.pass_time(1)
    assert there.hears.shed == [2]
    assert there.hears.shed_shared == [3]
    assert there.hears.shut_down == 0
    there.report(sessions=3, shared=3, moving=3, shared_moving=3)
    master.pass_time(1)
    assert there.hears.shed_shared == [3]


def test_a_drained_host_whose_workers_are_started_again_is_as_any_other(master: Master) -> None:
    """It gets clients, and as many workers as any host."""
    master.worker("here", 9, spawned=False).report()
    first = abroad(master, "a", 50)
    drain(master)
    assert not first.hears.shut_down
    first.cut()
    master.pass_time(1)
    again = abroad(master, "b", 60)
    assert set(master.registry.open()) == {"here", "b"}
    master.pass_time(10)
    assert again.hears.kept == [2]


def test_replicas_of_a_drained_host_stop_too(master: Master) -> None:
    """They could become primary there."""
    master.worker("here", 9, spawned=False)
    peer = Peer(master)
    peer.prove("replica")
    peer.ask(Attach, master=MasterIdentity("there", 70, 0, False), seen=0)
    assert drain(master) == (0, 0)
    assert peer.hears.shut_down == 1


@pytest.mark.parametrize(
    ("host", "error"), [("nowhere", NoSuchHost), ("there", OnlyHost), (HOST, PrimaryThere)]
)
def test_what_cannot_be_drained_is_said(master: Master, host: str, error: type[Exception]) -> None:
    """It has no workers, no other host would be left, or the primary is there; and nothing is done."""
    first = abroad(master, "a", 50)
    first.report(sessions=1)
    with pytest.raises(error):
        drain(master, host)
    master.pass_time(2)
    assert first.hears.shed == []
    assert set(master.registry.open()) == {"a"}
