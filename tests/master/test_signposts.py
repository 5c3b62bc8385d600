"""The primary tells each worker of other workers that take clients, but only when that changes."""

from __future__ import annotations

from itertools import count
from typing import Any, cast

from master.in_memory import Master

from chatnet.master.registry import Registration
from chatnet.master.signposts import neighbours
from chatnet.net.link import Link
from chatnet.wire.cluster import MOST_TOLD, OtherWorker, WorkerIdentity


def test_workers_hear_of_each_other_when_something_changes(master: Master) -> None:
    """A worker is not told of itself; the last news counts."""
    one, two = master.worker("1", 1), master.worker("2", 2)
    master.pass_time(1)
    assert not one.hears.others, "it is told nothing before it has reported"
    for worker in (one, two):
        worker.report(sessions=3)
    master.pass_time(5)
    beside = OtherWorker("", 5)
    assert one.hears.others == [([beside], False)]
    assert two.hears.others == [([beside], False)]
    one.report(sessions=4)
    master.pass_time(2)
    assert len(two.hears.others) == 1
    two.cut()
    master.pass_time(2)
    assert one.hears.others[1:] == [([], False)]


def test_one_that_is_alone_is_told_so(master: Master) -> None:
    """It may still know others from the previous primary, which died with that one's host."""
    alone = master.worker("1", 1)
    alone.report(sessions=3)
    master.pass_time(5)
    assert alone.hears.others == [([], False)]


def test_a_new_key_is_news(master: Master) -> None:
    """A certificate was renewed with another key: clients demand exactly the key that they were told."""
    one, two = master.worker("1", 1), master.worker("2", 2)
    for key in ("", "a key", "another"):
        one.report(sessions=3)
        two.report(sessions=3, key=key)
        master.pass_time(2)
    assert [others for others, _ in one.hears.others] == [
        [OtherWorker("", 5, key)] for key in ("", "a key", "another")
    ]


def test_who_takes_no_clients_is_not_named(master: Master) -> None:
    """It may be full, or cut off from the store; it is told of the others all the same."""
    one, two = master.worker("1", 1), master.worker("2", 2)
    one.report(sessions=3)
    two.report(sessions=9, full=True)
    master.pass_time(1)
    assert one.hears.others == [([], False)]
    assert two.hears.others == [([OtherWorker("", 5)], False)]
    two.report(sessions=8)
    master.pass_time(1)
    assert one.hears.others[1:] == [([OtherWorker("", 5)], False)]


def test_who_is_to_be_empty_is_told_so_and_is_not_named(master: Master) -> None:
    """Clients may know it from before."""
    here, there = master.worker("1", 1), master.worker("2", 2, host="there")
    for worker in (here, there):
        worker.report(sessions=3)
    master.pass_time(1)
    master.cluster.drain("there")
    master.pass_time(1)
    assert here.hears.others[-1] == ([], False)
    assert there.hears.others[-1][1] is True


def test_each_is_told_of_so_many_and_each_is_told_of() -> None:
    """Each hears of a number of workers that follow it, so a new worker is news for few, and not for all."""
    ring = [
        Registration(WorkerIdentity(f"{number:03}", "here", number, "h:1", False, 0), cast(Link, None))
        for number in range(MOST_TOLD + 20)
    ]
    told = [neighbours(worker, ring) for worker in ring]
    assert all(len(others) == MOST_TOLD for others in told)
    assert all(worker not in others for worker, others in zip(ring, told, strict=True))
    named: Any = {worker.identity.id: 0 for worker in ring}
    for others in told:
        for other in others:
            named[other.identity.id] += 1
    assert set(named.values()) == {MOST_TOLD}
    assert [one.identity.id for _, one in zip(count(), told[0][:2], strict=False)] == ["001", "002"]
    outside = Registration(WorkerIdentity("010x", "here", 0, "h:1", False, 0), cast(Link, None))
    assert neighbours(outside, ring)[0].identity.id == "011"
