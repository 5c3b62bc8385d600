"""The files of the embedded store, under its one writer: written back, watched, and saved when they vanish.

SQLite keeps working with a file that was removed, moved or replaced: later commits are then on no disk, or
where nobody looks for them. So the files are checked after each commit, before anybody hears of it.

Everything here runs in the writer's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import apsw
from twisted.logger import Logger

from chatnet.entries import Draft
from chatnet.store.blanking import Freed
from chatnet.store.sqlite import slack
from chatnet.store.sqlite.blanking import Covered
from chatnet.store.sqlite.disk import DiskReadOnly, NoRoomToWriteAnew
from chatnet.store.sqlite.schema import BUSY_MS
from chatnet.store.sqlite.writer import Batch, Writer
from chatnet.world import Files, FileStatus

_WAL_HEADER, _FRAME_HEADER = 32, 24
"""Sizes in a -wal file, in bytes: https://www.sqlite.org/fileformat2.html#the_write_ahead_log"""


class WrittenBack(NamedTuple):
    """What a checkpoint did: how many pages were in the WAL, and how many of them were written back."""

    pages: int
    written: int


class Committed(NamedTuple):
    """A committed batch, or None; and a sentence about what happened to the files, or empty."""

    batch: Batch | None
    gone: str
    written_back: WrittenBack | None = None


@dataclass(frozen=True)
class Found:
    """The files as they are before the store is opened."""

    main: FileStatus | None
    wal: FileStatus | None

    @classmethod
    def at(cls, path: Path, files: Files) -> Found:
        return cls(files.status(path), files.status(wal_of(path)))

    @property
    def is_missing(self) -> bool:
        """Whether there is no store."""
        return self.main is None or not self.main.size

    @property
    def has_wal(self) -> bool:
        """Whether the -wal file has content. It has, while a master has the store open."""
        return self.wal is not None and self.wal.size > 0

    def lost_its_wal(self, connection: apsw.Connection) -> bool:
        """Return whether the store was copied, or left, without the -wal file with its newest entries."""
        return bool(connection.execute("SELECT wal_follows FROM log").get) and not self.has_wal


def wal_of(path: Path) -> Path:
    """Return the WAL: the file in which SQLite keeps what is not written back yet."""
    return path.with_name(path.name + "-wal")


class StoreFile:
    """The files of an open store at ``path``; ``connection`` is its writer's.

    ``is_cut``: the main file is shorter than it was written. The WAL is written back when it has grown by
    ``checkpoint_pages``.

    ``has_to_erase``: texts that were taken back may still be in the WAL, or not be overwritten in the main
    file yet; :meth:`look` ends that.
    """

    _logger = Logger()

    def __init__(
        self,
        path: Path,
        files: Files,
        connection: apsw.Connection,
        checkpoint_pages: int,
        has_to_erase: bool = False,
    ) -> None:
        self.has_to_erase = has_to_erase
        self._path, self._wal_path = path, wal_of(path)
        self._files = files
        self._connection = connection
        self._page_bytes: int = connection.execute("PRAGMA page_size").get
        self._most_pages = checkpoint_pages
        self._pages = 0
        self._epoch: int = connection.execute("SELECT epoch FROM log").get
        self._has_to_unmark = self._is_written_back = False
        self._spoiled: FileStatus | None = None
        connection.set_wal_hook(self._grown)  # instead of SQLite's own checkpoints
        self.checkpoint()
        self._main, self._wal = self._look()
        pages: int = connection.execute("PRAGMA page_count").get
        self.is_cut = self._is_written_back and self._main.size < pages * self._page_bytes
        self._directory = files.status(path.parent)

    # ---- committing ----

    def commit(self, store: Writer, drafts: list[Draft], now: int) -> Committed:
        """Commit as :meth:`Writer.commit` does, but commit nothing if the files are gone.

        :raises DiskReadOnly: nothing was committed; the same call may succeed later.
        """
        if gone := self.gone():  # a WAL that was cut off looks whole again once we have written to it
            return Committed(None, gone)
        try:
            batch = store.commit(drafts, now)
        except apsw.Error as error:
            if self._files.is_read_only(self._path.parent):
                raise DiskReadOnly(str(error)) from error
            raise
        if batch.erases:
            self.has_to_erase = True
        written_back = None
        if self._pages >= self._most_pages or self._has_to_unmark:
            written_back = self.checkpoint()
        return Committed(batch, self.gone(), written_back)

    def free(self, store: Writer, found: Covered, seconds: Callable[[], float]) -> Freed:
        """Overwrite as :meth:`Writer.free` does, unless the files are gone."""
        if self.gone():
            return Freed(found.blanking)
        texts, done = store.free(found, seconds)
        self.has_to_erase = self.has_to_erase or done
        if self._pages >= self._most_pages or self._has_to_unmark:
            self.checkpoint()
        return Freed(found.blanking, texts, done)

    def look(self) -> str:
        """Erase what has to be; return what happened to the files, as :meth:`gone` does.

        The WAL has old versions of pages until it is cut to nothing, which works while nobody reads from it.
        Nobody is waited for: whoever posts would wait too. Call this again a second later.
        """
        gone = self.gone()
        if gone or not self.has_to_erase or self._epoch_now() != self._epoch:
            return gone
        self.has_to_erase = not self._cut()
        self._has_to_unmark = True
        self.checkpoint()
        return self.gone()

    def _cut(self) -> bool:
        """Write the WAL back and cut it to nothing; return whether that was possible."""
        self._connection.set_busy_timeout(0)
        try:
            self._mark(0)  # for the moment after the cut there is no WAL
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            return False
        finally:
            self._connection.set_busy_timeout(BUSY_MS)
        self._pages = 0
        return True

    def checkpoint(self) -> WrittenBack | None:
        """Write the WAL back. If this fails, the next commit will meet the same error; return None then.

        Between two checkpoints the main file says that a WAL exists; a reader that uses the WAL does not see
        that mark. So a copy of the main file alone can be told from a whole copy.
        """
        with suppress(apsw.Error):
            self._mark(1)
            self._has_to_unmark = True
        done = None
        with suppress(apsw.Error):
            done = WrittenBack(*self._connection.wal_checkpoint())
            self._is_written_back = done.pages == done.written
            self._mark(0)
            self._has_to_unmark = False
        with suppress(OSError):
            self._main = self._files.status(self._path) or self._main
        return done

    def _mark(self, follows: int) -> None:
        self._connection.execute("UPDATE log SET wal_follows = ?", (follows,))

    def _grown(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._pages = pages
        return 0

    def clean(self) -> None:
        """Write the main file anew if another program made it, as a backup is made: see :mod:`.slack`.

        Nobody may be served yet: it takes a while for a large log, and as much room again twice.

        :raises NoRoomToWriteAnew: there is less; nothing was written.
        """
        if slack.is_clean(self._connection):
            return
        needed, free = slack.needed_bytes(self._connection), self._files.free_bytes(self._path.parent)
        if needed > free:  # to find that out by trying could fill the disk again each second
            raise NoRoomToWriteAnew(self._path, needed, free)
        self._logger.warn(
            "{path} was made by VACUUM, as a backup is: it is written anew, so that nothing of what is taken "
            "back is left in it; a master commands when that is done",
            path=self._path,
        )
        slack.write_anew(self._connection)
        self.has_to_erase = True
        self.checkpoint()

    # ---- watching ----

    def gone(self) -> str:
        """Return what happened to the files; empty while they are in place and as we wrote them."""
        try:
            main, wal = self._files.status(self._path), self._files.status(self._wal_path)
            if main is None or wal is None:
                return f"{self._path if main is None else self._wal_path} was removed, or moved away"
            if main.identity != self._main.identity or wal.identity != self._wal.identity:
                return f"{self._path} was replaced by another file"
            if self._pages and wal.size < _WAL_HEADER + self._pages * (self._page_bytes + _FRAME_HEADER):
                # By the next primary, if there is one: the next commit, which looks at the epoch, ends this.
                if self._epoch_now() != self._epoch:
                    return ""
                if wal.size or not self._was_written_back(wal):
                    return f"{self._wal_path} was cut off"
            if (main.size, main.written) != (self._main.size, self._main.written):
                return self._written_over(main)
        except OSError as error:
            return f"{self._path} cannot be looked at ({error.strerror})"
        return ""

    def _was_written_back(self, wal: FileStatus) -> bool:
        """Check a WAL that was cut to nothing: a primary of the past may have written it back before, in the
        moment in which it learned that it is none any more. That does no harm."""
        if self._is_harmless(wal):
            self._pages = 0
            self._logger.warn("{path} was written back and cut by another program", path=self._wal_path)
            return True
        return False

    def _epoch_now(self) -> int:
        """Return the latest epoch that has begun; ours if the store cannot be read."""
        with suppress(apsw.Error):
            found: int = self._connection.execute("SELECT epoch FROM log").get
            return found
        return self._epoch

    def _look(self) -> tuple[FileStatus, FileStatus]:
        main, wal = self._files.status(self._path), self._files.status(self._wal_path)
        if main is None or wal is None:
            raise apsw.CantOpenError("it was removed meanwhile")
        return main, wal

    def _written_over(self, main: FileStatus) -> str:
        """Check a main file that others wrote to. Only we should; but another's checkpoint does no harm."""
        if self._is_harmless(main):
            self._main = main
            self._logger.warn("{path} was written by another program, and is whole", path=self._path)
            return ""
        return f"{self._path} was written over by another program"

    def _is_harmless(self, seen: FileStatus) -> bool:
        """Return whether the store is whole as others have left this file of it; it is read through only once
        for each state in which it is not."""
        if seen != self._spoiled and self._is_sound():
            return True
        self._spoiled = seen
        return False

    def _is_sound(self) -> bool:
        try:
            with closing(self._files.database(self._path)) as fresh:
                return is_sound(fresh)
        except apsw.Error:
            return False

    # ---- saving ----

    def rescue(self, epoch: int, head: int) -> tuple[Path, bool]:
        """Copy what our connection still has to a place beside the old one; return it, and whether it is
        whole.

        :raises apsw.Error: the copy cannot be written.
        """
        name, directory = f"rescued-{epoch}-{head}.sqlite", self._path.parent
        now = self._files.status(directory)
        if now is None or self._directory is None or now.identity != self._directory.identity:
            # Another directory is there, or none: we must not write in it.
            name, directory = f"{directory.name}.{name}", directory.parent
        with closing(self._files.database(directory / name)) as copy:
            with copy.backup("main", self._connection, "main") as backup:
                backup.step()
            copy.execute("PRAGMA journal_mode=DELETE")
            return directory / name, is_sound(copy)


def is_sound(connection: apsw.Connection) -> bool:
    """Return whether the database is whole, and the log has no gap. Reads all of it."""
    try:
        entries, newest, head = next(
            connection.execute("SELECT count(*), coalesce(max(seq), 0), (SELECT head FROM log) FROM entry")
        )
        return bool(entries == newest == head) and connection.execute("PRAGMA quick_check").get == "ok"
    except apsw.Error:
        return False
