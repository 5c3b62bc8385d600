"""The embedded log: SQLite, opened by the primary alone.

One writer thread commits and checkpoints; reader threads have a connection each, and short transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import apsw
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry
from chatnet.errors import CannotStart
from chatnet.store import Account, Feed, Outcome, Rooms, Snapshot, sqlite_reads
from chatnet.store.appender import Appender
from chatnet.store.pages import PAGE_ENTRIES, take_page
from chatnet.store.sqlite_schema import migrate, set_up_reader, set_up_writer, take_epoch
from chatnet.store.sqlite_store import Batch, DiskFull, SqliteStore, is_disk_full
from chatnet.store.window import Window
from chatnet.world import Files

READERS = 4
"""How many reader threads there are."""
RETRY_SECONDS = 1.0
"""How long to wait for room on a full disk before trying again."""

_MAX_DRAFTS, _MAX_BYTES = 2_000, 4 * 1024 * 1024
_PREFILL = 10_000
"""How many entries the window begins with: workers that come back find what they miss in memory."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class _Opened:
    """What the writer's thread finds when it opens the store."""

    log_id: str
    epoch: int
    store: SqliteStore
    connections: list[apsw.Connection]
    base: Cursor | None
    newest: list[Entry]


class SqliteLog:
    """An open log: see :meth:`open`. ``epoch`` is ours; ``log_id`` names the log for ever.

    ``trouble`` is a sentence while commits wait for room on the disk, else empty; ``warning`` is, always;
    ``poisoned`` counts the drafts on which our own code raised.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        wall: Callable[[], float],
        on_fatal: Callable[[Failure], None],
        writer: ThreadPool,
        readers: ThreadPool,
        opened: _Opened,
    ) -> None:
        self._reactor, self._wall, self._on_fatal = reactor, wall, on_fatal
        self._writer, self._readers = writer, readers
        self._store, self._connections = opened.store, opened.connections
        self.log_id, self.epoch = opened.log_id, opened.epoch
        self.window = Window(opened.log_id, opened.base)
        self.window.extend(opened.newest)
        self.trouble = self.warning = ""
        self.poisoned = 0
        self._retry: Deferred[None] | None = None
        self._closed = False
        self._appender = Appender(self._commit, _MAX_DRAFTS, _MAX_BYTES)

    @classmethod
    async def open(
        cls,
        path: Path,
        files: Files,
        reactor: Any,
        threads: Callable[[int, str], ThreadPool],
        wall: Callable[[], float],
        entropy: Callable[[int], bytes],
        on_fatal: Callable[[Failure], None],
    ) -> Self:
        """Open the store at ``path``, made if it is not there, in a new epoch. Hold the lease before.

        When a commit fails for what is neither a draft's fault nor a full disk, or the epoch is lost,
        ``on_fatal`` is called with it: the process must exit. Nothing is appended after that.

        :raises CannotStart: it cannot be opened; the sentence says why.
        :raises DiskFull: likewise, until there is room.
        """
        writer, readers = threads(1, "log writer"), threads(READERS, "log reader")
        writer.start()
        readers.start()
        try:
            opened = await deferToThreadPool(reactor, writer, _open, path, files, entropy(16).hex())
        except BaseException as error:
            writer.stop()
            readers.stop()
            if isinstance(error, apsw.Error):
                raise CannotStart(f"The store {path} cannot be opened: {error}.") from error
            raise
        return cls(reactor, wall, on_fatal, writer, readers, opened)

    async def close(self) -> None:
        """Close once the batch under way is committed; drafts behind it are never answered."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        self._readers.stop()
        for connection in self._connections:
            connection.close()
        await deferToThreadPool(self._reactor, self._writer, self._store.close)
        self._writer.stop()

    # ---- appending ----

    @property
    def waiting_bytes(self) -> int:
        """How much was passed to :meth:`append` and is not committed yet."""
        return self._appender.waiting_bytes

    def append(self, drafts: Sequence[Draft]) -> Deferred[list[Outcome]]:
        return self._appender.append(drafts)

    async def _commit(self, drafts: list[Draft]) -> list[Outcome]:
        while not self._closed:
            try:
                batch = await self._in_writer(drafts)
            except DiskFull as full:
                await self._wait_for_room(full)
            except Exception:
                self._on_fatal(Failure())
                break
            else:
                return self._committed(batch)
        # The process is about to exit: whether these are in the log, the next epoch will tell.
        return await Deferred()

    def _in_writer(self, drafts: list[Draft]) -> Deferred[Batch]:
        now = int(self._wall() * 1000)
        return deferToThreadPool(self._reactor, self._writer, self._store.commit, drafts, now)

    def _committed(self, batch: Batch) -> list[Outcome]:
        if self.trouble:
            self.trouble = ""
            self._log.info("There is room on the disk again; posts are stored as usual")
        for draft, error in batch.poisoned:
            self.poisoned += 1
            self._log.failure(
                "A draft could not be stored and was refused: {draft}", Failure(error), draft=draft
            )
        # Followers first: by the time that an author is told, the entry is on its way to everybody.
        self.window.extend(batch.entries)
        return batch.outcomes

    async def _wait_for_room(self, full: DiskFull) -> None:
        if not self.trouble:
            self.trouble = "The disk of the log is full: posts wait until there is room."
            self._log.critical(
                "{trouble} ({why}); trying again each second", trouble=self.trouble, why=str(full)
            )
        self._retry = deferLater(self._reactor, RETRY_SECONDS)
        try:
            await self._retry
        except CancelledError:
            return
        finally:
            self._retry = None

    # ---- reading ----

    async def head(self) -> int:
        return self.window.head

    async def cursor_at(self, seq: int) -> Cursor | None:
        return await self._read(sqlite_reads.cursor_at, seq)

    async def page(self, after: int, upto: int) -> list[Entry]:
        """The first page of all entries behind ``after``: from the window, if it holds them."""
        if self.window.holds(after):
            rest = self.window.after(after, min(PAGE_ENTRIES, max(0, upto - after)))
            return take_page(rest)[0]
        return await self._read(sqlite_reads.page, after, upto)

    async def account(self, user: str) -> Account | None:
        return await self._read(sqlite_reads.account, user)

    async def snapshot(self, user: str, after: int, upto: int) -> Snapshot:
        return await self._read(sqlite_reads.snapshot, user, after, upto)

    async def newest(self, user: str, upto: int) -> list[Entry]:
        return await self._read(sqlite_reads.newest, user, upto)

    async def feed(self, user: str, after: int, upto: int) -> Feed:
        return await self._read(sqlite_reads.feed, user, after, upto)

    async def history(self, room: str, before: int | None) -> list[Entry]:
        return await self._read(sqlite_reads.history, room, before)

    async def rooms(self, prefix: str, after: str) -> Rooms:
        return await self._read(sqlite_reads.rooms, prefix, after)

    def _read(
        self, read: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        def in_thread() -> T:
            with self._moment() as connection:
                return read(connection, *args, **kwargs)

        return deferToThreadPool(self._reactor, self._readers, in_thread)

    @contextmanager
    def _moment(self) -> Iterator[apsw.Connection]:
        """A reader's connection in a transaction: all that is read is of one moment."""
        connection = self._connections.pop()  # one for each thread, so one is free
        try:
            with connection:
                yield connection
        finally:
            self._connections.append(connection)


def _open(path: Path, files: Files, fresh_id: str) -> _Opened:
    """:raises DiskFull: there is no room even for that."""
    with _all_or_none(path, files) as connect:
        connection = connect()
        set_up_writer(connection)
        migrate(connection, fresh_id)
        log_id, epoch = take_epoch(connection)
        store = SqliteStore(connection, epoch)
        connections = [connect() for _ in range(READERS)]
        for reader in connections:
            set_up_reader(reader)
        newest = sqlite_reads.last(connection, _PREFILL)
        base = sqlite_reads.cursor_at(connection, store.head - len(newest))
        return _Opened(log_id, epoch, store, connections, base, newest)


@contextmanager
def _all_or_none(path: Path, files: Files) -> Iterator[Callable[[], apsw.Connection]]:
    """Makes connections; on an error all of them are closed."""
    made: list[apsw.Connection] = []

    def connect() -> apsw.Connection:
        made.append(files.database(path))
        return made[-1]

    try:
        yield connect
    except BaseException as error:
        full = isinstance(error, apsw.FullError) or any(is_disk_full(error, one) for one in made)
        for connection in made:
            with suppress(apsw.Error):  # it is closed all the same
                connection.close()
        if full:
            raise DiskFull(str(error)) from error
        raise
