"""A session reads one page at a time, in order, none while its client does not read, and never too many."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from chatnet.lanes import Lane
from chatnet.limits import LIMITS
from chatnet.worker.reads import ReadQueue, SharedReads


class Reading:
    """A link that can be full, and held."""

    def __init__(self) -> None:
        self.full = False
        self.holds = 0

    def hold(self) -> None:
        self.holds += 1

    def release(self) -> None:
        self.holds -= 1


class Reads:
    """Reads that end when the test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.link = Reading()
        self.turns = ReadQueue(cast(Any, self.link), SharedReads(self.clock, Lane(1, 1)), "alice")
        self.begun: list[int] = []
        self.under_way: list[Deferred[None]] = []

    def read(self, number: int) -> None:
        async def take_turn() -> None:
            async with self.turns:
                self.begun.append(number)
                self.under_way.append(Deferred())
                await self.under_way[-1]

        Deferred.fromCoroutine(take_turn()).addErrback(lambda why: why.trap(CancelledError))

    def finish(self) -> None:
        self.under_way.pop(0).callback(None)
        self.clock.advance(0)


def test_one_at_a_time_in_order() -> None:
    """A read begins in the reactor turn after the one in which the last read ended."""
    reads = Reads()
    for number in range(3):
        reads.read(number)
    assert reads.begun == [0]
    reads.under_way.pop(0).callback(None)
    assert reads.begun == [0]
    reads.clock.advance(0)
    assert reads.begun == [0, 1]
    reads.read(3)
    reads.finish()
    reads.finish()
    assert reads.begun == [0, 1, 2, 3]


def test_none_overtakes() -> None:
    """A read that comes just as the last one ended does not overtake those that wait."""
    reads = Reads()
    reads.read(0)
    reads.read(1)
    reads.under_way.pop(0).callback(None)
    reads.read(2)
    reads.clock.advance(0)
    assert reads.begun == [0, 1]


def test_none_begins_on_a_full_link() -> None:
    """A read begins only when the link has room again, not at once and not after another read."""
    reads = Reads()
    reads.link.full = True
    reads.read(0)
    assert reads.begun == []
    reads.link.full = False
    reads.turns.go_on()
    assert reads.begun == [0]
    reads.read(1)
    reads.link.full = True
    reads.finish()
    assert reads.begun == [0]
    reads.link.full = False
    reads.turns.go_on()
    reads.turns.go_on()
    assert reads.begun == [0, 1]


def test_too_many_hold_the_connection() -> None:
    """The connection is held until half of the reads have had their turn."""
    reads = Reads()
    for number in range(1 + LIMITS.reads):
        reads.read(number)
    assert reads.link.holds == 0
    reads.read(99)
    assert reads.link.holds == 1
    for _ in range(LIMITS.reads // 2):
        reads.finish()
    assert reads.link.holds == 1
    reads.finish()
    assert reads.link.holds == 0


def test_a_read_that_fails_ends_its_turn() -> None:
    """The reads after a failed one go on."""
    reads = Reads()
    reads.read(0)
    reads.read(1)
    reads.under_way.pop(0).cancel()
    reads.clock.advance(0)
    assert reads.begun == [0, 1]


def test_nobody_waits_any_more_when_the_session_is_gone() -> None:
    """Reads that waited never begin once the session has closed."""
    reads = Reads()
    reads.read(0)
    reads.read(1)
    reads.turns.stop()
    reads.finish()
    assert reads.begun == [0]
    assert not reads.clock.getDelayedCalls()
