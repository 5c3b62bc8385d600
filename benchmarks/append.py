"""Row: the store's own commit (no network, no other thread) at batches of 1, 20 and 200 posts.

For comparison: the standard library's sqlite3, rows of the same columns, the same batch, equally durable.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from benchmarks.posts import USERS, raw_sqlite
from benchmarks.processes import scratch
from benchmarks.table import Row
from benchmarks.wire import TEXT, fresh_key
from chatnet.credentials import SECRET_BYTES, random_credential
from chatnet.entries import Draft
from chatnet.store.sqlite.schema import migrate, set_up_writer, take_epoch
from chatnet.store.sqlite.writer import Writer

BATCHES = (1, 20, 200)


def rows(quick: bool) -> Iterator[Row]:
    """Yield one row for each batch size."""
    seconds = 0.5 if quick else 3.0
    for batch in BATCHES:
        with scratch() as directory:
            ours = _measure(directory / "chatnet.db", batch, seconds)
            raw = raw_sqlite(directory / "raw.db", batch, seconds)
        yield Row(
            f"store's commit, posts/s, {batch} a batch",
            f"{ours:,.0f}",
            f"raw sqlite3: {raw:,.0f}",
            ours / raw,
        )


@contextlib.contextmanager
def new_store(path: Path) -> Iterator[Writer]:
    """Open a new store in a file, as the primary does."""
    connection = apsw.Connection(str(path))
    set_up_writer(connection)
    migrate(connection, "bench")
    store = Writer(connection, take_epoch(connection)[1])
    with contextlib.closing(store):
        yield store


def register(name: str) -> Draft:
    return Draft("register", name, name, random_credential(bytes(SECRET_BYTES)), fresh_key())


def post(name: str) -> Draft:
    return Draft("post", name, name, TEXT, fresh_key())


def commit(store: Writer, drafts: list[Draft]) -> None:
    """Append them durably; all must be accepted."""
    if len(store.commit(drafts, time.time_ns() // 1_000_000).entries) != len(drafts):
        raise ValueError("the store refused a draft of the bench")


def _measure(path: Path, batch: int, seconds: float) -> float:
    """Return posts per second."""
    names = [f"u{number}" for number in range(USERS)]
    with new_store(path) as store:
        commit(store, [register(name) for name in names])
        written, begun = 0, time.perf_counter()
        while time.perf_counter() < begun + seconds:
            commit(store, [post(names[number % USERS]) for number in range(batch)])
            written += batch
        return written / (time.perf_counter() - begun)
