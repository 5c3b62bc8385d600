"""When sessions are moved: from workers that have many, and from those that cannot serve them."""

from __future__ import annotations

from master.in_memory import Master, Peer

from chatnet.master.balance import REST_SECONDS
from chatnet.master.rebalancer import PATIENCE_SECONDS


def crowded(master: Master) -> tuple[Peer, Peer]:
    """Return two workers, of which one has all the sessions."""
    full, empty = master.worker("full", 1), master.worker("empty", 2)
    full.report(sessions=12)
    empty.report(sessions=0)
    return full, empty


def test_a_primary_has_the_surplus_moved_and_says_so(master: Master) -> None:
    """It is moved once: those that are moving already are not asked for again."""
    full, empty = crowded(master)
    master.pass_time(REST_SECONDS + 1)
    assert full.hears.shed == [6]
    assert empty.hears.shed == []
    assert any("is to move 6 of its 12 sessions" in event for event in master.events())
    full.report(sessions=12, moving=6)
    empty.report(sessions=2)
    master.pass_time(REST_SECONDS + 2)
    assert full.hears.shed == [6]


def test_nobody_is_moved_before_all_have_reported(master: Master) -> None:
    """A worker that has just come back seems empty, and is not."""
    full, _ = crowded(master)
    late = master.worker("late", 3)
    master.pass_time(REST_SECONDS + 2)
    assert full.hears.shed == []
    late.report(sessions=10)
    master.pass_time(2)
    assert full.hears.shed == [4]


def test_who_is_moving_is_not_counted(master: Master) -> None:
    """A client is sent to the worker that will have the fewest sessions."""
    leaving, other = master.worker("leaving", 1), master.worker("other", 2)
    leaving.report(sessions=9, moving=9)
    other.report(sessions=2)
    assert str(master.cluster.locate("here")[0]) == "here:5"
    assert master.cluster._placement._counts == {"leaving": 1}


def test_who_cannot_reach_the_store_is_emptied(master: Master) -> None:
    """This happens after three seconds, once; what has not moved when the store is back may stay."""
    cut_off, other = master.worker("cut off", 1), master.worker("other", 2)
    cut_off.report(sessions=4)
    other.report(sessions=4)
    master.pass_time(REST_SECONDS)
    cut_off.report(sessions=4, opening=True)
    master.pass_time(PATIENCE_SECONDS - 0.5)
    assert cut_off.hears.shed == []
    master.pass_time(PATIENCE_SECONDS)
    assert cut_off.hears.shed == [4]
    assert any("cannot reach the store: its 4 sessions are to move" in event for event in master.events())
    cut_off.report(sessions=1)
    master.pass_time(2)
    assert cut_off.hears.shed == [4, 0]
    assert other.hears.shed == []


def test_nobody_is_sent_on_when_there_is_nowhere_left_to_go(master: Master) -> None:
    """By then the others are cut off as well."""
    cut_off, other = master.worker("cut off", 1), master.worker("other", 2)
    cut_off.report(sessions=400, opening=True)
    other.report(sessions=4)
    master.pass_time(PATIENCE_SECONDS + 1)
    assert cut_off.hears.shed == [400]
    other.report(sessions=4, opening=True)
    master.pass_time(1)
    assert cut_off.hears.shed == [400, 0]


def test_a_short_cut_moves_nobody(master: Master) -> None:
    """The three seconds begin again each time."""
    cut_off = master.worker("cut off", 1)
    master.worker("other", 2).report(sessions=4)
    for _ in range(3):
        cut_off.report(sessions=4, opening=True)
        master.pass_time(PATIENCE_SECONDS - 1)
        cut_off.report(sessions=4)
        master.pass_time(2)
    assert cut_off.hears.shed == []


def test_nobody_is_sent_away_where_no_other_worker_is_of_use(master: Master) -> None:
    """This is so when the database is down for all workers."""
    workers = [master.worker("one", 1), master.worker("two", 2)]
    for worker in workers:
        worker.report(sessions=4, opening=True)
    master.pass_time(2 * PATIENCE_SECONDS)
    assert [worker.hears.shed for worker in workers] == [[], []]


WEB = "localhost:8080"


def test_who_came_by_a_shared_port_is_not_moved_to_another_host(master: Master) -> None:
    """They would come back to where the name leads them, for ever."""
    here = [master.worker(f"here{number}", number) for number in range(3)]
    there = [master.worker(f"there{number}", 10 + number, host="there", spawned=False) for number in range(3)]
    for worker in here:
        worker.report(sessions=100, shared=100, web=WEB)
    for worker in there:
        worker.report(sessions=2, shared=0, web=WEB)
    master.pass_time(3 * REST_SECONDS)
    assert not any(worker.hears.shed + worker.hears.shed_shared for worker in here + there)


def test_they_are_evened_out_among_those_with_the_same_port(master: Master) -> None:
    """Among the workers of their host alone; one without a page gets none."""
    full, empty = master.worker("full", 1), master.worker("empty", 2)
    without = master.worker("without", 3)
    there = master.worker("there", 4, host="there", spawned=False)
    full.report(sessions=12, shared=12, web=WEB)
    empty.report(sessions=0, web=WEB)
    without.report(sessions=6)
    there.report(sessions=6, web=WEB)
    master.pass_time(REST_SECONDS + 1)
    assert full.hears.shed_shared == [6]
    full.report(sessions=12, shared=12, moving=6, shared_moving=6, web=WEB)
    empty.report(sessions=3, shared=3, web=WEB)
    master.pass_time(REST_SECONDS + 2)
    assert full.hears.shed_shared == [6]
    assert not any(worker.hears.shed for worker in (full, empty, without, there))


def test_those_that_masters_placed_make_up_for_what_differs_between_hosts(master: Master) -> None:
    """But not for what will be evened out within a host: else they would have to come back."""
    full, new = master.worker("full", 1), master.worker("new", 2)
    there = master.worker("there", 3, host="there", spawned=False)
    full.report(sessions=60, shared=30, web=WEB)
    new.report(sessions=30, shared=0, web=WEB)
    there.report(sessions=15, web=WEB)
    master.pass_time(REST_SECONDS + 1)
    assert full.hears.shed_shared == [15]
    assert full.hears.shed == [10]
    assert new.hears.shed == [10]
    master.cluster.locate("here")
    assert master.cluster._placement._counts == {"there": 1}


def test_they_make_up_for_what_differs_too_little_within_a_host(master: Master) -> None:
    """Else one worker could have few of both."""
    workers = [master.worker(str(number), number) for number in range(3)]
    for worker, shared, placed in zip(workers, (5, 5, 0), (6, 5, 2), strict=True):
        worker.report(sessions=shared + placed, shared=shared, web=WEB)
    master.pass_time(REST_SECONDS + 1)
    assert [worker.hears.shed for worker in workers] == [[3], [2], []]
    assert not any(worker.hears.shed_shared for worker in workers)


def test_all_are_moved_from_who_cannot_serve(master: Master) -> None:
    """However they came."""
    cut_off, other = master.worker("cut off", 1), master.worker("other", 2)
    cut_off.report(sessions=7, shared=3, opening=True, web=WEB)
    other.report(sessions=4, web=WEB)
    master.pass_time(PATIENCE_SECONDS + 1)
    assert cut_off.hears.shed == [4]
    assert cut_off.hears.shed_shared == [3]
    cut_off.report(sessions=1, web=WEB)
    master.pass_time(2)
    assert cut_off.hears.shed == [4, 0]
    assert cut_off.hears.shed_shared == [3, 0]
