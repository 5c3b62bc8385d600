"""Bugs of who comes in: sessions that end, and codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace
from simulation.mutants.planting import Put

from chatnet import rules
from chatnet.entries import Entry
from chatnet.reads import Device, Snapshot, SnapshotOf
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite import writer
from chatnet.worker.users import Users


def who_is_shut_out_goes_on(put: Put) -> None:
    """Neither the worker nor the log looks whether a session was ended: it goes on posting."""
    _hears_of_no_end(put)
    put(rules, "_check_session", lambda *of: None)


def who_is_shut_out_posts_through_a_worker_that_is_behind(put: Put) -> None:
    """The log takes what a worker sends that has not followed to the end of its session yet."""
    put(rules, "_check_session", lambda *of: None)


def who_is_shut_out_comes_back_by_the_ticket(put: Put) -> None:
    """A ticket is good although its session was ended."""

    def snapshot(tables: Any, asked: SnapshotOf) -> Snapshot:
        found = real(tables, asked)
        session = found.session
        if session is None and asked.session >= found.secret_seq:
            session = Device(asked.session, "", "", "all")
        return replace(found, session=session)

    real = sqlite_reads.ANSWERS[SnapshotOf]
    put(sqlite_reads, "ANSWERS", {**sqlite_reads.ANSWERS, SnapshotOf: snapshot})


def a_code_is_used_twice(put: Put) -> None:
    """A code for another device lets in whoever shows it, as long as it is not too old."""
    kept = tuple(sql for sql in writer.FOLLOWS["session"] if "DELETE FROM code" not in sql)
    put(writer, "FOLLOWS", {**writer.FOLLOWS, "session": kept})


def _hears_of_no_end(put: Put) -> None:
    def apply(self: Users, entries: Sequence[Entry]) -> None:
        real(self, [entry for entry in entries if entry.kind != "revoke"])

    real: Callable[..., None] = put(Users, "apply", apply)
