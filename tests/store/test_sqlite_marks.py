"""The file for marks beside an embedded store: nothing depends on it, and not all in it is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from chatnet.cursor import Cursor
from chatnet.entries import Draft
from chatnet.errors import Unreadable
from chatnet.marks import UserMark
from chatnet.reads import MarkPage, MarksOf, UnreadOf
from chatnet.store.sqlite import slack
from chatnet.store.sqlite.log import RETRY_SECONDS
from chatnet.store.sqlite.marks import MARKS, SqliteMarks
from chatnet.world.real import RealFiles


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Yield the sentences that are logged."""
    sentences: list[str] = []

    @implementer(ILogObserver)
    class Hears:
        def __call__(self, event: LogEvent) -> None:
            sentences.append(formatEvent(event))

    hears = Hears()
    globalLogPublisher.addObserver(hears)
    yield sentences
    globalLogPublisher.removeObserver(hears)


def opened(disk: Any, now: Callable[[Any], Any]) -> Any:
    """Open the log, with alice in it, and four posts of hers."""
    log = disk.open()
    if not log.window.head:
        drafts = [Draft("register", "alice", "alice", "sha256:1", bytes(16))]
        drafts += [Draft("post", "alice", "alice", "hi", bytes([1] * 15 + [number])) for number in range(4)]
        assert now(log.append(drafts)) == [1, 2, 3, 4, 5]
    return log


def marks(log: Any, now: Callable[[Any], Any]) -> list[tuple[str, int]]:
    page: MarkPage = now(log.read(MarksOf("alice", log.window.head, "")))
    return page.marks


def test_marks_are_there_when_the_log_is_opened_again(disk: Any, now: Callable[[Any], Any]) -> None:
    """They are in a file of their own, and nothing of them is in the log's."""
    log = opened(disk, now)
    now(log.keep_marks([UserMark("alice", "alice", 3)]))
    disk.close()
    again = opened(disk, now)
    assert marks(again, now) == [("alice", 3)]
    tables = [name for (name,) in apsw.Connection(str(disk.path)).execute("SELECT name FROM sqlite_master")]
    assert "mark" not in tables
    assert disk.path.with_name(MARKS).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"no database" * 1_000, b"SQLite format 3\0" + b"x" * 8_000])
def test_a_damaged_file_is_made_anew(
    disk: Any, now: Callable[[Any], Any], content: bytes, said: list[str]
) -> None:
    """One line says so; the log is not touched, and marks are kept again at once."""
    log = opened(disk, now)
    now(log.keep_marks([UserMark("alice", "alice", 3)]))
    disk.close()
    disk.path.with_name(MARKS).write_bytes(content)
    again = opened(disk, now)
    assert marks(again, now) == []
    assert now(again.keep_marks([UserMark("alice", "alice", 2)])) == [UserMark("alice", "alice", 2)]
    assert marks(again, now) == [("alice", 2)]
    about = [line for line in said if "is made anew" in line]
    assert len(about) == (1 if content else 0)  # SQLite takes an empty file for a new one


def test_a_file_that_is_removed_is_made_anew(disk: Any, now: Callable[[Any], Any]) -> None:
    """No copy of the log needs it."""
    log = opened(disk, now)
    now(log.keep_marks([UserMark("alice", "alice", 3)]))
    disk.close()
    disk.path.with_name(MARKS).unlink()
    assert marks(opened(disk, now), now) == []


def test_the_marks_of_another_log_are_not_used(disk: Any, now: Callable[[Any], Any], said: list[str]) -> None:
    """Another log's backup was put in place of this one: its seqs are others."""
    log = opened(disk, now)
    now(log.keep_marks([UserMark("alice", "alice", 3)]))
    disk.close()
    for name in ("", "-wal", "-shm"):
        disk.path.with_name(disk.path.name + name).unlink(missing_ok=True)
    assert marks(opened(disk, now), now) == []
    assert any("another log's" in line for line in said)


def test_a_log_that_was_put_back_cuts_its_marks(disk: Any, now: Callable[[Any], Any], tmp_path: Path) -> None:
    """Nobody has read what will be said at the seqs that are given away again."""
    opened(disk, now)
    disk.close()
    backup = disk.path.read_bytes()
    log = opened(disk, now)
    now(log.append([Draft("post", "alice", "alice", "late", bytes([2] * 16))]))
    now(log.keep_marks([UserMark("alice", "alice", 6)]))
    disk.close()
    disk.path.write_bytes(backup)
    assert marks(opened(disk, now), now) == [("alice", 5)]


def test_marks_above_a_log_are_cut_though_none_is_needed_before_it_has_grown(
    disk: Any, now: Callable[[Any], Any]
) -> None:
    """When the log has passed them nobody can tell any more that it was put back."""
    says(opened(disk, now), now)
    disk.close()
    backup = disk.path.read_bytes()
    log = opened(disk, now)
    says(log, now, 1, 2, 3)
    now(log.keep_marks([UserMark("alice", "bob", 10)]))
    disk.close()
    disk.path.write_bytes(backup)
    says(opened(disk, now), now, 4, 5, 6, 7)
    disk.close()
    assert marks(opened(disk, now), now) == [("bob", 7)]


def test_marks_of_a_state_of_the_log_that_is_gone_are_not_used(
    disk: Any, now: Callable[[Any], Any], said: list[str]
) -> None:
    """They were copied, and put beside a log that has other entries there, since it was put back meanwhile:
    what stands at their seqs now, nobody has read. Unread stays right, and marks are kept again."""
    says(opened(disk, now), now)
    disk.close()
    backup = disk.path.read_bytes()
    log = opened(disk, now)
    says(log, now, 1, 2, 3)
    now(log.keep_marks([UserMark("alice", "bob", 10)]))
    disk.close()
    copy = disk.path.with_name(MARKS).read_bytes()
    for others in ((1, 2, 3, 4), (4, 5, 6), (4, 5, 6, 7)):
        disk.path.write_bytes(backup)
        disk.path.with_name(MARKS).unlink(missing_ok=True)
        log = opened(disk, now)
        says(log, now, *others)
        disk.close()
        disk.path.with_name(MARKS).write_bytes(copy)
        log = opened(disk, now)
        is_same = others[0] == 1
        assert marks(log, now) == ([("bob", 10)] if is_same else [])
        page = now(log.read(UnreadOf("alice", log.window.head, "")))
        assert ("bob", 1 if is_same else len(others), 0) in page.rooms
        assert bool([line for line in said if "is of entries that are not in the log" in line]) is not is_same
        assert now(log.keep_marks([UserMark("alice", "bob", 9)])) == (
            [] if is_same else [UserMark("alice", "bob", 9)]
        )
        disk.close()


def says(log: Any, now: Callable[[Any], Any], *numbers: int) -> None:
    """Let bob say these in his room, in which alice is."""
    begun = [
        Draft("register", "bob", "bob", "sha256:2", bytes(16)),
        Draft("join", "alice", "bob", "", bytes([3] * 16)),
    ]
    posts = [Draft("post", "bob", "bob", "hi", bytes([2] * 15 + [number])) for number in numbers]
    assert all(isinstance(outcome, int) for outcome in now(log.append([*begun, *posts])))


def test_what_cannot_be_read_is_said(disk: Any, now: Callable[[Any], Any], said: list[str]) -> None:
    """Marks that cannot be kept wait, with one line, and the log goes on."""
    disk.path.with_name(MARKS).mkdir()
    log = opened(disk, now)
    kept = Deferred.fromCoroutine(log.keep_marks([UserMark("alice", "alice", 3)]))
    disk.reactor.advance(RETRY_SECONDS)
    assert not kept.called
    with pytest.raises(Unreadable):
        marks(log, now)
    assert len([line for line in said if "cannot be kept now" in line]) == 1
    disk.path.with_name(MARKS).rmdir()
    disk.reactor.advance(RETRY_SECONDS)
    assert now(kept) == [UserMark("alice", "alice", 3)]
    assert marks(log, now) == [("alice", 3)]


def test_marks_are_not_written_anew_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each who reads would try, on a disk that is full; they are there when there is room."""

    class Small(RealFiles):
        free = 0

        def free_bytes(self, directory: Path) -> int:
            return self.free

    path, files, head = tmp_path / MARKS, Small(), Cursor(9, b"its head")
    kept = SqliteMarks(path, files, "log", head, lambda seq: None, pytest.fail)
    kept.keep([UserMark("alice", "bob", 7)], head)
    kept.close()
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("VACUUM INTO ?", (str(tmp_path / "copy"),))
    (tmp_path / "copy").rename(path)
    begun: list[apsw.Connection] = []
    real = slack.write_anew

    def write_anew(connection: apsw.Connection) -> None:
        begun.append(connection)
        real(connection)

    monkeypatch.setattr(slack, "write_anew", write_anew)
    kept = SqliteMarks(path, files, "log", head, lambda seq: None, pytest.fail)
    for _ in range(3):
        with pytest.raises(Unreadable):
            kept.of("alice", ["bob"])
    with pytest.raises(apsw.FullError):
        kept.keep([UserMark("alice", "bob", 8)], head)
    assert begun == []
    files.free = 1 << 30
    assert (kept.of("alice", ["bob"]), len(begun)) == ({"bob": 7}, 1)
    kept.close()


@pytest.mark.parametrize("how", ["opened again", "put back"])
def test_no_file_has_how_far_a_forgotten_user_had_read(tmp_path: Path, how: str) -> None:
    """Neither the file nor its WAL, at once; also if the file is one that VACUUM made."""
    path = tmp_path / "data" / MARKS
    path.parent.mkdir()
    head = Cursor(9_999, b"its head")

    def opened() -> SqliteMarks:
        return SqliteMarks(path, RealFiles(), "log", head, lambda seq: None, pytest.fail)

    kept = opened()
    for user in ("alice", "erna", "zoe"):
        kept.keep([UserMark(user, f"&{user}-room-{at}", 4_711) for at in range(90)], head)
    kept.close()
    if how == "put back":
        copy = tmp_path / "copy"
        with closing(apsw.Connection(str(path))) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        copy.rename(path)
    kept = opened()
    kept.keep([UserMark("erna", "&erna-room-1", 4_712)], head)
    kept.forget("erna")
    assert [each.name for each in path.parent.iterdir() if b"&erna-room" in each.read_bytes()] == []
    kept.keep([UserMark("zoe", "&zoe-room-1", 4_713)], head)
    assert kept.of("zoe", ["&zoe-room-1"]) == {"&zoe-room-1": 4_713}
    kept.close()
    assert [each.name for each in path.parent.iterdir() if b"&erna-room" in each.read_bytes()] == []


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    """A cluster whose clients set no marks has no such file; what is closed stays closed."""
    path = tmp_path / MARKS
    head = Cursor(5, b"its head")
    kept = SqliteMarks(path, RealFiles(), "log", head, lambda seq: None, pytest.fail)
    assert not path.exists()
    assert kept.of("alice", ["alice"]) == {}
    kept.close()
    with pytest.raises(Unreadable):
        kept.of("alice", ["alice"])
    with pytest.raises(apsw.Error):
        kept.keep([], head)
