"""PostgreSQL's implementation of :class:`chatnet.store.postgres.database.Database`."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from chatnet.entries import Draft, Entry, More, entry_of, heard_at, of_row, packed_more, places, settled
from chatnet.errors import CannotStart, Outgrown, Poison, Refusal
from chatnet.form import check_form
from chatnet.kinds import KINDS, SAID, own_level
from chatnet.limits import LIMITS, PAGE, Limits, PageSize
from chatnet.log import Outcome, Refused
from chatnet.marks import UserMark, cut
from chatnet.names import is_private, is_topic, mentioned
from chatnet.reads import LAST_SEQ, Question
from chatnet.rules import MAKERS
from chatnet.store.blanking import HEIRS, Freed, Overdue, asking, overdue, undone
from chatnet.store.marks import crowded, oldest
from chatnet.store.postgres import reads as postgres_reads
from chatnet.store.postgres.append import DEPOSED, OLD, OUTGROWN, functions
from chatnet.store.postgres.blanking import free
from chatnet.store.postgres.connection import connect, is_poison, reason
from chatnet.store.postgres.database import Deposed, GivenUp, LeaseRow, Opened, Unavailable
from chatnet.store.postgres.schema import migrate
from chatnet.store.refusals import refused

T = TypeVar("T")

_APPEND = """
    SELECT seqs, codes FROM {append}(
        %b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::bigint[], %b::bigint[], %b::text[],
        %b::bytea[], %b::text[], %b::bigint[], %b::bytea[], %b::bigint[], %b::text[], %b::text[],
        %b::text[], %b::text[], %b::integer[], %b::text[], %b::integer[], %b::text[], %b, %b)
"""
# One statement, which is a transaction by itself. In the order of the key, so that two workers never wait for
# each other.
_KEEP_MARKS = """
    WITH relaxed AS (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO mark ("user", room, seq)
    SELECT "user", room, least(seq, log.head)
    FROM unnest(%b::text[], %b::text[], %b::bigint[]) AS given("user", room, seq), log, relaxed
    WHERE NOT EXISTS (SELECT FROM forgotten WHERE forgotten."user" = given."user")
    ORDER BY "user" COLLATE "C", room COLLATE "C"
    ON CONFLICT ("user", room) DO UPDATE SET seq = excluded.seq WHERE mark.seq < excluded.seq
    RETURNING "user", room, seq, xmax = 0
"""
_CROWDED = f"""
    SELECT "user" FROM unnest(%b::text[]) AS grown("user") WHERE {crowded('grown."user"')}
"""
# Marks that somebody else raises just now stay: nobody waits for another.
_REMOVE_MARKS = tuple(
    f"""
    WITH relaxed AS (SELECT set_config('synchronous_commit', 'off', true))
    DELETE FROM mark USING relaxed
    WHERE "user" = %(user)b AND room = ANY (ARRAY({rooms} FOR UPDATE SKIP LOCKED))
    RETURNING room
"""
    for rooms in oldest("%(user)b", "greatest")
)
_ABOUT = """
    SELECT log.id, log.head, current_setting('synchronous_standby_names') = '' AS is_alone,
        'off' IN (current_setting('fsync'), current_setting('full_page_writes')) AS is_unsafe,
        -- Over a socket of Unix or a machine's own address, we have none that others could use.
        CASE WHEN inet_client_addr() <<= '127.0.0.0/8' OR inet_client_addr() = '::1' THEN ''
            ELSE coalesce(host(inet_client_addr()), '') END AS seen_as,
        EXISTS (SELECT FROM copying) AS is_copied_to
    FROM log
"""


class PostgresDatabases:
    """Connects a process that understands ``level`` to databases; None means the program's own level."""

    def __init__(self, level: int | None = None, limits: Limits = LIMITS) -> None:
        self._level = own_level() if level is None else level
        self._limits = limits

    def connect(self, url: str) -> PostgresDatabase:
        """Return a new connection to ``url``: see :class:`chatnet.store.postgres.database.Databases`."""
        connection = connect(url, self._limits.database)
        return PostgresDatabase(connection, self._level, self._limits.page)


class PostgresDatabase:
    """One connection. Calls come one at a time, except :meth:`close`, which may come during another."""

    def __init__(self, connection: Any, level: int | None = None, page: PageSize = PAGE) -> None:
        self._level = own_level() if level is None else level
        self._page = page
        self._append_sql = _APPEND.format(append=functions(self._level).append)
        self._connection = connection
        self._cursor = connection.cursor(binary=True)
        # Our own socket object for it: libpq closes its own whenever it likes.
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._in_use = threading.Lock()
        self._closed = False
        self._bell: _Bell | None = None

    def open(self, fresh_id: str) -> Opened:
        with self._asking():
            level = migrate(self._connection, fresh_id, self._level)
            log_id, head, is_alone, is_unsafe, seen_as, is_copied_to = self._one(_ABOUT)
            if is_copied_to:
                raise CannotStart(
                    "A log is being copied into this database; if that was broken off, run chatnet migrate "
                    "again."
                )
            blankings = undone(self._cursor.execute)
        return Opened(log_id, head, _warning(is_alone, is_unsafe), seen_as, level, blankings)

    # ---- appending ----

    def append(
        self, drafts: list[Draft], now: int, epoch: int = 0
    ) -> tuple[list[Outcome], list[tuple[Draft, Exception]]]:
        try:
            return self._append(drafts, now, epoch), []
        except (Unavailable, Deposed):
            raise
        except Exception as error:
            if len(drafts) == 1:
                return [Refused.of(Poison.of())], [(drafts[0], error)]
        # One of them is poison. Find out which, by halves, so that the others are not refused with it.
        half = len(drafts) // 2
        outcomes, poisoned = self.append(drafts[:half], now, epoch)
        more_outcomes, more_poisoned = self.append(drafts[half:], now, epoch)
        return outcomes + more_outcomes, poisoned + more_poisoned

    def _append(self, drafts: list[Draft], now: int, epoch: int) -> list[Outcome]:
        try:
            for draft in drafts:
                check_form(draft)
        except Refusal:
            wrong = [_wrong_form(draft) for draft in drafts]
            formed = [draft for draft, no in zip(drafts, wrong, strict=True) if no is None]
            outcomes = iter(self._append_formed(formed, now, epoch) if formed else ())
            return [no or next(outcomes) for no in wrong]
        return self._append_formed(drafts, now, epoch)

    def _append_formed(self, drafts: list[Draft], now: int, epoch: int) -> list[Outcome]:
        with self._asking():
            columns = _columns(drafts, self._entry)
            seqs, codes = self._one(self._append_sql, (*columns, now, epoch))
        if codes is None:
            return list(seqs)
        return [
            seq if code is None else refused(draft, code)
            for draft, seq, code in zip(drafts, seqs, codes, strict=True)
        ]

    def _entry(self, seq: int) -> Entry | None:
        """Return the entry at a seq; None if there is none. Only its text ever changes."""
        columns = 'seq, time, kind, "user", room, text, key, more, at'
        row = self._any(f"SELECT {columns} FROM entry WHERE seq = %s", (seq,))
        return None if row is None else of_row(row)

    def keep_marks(self, marks: Sequence[UserMark]) -> list[UserMark]:
        given = cut(marks, LAST_SEQ)
        columns = tuple([getattr(mark, name) for mark in given] for name in ("user", "room", "seq"))
        with self._asking():
            rows = self._cursor.execute(_KEEP_MARKS, columns).fetchall()
            # Without a row that was not there before, there are no more of them than before.
            grown = sorted({user for user, _, _, is_new in rows if is_new})
            full = self._cursor.execute(_CROWDED, (grown,)).fetchall() if grown else ()
            gone = {
                (user, room)
                for (user,) in full
                for remove in _REMOVE_MARKS
                for (room,) in self._cursor.execute(remove, {"user": user}).fetchall()
            }
        return [UserMark(user, room, seq) for user, room, seq, _ in rows if (user, room) not in gone]

    def free(self) -> Freed:
        with self._asking(), self._connection.transaction():
            return free(self._cursor.execute, self._page.stays)

    def overdue(self, now: int, day: int) -> list[Overdue]:
        with self._asking():
            return overdue(asking(self._cursor.execute), now, day)

    def heirs(self) -> list[tuple[str, str]]:
        with self._asking():
            return [(room, heir) for room, heir in self._cursor.execute(HEIRS).fetchall()]

    def outdate(self, level: int) -> None:
        with self._asking():
            for (old,) in self._connection.execute(OLD, (level,)).fetchall():
                self._connection.execute(f"DROP FUNCTION IF EXISTS {old}")

    def read(self, question: Question[T]) -> T:
        with self._asking():
            return postgres_reads.answer(self._cursor, question, self._page)

    # ---- the doorbell ----

    def listen(self) -> None:
        with self._asking():
            self._connection.execute("LISTEN chatnet")

    def watch(self, reactor: Any, rung: Callable[[], None], lost: Callable[[], None]) -> None:
        self._bell = _Bell(self._connection.pgconn, self._socket, rung, lost, reactor)
        reactor.addReader(self._bell)

    # ---- the lease ----

    def lease(self) -> LeaseRow:
        with self._asking():
            return LeaseRow(*self._one("SELECT counter, epoch, holder FROM lease"))

    def take_lease(self, seen: int, holder: str) -> int | None:
        with self._asking():
            row = self._any(
                "UPDATE lease SET counter = counter + 1, epoch = epoch + 1, holder = %s WHERE counter = %s"
                " AND NOT EXISTS (SELECT FROM copying) AND (SELECT level FROM log) <= %s RETURNING epoch",
                (holder, seen, self._level),
            )
            if row is None:
                (level,) = self._one("SELECT level FROM log")
                if level > self._level:
                    raise Outgrown.at(level, self._level)
        return None if row is None else int(row[0])

    def renew_lease(self, epoch: int, holder: str) -> bool:
        with self._asking():
            return (
                self._any(
                    "UPDATE lease SET counter = counter + 1, holder = %s WHERE epoch = %s AND holder <> ''"
                    " RETURNING counter",
                    (holder, epoch),
                )
                is not None
            )

    def release_lease(self, epoch: int) -> None:
        with self._asking():
            self._connection.execute(
                "UPDATE lease SET counter = counter + 1, holder = '' WHERE epoch = %s", (epoch,)
            )

    def token_fingerprint(self, fingerprint: str) -> str:
        with self._asking():
            self._connection.execute("UPDATE lease SET token = %s WHERE token = ''", (fingerprint,))
            return str(self._one("SELECT token FROM lease")[0])

    # ---- asking ----

    def close(self) -> None:
        self._closed = True
        if self._bell is not None:
            self._bell.stop()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        # A call that is under way wakes up, and then closes the connection.
        self._close_unless_in_use()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Run one call at a time. Errors that are not the question's become Unavailable."""
        import psycopg

        try:
            with self._in_use:
                if self._closed:
                    raise Unavailable("the connection is closed")
                yield
        except psycopg.Error as error:
            if error.sqlstate == OUTGROWN:
                raise Outgrown.at(int(error.diag.message_primary or 0), self._level) from error
            if error.sqlstate == DEPOSED:
                raise Deposed from error
            if is_poison(error):
                # PostgreSQL's message may quote the row, a post or a credential, and it will be logged.
                error.args = (f"SQLSTATE {error.sqlstate}, {error.diag.constraint_name or 'no constraint'}",)
                raise
            is_slow = isinstance(error, (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable))
            raise (GivenUp if is_slow else Unavailable)(reason(error)) from error
        finally:
            if self._closed:
                self._close_unless_in_use()

    def _close_unless_in_use(self) -> None:
        if self._in_use.acquire(blocking=False):
            try:
                self._connection.close()
                self._socket.close()
            finally:
                self._in_use.release()

    def _any(self, sql: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._cursor.execute(sql, values).fetchone()
        return row

    def _one(self, sql: str, values: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        row = self._any(sql, values)
        if row is None:
            raise Unavailable("a row is gone that must be there; was the database emptied?")
        return row


@implementer(IReadDescriptor)
class _Bell:
    """Waits in the reactor for notifications on a connection that nobody else uses."""

    def __init__(
        self,
        pgconn: Any,
        its_socket: socket.socket,
        rung: Callable[[], None],
        lost: Callable[[], None],
        reactor: Any,
    ) -> None:
        self._pgconn, self._socket, self._reactor = pgconn, its_socket, reactor
        self._rung, self._lost = rung, lost
        self._descriptor = its_socket.fileno()

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "doorbell"

    def doRead(self) -> None:
        import psycopg

        try:
            self._pgconn.consume_input()
        except psycopg.Error:
            self.stop()
            self._lost()
            return
        heard = False
        while self._pgconn.notifies() is not None:
            heard = True
        if heard:
            self._rung()

    def connectionLost(self, why: object) -> None:
        """The reactor found that the descriptor is dead."""
        self.stop()
        self._lost()

    def stop(self) -> None:
        self._reactor.removeReader(self)


def _wrong_form(draft: Draft) -> Refused | None:
    try:
        check_form(draft)
    except Refusal as no:
        return Refused.of(no)
    return None


def _columns(drafts: list[Draft], look: Callable[[int], Entry | None]) -> tuple[list[Any], ...]:
    """Return the arguments of the append function: the drafts by column, then where they are heard,
    and whom those in private rooms name.

    ``look`` returns the entry to which one refers.
    """
    heard: list[tuple[int, str]] = []
    named_users: list[tuple[int, str]] = []
    topics: list[str] = []
    for number, draft in enumerate(drafts, 1):
        if draft.kind in SAID:
            at = places(draft.user, draft.room, draft.text)
            named = at[1:] if draft.room == draft.user else ()  # the first is the room, where the author is
            if is_private(draft.room):
                named_users += [(number, user) for user in mentioned(draft.text)]
        else:
            target = None if draft.ref is None else look(draft.ref.seq)
            at = settled(draft, target, lambda user: False, lambda seq: False, lambda user: ())
            if not KINDS[draft.kind].depends_on_target:
                at = at or heard_at(entry_of(draft, 0, 0, ()))
            named = (draft.room,) if draft.kind in MAKERS else ()
        heard += [(number, place) for place in at]
        topics.append(" ".join([place for place in named if is_topic(place)]) if named else "")
    return (
        [draft.kind for draft in drafts],
        [draft.user for draft in drafts],
        [draft.room for draft in drafts],
        [draft.text for draft in drafts],
        [draft.key for draft in drafts],
        [draft.by for draft in drafts],
        [draft.meant for draft in drafts] if any(draft.meant for draft in drafts) else [],
        topics if any(topics) else [],
        *_beyond(drafts),
        [number for number, _ in heard],
        [place for _, place in heard],
        [number for number, _ in named_users],
        [user for _, user in named_users],
    )


def _beyond(drafts: list[Draft]) -> tuple[list[Any], ...]:
    """Return what drafts have beyond the columns of all: more, for whom, the seq and check of what they refer
    to, and until when they hold; and the device, label, scope and code of what begins a session."""
    if not any(draft.more is not None for draft in drafts):
        tos = [draft.to for draft in drafts] if any("=" in draft.room for draft in drafts) else []
        return [], tos, *([],) * 7
    mores = [_NOTHING if draft.more is None else draft.more for draft in drafts]
    begins = any(more.device or more.label or more.scope or more.code for more in mores)
    return (
        [packed_more(draft.more) for draft in drafts],
        [draft.to for draft in drafts],
        [0 if draft.ref is None else draft.ref.seq for draft in drafts],
        [b"" if draft.ref is None else draft.ref.check for draft in drafts],
        [more.until for more in mores],
        *([getattr(more, name) for more in mores] if begins else [] for name in _OF_A_SESSION),
    )


_NOTHING = More()
_OF_A_SESSION = ("device", "label", "scope", "code")


def _warning(is_alone: bool, is_unsafe: bool) -> str:
    if is_unsafe:
        return "PostgreSQL runs with fsync or full_page_writes off: a crash of its machine can lose the log."
    if is_alone:
        return "PostgreSQL has no synchronous_standby_names: the log is lost if its machine is."
    return ""
