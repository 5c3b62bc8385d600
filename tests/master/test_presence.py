"""The primary merges who is connected to which process, and tells those that watch."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from master.in_memory import HOST, Master, Peer
from twisted.internet.task import Clock

from chatnet.master.presence import MOST_GONE, Presence
from chatnet.master.registry import Registration
from chatnet.presence import (
    GATHER_SECONDS,
    GRACE_SECONDS,
    MOST_AWAY,
    MOST_PIECES,
    MOST_TOLD,
    PIECE_BYTES,
    Present,
    merged,
)
from chatnet.wire.arguments import packed_bytes
from chatnet.wire.cluster import WorkerIdentity


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    """Yield a primary that wants no workers."""
    master = Master(tmp_path, 0)
    yield master
    master.close()


def by_hand(master: Master, id: str, **more: Any) -> Peer:
    return master.worker(id, spawned=False, **more)


def watching(master: Master, id: str) -> Peer:
    """Return a front that watches."""
    front = master.front(id, spawned=False)
    front.tell_presence(begins=True, watches=True)
    master.pass_time(GATHER_SECONDS)
    front.hears.presence.clear()
    return front


def told(master: Master, peer: Peer, seconds: float = GATHER_SECONDS) -> dict[str, int]:
    """Let time pass; return on how many connections each user is, of whom a watcher is told."""
    master.pass_time(seconds)
    found = {one.user: one.sessions for _, _, people in peer.hears.presence for one in people}
    peer.hears.presence.clear()
    return found


def test_what_processes_say_is_merged() -> None:
    """All connections count; the earliest; what was said last of being away; all modes."""
    said = [Present("bob", 2, 50, "lunch", 7, "B"), Present("bob", 1, 40, "", 9, "i"), Present("bob", 1, 60)]
    assert merged("bob", said) == Present("bob", 4, 40, "", 9, "Bi")
    assert merged("bob", []) == Present("bob")


def test_a_watcher_is_told_of_others_alone(master: Master) -> None:
    """Of all that others have said, and of what changes; never of what it has said itself; a process that
    does not watch is told nothing."""
    worker, deaf = by_hand(master, "w1"), by_hand(master, "w2")
    worker.tell_presence(Present("bob", 1, 5), begins=True)
    deaf.tell_presence(Present("eve", 1, 5), begins=True)
    front = master.front("front", spawned=False)
    front.tell_presence(Present("alice", 1, 6), Present("bob", 3, 6), begins=True, watches=True)
    master.pass_time(GATHER_SECONDS)
    [(begins, goes_on, people)] = front.hears.presence
    assert (begins, goes_on) == (True, False)
    assert [one for one in people if one.sessions] == [Present("bob", 1, 5), Present("eve", 1, 5)]
    front.hears.presence.clear()
    worker.tell_presence(Present("bob", 0), Present("carol", 1, 9, "out", 8, "B"))
    master.pass_time(GATHER_SECONDS)
    [(begins, goes_on, people)] = front.hears.presence
    assert (begins, goes_on, people) == (
        False,
        False,
        [Present("bob"), Present("carol", 1, 9, "out", 8, "B")],
    )
    assert worker.hears.presence == deaf.hears.presence == []


def test_who_leaves_one_process_is_still_at_another(master: Master) -> None:
    one, other, front = by_hand(master, "w1"), by_hand(master, "w2"), watching(master, "front")
    one.tell_presence(Present("bob", 2, 5), begins=True)
    other.tell_presence(Present("bob", 1, 6), begins=True)
    assert told(master, front) == {"bob": 3}
    one.tell_presence(Present("bob"))
    assert told(master, front) == {"bob": 1}
    assert master.cluster.presence.is_reported("bob")
    other.tell_presence(Present("bob"))
    assert told(master, front) == {"bob": 0}
    assert not master.cluster.presence.is_reported("bob")


def test_who_was_on_a_process_that_is_lost_is_gone_after_ten_seconds(master: Master) -> None:
    """Who comes back elsewhere meanwhile was never gone."""
    worker, other, front = by_hand(master, "w1"), by_hand(master, "w2"), watching(master, "front")
    worker.tell_presence(Present("bob", 1, 5), Present("carol", 1, 5), begins=True)
    other.tell_presence(begins=True)
    assert told(master, front) == {"bob": 1, "carol": 1}
    worker.cut()
    assert told(master, front, GRACE_SECONDS - 1) == {}
    other.tell_presence(Present("carol", 1, 7))
    assert told(master, front, 0.5) == {"carol": 2}
    assert told(master, front, 1) == {"bob": 0, "carol": 1}
    assert len(master.cluster.presence) == 1


def test_a_process_that_returns_says_all_again(master: Master) -> None:
    """Who is in it was never gone; who is not, is gone ten seconds after the last piece of it."""
    worker, front = by_hand(master, "w1"), watching(master, "front")
    worker.tell_presence(Present("bob", 1, 5), Present("carol", 1, 5), begins=True)
    told(master, front)
    worker.cut()
    master.pass_time(GRACE_SECONDS - 1)
    worker = by_hand(master, "w1")
    worker.tell_presence(begins=True, goes_on=True)
    assert told(master, front, 2 * GRACE_SECONDS) == {}
    worker.tell_presence(Present("bob", 1, 5))
    assert told(master, front, GRACE_SECONDS - 1) == {}
    assert told(master, front, 2) == {"carol": 0}


def test_a_large_state_is_told_in_pieces(master: Master) -> None:
    """Some at a time; it goes on until the last. Each fits in one box, at its longest."""
    worker = by_hand(master, "w1")
    count = 2 * MOST_PIECES * MOST_TOLD - 10
    people = [Present(f"user{number}", 1, 5) for number in range(count)]
    for first in range(0, count, MOST_TOLD):
        worker.tell_presence(*people[first : first + MOST_TOLD], begins=not first)
    front = master.front("front", spawned=False)
    front.tell_presence(begins=True, watches=True)
    master.pass_time(GATHER_SECONDS)
    assert len(front.hears.presence) == MOST_PIECES
    master.pass_time(GATHER_SECONDS)
    assert [goes_on for _, goes_on, _ in front.hears.presence] == [True] * (2 * MOST_PIECES - 1) + [False]
    assert [begins for begins, _, _ in front.hears.presence] == [True] + [False] * (2 * MOST_PIECES - 1)
    assert [one for _, _, some in front.hears.presence for one in some] == people
    front.hears.presence.clear()
    words = "\N{GRINNING FACE}" * MOST_AWAY
    worker.tell_presence(*(Present(f"away{number}", 1, 5, words, 6, "Bi") for number in range(75)))
    master.pass_time(GATHER_SECONDS)
    assert len(front.hears.presence) == 2
    assert max(packed_bytes(some) for _, _, some in front.hears.presence) <= PIECE_BYTES + 5


def test_who_does_not_read_is_told_the_newest_later(master: Master) -> None:
    """And nothing in between: of a user who came and went and came it is told once."""
    worker, front = by_hand(master, "w1"), watching(master, "front")
    worker.tell_presence(begins=True)
    front.server.full = True
    for sessions in (1, 0, 1, 2):
        worker.tell_presence(Present("bob", sessions, 5), Present(f"x{sessions}", 1, 5))
        assert told(master, front) == {}
    front.server.full = False
    master.pass_time(GATHER_SECONDS)
    [(_, _, people)] = front.hears.presence
    assert [(one.user, one.sessions) for one in people] == [("x1", 1), ("x0", 1), ("bob", 2), ("x2", 1)]


class Told:
    """A process that is told, or does not read."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.known: dict[str, Present] = {}
        self.begun = 0
        self.presence = Presence(self.clock, self.tell)
        self.reader, self.worker = self.process("front"), self.process("w1")
        self.presence.told(self.reader, True, False, True, [])
        self.presence.told(self.worker, True, False, False, [])

    def process(self, id: str) -> Registration[Any]:
        link = type("Link", (), {"full": False})()
        return Registration(WorkerIdentity(id, HOST, 1, "0.0.0.0:5", False, 0), link)

    def tell(self, to: Registration[Any], begins: bool, goes_on: bool, people: Any) -> None:
        if begins:
            self.known = {}
            self.begun += 1
        for one in people:
            self.known.pop(one.user, None)
            if one.sessions:
                self.known[one.user] = one

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([GATHER_SECONDS] * round(seconds / GATHER_SECONDS))


@pytest.mark.parametrize("reads", [True, False])
def test_what_is_remembered_of_who_is_gone_has_an_end(reads: bool) -> None:
    """However many come and go, and however long a watcher does not read; that gets the whole state then."""
    told = Told()
    stays = [Present(f"stays{number}", 1, 5) for number in range(100)]
    told.presence.told(told.worker, False, False, False, stays)
    told.pass_time(1)
    assert len(told.known) == 100
    told.reader.link.full = not reads
    for number in range(3 * MOST_GONE):
        comes = Present(f"guest{number}", 1, 5)
        told.presence.told(told.worker, False, False, False, [comes])
        told.presence.told(told.worker, False, False, False, [Present(comes.user)])
        if number % 100 == 0:
            told.pass_time(GATHER_SECONDS)
        assert told.presence.remembered <= 2 * (MOST_GONE + 102)
    told.reader.link.full = False
    told.pass_time(2)
    assert set(told.known) == {one.user for one in stays}
    assert told.begun == (1 if reads else 2)
    told.presence.stop()
    assert not told.clock.getDelayedCalls()


def test_what_a_user_costs_the_primary() -> None:
    """The number that docs/operations.md has."""
    told = Told()
    gc.collect()
    tracemalloc.start()
    for first in range(0, 20_000, 500):
        people = [Present(f"user_number_{first + at}", 1, 1_790_000_000_000) for at in range(500)]
        told.presence.told(told.worker, False, False, False, people)
        del people
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / 20_000 < 400
