"""The list of what was taken back beside the embedded store: see :mod:`chatnet.erased`.

A line is on the disk before its batch is committed, and the store says, from that commit on, how long the
list is, with a check of all its lines. So a store that finds a longer list was put back to an earlier state,
or its master was killed between the two: what the rest of the list says is taken back again before anybody is
served. A store that finds a shorter list, or another one, obeys all of it, and adds what it has itself.

Everything here runs in the writer's thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec
from twisted.logger import Logger

from chatnet.entries import Draft
from chatnet.erased import MOST_LINE, Erasure, line_in, lines_of
from chatnet.errors import CannotStart
from chatnet.store.blanking import Ask, asking
from chatnet.store.erased import again, erasures_in, untaken
from chatnet.store.sqlite.writer import Batch, Listed, Writer
from chatnet.world import Files

NAME = "erased"
"""The list's name, in the directory of the store."""
_MOST_READ = 1 << 20
NOTHING = Listed(0, "")
"""A list without a line."""
_AT_A_TIME = 500
"""How many erasures, at least, are looked up and taken back again in one batch."""
_DAMAGED = (
    "The list of what was taken back, {path}, is damaged behind its byte {at:,}: put a copy of it in place; "
    "or remove it, and it is made anew from the log, which has nothing of what was taken back after a backup."
)
_TORN = (
    "The last line of {path} is not whole, and is dropped: its batch was never committed, or this is a copy "
    "that was cut off"
)
_NOT_TAKEN = (
    "{count:,} of what {path} says was taken back cannot be taken back again: {why} Mend that; or move the "
    "list away, and have it obeyed later, by “chatnet restore”: until then what was taken back is there."
)

Commit = Callable[[list[Draft]], Batch]
"""Appends drafts of the cluster's own."""

_logger = Logger()


class Read(NamedTuple):
    """A line that was read: what it says of this log, and what the list is up to its end, the line feed
    included; ``is_ended``: that is there."""

    erasures: tuple[Erasure, ...]
    listed: Listed
    is_ended: bool


def read_list(
    path: Path, files: Files, log_id: str, known: Listed = NOTHING, torn: Callable[[], object] = lambda: None
) -> Iterator[Read]:
    """Yield the lines behind what is ``known``. A last one that was not written whole, and has no end, is
    passed over, since its batch was never committed, and ``torn`` is called.

    :raises CannotStart: the list cannot be read, or another line is not as it was written.
    """
    try:
        for content, is_ended in _lines(path, files, known.size):
            line = line_in(content)
            if line is None and is_ended:
                raise CannotStart(_DAMAGED.format(path=path, at=known.size))
            if line is None:
                torn()
                return
            known = with_line(known, content)
            yield Read(line.erasures if line.log == log_id else (), known, is_ended)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotStart(
            f"The list of what was taken back, {path}, cannot be read ({error.strerror}): mend that."
        ) from error


def _lines(path: Path, files: Files, at: int) -> Iterator[tuple[bytes, bool]]:
    """Yield each line, and whether it has its end. In place of one that is too long, and of all behind it, is
    an empty one, which nobody has written."""
    rest = b""
    while piece := files.read_on(path, at, _MOST_READ):
        at += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line, True
        if len(rest) > MOST_LINE:
            yield b"", True
            return
    if rest:
        yield rest, False


def with_line(before: Listed, content: bytes) -> Listed:
    """Return what a list is with one more line, given without its end."""
    check = hashlib.sha256(f"{before.tail} ".encode() + content).hexdigest()[:32]
    return Listed(before.size + len(content) + 1, check)


def listed(path: Path, files: Files, size: int) -> Listed:
    """Return what the list at ``path`` is, up to the last line that ends within ``size`` bytes.

    :raises OSError: it cannot be read.
    """
    found = NOTHING
    for content, is_ended in _lines(path, files, 0):
        longer = with_line(found, content)
        if longer.size > size or not is_ended:
            break
        found = longer
    return found


def end_line(path: Path, files: Files, read: Read) -> None:
    """Give the last line of the list its end, durably, if it has none: others go behind it.

    :raises OSError: that cannot be written now.
    """
    if not read.is_ended:
        files.extend(path, read.listed.size - 1, b"\n")


def is_list_of(path: Path, files: Files, known: Listed) -> bool:
    """Return whether the list at ``path`` is the one that is ``known``, or goes on behind that."""
    if known.size <= 0:
        return known.size == 0
    with suppress(OSError):
        return listed(path, files, known.size) == known
    return False


class ErasedList:
    """The list at ``path``, of the store that ``connection`` writes to."""

    def __init__(self, path: Path, files: Files, connection: apsw.Connection, log_id: str) -> None:
        self._path, self._files = path, files
        self._ask, self._log_id = asking(connection.execute, "?"), log_id

    def write(self, erasures: Sequence[Erasure]) -> Listed:
        """Write these down, durably; return what the list is then.

        The store has them already, in a transaction that is committed afterwards.

        :raises OSError: that cannot be written now.
        """
        known = Listed(*next(self._ask("SELECT erased, erased_tail FROM log")))
        found = self._files.status(self._path)
        if known.size > (0 if found is None else found.size):
            _logger.warn("{path} was removed, or cut off; it is made anew from the log", path=self._path)
            content = _content(self._log_id, _all_in(self._ask))
            self._files.write(self._path, content)
            return _with_lines(NOTHING, content)
        content = b"".join(lines_of(self._log_id, erasures))
        self._files.extend(self._path, known.size, content)  # what is behind it was never committed
        return _with_lines(known, content)


def catch_up(
    path: Path, files: Files, connection: apsw.Connection, store: Writer, log_id: str, commit: Commit
) -> None:
    """Take back again, in the store at ``path`` that was just opened, what the list beside it says and the
    store does not; from then on the store writes the list.

    ``commit`` appends drafts to it. If the process dies meanwhile, the next to open the store goes on.

    :raises CannotStart: the list cannot be read, or followed. :raises DiskRefuses: as a commit does.
    """
    path = path.with_name(NAME)
    ask = asking(connection.execute, "?")
    with _as_written():
        known = Listed(*next(ask("SELECT erased, erased_tail FROM log")))
        is_known = is_list_of(path, files, known)
    own = set() if is_known else _all_in(ask)
    now = known if is_known and known.size else NOTHING
    done, gathered = 0, list[Erasure]()

    def take_back() -> int:
        return _take_back_again(path, gathered, ask, store, log_id, commit)

    for read in read_list(path, files, log_id, now, lambda: _logger.warn(_TORN, path=path)):
        end_line(path, files, read)
        now = read.listed
        gathered += read.erasures
        own.difference_update(read.erasures)
        if len(gathered) >= _AT_A_TIME:
            done += take_back()
            gathered.clear()
            if is_known:
                store.list_is(now)
    done += take_back()
    if own:
        content = _content(log_id, own)
        files.extend(path, now.size, content)
        now = _with_lines(now, content)
    if now != known:
        store.list_is(now)
    store.keep_list(ErasedList(path, files, connection, log_id).write)
    if done:
        _logger.warn(
            "The log had what {path} says was taken back: it was put back to an earlier state, or its last "
            "master was killed in the middle. That is taken back again, by {done:,} entries",
            path=path,
            done=done,
        )


def _all_in(ask: Ask) -> set[Erasure]:
    with _as_written():
        return set(erasures_in(ask))


def _with_lines(before: Listed, content: bytes) -> Listed:
    return reduce(with_line, content.split(b"\n")[:-1], before)


def _content(log_id: str, erasures: Iterable[Erasure]) -> bytes:
    """Return the lines of a list that is made anew, which can be read again."""
    with _as_written():
        lines = list(lines_of(log_id, sorted(erasures)))
        if not all(line_in(line[:-1]) for line in lines):
            raise ValueError
    return b"".join(lines)


@contextmanager
def _as_written() -> Iterator[None]:
    """Wrap what reads rows of the store, on whose pages anything may stand.

    :raises CorruptError: they are not as they were written.
    """
    try:
        yield
    except (ValueError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        raise apsw.CorruptError("what it says was taken back is not as it was written") from error


def _take_back_again(
    path: Path, erasures: Sequence[Erasure], ask: Ask, store: Writer, log_id: str, commit: Commit
) -> int:
    """Take back again what the log does not say is taken back; return with how many entries.

    :raises CannotStart: some of it is not taken back.
    """
    with _as_written():
        todo = again(log_id, erasures, ask)
    store.await_again(todo.awaited, todo.names)
    done = 0
    for at in range(0, len(todo.drafts), _AT_A_TIME):
        drafts = todo.drafts[at : at + _AT_A_TIME]
        batch = commit(drafts)
        done += len(batch.entries)
        if refused := untaken(drafts, batch.outcomes):
            raise CannotStart(_NOT_TAKEN.format(count=len(refused), path=path, why=refused[0][1].sentence))
    return done
