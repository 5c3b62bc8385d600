"""Why the disk of a log takes no writes, and how that is told from an error of SQLite."""

from __future__ import annotations

import errno
from pathlib import Path

import apsw


class DiskRefuses(Exception):
    """The disk takes no writes; nothing was committed. Transient.

    ``why`` and ``until`` are for the operator's sentence; ``over`` says that it has passed.
    """

    why = until = over = ""


class DiskFull(DiskRefuses):
    why = "The disk of the log is full"
    until = "there is room"
    over = "There is room on the disk again; posts are stored as usual"


class NoRoomToWriteAnew(DiskFull):
    """There is no room for a second copy of the store, and for its WAL. ``needed``: bytes."""

    def __init__(self, path: Path, needed: int, free: int) -> None:
        super().__init__(f"{free:,} are free")
        self.why = f"{path} was made by VACUUM, as a backup is, and has to be written anew"
        self.until = f"there is room for that: {needed:,} bytes in {path.parent}"


class StoreDamaged(DiskRefuses):
    """Another process would find the same damage: the primary stays, and serves what can be read."""

    why = "The store is damaged"
    until = "it is mended: restore a backup, “chatnet check” says more"
    over = "The store can be written again; posts are stored as usual"


class ListRefuses(DiskRefuses):
    """What is taken back cannot be written down: it would come back with a backup."""

    why = "The list of what was taken back, “erased” in the data directory, cannot be written"
    until = "it can: it has to be a file of the user who runs this"
    over = "The list of what was taken back can be written again; posts are stored as usual"


class DiskReadOnly(DiskRefuses):
    why = "The file system of the log is read-only"
    until = "it takes writes"
    over = "The file system of the log takes writes again; posts are stored as usual"


def refusal_of(error: OSError) -> DiskRefuses:
    """Return why the list of what was taken back is not written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(str(error))
    return (DiskReadOnly if error.errno == errno.EROFS else ListRefuses)(str(error))


def is_disk_full(error: BaseException, connection: apsw.Connection) -> bool:
    """Return whether an error of SQLite means that the disk is full."""
    if isinstance(error, (apsw.IOError, apsw.CantOpenError)):
        return connection.system_errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, apsw.FullError)
