"""What outlives a bot's process: how far it has read, and what it has to say. One file has both.

So a bot that handles an entry and answers it does so once: in one write the entry is handled, and what it
has to say is kept. If it is killed before, the entry comes again and nothing was said; if after, the answer
is sent by the next process, with its key, and the log takes one of each key.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import msgspec

from chatnet.bot.errors import NotKept, WrongState
from chatnet.bot.messages import Cursor

FORMAT = 1


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept: of which log and user, up to where all is handled, and the drafts that are not answered.

    A draft is the command as it is sent, with its key.
    """

    format: int = FORMAT
    log: str = ""
    user: str = ""
    cursor: Cursor | None = None
    outbox: tuple[dict[str, Any], ...] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Kept).decode


class StateFile:
    """The file in which a bot's state is kept. One process at a time has it open."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock: int | None = None

    def open(self) -> Kept:
        """Take the file, and return what it has.

        :raises WrongState: another process has it, or it is damaged.
        """
        # The file itself is another one after each write: beside it is one to lock.
        beside = self._path.with_name(f".{self._path.name}.lock")
        try:
            self._lock = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return self._read()
        except BlockingIOError:
            self.close()
            raise WrongState(f"Another process uses the state in {self._path}: a bot has its own.") from None
        except OSError as error:
            self.close()
            raise WrongState(f"The state cannot be kept in {self._path}: {error.strerror}.") from error
        except BaseException:
            self.close()
            raise

    def _read(self) -> Kept:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return Kept()
        try:
            kept = _decode(content)
        except msgspec.DecodeError as error:
            raise WrongState(f"The state in {self._path} cannot be read: {error}.") from error
        if kept.format > FORMAT:
            raise WrongState(f"The state in {self._path} is of a newer chatnet: update this one.")
        return kept

    def write(self, kept: Kept) -> None:
        """Keep this from now on: it is on the disk when this returns.

        :raises NotKept: what was kept before still is.
        """
        try:
            self._replace(_encode(kept))
        except OSError as error:
            raise NotKept(f"The state cannot be written to {self._path}: {error.strerror}.") from error

    def _replace(self, content: bytes) -> None:
        fresh = self._path.with_name(f".{self._path.name}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(fresh, self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def close(self) -> None:
        """Let another process have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class NoFile:
    """Keeps nothing: a bot that is killed begins afresh, from what is said then."""

    def open(self) -> Kept:
        return Kept()

    def write(self, kept: Kept) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


Keeping = StateFile | NoFile


def keeping(path: str | os.PathLike[str] | None) -> Keeping:
    """Return what keeps the state of a bot: a file, or nothing."""
    return NoFile() if path is None else StateFile(path)
