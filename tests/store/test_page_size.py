"""Each store reads pages as large as the limits say that it was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from store.conftest import Disk

from chatnet.entries import Draft
from chatnet.limits import Limits, PageSize
from chatnet.reads import Feed, History, Newest, PageOf, Question, SnapshotOf
from chatnet.store.pages import entry_bytes

Open = Callable[[Disk, Limits], Any]


def opened_sqlite(disk: Disk, limits: Limits) -> Any:
    return disk.open(limits=limits)


def opened_postgres(disk: Disk, limits: Limits) -> Any:
    return disk.open_postgres(limits=limits)


@pytest.fixture(params=[opened_sqlite, opened_postgres])
def opened(request: pytest.FixtureRequest, disk: Disk, now: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return what reads a log of alice, who has said ten things in three rooms, in pages of a size."""

    def read(size: PageSize, question: Question[Any]) -> Any:
        log = request.param(disk, Limits(page=size))
        keys = (number.to_bytes(16, "big") for number in range(1, 99))
        said = [Draft("post", "alice", "alice", f"{number} of ten", next(keys)) for number in range(10)]
        joined = [Draft("join", "alice", room, "", next(keys)) for room in ("#a", "#b", "#c")]
        assert len(
            now(log.append([Draft("register", "alice", "alice", "sha256:", next(keys)), *joined, *said]))
        )
        return now(log.read(question))

    return read


def test_a_page_is_bounded_in_number(opened: Callable[..., Any]) -> None:
    """This holds for pages of all entries, and of the posts of a room."""
    size = PageSize(bytes=60_000, entries=7, stays=200)
    assert [entry.seq for entry in opened(size, PageOf(0))] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("question", [PageOf(0), History("alice"), Newest("alice", 14)])
def test_a_page_is_bounded_in_bytes(opened: Callable[..., Any], question: Question[Any]) -> None:
    """This holds whatever is read."""
    page = opened(PageSize(bytes=500, entries=500, stays=200), question)
    assert 1 < len(page) < 10
    assert sum(map(entry_bytes, page)) <= 500


def test_a_page_of_a_feed_is_bounded(opened: Callable[..., Any]) -> None:
    """A page says how far it came."""
    page = opened(PageSize(bytes=60_000, entries=7, stays=200), Feed("alice", 0, 14))
    assert [post.seq for post in page.posts] == [5, 6, 7, 8, 9, 10, 11]
    assert page.cursor == 11


def test_a_page_of_a_snapshot_is_bounded(opened: Callable[..., Any]) -> None:
    """A page says where the next begins."""
    page = opened(PageSize(bytes=60_000, entries=500, stays=2), SnapshotOf("alice", 0, 14))
    assert [stay.room for stay in page.intervals] == ["#c", "#b"]
    assert page.behind is not None
