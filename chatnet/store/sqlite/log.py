"""The embedded log: SQLite, opened by the primary alone.

One writer thread commits and checkpoints; reader threads have their own connections, and short transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar, cast

import apsw
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from chatnet import kinds
from chatnet.entries import Draft, Entry
from chatnet.errors import CannotStart
from chatnet.limits import LIMITS, Limits
from chatnet.log import Outcome
from chatnet.marks import UserMark
from chatnet.net.timer import Timer
from chatnet.reads import CursorAt, Head, LaneName, PageOf, Question
from chatnet.store.absence import Absence
from chatnet.store.appender import Appender
from chatnet.store.blanking import Freed, Overdue
from chatnet.store.pages import take_page
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite.blanking import find, heirs, too_old
from chatnet.store.sqlite.disk import DiskRefuses
from chatnet.store.sqlite.file import Committed
from chatnet.store.sqlite.marks import MARKS, SqliteMarks
from chatnet.store.sqlite.opening import LOGIN_READERS, PAGE_READERS, RESTORE, Known, Opened, open_store
from chatnet.store.sqlite.readers import Readers
from chatnet.store.sqlite.schema import set_up_reader
from chatnet.store.sqlite.writer import Batch
from chatnet.store.taken_back import up_to_date
from chatnet.store.window import Window
from chatnet.telemetry import BatchCommitted, DraftPoisoned, LogOpened, Tell, WalWrittenBack, unheard
from chatnet.world import Files

RETRY_SECONDS = 1.0
"""Seconds to wait for room on a full disk before trying again."""
LOOK_SECONDS = 1.0
"""Seconds between two checks that the store's files are in place, also when nobody posts."""

HELD_SECONDS = 10.0
"""After so many seconds the operator is told that what was taken back cannot be erased."""

_MAX_BYTES = 4 * 1024 * 1024

_BACK = "The store's files are where they were; posts are stored as usual"
_HELD = (
    "What was taken back may still be in the -wal file of the store: another program reads the store, as a "
    "backup, “chatnet check” or “chatnet log” does; it goes when that ends, and the disk takes writes."
)
_SAVED = "This master has saved the"
_WHOLE = "whole: put it in place as “When the store's file is gone” in docs/operations.md says"
_TORN = "not whole: restore a backup, if it was written over"

P = ParamSpec("P")
T = TypeVar("T")


class SqliteLog:
    """An open log: see :meth:`open`. ``epoch`` is ours; ``log_id`` names the log forever.

    ``trouble`` is a sentence while commits wait for the disk, or while nothing is acknowledged because the
    store's files are gone; otherwise empty. ``warning`` is one about what was found when it was opened or
    read. ``poisoned`` counts the drafts on which our own code raised.
    """

    _logger = Logger()

    def __init__(
        self,
        reactor: Any,
        wall: Callable[[], float],
        on_fatal: Callable[[Failure], None],
        writer: ThreadPool,
        readers: tuple[ThreadPool, ThreadPool],
        marker: ThreadPool,
        marks: SqliteMarks,
        opened: Opened,
        limits: Limits,
        own_level: int,
        tell: Tell,
    ) -> None:
        self._reactor, self._wall, self._on_fatal = reactor, wall, on_fatal
        self._tell = tell
        self._without_room, self._without_files = (Absence(tell, reactor.seconds) for _ in range(2))
        self._writer = writer
        self._marker, self._marks, self._said_unkept = marker, marks, False
        self._readers = Readers(reactor, readers, opened.connections)
        self._pools: dict[LaneName, ThreadPool] = dict(zip(("logins", "pages"), readers, strict=True))
        self._store, self._file = opened.store, opened.file
        self.log_id, self.epoch = opened.log_id, opened.epoch
        self._page = limits.page
        self.window = Window(opened.log_id, opened.base, limits, own_level)
        self.window.level = opened.store.level
        self.window.extend(opened.newest)
        self.window.blank(opened.blankings)
        self._found = opened.warning
        self.poisoned = 0
        self._retry: Deferred[None] | None = None
        self._refused: DiskRefuses | None = None
        self._gone = self._saved = ""
        self._erases_since: float | None = None
        self._until_back: list[Deferred[None]] = []
        self._closed = False
        self._appender = Appender(self._commit, limits.batch_drafts, _MAX_BYTES)
        self._looking = Timer(reactor, LOOK_SECONDS, self._look, "Cannot look for the store's files")
        self._looking.start()

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
        known: Known | None = None,
        limits: Limits = LIMITS,
        own_level: int | None = None,
        tell: Tell = unheard,
    ) -> Self:
        """Open the store at ``path``, in a new epoch. Hold the lease before calling this.

        The store is made if it does not exist; but a log that is ``known`` must exist, and hold what is
        known. This process understands ``own_level``: its program's, if none is given.

        ``on_fatal`` is called with the failure when a commit fails for another reason than a draft or a full
        disk, or when the epoch is lost: the process must exit. Nothing is appended after that.

        :raises CannotStart: the store cannot be opened; the sentence says why.
        :raises DiskRefuses: the same, until the disk takes writes.
        :raises LogMissing: the same, until the log is put back.
        """
        level = kinds.own_level() if own_level is None else own_level
        began = reactor.seconds()
        writer = threads(1, "log writer")
        readers = threads(LOGIN_READERS, "log reader"), threads(PAGE_READERS, "page reader")
        marker = threads(1, "marks writer")
        for pool in (writer, *readers, marker):
            pool.start()
        try:
            opened = await deferToThreadPool(
                reactor,
                writer,
                open_store,
                path,
                files,
                entropy(16).hex(),
                known,
                level,
                limits,
                int(wall() * 1000),
            )
        except BaseException as error:
            for pool in (writer, *readers, marker):
                pool.stop()
            if isinstance(error, (apsw.Error, UnicodeDecodeError)):
                raise CannotStart(f"The store {path} cannot be opened: {error}. {_remedy(error)}.") from error
            if isinstance(error, OSError):
                raise CannotStart(
                    f"The store {path} cannot be opened ({error.strerror}): mend that."
                ) from error
            raise
        if opened.warning:
            cls._logger.critical("{warning}", warning=opened.warning)
        check_at, said = partial(_check_at, path, files, opened.log_id), partial(_warn, reactor)
        marks = SqliteMarks(path.with_name(MARKS), files, opened.log_id, opened.ended, check_at, said)
        with suppress(apsw.Error, OSError):  # whoever needs them meets it again
            await deferToThreadPool(reactor, marker, marks.settle)
        log = cls(reactor, wall, on_fatal, writer, readers, marker, marks, opened, limits, level, tell)
        tell(LogOpened(log.log_id, log.window.head, reactor.seconds() - began, opened.warning))
        return log

    async def close(self) -> None:
        """Close once the batch under way is committed; later drafts, and reads, are never answered."""
        self._closed = True
        self._looking.stop()
        if self._retry is not None:
            self._retry.cancel()
        await self._readers.close()
        await self._write(self._store.close)
        await deferToThreadPool(self._reactor, self._marker, self._marks.close)
        for pool in (self._writer, self._marker):
            pool.stop()  # it has no more work

    @property
    def warning(self) -> str:
        """What the operator should know of the store: a sentence, or empty."""
        return self._readers.damage or self._found or self._held

    @property
    def _held(self) -> str:
        since = self._erases_since
        waits = since is not None and self._reactor.seconds() - since >= HELD_SECONDS
        return _HELD if waits else ""

    @property
    def trouble(self) -> str:
        """Why posts are not acknowledged: a sentence, or empty."""
        if self._gone:
            return f"{self._gone}: nothing is acknowledged until it is back. {self._saved}".rstrip()
        if self._refused is not None:
            return f"{self._refused.why}: posts wait until {self._refused.until}."
        return ""

    # ---- appending ----

    @property
    def waiting_bytes(self) -> int:
        """How much was passed to :meth:`append` and is not committed yet."""
        return self._appender.waiting_bytes

    async def outdate(self, level: int) -> None:
        """Do nothing: this store keeps nothing of programs that understand less than ``level``."""

    def append(self, drafts: Sequence[Draft]) -> Deferred[list[Outcome]]:
        return self._appender.append(drafts)

    async def _commit(self, drafts: list[Draft]) -> list[Outcome]:
        began = self._reactor.seconds()
        while not self._closed:
            try:
                batch, gone, written_back = await self._in_writer(drafts)
            except DiskRefuses as refusal:
                await self._wait_for_disk(refusal)
            except Exception:
                self._on_fatal(Failure())
                break
            else:
                self._noticed(gone)
                if gone:
                    await self._back()  # a batch that is committed is on no disk
                if written_back is not None:
                    self._tell(WalWrittenBack(*written_back))
                if batch is not None:
                    self._taken()
                    self._tell(BatchCommitted(len(drafts), self._reactor.seconds() - began))
                    return self._committed(batch)
        # The process is about to exit: the next epoch will tell whether these drafts are in the log.
        return await Deferred()

    async def free(self) -> Freed:
        """Overwrite some of the texts that are taken back together, if there are any.

        :raises DiskRefuses: nothing was overwritten; the same call may succeed later.
        """
        found = await self._readers.read(self._pools["pages"], find, self._page.stays)
        if found is None:
            return Freed(None)
        if self._closed:
            return await Deferred()
        if found.reached >= found.blanking.upto and found.blanking.whole:
            await deferToThreadPool(self._reactor, self._marker, self._marks.forget, found.blanking.user)
        try:
            return await self._write(self._file.free, self._store, found, self._reactor.seconds)
        except DiskRefuses:
            raise
        except Exception:
            self._on_fatal(Failure())
            return await Deferred()

    async def overdue(self, now: int, day: int) -> list[Overdue]:
        """Return which posts are too old at ``now``, in milliseconds since 1970; so long is a ``day``."""
        return await self._readers.read(self._pools["pages"], too_old, now, day)

    async def heirs(self) -> list[tuple[str, str]]:
        """Return private rooms whose last owner is forgotten, each with whoever has been there longest."""
        return await self._readers.read(self._pools["pages"], heirs)

    def _in_writer(self, drafts: list[Draft]) -> Deferred[Committed]:
        now = int(self._wall() * 1000)
        return self._write(self._file.commit, self._store, drafts, now)

    def _committed(self, batch: Batch) -> list[Outcome]:
        for draft, error in batch.poisoned:
            self.poisoned += 1
            self._tell(DraftPoisoned(draft.described(), type(error).__name__))
            self._logger.failure(
                "A draft could not be stored and was refused: {what}", Failure(error), what=draft.described()
            )
        # Followers first: when an author is told, the entry is already on its way to everybody.
        self.window.extend(batch.entries)
        return batch.outcomes

    async def _wait_for_disk(self, refusal: DiskRefuses) -> None:
        if type(self._refused) is not type(refusal):
            self._refused = refusal
            self._logger.critical(
                "{trouble} ({why}); trying again each second", trouble=self.trouble, why=refusal
            )
            self._without_room.begin(f"{refusal.why}: posts wait until {refusal.until}.")
        self._retry = deferLater(self._reactor, RETRY_SECONDS)
        try:
            await self._retry
        except CancelledError:
            return
        finally:
            self._retry = None

    def _taken(self) -> None:
        refused, self._refused = self._refused, None
        if refused is not None:
            self._logger.info("{over}", over=refused.over)
            self._without_room.end(refused.over)

    # ---- the store's files ----

    async def _look(self) -> None:
        """Check also while nobody posts: what is gone can be saved only while this process lives."""
        gone = await self._write(self._file.look)
        if not self._closed:
            self._noticed(gone)
        if not self._file.has_to_erase:
            self._erases_since = None
        elif self._erases_since is None:
            self._erases_since = self._reactor.seconds()
        if gone and not self._saved.startswith(_SAVED):
            await self._rescue()

    def _noticed(self, gone: str) -> None:
        if gone == self._gone:
            return
        self._gone = gone
        if gone:
            self._logger.critical("{trouble}", trouble=self.trouble)
            self._without_files.begin(f"{gone}: nothing is acknowledged until it is back.")
            return
        self._saved = ""
        self._logger.info("{back}", back=_BACK)
        self._without_files.end(_BACK)
        waiting, self._until_back = self._until_back, []
        for back in waiting:
            back.callback(None)

    def _back(self) -> Deferred[None]:
        """Return a Deferred that fires when the files are back; never, once this log is closed."""
        self._until_back.append(Deferred())
        return self._until_back[-1]

    async def _rescue(self) -> None:
        try:
            copy, is_whole = await self._write(self._file.rescue, self.epoch, self._store.head)
        except apsw.Error as error:
            saved = f"It could not be saved ({error}): do not end this master before that is mended."
        else:
            what = _WHOLE if is_whole else _TORN
            saved = f"{_SAVED} {self._store.head:,} entries it had, in {copy}, which is {what}."
        if saved != self._saved:
            self._saved = saved
            self._logger.critical("{saved}", saved=saved)

    def _write(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run ``work`` in the writer's thread."""
        return deferToThreadPool(self._reactor, self._writer, work, *args, **kwargs)

    # ---- marks ----

    async def keep_marks(self, marks: Sequence[UserMark]) -> list[UserMark]:
        """See :meth:`chatnet.log.Log.keep_marks`. While the disk refuses them, they wait."""
        while not self._closed:
            blankings = self.window.taken_back.blankings
            marks = [mark for mark in marks if not blankings.has_forgotten(mark.user)]
            try:
                kept = await deferToThreadPool(
                    self._reactor, self._marker, self._marks.keep, marks, self.window.cursor
                )
            except (apsw.Error, OSError) as error:
                if not self._said_unkept:
                    self._logger.warn("How far users have read cannot be kept now ({why})", why=error)
                self._said_unkept = True
                await deferLater(self._reactor, RETRY_SECONDS)
            else:
                self._said_unkept = False
                return kept
        return await Deferred()

    # ---- reading ----

    async def newest_epoch(self) -> int:
        """Return the latest epoch that has begun, whoever opened the store."""
        return await self._readers.read(self._pools["logins"], sqlite_reads.epoch)

    async def read(self, question: Question[T]) -> T:
        """Answer ``question``: see :meth:`chatnet.log.Log.read`. The head is the window's, always in step."""
        if isinstance(question, Head):
            return cast(T, self.window.head)
        pool = self._pools[question.lane]
        return await up_to_date(
            self.window,
            lambda: self._readers.read(pool, sqlite_reads.answer, question, self._page, self._marks.of),
        )

    async def page(self, after: int, upto: int) -> list[Entry]:
        """Return the first page of all entries after ``after``: from the window, if it holds them."""
        if self.window.holds(after):
            rest = self.window.after(after, min(self._page.entries, max(0, upto - after)))
            return take_page(rest, self._page)[0]
        return await self.read(PageOf(after, upto))


def _check_at(path: Path, files: Files, log_id: str, seq: int) -> bytes | None:
    """Return the check of the log's entry at ``seq``, from any thread; None if it has none there."""
    with closing(files.database(path)) as connection:
        set_up_reader(connection)
        cursor = sqlite_reads.answer(connection, CursorAt(seq))
    return None if cursor is None else cursor.check


def _warn(reactor: Any, sentence: str) -> None:
    """Log a sentence, from any thread."""
    reactor.callFromThread(SqliteLog._logger.warn, "{sentence}", sentence=sentence)


def _remedy(error: Exception) -> str:
    """Return what to do about a store that cannot be opened; the store itself may be good."""
    match error:
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return (
                "It has to be a file that the user who runs this may write, in a directory in which they may "
                "write, too: make both so, by chown, or chmod u+rw and u+rwx"
            )
        case apsw.BusyError() | apsw.LockedError():
            return "Another program uses it: end that, and start again"
    return f"Then {RESTORE}"
