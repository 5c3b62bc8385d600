"""Row: the time to read the newest 20 (what ``CHAT`` begins with) of a small log and of a large one.

Both logs are made through the store's own commit: 200 users who post in random order, and 20 readers who each
follow 50 of them; so even in the small log each room has more posts than are asked for. A read is what a
reader's thread does for one ``CHAT``, in a transaction; the two logs are read in turns.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from benchmarks.append import commit, new_store, post, register
from benchmarks.processes import scratch
from benchmarks.table import Row, median, milliseconds
from benchmarks.wire import fresh_key
from chatnet.entries import Draft
from chatnet.reads import NEWEST, Newest
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite.schema import set_up_reader

AUTHORS, READERS, FOLLOWED = 200, 20, 50
BATCH = 2000
READS = 20
"""How often each reader reads."""
POSTS = 1_000_000


def rows(quick: bool, posts: int = POSTS) -> Iterator[Row]:
    """Yield one row: the log of so many posts, and one with a hundredth of them for comparison."""
    large = min(posts, 100_000) if quick else posts
    small = max(BATCH * 5, large // 100)
    with scratch() as directory:
        few, many = _measure(*(_make(directory / f"{posts}.db", posts) for posts in (small, large)))
    yield Row(
        f"newest {NEWEST} at {large:,} posts, p50 / p99",
        milliseconds(many),
        f"at {small:,}: {milliseconds(few)}",
        median(many) / median(few),
        "flat",
    )


def _measure(*paths: Path) -> list[list[float]]:
    """Return how long each read took in each of the logs, in seconds."""
    connections = [apsw.Connection(str(path)) for path in paths]
    for connection in connections:
        set_up_reader(connection)
    times: list[list[float]] = [[] for _ in paths]
    for reader in [reader for _ in range(READS) for reader in range(READERS)]:
        for connection, taken in zip(connections, times, strict=True):
            taken.append(_read(connection, reader))
    for connection in connections:
        connection.close()
    return times


def _make(path: Path, posts: int) -> Path:
    """Make a log of ``posts`` posts, in a file."""
    chance = random.Random(posts)
    names = [f"u{number}" for number in range(AUTHORS)]
    with new_store(path) as store:
        commit(store, [register(name) for name in [*names, *map(_reader, range(READERS))]])
        commit(
            store,
            [_join(reader, room) for reader in range(READERS) for room in chance.sample(names, FOLLOWED)],
        )
        for _ in range(0, posts, BATCH):
            commit(store, [post(name) for name in chance.choices(names, k=BATCH)])
    return path


def _read(connection: apsw.Connection, reader: int) -> float:
    head = connection.execute("SELECT head FROM log").get
    begun = time.perf_counter()
    with connection:
        found = sqlite_reads.answer(connection, Newest(_reader(reader), head))
    taken = time.perf_counter() - begun
    if len(found) != NEWEST:
        raise ValueError(f"{len(found)} posts were read")
    return taken


def _reader(number: int) -> str:
    return f"reader{number}"


def _join(reader: int, room: str) -> Draft:
    return Draft("join", _reader(reader), room, "", fresh_key())
