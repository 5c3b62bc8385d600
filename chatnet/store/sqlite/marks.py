"""The marks of an embedded store: ``marks.sqlite`` beside the log, which is not part of it.

Nothing in the log depends on it: if it is missing or damaged, it is made anew, and if it belongs to another
log, too. It is written in a thread of its own, so that no commit of the log waits for it.

Either file may be put back without the other. If the log ends before the marks, these are cut to its end,
when it is opened. If it went on from there with other entries, as only their checks can tell, the marks are
of posts that are not there any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import apsw

from chatnet.cursor import Cursor
from chatnet.errors import Unreadable
from chatnet.marks import UserMark, cut
from chatnet.store.marks import oldest
from chatnet.store.sqlite import slack
from chatnet.world import Files

TABLE = """
    CREATE TABLE IF NOT EXISTS mark (
        user TEXT NOT NULL,
        room TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (user, room)
    ) WITHOUT ROWID
"""
_ABOUT = """
    -- Whose marks these are: the log's id, the greatest head that it had when some were kept, and its check.
    CREATE TABLE IF NOT EXISTS about (
        log TEXT NOT NULL,
        head INTEGER NOT NULL,
        tail BLOB NOT NULL
    )
"""
_BUSY_MS = 5_000
MARKS = "marks.sqlite"
"""The name of the file, beside the log's."""
_DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, UnicodeDecodeError)
"""What is wrong with a file that has to be made anew. Any other error may pass."""

_REMOVE = tuple(
    f"DELETE FROM mark WHERE user = ?1 AND room IN ({rooms}) RETURNING room" for rooms in oldest("?1", "max")
)

Execute = Callable[..., Any]
T = TypeVar("T")


def keep(execute: Execute, marks: Sequence[UserMark], head: int) -> list[UserMark]:
    """Write the greatest marks, cut to ``head``, within a transaction; return those that rose.

    Of a user of whom a room is marked for the first time, those are removed that are beyond what is kept.
    """
    raised: list[UserMark] = []
    grown: dict[str, None] = {}
    for mark in cut(marks, head):
        of = mark.user, mark.room, mark.seq
        row = execute(
            "UPDATE mark SET seq = ?3 WHERE user = ?1 AND room = ?2 AND seq < ?3 RETURNING 1", of
        ).fetchone()
        if row is None:
            row = execute(
                "INSERT INTO mark (user, room, seq) VALUES (?, ?, ?)"
                " ON CONFLICT (user, room) DO NOTHING RETURNING 1",
                of,
            ).fetchone()
            if row is None:
                continue
            grown[mark.user] = None
        raised.append(mark)
    gone = {
        (user, room)
        for user in grown
        for remove in _REMOVE
        for (room,) in execute(remove, (user,)).fetchall()
    }
    return [mark for mark in raised if (mark.user, mark.room) not in gone]


def of(execute: Execute, user: str, rooms: Sequence[str]) -> dict[str, int]:
    """Return the marks of ``user`` in those of ``rooms`` that have one."""
    found: dict[str, int] = {}
    for room in rooms:
        seq = execute("SELECT seq FROM mark WHERE user = ? AND room = ?", (user, room)).get
        if seq is not None:
            found[room] = seq
    return found


def every_mark(path: Path, log_id: str, head: int) -> list[tuple[str, str, int]]:
    """Return user, room and seq of each mark in a file that nobody uses, cut to ``head``.

    Nothing if there is no file, or if it is another log's.

    :raises apsw.Error: it cannot be read. :raises UnicodeDecodeError: it is damaged, too.
    """
    if not path.exists():
        return []
    # It may have a WAL, which is read only by who may write.
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        if connection.execute("SELECT log FROM about").get != log_id:
            return []
        rows = connection.execute("SELECT user, room, min(seq, ?) FROM mark ORDER BY user, room", (head,))
        return [(str(user), str(room), int(seq)) for user, room, seq in rows]
    finally:
        connection.close()


def _forget(connection: apsw.Connection, user: str) -> None:
    connection.execute("DELETE FROM mark WHERE user = ?", (user,))
    # The WAL has old versions of pages, until it is cut to nothing.
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


class Remade(Exception):
    """The file is not what it should be; the text is a phrase that says why."""


class SqliteMarks:
    """The marks of the log ``log_id`` in the file ``path``.

    ``head`` is where the log ended when it was opened; ``check_at`` returns the check of its entry at a seq
    up to that. Any thread may call the methods; one works at a time. ``said`` is called, in the thread that
    finds it, with a sentence for the operator. The file is opened when it is first needed.
    """

    def __init__(
        self,
        path: Path,
        files: Files,
        log_id: str,
        head: Cursor,
        check_at: Callable[[int], bytes | None],
        said: Callable[[str], object],
    ) -> None:
        self._path, self._files, self._log_id, self._head, self._said = path, files, log_id, head, said
        self._check_at = check_at
        self._lock = Lock()
        self._connection: apsw.Connection | None = None
        self._closed = False

    def settle(self) -> None:
        """Cut marks that are there to where the log ends: later nobody can tell that it was put back.

        :raises apsw.Error, OSError: that is not possible now.
        """
        if self._files.status(self._path) is not None:
            self._do(lambda connection: None)

    def keep(self, marks: Sequence[UserMark], head: Cursor) -> list[UserMark]:
        """Write the greatest marks, cut to the log's ``head``; return those that rose.

        :raises apsw.Error: it cannot be written now.
        """
        return self._do(lambda connection: self._keep(connection, marks, head))

    def of(self, user: str, rooms: Sequence[str]) -> Mapping[str, int]:
        """Return the marks of ``user`` in those of ``rooms`` that have one.

        :raises Unreadable: it cannot be read now.
        """
        try:
            return self._do(lambda connection: of(connection.execute, user, rooms))
        except (apsw.Error, OSError) as error:
            raise Unreadable(Unreadable.sentence) from error

    def forget(self, user: str) -> None:
        """Remove the marks of a user, so that the files have nothing of them.

        :raises apsw.Error: that is not possible now; the same call may succeed later.
        """
        self._do(lambda connection: _forget(connection, user))

    def close(self) -> None:
        """Close the file; nothing is kept or read after that."""
        with self._lock:
            self._closed = True
            self._give_up()

    def _keep(self, connection: apsw.Connection, marks: Sequence[UserMark], head: Cursor) -> list[UserMark]:
        if head.seq > self._head.seq:
            self._head = head
        kept: list[UserMark] = []
        with connection:
            its_head = self._head.seq, self._head.check
            connection.execute("UPDATE about SET head = ?1, tail = ?2 WHERE head < ?1", its_head)
            kept += keep(connection.execute, marks, head.seq)
        return kept

    def _do(self, work: Callable[[apsw.Connection], T]) -> T:
        with self._lock:
            try:
                return work(self._opened())
            except (Remade, *_DAMAGED) as error:
                if self._closed:
                    raise
                self._give_up()
                self._said(f"{self._path} is made anew, since {error}: how far users had read is lost")
                for name in ("", "-wal", "-shm"):
                    self._files.remove(self._path.with_name(self._path.name + name))
                return work(self._opened())
            except BaseException:
                self._give_up()
                raise

    def _opened(self) -> apsw.Connection:
        if self._connection is None:
            if self._closed:
                raise apsw.ConnectionClosedError("the marks are closed")
            self._connection = self._files.database(self._path)
            self._set_up(self._connection)
        return self._connection

    def _set_up(self, connection: apsw.Connection) -> None:
        connection.set_busy_timeout(_BUSY_MS)
        slack.set_up(connection)
        with slack.changed_tables(connection):
            connection.execute(TABLE)
            connection.execute(_ABOUT)
        # Synced when the WAL is written back, and not by each commit: a loss of power costs the newest marks,
        # and never the file.
        connection.execute("PRAGMA synchronous=NORMAL")
        if not slack.is_clean(connection):
            if slack.needed_bytes(connection) > self._files.free_bytes(self._path.parent):
                raise apsw.FullError("there is no room to write them anew")  # each reader would try
            slack.write_anew(connection)
        with connection:
            about = connection.execute("SELECT log, head, tail FROM about").fetchone()
            if about is None:
                mine = self._log_id, self._head.seq, self._head.check
                connection.execute("INSERT INTO about VALUES (?, ?, ?)", mine)
                return
            self._refuse_another(*about)
            if about[1] > self._head.seq:
                # The log was put back: nobody has read what will be said there from now on.
                connection.execute("UPDATE mark SET seq = ?1 WHERE seq > ?1", (self._head.seq,))
                connection.execute("UPDATE about SET head = ?, tail = ?", (self._head.seq, self._head.check))

    def _refuse_another(self, log_id: object, head: object, tail: object) -> None:
        """:raises Remade: the marks are of another log, or of a state of it that was replaced by a backup."""
        if log_id != self._log_id:
            raise Remade("it is another log's")
        if not isinstance(head, int):
            raise Remade("it is damaged")
        if head <= self._head.seq:
            check = self._head.check if head == self._head.seq else self._check_at(head)
            if check != tail:
                raise Remade("it is of entries that are not in the log, which was put back")

    def _give_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(apsw.Error):
                connection.close()
