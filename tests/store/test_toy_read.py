"""A read is added in four places, and then each log answers it: here a toy is added, in just these four."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from store.test_log_contract import LOGS, Subject, key, post, registered

from chatnet import reads
from chatnet.entries import Draft
from chatnet.errors import BadRequest
from chatnet.reads import OF_A_STORE, QUESTIONS, AllUsers, Answers, Question
from chatnet.store.postgres import reads as postgres_reads
from chatnet.store.postgres.reads import PostgresTables
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite.reads import SqliteTables
from chatnet.testing import memory_log
from chatnet.testing.memory_log import MemoryLog
from chatnet.wire import log as wire

# ---- 1. chatnet/reads.py ----


class Crowd(Question[list[str]], frozen=True):
    """The members of ``room`` at ``upto``, in order: as many as fit."""

    lane = "logins"
    costs = "100 rows"

    room: str
    upto: int


# ---- 2. chatnet/store/sqlite/reads.py ----


def crowd(tables: SqliteTables, asked: Crowd) -> list[str]:
    rows = tables.execute(
        "SELECT user FROM membership WHERE room = ? AND joined <= ? AND left > ? ORDER BY user LIMIT 100",
        (asked.room, asked.upto, asked.upto),
    )
    return [user for (user,) in rows]


# ---- 3. chatnet/store/postgres/reads.py ----

CROWD = """
    SELECT "user" FROM membership WHERE room = %(room)s AND joined <= %(upto)s AND "left" > %(upto)s
    ORDER BY "user" LIMIT 100
"""


def crowd_of_postgres(tables: PostgresTables, asked: Crowd) -> list[str]:
    return [user for (user,) in tables.execute(CROWD, {"room": asked.room, "upto": asked.upto})]


# ---- 4. chatnet/testing/memory_log.py ----


def crowd_in_memory(log: MemoryLog, asked: Crowd) -> list[str]:
    users = log.state.memberships
    return sorted(user for user in users if log._memberships_at(user, asked.upto).has(asked.room))[:100]


@pytest.fixture
def crowds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the toy into the four files, and make again what is derived from the first when it is imported."""
    questions: tuple[type[Question[Any]], ...] = (*QUESTIONS, Crowd)
    monkeypatch.setattr(reads, "QUESTIONS", questions)
    tables: list[tuple[Any, Callable[..., list[str]]]] = [
        (sqlite_reads, crowd),
        (postgres_reads, crowd_of_postgres),
        (memory_log, crowd_in_memory),
    ]
    for module, answers in tables:
        monkeypatch.setattr(module, "ANSWERS", {**module.ANSWERS, Crowd: answers})
    monkeypatch.setattr(wire.Read, "arguments", [(b"question", wire.packed_question(questions))])
    monkeypatch.setattr(wire.Read, "_asked", ())
    wire.Read.__init_subclass__()


@pytest.mark.parametrize("make", LOGS)
@pytest.mark.usefixtures("crowds")
def test_a_new_read_is_answered_by_each_log(
    make: Callable[[Any], Subject], new_disk: Callable[[], Any]
) -> None:
    """The wire, the primary, the connections to a database and the simulator pass it on without a change."""
    subject = make(new_disk())
    registered(subject, "bob", "alice", "carol")
    drafts = [Draft("join", user, "#x", "", key(1)) for user in ("alice", "bob")]
    subject.append(*drafts, Draft("leave", "bob", "#x", "", key(2)), post("alice", "hi #x", 3))
    assert [subject.read(Crowd("#x", upto)) for upto in (3, 4, 5, 6)] == [
        *([], ["alice"], ["alice", "bob"]),
        ["alice"],
    ]


def test_a_log_that_does_not_know_it_says_so(new_disk: Callable[[], Any]) -> None:
    """A program of the last release does so."""
    over_amp = next(make for make in LOGS if make.__name__ == "over_amp")
    with pytest.raises(BadRequest, match="the value of “question” is wrong"):
        over_amp(new_disk()).read(Crowd("#x", 1))


@pytest.mark.parametrize(
    ("answers", "questions"),
    [
        (sqlite_reads.ANSWERS, OF_A_STORE),
        (postgres_reads.ANSWERS, OF_A_STORE),
        (memory_log.ANSWERS, (*QUESTIONS, AllUsers)),
    ],
)
def test_each_log_answers_each_question(
    answers: Answers[Any], questions: tuple[type[Question[Any]], ...]
) -> None:
    """A question that somebody has added to one table alone is missing in the others."""
    assert list(answers) == list(questions)
