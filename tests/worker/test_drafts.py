"""The drafts of a session stay in order, are held beyond the rate, and are always bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from worker.anybody import ANYBODY

from chatnet.entries import Draft
from chatnet.errors import BadSecret
from chatnet.limits import LIMITS
from chatnet.log import Outcome
from chatnet.testing.memory_log import MemoryLog
from chatnet.worker.drafts import MOST_WAITING, DraftStream, SharedDrafts
from chatnet.worker.gathering import Gathering
from chatnet.worker.rates import BURST_SECONDS, Allowance


def draft(number: int) -> Draft:
    return Draft("post", "alice", "alice", str(number), b"%016d" % number)


class Reading:
    """A connection that can be held, that is, no longer read."""

    def __init__(self) -> None:
        self.holds = 0

    def hold(self) -> None:
        self.holds += 1

    def release(self) -> None:
        self.holds -= 1


class Stream:
    """A stream of drafts into a log where alice is registered already."""

    def __init__(self, rate: int) -> None:
        self.clock = Clock()
        self.link = Reading()
        self.log = MemoryLog(clock=self.clock.seconds)
        self.log.append([Draft("register", "alice", "alice", "secret", b"r" * 16)])
        self.gathering = Gathering(self.log, self.clock)
        self.allowance = Allowance(rate, self.clock.seconds)
        self.shared = SharedDrafts(self.log, self.gathering, self.clock)
        self.stream = DraftStream(self.shared, ANYBODY, self.link, self.allowance, 0)

    def appended(self) -> list[str]:
        self.clock.advance(0)
        return [entry.text for entry in self.log.entries[1:]]


def test_drafts_within_the_burst_pass_at_once() -> None:
    """A burst of five seconds' worth passes; the next draft is held as long as the rate says, not refused."""
    one = Stream(rate=10)
    outcomes: list[Any] = []
    for number in range(52):
        one.stream.send(draft(number)).addCallback(outcomes.append)
    one.clock.advance(0.05)
    assert len(outcomes) == 10 * BURST_SECONDS == 50
    one.clock.advance(0.06)
    one.clock.advance(0)
    assert len(outcomes) == 51
    one.clock.advance(0.1)
    assert one.appended() == [str(number) for number in range(52)]
    assert not one.clock.getDelayedCalls()


def test_the_burst_comes_back_with_time() -> None:
    """After a pause of five seconds a whole burst passes again, and no more than that."""
    one = Stream(rate=10)
    for number in range(50):
        one.stream.send(draft(number))
    one.clock.advance(100)
    for number in range(50, 101):
        one.stream.send(draft(number))
    assert len(one.appended()) == 100


def test_no_rate_no_hold() -> None:
    """A rate of 0 means that there is no limit."""
    one = Stream(rate=0)
    for number in range(1000):
        one.stream.send(draft(number))
    assert len(one.appended()) == 1000


def test_too_many_outstanding_hold_the_connection() -> None:
    """Beyond 200 drafts under way the connection is not read until half of them are done."""
    one = Stream(rate=10)
    for number in range(50):
        one.stream.send(draft(number))
    one.clock.advance(0)
    for number in range(LIMITS.drafts):
        one.stream.send(draft(50 + number))
    assert one.link.holds == 0
    one.stream.send(draft(1000))
    assert one.link.holds == 1
    one.clock.pump([0.1] * 100)
    assert one.link.holds == 1
    one.clock.pump([0.1] * 2)
    assert one.link.holds == 0
    one.clock.pump([0.1] * 100)
    assert len(one.appended()) == 251


def test_too_much_held_for_a_user_holds_each_of_their_connections() -> None:
    """Several connections give a user no more room than one; each goes on when its own drafts are answered,
    and what a closed session held no longer counts."""
    one = Stream(rate=1)
    others = [Reading() for _ in range(3)]
    streams = [DraftStream(one.shared, ANYBODY, link, one.allowance, 0) for link in others]
    for number in range(LIMITS.drafts + BURST_SECONDS + 1):
        one.stream.send(draft(number))
    assert one.allowance.held == LIMITS.drafts + 1
    for place, stream in enumerate(streams):
        stream.send(draft(1_000 + place))
    assert [link.holds for link in others] == [1, 1, 1]
    one.stream.stop()
    assert one.allowance.held == 3
    for _ in range(6):
        one.clock.advance(1)
    one.clock.advance(0)
    assert [link.holds for link in others] == [0, 0, 0]
    assert one.allowance.held == 0


def test_a_log_with_too_much_waiting_holds_who_adds_to_it() -> None:
    """While the store is away, connections are not read, so memory stays bounded; later all go on."""
    one = Stream(rate=0)
    one.log.held = True
    one.stream.send(draft(1))
    one.clock.advance(0)
    assert one.link.holds == 0
    one.log.waiting_bytes = MOST_WAITING + 1
    one.stream.send(draft(2))
    one.clock.advance(0)
    assert one.link.holds == 1
    one.log.let_go()
    assert one.link.holds == 0
    assert one.appended() == ["1", "2"]


def test_a_draft_that_is_being_made_keeps_its_place() -> None:
    """Later drafts wait for it. When it is made, all go on in order; when it fails, they go on without it."""
    one = Stream(rate=0)
    making, failing = Deferred[Draft](), Deferred[Draft]()
    one.stream.send(draft(1))
    one.stream.send_when_made(making)
    one.stream.send(draft(3))
    failed = one.stream.send_when_made(failing)
    one.stream.send(draft(5))
    assert one.appended() == ["1"]
    making.callback(draft(2))
    assert one.appended() == ["1", "2", "3"]
    failing.errback(BadSecret("no"))
    assert failed.result.check(BadSecret)  # type: ignore[attr-defined]
    failed.addErrback(lambda _: None)
    assert one.appended() == ["1", "2", "3", "5"]


def test_what_is_held_goes_with_the_session() -> None:
    """A closed session appends nothing that it held, and leaves no timer: the client sends it again."""
    one = Stream(rate=1)
    making = Deferred[Draft]()
    for number in range(10):
        one.stream.send(draft(number))
    one.stream.send_when_made(making)
    one.stream.stop()
    making.callback(draft(11))
    assert len(one.appended()) == 5
    assert not one.clock.getDelayedCalls()


@given(st.lists(st.one_of(st.just("send"), st.just("make"), st.just("made"), st.floats(0, 3)), max_size=60))
def test_order_is_kept_whatever_happens(steps: list[Any]) -> None:
    """The log gets all drafts in the order in which they were sent, none twice, and in time."""
    one = Stream(rate=2)
    making: list[tuple[Deferred[Draft], Draft]] = []
    sent = 0
    for step in steps:
        if step == "send":
            one.stream.send(draft(sent))
            sent += 1
        elif step == "make":
            making.append((Deferred(), draft(sent)))
            one.stream.send_when_made(making[-1][0])
            sent += 1
        elif step == "made":
            for deferred, made in making[-1:]:
                making.pop()
                deferred.callback(made)
        else:
            one.clock.advance(step)
        assert len(one.appended()) <= 2 * BURST_SECONDS + 2 * one.clock.seconds() + 0.01
    for deferred, made in making:
        deferred.callback(made)
    for _ in range(sent + 1):
        one.clock.advance(0.5)
    assert one.appended() == [str(number) for number in range(sent)]
    assert not one.clock.getDelayedCalls()


def test_what_comes_in_one_turn_is_appended_together() -> None:
    """The drafts of all sessions in a turn become one commit, in order of arrival."""
    one = Stream(rate=0)
    other = DraftStream(one.shared, ANYBODY, one.link, Allowance(0, float), 0)
    batches: list[list[str]] = []
    append = one.log.append

    def noted(drafts: Sequence[Draft]) -> Deferred[list[Outcome]]:
        batches.append([each.text for each in drafts])
        return append(drafts)

    one.log.append = noted  # type: ignore[method-assign]
    answers: list[Any] = []
    for number in range(6):
        (one.stream if number % 2 else other).send(draft(number)).addCallback(answers.append)
    assert not answers
    one.clock.advance(0)
    assert batches == [["0", "1", "2", "3", "4", "5"]]
    assert answers == [2, 3, 4, 5, 6, 7]


def test_an_append_that_fails_fails_each_of_its_drafts() -> None:
    """Each draft is answered, and those of the next turn go on."""
    one = Stream(rate=0)
    append = one.log.append
    one.log.append = lambda drafts: fail(ZeroDivisionError())  # type: ignore[method-assign]
    failures: list[Any] = []
    for number in range(2):
        one.stream.send(draft(number)).addErrback(failures.append)
    one.clock.advance(0)
    assert [failure.type for failure in failures] == [ZeroDivisionError] * 2
    one.log.append = append  # type: ignore[method-assign]
    one.stream.send(draft(2))
    assert one.appended() == ["2"]
