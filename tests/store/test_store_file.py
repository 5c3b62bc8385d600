"""What may happen to the store's files while it is open, or between two openings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from twisted.internet.defer import Deferred

from chatnet.entries import Draft
from chatnet.errors import CannotStart
from chatnet.limits import Limits
from chatnet.store.sqlite.disk import DiskReadOnly
from chatnet.store.sqlite.log import LOOK_SECONDS, SqliteLog
from chatnet.store.sqlite.opening import Known, LogMissing
from chatnet.world.real import RealFiles

REGISTER = Draft("register", "alice", "alice", "sha256:1", b"r" * 16)


def post(number: int, text: str = "hello") -> Draft:
    return Draft("post", "alice", "alice", text, number.to_bytes(16, "big"))


def answers(deferred: Deferred[Any]) -> list[Any]:
    found: list[Any] = []
    deferred.addBoth(found.append)
    return found


@pytest.fixture
def data(disk: Any, tmp_path: Path) -> Path:
    """Return the directory of the store, which has nothing else in it."""
    disk.path = tmp_path / "data" / "log.sqlite"
    disk.path.parent.mkdir()
    return tmp_path / "data"


def wal(data: Path) -> Path:
    return data / "log.sqlite-wal"


def removed(data: Path) -> None:
    for path in data.iterdir():
        path.unlink()


def main_removed(data: Path) -> None:
    (data / "log.sqlite").unlink()


def wal_removed(data: Path) -> None:
    wal(data).unlink()


def wal_emptied(data: Path) -> None:
    os.truncate(wal(data), 0)


def another_renamed_over(data: Path) -> None:
    shutil.copy(data / "log.sqlite", data / "copy")
    (data / "copy").rename(data / "log.sqlite")


def another_copied_over(data: Path) -> None:
    (data / "log.sqlite").write_bytes(os.urandom(100_000))


def some_of_it_overwritten(data: Path) -> None:
    with (data / "log.sqlite").open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(8192))


def directory_moved(data: Path) -> None:
    data.rename(data.with_name("elsewhere"))


def directory_removed(data: Path) -> None:
    shutil.rmtree(data)


def directory_replaced(data: Path) -> None:
    directory_moved(data)
    data.mkdir()
    apsw.Connection(str(data / "log.sqlite")).execute("CREATE TABLE t (x); INSERT INTO t VALUES (1)").close()


WAYS: list[tuple[Callable[[Path], None], str]] = [
    (removed, "log.sqlite was removed, or moved away"),
    (main_removed, "log.sqlite was removed, or moved away"),
    (wal_removed, "log.sqlite-wal was removed, or moved away"),
    (wal_emptied, "log.sqlite-wal was cut off"),
    (another_renamed_over, "log.sqlite was replaced by another file"),
    (another_copied_over, "log.sqlite was written over by another program"),
    (some_of_it_overwritten, "log.sqlite was written over by another program"),
    (directory_moved, "log.sqlite was removed, or moved away"),
    (directory_removed, "log.sqlite was removed, or moved away"),
    (directory_replaced, "log.sqlite"),
]


@pytest.mark.parametrize(("spoil", "says"), WAYS)
def test_what_is_on_no_disk_is_not_acknowledged(
    disk: Any, data: Path, now: Callable[[Any], Any], spoil: Callable[[Path], None], says: str
) -> None:
    """Whatever happened to the files, the next batch is neither answered nor passed on, and the reason is
    said."""
    log = disk.open()
    now(log.append([REGISTER, *(post(number) for number in range(100))]))
    spoil(data)
    answered = answers(log.append([post(200)])), answers(log.append([post(201)]))
    assert says in log.trouble
    disk.reactor.advance(LOOK_SECONDS)
    disk.reactor.advance(LOOK_SECONDS)
    assert (answered, log.window.head, disk.fatal) == (([], []), 101, [])
    assert "nothing is acknowledged" in log.trouble


@pytest.mark.parametrize(
    "spoil", [removed, main_removed, wal_removed, another_renamed_over, directory_removed, directory_replaced]
)
def test_what_the_process_still_has_is_saved(
    disk: Any, data: Path, now: Callable[[Any], Any], spoil: Callable[[Path], None]
) -> None:
    """Even if nobody posts, all that was acknowledged is soon in a second file in the same directory. It is a
    store like any other: put in place, it continues the log."""
    log = disk.open()
    now(log.append([REGISTER, *(post(number) for number in range(100))]))
    spoil(data)
    disk.reactor.advance(LOOK_SECONDS)
    here, beside = data / "rescued-1-101.sqlite", data.parent / "data.rescued-1-101.sqlite"
    [saved] = [path for path in (here, beside) if path.exists()]
    assert saved == (beside if spoil in (directory_removed, directory_replaced) else here)
    assert str(saved) in log.trouble
    assert saved.stat().st_mode & 0o077 == 0
    entries = log.window.after(0)
    disk.close()
    disk.path = data.parent / "again.sqlite"
    saved.rename(disk.path)
    again = disk.open()
    assert (again.log_id, again.window.after(0), again.warning) == (log.log_id, entries, "")


def test_what_comes_back_goes_on(disk: Any, data: Path, now: Callable[[Any], Any]) -> None:
    """What waited meanwhile is answered once, in order."""
    log = disk.open()
    now(log.append([REGISTER]))
    directory_moved(data)
    first, second = answers(log.append([post(1)])), answers(log.append([post(2)]))
    disk.reactor.advance(LOOK_SECONDS)
    assert (first, second) == ([], [])
    data.with_name("elsewhere").rename(data)
    disk.reactor.advance(LOOK_SECONDS)
    assert (first, second, log.trouble) == ([[2]], [[3]], "")
    assert [entry.seq for entry in log.window.after(0)] == [1, 2, 3]
    assert now(log.append([post(1), post(3)])) == [2, 4]


def test_a_rescue_that_fails_is_tried_again(disk: Any, data: Path, now: Callable[[Any], Any]) -> None:
    """It says so meanwhile, since the process must not be ended."""
    log = disk.open()
    now(log.append([REGISTER]))
    removed(data)
    taken = data / "rescued-1-1.sqlite"
    taken.mkdir()
    disk.reactor.advance(LOOK_SECONDS)
    assert "do not end this master" in log.trouble
    taken.rmdir()
    disk.reactor.advance(LOOK_SECONDS)
    assert str(taken) in log.trouble
    assert taken.is_file()


def test_a_checkpoint_by_another_program_does_no_harm(
    disk: Any, data: Path, now: Callable[[Any], Any]
) -> None:
    """It writes to the main file what would be written there anyway."""
    log = disk.open()
    now(log.append([REGISTER]))
    other = apsw.Connection(str(disk.path))
    assert other.execute("SELECT epoch FROM log").get == 1  # else it has no WAL to write back
    assert min(other.wal_checkpoint()) > 0
    other.close()
    disk.reactor.advance(LOOK_SECONDS)
    assert (now(log.append([post(1)])), log.trouble) == ([2], "")


@pytest.mark.parametrize("posts", [1, 100])
def test_a_wal_that_another_has_written_back_and_cut_does_no_harm(
    disk: Any, data: Path, now: Callable[[Any], Any], posts: int
) -> None:
    """A primary of before may have, in the moment in which it learns that it is none any more."""
    log = disk.open()
    now(log.append([REGISTER, *(post(number) for number in range(posts))]))
    other = apsw.Connection(str(disk.path))
    assert other.execute("SELECT epoch FROM log").get == 1  # else it has no WAL to write back
    assert other.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE) == (0, 0)
    assert wal(data).stat().st_size == 0
    other.close()
    assert (now(log.append([post(200)])), log.trouble) == ([posts + 2], "")
    disk.reactor.advance(LOOK_SECONDS)
    assert log.trouble == ""
    assert (now(log.append([post(201)])), log.trouble) == ([posts + 3], "")


def test_our_own_checkpoints_are_no_trouble(disk: Any, data: Path, now: Callable[[Any], Any]) -> None:
    """This holds however many there are."""
    log = disk.open(limits=Limits(checkpoint_pages=10))
    now(log.append([REGISTER]))
    for number in range(300):
        now(log.append([post(number, "x" * 500)]))
    assert (log.trouble, log.window.head) == ("", 301)
    assert wal(data).stat().st_size < 160_000 < (data / "log.sqlite").stat().st_size


class ReadOnly(RealFiles):
    """A file system that can be made read-only."""

    is_off = True

    def is_read_only(self, directory: Path) -> bool:
        return not self.is_off

    def database(self, path: Path) -> apsw.Connection:
        self.writer = super().database(path)
        return self.writer


def test_a_read_only_file_system_is_waited_for(disk: Any, data: Path, now: Callable[[Any], Any]) -> None:
    """It is waited for as a full one is."""
    files = disk.files = ReadOnly()
    log = disk.open()
    now(log.append([REGISTER]))
    writer = log._file._connection
    writer.execute("PRAGMA query_only=1")
    files.is_off = False
    answered = answers(log.append([post(1)]))
    disk.reactor.advance(1)
    assert (answered, log.trouble, disk.fatal) == (
        [], "The file system of the log is read-only: posts wait until it takes writes.", []
    )  # fmt: skip
    with pytest.raises(DiskReadOnly):
        log._file.commit(log._store, [post(2)], 0)
    writer.execute("PRAGMA query_only=0")
    files.is_off = True
    disk.reactor.advance(1)
    assert (answered, log.trouble) == ([[2]], "")


# ---- copies, and what is known of a log ----


def a_copy(disk: Any, data: Path, *suffixes: str) -> Path:
    """Copy some files of an open log, as ``cp`` does; return the path of the copied store."""
    directory = data.parent / "copied"
    directory.mkdir()
    for suffix in suffixes:
        shutil.copy(f"{disk.path}{suffix}", directory)
    return directory / "log.sqlite"


def reopened(disk: Any, path: Path) -> SqliteLog:
    disk.close()
    disk.path = path
    log: SqliteLog = disk.open()
    return log


@pytest.mark.parametrize("pages", [40, 100_000])
def test_a_copy_without_its_wal_is_said(disk: Any, data: Path, now: Callable[[Any], Any], pages: int) -> None:
    """It is said whether or not the WAL was ever written back, but only in the first epoch of the copy."""
    log = disk.open(limits=Limits(checkpoint_pages=pages))
    now(log.append([REGISTER]))
    for number in range(31):
        now(log.append([post(number)]))
    again = reopened(disk, a_copy(disk, data, ""))
    assert again.window.head < 32
    assert "without its -wal file" in again.warning
    disk.close()
    assert disk.open().warning == ""


def test_what_is_whole_is_not_doubted(disk: Any, data: Path, now: Callable[[Any], Any]) -> None:
    """A store after a crash, after a good end, and SQLite's copies of an open one are all accepted."""
    log = disk.open()
    now(log.append([REGISTER, post(1)]))
    by_backup, by_vacuum = data.parent / "backup.sqlite", data.parent / "vacuum.sqlite"
    source, target = apsw.Connection(str(disk.path)), apsw.Connection(str(by_backup))
    with target.backup("main", source, "main") as backup:
        backup.step()
    source.execute("VACUUM INTO ?", (str(by_vacuum),))
    source.close()
    target.close()
    crashed = a_copy(disk, data, "", "-wal")
    for path in (disk.path, crashed, by_backup, by_vacuum):
        again = reopened(disk, path)
        assert (again.window.head, again.warning) == (2, "")
        again = reopened(disk, path)
        assert (again.window.head, again.warning) == (2, "")


def test_a_known_log_must_be_there(disk: Any, data: Path, now: Callable[[Any], Any]) -> None:
    """No new log is begun in its place, and an older copy or another log is not changed."""
    log = disk.open()
    now(log.append([REGISTER]))
    older = a_copy(disk, data, "", "-wal")
    now(log.append([post(1)]))
    disk.close()
    known = Known(log.log_id, 1, 2)
    assert disk.open(known).window.head == 2
    disk.close()
    before = older.read_bytes()
    disk.path = older
    with pytest.raises(LogMissing, match=r"an older copy: it ends at 1, in epoch 1"):
        disk.open(known)
    with pytest.raises(CannotStart, match=r"is not the cluster's"):
        disk.open(Known("another", 1, 1))
    assert older.read_bytes() == before
    for empty in (False, True):
        disk.path = data.parent / f"nothing{empty}"
        if empty:
            disk.path.touch()
        with pytest.raises(LogMissing, match="was removed, or moved away"):
            disk.open(known)
        assert disk.path.exists() == empty


# ---- what is no damage ----


class Unwritable(RealFiles):
    """A disk whose store this user may only read, as SQLite itself then opens it."""

    def database(self, path: Path) -> apsw.Connection:
        return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)


def test_a_store_that_may_not_be_written_is_not_called_damaged(
    disk: Any, data: Path, now: Callable[[Any], Any]
) -> None:
    """No backup helps: the file, or its directory, must be made writable. The same holds for what is no
    file."""
    now(disk.open().append([REGISTER]))
    disk.close()
    disk.files, writable = Unwritable(), disk.files
    with pytest.raises(CannotStart, match=r"readonly database\. It has to be a file .*chown") as cannot:
        disk.open()
    assert "backup" not in str(cannot.value)
    disk.files = writable
    disk.path = data
    with pytest.raises(CannotStart, match=r"unable to open database file\. It has to be a file") as cannot:
        disk.open()
    assert "backup" not in str(cannot.value)


class Locked(RealFiles):
    """A disk whose store another program has locked for as long as SQLite waits."""

    def database(self, path: Path) -> apsw.Connection:
        raise apsw.BusyError("database is locked")


def test_a_store_that_another_program_uses_is_not_called_damaged(
    disk: Any, data: Path, now: Callable[[Any], Any]
) -> None:
    """The sentence says to end that program."""
    now(disk.open().append([REGISTER]))
    disk.close()
    disk.files = Locked()
    with pytest.raises(CannotStart, match=r"locked\. Another program uses it: end that, and start again"):
        disk.open()


# ---- damage ----


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE log SET head = 99", "should end at 99"),
        ("UPDATE log SET head = 3", "should end at 3"),
        ("DELETE FROM entry WHERE seq = 5", "are not as they were written"),
        ("UPDATE entry SET text = CAST(x'ff' AS TEXT) WHERE seq = 5", "are not as they were written"),
        ("UPDATE entry SET key = 'text' WHERE seq = 5", "are not as they were written"),
    ],
)
def test_a_damaged_end_is_refused(
    disk: Any, data: Path, now: Callable[[Any], Any], damage: str, says: str
) -> None:
    """To append to it would hide the damage: the sentence says what to do."""
    now(disk.open().append([REGISTER, *(post(number) for number in range(8))]))
    disk.close()
    apsw.Connection(str(disk.path)).execute(damage).close()
    with pytest.raises(CannotStart, match=f"{says}.*restore a backup"):
        disk.open()


def test_a_file_that_lacks_its_end_is_refused(disk: Any, data: Path, now: Callable[[Any], Any]) -> None:
    """It is refused at the start, and not when somebody reads that far."""
    now(disk.open().append([REGISTER, *(post(number, "x" * 500) for number in range(500))]))
    disk.close()
    os.truncate(disk.path, disk.path.stat().st_size - 8192)
    with pytest.raises(CannotStart, match="restore a backup"):
        disk.open()
