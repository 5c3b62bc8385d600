"""What is unread: not what was taken back, in whatever way, on every store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from store.test_forgotten import BEGINNING, STORES, appended, is_whole
from store.test_log_contract import Subject, key, new_log, on_postgres, on_sqlite, registered
from store.test_rooms_contract import free, in_memory

from chatnet.entries import Draft, More, Ref
from chatnet.kinds import CLUSTER
from chatnet.marks import UserMark
from chatnet.reads import CursorAt, Head, UnreadOf

__all__ = ["new_log"]

LOGS = (in_memory, on_sqlite, on_postgres)
ROOMS = ("#x", "&ops", "bob=carol", "alice=bob")


@pytest.fixture(params=LOGS, ids=lambda make: make.__name__)
def subject(request: pytest.FixtureRequest, new_disk: Callable[[], Any]) -> Subject:
    """Return a log in which alice, bob and carol are in rooms, and nothing is said yet."""
    found: Subject = request.param(new_disk())
    registered(found, "alice", "bob", "carol")
    begun = [
        Draft("role", CLUSTER, "", "admin", key(1), 0, More(to="carol")),
        *(Draft("join", user, "#x", "", key(2)) for user in ("alice", "bob", "carol")),
        Draft("create", "bob", "&ops", "all", key(3)),
        Draft("invite", "bob", "&ops", "", key(4), 0, More(to="alice")),
        Draft("join", "alice", "&ops", "", key(5)),
    ]
    assert all(isinstance(outcome, int) for outcome in found.append(*begun))
    return found


def says(subject: Subject, user: str, *texts: str, room: str = "#x", number: int = 100) -> list[int]:
    """Return the seqs of what the user says there."""
    posts = [Draft("post", user, room, text, key(number + n)) for n, text in enumerate(texts)]
    seqs = subject.append(*posts)
    assert all(isinstance(seq, int) for seq in seqs), seqs
    return seqs


def does(
    subject: Subject, kind: str, user: str, number: int, room: str = "", to: str = "", seq: int = 0
) -> None:
    ref = None
    if seq:
        at = subject.read(CursorAt(seq))
        assert at is not None
        ref = Ref(at.seq, at.check)
    draft = Draft(kind, user, user if kind == "redact" else room, "", key(number), 0, More(to=to, ref=ref))
    [outcome] = subject.append(draft)
    assert isinstance(outcome, int), outcome
    free(subject)


def unread(subject: Subject, user: str = "alice") -> dict[str, tuple[int, int]]:
    """Return how many posts, and mentions, are unread in each room that has some."""
    rooms = subject.read(UnreadOf(user, subject.read(Head()), "")).rooms
    return {room: (posts, mentions) for room, posts, mentions in rooms if posts or mentions}


def test_what_is_redacted_is_not_unread(subject: Subject) -> None:
    """Neither as a post nor as a mention, wherever it was heard."""
    for number, room in enumerate(("#x", "&ops", "alice=bob")):
        says(subject, "bob", "hi @alice", "hi", "@alice again", room=room, number=100 + 10 * number)
    before = {"#x": (3, 2), "&ops": (3, 2), "alice=bob": (3, 3)}
    assert unread(subject) == before
    first = subject.read(Head()) - 8
    for number, seq in enumerate((first, first + 1, first + 3, first + 6)):
        does(subject, "redact", "bob", 200 + number, seq=seq)
    assert unread(subject) == {"#x": (1, 1), "&ops": (2, 1), "alice=bob": (2, 2)}


@pytest.mark.parametrize("together", [True, False])
def test_whom_one_blocks_mentions_one_nowhere(subject: Subject, together: bool) -> None:
    """What they say in rooms is unread all the same. That is settled when it is said, also in one batch."""
    block, unblock = (
        Draft(kind, "alice", "alice", "", key(300 + n), 0, More(to="bob"))
        for n, kind in enumerate(("block", "unblock"))
    )

    def said(number: int) -> list[Draft]:
        return [
            Draft("post", user, room, "hi @alice @carol", key(number + n))
            for n, (user, room) in enumerate((("bob", "#x"), ("bob", "&ops"), ("alice", "&ops")))
        ]

    batches = [*said(100), block, *said(110), *said(120), unblock, *said(130), *said(130)]
    outcomes = subject.append(*batches) if together else [subject.append(one)[0] for one in batches]
    assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
    assert unread(subject) == {"#x": (4, 2), "&ops": (8, 6)}


@pytest.mark.parametrize("kind", STORES)
def test_a_log_is_whole_without_mentions_by_whom_one_blocks(
    disk: Any, now: Callable[[Any], Any], kind: str
) -> None:
    """In BEGINNING bob blocks alice; carol is there with them."""
    log = getattr(disk, kind)()
    posts = [Draft("post", user, "&ops", "@bob @carol", key(100)) for user in ("alice", "carol")]
    appended(log, now, *BEGINNING, *posts)
    assert is_whole(disk)


def test_what_is_heard_in_several_rooms_is_unread_in_none(subject: Subject) -> None:
    """A post in bob's own room that names a topic."""
    assert isinstance(subject.append(Draft("join", "alice", "bob", "", key(50)))[0], int)
    [seq, _] = says(subject, "bob", "see #x @alice", "see #x", room="bob")
    assert unread(subject) == {"#x": (2, 0), "bob": (2, 1)}
    does(subject, "redact", "bob", 200, seq=seq)
    assert unread(subject) == {"#x": (1, 0), "bob": (1, 0)}


def test_what_is_purged_forgotten_or_too_old_is_not_unread(subject: Subject) -> None:
    """Once it is overwritten."""
    says(subject, "bob", *["bob's @alice"] * 3)
    says(subject, "carol", *["carol's"] * 4)
    [old, *_] = says(subject, "bob", "later", "and later", number=120)
    assert unread(subject) == {"#x": (9, 3)}
    does(subject, "expire", CLUSTER, 300, "#x", seq=old - 6)
    assert unread(subject) == {"#x": (7, 1)}
    does(subject, "purge", CLUSTER, 301, "#x", "carol")
    assert unread(subject) == {"#x": (3, 1)}
    says(subject, "carol", "@alice", number=130)
    does(subject, "forget", CLUSTER, 302, "", "bob")
    assert unread(subject) == {"#x": (1, 1)}
    does(subject, "expire", CLUSTER, 303, "", seq=subject.read(Head()))
    assert unread(subject) == {}


def test_what_was_taken_back_before_the_mark_does_not_matter(subject: Subject) -> None:
    """And behind it each is counted once, up to the most."""
    seqs = says(subject, "bob", *["hi"] * 150)
    assert unread(subject) == {"#x": (99, 0)}
    for number, seq in enumerate(seqs[1:142]):
        does(subject, "redact", "bob", 400 + number, seq=seq)
    assert unread(subject) == {"#x": (9, 0)}
    subject.ask(subject.log.keep_marks([UserMark("alice", "#x", seqs[-3])]))
    assert unread(subject) == {"#x": (2, 0)}
