"""One host's disk: small files, and databases that lose unsynced writes in a power failure."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from chatnet.world import FileStatus

if TYPE_CHECKING:
    from simulator.process import SimProcess
    from simulator.simulation import Simulation

SECTOR = 512
"""Bytes that a disk writes completely or not at all."""
OWNER = 1000
"""The user who owns all files, and runs all processes."""
KEPT_OUTPUT = 64 * 1024
"""Bytes that are kept of a growing text file."""


class Image:
    """One database file: what is on the disk itself, and what the kernel has not written there yet.

    ``size`` is the file's size as programs see it, in bytes.
    """

    def __init__(self) -> None:
        self.size = 0
        self._durable = bytearray()
        self._unsynced: list[tuple[int, bytes | None]] = []

    @property
    def unsynced(self) -> int:
        """How many writes are not durable yet."""
        return len(self._unsynced)

    def write(self, offset: int, content: bytes) -> None:
        self._unsynced.append((offset, content))
        self.size = max(self.size, offset + len(content))

    def truncate(self, size: int) -> None:
        self._unsynced.append((size, None))
        self.size = size

    def sync(self) -> None:
        """Make everything that was written durable."""
        for offset, content in self._unsynced:
            self._apply(offset, content)
        self._unsynced.clear()

    def lose_power(self, chance: random.Random) -> bytes:
        """Keep some unsynced sectors and lose others; return the content that is left."""
        keep = chance.choice((0.0, 0.0, 0.5, 0.9, 1.0))
        for offset, content in self._unsynced:
            for at, piece in _sectors(offset, content):
                if chance.random() < keep:
                    self._apply(at, piece)
        self._unsynced.clear()
        self.size = len(self._durable)
        return bytes(self._durable)

    def _apply(self, offset: int, content: bytes | None) -> None:
        durable = self._durable
        if len(durable) < offset:
            durable.extend(bytes(offset - len(durable)))
        if content is None:
            del durable[offset:]
        else:
            durable[offset : offset + len(content)] = content


def _sectors(offset: int, content: bytes | None) -> list[tuple[int, bytes | None]]:
    if content is None:
        return [(offset, None)]
    pieces: list[tuple[int, bytes | None]] = []
    at = 0
    while at < len(content):
        end = at + SECTOR - (offset + at) % SECTOR
        pieces.append((offset + at, content[at:end]))
        at = end
    return pieces


class Disk:
    """The disk of the host ``name``.

    ``room`` is how many more bytes fit, None for any number; ``sync_seconds`` is how long a thread waits for
    a sync; ``owners`` are the owners of files that are not ours; ``is_read_only`` refuses every change.
    ``writes`` and ``syncs`` count what databases did.
    """

    def __init__(self, simulation: Simulation, name: str) -> None:
        self._simulation = simulation
        self._name = name
        self._chance = simulation.chance(f"disk {name}")
        self.room: int | None = None
        self.sync_seconds = 0.0
        self.is_read_only = False
        self.writes = self.syncs = 0
        self.images: dict[str, Image] = {}
        self.locks: dict[Path, SimProcess] = {}
        self.owners: dict[Path, int] = {}
        self._modes: dict[Path, int] = {}
        self._files: dict[Path, bytes] = {}
        self._directories: dict[Path, None] = {Path("/"): None}

    # ---- room ----

    def grow(self, size: int) -> bool:
        """Take ``size`` more bytes; return False if there is no room for them."""
        if self.room is None or size <= 0:
            return True
        if size > self.room:
            return False
        self.room -= size
        return True

    # ---- small files, by their absolute path ----

    def make_directory(self, path: Path) -> None:
        for directory in [*reversed(path.parents), path]:
            if directory in self._directories:
                continue
            self._may_change(directory)
            if directory in self._files:
                raise _error(errno.EEXIST, directory)
            self._directories[directory] = None

    def is_directory(self, path: Path) -> bool:
        return path in self._directories

    def read(self, path: Path) -> bytes:
        content = self._files.get(path)
        if content is None:
            raise _error(errno.EISDIR if path in self._directories else errno.ENOENT, path)
        return content

    def has(self, path: Path) -> bool:
        return path in self._files

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file, atomically and durably."""
        self._may_change(path)
        if path in self._directories:
            raise _error(errno.EISDIR, path)
        if not self.grow(len(content) - len(self._files.get(path, b""))):
            raise _error(errno.ENOSPC, path)
        self._files[path] = content

    def append(self, path: Path, content: bytes) -> None:
        """Append to a text file, of which only the end is kept; what does not fit on the disk is lost."""
        if self.grow(len(content)):
            self._files[path] = (self._files.get(path, b"") + content)[-KEPT_OUTPUT:]

    def _may_change(self, path: Path) -> None:
        if self.is_read_only:
            raise _error(errno.EROFS, path)
        if path.parent not in self._directories:
            raise _error(errno.ENOENT, path)

    # ---- locks ----

    def forget_locks(self) -> None:
        """Free all locks without telling their holders."""
        for directory in list(self.locks):
            del self.locks[directory]

    # ---- what is there ----

    def status(self, path: Path) -> FileStatus | None:
        """Return the status: of a database its real file's; small files and directories differ by path."""
        if (real := Path(self.real(path))).exists():
            found = os.stat(real)
            identity, size, written, mode = found.st_ino, found.st_size, found.st_mtime_ns, 0o100600
        elif path in self._files:
            identity, size, written, mode = hash(path), len(self._files[path]), 0, 0o100600
        elif path in self._directories:
            identity, size, written, mode = hash(path), 0, 0, 0o40700
        else:
            return None
        return FileStatus(
            0, identity, size, written, self.owners.get(path, OWNER), self._modes.get(path, mode)
        )

    def children(self, directory: Path) -> list[Path]:
        """Return the small files and directories in ``directory``."""
        return [path for path in (*self._files, *self._directories) if path.parent == directory != path]

    def protect(self, path: Path, mode: int) -> None:
        """Set its rights."""
        self._may_change(path)
        self._modes[path] = mode | (0o40000 if path in self._directories else 0o100000)

    # ---- databases ----

    def remove(self, path: Path) -> None:
        """Remove a file; a process that has a database open keeps using it, but nobody else finds it."""
        if self._files.pop(path, None) is not None:
            return
        Path(self.real(path)).unlink(missing_ok=True)
        self.images.pop(self.real(path), None)

    def rename(self, path: Path, to: Path) -> None:
        """Move a database to a place where there is none."""
        real, new = Path(self.real(path)), Path(self.real(to))
        if real.exists() and not new.exists():
            real.rename(new)
            self.images[str(new)] = self.images.pop(str(real))

    def backup(self, path: Path) -> bytes:
        """Return a copy of a database, as SQLite makes it."""
        connection = self.look_into(path)
        try:
            return bytes(connection.serialize("main"))
        finally:
            connection.close()

    def restore(self, path: Path, content: bytes) -> None:
        """Put such a copy in the place of a database that no process uses now."""
        for end in ("", "-wal", "-shm"):
            self.remove(path.with_name(path.name + end))
        image = self.images[self.real(path)] = Image()
        image.write(0, content)
        image.sync()
        Path(self.real(path)).write_bytes(content)

    def look_into(self, path: Path) -> apsw.Connection:
        """Open a database from outside the simulation."""
        # Nothing may be written without this disk's knowledge, not even by a recovery.
        connection = apsw.Connection(self.real(path), flags=apsw.SQLITE_OPEN_READONLY, vfs="unix-excl")
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        return connection

    def real(self, path: Path) -> str:
        """Return where the database ``path`` of this disk really is."""
        directory = self._simulation.directory / self._name
        directory.mkdir(exist_ok=True)
        return str(directory / "%".join(path.parts[1:]))

    def lose_power(self) -> None:
        """Perhaps lose what was not synced. No process may use the disk now."""
        for real, image in self.images.items():
            Path(real).write_bytes(image.lose_power(self._chance))


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
