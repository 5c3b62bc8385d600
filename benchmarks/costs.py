"""Rows: what a commit costs PostgreSQL, what each following worker adds, and what following costs the worker.

These are processor times, not rates: they can be added up for more workers than one machine can run, and
other work on the machine changes them less. docs/scaling.md calculates with these rows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Iterator

from benchmarks import cluster
from benchmarks.append import post, register
from benchmarks.postgres import NAMES, append
from benchmarks.posts import MOST, UNDER_WAY, USERS, Talker, saturate
from benchmarks.processes import children, cpu_seconds, scratch, started, wait_until
from benchmarks.table import Row
from chatnet.reads import Head
from chatnet.store.postgres.real import PostgresDatabase, PostgresDatabases
from rigs.postgres import Server

FOLLOWERS = 16
COMMITS_PER_SECOND = 40
"""Few enough that each commit rings the bell and is read by itself."""
BATCHES = (1, 20)


def rows(server: Server, seconds: float) -> Iterator[Row]:
    """Yield all rows; each figure takes ``seconds``."""
    for batch in BATCHES:
        alone, followed = (_commit(server, batch, count, seconds) for count in (0, FOLLOWERS))
        posts = f"{batch} post{'s' * (batch > 1)}"
        yield Row(f"PostgreSQL's processor time, a commit of {posts}", f"{alone * 1e6:,.0f} µs")
        yield Row(
            f"the same, for each worker that follows, of {FOLLOWERS}",
            f"{(followed - alone) / FOLLOWERS * 1e6:,.0f} µs",
        )
    yield from _worker(server, seconds)


def _commit(server: Server, batch: int, followers: int, seconds: float) -> float:
    """Return the processor time of all of the server's processes together, in seconds."""
    url = server.fresh()
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(contextlib.closing(PostgresDatabases().connect(url)))
        database.open("bench")
        append(database, [register(name) for name in NAMES])
        if followers:
            directory = stack.enter_context(scratch())
            argv = [sys.executable, "-m", "benchmarks.follow", url, str(followers)]
            stack.enter_context(started(argv, directory, "followers"))
            wait_until(lambda: "ready" in (directory / "followers.out").read_text(), "following")
        _pace(database, batch, 0.5)
        pids = children(server.pid)
        before = sum(_spent(pids))
        count = _pace(database, batch, seconds)
        return (sum(_spent(pids)) - before) / count


def _pace(database: PostgresDatabase, batch: int, seconds: float) -> int:
    """Commit batches one after another, each when it is due; return how many."""
    count, begun = int(seconds * COMMITS_PER_SECOND), time.perf_counter()
    for number in range(count):
        time.sleep(max(0.0, begun + number / COMMITS_PER_SECOND - time.perf_counter()))
        append(database, [post(NAMES[at % USERS]) for at in range(batch)])
    time.sleep(1 / COMMITS_PER_SECOND)  # so that the last one is read too
    return count


def _worker(server: Server, seconds: float) -> Iterator[Row]:
    """Measure with all users at one worker, the other only following; then with commits made elsewhere."""
    url = server.fresh()
    with (
        contextlib.closing(PostgresDatabases().connect(url)) as database,
        cluster.on_store(url, 2) as running,
    ):
        connections = dataclasses.replace(running, workers=running.workers[:1]).connect(NAMES)
        talkers = [Talker(connection, int(MOST * seconds / USERS)) for connection in connections]
        workers = [worker.pid for worker in running.workers]
        pids = [*workers, *children(server.pid)]
        head, before = database.read(Head()), _spent(pids)
        saturate(talkers, 2, seconds / 3)
        time.sleep(0.5)  # until everything under way is committed and followed
        posts = database.read(Head()) - head
        spent = [(after - was) / posts * 1e6 for after, was in zip(_spent(pids), before, strict=True)]
        followed = _followed(database, workers, seconds)
    depth = f"{USERS} × {UNDER_WAY} under way"
    yield Row(f"a worker's processor time, a post of its users, {depth}", f"{spent[0]:,.1f} µs")
    yield Row("a worker's processor time, a post of others that nobody hears, then", f"{spent[1]:,.1f} µs")
    yield Row("PostgreSQL's processor time, a post, then", f"{sum(spent[2:]):,.1f} µs")
    yield Row("a worker's processor time, a commit of others of 1 post", f"{followed * 1e6:,.0f} µs")


def _followed(database: PostgresDatabase, workers: list[int], seconds: float) -> float:
    """Return each worker's seconds for a commit that it follows, beyond what it does anyway."""
    before = sum(_spent(workers))
    time.sleep(seconds)
    idle = sum(_spent(workers)) - before
    commits = _pace(database, 1, seconds)
    return (sum(_spent(workers)) - before - 2 * idle) / commits / len(workers)


def _spent(pids: list[int]) -> list[float]:
    return [cpu_seconds(pid) for pid in pids]
