"""The primary ends guests whose connection nobody has any more, and no others."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.task import Clock

from chatnet.entries import Draft, More
from chatnet.master.lost_guests import LOST_SECONDS, LostGuests
from chatnet.testing.memory_log import MemoryLog


class Land:
    """A log with guests, and which of them processes report."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog(clock=self.clock.seconds)
        self.reported: set[str] = set()
        self._keys = 0
        self.begin()

    def begin(self) -> None:
        """Have another primary."""
        self.lost = LostGuests(cast(Any, self.log), self.reported.__contains__, self.clock)
        self.lost.start()

    def come(self, *guests: str) -> None:
        for user in guests:
            self._keys += 1
            text = f"{user[1:]} id Name"
            self.log.append([Draft("guest", user, user, text, b"%016d" % self._keys)])

    def gone(self) -> list[str]:
        return [entry.to for entry in self.log.entries if entry.kind == "gone"]

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([1.0] * int(seconds))


@pytest.fixture
def land() -> Any:
    land = Land()
    yield land
    land.lost.stop()


def test_whom_nobody_reports_is_gone(land: Land) -> None:
    """Thirty seconds later, and once; whom some process reports stays."""
    land.come("~bob", "~rob")
    land.reported.add("~rob")
    land.pass_time(LOST_SECONDS)
    assert land.gone() == []
    land.pass_time(10)
    assert land.gone() == ["~bob"]
    land.pass_time(100)
    assert land.gone() == ["~bob"]
    assert land.log.entries[-1].text == "connection lost"


def test_it_is_counted_from_when_they_were_last_reported(land: Land) -> None:
    land.come("~bob")
    land.reported.add("~bob")
    land.pass_time(100)
    land.reported.discard("~bob")
    land.pass_time(LOST_SECONDS - 5)
    assert land.gone() == []
    land.pass_time(15)
    assert land.gone() == ["~bob"]


def test_a_new_primary_begins_to_count_anew(land: Land) -> None:
    """It knows nobody at first: the processes have to come to it."""
    land.come("~bob")
    land.pass_time(LOST_SECONDS - 5)
    land.lost.stop()
    land.begin()
    land.pass_time(LOST_SECONDS - 5)
    assert land.gone() == []
    land.pass_time(15)
    assert land.gone() == ["~bob"]


def test_a_primary_that_was_stopped_counts_anew(land: Land) -> None:
    """What was reported meanwhile is unread."""
    land.come("~bob")
    land.pass_time(10)
    land.clock.advance(100)
    assert land.gone() == []


def test_another_one_with_the_name_stays(land: Land) -> None:
    """It came after the one that was lost: its time is its own. There may be many."""
    land.come(*(f"~x{number:03}x" for number in range(170)))
    land.pass_time(LOST_SECONDS + 10)
    assert len(land.gone()) == 170
    land.come("~x000x")
    land.pass_time(LOST_SECONDS - 5)
    assert len(land.gone()) == 170


@pytest.mark.parametrize("seconds", [LOST_SECONDS - 4, LOST_SECONDS - 1])
def test_the_time_of_one_is_not_that_of_the_next_with_the_name(land: Land, seconds: float) -> None:
    """Who has just come is not reported yet, also if the one of before was lost for long, and then ended."""
    land.come("~bob")
    land.pass_time(seconds)
    land.log.append([Draft("gone", "~bob", "~bob", "", b"g" * 16, 1, More(to="~bob"))])
    land.come("~bob")
    assert len(land.gone()) == 1
    land.pass_time(LOST_SECONDS - 5)
    assert len(land.gone()) == 1
    land.pass_time(15)
    assert len(land.gone()) == 2
