"""What was taken back is not in the files of the store any more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from chatnet.entries import Draft, More, Ref
from chatnet.limits import Limits
from chatnet.log import Outcome
from chatnet.reads import CursorAt, Feed, History, Newest
from chatnet.store.sqlite.file import StoreFile
from chatnet.store.sqlite.log import HELD_SECONDS, LOOK_SECONDS, SqliteLog
from chatnet.world.real import RealFiles

Now = Callable[[Any], Any]
TEXTS = {"short": "tenletters", "long": "q#needle-x" * 200, "wide": "\U0001fad6" * 2_000}
PIECES = {"short": b"tenletters", "long": b"needle-x", "wide": "\U0001fad6\U0001fad6".encode()}
"""What none of the files may hold of each text: a small part of it."""
FILE_ALONE = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
ROOMS = {"own": "alice", "topic": "#tea", "private": "&ops", "talk": "alice=bob"}


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


BEGINNING = [
    Draft("register", "alice", "alice", "sha256:1", key(1)),
    Draft("register", "bob", "bob", "sha256:2", key(2)),
    Draft("join", "alice", "#tea", "", key(3)),
    Draft("create", "alice", "&ops", "all", key(4)),
    *(Draft("post", "alice", "alice", f"before {number}", key(1_000 + number)) for number in range(50)),
]
TARGET = Draft("post", "alice", "alice", "", key(9))
BEHIND = [Draft("post", "bob", "bob", f"behind {number} " * 20, key(2_000 + number)) for number in range(50)]


@pytest.fixture
def data(disk: Any, tmp_path: Path) -> Path:
    """Return the directory of the store, which has nothing else in it."""
    disk.path = tmp_path / "data" / "log.sqlite"
    disk.path.parent.mkdir()
    return tmp_path / "data"


def redaction(log: SqliteLog, seq: int, now: Now) -> Draft:
    return Draft("redact", "alice", "alice", "", key(10), more=More(ref=Ref(seq, _check(log, seq, now))))


def _check(log: SqliteLog, seq: int, now: Now) -> bytes:
    check: bytes = now(log.read(CursorAt(seq))).check
    return check


def holds(data: Path, piece: bytes) -> list[str]:
    """Return the files below ``data`` that hold that."""
    return sorted(path.name for path in data.rglob("*") if path.is_file() and piece in path.read_bytes())


def said(log: SqliteLog, now: Now, text: str, room: str = "alice") -> int:
    """Say it among other posts; return its seq."""
    outcomes: list[Outcome] = now(log.append(BEGINNING))
    assert all(isinstance(outcome, int) for outcome in outcomes)
    (seq,) = now(log.append([Draft("post", "alice", room, text, TARGET.key)]))
    now(log.append(BEHIND))
    assert isinstance(seq, int)
    return seq


@pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS.keys())
@pytest.mark.parametrize("size", TEXTS)
def test_no_byte_of_what_was_taken_back_stays(
    disk: Any, data: Path, now: Now, size: str, room: str, checkpoints: int
) -> None:
    """A second after a redaction no file has any of the text, wherever it was said, and however long."""
    log = disk.open(limits=Limits(checkpoint_pages=checkpoints))
    seq = said(log, now, TEXTS[size], room)
    assert holds(data, PIECES[size])
    assert now(log.append([redaction(log, seq, now)])) == [seq + 51]
    disk.reactor.advance(LOOK_SECONDS)
    assert holds(data, PIECES[size]) == []
    assert log.trouble == log.warning == ""
    with closing(apsw.Connection(f"file:{disk.path}?immutable=1", flags=FILE_ALONE)) as alone:
        assert alone.execute("SELECT wal_follows FROM log").get == 1
    now(log.append([Draft("post", "bob", "bob", "more", key(11))]))
    disk.reactor.advance(LOOK_SECONDS)
    assert log.trouble == log.warning == ""


@pytest.fixture(params=[10, 4_000], ids=["often", "rarely"])
def checkpoints(request: pytest.FixtureRequest) -> int:
    """Return after how many pages the WAL is written back: before the redaction, or not."""
    pages: int = request.param
    return pages


def test_a_reader_delays_erasing_and_status_says_so(disk: Any, data: Path, now: Now) -> None:
    """While another program reads the store the text stays in the WAL, which is said after ten seconds; posts
    go on meanwhile, and it is erased when that program is done."""
    log = disk.open()
    seq = said(log, now, TEXTS["wide"])
    reader = apsw.Connection(str(disk.path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    reader.execute("SELECT head FROM log").fetchall()
    now(log.append([redaction(log, seq, now)]))
    disk.reactor.advance(LOOK_SECONDS)
    assert holds(data, PIECES["wide"])
    assert log.warning == ""
    disk.reactor.pump([LOOK_SECONDS] * int(HELD_SECONDS))
    assert "another program reads the store" in log.warning
    assert log.trouble == ""
    assert now(log.append([Draft("post", "bob", "bob", "more", key(11))])) == [seq + 52]
    reader.close()
    disk.reactor.advance(LOOK_SECONDS)
    assert holds(data, PIECES["wide"]) == []
    assert log.warning == ""


def test_what_a_master_did_not_erase_before_its_end_is_erased_by_the_next(
    disk: Any, data: Path, tmp_path: Path, now: Now
) -> None:
    """A WAL that a killed master left is cut to nothing when the store is opened again."""
    log = disk.open()
    seq = said(log, now, TEXTS["long"])
    now(log.append([redaction(log, seq, now)]))
    for path in data.iterdir():
        shutil.copy(path, tmp_path / path.name)
    disk.close()
    for path in data.iterdir():
        path.unlink()
    for name in ("log.sqlite", "log.sqlite-wal"):
        os.rename(tmp_path / name, data / name)
    assert holds(data, PIECES["long"])
    disk.files = RealFiles()
    log = disk.open()
    disk.reactor.advance(LOOK_SECONDS)
    assert holds(data, PIECES["long"]) == []
    assert log.trouble == log.warning == ""


def test_a_wal_that_was_cut_for_erasing_is_not_taken_for_one_that_others_cut(
    disk: Any, data: Path, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the disk is full just then, so that nothing is written to the WAL after it was cut."""
    log = disk.open()
    seq = said(log, now, TEXTS["long"])
    now(log.append([redaction(log, seq, now)]))
    mark = StoreFile._mark

    def full(file: StoreFile, follows: int) -> None:
        if not (data / "log.sqlite-wal").read_bytes():
            raise apsw.FullError("there is no room")
        mark(file, follows)

    with monkeypatch.context() as while_full:
        while_full.setattr(StoreFile, "_mark", full)
        disk.reactor.advance(LOOK_SECONDS)
        assert not (data / "log.sqlite-wal").read_bytes()
        assert log.trouble == ""
        with closing(apsw.Connection(f"file:{disk.path}?immutable=1", flags=FILE_ALONE)) as alone:
            # Whoever finds the store so, as after a kill, finds all of it.
            assert alone.execute("SELECT wal_follows FROM log").get == 0
    assert now(log.append([Draft("post", "bob", "bob", "more", key(11))])) == [seq + 52]
    assert log.trouble == ""
    with closing(apsw.Connection(f"file:{disk.path}?immutable=1", flags=FILE_ALONE)) as alone:
        # Who copies the main file alone lacks what is in the WAL, which is to be noticed.
        assert alone.execute("SELECT wal_follows FROM log").get == 1


@pytest.mark.parametrize("kind", ["open", "open_postgres"])
@pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS.keys())
def test_no_read_gives_what_was_taken_back(disk: Any, now: Now, kind: str, room: str) -> None:
    """No read of any store has the text after a redaction; the post stays at its places."""
    log = getattr(disk, kind)()
    seq = said(log, now, TEXTS["long"], room)
    disk.reactor.advance(2)
    now(log.append([redaction(log, seq, now)]))
    disk.reactor.advance(2)
    head = log.window.head
    pages = [
        now(log.read(Newest("alice", head))),
        now(log.read(Feed("alice", 0, head))).posts,
        now(log.read(Feed("bob", 0, head))).posts,
        now(log.read(History(room, None, "alice", head))),
        log.window.after(0),
    ]
    assert not any("needle" in entry.text for page in pages for entry in page)
    assert [entry.text for entry in pages[3] if entry.seq == seq] == [""]
