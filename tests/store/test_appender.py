from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from chatnet.entries import Draft
from chatnet.log import Outcome
from chatnet.store.appender import Appender
from chatnet.store.pages import draft_bytes


def draft(number: int, size: int = 10) -> Draft:
    return Draft("post", "alice", "alice", f"{number}:".ljust(size, "x"), number.to_bytes(16, "big"))


class Store:
    """A store whose commits the test makes; it knows keys, as a log does."""

    def __init__(self) -> None:
        self.batches: list[list[Draft]] = []
        self.seqs: dict[bytes, int] = {}
        self._under_way: Deferred[None] | None = None

    async def commit(self, drafts: list[Draft]) -> list[Outcome]:
        assert self._under_way is None, "two batches under way"
        self.batches.append(drafts)
        self._under_way = Deferred()
        await self._under_way
        return [self.seqs.setdefault(draft.key, len(self.seqs) + 1) for draft in drafts]

    @property
    def busy(self) -> bool:
        return self._under_way is not None

    def finish(self, failure: Exception | None = None) -> None:
        assert self._under_way is not None
        under_way, self._under_way = self._under_way, None
        if failure is None:
            under_way.callback(None)
        else:
            under_way.errback(failure)


def results(deferred: Deferred[Any]) -> list[Any]:
    found: list[Any] = []
    deferred.addBoth(found.append)
    return found


def test_the_first_draft_does_not_wait_and_the_next_gather() -> None:
    """A batch begins at once; what comes while it is committed becomes the next batch."""
    store = Store()
    appender = Appender(store.commit, 100, 10_000)
    first = results(appender.append([draft(1)]))
    second = results(appender.append([draft(2), draft(3)]))
    third = results(appender.append([draft(4)]))
    assert store.batches == [[draft(1)]]
    store.finish()
    assert (first, second, store.batches[1:]) == ([[1]], [], [[draft(2), draft(3), draft(4)]])
    store.finish()
    assert (second, third, store.busy) == ([[2, 3]], [[4]], False)


def test_nothing_is_answered_at_once() -> None:
    """An append of no drafts has no outcomes, and commits nothing."""
    store = Store()
    assert results(Appender(store.commit, 1, 1).append([])) == [[]]
    assert store.batches == []


def test_batches_are_bounded() -> None:
    """No batch exceeds the bounds, except a single draft that does so alone; a call may span several."""
    store = Store()
    size = draft_bytes(draft(0, 100))
    appender = Appender(store.commit, 3, 2 * size)
    drafts = [draft(1, 10), draft(2, 10), draft(3, 10), draft(4, 10), draft(5, 1_000), draft(6, 10)]
    answered = results(appender.append(drafts))
    while store.busy:
        store.finish()
    assert [[int(one.text.partition(":")[0]) for one in batch] for batch in store.batches] == [
        [1, 2, 3],
        [4],
        [5],
        [6],
    ]
    assert answered == [[1, 2, 3, 4, 5, 6]]


def test_what_waits_is_counted() -> None:
    """``waiting_bytes`` is the size of what is not answered yet, including the batch under way."""
    store = Store()
    appender = Appender(store.commit, 1, 10_000)
    appender.append([draft(1), draft(2)])
    size = draft_bytes(draft(1))
    assert appender.waiting_bytes == 2 * size
    seen: list[int] = []
    appender.append([draft(3)]).addCallback(lambda _: seen.append(appender.waiting_bytes))
    store.finish()
    assert appender.waiting_bytes == 2 * size
    store.finish()
    store.finish()
    assert (seen, appender.waiting_bytes) == ([0], 0)


def test_a_failed_commit_fails_its_calls_and_no_others() -> None:
    """Every call with a draft in the batch fails; the rest of their drafts is dropped."""
    store = Store()
    appender = Appender(store.commit, 2, 10_000)
    first = results(appender.append([draft(1), draft(2), draft(3), draft(4)]))
    second = results(appender.append([draft(5)]))
    store.finish(ZeroDivisionError())
    assert [failure.type for failure in first] == [ZeroDivisionError]
    assert store.batches[1:] == [[draft(5)]]
    store.finish()
    assert (second, appender.waiting_bytes) == ([[1]], 0)


def test_a_wrong_number_of_outcomes_is_a_failure() -> None:
    """A commit with more or fewer outcomes than drafts must not shift outcomes to other drafts."""

    async def wrong(drafts: list[Draft]) -> list[Outcome]:
        return [1]

    appender = Appender(wrong, 10, 10_000)
    answered = results(appender.append([draft(1), draft(2)]))
    assert [failure.type for failure in answered] == [ValueError]


CALL = st.lists(st.integers(0, 20), max_size=5)


@given(
    steps=st.lists(CALL | st.sampled_from(["finish", "finish", "fail"]), max_size=40),
    max_drafts=st.integers(1, 4),
    max_bytes=st.integers(1, 400),
)
def test_every_call_is_answered_once_in_order(
    steps: list[list[int] | str], max_drafts: int, max_bytes: int
) -> None:
    """In any order of events: an outcome for each draft, the log in the order of calls, old keys old seqs."""
    store = Store()
    appender = Appender(store.commit, max_drafts, max_bytes)
    calls: list[tuple[list[int], list[Any]]] = []
    order: list[int] = []
    for step in [*steps, *["finish"] * 300]:
        if isinstance(step, list):
            answered: list[Any] = []
            calls.append((step, answered))

            def answer(result: Any, to: list[Any] = answered, call: int = len(calls)) -> None:
                to.append(result)
                order.append(call)

            appender.append([draft(number) for number in step]).addBoth(answer)
        elif store.busy:
            store.finish(ZeroDivisionError() if step == "fail" else None)
    for numbers, answered in calls:
        assert len(answered) == 1
        if isinstance(answered[0], list):
            assert answered[0] == [store.seqs[draft(number).key] for number in numbers]
        else:
            assert answered[0].check(ZeroDivisionError)
    answered_in_time = [call for call in order if calls[call - 1][0]]
    assert answered_in_time == sorted(answered_in_time)
    assert all(len(batch) <= max_drafts for batch in store.batches)
    assert all(len(batch) == 1 or sum(map(draft_bytes, batch)) <= max_bytes for batch in store.batches)
    assert appender.waiting_bytes == 0


def test_a_call_that_failed_can_be_made_again() -> None:
    """After a failure the same drafts with the same keys can be appended."""
    store = Store()
    appender = Appender(store.commit, 10, 10_000)
    failed = results(appender.append([draft(1)]))
    store.finish(ZeroDivisionError())
    again = results(appender.append([draft(1), draft(1)]))
    store.finish()
    assert failed[0].check(ZeroDivisionError)
    assert again == [[1, 1]]
