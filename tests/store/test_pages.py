from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chatnet.entries import Draft, Entry
from chatnet.limits import PAGE
from chatnet.reads import Account, Snapshot
from chatnet.stays import Interval
from chatnet.store.pages import (
    OPEN,
    draft_bytes,
    entry_bytes,
    snapshot_page,
    take_page,
)
from chatnet.wire.arguments import MAX_VALUE

BIG = (1 << 63) - 1
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
KIND = st.sampled_from(["register", "secret", "join", "leave", "post"])


@given(KIND, TEXT, TEXT, TEXT, st.integers(1, BIG), st.integers(0, BIG))
def test_the_estimates_are_upper_bounds(
    kind: str, user: str, room: str, text: str, seq: int, time: int
) -> None:
    """A page cut by the estimates fits, and the estimates are not much too large."""
    draft = Draft(kind, user, room, text, b"k" * 16)
    entry = Entry(seq, time, kind, user, room, text, b"k" * 16)
    assert 0 <= draft_bytes(draft) - len(msgspec.msgpack.encode(draft)) < 32
    assert 0 <= entry_bytes(entry) - len(msgspec.msgpack.encode(entry)) < 64


def test_a_text_without_encoding_has_a_size() -> None:
    """The size of half a surrogate pair can be told; that it cannot be stored is found elsewhere."""
    assert draft_bytes(Draft("post", "a", "a", "\ud800", b"k" * 16)) > 0


def entry(seq: int, size: int) -> Entry:
    return Entry(seq, 1, "post", "alice", "alice", "x" * size, b"k" * 16)


def pages_of(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Yield all of ``entries``, in pages."""
    start = 0
    while start < len(entries):
        page, _ = take_page(entries[start : start + PAGE.entries], PAGE)
        yield page
        start += len(page)


@given(st.lists(st.integers(1, 8_000), max_size=40))
def test_pages_hold_everything_in_order_and_fit(sizes: list[int]) -> None:
    """All pages together are all entries; each fits an AMP value, and is full unless it is the last."""
    entries = [entry(seq, size) for seq, size in enumerate(sizes)]
    pages = list(pages_of(entries))
    assert [one for page in pages for one in page] == entries
    assert all(page and len(msgspec.msgpack.encode(page)) <= PAGE.bytes for page in pages)
    for page, following in pairwise(pages):
        assert sum(map(entry_bytes, [*page, following[0]])) > PAGE.bytes


def test_a_page_is_bounded_in_number() -> None:
    """A page of small entries has at most 500, and says whether more follow."""
    entries = [entry(seq, 1) for seq in range(PAGE.entries + 1)]
    assert take_page(entries, PAGE) == (entries[:-1], True)
    assert take_page(entries[:-1], PAGE) == (entries[:-1], False)
    assert take_page([], PAGE) == ([], False)


def test_an_entry_larger_than_a_page_goes_alone() -> None:
    """A page has at least one entry, else a reader would never advance."""
    entries = [entry(1, PAGE.bytes), entry(2, 1)]
    assert take_page(entries, PAGE) == (entries[:1], True)


def test_a_page_of_a_snapshot_fits() -> None:
    """Even with the longest names it fits an AMP value; a full page says where the next begins."""
    stays = [("#" + "𐀀" * 64, BIG, BIG, None)] * PAGE.stays
    account = Account("sha256:", BIG, BIG)
    page = snapshot_page(account, BIG, stays, PAGE, (BIG, BIG, 1))
    assert page.behind == (BIG, stays[0][0])
    assert len(msgspec.msgpack.encode(page)) <= MAX_VALUE
    assert snapshot_page(account, BIG, stays[1:], PAGE, (BIG, BIG, 1)).behind is None


def test_a_snapshot_shows_the_past() -> None:
    """A stay that ended later is still open in it."""
    stays = [("#x", 1, 5, None), ("#y", 2, 6, None), ("bob", 3, OPEN, 5), ("carol", 4, OPEN, 6)]
    ended = [Interval("#x", 1, 5), Interval("#y", 2, None), Interval("bob", 3, 5), Interval("carol", 4, None)]
    assert snapshot_page(None, 5, stays, PAGE, (7, None, None)) == Snapshot(5, 0, 0, ended, newest=7)
