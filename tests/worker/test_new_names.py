"""New names are limited, in all and by address; whoever has to wait gets a place in turn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worker.conftest import Worker

from chatnet.entries import Entry
from chatnet.errors import TryLater
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.worker.new_names import (
    ADDRESS_MOST,
    ADDRESS_SECONDS,
    ALL_SECONDS,
    BACK_SECONDS,
    MOST_ADDRESSES,
    NewNames,
)

MOST = 30


class Names:
    """A worker's count of new names; what it registers is in the log at once."""

    def __init__(self, most: int = MOST) -> None:
        self.new_names = NewNames(most)
        self.made = 0

    def register(self, now: float, address: str) -> str:
        """Register a name; return the sentence of the refusal, empty if there is none."""
        self.made += 1
        key = b"%016d" % self.made
        try:
            self.new_names.take(now, address, key)
        except TryLater as later:
            return str(later)
        self.elsewhere(now, key)
        return ""

    def elsewhere(self, now: float, key: bytes = b"e" * 16, time: float | None = None) -> None:
        """Count a name that was registered here or elsewhere; the log's time may differ from ours."""
        at = int((now if time is None else time) * 1000)
        self.new_names.apply(now, [Entry(1, at, "register", "x", "x", "", key)])


def test_five_from_an_address_in_an_hour() -> None:
    """The sixth is told when to come again; other addresses are not affected, and loopback has no limit."""
    names = Names(0 + 100)
    assert [names.register(0, "192.0.2.1") for _ in range(ADDRESS_MOST)] == [""] * ADDRESS_MOST
    assert "from your address in the last hour: try again in 3600 s" in names.register(0, "192.0.2.1")
    assert names.register(0, "192.0.2.2") == ""
    assert [names.register(0, "") for _ in range(20)] == [""] * 20
    assert names.register(ADDRESS_SECONDS, "192.0.2.1") == ""


def test_thirty_in_ten_minutes_in_all() -> None:
    """Names registered at any worker count, because the log has them."""
    names = Names()
    for _ in range(MOST - 1):
        names.elsewhere(0)
    assert names.register(60, "192.0.2.1") == ""
    assert "try again in 540 s" in names.register(60, "192.0.2.2")
    assert "try again in" in names.register(60, "")
    assert names.register(ALL_SECONDS, "192.0.2.2") == ""


def test_a_free_place_is_for_the_address_that_has_asked_longest() -> None:
    """An address that asks for a hundred names delays another only by the few that it may have."""
    names = Names()
    for number in range(MOST):
        names.elsewhere(number)
    assert names.register(100, "192.0.2.1")
    assert names.register(101, "192.0.2.2")
    assert names.register(ALL_SECONDS, "192.0.2.3")  # one place is free, and two addresses asked before
    assert names.register(ALL_SECONDS, "192.0.2.2")
    assert not names.register(ALL_SECONDS, "192.0.2.1")
    assert names.register(ALL_SECONDS + 1, "192.0.2.1")  # a second name: it waits after the others
    assert not names.register(ALL_SECONDS + 1, "192.0.2.2")


def test_who_does_not_come_back_loses_the_place() -> None:
    """A place is kept for half a minute after the time that was told."""
    names = Names()
    for number in range(MOST):
        names.elsewhere(number)
    assert "in 500 s" in names.register(100, "192.0.2.1")
    assert names.register(ALL_SECONDS + BACK_SECONDS - 1, "192.0.2.2") == ""  # thirty are free by then
    names = Names(1)
    names.elsewhere(0)
    assert names.register(100, "192.0.2.1")
    assert names.register(ALL_SECONDS, "192.0.2.2")
    assert names.register(ALL_SECONDS + BACK_SECONDS + 1, "192.0.2.2") == ""


def test_what_comes_to_nothing_frees_its_place() -> None:
    """A registration under way counts until it is in the log or refused."""
    names = Names(1)
    names.new_names.take(0, "192.0.2.1", b"k" * 16)
    assert names.register(0, "192.0.2.2")
    names.new_names.refused(b"k" * 16)
    names.new_names._line.clear()
    assert names.register(0, "192.0.2.3") == ""


@pytest.mark.parametrize("jump", [-(10**6), 0, 10**6])
def test_a_clock_that_jumps_does_not_matter(jump: float) -> None:
    """The log's time only says how old an entry was when this worker read it."""
    names = Names()
    now = 5_000.0
    for number in range(MOST):
        names.elsewhere(now, time=max(0.0, 10**7 + (jump if number > 10 else 0)))
    assert names.register(now + 1, "192.0.2.1")
    assert not names.register(now + ALL_SECONDS, "192.0.2.1")


def test_a_worker_that_begins_counts_what_the_log_has() -> None:
    """A starting worker counts each name by how much older it is than the newest entry."""
    new_names = NewNames(2)
    kinds = [(0, "register"), (500, "register"), (900, "register"), (1_000, "post")]
    new_names.apply(
        5_000,
        [Entry(seq, at * 1000, kind, "x", "x", "", b"") for seq, (at, kind) in enumerate(kinds, 1)],
    )
    with pytest.raises(TryLater, match="try again in 100 s"):
        new_names.take(5_000, "", b"k")
    new_names.take(5_100, "", b"k")


def test_memory_is_bounded() -> None:
    """Of a hundred thousand addresses the oldest are forgotten first."""
    new_names = NewNames(1_000_000)
    for number in range(2 * MOST_ADDRESSES):
        key = b"%d" % number
        new_names.take(0, str(number), key)
        new_names.apply(0, [Entry(1, 0, "register", "x", "x", "", key)])
    assert len(new_names) == MOST_ADDRESSES
    names = Names(1)
    names.elsewhere(0)
    for number in range(MOST_ADDRESSES + 10):
        assert names.register(0, str(number))
    assert len(names.new_names) == MOST_ADDRESSES


@given(st.lists(st.tuples(st.floats(0, 120), st.sampled_from(["", "a", "b", "c", "d"])), max_size=200))
def test_no_ten_minutes_have_more_than_that(asks: list[tuple[float, str]]) -> None:
    """Neither ten minutes in all nor an hour of one address exceed the limit, whatever is asked when."""
    names, now = Names(7), 0.0
    taken: list[tuple[float, str]] = []
    for seconds, address in asks:
        now += seconds
        if not names.register(now, address):
            taken.append((now, address))
    for at, address in taken:
        assert sum(at <= other < at + ALL_SECONDS for other, _ in taken) <= 7
        hour = [one for one, of in taken if of == address and at <= one < at + ADDRESS_SECONDS]
        assert not address or len(hour) <= ADDRESS_MOST


# ---- through a worker ----


def test_a_client_is_told_to_wait_and_then_let_in() -> None:
    """The client is refused by a sentence; a user whose name is registered may log in."""
    worker: Any = Worker(names=2)
    worker.client("alice")
    worker.client("bob")
    client = worker.client()
    with pytest.raises(TryLater, match="Many new names are being registered, and yours has to wait its turn"):
        client.login("carol")
    assert worker.client().login("alice")
    worker.clock.advance(ALL_SECONDS)
    later = worker.client()
    assert later.login("carol")["name"] == "carol"


def test_no_place_is_taken_by_what_is_no_new_name() -> None:
    """A secret that registers nothing, a taken name and an unregistered name take no place."""
    worker: Any = Worker(names=1)
    for secret, new in ((b"short", 1), (b"s" * 32, 0)):
        found = worker.client().begin(wire.Login, version=VERSION, name="alice", secret=secret, new=new)
        assert not isinstance(found[0], dict)
    assert worker.client().login("alice")
