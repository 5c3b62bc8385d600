"""Rows: how long others wait for their posts while a user of 100,000 posts is forgotten, and while one with
100,000 followers is.

On the embedded log with its real threads and files: every other post is the user's, so that the texts stand
on all pages. Somebody posts all the time, one post after the other; then the user is
forgotten, and the texts are overwritten, or the followers' stays ended, as the primary does it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
from twisted.internet import reactor as twisted_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from benchmarks.append import commit, new_store, register
from benchmarks.processes import scratch
from benchmarks.table import Row, milliseconds, percentile
from benchmarks.wire import fresh_key
from chatnet.entries import Draft, More
from chatnet.kinds import CLUSTER
from chatnet.master.eraser import Eraser
from chatnet.store.blanking import UNDONE
from chatnet.store.sqlite.log import SqliteLog
from chatnet.world.real import real_world

POSTS = 100_000
BATCH = 1_000
PAUSE_SECONDS = 0.005
"""Seconds between an answer and the next post of those who post meanwhile."""
BEFORE_SECONDS = 3.0
"""For how many seconds posts are measured before anything is forgotten."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield, for each of the two, a row for the posts of others before, and one for those meanwhile."""
    count = POSTS // 20 if quick else POSTS
    for what, begin in ((f"of {count:,} posts", _posts), (f"with {count:,} followers", _followers)):
        with scratch() as directory:
            path = directory / "log.sqlite"
            with new_store(path) as store:
                commit(store, [register(name) for name in ("alice", "bob", "carol")])
                for drafts in begin(count):
                    commit(store, drafts)
            yield from _run(what, path)


def _posts(count: int) -> Iterator[list[Draft]]:
    for _ in range(0, 2 * count, BATCH):
        yield [
            Draft("post", name, name, f"a post of some words, as people write {number}", fresh_key())
            for number in range(BATCH // 2)
            for name in ("alice", "bob")
        ]


def _followers(count: int) -> Iterator[list[Draft]]:
    for first in range(0, count, BATCH):
        names = [f"fan{number}" for number in range(first, first + BATCH)]
        random.shuffle(names)
        yield [register(name) for name in names]
        yield [Draft("join", name, "alice", "", fresh_key()) for name in names]


def _run(what: str, path: Path) -> Iterator[Row]:
    done: list[Any] = []
    Deferred.fromCoroutine(_measure(path)).addBoth(done.append).addBoth(lambda _: twisted_reactor.crash())
    twisted_reactor.run()
    if isinstance(done[0], Failure):
        done[0].raiseException()
    before, meanwhile, seconds = done[0]
    p99 = percentile(meanwhile, 0.99)
    yield Row(f"a post before, p50 / p99 ({what})", milliseconds(before))
    shown = f"a post while a user {what} is forgotten, in {seconds:.0f} s, p50 / p99"
    yield Row(shown, milliseconds(meanwhile), "50 ms", p99 / 0.05, "< 50 ms")


async def _measure(path: Path) -> tuple[list[float], list[float], float]:
    world = real_world()
    log = await SqliteLog.open(
        path, world.files, world.reactor, world.threads, world.wall, world.entropy, lambda why: why.trap()
    )
    eraser = Eraser(log, world.fresh_key, world.reactor)
    eraser.start()
    before: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < BEFORE_SECONDS:
        before.append(await _post(log, world))
    forget = Draft("forget", CLUSTER, "", "", world.fresh_key(), 0, More(to="alice"))
    began = time.perf_counter()
    await log.append([forget])
    meanwhile = [time.perf_counter() - began]
    looker = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    while looker.execute(UNDONE).fetchone() is not None:
        meanwhile += [await _post(log, world) for _ in range(20)]
    looker.close()
    seconds = time.perf_counter() - began
    eraser.stop()
    await log.close()
    return before, meanwhile, seconds


async def _post(log: SqliteLog, world: Any) -> float:
    await deferLater(world.reactor, PAUSE_SECONDS * random.random() * 2)
    draft = Draft("post", "carol", "carol", "somebody else says this", world.fresh_key())
    began = time.perf_counter()
    await log.append([draft])
    return time.perf_counter() - began
