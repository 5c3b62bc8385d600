"""The primary keeps a number of replicas standing by, whoever started them, and tells them what they need."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from master.in_memory import Master, Peer
from twisted.internet.defer import Deferred

from chatnet.master.lost_processes import RETURN_SECONDS
from chatnet.net.pulse import CLUSTER_PULSE
from chatnet.supervisor import TERM_SECONDS
from chatnet.wire.replica import Attach, MasterIdentity


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Master]:
    """Yield a primary that wants two replicas, and no workers."""
    master = Master(tmp_path, 0, replicas=2)
    yield master
    master.close()


def test_two_are_started(primary: Master) -> None:
    """They are started at once, since they need not wait for anything."""
    assert [child.command for child in primary.reactor.running] == [["replica"], ["replica"]]


def test_it_can_be_told_whether_to_wait_for_one(primary: Master, tmp_path: Path) -> None:
    """A primary that keeps replicas will have one again; one that keeps none will not."""
    assert primary.replicas.are_kept
    alone = Master(tmp_path, 0, replicas=0)
    assert not alone.replicas.are_kept
    alone.close()


def test_one_by_hand_takes_the_place_of_a_child(primary: Master) -> None:
    """A child is stopped for it, and started again when it goes; the one by hand is never stopped."""
    by_hand = primary.replica(1, spawned=False)
    first, second = primary.reactor.children
    assert (first.signals, second.signals) == ([], ["TERM"])
    second.end(signal=15)
    more = [primary.replica(pid, spawned=False) for pid in (2, 3)]
    assert first.signals == ["TERM"]
    first.end(signal=15)
    assert not any(peer.hears.shut_down for peer in [by_hand, *more])
    for peer in more:
        peer.cut()
    primary.pass_time(0.25)
    assert len(primary.reactor.running) == 1


def test_they_are_told_what_changes(primary: Master) -> None:
    """They are told at once when one attaches, and when a worker comes; nothing is said twice."""
    replica = primary.replica(100)
    assert [master.pid for master in replica.hears.states[-1].replicas] == [100]
    primary.worker("w", 7)
    primary.pass_time(1)
    assert [carried.worker.id for carried in replica.hears.states[-1].workers] == ["w"]
    told = len(replica.hears.states)
    primary.pass_time(5)
    assert len(replica.hears.states) == told


def test_a_hung_child_is_killed_and_replaced(primary: Master) -> None:
    """It is killed after three seconds of silence."""
    primary.replica(100)
    primary.reactor.advance(0)
    for _ in range(round((CLUSTER_PULSE.patience + 1) / 0.25)):
        primary.reactor.advance(0.25)  # and no byte is carried
    primary.settle()
    assert primary.reactor.children[0].signals == ["KILL"]


def test_one_whose_link_breaks_before_patience_ends_does_not_hang(primary: Master) -> None:
    """The process that reset the link lives."""
    child = primary.replica(100)
    primary.reactor.advance(0)
    for _ in range(round(CLUSTER_PULSE.patience / 0.25)):
        primary.reactor.advance(0.25)  # and no byte is carried
    child.cut()
    primary.settle()
    assert primary.reactor.children[0].signals == []


def test_an_adopted_one_is_known_by_pid_and_start(primary: Master) -> None:
    """A dead one is replaced within moments, even if another process has its pid by now, which is not
    killed."""
    primary.processes.living = {7: 70}
    adopted = primary.replica(7, started=70)
    primary.reactor.children[1].end(signal=15)
    primary.processes.living = {7: 99}
    adopted.cut()
    primary.pass_time(0.25)
    assert len(primary.reactor.running) == 2
    assert not primary.processes.sent


def test_an_adopted_one_that_does_not_come_back_is_killed(primary: Master) -> None:
    """It is killed after three seconds, and another is started; one that comes back in time is not killed."""
    primary.processes.living = {7: 70}
    primary.replica(7, started=70).cut()
    primary.pass_time(RETURN_SECONDS - 0.5)
    back = primary.replica(7, started=70)
    primary.pass_time(RETURN_SECONDS)
    assert not primary.processes.sent
    back.cut()
    primary.pass_time(RETURN_SECONDS + 0.25)
    assert primary.processes.sent == [(7, signal.SIGKILL)]


def test_a_replica_of_another_host_with_the_same_pid_is_another(primary: Master) -> None:
    """That it stands by does not mean that the missed one of this host is back."""
    primary.processes.living = {7: 70}
    primary.replica(7, started=70).cut()
    elsewhere = Peer(primary)
    elsewhere.prove("replica")
    elsewhere.ask(Attach, master=MasterIdentity("there", 7, 70, True), seen=0)
    primary.pass_time(RETURN_SECONDS + 0.25)
    assert primary.processes.sent == [(7, signal.SIGKILL)]


def test_a_stop_waits_until_nobody_can_take_over(primary: Master) -> None:
    """Children and adopted ones are told, missing ones too; one by hand is left alone."""
    primary.processes.living = {7: 70, 8: 80}
    adopted = primary.replica(7, started=70)
    primary.replica(8, started=80).cut()
    by_hand = primary.replica(9, spawned=False)
    done: list[None] = []
    Deferred.fromCoroutine(primary.replicas.stop()).addCallback(done.append)
    primary.settle()
    assert primary.processes.sent == [(8, signal.SIGTERM)]
    assert adopted.hears.shut_down == 1
    assert not by_hand.hears.shut_down
    for child in primary.reactor.running:
        child.end(signal=15)
    assert not done
    del primary.processes.living[7]
    adopted.cut()
    assert done == [None]


@pytest.mark.parametrize("heard", [True, False])
def test_only_who_may_not_have_heard_that_it_is_to_stop_is_killed(primary: Master, heard: bool) -> None:
    """One that lost its link before it heard would try to get the lease; one that heard may exit itself."""
    primary.processes.living = {7: 70}
    adopted = primary.replica(7, started=70)
    done: list[None] = []
    Deferred.fromCoroutine(primary.replicas.stop()).addCallback(done.append)
    if heard:
        primary.settle()
    adopted.cut()
    for child in primary.reactor.running:
        child.end(signal=15)
    primary.settle()
    assert done == [None]
    assert adopted.hears.shut_down == heard
    assert primary.processes.sent == ([] if heard else [(7, signal.SIGKILL)])


@pytest.mark.parametrize("is_silent", [False, True])
def test_who_is_to_stop_and_hangs_is_killed(primary: Master, is_silent: bool) -> None:
    """It is killed even if it has heard."""
    primary.processes.living = {7: 70}
    primary.replica(7, started=70)
    done: list[None] = []
    Deferred.fromCoroutine(primary.replicas.stop()).addCallback(done.append)
    primary.settle()
    if is_silent:
        primary.far_pulse.stop()
    for child in primary.reactor.running:
        child.end(signal=15)
    primary.pass_time(TERM_SECONDS + 1)
    assert done == [None]
    assert primary.processes.sent == [(7, signal.SIGKILL)]


def test_one_that_does_not_read_is_told_once_it_does(master: Master) -> None:
    """It is told what is true then, so changes do not pile up in our memory."""
    peer = master.replica(1)
    master.settle()
    told = len(peer.hears.states)
    peer.server.pauseProducing()
    for number in range(5):
        master.worker(str(number), number)
        master.pass_time(1)
    assert len(peer.hears.states) == told
    peer.server.resumeProducing()
    master.settle()
    assert len(peer.hears.states) == told + 1
    assert len(peer.hears.states[-1].workers) == 5
