"""One process's view of its host's disk: see :class:`chatnet.world.Files`."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from chatnet.world import FileStatus
from simulator.disk import OWNER
from simulator.vfs import SimVFS

if TYPE_CHECKING:
    from simulator.disk import Disk
    from simulator.process import SimProcess


class SimLock:
    """A held lock."""

    def __init__(self, disk: Disk, directory: Path, holder: SimProcess) -> None:
        self._disk, self._directory, self._holder = disk, directory, holder

    def release(self) -> None:
        if self._disk.locks.get(self._directory) is self._holder:
            if self._holder.files.has_open_databases:
                self._holder.simulation.fail("lease: it is let go of while the store is open")
            del self._disk.locks[self._directory]


class SimFiles:
    """The files of ``process``. After its death everything is refused."""

    def __init__(self, process: SimProcess) -> None:
        self._process = process
        self._appending: dict[int, Path] = {}
        self._connections: list[apsw.Connection] = []
        self._vfs: SimVFS | None = None

    def user(self) -> int:
        return OWNER

    def status(self, path: Path, follow: bool = True) -> FileStatus | None:
        return self._disk.status(self._absolute(path))

    def children(self, directory: Path) -> list[Path]:
        return self._disk.children(self._absolute(directory))

    def protect(self, path: Path, mode: int) -> None:
        self._disk.protect(self._absolute(path), mode)

    def is_read_only(self, directory: Path) -> bool:
        return self._disk.is_read_only

    def free_bytes(self, directory: Path) -> int:
        return 1 << 60 if self._disk.room is None else self._disk.room

    def make_directory(self, path: Path) -> None:
        self._disk.make_directory(self._absolute(path))

    def read(self, path: Path) -> bytes:
        return self._disk.read(self._absolute(path))

    def write(self, path: Path, content: bytes) -> None:
        self._disk.write(self._absolute(path), content)

    def read_on(self, path: Path, at: int, most: int) -> bytes:
        return self._disk.read(self._absolute(path))[at : at + most]

    def extend(self, path: Path, at: int, content: bytes) -> None:
        if self._vfs is None or self._vfs.writes_left is None:
            disk = self._disk
        else:  # a thread of a process that dies
            disk, left = self._vfs.disk, self._vfs.writes_left
            if not left:
                raise OSError(errno.EBADF, "the process is dead")
            self._vfs.writes_left = left - 1
            content = content if left > 1 else content[: len(content) // 2]
        path = self._absolute(path)
        before = disk.read(path)[:at] if disk.has(path) else b""
        disk.write(path, before.ljust(at, b"\0") + content)

    def create(self, path: Path, content: bytes) -> bool:
        if self._disk.has(self._absolute(path)):
            return False
        self.write(path, content)
        return True

    def remove(self, path: Path) -> None:
        self._disk.remove(self._absolute(path))

    def lock(self, directory: Path) -> SimLock | None:
        disk, directory = self._disk, self._absolute(directory)
        if not disk.is_directory(directory):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(directory))
        if directory in disk.locks:
            return None
        disk.locks[directory] = self._process
        return SimLock(disk, directory, self._process)

    def lock_holder(self, directory: Path) -> int | None:
        holder = self._disk.locks.get(self._absolute(directory))
        return None if holder is None else holder.pid

    def append_to(self, path: Path) -> int:
        path = self._absolute(path)
        self._disk.write(path, self._disk.read(path) if self._disk.has(path) else b"")
        descriptor = self._process.take_descriptor(None)
        self._appending[descriptor] = path
        return descriptor

    def close(self, descriptor: int) -> None:
        del self._appending[descriptor]

    def path_of(self, descriptor: int) -> Path:
        """Return the file to which ``descriptor`` appends."""
        return self._appending[descriptor]

    def tail(self, path: Path, lines: int) -> list[str]:
        try:
            content = self.read(path)
        except OSError:
            return []
        return content.decode("utf-8", "replace").splitlines()[-lines:]

    def database(self, path: Path) -> apsw.Connection:
        path = self._absolute(path)
        if not self._disk.is_directory(path.parent):
            raise apsw.CantOpenError("unable to open database file")
        if self._vfs is None:
            self._vfs = SimVFS(self._disk)
        connection = apsw.Connection(self._disk.real(path), vfs=self._vfs.name)
        self._connections.append(connection)
        return connection

    @property
    def has_open_databases(self) -> bool:
        """Whether there is a database connection that was not closed."""
        return any(map(_is_open, self._connections))

    # ---- the end of the process ----

    @contextmanager
    def last_writes(self, count: int) -> Iterator[None]:
        """Let the process die after ``count`` more writes to databases."""
        if self._vfs is not None:
            self._vfs.writes_left = count
        yield
        if self._vfs is not None:
            self._vfs.writes_left = 0

    def let_go(self) -> None:
        """Clean up after death: nothing more is committed or written, and the locks are free."""
        with self.last_writes(0):
            for connection in self._connections:
                # It is closed already, or it complains that it may not even roll back.
                with suppress(apsw.Error):
                    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                    connection.close(True)
        self._connections.clear()
        if self._vfs is not None:
            self._vfs.unregister()
        locks = self._process.host.disk.locks
        for directory in [path for path, holder in locks.items() if holder is self._process]:
            del locks[directory]

    @property
    def _disk(self) -> Disk:
        if self._process.is_dead:
            raise OSError(errno.EBADF, "the process is dead")
        return self._process.host.disk

    def _absolute(self, path: Path) -> Path:
        return Path(os.path.normpath(self._process.world.directory / path))


def _is_open(connection: apsw.Connection) -> bool:
    try:
        connection.total_changes()
    except apsw.ConnectionClosedError:
        return False
    return True
