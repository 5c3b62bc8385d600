from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatnet.entries import Entry
from chatnet.limits import LIMITS, PAGE, Limits
from chatnet.store.reader import Reader
from chatnet.store.window import Window


def entry(seq: int) -> Entry:
    return Entry(seq, 1000 + seq, "post", "alice", "alice", "x", b"k" * 16)


def entries(first: int, last: int) -> list[Entry]:
    return [entry(seq) for seq in range(first, last + 1)]


class Listener:
    """A sink with a transport that is full after every ``fills`` entries, and reads answered by hand."""

    def __init__(self, window: Window, page: int = 3, fills: int | None = None) -> None:
        self.window, self.page, self.fills = window, page, fills
        self.log: list[Entry] = []
        self.heard: list[int] = []
        self.reads: list[tuple[int, int, Deferred[tuple[list[Entry], int]]]] = []
        self.live = False
        self.failures: list[Failure] = []
        self.room = fills
        self.turns: list[Deferred[None]] | None = None
        window.watch(self.fan_out)

    def listen(self, cursor: int, near: int | None = None) -> Reader:
        self.reader = Reader(cursor, self.window, self, near)
        self.reader.start()
        return self.reader

    async def read(self, after: int, upto: int) -> tuple[list[Entry], int]:
        answer: Deferred[tuple[list[Entry], int]] = Deferred()
        self.reads.append((after, upto, answer))
        return await answer

    def answer(self) -> None:
        after, upto, answer = self.reads.pop(0)
        cursor = min(after + self.page, upto)
        answer.callback((self.log[after:cursor], cursor))

    async def turn(self) -> None:
        if self.turns is not None:
            self.turns.append(Deferred())
            await self.turns[-1]

    def take(self, new: list[Entry]) -> None:
        self.heard += [one.seq for one in new]
        if self.room is not None:
            self.room -= len(new)
            if self.room <= 0:
                self.reader.full()

    def drain(self) -> None:
        self.room = self.fills
        self.reader.drained()

    def fan_out(self, new: list[Entry]) -> None:
        if self.live:
            self.take(new)

    def go_live(self) -> None:
        assert not self.live
        self.live = True

    def leave_live(self) -> None:
        assert self.live
        self.live = False

    def failed(self, failure: Failure) -> None:
        self.failures.append(failure)

    def grow(self, count: int) -> None:
        fresh = entries(len(self.log) + 1, len(self.log) + count)
        self.log += fresh
        self.window.extend(fresh)


def small_window() -> Window:
    """Return a window with room for about five entries."""
    return Window(limits=Limits(window_bytes=2_000))


def test_a_reader_in_the_window_is_live_at_once() -> None:
    """With its cursor in the window, a reader takes the rest and is live before start() returns."""
    listener = Listener(Window())
    listener.grow(5)
    reader = listener.listen(2)
    assert (listener.heard, reader.live, reader.cursor, listener.reads) == ([3, 4, 5], True, 5, [])
    listener.grow(1)
    assert (listener.heard, reader.cursor) == ([3, 4, 5, 6], 6)


def test_a_reader_behind_the_window_reads_pages_until_it_is_in_it() -> None:
    """Pages are read up to the window's head, and the rest is taken from the window."""
    listener = Listener(small_window(), page=8)
    listener.grow(20)
    reader = listener.listen(0)
    assert [(after, upto) for after, upto, _ in listener.reads] == [(0, 20)]
    listener.answer()
    assert [(after, upto) for after, upto, _ in listener.reads] == [(8, 20)]
    assert not reader.live
    listener.answer()
    assert (listener.heard, reader.live) == (list(range(1, 21)), True)


def test_entries_committed_while_a_page_is_read_come_after_it() -> None:
    """What arrives during a read is neither lost nor handed over before the page."""
    listener = Listener(small_window())
    listener.grow(20)
    listener.listen(17 - 3)
    listener.grow(2)
    assert listener.heard == []
    listener.answer()
    assert (listener.heard, listener.reader.live) == (list(range(15, 23)), True)


def test_a_rest_that_is_not_near_is_read_in_pages() -> None:
    """With a bound, a reader reads pages, even in the window, until the rest is within the bound."""
    listener = Listener(Window(), page=10)
    listener.grow(25)
    listener.listen(0, near=6)
    for heard in (10, 20):
        assert not listener.reader.live
        listener.answer()
        assert listener.heard[:heard] == list(range(1, heard + 1))
    assert (listener.heard, listener.reader.live) == (list(range(1, 26)), True)


def test_a_reader_waits_for_its_turn_before_it_takes_the_rest() -> None:
    """It takes what the window then holds. If that is not near by then, it goes on by pages; if the reader is
    full or stopped, it takes nothing."""
    listener = Listener(Window(), page=10)
    listener.turns = []
    listener.grow(5)
    listener.listen(0, near=6)
    listener.grow(1)
    assert (listener.heard, listener.reader.live) == ([], False)
    listener.turns.pop().callback(None)
    assert (listener.heard, listener.reader.live) == ([1, 2, 3, 4, 5, 6], True)
    listener.reader.full()
    listener.reader.drained()
    listener.grow(9)
    listener.turns.pop().callback(None)
    assert [(after, upto) for after, upto, _ in listener.reads] == [(6, 15)]
    listener.answer()
    listener.reader.full()
    listener.turns.pop().callback(None)
    listener.reader.drained()
    listener.reader.stop()
    listener.turns.pop().callback(None)
    assert (listener.heard, listener.reader.live) == (list(range(1, 16)), False)


def test_a_reader_gets_live_however_fast_the_log_grows() -> None:
    """Each complete page doubles the bound: a reader that keeps up with its pages becomes live."""
    listener = Listener(Window(), page=10**9)
    listener.grow(100)
    listener.listen(0, near=1)
    for _ in range(8):
        listener.grow(100)
        if listener.reads:
            listener.answer()
    assert listener.reader.live
    assert listener.heard == list(range(1, len(listener.log) + 1))


def test_a_reader_ahead_of_its_window_waits() -> None:
    """A reader with a cursor ahead of this process's head gets nothing until the window has passed it."""
    listener = Listener(Window())
    listener.grow(2)
    reader = listener.listen(4)
    listener.grow(1)
    assert (listener.heard, listener.reads, reader.live, reader.cursor) == ([], [], False, 4)
    listener.grow(3)
    assert (listener.heard, reader.live) == ([5, 6], True)
    listener.grow(1)
    assert listener.heard == [5, 6, 7]


def test_a_full_reader_leaves_live_and_queues_nothing() -> None:
    """While the transport is full nothing is handed over or read; when drained, it goes on where it was."""
    listener = Listener(Window())
    reader = listener.listen(0)
    listener.grow(2)
    reader.full()
    listener.grow(3)
    assert (listener.heard, listener.live, reader.cursor, listener.reads) == ([1, 2], False, 2, [])
    reader.drained()
    assert (listener.heard, listener.live) == ([1, 2, 3, 4, 5], True)


def test_a_reader_stops_within_the_slice_that_fills_its_transport() -> None:
    """full() called within take() stops the hand-over there; nothing of it comes again."""
    listener = Listener(Window(), fills=1)
    listener.grow(2 * LIMITS.slice + 5)
    reader = listener.listen(0)
    assert (len(listener.heard), reader.cursor, reader.live) == (LIMITS.slice, LIMITS.slice, False)
    listener.drain()
    assert (len(listener.heard), reader.live) == (2 * LIMITS.slice, False)
    listener.fills = None
    listener.drain()
    assert reader.live
    assert listener.heard == list(range(1, 2 * LIMITS.slice + 6))


def test_the_window_is_handed_over_in_pages() -> None:
    """A full transport is noticed after one page was written to it, however long the posts are."""
    listener = Listener(Window(), fills=1)
    long = [Entry(seq, 1000, "post", "alice", "alice", "é" * 2000, b"k" * 16) for seq in range(1, 101)]
    listener.log += long
    listener.window.extend(long)
    reader = listener.listen(0)
    assert 1 < len(listener.heard) * 4000 <= PAGE.bytes
    while not reader.live:
        listener.drain()
    assert listener.heard == list(range(1, 101))


def test_a_page_that_comes_while_full_is_read_again() -> None:
    """A page asked for before the transport became full is dropped, and read again when drained."""
    listener = Listener(small_window(), page=100)
    listener.grow(20)
    reader = listener.listen(0)
    reader.full()
    listener.answer()
    assert (listener.heard, reader.cursor) == ([], 0)
    reader.drained()
    listener.answer()
    assert listener.heard == list(range(1, 21))


def test_a_reader_told_full_before_it_starts_waits() -> None:
    """On a transport that is full already, a reader begins when it drains."""
    listener = Listener(Window())
    listener.grow(2)
    listener.reader = Reader(0, listener.window, listener)
    listener.reader.full()
    listener.reader.start()
    assert listener.heard == []
    listener.reader.drained()
    assert listener.heard == [1, 2]


def test_a_stopped_reader_is_silent() -> None:
    """After stop() nothing comes, whatever the reader was doing; the fan-out is told once."""
    listener = Listener(Window())
    reader = listener.listen(0)
    reader.stop()
    reader.stop()
    reader.drained()
    listener.grow(2)
    assert (listener.heard, listener.live) == ([], False)
    waiting = Listener(Window())
    ahead = waiting.listen(1)
    ahead.stop()
    waiting.grow(3)
    assert waiting.heard == []


def test_a_failed_read_ends_the_reader() -> None:
    """A failed read is a bug: the sink is told once, and the reader has stopped."""
    listener = Listener(small_window())
    listener.grow(20)
    reader = listener.listen(0)
    listener.reads.pop()[2].errback(Failure(ZeroDivisionError()))
    reader.drained()
    assert [failure.type for failure in listener.failures] == [ZeroDivisionError]
    assert (listener.reads, reader.live) == ([], False)


def test_a_page_that_does_not_get_on_ends_the_reader() -> None:
    """A read that returns no progress, or more than was asked for, is a bug and not an endless loop."""
    for cursor in (0, 21):
        listener = Listener(small_window())
        listener.grow(20)
        listener.listen(0)
        listener.reads.pop()[2].callback(([], cursor))
        assert [failure.type for failure in listener.failures] == [ValueError]


STEP = st.sampled_from(["grow", "grow many", "answer", "answer", "full", "drain", "drain"])


@given(
    steps=st.lists(STEP, max_size=60),
    cursor=st.integers(0, 12),
    before=st.integers(0, 12),
    page=st.integers(1, 4),
    near=st.none() | st.integers(1, 3),
    fills=st.none() | st.integers(1, 6),
)
def test_every_entry_once_in_order_and_live_in_the_end(
    steps: list[str], cursor: int, before: int, page: int, near: int | None, fills: int | None
) -> None:
    """In any order of events a reader hands over each entry once, in order, and becomes live in the end."""
    listener = Listener(small_window(), page, fills)
    listener.grow(before)
    reader = listener.listen(cursor, near)
    for step in steps:
        if step == "grow":
            listener.grow(1)
        elif step == "grow many":
            listener.grow(7)
        elif step == "answer" and listener.reads:
            listener.answer()
        elif step == "full":
            reader.full()
        elif step == "drain":
            listener.drain()
        assert listener.heard == list(range(cursor + 1, max(cursor, reader.cursor) + 1))
        assert listener.live == reader.live
    listener.grow(max(0, cursor - len(listener.log)))
    listener.fills = listener.room = None
    listener.drain()
    while listener.reads:
        listener.answer()
    assert reader.live
    assert reader.cursor == len(listener.log)
    assert listener.heard == list(range(cursor + 1, len(listener.log) + 1))
    assert listener.failures == []
