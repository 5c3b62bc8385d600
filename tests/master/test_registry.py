"""The registry knows who is registered, by which link, and what they report."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatnet.master.registry import Registration, Registry
from chatnet.wire.cluster import Load, WorkerIdentity


def identity(id: str) -> WorkerIdentity:
    return WorkerIdentity(id, "here", 1, "0.0.0.0:1", False, 99)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans())))
def test_a_worker_is_registered_by_its_newest_link_alone(steps: list[tuple[str, bool]]) -> None:
    """In whatever order links come and go, the loss of an older link never unregisters a newer one."""
    registry: Registry[int] = Registry()
    newest: dict[str, Registration[int]] = {}
    older: list[Registration[int]] = []
    for link, (id, registers) in enumerate(steps):
        if registers:
            worker, before = registry.register(identity(id), link)
            assert before is newest.get(id)
            if before is not None:
                older.append(before)
            newest.pop(id, None)
            newest[id] = worker
        elif older:
            assert not registry.unregister(older.pop())
        elif id in newest:
            gone = newest.pop(id)
            assert registry.unregister(gone)
            assert not registry.unregister(gone)
        assert registry.workers() == list(newest.values())


def test_rates_are_those_between_two_reports() -> None:
    """Rates are per second of the time between two reports; there are none before the second report."""
    worker = Registry[None]().register(identity("a"), None)[0]
    worker.report(Load(posts=100, deliveries=1000), 10.0)
    assert (worker.posts, worker.deliveries) == (0, 0)
    worker.report(Load(sessions=3, posts=110, deliveries=1100, cursor=9), 12.0)
    assert (worker.posts, worker.deliveries) == (5, 50)
    assert worker.load.sessions == 3


def test_two_reports_at_once_leave_the_rates() -> None:
    """No time has passed between them: the load is the newer one, and the rates stay."""
    worker = Registry[None]().register(identity("a"), None)[0]
    worker.report(Load(posts=0), 1.0)
    worker.report(Load(posts=7), 2.0)
    worker.report(Load(posts=9), 2.0)
    assert (worker.posts, worker.load.posts) == (7, 9)


def test_a_leaving_worker_gets_no_clients() -> None:
    """It is registered, but not open."""
    registry: Registry[None] = Registry()
    stays, leaves = (registry.register(identity(id), None)[0] for id in "ab")
    for worker in (stays, leaves):
        worker.report(Load(), 1.0)
    leaves.leaving = True
    assert list(registry.open().values()) == [stays]
    assert len(registry) == 2


def test_a_worker_that_opens_its_store_gets_no_clients() -> None:
    """It would turn clients away, and so would a full worker; but it counts as one that stays."""
    registry: Registry[None] = Registry()
    worker = registry.register(identity("a"), None)[0]
    for load in (Load(opening=True), Load(full=True)):
        worker.report(load, 1.0)
        assert not registry.open()
        assert registry.staying() == [worker]
    worker.report(Load(), 2.0)
    assert registry.open() == {"a": worker}
