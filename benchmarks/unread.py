"""Row: the time to count what is unread in 200 rooms of a user, in a small log and in a large one.

Both logs are made through the store's own commit: 200 authors who post in a topic each, in random order, and
20 readers who are in all of these topics and are named in a tenth of the posts. In half of the topics a
reader's mark is near the newest post, in the others so far back that as many are unread as are counted.
A count is what a reader's thread does for one ``Unread``, in a transaction, with the marks in a file of their
own; the two logs are read in turns.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import apsw

from benchmarks.append import commit, new_store, register
from benchmarks.newest import POSTS
from benchmarks.processes import scratch
from benchmarks.table import Row, median, milliseconds
from benchmarks.wire import fresh_key
from chatnet.cursor import Cursor
from chatnet.entries import Draft
from chatnet.marks import MOST_MARKS, UserMark
from chatnet.reads import MOST_UNREAD, UnreadOf
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite.marks import SqliteMarks
from chatnet.store.sqlite.schema import set_up_reader
from chatnet.world.real import RealFiles

ROOMS, READERS = 199, 20
"""How many topics there are, besides a reader's own room, and how many are in all of them."""
BATCH = 2_000
READS = 20
"""How often each reader counts."""


class Store(NamedTuple):
    """An open log, its head, and its marks."""

    log: apsw.Connection
    head: int
    marks: SqliteMarks


def rows(quick: bool, posts: int = POSTS) -> Iterator[Row]:
    """Yield one row: the log of so many posts, and one with a hundredth of them for comparison."""
    large = min(posts, 100_000) if quick else posts
    small = max(BATCH * 10, large // 100)
    with scratch() as directory:
        stores = [_make(directory / f"{size}.db", size) for size in (small, large)]
        few, many = _measure(stores)
    yield Row(
        f"unread in {ROOMS + 1} rooms at {large:,} posts, p50 / p99",
        milliseconds(many),
        f"at {small:,}: {milliseconds(few)}",
        median(many) / median(few),
        "< 10 ms",
    )


def _measure(stores: list[Store]) -> list[list[float]]:
    """Return how long each count took in each of the logs, in seconds."""
    times: list[list[float]] = [[] for _ in stores]
    for reader in [reader for _ in range(READS) for reader in range(READERS)]:
        for store, taken in zip(stores, times, strict=True):
            taken.append(_count(store, reader))
    for store in stores:
        store.log.close()
        store.marks.close()
    return times


def _make(path: Path, posts: int) -> Store:
    """Make a log of ``posts`` posts, in a file, and the marks of its readers in another."""
    chance = random.Random(posts)
    authors, readers = [f"u{number}" for number in range(ROOMS)], [_reader(each) for each in range(READERS)]
    with new_store(path) as store:
        commit(store, [register(name) for name in [*authors, *readers]])
        commit(store, [_join(author, _topic(number)) for number, author in enumerate(authors)])
        for reader in readers:
            commit(store, [_join(reader, _topic(number)) for number in range(ROOMS)])
        for _ in range(0, posts, BATCH):
            commit(store, [_post(chance, number) for number in chance.choices(range(ROOMS), k=BATCH)])
    log = apsw.Connection(str(path))
    set_up_reader(log)
    head = log.execute("SELECT head FROM log").get
    # So far back, by the mean, that twice as many are unread as are counted; or a few.
    far, near = head - 2 * MOST_UNREAD * ROOMS, head - 3 * ROOMS
    end = Cursor(head, b"its head")
    marks = SqliteMarks(path.with_suffix(".marks"), RealFiles(), "log", end, lambda seq: None, print)
    for reader in readers:
        of_reader = [UserMark(reader, _topic(n), max(1, far if n % 2 else near)) for n in range(ROOMS)]
        for start in range(0, ROOMS, MOST_MARKS):
            marks.keep(of_reader[start : start + MOST_MARKS], end)
    return Store(log, head, marks)


def _count(store: Store, number: int) -> float:
    begun = time.perf_counter()
    with store.log:
        asked = UnreadOf(_reader(number), store.head, "")
        found = sqlite_reads.answer(store.log, asked, marks=store.marks.of)
    taken = time.perf_counter() - begun
    if len(found.rooms) != ROOMS + 1 or max(posts for _, posts, _ in found.rooms) != MOST_UNREAD:
        raise ValueError(f"{len(found.rooms)} rooms were counted")
    return taken


def _reader(number: int) -> str:
    return f"reader{number}"


def _topic(number: int) -> str:
    return f"#topic{number}"


def _join(user: str, room: str) -> Draft:
    return Draft("join", user, room, "", fresh_key())


def _post(chance: random.Random, number: int) -> Draft:
    named = f"@{_reader(chance.randrange(READERS))} " if chance.random() < 0.1 else ""
    return Draft("post", f"u{number}", _topic(number), f"{named}hello, everybody here", fresh_key())
