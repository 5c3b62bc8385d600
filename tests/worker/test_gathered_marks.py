"""Marks until they are passed on: the greatest wins, none waits longer than ten seconds, users take turns."""

from __future__ import annotations

from chatnet.marks import UserMark
from chatnet.worker.gathered_marks import GATHER_SECONDS, MOST_IN_ALL, MOST_OF_ONE, GatheredMarks


def taken(gathered: GatheredMarks, now: float, most: int = 200) -> list[tuple[str, str, int]]:
    """Return what is due."""
    return [(mark.user, mark.room, mark.seq) for mark, _ in gathered.take(now, most)]


def test_the_greatest_of_a_room_is_due_ten_seconds_after_the_first() -> None:
    """It comes once, with the session that set it."""
    gathered = GatheredMarks()
    for seq, by, at in ((5, "one", 0.0), (9, "two", 4.0), (7, "three", 8.0)):
        assert gathered.put(UserMark("alice", "#x", seq), by, at)
    assert gathered.take(GATHER_SECONDS - 0.1, 200) == []
    assert gathered.take(GATHER_SECONDS, 200) == [(UserMark("alice", "#x", 9), "two")]
    assert not gathered.has("alice")
    assert gathered.take(100, 200) == []


def test_a_session_that_ends_hastens_its_user() -> None:
    """Marks of others wait on; what that user marks until they are taken goes with them."""
    gathered = GatheredMarks()
    gathered.put(UserMark("alice", "#x", 1), None, 0)
    gathered.put(UserMark("bob", "#x", 1), None, 0)
    gathered.hasten("alice")
    gathered.hasten("zoe")
    gathered.put(UserMark("alice", "#y", 2), None, 1)
    assert taken(gathered, 1) == [("alice", "#x", 1), ("alice", "#y", 2)]
    gathered.hasten_all()
    assert taken(gathered, 1) == [("bob", "#x", 1)]
    assert len(gathered) == 0


def test_users_take_turns() -> None:
    """Who marks many rooms delays nobody else by more than a turn."""
    gathered = GatheredMarks()
    for number in range(100):
        gathered.put(UserMark("greedy", f"#{number}", 1), None, 0)
    gathered.put(UserMark("alice", "#x", 1), None, 0)
    first = taken(gathered, 10, 30)
    assert len(first) == 30
    assert ("alice", "#x", 1) in first
    rest = [mark for _ in range(3) for mark in taken(gathered, 10, 30)]
    assert sorted({*first, *rest}) == sorted([*first, *rest])
    assert len(first + rest) == 101


def test_what_waits_is_limited() -> None:
    """Neither one user nor all together fill the memory; a room that has a mark still gets a greater one."""
    gathered = GatheredMarks()
    for number in range(MOST_OF_ONE):
        assert gathered.put(UserMark("alice", f"#{number}", 1), None, 0)
    assert not gathered.put(UserMark("alice", "#more", 1), None, 0)
    assert gathered.put(UserMark("alice", "#7", 5), None, 0)
    for number in range(MOST_IN_ALL - MOST_OF_ONE):
        assert gathered.put(UserMark(f"u{number}", "#x", 1), None, 0)
    assert not gathered.put(UserMark("bob", "#x", 1), None, 0)
    assert len(gathered) == MOST_IN_ALL
    gathered.take(10, 20)
    assert gathered.put(UserMark("bob", "#x", 1), None, 0)


def test_marks_of_what_is_gone_are_cut() -> None:
    """The log was put back: nobody has read what will be said there, whether their marks are due or not."""
    gathered = GatheredMarks()
    for user in ("alice", "bob"):
        for room, seq in (("#x", 5), ("#y", 6)):
            gathered.put(UserMark(user, room, seq), None, 0)
    gathered.put(UserMark("carol", "#x", 9), None, 0)
    gathered.hasten("alice")
    gathered.cut(5)
    assert len(gathered) == 2
    assert not gathered.has("carol")
    assert taken(gathered, 100) == [("alice", "#x", 5), ("bob", "#x", 5)]
    assert len(gathered) == 0
