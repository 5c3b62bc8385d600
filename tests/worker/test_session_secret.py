"""Passwords that a client sets keep their place among its posts, and cost a bounded part of the worker."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from chatnet.errors import BadSecret, TryLater
from chatnet.wire import session as wire
from chatnet.worker.hashing import HASHING_THREADS
from chatnet.worker.hashing import MOST_WAITING as MOST_HASHES_WAITING

MOST_HASHES = HASHING_THREADS + MOST_HASHES_WAITING


def test_a_secret_keeps_its_place_among_the_posts(worker: Any) -> None:
    """What a client sends after SetSecret is appended after it, though hashing takes time."""
    alice = worker.client("alice")
    secret = alice.begin(wire.SetSecret, key=b"s" * 16, old=b"s" * 32, secret=b"a good password")
    post = alice.begin(wire.Post, key=b"p" * 16, text="hello")
    assert not secret
    assert not post
    worker.threads.work()
    worker.settle()
    assert [entry.kind for entry in worker.log.entries] == ["register", "secret", "post"]
    assert post[0]["seq"] == 3
    assert secret[0]["ticket"]


def test_a_secret_sent_again_answers_again(worker: Any) -> None:
    """The same key and password make the same draft, which the log recognizes."""
    alice = worker.client("alice")
    for _ in range(2):
        found = alice.begin(wire.SetSecret, key=b"s" * 16, old=b"s" * 32, secret=b"a good password")
        worker.work()
        assert found[0]["seq"] == 2
    assert len(worker.log.entries) == 2


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [(b"short", "at least 8"), (b"x" * 1025, "at most 1,024"), (b"x" * 65_535, "at most")],
)
def test_a_bad_password_is_refused(worker: Any, secret: bytes, sentence: str) -> None:
    """A bad password is refused by a sentence before it is hashed."""
    alice = worker.client("alice")
    with pytest.raises(BadSecret, match=sentence):
        alice.ask(wire.SetSecret, key=b"s" * 16, old=b"s" * 32, secret=secret)
    assert not worker.threads.waiting


def test_too_many_passwords_at_once_are_told_to_come_later(worker: Any) -> None:
    """Threads and memory are bounded; drafts of others, and this session's next ones, go on."""
    bob = worker.client("bob")
    others = [worker.client(f"user{number}") for number in range(MOST_HASHES)]
    for other in others:
        other.begin(wire.SetSecret, key=other.key(), old=b"s" * 32, secret=b"a good password")
    with pytest.raises(TryLater, match="try again in 1 s"):
        bob.ask(wire.SetSecret, key=b"s" * 16, old=b"s" * 32, secret=b"a good password")
    assert bob.post("hello")
    others[0].cut()
    while worker.threads.waiting:
        worker.threads.work()


def test_a_session_has_one_password_hashed_at_a_time(worker: Any) -> None:
    """A session hashes one password at a time, since others need threads too. All are set, in order; those of
    a closed session are not."""
    alice, bob = worker.client("alice"), worker.client("bob")
    passwords = [b"s" * 32, b"password 0", b"password 1", b"password 2"]
    found = [
        alice.begin(wire.SetSecret, key=alice.key(), old=old, secret=new) for old, new in pairwise(passwords)
    ]
    assert len(worker.threads.waiting) == 1
    bob.begin(wire.SetSecret, key=bob.key(), old=b"s" * 32, secret=b"a good password")
    worker.threads.work()
    worker.settle()
    assert [len(answers) for answers in found] == [1, 0, 0]
    assert len(worker.threads.waiting) == 2  # bob's hash is the next
    for _ in range(3):  # bob's hash, then the hashes of alice's old secret and of her new one
        worker.threads.work()
        worker.settle()
    assert [entry.user for entry in worker.log.entries[2:]] == ["alice", "bob", "alice"]
    alice.cut()
    worker.work()
    assert len(worker.log.entries) == 5


def test_a_session_whose_password_has_to_wait_goes_on(worker: Any) -> None:
    """A session whose password waits may send another, which is hashed once a thread is free."""
    alice = worker.client("alice")
    others = [worker.client(f"user{number}") for number in range(MOST_HASHES)]
    for other in others:
        other.begin(wire.SetSecret, key=other.key(), old=b"s" * 32, secret=b"a good password")
    with pytest.raises(TryLater):
        alice.ask(wire.SetSecret, key=alice.key(), old=b"s" * 32, secret=b"a good password")
    while worker.threads.waiting:
        worker.threads.work()
    found = alice.begin(wire.SetSecret, key=alice.key(), old=b"s" * 32, secret=b"a good password")
    worker.threads.work()
    worker.settle()
    assert found[0]["ticket"]
