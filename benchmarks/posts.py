"""Row: acknowledged durable posts per second through one worker and through three, and raw sqlite3.

Thirty users post without pause, each with fifty posts under way. The boxes are made in advance and the
answers counted without being read, so that the load leaves the processors to the cluster. The store's mean
batch is taken from its entries' times; raw sqlite3 writes rows of the same columns at that batch size.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import cluster, wire
from benchmarks.processes import TooSlow, scratch
from benchmarks.table import Row, median

USERS = 30
UNDER_WAY = 50
AIM = 15_000
MOST = 60_000
"""At most this many posts per second are prepared."""


class Talker:
    """One user who posts without pause. A post gets its key's time when it is sent, as real clients do it:
    the store's index is by key, so keys made long before would be spread over its pages."""

    def __init__(self, connection: socket.socket, count: int) -> None:
        self.connection = connection
        connection.setblocking(False)
        prepared = [wire.post(tag, made=0) for tag in range(count)]
        self._box = len(prepared[0])
        self._time_at = prepared[0].index(wire.key_time(0))
        self._unsent = memoryview(bytearray(b"".join(prepared)))
        self._tail = b""

    def say(self, count: int) -> None:
        """Send the next ``count`` posts."""
        now, size = wire.key_time(time.time()), min(count * self._box, len(self._unsent))
        for at in range(self._time_at, size, self._box):
            self._unsent[at : at + len(now)] = now
        sent = self.connection.send(self._unsent[:size]) if size else 0
        if sent < size:
            self.connection.setblocking(True)
            self.connection.sendall(self._unsent[sent:size])
            self.connection.setblocking(False)
        self._unsent = self._unsent[size:]

    def hear(self) -> int:
        """Return how many answers have come.

        :raises Refused: one was an error, or the connection is gone.
        """
        chunk = self.connection.recv(1 << 18)
        stream = self._tail + chunk
        if not chunk or wire.ERROR in stream:
            raise wire.Refused(f"a post was refused: {stream[:300]!r}")
        self._tail = stream[1 - len(wire.ANSWER) :]
        return stream.count(wire.ANSWER)


def rows(quick: bool) -> Iterator[Row]:
    """Yield the rate with one worker and with three."""
    windows, seconds = (2, 1.0) if quick else (5, 2.0)
    for workers in (1, 3):
        with scratch() as directory:
            rate, batch = _measure(directory, workers, windows, seconds)
            raw = raw_sqlite(directory / "raw.db", round(batch), seconds)
        yield Row(
            f"acknowledged posts/s, {workers} worker{'s' * (workers > 1)}",
            f"{rate:,.0f} ({batch:.0f} a batch)",
            f"raw sqlite3: {raw:,.0f}",
            rate / raw,
            f"≥ {AIM:,}/s" if workers > 1 else "",
        )


def _measure(directory: Path, workers: int, windows: int, seconds: float) -> tuple[float, float]:
    """Return acknowledged posts per second, and the store's mean batch."""
    with cluster.running(directory, workers) as running:
        connections = running.connect([f"u{number}" for number in range(USERS)])
        count = int(MOST * (windows + 1) * seconds / USERS)
        rate = saturate([Talker(connection, count) for connection in connections], windows, seconds)
    return rate, mean_batch(running.data)


def saturate(talkers: Sequence[Talker], windows: int, seconds: float) -> float:
    """Return the median over ``windows`` of ``seconds`` each, after one to warm up."""
    with selectors.EpollSelector() as selector:
        for talker in talkers:
            selector.register(talker.connection, selectors.EVENT_READ, talker)
            talker.say(UNDER_WAY)
        rates = [_window(selector, seconds) for _ in range(windows + 1)]
    return median(rates[1:])


def _window(selector: selectors.BaseSelector, seconds: float) -> float:
    begun = time.perf_counter()
    heard = 0
    while time.perf_counter() < begun + seconds:
        ready = selector.select(seconds * 5)
        if not ready:
            raise TooSlow("no post was acknowledged for too long")
        for key, _ in ready:
            count = key.data.hear()
            key.data.say(count)
            heard += count
    return heard / (time.perf_counter() - begun)


def mean_batch(data: Path) -> float:
    """Return the mean number of posts in a batch: all posts of a batch have the same time.

    Two batches within a millisecond count as one, so for small batches this is an upper bound.
    """
    path = data / "log.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        [(mean,)] = database.execute(
            "SELECT 1.0 * count(*) / count(DISTINCT time) FROM entry WHERE kind = 'post'"
        )
    return float(mean)


def raw_sqlite(path: Path, batch: int, seconds: float) -> float:
    """Return rows per second of the standard library's sqlite3, same columns, durable, ``batch`` at once."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE entry (seq INTEGER PRIMARY KEY, time, kind, user, room, text, key);
            CREATE UNIQUE INDEX keys ON entry (user, key);
            CREATE TABLE place (room, seq, PRIMARY KEY (room, seq)) WITHOUT ROWID;
            """
        )
        written, begun = 0, time.perf_counter()
        while time.perf_counter() < begun + seconds:
            entries, places = _raw_rows(written, batch)
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", entries)
            database.executemany("INSERT INTO place VALUES (?, ?)", places)
            database.execute("COMMIT")
            written += batch
        return written / (time.perf_counter() - begun)


def _raw_rows(head: int, batch: int) -> tuple[list[tuple[object, ...]], list[tuple[str, int]]]:
    now = time.time_ns() // 1_000_000
    users = [f"u{seq % USERS}" for seq in range(head + 1, head + 1 + batch)]
    entries: list[tuple[object, ...]] = [
        (seq, now, "post", user, user, wire.TEXT, os.urandom(16)) for seq, user in enumerate(users, head + 1)
    ]
    return entries, [(user, seq) for seq, user in enumerate(users, head + 1)]
