"""``make bench-machines``: a cluster whose log is in PostgreSQL, as clusters of many machines have it.

Rows: acknowledged posts per second through one, two and four workers, and for comparison a raw batched insert
by psycopg on the same server, with the same rows and equally durable; the time from an author at one worker
to a reader at another; the processor time of a commit, and of each worker that follows (``costs``); and the
cost of a log of many posts next to one of few: the newest 20, the store's commit, its size on disk.

Everything runs on one machine here: a network adds its own times. How long users feel the death of a machine
is measured on network namespaces: ``hosts``.
"""

from __future__ import annotations

import argparse
import contextlib
import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence

from benchmarks import cluster, costs, wire
from benchmarks.append import post, register
from benchmarks.newest import AUTHORS, FOLLOWED, READERS
from benchmarks.postgres import append, raw
from benchmarks.posts import MOST, USERS, Talker, saturate
from benchmarks.processes import TooSlow, exit_on_sigterm, raise_file_limit
from benchmarks.table import Row, markdown, median, milliseconds
from chatnet.entries import Draft
from chatnet.reads import NEWEST, Head, Newest
from chatnet.store.postgres.real import PostgresDatabase, PostgresDatabases
from rigs.postgres import Server
from rigs.postgres import running as running_server

WORKERS = (1, 2, 4)
BATCH = 200
READS = 10
POSTS_PER_SECOND = 100
FEW = 100_000
_FILL = """
    INSERT INTO entry (seq, time, kind, "user", room, text, key)
        SELECT seq, 1, 'post', name, name, %s, decode(md5(seq::text), 'hex')
        FROM (SELECT seq, 'u' || seq %% {authors} AS name
            FROM generate_series({first}, {last}) AS seq) AS made;
    INSERT INTO place SELECT 'u' || seq %% {authors}, seq FROM generate_series({first}, {last}) AS seq;
    UPDATE log SET head = {last}
"""


def rows(quick: bool, entries: int) -> Iterator[Row]:
    """Yield all rows; ``entries`` is how many posts the larger log has."""
    windows, seconds = (2, 1.0) if quick else (5, 2.0)
    # Otherwise filling a large log would cause checkpoints, and write whole pages again, every few seconds.
    with running_server("-c", "max_wal_size=8GB") as server:
        for workers in WORKERS:
            yield _posts(server, workers, windows, seconds)
        yield _delivery(server, 2.0 if quick else 8.0)
        yield from costs.rows(server, 3.0 if quick else 9.0)
        yield from _many(server, entries, seconds)


def _posts(server: Server, workers: int, windows: int, seconds: float) -> Row:
    with cluster.on_store(server.fresh(), workers) as running:
        connections = running.connect([f"u{number}" for number in range(USERS)])
        count = int(MOST * (windows + 1) * seconds / USERS)
        rate = saturate([Talker(connection, count) for connection in connections], windows, seconds)
    inserted = raw(server.fresh(), BATCH, seconds)
    what = f"PostgreSQL: acknowledged posts/s, {workers} worker{'s' * (workers > 1)}"
    return Row(what, f"{rate:,.0f}", f"raw psycopg, {BATCH} a batch: {inserted:,.0f}", rate / inserted)


def _delivery(server: Server, seconds: float) -> Row:
    """Measure the time from a post at one worker to its reader at another."""
    with cluster.on_store(server.fresh(), 2) as running:
        author, reader = running.connect(["author", "reader"])
        cluster.join([reader], "author")
        cluster.chat([reader])
        times = list(_times(author, reader, int(seconds * POSTS_PER_SECOND)))
    what = f"PostgreSQL: time from worker to worker, {POSTS_PER_SECOND} posts/s, p50 / p99"
    return Row(what, milliseconds(times))


def _times(author: socket.socket, reader: socket.socket, count: int) -> Iterator[float]:
    begun = time.perf_counter()
    for number in range(count):
        due = begun + number / POSTS_PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        author.sendall(wire.post(number, f"number {number}."))
        received = b""
        while f"number {number}.".encode() not in received:
            if not select.select([reader], [], [], 10)[0]:
                raise TooSlow("a post did not come in 10 s")
            received += reader.recv(65536)
        yield time.perf_counter() - due


# ---- many posts ----


def _many(server: Server, entries: int, seconds: float) -> Iterator[Row]:
    """Measure the large log next to the small one."""
    urls = server.fresh(), server.fresh()
    with contextlib.ExitStack() as stack:
        few, many = (
            stack.enter_context(contextlib.closing(PostgresDatabases().connect(url))) for url in urls
        )
        for database, url, size in ((few, urls[0], FEW), (many, urls[1], entries)):
            _fill(server, database, url, size)
        # Both begin in the same way: a page's first change after a checkpoint writes the whole page to the
        # WAL.
        server.ask("CHECKPOINT")
        sizes = [_bytes(server, url) / size for url, size in zip(urls, (FEW, entries), strict=True)]
        what = f"PostgreSQL: bytes on disk a post, at {entries:,} posts"
        yield Row(what, f"{sizes[1]:,.0f}", f"at {FEW:,}: {sizes[0]:,.0f}", sizes[1] / sizes[0])
        small, large = _read(few, many)
        beside = f"at {FEW:,}: {milliseconds(small)}"
        ratio = median(large) / median(small)
        yield Row(
            f"PostgreSQL: newest {NEWEST} at {entries:,} posts, p50 / p99", milliseconds(large), beside, ratio
        )
        slow, fast = (_rate(database, seconds) for database in (many, few))
        what = f"PostgreSQL: store's commit at {entries:,} posts, posts/s, {BATCH} a batch"
        yield Row(what, f"{slow:,.0f}", f"at {FEW:,}: {fast:,.0f}", slow / fast)


def _fill(server: Server, database: PostgresDatabase, url: str, size: int) -> None:
    database.open("bench")
    names = [f"u{number}" for number in range(AUTHORS)]
    append(database, [register(name) for name in [*names, *map(_reader, range(READERS))]])
    followed = [
        (reader, names[(reader * 7 + at) % AUTHORS]) for reader in range(READERS) for at in range(FOLLOWED)
    ]
    append(
        database, [Draft("join", _reader(reader), room, "", wire.fresh_key()) for reader, room in followed]
    )
    head = database.read(Head())
    schema = _schema(url)
    server.ask(f"SET search_path = {schema}")
    server.ask("SET statement_timeout = 0")
    for statement in _FILL.format(authors=AUTHORS, first=head + 1, last=head + size).split(";"):
        server.ask(statement, *([wire.TEXT] if "%s" in statement else []))
    for table in ("entry", "place"):
        server.ask(f"VACUUM ANALYZE {table}")


def _read(*databases: PostgresDatabase) -> list[list[float]]:
    """Return how long each reader's newest posts took in each log, in turns, in seconds."""
    times: list[list[float]] = [[] for _ in databases]
    for reader in [reader for _ in range(READS) for reader in range(READERS)]:
        for database, taken in zip(databases, times, strict=True):
            begun = time.perf_counter()
            found = database.read(Newest(_reader(reader), database.read(Head())))
            taken.append(time.perf_counter() - begun)
            if len(found) != NEWEST:
                raise ValueError(f"{len(found)} posts were read")
    return times


def _rate(database: PostgresDatabase, seconds: float) -> float:
    written, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + seconds:
        append(database, [post(f"u{number}") for number in range(BATCH)])
        written += BATCH
    return written / (time.perf_counter() - begun)


def _bytes(server: Server, url: str) -> int:
    """Return the size of the tables and their indexes, in bytes."""
    query = (
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = %s::regnamespace"
    )
    return int(server.ask(query, _schema(url))[0][0])


def _schema(url: str) -> str:
    return url.rpartition("%3D")[2] if "%3D" in url else url.rpartition("=")[2]


def _reader(number: int) -> str:
    return f"reader{number}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make bench-machines", description="Measure chatnet on PostgreSQL.")
    parser.add_argument("--quick", action="store_true", help="less exactly")
    parser.add_argument("--entries", type=int, default=1_000_000, help="posts of the larger log [1000000]")
    chosen = parser.parse_args(arguments)
    raise_file_limit()
    exit_on_sigterm()
    found: list[Row] = []
    for row in rows(chosen.quick, chosen.entries):
        found.append(row)
        print(*row.cells(), sep="  ", file=sys.stderr, flush=True)
    print(markdown(found))


if __name__ == "__main__":
    main()
