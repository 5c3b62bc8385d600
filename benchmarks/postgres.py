"""Row: the store's commit in PostgreSQL at batches of 1, 20 and 200 posts, on the bench's own server.

For comparison: psycopg's ``executemany`` of the same entries and places, the same batch, in one transaction,
on the same server with the same indexes, and equally durable.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from benchmarks.append import BATCHES, post, register
from benchmarks.posts import USERS
from benchmarks.table import Row
from benchmarks.wire import TEXT, fresh_key
from chatnet.entries import Draft
from chatnet.store.postgres.connection import connect
from chatnet.store.postgres.real import PostgresDatabase, PostgresDatabases
from rigs.postgres import running

NAMES = [f"u{number}" for number in range(USERS)]
_ENTRY = """
    INSERT INTO entry (seq, time, kind, "user", room, text, key) VALUES (%b, %b, 'post', %b, %b, %b, %b)
"""
_PLACE = "INSERT INTO place VALUES (%b, %b)"


def rows(quick: bool) -> Iterator[Row]:
    """Yield one row for each batch size."""
    seconds = 0.5 if quick else 3.0
    with running() as server:
        for batch in BATCHES:
            ours, beside = _ours(server.fresh(), batch, seconds), raw(server.fresh(), batch, seconds)
            yield Row(
                f"PostgreSQL: store's commit, posts/s, {batch} a batch",
                f"{ours:,.0f}",
                f"raw psycopg: {beside:,.0f}",
                ours / beside,
                "≥ 0.5" if batch == max(BATCHES) else "",
            )


def append(database: PostgresDatabase, drafts: list[Draft]) -> None:
    """Append them.

    :raises ValueError: one was refused.
    """
    outcomes, _ = database.append(drafts, time.time_ns() // 1_000_000)
    if not all(isinstance(outcome, int) for outcome in outcomes):
        raise ValueError("the store refused a draft of the bench")


def _ours(url: str, batch: int, seconds: float) -> float:
    """Return posts per second."""
    with contextlib.closing(PostgresDatabases().connect(url)) as database:
        database.open("bench")
        append(database, [register(name) for name in NAMES])
        written, begun = 0, time.perf_counter()
        while time.perf_counter() < begun + seconds:
            append(database, [post(NAMES[number % USERS]) for number in range(batch)])
            written += batch
        return written / (time.perf_counter() - begun)


def raw(url: str, batch: int, seconds: float) -> float:
    """Return posts per second of psycopg alone."""
    with contextlib.closing(PostgresDatabases().connect(url)) as database:
        database.open("bench")
    with connect(url) as connection:
        cursor = connection.cursor()
        written, begun = 0, time.perf_counter()
        while time.perf_counter() < begun + seconds:
            now, names = time.time_ns() // 1_000_000, [NAMES[number % USERS] for number in range(batch)]
            entries = [
                (seq, now, name, name, TEXT, fresh_key()) for seq, name in enumerate(names, written + 1)
            ]
            with connection.transaction():
                cursor.executemany(_ENTRY, entries)
                cursor.executemany(_PLACE, [(entry[2], entry[0]) for entry in entries])
            written += batch
        return written / (time.perf_counter() - begun)
