"""Strangers and users of a port: how many there may be, and what is done for them in a turn."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from chatnet.net.visitors import (
    A_TURN,
    A_VISIT,
    MOST_STRANGERS,
    RESERVE,
    Room,
    Visitors,
    find_room,
)


class Someone:
    """A connection with work to do; ``is_idle`` unless it is just logging in."""

    def __init__(self, visitors: Visitors, wants: int = 0) -> None:
        self.visitors = visitors
        self.wants = wants
        self.done = 0
        self.aborted = False
        self.is_idle = True

    def abort(self) -> None:
        self.aborted = True

    def go_on(self, share: int) -> None:
        """Do work, as a link does."""
        done = min(share, self.wants - self.done, self.visitors.left)
        self.done += done
        self.visitors.spend(done)
        if self.done < self.wants:
            self.visitors.wait(self)


class Turns(Clock):
    """A reactor whose turn is one call."""

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call.func(*call.args)


def came(visitors: Visitors, *hosts: str) -> list[Any]:
    found: list[Any] = [Someone(visitors) for _ in hosts]
    for link, host in zip(found, hosts, strict=True):
        visitors.came(link, host)
    return found


def test_the_oldest_idle_stranger_gives_way() -> None:
    """Whoever needs only milliseconds gets in, however many are idle; a login is not interrupted."""
    visitors = Visitors(Clock(), Room(strangers=3, one_address=3, users=9))
    first, second, third = came(visitors, "a", "b", "c")
    first.is_idle = False
    came(visitors, "d", "e")
    assert (first.aborted, second.aborted, third.aborted) == (False, True, True)
    assert visitors.strangers == 3


def test_if_all_are_at_something_the_oldest_gives_way() -> None:
    """It has had the most time; else a busy attacker would keep everybody out."""
    visitors = Visitors(Clock(), Room(strangers=2, one_address=2, users=9))
    links = came(visitors, "a", "b")
    for link in links:
        link.is_idle = False
    came(visitors, "c")
    assert [link.aborted for link in links] == [True, False]
    assert visitors.strangers == 2


def test_one_address_has_a_part_of_the_room() -> None:
    """Its own oldest gives way to its newest, and nobody else's does."""
    visitors = Visitors(Clock(), Room(strangers=9, one_address=2, users=9))
    other, first, second, third = came(visitors, "b", "a", "a", "a")
    assert [link.aborted for link in (other, first, second, third)] == [False, True, False, False]


def test_who_is_known_is_no_stranger() -> None:
    """Known and closed connections make room, and their addresses are forgotten."""
    visitors = Visitors(Clock(), Room(strangers=2, one_address=1, users=9))
    for _ in range(10):
        [link] = came(visitors, "a")
        visitors.known(link)
        visitors.known(link)
        assert not link.aborted
    assert visitors.strangers == 0
    assert not visitors._addresses


@pytest.mark.parametrize("files", [16, 64, 256, 1024, 65_536, 1 << 62])
def test_the_room_leaves_a_reserve(files: int) -> None:
    """Whatever the limit of open files, some are left for the cluster itself, and for users."""
    room = find_room(files)
    assert 1 <= room.one_address <= room.strangers <= MOST_STRANGERS
    assert room.users >= room.strangers
    assert files - room.users - room.strangers >= min(RESERVE, files // 2)


def test_what_was_done_in_earlier_turns_takes_nothing_of_this_one() -> None:
    """Else boxes that came together would now and then be split, though nobody is busy."""
    clock = Turns()
    visitors = Visitors(clock)
    for _ in range(3 * A_TURN):
        someone: Any = Someone(visitors, 5)
        someone.go_on(A_VISIT)
        assert someone.done == 5
        clock.turn()
    assert not clock.calls


def test_one_turn_has_a_bound_for_all_together() -> None:
    """Whoever wants how much, in the long run each has its share. Newcomers go first."""
    clock = Turns()
    visitors = Visitors(clock)
    many: list[Any] = [Someone(visitors, 1000) for _ in range(200)]
    for one in many:
        visitors.wait(one)
    newcomer: Any = Someone(visitors, 1)
    before = 0
    for turn in range(50):
        if turn == 20:
            visitors.wait(newcomer)
        clock.turn()
        assert newcomer.done == (turn >= 20)
        done = sum(one.done for one in [*many, newcomer])
        assert done - before == A_TURN
        before = done
    assert max(one.done for one in many) - min(one.done for one in many) <= 4 * A_VISIT


def test_who_always_has_more_is_not_starved_by_newcomers() -> None:
    """A part of each turn is for connections that go on."""
    clock = Turns()
    visitors = Visitors(clock)
    poster: Any = Someone(visitors, 1000)
    visitors.wait(poster)
    clock.turn()
    done = poster.done
    for _ in range(10):
        for _ in range(A_TURN):
            visitors.wait(Someone(visitors, 2))
        clock.turn()
    assert poster.done >= done + 10 * A_VISIT


def test_who_waits_alone_has_the_whole_turn() -> None:
    """Only the bound of one connection applies, which the link keeps."""
    clock = Turns()
    visitors = Visitors(clock)
    one: Any = Someone(visitors, 2 * A_TURN)
    visitors.wait(one)
    clock.turn()
    assert one.done == A_TURN
    clock.turn()
    assert one.done == 2 * A_TURN
    clock.turn()
    assert not clock.calls
