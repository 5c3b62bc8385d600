"""Rows: the time for a page of the members of a room of 5,000, and of a user's 2,000 conversations.

The log is made through the store's own commit; in it everybody has posted in that room and in those
conversations, in turns. A page is what a reader's thread does for one ``Members`` or
``Conversations``, in a transaction; all pages of both are read in turns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import apsw
from msgspec.structs import replace

from benchmarks.append import commit, new_store, register
from benchmarks.newest import POSTS
from benchmarks.processes import scratch
from benchmarks.table import Row, median, milliseconds
from benchmarks.wire import fresh_key
from chatnet.entries import Draft
from chatnet.names import talk
from chatnet.reads import MemberPage, Members, TalkPage, Talks
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite.schema import set_up_reader

MEMBERS, TALKS = 5_000, 2_000
BATCH = 1_000
READS = 20
"""How often each page is read."""


def rows(quick: bool, posts: int = POSTS) -> Iterator[Row]:
    """Yield a row for members, and one for conversations, of a log of so many posts."""
    members, talks = (MEMBERS // 5, TALKS // 5) if quick else (MEMBERS, TALKS)
    posts = min(posts, 100_000) if quick else posts
    with scratch() as directory:
        path = directory / "rooms.db"
        names = [f"u{number:05}" for number in range(members)]
        with new_store(path) as store:
            for start in range(0, members, BATCH):
                some = names[start : start + BATCH]
                commit(store, [register(name) for name in some])
                commit(store, [Draft("join", name, "#tea", "", fresh_key()) for name in some])
            others = names[1 : talks + 1]
            said = [Draft("post", name, "#tea", "hello", b"") for name in names]
            said += [Draft("post", names[0], talk(names[0], other), "hello", b"") for other in others]
            for start in range(0, max(posts, len(said)), BATCH):
                at = start % len(said)
                commit(
                    store, [replace(post, key=fresh_key()) for post in islice(cycle(said), at, at + BATCH)]
                )
        log = apsw.Connection(str(path))
        set_up_reader(log)
        head = log.execute("SELECT head FROM log").get
        in_room = _pages(log, lambda after: Members("#tea", names[0], head, after), members)
        in_talks = _pages(log, lambda after: Talks(names[0], head, after), talks)
        log.close()
    yield _row(f"a page of {members:,} members at {posts:,} posts", in_room)
    yield _row(f"a page of {talks:,} conversations at {posts:,} posts", in_talks)


def _row(what: str, taken: list[float]) -> Row:
    return Row(f"{what}, p50 / p99", milliseconds(taken), "5 ms", median(taken) / 0.005, "< 5 ms")


def _pages(log: apsw.Connection, asked: Any, whole: int) -> list[float]:
    """Read all pages again and again; return how long each took, in seconds."""
    taken: list[float] = []
    for _ in range(READS):
        after, count, more = "", 0, True
        while more:
            begun = time.perf_counter()
            with log:
                page = sqlite_reads.answer(log, asked(after))
            taken.append(time.perf_counter() - begun)
            found = _names(page)
            after, count, more = found[-1], count + len(found), page.more
        if count != whole:
            raise ValueError(f"{count} of {whole} were read")
    return taken


def _names(page: MemberPage | TalkPage) -> list[str]:
    """Return what a page lists, in its order."""
    if isinstance(page, MemberPage):
        return [member.name for member in page.members]
    return [each.room for each in page.talks]
