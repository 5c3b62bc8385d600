"""The log of an embedded store is copied into PostgreSQL: all of it, or nobody can use it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from chatnet.entries import Draft
from chatnet.errors import CannotStart
from chatnet.operator import migrate as program
from chatnet.operator.migrate import migrate
from chatnet.store import sqlite_reads
from chatnet.store.lease import FlockLease
from chatnet.store.postgres_database import PostgresDatabase, PostgresDatabases
from chatnet.store.sqlite_schema import migrate as make_tables
from chatnet.store.sqlite_schema import set_up_writer, take_epoch
from chatnet.store.sqlite_store import SqliteStore
from chatnet.testing.postgres import Server
from chatnet.world import RealFiles, World

USERS = ("alice", "bob", "carol")
NOW = 1_800_000_000_000


class Source:
    """An embedded store with all kinds of entries."""

    def __init__(self, data: Path) -> None:
        self.data = data
        data.mkdir(exist_ok=True)
        self._connection = apsw.Connection(str(data / "log.sqlite"))
        set_up_writer(self._connection)
        make_tables(self._connection, "the log's id")
        _, epoch = take_epoch(self._connection)
        self._store = SqliteStore(self._connection, epoch)
        self._keys = 0
        self.drafts = [self.draft("register", user, text="sha256:0") for user in USERS]
        self.drafts += [
            self.draft("join", "alice", "bob"),
            self.draft("join", "alice", "#été"),
            self.draft("join", "bob", "bob"),
            self.draft("leave", "carol", "alice"),
            self.draft("leave", "alice", "bob"),
            self.draft("join", "alice", "bob"),
            self.draft("secret", "carol", text="argon2:x"),
        ]
        texts = ("a\tb", "#été \\N \\. ", "ünï @bob #x", "日本 @carol")
        self.drafts += [self.draft("post", user, text=text) for text in texts for user in USERS]
        self.outcomes = self._store.commit(self.drafts, NOW).outcomes

    def draft(self, kind: Any, user: str, room: str = "", text: str = "") -> Draft:
        self._keys += 1
        return Draft(kind, user, room or user, text, self._keys.to_bytes(16, "big"))

    def close(self) -> None:
        self._store.close()

    def read(self, what: Any, *arguments: Any) -> Any:
        """What the embedded store answers."""
        connection = apsw.Connection(str(self.data / "log.sqlite"))
        try:
            return what(connection, *arguments)
        finally:
            connection.close()


class Quiet:
    """A terminal that is none."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def is_terminal(self) -> bool:
        return False

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def source(tmp_path: Path) -> Source:
    source = Source(tmp_path / "data")
    source.close()
    return source


@pytest.fixture
def world() -> World:
    stand_ins: dict[str, Any] = {"stdio": Quiet()}
    return replace(World.real(), **stand_ins)


@pytest.fixture
def url(server: Server) -> str:
    return server.fresh()


def opened(url: str) -> PostgresDatabase:
    database = PostgresDatabases().connect(url)
    try:
        database.open("another id")
    except CannotStart:
        database.close()
        raise
    return database


def test_both_logs_answer_alike(source: Source, url: str, world: World) -> None:
    """Every read, and every draft that is sent again: its key is known there, refused ones too."""
    said = migrate(source.data, url, world)
    head = max(outcome for outcome in source.outcomes if isinstance(outcome, int))
    assert f"{head:,} entries copied" in said
    database = opened(url)
    assert database.open("x").log_id == "the log's id"
    assert database.head() == head
    assert database.page(0, None) == source.read(sqlite_reads.page, 0, head)
    for user in USERS:
        assert database.account(user) == source.read(sqlite_reads.account, user)
        assert database.snapshot(user, 0, head) == source.read(sqlite_reads.snapshot, user, 0, head)
        assert database.feed(user, 0, head) == source.read(sqlite_reads.feed, user, 0, head)
        assert database.newest(user, head) == source.read(sqlite_reads.newest, user, head)
        assert database.history(user, None) == source.read(sqlite_reads.history, user, None)
    assert database.rooms("", "") == source.read(sqlite_reads.rooms, "", "")
    assert database.append(source.drafts, NOW) == (source.outcomes, [])
    assert database.head() == head
    database.close()


def test_epochs_go_on_rising(source: Source, url: str, world: World) -> None:
    """So a master that finds no token there does not make one of its own."""
    migrate(source.data, url, world)
    database = opened(url)
    assert database.lease().epoch == 1
    assert database.take_lease(database.lease().counter, "somebody") == 2
    database.close()


def test_a_copy_that_was_broken_off_goes_on(
    source: Source, url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From where it was; and until it is whole, no master can use the database."""
    monkeypatch.setattr(program, "BATCH", 5)
    real, batches = program._Progress.show, []

    def show(self: Any, what: str, done: int) -> None:
        batches.append((what, done))
        real(self, what, done)
        if batches == [("copied", 5), ("copied", 10)]:
            raise KeyboardInterrupt

    monkeypatch.setattr(program._Progress, "show", show)
    before = opened(url)
    with pytest.raises(KeyboardInterrupt):
        migrate(source.data, url, world)
    with pytest.raises(CannotStart, match="run chatnet migrate again"):
        opened(url)
    assert before.take_lease(before.lease().counter, "a master that was there before") is None
    before.close()
    assert "entries copied and compared" in migrate(source.data, url, world)
    assert batches[2] == ("copied", 15)
    opened(url).close()


def test_a_cluster_that_runs_is_not_copied(source: Source, url: str, world: World) -> None:
    """One sentence says what to do."""
    lease = FlockLease(RealFiles(), source.data)
    assert lease.take()
    with pytest.raises(CannotStart, match="chatnet stop"):
        migrate(source.data, url, world)
    lease.release()


def test_a_database_that_is_used_is_left_alone(source: Source, url: str, world: World) -> None:
    """By another log, or by a master; and one that has the whole copy already."""
    database = opened(url)
    database.take_lease(0, "somebody")
    with pytest.raises(CannotStart, match="another log"):
        migrate(source.data, url, world)
    database.close()


def test_a_second_copy_changes_nothing(source: Source, url: str, world: World) -> None:
    """It may have been in use meanwhile."""
    migrate(source.data, url, world)
    with pytest.raises(CannotStart, match="this log already"):
        migrate(source.data, url, world)
    opened(url).close()


def test_a_copy_that_differs_is_not_used(
    source: Source, url: str, world: World, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """What was written is read again, and compared."""
    real = program._Copy._copy_derived

    def copy_derived(self: Any) -> None:
        real(self)
        self._target.execute("UPDATE entry SET text = text || '!' WHERE seq = 4")

    monkeypatch.setattr(program._Copy, "_copy_derived", copy_derived)
    with pytest.raises(CannotStart, match="differs"):
        migrate(source.data, url, world)
    with pytest.raises(CannotStart, match="run chatnet migrate again"):
        opened(url)


def test_nothing_to_copy_is_said(tmp_path: Path, url: str, world: World) -> None:
    """No directory, or no store in it; none is made."""
    with pytest.raises(CannotStart, match="no store"):
        migrate(tmp_path / "nowhere", url, world)
    with pytest.raises(CannotStart, match="cannot be opened"):
        migrate(tmp_path, url, world)
    assert not (tmp_path / "log.sqlite").exists()
