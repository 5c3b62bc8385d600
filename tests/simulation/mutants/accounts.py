"""Bugs of who comes in: sessions that end, and codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace
from simulation.mutants.planting import Mutant, Put

from chatnet import rules
from chatnet.entries import Entry
from chatnet.errors import BadTicket
from chatnet.reads import Device, Snapshot, SnapshotOf
from chatnet.store.facts import RECOVERS
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite import writer
from chatnet.store.sqlite.facts import SqliteFacts
from chatnet.worker import entrance
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


def who_gets_a_new_secret_goes_on_hearing(put: Put) -> None:
    """An operator ends all sessions of a user, and those that are open go on hearing."""

    def apply(self: Users, entries: Sequence[Entry]) -> None:
        real(self, [entry for entry in entries if (entry.kind, entry.text) != ("revoke", "0")])

    real: Callable[..., None] = put(Users, "apply", apply)


def who_is_disabled_goes_on_hearing(put: Put) -> None:
    """An operator disables an account, and what is open goes on hearing."""

    def apply(self: Users, entries: Sequence[Entry]) -> None:
        real(self, [entry for entry in entries if entry.kind != "disable"])

    real: Callable[..., None] = put(Users, "apply", apply)


def who_is_disabled_comes_in(put: Put) -> None:
    """Nobody looks whether an account is disabled, nor whether its user is banned, when a client comes in, or
    does something."""
    put(entrance, "_orders", lambda *of: (0, False))
    put(SqliteFacts, "is_disabled", lambda *of: False)
    put(SqliteFacts, "is_barred", lambda *of: False)


def the_door_is_open_whatever_the_policy(put: Put) -> None:
    """Names are registered as if nobody had decided that they need a code, or that there are no new ones."""

    def holds(self: SqliteFacts, fact: str, *asked: Any) -> bool:
        return fact not in ("signup_by_code", "signup_closed") and real(self, fact, *asked)

    real: Callable[..., bool] = put(SqliteFacts, "holds", holds)


def an_invitation_lets_in_where_nobody_is(put: Put) -> None:
    """Where there are no new names, whoever has a code of any kind registers one."""

    def holds(self: SqliteFacts, fact: str, *asked: Any) -> bool:
        return real(self, "code_good" if fact == "code_for_name" else fact, *asked)

    real: Callable[..., bool] = put(SqliteFacts, "holds", holds)


def an_invitation_is_good_for_ever(put: Put) -> None:
    """Nobody counts how many have registered by a code."""
    kept = tuple(sql for sql in writer.FOLLOWS["register"] if "uses = uses - 1" not in sql)
    put(writer, "FOLLOWS", {**writer.FOLLOWS, "register": kept})


def a_ticket_is_lost_with_the_worker(put: Put) -> None:
    """A worker lets in by a ticket only whom it has let in before, by their secret."""
    let_in: set[tuple[int, int]] = set()

    async def login(self: entrance.Arrival, *shown: Any) -> Any:
        session = await real_login(self, *shown)
        let_in.add((id(self._entrance), session.by))
        return session

    async def resume(self: entrance.Arrival, ticket: bytes) -> Any:
        _, begun, _day = self._entrance.token.check_ticket(self._entrance.sessions.log.log_id, ticket)
        if (id(self._entrance), begun) not in let_in:
            raise BadTicket(BadTicket.sentence)
        return await real_resume(self, ticket)

    real_login: Callable[..., Any] = put(entrance.Arrival, "login", login)
    real_resume: Callable[..., Any] = put(entrance.Arrival, "resume", resume)


def a_code_is_used_twice(put: Put) -> None:
    """A code for another device lets in whoever shows it, as long as it is not too old."""
    kept = tuple(sql for sql in writer.FOLLOWS["session"] if "DELETE FROM code" not in sql)
    put(writer, "FOLLOWS", {**writer.FOLLOWS, "session": kept})


def a_recovery_code_is_used_twice(put: Put) -> None:
    """A recovery code sets a new secret as often as somebody shows it."""
    kept = tuple(sql for sql in writer.FOLLOWS["secret"] if "DELETE FROM code WHERE hash" not in sql)
    put(writer, "FOLLOWS", {**writer.FOLLOWS, "secret": kept})


def recovery_codes_of_before_stay_good(put: Put) -> None:
    """Whoever makes new recovery codes has not made the earlier ones void."""
    drops, *others = writer.FOLLOWS["code"]
    put(writer, "FOLLOWS", {**writer.FOLLOWS, "code": (f"{drops} AND NOT {RECOVERS}", *others)})


def _hears_of_no_end(put: Put) -> None:
    def apply(self: Users, entries: Sequence[Entry]) -> None:
        real(self, [entry for entry in entries if entry.kind != "revoke"])

    real: Callable[..., None] = put(Users, "apply", apply)


MUTANTS: tuple[Mutant, ...] = (
    who_is_shut_out_goes_on,
    who_is_shut_out_posts_through_a_worker_that_is_behind,
    who_is_shut_out_comes_back_by_the_ticket,
    who_gets_a_new_secret_goes_on_hearing,
    who_is_disabled_goes_on_hearing,
    who_is_disabled_comes_in,
    the_door_is_open_whatever_the_policy,
    an_invitation_lets_in_where_nobody_is,
    an_invitation_is_good_for_ever,
    a_ticket_is_lost_with_the_worker,
    a_code_is_used_twice,
    a_recovery_code_is_used_twice,
    recovery_codes_of_before_stay_good,
)
