"""Opens the embedded store, and checks that it is the right log, and whole.

Everything here runs in the writer's thread, and takes the same time for any length of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import apsw

from chatnet.blanking import Blanking
from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry
from chatnet.errors import CannotStart
from chatnet.limits import LIMITS, Limits
from chatnet.reads import CursorAt, Last
from chatnet.store.blanking import undone
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite.disk import DiskFull, DiskReadOnly, StoreDamaged, is_disk_full, refusal_of
from chatnet.store.sqlite.erased import catch_up
from chatnet.store.sqlite.file import Found, StoreFile
from chatnet.store.sqlite.schema import migrate, refuse_level, set_up_reader, set_up_writer, take_epoch
from chatnet.store.sqlite.writer import Batch, Writer
from chatnet.world import Files

LOGIN_READERS, PAGE_READERS = 2, 2
"""How many threads, each with a connection, read for logins and followers, and for everybody who reads pages.

Each group has its own, so that heavy readers keep nobody out.
"""

RESTORE = "restore a backup (“Backup and restore” in docs/operations.md), or see what “chatnet check” finds"


class LogMissing(Exception):
    """The log that this cluster is known to have is not in its place; it may be put back."""


@dataclass(frozen=True)
class Known:
    """What the followers of the log know of it: its id, an epoch that has begun, a seq that was reached."""

    log_id: str
    epoch: int
    head: int


@dataclass(frozen=True)
class Opened:
    """An open store; ``warning`` is what the operator should know about its state when it was opened.

    ``ended`` is where it ended before that was taken back again which its list says.
    """

    log_id: str
    epoch: int
    store: Writer
    file: StoreFile
    connections: list[apsw.Connection]
    ended: Cursor
    base: Cursor | None
    newest: list[Entry]
    blankings: list[Blanking]
    warning: str


def open_store(
    path: Path,
    files: Files,
    fresh_id: str,
    known: Known | None,
    own_level: int,
    limits: Limits = LIMITS,
    now: int = 0,
) -> Opened:
    """Open the store, in a new epoch; make a new one only if nothing is ``known`` of an old one.

    ``own_level`` is the level that this process understands; ``now`` is in milliseconds since 1970.

    :raises DiskRefuses: there is no room even for that, or nothing can be written. Transient.
    :raises LogMissing: what is known is not there. Nothing was changed.
    :raises Outgrown: the log is above that level. Nothing was changed.
    :raises CannotStart: it is another log, of a newer version, or damaged.
    """
    found = Found.at(path, files)
    if known is not None and found.is_missing:
        raise LogMissing(
            f"{path} was removed, or moved away: the cluster's log is to be put back there, or what a master "
            "saved of it (rescued-….sqlite); nobody begins another in its place"
        )
    with _all_or_none(path, files) as connect:
        connection = connect()
        if known is not None:
            _recognize(connection, known, path)
        set_up_writer(connection)
        migrate(connection, fresh_id, own_level)
        refuse_level(connection, own_level)
        warning = _LOST_WAL.format(path=path) if found.lost_its_wal(connection) else ""
        newest = _newest(connection, path, limits.prefill)
        log_id, epoch = take_epoch(connection)
        # A WAL that was left there may have texts that were taken back just before the end.
        file = StoreFile(path, files, connection, limits.checkpoint_pages, has_to_erase=found.has_wal)
        if file.is_cut:
            raise CannotStart(f"The store {path} is damaged: its end is missing. Then {RESTORE}.")
        connections = [connect() for _ in range(LOGIN_READERS + PAGE_READERS)]
        for reader in connections:
            set_up_reader(reader)
        store = Writer(connection, epoch, own_level)
        before = store.head
        ended = sqlite_reads.answer(connection, CursorAt(before)) or Cursor.beginning(log_id)
        try:
            catch_up(path, files, connection, store, log_id, partial(_commit, file, store, now))
        except StoreDamaged as damaged:  # nobody is served yet
            raise apsw.CorruptError(str(damaged)) from damaged
        except OSError as error:
            raise refusal_of(error) from error
        file.clean()
        if store.head > before:
            newest = _newest(connection, path, limits.prefill)
        base = sqlite_reads.answer(connection, CursorAt(store.head - len(newest)))
        blankings = undone(connection.execute)
        return Opened(log_id, epoch, store, file, connections, ended, base, newest, blankings, warning)


_LOST_WAL = (
    "{path} was copied, or left, without its -wal file: the newest entries of that log are missing. If you "
    "have that file, stop the cluster and put both in place; copies are made as “Backup and restore” says."
)


def _commit(file: StoreFile, store: Writer, now: int, drafts: list[Draft]) -> Batch:
    done = file.commit(store, drafts, now)
    if done.batch is None:
        raise apsw.CantOpenError(done.gone)
    return done.batch


def _recognize(connection: apsw.Connection, known: Known, path: Path) -> None:
    # A store that is not ours must not be written to, not even by a checkpoint.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    try:
        log_id, epoch, head = next(connection.execute("SELECT id, epoch, head FROM log"))
    except (apsw.SQLError, StopIteration):
        log_id, epoch, head = "", 0, 0
    if log_id != known.log_id:
        raise CannotStart(f"The log in {path.parent} is not the cluster's: was the directory replaced?")
    if epoch < known.epoch or head < known.head:
        raise LogMissing(
            f"{path} is an older copy: it ends at {head:,}, in epoch {epoch}, and the cluster's log had "
            f"reached {known.head:,}, in epoch {known.epoch}. Put that back; or, to go on without what was "
            "posted since, end all masters and workers and start a master"
        )
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)


def _newest(connection: apsw.Connection, path: Path, most: int) -> list[Entry]:
    """Return the newest entries.

    :raises CannotStart: they are not as they were written.
    """
    head: int = connection.execute("SELECT head FROM log").get
    last: int = connection.execute("SELECT max(seq) FROM entry").get or 0
    try:
        newest = sqlite_reads.answer(connection, Last(most))
    except UnicodeDecodeError:
        newest = []
    count = min(head, most)
    dense = [entry.seq for entry in newest] == list(range(head - count + 1, head + 1))
    if last != head or not dense or not all(map(is_decoded, newest)):
        raise CannotStart(
            f"The store {path} is damaged: it should end at {head:,}, and its newest entries are not as they "
            f"were written. Then {RESTORE}."
        )
    return newest


def is_decoded(entry: Entry) -> bool:
    """Return whether each value has the type that was written; an overwritten page may hold anything."""
    texts = (entry.kind, entry.user, entry.room, entry.text)
    return (
        isinstance(entry.time, int)
        and isinstance(entry.key, bytes)
        and all(isinstance(text, str) for text in texts)
    )


@contextmanager
def _all_or_none(path: Path, files: Files) -> Iterator[Callable[[], apsw.Connection]]:
    """Yield a function that makes connections; on an error all of them are closed."""
    made: list[apsw.Connection] = []

    def connect() -> apsw.Connection:
        made.append(files.database(path))
        return made[-1]

    try:
        yield connect
    except BaseException as error:
        full = isinstance(error, apsw.FullError) or any(is_disk_full(error, one) for one in made)
        for connection in made:
            with suppress(apsw.Error):  # it is closed anyway
                connection.close()
        if full:
            raise DiskFull(str(error)) from error
        if isinstance(error, apsw.Error) and files.is_read_only(path.parent):
            raise DiskReadOnly(str(error)) from error
        raise
