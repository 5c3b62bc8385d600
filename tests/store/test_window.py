from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.cursor import Cursor
from chatnet.entries import Entry, More, Ref, heard_at
from chatnet.errors import Hole
from chatnet.limits import Limits
from chatnet.store.window import Window


def entry(seq: int, size: int = 1) -> Entry:
    return Entry(seq, 1000 + seq, "post", "alice", "alice", "x" * size, b"k" * 16)


def entries(first: int, last: int) -> list[Entry]:
    return [entry(seq) for seq in range(first, last + 1)]


def at(seq: int) -> Cursor:
    return Cursor.at("log", entry(seq)) if seq else Cursor.beginning("log")


def test_an_empty_window_begins_behind_its_head() -> None:
    """An empty window holds the cursor at its head, and no other."""
    window = Window("log", at(7))
    assert (window.start, window.head) == (8, 7)
    assert [window.holds(cursor) for cursor in (6, 7, 8)] == [False, True, False]
    assert window.after(7) == []


def test_known_entries_are_dropped() -> None:
    """Entries given again are dropped; only new ones are returned and told."""
    window = Window()
    told: list[Any] = []
    window.watch(told.append)
    window.extend(entries(1, 3))
    assert window.extend(entries(2, 5)) == entries(4, 5)
    assert window.extend(entries(1, 5)) == []
    assert told == [entries(1, 3), entries(4, 5)]
    assert window.after(0) == entries(1, 5)


@pytest.mark.parametrize(
    "given_seqs", [[5], [5, 6], [4, 6], [4, 4], [5, 4]], ids=["behind", "behind2", "within", "twice", "order"]
)
def test_a_hole_is_loud(given_seqs: list[int]) -> None:
    """Entries that do not continue the log raise, and none of them is taken or told."""
    window = Window()
    told: list[Any] = []
    window.extend(entries(1, 3))
    window.watch(told.append)
    with pytest.raises(Hole):
        window.extend([entry(seq) for seq in given_seqs])
    assert (window.head, told, window.after(0)) == (3, [], entries(1, 3))


def test_watchers_are_told_in_the_order_of_their_coming() -> None:
    """Watchers see the window already extended, in the order in which they were added."""
    window, calls = Window(), []

    def first(new: list[Entry]) -> None:
        calls.append(("first", window.head))

    def second(new: list[Entry]) -> None:
        calls.append(("second", window.head))
        window.unwatch(second)

    window.watch(first)
    window.watch(second)
    window.extend(entries(1, 2))
    window.extend(entries(3, 3))
    assert calls == [("first", 2), ("second", 2), ("first", 3)]


def test_a_restart_forgets() -> None:
    """After a restart only what follows the new head is there; watchers stay."""
    window = Window()
    told: list[Any] = []
    window.watch(told.append)
    window.extend(entries(1, 3))
    window.restart("log", at(40))
    assert window.after(40) == []
    assert not window.holds(2)
    window.extend(entries(41, 41))
    assert (window.start, window.head, told[-1]) == (41, 41, entries(41, 41))


def test_asking_for_what_is_gone_is_loud() -> None:
    """A cursor that the window does not hold is never answered with a part."""
    window = Window("log", at(5))
    for cursor in (4, 6):
        with pytest.raises(ValueError, match="does not hold"):
            window.after(cursor)


def test_memory_is_bounded() -> None:
    """However much comes, the held size stays under the limit, and most of the limit is used."""
    window = Window(limits=Limits(window_bytes=100_000))
    for seq in range(1, 2_000):
        window.extend([entry(seq, 100)])
        held = window.after(window.start - 1)
        assert held == [entry(known, 100) for known in range(window.start, seq + 1)]
        assert len(held) * 420 < 100_000
    assert len(held) * 480 > 90_000


def test_an_entry_larger_than_the_limit_is_told_and_not_held() -> None:
    """Watchers get every entry, also one that does not fit."""
    window = Window(limits=Limits(window_bytes=1_000))
    told: list[Any] = []
    window.watch(told.append)
    window.extend([entry(1, 5_000)])
    assert (window.start, window.head, told) == (2, 1, [[entry(1, 5_000)]])


@given(
    head=st.integers(0, 5),
    batches=st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 5)), max_size=30),
    limit=st.sampled_from([0, 2_000, 10**9]),
)
def test_a_window_is_the_end_of_the_log(head: int, batches: list[tuple[int, int]], limit: int) -> None:
    """For every cursor that it holds, a window answers as a list of all accepted entries would.

    It knows the check at each cursor, also at its edge, whose entry it no longer holds or never did.
    """
    window, log = (
        Window("log", at(head), Limits(window_bytes=limit)),
        [entry(seq) for seq in range(1, head + 1)],
    )
    for shift, length in batches:
        batch = entries(max(1, len(log) + 1 + shift), max(0, len(log) + shift + length))
        fresh = [new for new in batch if new.seq > len(log)]
        if fresh and fresh[0].seq != len(log) + 1:
            with pytest.raises(Hole):
                window.extend(batch)
            continue
        assert window.extend(batch) == fresh
        log += fresh
        assert window.head == len(log)
        assert window.cursor == at(window.head)
        for cursor in range(len(log) + 2):
            assert window.at(cursor) == (at(cursor) if window.holds(cursor) else None)
            assert window.holds(cursor) == (window.start - 1 <= cursor <= len(log))
            if window.holds(cursor):
                assert window.after(cursor) == log[cursor:]
                assert window.after(cursor, 2) == log[cursor : cursor + 2]


def redaction(seq: int, of: int) -> Entry:
    more = More(ref=Ref(of, at(of).check))
    return Entry(seq, 1000 + seq, "redact", "alice", "alice", "", b"r" * 16, more, ("alice", "!alice"))


def test_a_post_that_is_taken_back_loses_its_text() -> None:
    """A redaction takes the text of the post from the window, whatever follows it; its places stay."""
    window = Window("log", at(0))
    said = Entry(3, 1003, "post", "alice", "alice", "see #tea @bob", b"k" * 16)
    window.extend([*entries(1, 2), said])
    window.extend([redaction(4, of=3)])
    held = window.after(2, 1)[0]
    assert held.text == ""
    assert heard_at(held) == heard_at(said) == ("alice", "#tea", "@bob")
    assert window.at(3) == Cursor.at("log", said)
    assert window.after(0, 2) == entries(1, 2)


def test_watchers_are_never_told_what_is_taken_back() -> None:
    """A post that comes together with its redaction is told without its text."""
    window = Window("log", at(0))
    told: list[Any] = []
    window.watch(told.append)
    assert [e.text for e in window.extend([*entries(1, 3), redaction(4, of=2)])] == ["x", "", "x", ""]
    assert [[e.text for e in batch] for batch in told] == [["x", "", "x", ""]]


def test_a_redaction_of_what_the_window_does_not_hold_is_remembered() -> None:
    """What is taken back is told to those who read it earlier, whether the window holds it or not."""
    window = Window("log", at(9))
    before = window.taken_back.count
    window.extend([redaction(10, of=3)])
    assert window.taken_back.since(before) == {3}
    assert window.taken_back.since(window.taken_back.count) == set()


def test_memory_is_accounted_for_what_is_taken_back() -> None:
    """A window that is full of long posts, all taken back, holds as many entries as of short ones."""
    limits = Limits(window_bytes=200_000)
    window, other = Window("log", at(0), limits), Window("log", at(0), limits)
    for seq in range(1, 2_000, 2):
        window.extend([entry(seq, 2_000), redaction(seq + 1, of=seq)])
        other.extend([entry(seq, 0), redaction(seq + 1, of=seq)])
    assert window.start == other.start


def test_a_hole_behind_a_redaction_takes_nothing_back() -> None:
    """Entries that do not continue the log raise, also with a redaction among them."""
    window = Window("log", at(0))
    window.extend(entries(1, 3))
    with pytest.raises(Hole):
        window.extend([redaction(4, of=2), entry(6)])
    assert window.after(0) == entries(1, 3)
    assert window.taken_back.count == 0
