"""Bugs of the log: what is committed, when it is acknowledged, and what is read of it."""

from __future__ import annotations

from collections.abc import Callable
from heapq import merge
from typing import Any

import apsw
from msgspec.structs import replace
from simulation.mutants.planting import Put
from twisted.internet.error import ConnectionClosed
from twisted.internet.threads import deferToThreadPool

from chatnet import rules
from chatnet.entries import Draft
from chatnet.errors import Poison
from chatnet.log import Outcome, Refused
from chatnet.reads import Feed, FeedPage
from chatnet.store.pages import take_page
from chatnet.store.remote import RemoteLog
from chatnet.store.sqlite import opening as sqlite_opening
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite import schema as sqlite_schema
from chatnet.store.sqlite import writer
from chatnet.store.sqlite.disk import DiskFull
from chatnet.store.sqlite.log import SqliteLog
from chatnet.store.sqlite.writer import Batch, Writer
from chatnet.wire.log import Append
from chatnet.worker.users import Users

_LOOK_UP = " ON CONFLICT (key, user) DO NOTHING"

Edit = Callable[[Writer, str], str]


def _editing(edit: Edit, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``method`` of the store with its SQL edited."""

    def edited(self: Writer, *arguments: Any) -> Any:
        execute = self._execute
        self._execute = lambda sql, *values: execute(edit(self, sql), *values)
        try:
            return method(self, *arguments)
        finally:
            self._execute = execute

    return edited


def acknowledge_before_commit(put: Put) -> None:
    """Drafts are acknowledged when they are written; they are committed, and passed on, right after that."""

    def run(self: Writer, *arguments: Any) -> Batch:
        _commit_if_need_be(self)
        batch: Batch = without_commit(self, *arguments)
        return batch

    def committed(self: SqliteLog, batch: Batch) -> list[Outcome]:
        committing = deferToThreadPool(self._reactor, self._writer, _commit_if_need_be, self._store)
        committing.addCallback(lambda _: real(self, batch)).addErrback(lambda why: None)
        return batch.outcomes

    without_commit = _editing(lambda _, sql: "SELECT 1" if sql == "COMMIT" else sql, Writer._run)
    put(Writer, "_run", run)
    real = put(SqliteLog, "_committed", committed)


def _commit_if_need_be(store: Writer) -> None:
    if store._connection.in_transaction:
        store._execute("COMMIT")


def forget_the_key_check(put: Put) -> None:
    """A draft is appended even if its key is there already."""
    put(sqlite_schema, "STEPS", _without_unique_keys())
    put(Writer, "_apply", _editing(lambda _, sql: sql.replace(_LOOK_UP, ""), Writer._apply))


def a_key_twice_in_one_batch(put: Put) -> None:
    """Keys are looked up in the table before the batch, and not among those earlier in it."""
    known: set[tuple[str, bytes]] = set()
    blind = _editing(lambda _, sql: sql.replace(_LOOK_UP, ""), Writer._apply)

    def run(self: Writer, drafts: list[Draft], *arguments: Any) -> Batch:
        known.clear()
        for draft in drafts:
            sql = "SELECT 1 FROM entry WHERE user = ? AND key = ?"
            if self._execute(sql, (draft.user, draft.key)).get:
                known.add((draft.user, draft.key))
        batch: Batch = real(self, drafts, *arguments)
        return batch

    def apply(self: Writer, draft: Draft, now: int, batch: Batch) -> None:
        if (draft.user, draft.key) in known:
            batch.outcomes.append(self._old(draft))
        else:
            blind(self, draft, now, batch)

    put(sqlite_schema, "STEPS", _without_unique_keys())
    put(Writer, "_apply", apply)
    real = put(Writer, "_run", run)


def _without_unique_keys() -> tuple[str, ...]:
    return tuple(step.replace("UNIQUE INDEX", "INDEX") for step in sqlite_schema.STEPS)


def no_fsync(put: Put) -> None:
    """The kernel decides when to write to the disk: ``synchronous=OFF``."""

    def set_up(connection: apsw.Connection) -> None:
        real(connection)
        connection.execute("PRAGMA synchronous=OFF")

    real = put(sqlite_opening, "set_up_writer", set_up)


def stale_epoch_obeyed(put: Put) -> None:
    """A primary goes on committing though another has taken the lease."""

    def ours(self: Writer, sql: str) -> str:
        return sql.replace("SELECT epoch,", f"SELECT {self._epoch},")

    put(Writer, "_run", _editing(ours, Writer._run))


def a_full_disk_refuses(put: Put) -> None:
    """Drafts are refused while the disk is full, instead of waiting for room."""

    async def commit(self: SqliteLog, drafts: list[Draft]) -> list[Outcome]:
        try:
            batch, *_ = await self._in_writer(drafts)
            assert batch is not None
            return self._committed(batch)
        except DiskFull:
            return [Refused(Poison.code, Poison.sentence) for _ in drafts]

    put(SqliteLog, "_commit", commit)


def a_lost_primary_refuses(put: Put) -> None:
    """Drafts under way to a primary that died are refused, instead of being sent to the next."""

    async def commit(self: RemoteLog, drafts: list[Draft]) -> list[Outcome]:
        if self._link is not None:
            try:
                answer: dict[str, list[Outcome]] = await self._link.callRemote(Append, drafts=drafts)
            except ConnectionClosed:
                return [Refused(Poison.code, Poison.sentence) for _ in drafts]
            return answer["outcomes"]
        outcomes: list[Outcome] = await real(self, drafts)
        return outcomes

    real = put(RemoteLog, "_commit", commit)


def time_goes_back(put: Put) -> None:
    """An entry's time is the wall clock's, even if that was set back."""

    def commit(self: Writer, drafts: list[Draft], now: int) -> Batch:
        self.time = 0
        batch: Batch = real(self, drafts, now)
        return batch

    real = put(Writer, "commit", commit)


def resume_by_todays_memberships(put: Put) -> None:
    """What was missed is read by the user's rooms of now, not of that time."""

    def feed(tables: sqlite_reads.SqliteTables, asked: Feed) -> FeedPage:
        rooms = [room for room, _, _ in sqlite_reads._stays(tables, asked.user, asked.upto, asked.upto)]
        spans = [(place, asked.after, asked.upto + 1) for place in (asked.user, "@" + asked.user, *rooms)]
        seqs = sqlite_reads._each_once(
            merge(*(sqlite_reads._rising(tables, span, "place") for span in spans))
        )
        posts, is_full = take_page(sqlite_reads._entries(tables, seqs), tables.page)
        return FeedPage(posts, posts[-1].seq if is_full else asked.upto)

    put(sqlite_reads, "ANSWERS", {**sqlite_reads.ANSWERS, Feed: feed})


def nobody_asks_who_is_in_a_topic(put: Put) -> None:
    """Posts of those who have not joined it are taken, or who have left it."""
    real = rules._asked
    put(rules, "_asked", lambda kind, *of: () if kind == "post" else real(kind, *of))


def a_new_secret_ends_nobody(put: Put) -> None:
    """When a user sets a new secret, their other sessions stay and go on posting."""
    put(Users, "apply", lambda self, entries: None)
    real: Callable[..., Any] = put(
        writer, "judge", lambda draft, facts, now: real(replace(draft, by=0), facts, now)
    )
