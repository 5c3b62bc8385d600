"""Row: the time to read the newest 20 (what ``CHAT`` begins with) of a small log and of a large one.

Both logs are made through the store's own commit: 1,000 users who post in turn by chance, and 20 readers
who follow 50 of them each. A read is what a reader's thread does for one ``CHAT``, in a transaction.
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
from chatnet.store import NEWEST, sqlite_reads
from chatnet.store.sqlite_schema import set_up_reader

AUTHORS, READERS, FOLLOWED = 1000, 20, 50
BATCH = 2000
READS = 20
"""How often each reader reads."""


def rows(quick: bool) -> Iterator[Row]:
    """One row: the large log, and the small one beside it."""
    small, large = 10_000, 100_000 if quick else 1_000_000
    few, many = _measure(small), _measure(large)
    yield Row(
        f"newest {NEWEST} at {large:,} posts, p50 / p99",
        milliseconds(many),
        f"at {small:,}: {milliseconds(few)}",
        median(many) / median(few),
        "flat",
    )


def _measure(posts: int) -> list[float]:
    """How long each read took, in seconds."""
    with scratch() as directory:
        path = directory / "chatnet.db"
        _make(path, posts)
        connection = apsw.Connection(str(path))
        set_up_reader(connection)
        head = connection.execute("SELECT head FROM log").get
        times = [_read(connection, reader, head) for _ in range(READS) for reader in range(READERS)]
        connection.close()
        return times


def _make(path: Path, posts: int) -> None:
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


def _read(connection: apsw.Connection, reader: int, head: int) -> float:
    begun = time.perf_counter()
    with connection:
        found = sqlite_reads.newest(connection, _reader(reader), head)
    taken = time.perf_counter() - begun
    if len(found) != NEWEST:
        raise ValueError(f"{len(found)} posts were read")
    return taken


def _reader(number: int) -> str:
    return f"reader{number}"


def _join(reader: int, room: str) -> Draft:
    return Draft("join", _reader(reader), room, "", fresh_key())
