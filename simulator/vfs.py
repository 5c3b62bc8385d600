"""An SQLite VFS through which one process uses its host's disk.

The files really are in a private directory, through SQLite's own VFS ``unix-excl`` (which keeps the WAL's
index in memory, shared by the connections of this real process). This layer counts, refuses, and remembers
for each write whether it was synced.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import apsw

from simulator.disk import Image

if TYPE_CHECKING:
    from simulator.disk import Disk

_BASE = "unix-excl"
_names = count()


class SimVFS(apsw.VFS):
    """One process's way to ``disk``. ``writes_left`` is how many changes it may still make; None for any."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.writes_left: int | None = None
        # SQLite knows the name, in the whole real process: it must be unique there.
        self.name = f"chatnet-simulated-{next(_names)}"
        super().__init__(self.name, _BASE)

    def change(self, growth: int) -> None:
        """Allow a change to a file, which makes the file longer by ``growth``, or refuse it.

        :raises apsw.IOError: the process is dead, or the disk takes no writes.
        :raises apsw.FullError: there is no room.
        """
        if self.writes_left is not None:
            if not self.writes_left:
                raise apsw.IOError("the process is dead")
            self.writes_left -= 1
        if self.disk.is_read_only:
            raise apsw.IOError("the disk is read-only")
        if not self.disk.grow(growth):
            raise apsw.FullError("the disk is full")
        self.disk.writes += 1

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> SimFile:
        return SimFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.change(0)
        super().xDelete(filename, syncdir)
        self.disk.images.pop(filename, None)

    def xSleep(self, microseconds: int) -> int:
        # A process that waits for a lock waits for one that does not run meanwhile.
        return microseconds


class SimFile(apsw.VFSFile):
    """One open file."""

    def __init__(self, vfs: SimVFS, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._vfs = vfs
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        # A file without a name is temporary: nobody will miss it.
        images = vfs.disk.images
        self._image = Image() if path is None else images.setdefault(path, Image())
        super().__init__(_BASE, name, flags)

    def xWrite(self, data: Any, offset: int) -> None:
        image = self._image
        self._vfs.change(offset + len(data) - image.size)
        super().xWrite(data, offset)
        image.write(offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:
        self._vfs.change(0)
        super().xTruncate(newsize)
        self._image.truncate(newsize)

    def xSync(self, flags: int) -> None:
        self._vfs.change(0)
        self._image.sync()
        self._vfs.disk.syncs += 1
