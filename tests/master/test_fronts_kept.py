"""IRC fronts are kept as workers are, on each host; but nobody is sent to them or away from them, and they
stop last."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from master.in_memory import HOST, Master, Peer
from twisted.internet.defer import Deferred

from chatnet.errors import NoWorkers
from chatnet.marks import UserMark
from chatnet.master.balance import REST_SECONDS
from chatnet.master.cluster import ADOPTION_SECONDS, LOOK_SECONDS
from chatnet.master.host_plan import (
    DRAIN_SECONDS,
    PATIENCE_SECONDS,
    Close,
    OtherHost,
    Shutdown,
    SpawnWorkers,
    drain,
    fill_fronts,
    thin,
    thin_fronts,
)
from chatnet.master.lost_processes import RETURN_SECONDS
from chatnet.master.registry import Registration
from chatnet.net.pulse import CLUSTER_PULSE, FRONT_PATIENCE
from chatnet.wire.cluster import CHAT, IRC, Load, Register, WorkerIdentity
from chatnet.wire.common import VERSION
from chatnet.wire.locate import Locate
from chatnet.wire.operate import Drain


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    """Yield a primary that wants no workers and two fronts."""
    master = Master(tmp_path, 0, fronts=2)
    yield master
    master.close()


def kinds(master: Master) -> list[str]:
    return [child.command[0] for child in master.reactor.running]


def by_hand(master: Master, id: str, pid: int) -> Peer:
    """Return a worker of our own host that is neither counted nor stopped."""
    return master.worker(id, pid, spawned=False)


# ---- nobody is sent there, or away ----


def test_no_client_is_sent_to_a_front(master: Master) -> None:
    """Neither by Locate nor by the lists that workers give their clients, however empty it is."""
    front, client = master.front("front"), Peer(master)
    front.report()
    with pytest.raises(NoWorkers):
        client.ask(Locate, version=VERSION)
    worker = by_hand(master, "worker", 2)
    worker.report(sessions=9)
    master.pass_time(2)
    assert client.ask(Locate, version=VERSION)["worker"].endswith(":5")
    assert worker.hears.others == [([], False)]
    assert front.hears.others == [([], False)]


def test_the_sessions_of_a_front_are_never_moved(master: Master) -> None:
    """Not when it has more than the others, nor when it is cut off from the store; and what it has not said
    yet holds up nobody."""
    front, other, full = master.front("front"), by_hand(master, "other", 2), by_hand(master, "full", 3)
    master.front("silent", 4)
    other.report(sessions=0)
    full.report(sessions=12)
    for opening in (False, True):
        front.report(sessions=900, opening=opening)
        master.pass_time(REST_SECONDS + 10)
    assert front.hears.shed == front.hears.shed_shared == []
    assert full.hears.shed[0] == 6


def test_what_the_operator_sees_of_a_front(master: Master) -> None:
    """Where IRC is, and what it serves; and if another program has its port."""
    master.front("front", 7).report(sessions=3, irc_taken="localhost:6667")
    master.front("there", 8, host="there").report(irc="0.0.0.0:6667")
    here, there = master.cluster.workers("chat.example", head=0)
    assert (here.serves, here.pid, here.sessions) == (IRC, 7, 3)
    assert here.address == there.address == "chat.example:5"
    assert master.cluster.port_warnings() == [
        f"1 of 2 IRC fronts cannot open their port: another program has localhost:6667 on {HOST}."
    ]
    assert master.cluster.pages("chat.example") == []


def test_marks_are_told_to_fronts_too(master: Master) -> None:
    """Their users read there."""
    worker, front = by_hand(master, "worker", 2), master.front("front")
    mark = UserMark("alice", "#tea", 5)
    master.cluster.tell_marks(master.registry.workers()[0], [mark])
    master.settle()
    assert (worker.hears.marks, front.hears.marks) == ([], [mark])


# ---- on the primary's own host ----


def test_as_many_are_started_as_are_missing(master: Master) -> None:
    """One is adopted; workers do not count, nor does a front that a person started. They are not waited for
    before the cluster is up."""
    master.front("adopted", 1)
    master.front("by hand", 2, spawned=False)
    by_hand(master, "worker", 3)
    master.adopted()
    assert kinds(master) == ["front"]
    assert master.ups == 1


def test_one_that_dies_is_replaced(master: Master) -> None:
    """A child by its supervisor, an adopted one when it does not come back: it has longer than a worker."""
    master.processes.living[50] = 7
    front = master.front("adopted", 50, started=7)
    master.adopted()
    front.cut()
    master.pass_time(RETURN_SECONDS + 1)
    assert kinds(master) == ["front"]
    master.pass_time(FRONT_PATIENCE - RETURN_SECONDS - 2)
    assert master.processes.sent == []
    master.pass_time(2)
    assert master.processes.sent == [(50, signal.SIGKILL)]
    assert kinds(master) == ["front", "front"]
    master.reactor.running[0].end(signal=signal.SIGKILL)
    master.pass_time(1)
    assert kinds(master) == ["front", "front"]


@pytest.mark.parametrize(("serves", "patience"), [(CHAT, CLUSTER_PULSE.patience), (IRC, FRONT_PATIENCE)])
def test_a_front_hangs_only_after_ten_seconds(master: Master, serves: str, patience: float) -> None:
    """To kill it ends the connections of its clients, which cannot be moved."""
    master.processes.living[50] = 7
    hung = Peer(master)
    hung.prove("worker")
    identity = WorkerIdentity("a", HOST, 50, "0.0.0.0:5", False, 99, 7, serves=serves)
    hung.ask(Register, worker=identity, seen=0)
    master.far_pulse.discard(hung.link)
    master.pass_time(patience - 0.5)
    assert master.processes.sent == []
    master.pass_time(1)
    assert master.processes.sent == [(50, signal.SIGKILL)]


def test_of_too_many_the_emptiest_lets_nobody_in_and_stops_when_its_clients_have_left(master: Master) -> None:
    """To stop it at once would end their connections. It is let in again when another is missing."""
    fronts = [master.front(str(number), number) for number in range(1, 5)]
    for sessions, front in zip((5, 0, 9, 3), fronts, strict=True):
        front.report(sessions=sessions)
    master.adopted()
    master.pass_time(2)
    assert [front.hears.shut_down for front in fronts] == [0, 1, 0, 0]
    assert [front.hears.others[-1][1] for front in fronts] == [False, True, False, True]
    fronts[0].cut()
    master.pass_time(LOOK_SECONDS + 1)
    assert not fronts[3].hears.others[-1][1]
    fronts.append(master.front("more", 9))
    fronts[4].report(sessions=8)
    master.pass_time(LOOK_SECONDS + 1)
    assert fronts[3].hears.others[-1][1]
    fronts[3].report(sessions=0)
    master.pass_time(LOOK_SECONDS)
    assert [front.hears.shut_down for front in fronts[2:]] == [0, 1, 0]
    assert kinds(master) == []


def test_fronts_that_a_worker_keeps_are_left_to_it(master: Master) -> None:
    """They are from the time of a primary elsewhere: to replace them would end the connections of their
    clients. Only when their parent is gone, those that die are replaced here."""
    parent = master.worker("parent", 50, spawned=False)
    parent.report()
    fronts = [master.front(str(pid), pid, supervisor=50) for pid in (51, 52)]
    for front in fronts:
        front.report(sessions=3)
    master.adopted()
    fronts[0].cut()  # its parent starts another
    master.pass_time(10)
    assert kinds(master) == []
    again = master.front("53", 53, supervisor=50)
    again.report()
    master.pass_time(10)
    assert (kinds(master), parent.hears.kept_fronts) == ([], [])
    assert not any(front.hears.shut_down for front in (fronts[1], again))
    parent.cut()
    again.cut()
    master.pass_time(FRONT_PATIENCE + 1)
    assert kinds(master) == ["front"]
    assert not fronts[1].hears.shut_down


def test_of_too_many_those_go_that_a_worker_keeps(master: Master) -> None:
    """When they are empty; they are not missed afterwards."""
    master.adopted()
    assert kinds(master) == ["front", "front"]
    parent = by_hand(master, "parent", 50)
    parent.report()
    kept = master.front("kept", 51, supervisor=50)
    kept.report(sessions=3)
    master.pass_time(LOOK_SECONDS + 1)
    assert (parent.hears.kept_fronts, kept.hears.others[-1][1]) == ([], False)  # none of its own is up yet
    for pid in (100, 101):
        master.front(str(pid), pid).report(sessions=0)
    master.pass_time(LOOK_SECONDS + 1)
    assert (parent.hears.kept_fronts, kept.hears.others[-1][1]) == ([], True)
    kept.report(sessions=0)
    master.pass_time(LOOK_SECONDS)
    assert parent.hears.kept_fronts == [0]
    kept.cut()
    master.reactor.running[0].end(signal=signal.SIGKILL)
    master.pass_time(FRONT_PATIENCE + 1)
    assert (kinds(master), parent.hears.kept_fronts) == (["front", "front"], [0])


def test_a_master_without_irc_leaves_the_fronts_of_others(tmp_path: Path) -> None:
    """Somebody else wants them on this machine, or did: to stop them would end their clients' connections."""
    master = Master(tmp_path, 0, fronts=0)
    parent = by_hand(master, "parent", 50)
    parent.report(fronts=2)
    kept, orphan = master.front("kept", 51, supervisor=50), master.front("orphan", 52)
    for front in (kept, orphan):
        front.report(sessions=0)
    master.adopted()
    master.pass_time(2 * LOOK_SECONDS)
    assert (parent.hears.kept_fronts, kept.hears.shut_down, orphan.hears.shut_down) == ([], 0, 0)
    assert kept.hears.others[-1] == orphan.hears.others[-1] == ([], False)
    master.close()


def test_an_adopted_worker_that_keeps_fronts_is_not_the_one_too_many(tmp_path: Path) -> None:
    """They would end with it."""
    master = Master(tmp_path, 1, fronts=1)
    parent, other = master.worker("parent", 50), master.worker("other", 60)
    front = master.front("front", 51, supervisor=50)
    parent.report(sessions=0)
    other.report(sessions=9)
    front.report(sessions=3)
    master.adopted()
    assert (parent.hears.shut_down, other.hears.shut_down) == (0, 1)
    master.close()


def test_fronts_are_the_last_to_stop(tmp_path: Path) -> None:
    """Their clients hear of the end only when all others are gone; and none is replaced meanwhile."""
    master = Master(tmp_path, 1, fronts=2)
    linked = master.front("linked", 60)
    master.adopted()
    worker, front = master.reactor.running
    done: list[Any] = []
    Deferred.fromCoroutine(master.cluster.stop()).addBoth(done.append)
    master.settle()
    assert (worker.signals, front.signals, linked.hears.shut_down) == (["TERM"], [], 0)
    worker.end(signal=signal.SIGTERM)
    master.settle()
    assert (front.signals, linked.hears.shut_down) == (["TERM"], 1)
    front.end(signal=signal.SIGTERM)
    linked.cut()
    master.settle()
    assert done == [None]
    master.close()


def test_when_all_is_to_stop_the_fronts_are_told_too(master: Master) -> None:
    """Those that others keep are stopped by them."""
    master.worker("parent", 50, host="there", spawned=False)
    kept = master.front("kept", 51, host="there", supervisor=50)
    alone, adopted = master.front("alone", 52, host="there"), master.front("adopted", 53)
    master.cluster.shut_down_all()
    master.settle()
    assert [front.hears.shut_down for front in (kept, alone, adopted)] == [0, 1, 1]


def test_a_new_primary_waits_for_the_fronts_of_the_last_one(tmp_path: Path) -> None:
    """As for workers: each is expected where it belongs."""
    master = Master(tmp_path, 1, fronts=1)
    master.processes.living = {50: 7, 51: 7}
    worker = WorkerIdentity("w", HOST, 50, "0.0.0.0:5", False, 99, 7)
    front = WorkerIdentity("f", HOST, 51, "localhost:6667", False, 99, 7, serves=IRC)
    for own in master.cluster._own:
        own.population.end()
        own.population._is_ending = False
        own.start([worker, front], 0.0)
    assert kinds(master) == []
    assert [own.population.lost for own in master.cluster._own] == [1, 1]
    master.cluster.leave()
    master.close()


# ---- on other hosts ----


def abroad(master: Master, id: str, pid: int, supervisor: int = 0, fronts: int = 2) -> Peer:
    """Return a worker of another host, whose options say how many fronts it keeps."""
    peer = master.worker(id, pid, "there", spawned=supervisor != 0, supervisor=supervisor or 1)
    peer.report(fronts=fronts)
    return peer


def front_abroad(master: Master, id: str, pid: int, supervisor: int, sessions: int = 0) -> Peer:
    peer = master.front(id, pid, host="there", supervisor=supervisor)
    peer.report(sessions=sessions)
    return peer


def test_a_worker_of_each_host_keeps_its_fronts(master: Master) -> None:
    """As many as its options say; one that does not say so is not asked. The operator reads of it."""
    old, new = abroad(master, "old", 50, fronts=0), abroad(master, "new", 60)
    master.pass_time(PATIENCE_SECONDS + 1)
    assert (old.hears.kept_fronts, new.hears.kept_fronts) == ([], [2])
    assert "worker new on there (pid 60) is asked to start 2 IRC fronts" in master.events()
    for pid in (61, 62):
        front_abroad(master, str(pid), pid, 60)
    master.pass_time(10)
    assert new.hears.kept_fronts == [2]


def test_when_their_parent_is_lost_another_worker_starts_those_that_are_missing(master: Master) -> None:
    """Fronts live on without it, and are not counted as workers."""
    parent, other = abroad(master, "parent", 50), abroad(master, "other", 70)
    fronts = [front_abroad(master, str(pid), pid, 50, sessions=3) for pid in (51, 52)]
    parent.cut()
    master.pass_time(10)
    assert other.hears.kept_fronts == []
    fronts[0].cut()
    master.pass_time(10)
    assert other.hears.kept_fronts == [1]
    assert not fronts[1].hears.shut_down


def test_a_drained_host_keeps_its_fronts_to_the_last(master: Master) -> None:
    """They let nobody in; they are not waited for, and end when no worker is left there."""
    master.worker("here", 9, spawned=False).report()
    worker = abroad(master, "a", 50)
    kept, orphan = front_abroad(master, "k", 51, 50, 7), front_abroad(master, "o", 52, 99, 7)
    worker.report(sessions=3, fronts=2)
    operator = Peer(master)
    operator.prove("operator")
    assert operator.ask(Drain, host="there") == {"workers": 3, "sessions": 3}
    master.pass_time(DRAIN_SECONDS + 1)
    assert worker.hears.shed == [3]
    assert (kept.hears.shed, kept.hears.shut_down, orphan.hears.shut_down) == ([], 0, 0)
    assert kept.hears.others[-1] == orphan.hears.others[-1] == ([], True)
    worker.report(fronts=2)
    master.pass_time(1)
    assert (worker.hears.shut_down, kept.hears.shut_down, orphan.hears.shut_down) == (1, 0, 0)
    worker.cut()
    kept.cut()  # its parent ended it
    master.pass_time(1)
    assert orphan.hears.shut_down == 1


# ---- the plan ----


def process(pid: int, supervisor: int = 0, sessions: int = 0, serves: str = CHAT) -> Registration[Any]:
    identity = WorkerIdentity(str(pid), "there", pid, "0.0.0.0:1", False, supervisor, pid, serves=serves)
    return Registration(identity, None, Load(sessions=sessions, fronts=2), reported=0.0)


def front(pid: int, supervisor: int = 0, sessions: int = 0) -> Registration[Any]:
    return process(pid, supervisor, sessions, IRC)


def test_the_parent_of_fronts_is_always_the_same() -> None:
    """The one that keeps most of them; of equal ones the eldest."""
    eldest, parent = process(1), process(2)
    (step,) = fill_fronts([], [parent, eldest], 2)
    assert (step.parent, step.count, step.fronts) == (eldest, 2, True)  # type: ignore[union-attr]
    (step,) = fill_fronts([front(3, 2)], [eldest, parent], 2)
    assert (step.parent, step.count) == (parent, 2)  # type: ignore[union-attr]


def test_only_fronts_that_nobody_would_start_again_are_too_many() -> None:
    """Not those by hand, nor those of a parent that lives: it would start another."""
    parent, hand = process(1), front(2)
    kept, orphan, empty = front(3, 1, 0), front(4, 99, 5), front(5, 99, 0)
    fronts = [hand, kept, orphan, empty]
    assert thin_fronts(fronts, [parent], 4) == []
    assert thin_fronts(fronts, [parent], 3) == [Shutdown(empty, "is one too many; it is stopped")]
    assert thin_fronts(fronts, [parent], 2)[1:] == [Close(orphan)]


def test_a_parent_that_keeps_too_many_stops_all_that_it_keeps() -> None:
    """It could not choose which to stop. First they let nobody in; those with most clients stay."""
    one, two = process(1), process(2)
    fronts = [front(3, 1, 5), front(4, 1, 0), front(5, 2, 4)]
    assert thin_fronts(fronts, [one, two], 2) == [Close(fronts[2])]
    fronts[2].load = Load()
    (step,) = thin_fronts(fronts, [one, two], 2)
    assert isinstance(step, SpawnWorkers)
    assert (step.parent, step.count, step.fronts) == (two, 0, True)
    assert thin_fronts(fronts[:2], [one, two], 1) == []


def test_a_worker_that_keeps_fronts_is_no_orphan_of_too_many() -> None:
    """To stop it would end them."""
    parent, orphan, third = process(1, 99), process(2, 99, sessions=4), process(3)
    steps = thin([parent, orphan, third], 2, [front(4, 1)])
    assert [step.worker for step in steps] == [orphan]  # type: ignore[union-attr]


def test_fronts_are_drained_when_no_worker_is_left() -> None:
    """And not told twice."""
    worker, last = process(1), front(2, 1, sessions=5)
    assert drain([worker], False, [last]) == []
    assert [type(step) for step in drain([worker], True, [last])] == [Shutdown]
    assert drain([], False, [last]) == []
    assert [step.worker for step in drain([], True, [last])] == [last]  # type: ignore[union-attr]
    last.leaving = True
    assert drain([], True, [last]) == []


def test_no_front_is_asked_for_at_once_or_without_workers() -> None:
    """A host without a worker is left as it is; who was stopped itself counts anew."""
    host: OtherHost[Any] = OtherHost()
    worker = process(1)
    assert host.look([front(5)], 1, 10.0) == []
    assert host.look([worker], 1, PATIENCE_SECONDS - 0.1) == []
    host.awake()
    assert host.look([worker], 1, PATIENCE_SECONDS - 0.1) == []
    (step,) = host.look([worker], 1, 0.2)
    assert isinstance(step, SpawnWorkers)
    assert step.fronts
    assert ADOPTION_SECONDS < PATIENCE_SECONDS
