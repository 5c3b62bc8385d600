"""Failed logins are slowed down, by name and by address, within a bounded memory."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Threads
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from chatnet.errors import TryLater, WrongSecret
from chatnet.lanes import Visitor
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.worker.logins import (
    FORGET_SECONDS,
    LONGEST_PAUSE,
    MOST_HASHES,
    MOST_REMEMBERED,
    Failures,
    Hashing,
)

HERE, THERE = "192.0.2.1", "192.0.2.2"


def test_each_failure_doubles_the_pause() -> None:
    """From half a second to eight."""
    failures = Failures()
    now, waits = 0.0, []
    for _ in range(7):
        wait = failures.wait(now, "alice", HERE)
        waits.append(wait)
        now += wait
        failures.failed(now, "alice", HERE)
    assert waits == [0, 0.5, 1, 2, 4, 8, 8]


def test_name_and_address_count_each_for_itself() -> None:
    """A name is slow from everywhere, an address for every name; others are not touched."""
    failures = Failures()
    failures.failed(0, "alice", HERE)
    assert failures.wait(0, "bob", THERE) == 0
    assert failures.wait(0, "alice", THERE) == 0.5
    assert failures.wait(0, "bob", HERE) == 0.5


def test_attempts_at_once_are_spread() -> None:
    """Each keeps the pause from the one before: many connections guess no faster than one."""
    failures = Failures()
    for _ in range(3):
        failures.failed(0, "alice", HERE)
    assert [failures.wait(0, "alice", f"192.0.2.{number}") for number in range(10, 14)] == [2, 4, 6, 8]
    with pytest.raises(TryLater, match="try again in 10 s"):
        failures.wait(0, "alice", THERE)


def test_success_clears_the_name() -> None:
    """Its owner is not slowed down by what others tried; the address is remembered."""
    failures = Failures()
    failures.failed(0, "alice", HERE)
    failures.succeeded("alice")
    assert failures.wait(0, "alice", THERE) == 0
    assert failures.wait(0, "alice", HERE) == 0.5


def test_failures_are_forgotten() -> None:
    """After five minutes without a new one."""
    failures = Failures()
    for _ in range(10):
        failures.failed(0, "alice", HERE)
    assert failures.wait(FORGET_SECONDS + 1, "alice", HERE) == 0
    failures.failed(FORGET_SECONDS + 1, "alice", HERE)
    assert failures.wait(FORGET_SECONDS + 1, "alice", HERE) == 0.5


def test_memory_is_bounded() -> None:
    """The oldest failures give way to the newest."""
    failures = Failures()
    for number in range(MOST_REMEMBERED):
        failures.failed(number / 1000, f"user{number}", HERE)
    assert len(failures) == MOST_REMEMBERED
    assert failures.wait(100, "user1", THERE) == 0
    assert failures.wait(number / 1000, f"user{number}", THERE) == 0.5


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=50))
def test_no_wait_is_longer_than_the_longest(attempts: list[tuple[float, bool]]) -> None:
    """Whatever the attempts: an attempt waits at most eight seconds, or is told to come later."""
    failures = Failures()
    now = 0.0
    for passed, fails in attempts:
        now += passed
        try:
            wait = failures.wait(now, "alice", HERE)
        except TryLater:
            continue
        assert 0 <= wait <= LONGEST_PAUSE
        if fails:
            failures.failed(now + wait, "alice", HERE)


def test_a_session_is_made_to_wait(worker: Any) -> None:
    """The right secret after a wrong one is taken, half a second later."""
    worker.client("alice")
    client = worker.client()
    with pytest.raises(WrongSecret):
        client.login("alice", b"x" * 32)
    found = client.begin(wire.Login, version=VERSION, name="alice", secret=b"s" * 32, new=1)
    worker.pass_time(0.4)
    assert not found
    worker.pass_time(0.2)
    assert found[0]["name"] == "alice"
    assert worker.client().resume(found[0]["ticket"])


def test_the_owner_clears_the_name_for_everybody(worker: Any) -> None:
    """After a correct login from elsewhere, the next one on the name does not wait."""
    worker.client("alice")

    def login(secret: bytes, address: str) -> list[Any]:
        found: list[Any] = []
        Deferred.fromCoroutine(worker.logins.login("alice", secret, True, address, Visitor(address))).addBoth(
            found.append
        )
        worker.settle()
        return found

    assert login(b"x" * 32, HERE)[0].check(WrongSecret)
    waiting = login(b"s" * 32, THERE)
    assert not waiting
    worker.pass_time(0.6)
    assert waiting == [1]
    assert login(b"s" * 32, "192.0.2.3") == [1]


def test_hashes_that_are_done_make_room() -> None:
    """Only those under way are counted, whether they come to an end or fail."""
    threads = Threads()
    hashing = Hashing(threads, threads)  # type: ignore[arg-type]
    for f in (abs, len) * 2:
        answers = [hashing.run(f, -1) for _ in range(MOST_HASHES)]  # type: ignore[arg-type]
        with pytest.raises(TryLater):
            hashing.run(abs, -1)
        while threads.waiting:
            threads.work()
        for answer in answers:
            answer.addErrback(lambda why: why.trap(TypeError))


def test_a_password_is_checked_in_a_thread(worker: Any) -> None:
    """It takes 100 ms: nobody else waits for it; right is let in, and wrong is refused."""
    alice = worker.client("alice")
    found = alice.begin(wire.SetSecret, key=b"s" * 16, old=b"s" * 32, secret=b"a good password")
    worker.threads.work()
    worker.settle()
    assert found[0]["ticket"]
    wrong = worker.client().begin(wire.Login, version=VERSION, name="alice", secret=b"a bad password", new=1)
    right = worker.client().begin(wire.Login, version=VERSION, name="alice", secret=b"a good password", new=1)
    assert alice.post("nobody waits")
    worker.threads.work()
    worker.threads.work()
    worker.settle()
    assert wrong[0].check(WrongSecret)
    assert right[0]["name"] == "alice"
