"""``chatnet migrate``: copies the log of an embedded store into PostgreSQL, for many machines."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from chatnet.entries import Entry, heard_at, of_row
from chatnet.errors import CannotStart
from chatnet.kinds import EVENTS, KINDS, SAID, Text
from chatnet.operator.derived import is_too_long
from chatnet.operator.progress import Progress
from chatnet.operator.source import open_database
from chatnet.store.lease import FlockLease
from chatnet.store.postgres.connection import reason
from chatnet.store.postgres.schema import migrate as make_tables
from chatnet.store.sqlite import schema as sqlite_schema
from chatnet.store.sqlite.disk import DiskRefuses
from chatnet.store.sqlite.erased import catch_up
from chatnet.store.sqlite.marks import MARKS, every_mark
from chatnet.store.sqlite.moved import mark
from chatnet.store.sqlite.opening import is_decoded
from chatnet.store.sqlite.writer import Writer
from chatnet.world import World

# What is said once masters have held the target's lease, which raises its counter.
_USED = "The target holds this log already, and masters have used it: start them with it."
_USED_EARLIER = (
    "The target holds an earlier copy of this log, and masters have used it since: what came into the source "
    "afterwards is not there. Keep one of the two, or choose an empty database."
)
_RESTORE = "restore a backup of it, and copy that into an empty database"

_LASTING = 'text, seq, time, kind, "user", room, key'
"""What of an entry never changes, behind its text, which goes when it is taken back; then ``at`` is set, and
what else said by what its author was known goes from ``more``."""
_ENTRY = 'seq, time, kind, "user", room, text, key, more, at'
_DERIVED = {
    "membership": ('"user", "left", room, joined', "SELECT user, left, room, joined FROM membership"),
    "account": (
        '"user", credential, secret_seq, registered, rooms, day, topics, fresh',
        "SELECT user, credential, secret_seq, registered, rooms, day, topics, fresh FROM account",
    ),
    "room": ("name", "SELECT name FROM room"),
    "private": ("name, history, made", "SELECT name, history, made FROM private"),
    "standing": (
        'room, "user", role, invited, banned, muted, ordered, blocked, disabled',
        "SELECT room, user, role, invited, banned, muted, ordered, blocked, disabled FROM standing",
    ),
    "session": (
        '"user", device, seq, label, scope, credential',
        "SELECT user, device, seq, label, scope, credential FROM session",
    ),
    "code": (
        "hash, author, whose, room, uses, until",
        "SELECT hash, author, whose, room, uses, until FROM code",
    ),
    "face": ('"user", text, seq', "SELECT user, text, seq FROM face"),
    "talk": ('"user", room', "SELECT user, room FROM talk"),
    "gone": ("name, seq", "SELECT name, seq FROM gone"),
    "mention": ('"user", room, seq', "SELECT user, room, seq FROM mention"),
    "description": ("room, text, seq", "SELECT room, text, seq FROM description"),
    "policy": ("room, name, value, seq", "SELECT room, name, value, seq FROM policy"),
    "forgotten": ('"user", seq', "SELECT user, seq FROM forgotten"),
    "ending": ('"user", seq', "SELECT user, seq FROM ending"),
    "blanking": (
        '"user", room, upto, seq, whole, done',
        "SELECT user, room, upto, seq, whole, done FROM blanking",
    ),
    "erased": ('"user", key', "SELECT user, key FROM erased"),
    "invitation": ('"user", room, inviter, seq', "SELECT user, room, inviter, seq FROM invitation"),
    "reported": ("seq", "SELECT seq FROM reported"),
    "tally": ('"user", kind, day, count', "SELECT user, kind, day, count FROM tally"),
    "refusal": (
        '"user", key, content, code',
        "SELECT user, key, content, code FROM refusal",
    ),
}
"""What is copied whole, besides the entries and their places: the columns, and the query for them."""


def migrate(data: Path, url: str, world: World) -> str:
    """Copy the log in ``data`` to ``url``, or continue an interrupted copy; return a sentence about it.

    Blocks. Until the copy is complete and compared, no master can use it; after that none uses ``data``.

    :raises CannotStart: it cannot be done, for the reason in the sentence.
    """
    lease = FlockLease(world.files, data)
    try:
        taken = lease.take()
    except OSError as error:
        raise CannotStart(
            f"There is no store in {data} ({error.strerror}): name the data directory by --from."
        ) from error
    if not taken:
        raise CannotStart(
            f"A master runs on {data}: stop its cluster first, by “chatnet stop --data {data}”."
        )
    try:
        return _Copy(data, _open_source(data, world), open_database(url), world).whole()
    finally:
        lease.release()


def _open_source(data: Path, world: World) -> apsw.Connection:
    path = data / "log.sqlite"
    try:
        # Not by World.files, which would make a store.
        source = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        sqlite_schema.set_up_writer(source)
        sqlite_schema.migrate(source, world.entropy(16).hex(), world.level)
        sqlite_schema.refuse_level(source, world.level)
    except apsw.Error as error:
        raise CannotStart(f"The store {path} cannot be opened: {error}.") from error
    try:
        _take_back_again(path, source, world)
    except (apsw.Error, DiskRefuses) as error:
        raise CannotStart(f"The log cannot be read ({error}): {_RESTORE}.") from error
    return source


def _take_back_again(path: Path, source: apsw.Connection, world: World) -> None:
    """Take back what was taken back after the source was backed up, if it was put back since."""
    log_id, epoch = next(source.execute("SELECT id, epoch FROM log"))
    store, now = Writer(source, epoch, world.level), int(world.wall() * 1000)
    catch_up(path, world.files, source, store, log_id, lambda drafts: store.commit(drafts, now))


class _Copy:
    """One run of the copying."""

    def __init__(self, data: Path, source: apsw.Connection, target: Any, world: World) -> None:
        self._data = data
        self._source = source
        self._target = target
        self._world = world
        self._batch = world.limits.batch_entries
        self._progress = Progress(world)
        self._id, self._epoch, self._head, self._level = next(
            source.execute("SELECT id, epoch, head, level FROM log")
        )

    def whole(self) -> str:
        import psycopg

        try:
            copied = self._begin()
            self._copy_entries(copied)
            self._copy_derived()
            without = self._copy_marks()
            digest = self._compare()
            self._mark_source()
            with self._target.transaction():
                # Epochs go on rising, and a store with an epoch makes no new token.
                self._target.execute("UPDATE log SET level = %s", (self._level,))
                self._target.execute("UPDATE lease SET epoch = greatest(epoch, %s)", (self._epoch,))
                self._target.execute("DELETE FROM copying")
        except psycopg.Error as error:
            raise CannotStart(
                f"The copy was broken off ({reason(error)}): run this again, and it goes on from there."
            ) from error
        except apsw.Error as error:
            raise CannotStart(f"The log cannot be read ({error}): {_RESTORE}.") from error
        except UnicodeDecodeError as error:
            raise CannotStart(f"The log holds what is no text: {_RESTORE}.") from error
        finally:
            self._progress.end()
            self._target.close()
            self._source.close()
        return (
            f"{self._head:,} entries copied and compared; SHA-256 {digest}. {without}Start the masters with "
            "this store now, and keep cluster.token: tickets stay good."
        )

    def _mark_source(self) -> None:
        """Mark the source as moved, before the target can be used: never can both be used."""
        try:
            mark(self._world.files, self._data)
        except OSError as error:
            raise CannotStart(f"{self._data} cannot be marked as moved ({error.strerror}).") from error

    def _begin(self) -> int:
        """Mark the target as being copied to; return the seq from which to copy.

        :raises CannotStart: it holds another log, or one that is already used.
        """
        make_tables(self._target, self._id, self._world.level)
        self._keep_others_out()
        with self._target.transaction():
            self._target.execute("LOCK TABLE lease IN EXCLUSIVE MODE")
            its_id, head = self._one("SELECT id, head FROM log")
            counter, epoch, begun = self._one(
                "SELECT counter, epoch, EXISTS (SELECT FROM copying) FROM lease"
            )
            if not (begun or head or epoch or counter):
                self._target.execute("UPDATE log SET id = %s", (self._id,))
            elif its_id != self._id:
                raise CannotStart("The target holds another log: choose an empty database.")
            elif counter:
                raise CannotStart(_USED if self._agree_at(self._head) else _USED_EARLIER)
            elif not self._agree_at(head):
                raise CannotStart(
                    "The target holds entries of this log that the source lacks: take the newer source, or "
                    "choose an empty database."
                )
            if not begun:
                self._target.execute("INSERT INTO copying DEFAULT VALUES")
        return int(head)

    def _agree_at(self, seq: int) -> bool:
        """Return whether both logs have the same entry there, or both none. Ours may be blank by now."""
        query = f"SELECT {_LASTING} FROM entry WHERE seq = "
        ours = self._source.execute(query + "?", (seq,)).fetchone()
        theirs = self._target.execute(query + "%s", (seq,)).fetchone()
        if ours is None or theirs is None:
            return ours is theirs
        return bool(ours[1:] == theirs[1:] and ours[0] in ("", theirs[0]))

    def _keep_others_out(self) -> None:
        """Lock the target: somebody may migrate from a copy of the directory, which the lease does not stop.

        The slower of two would overwrite what is already in use. The lock lasts until the connection ends, so
        the lock of a killed run is waited for a while.

        :raises CannotStart: another run is under way.
        """
        import psycopg

        try:
            self._target.execute("SELECT pg_advisory_lock('copying'::regclass::oid::bigint)")
        except psycopg.errors.LockNotAvailable as error:
            raise CannotStart("Another chatnet migrate copies into this database: wait for it.") from error

    def _copy_entries(self, copied: int) -> None:
        self._progress.begin(copied, self._head)
        self._take_back(copied)
        while copied < self._head:
            rows = list(
                self._source.execute(
                    f"SELECT {_ENTRY} FROM entry WHERE seq > ? ORDER BY seq LIMIT ?", (copied, self._batch)
                )
            )
            if not rows or rows[-1][0] != copied + len(rows):
                raise CannotStart(f"The log lacks entries behind {copied:,}: {_RESTORE}.")
            entries = [_entry(row) for row in rows]
            copied, time = rows[-1][0], rows[-1][1]
            with self._target.transaction():
                self._write("entry", f"({_ENTRY})", rows)
                self._write("place", "(name, seq)", _places(entries, SAID))
                self._write("event", "(name, seq)", _places(entries, EVENTS))
                self._target.execute("UPDATE log SET head = %s, time = %s", (copied, time))
            self._progress.show("copied", copied)

    def _take_back(self, upto: int) -> None:
        """Take back in the earlier copy, up to that seq, what was taken back in the source since."""
        names = [
            name
            for name, kind in KINDS.items()
            if kind.text in (Text.POST, Text.WORDS, Text.CREDENTIAL, Text.DEVICE, Text.FACE)
        ]
        among = ", ".join("?" * len(names))
        blank = self._source.execute(
            f"SELECT at, more, seq FROM entry WHERE seq <= ? AND text = '' AND kind IN ({among})",
            (upto, *names),
        )
        with self._target.transaction():
            for at, more, seq in blank:
                self._target.execute(
                    "UPDATE entry SET text = '', at = %s, more = %s"
                    " WHERE seq = %s AND (text <> '' OR more IS DISTINCT FROM %s)",
                    (at, more, seq, more),
                )

    def _copy_derived(self) -> None:
        with self._target.transaction():
            for table, (columns, read) in _DERIVED.items():
                self._target.execute(f"DELETE FROM {table}")
                self._write(table, f"({columns})", self._source.execute(read))

    def _copy_marks(self) -> str:
        """Copy how far users have read; return a sentence if it cannot be read. The log is whole without."""
        try:
            marks = every_mark(self._data / MARKS, self._id, self._head)
        except (apsw.Error, UnicodeDecodeError, ValueError, TypeError) as error:
            return f"How far users have read could not be copied ({error}). "
        with self._target.transaction():
            self._target.execute("DELETE FROM mark")
            self._write("mark", '("user", room, seq)', marks)
        return ""

    def _write(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._target.cursor() as cursor, cursor.copy(f"COPY {table} {columns} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    # ---- comparing ----

    def _compare(self) -> str:
        """Read both logs again, from the first entry to the last; return their common digest.

        :raises CannotStart: they differ.
        """
        self._progress.begin(0, 2 * self._head)
        ours = self._digest(self._source.execute(f"SELECT {_ENTRY} FROM entry ORDER BY seq"), 0)
        with self._target.transaction(), self._target.cursor(name="entries") as cursor:
            cursor.itersize = self._batch
            cursor.execute(f"SELECT {_ENTRY} FROM entry ORDER BY seq")
            theirs = self._digest(cursor, self._head)
        # A count reads the whole table; by the index of a fresh table it would also look up each row.
        self._target.execute("SET enable_seqscan = on")
        counts = [(table, self._count(table)) for table in ("place", "event", *_DERIVED)]
        if ours != theirs or any(here != there for _, (here, there) in counts):
            raise CannotStart(
                f"The copy differs from the log ({theirs} and {ours}; {counts}): empty the database, and try "
                "again."
            )
        return ours

    def _digest(self, rows: Iterable[Sequence[Any]], done: int) -> str:
        digest, encode, number = hashlib.sha256(), msgspec.msgpack.Encoder().encode, 0
        for number, (*values, key, more, at) in enumerate(rows, 1):
            digest.update(encode((*values, bytes(key), None if more is None else bytes(more), at)))
            if number % self._batch == 0:
                self._progress.show("read again", done + number)
        if number % self._batch:
            self._progress.show("read again", done + number)
        return digest.hexdigest()

    def _count(self, table: str) -> tuple[int, int]:
        query = f"SELECT count(*) FROM {table}"
        return int(self._source.execute(query).get), int(self._one(query)[0])

    def _one(self, query: str) -> Any:
        return self._target.execute(query).fetchone()


def _entry(row: Sequence[Any]) -> Entry:
    """Return the entry in a row of the log.

    :raises CannotStart: it is not as it was written.
    """
    try:
        entry = of_row(row)
        if is_decoded(entry) and not is_too_long(entry):
            return entry
    except (msgspec.MsgspecError, AttributeError, TypeError):
        pass
    raise CannotStart(f"Seq {row[0]:,} is not as it was written: {_RESTORE}.")


def _places(entries: Iterable[Entry], kinds: Container[str]) -> Iterator[tuple[str, int]]:
    for entry in entries:
        if entry.kind in kinds:
            for place in heard_at(entry):
                yield place, entry.seq
