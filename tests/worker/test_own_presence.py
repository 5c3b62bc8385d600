"""A process tells the primary who is on it, and knows from it who is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from worker.conftest import Worker

from chatnet.presence import GATHER_SECONDS, GRACE_SECONDS, MOST_PIECES, MOST_TOLD, Present
from chatnet.worker.handoff import TICK, Handoff
from chatnet.worker.presence import Presence
from chatnet.worker.present_elsewhere import PresentElsewhere


class Link:
    """A link to the primary; what it is told."""

    def __init__(self) -> None:
        self.full = False
        self.boxes: list[Any] = []

    def callRemote(self, command: Any, **arguments: Any) -> None:
        command.makeArguments(arguments, None)
        self.boxes.append(arguments)

    def take(self) -> dict[str, int]:
        """Return on how many connections each user is, of whom it was told."""
        found = {one.user: one.sessions for box in self.boxes for one in box["people"]}
        self.boxes.clear()
        return found


class Here:
    """The presence of a process."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.presence = Presence(self.clock, self.clock.seconds)
        self.link: Any = Link()

    def pass_time(self, seconds: float = GATHER_SECONDS) -> dict[str, int]:
        self.clock.pump([GATHER_SECONDS] * round(seconds / GATHER_SECONDS))
        return self.link.take()


@pytest.fixture
def here() -> Iterator[Here]:
    here = Here()
    yield here
    here.presence.stop()
    assert not here.clock.getDelayedCalls()


def test_the_whole_state_then_what_changes(here: Here) -> None:
    """Each user who has changed once in a while, as they are by then; nothing if nothing has changed."""
    here.presence.came("alice")
    assert here.pass_time() == {}
    here.presence.attached(here.link)
    here.clock.advance(GATHER_SECONDS)
    [box] = here.link.boxes
    assert (box["begins"], box["goes_on"], box["watches"]) == (True, False, False)
    assert here.link.take() == {"alice": 1}
    for _ in range(3):
        here.presence.came("bob")
    here.presence.came("eve")
    here.presence.gone("eve")
    here.presence.gone("alice")
    here.presence.came("alice")
    assert here.pass_time() == {"bob": 3, "alice": 1}
    here.presence.came("bob")
    here.presence.gone("bob")
    assert here.pass_time() == {}
    here.presence.gone("bob")
    here.presence.gone("alice")
    assert here.pass_time() == {"bob": 2, "alice": 0}
    assert here.pass_time(5) == {}
    assert not here.clock.getDelayedCalls()


def test_an_empty_state_is_said_too(here: Here) -> None:
    """Or the primary could not know that somebody is gone."""
    here.presence.attached(here.link)
    here.clock.advance(GATHER_SECONDS)
    assert [(box["begins"], box["people"]) for box in here.link.boxes] == [(True, [])]


def test_many_are_told_in_pieces(here: Here) -> None:
    count = 2 * MOST_PIECES * MOST_TOLD
    for number in range(count):
        here.presence.came(f"user{number}")
    here.presence.attached(here.link)
    here.clock.advance(GATHER_SECONDS)
    assert [len(box["people"]) for box in here.link.boxes] == [MOST_TOLD] * MOST_PIECES
    here.clock.advance(GATHER_SECONDS)
    assert [box["goes_on"] for box in here.link.boxes] == [True] * (2 * MOST_PIECES - 1) + [False]
    assert len(here.link.take()) == count


def test_nothing_piles_up_for_a_primary_that_does_not_read(here: Here) -> None:
    here.presence.attached(here.link)
    here.pass_time()
    here.link.full = True
    for number in range(1_000):
        here.presence.came("bob")
        here.presence.gone("bob")
        here.presence.came(f"x{number % 3}")
    assert here.pass_time(5) == {}
    here.link.full = False
    assert here.pass_time() == {"x0": 334, "x1": 333, "x2": 333}


def test_a_primary_that_is_lost_is_told_nothing_and_the_next_all(here: Here) -> None:
    here.presence.attached(here.link)
    here.presence.came("alice")
    here.pass_time()
    here.presence.detached()
    here.presence.came("bob")
    assert here.pass_time(5) == {}
    here.link = Link()
    here.presence.attached(here.link)
    assert here.pass_time() == {"alice": 1, "bob": 1}


def test_who_was_told_to_move_is_shown_for_ten_seconds_more(here: Here) -> None:
    """So that they are never gone; who comes back meanwhile was never away."""
    here.presence.attached(here.link)
    for user in ("alice", "bob"):
        here.presence.came(user)
    here.pass_time()
    for user in ("alice", "bob"):
        here.presence.gone(user, GRACE_SECONDS)
    here.presence.came("bob")
    assert here.pass_time(GRACE_SECONDS - 1) == {}
    assert here.pass_time(2) == {"alice": 0}
    here.presence.gone("bob")
    assert here.pass_time() == {"bob": 0}


def test_a_process_that_stops_says_nothing(here: Here) -> None:
    """Its users come back elsewhere."""
    here.presence.attached(here.link)
    here.presence.came("alice")
    here.presence.came("bob")
    here.pass_time()
    here.presence.stop()
    here.presence.gone("alice")
    here.presence.gone("bob", GRACE_SECONDS)
    assert not here.clock.getDelayedCalls()
    assert here.pass_time(2 * GRACE_SECONDS) == {}


def test_who_watches_says_so_and_says_all_again(here: Here) -> None:
    here.presence.came("alice")
    here.presence.attached(here.link)
    here.pass_time()
    told: list[Any] = []
    watcher: Any = type("Watcher", (), {"told": lambda _, *what: told.append(what)})()
    here.presence.watch(watcher)
    here.clock.advance(GATHER_SECONDS)
    assert [(box["begins"], box["watches"]) for box in here.link.boxes] == [(True, True)]
    here.presence.told([Present("bob", 1)], True, False)
    assert told == [([Present("bob", 1)], True, False)]
    here.link.take()


# ---- the sessions of a worker ----


def test_sessions_show_that_their_users_are_here(worker: Worker) -> None:
    """By their ends at once; but those that were told to move are shown a little longer."""
    presence = worker.sessions.presence
    one, other, moves = worker.client("alice"), worker.client("alice"), worker.client("bob")
    assert [presence.of(user).sessions for user in ("alice", "bob")] == [2, 1]  # type: ignore[union-attr]
    one.cut()
    assert presence.of("alice") == Present("alice", 1, 0)
    other.cut()
    assert presence.of("alice") is None
    handoff = Handoff(worker.sessions, worker.clock)
    handoff.shed(1)
    worker.pass_time(TICK)
    moves.cut()
    assert presence.of("bob") is not None
    worker.pass_time(GRACE_SECONDS + 0.5)
    assert presence.of("bob") is None
    handoff.stop()


# ---- who is elsewhere ----


class Elsewhere:
    def __init__(self) -> None:
        self.clock = Clock()
        self.changes: list[tuple[str, bool, bool]] = []
        self.elsewhere = PresentElsewhere(self.clock, self.changed)

    def changed(self, user: str, before: Present | None, now: Present | None) -> None:
        self.changes.append((user, before is not None, now is not None))

    def take(self) -> list[tuple[str, bool, bool]]:
        changes, self.changes = self.changes, []
        return changes


def test_each_change_is_told_once() -> None:
    at = Elsewhere()
    bob = Present("bob", 1, 5)
    at.elsewhere.told([bob, Present("eve")], True, False)
    at.elsewhere.told([bob], False, False)
    assert at.take() == [("bob", False, True)]
    at.elsewhere.told([Present("bob", 1, 5, "out", 7)], False, False)
    at.elsewhere.told([Present("bob")], False, False)
    assert at.take() == [("bob", True, True), ("bob", True, False)]
    assert at.elsewhere.known == {}


def test_a_new_primary_has_ten_seconds_to_name_those_who_were_known() -> None:
    """From the end of its whole state on. Meanwhile, and without a primary, nobody is gone."""
    at = Elsewhere()
    bob, carol = Present("bob", 1, 5), Present("carol", 1, 5)
    at.elsewhere.told([bob, carol], True, False)
    at.take()
    at.clock.advance(1_000)
    at.elsewhere.told([], True, True)
    at.clock.advance(1_000)
    assert at.take() == []
    at.elsewhere.told([], False, False)
    at.clock.advance(GRACE_SECONDS - 1)
    at.elsewhere.told([bob], False, False)
    at.clock.advance(2)
    assert at.take() == [("carol", True, False)]
    at.elsewhere.told([], True, False)
    at.clock.advance(GRACE_SECONDS - 1)
    at.elsewhere.told([], True, False)  # and another
    at.clock.advance(GRACE_SECONDS - 1)
    assert at.take() == []
    at.clock.advance(1)
    assert at.take() == [("bob", True, False)]
