"""The log of an embedded store is copied into PostgreSQL; nobody can use an incomplete copy."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from chatnet.cursor import Cursor
from chatnet.entries import Draft, More, Ref
from chatnet.errors import CannotStart
from chatnet.limits import LIMITS, Limits
from chatnet.marks import UserMark
from chatnet.operator import migrate as program
from chatnet.operator.migrate import migrate
from chatnet.operator.progress import Progress
from chatnet.reads import (
    AccountOf,
    CursorAt,
    Feed,
    Head,
    History,
    Last,
    Newest,
    PageOf,
    Question,
    Rooms,
    SnapshotOf,
)
from chatnet.store.lease import FlockLease
from chatnet.store.postgres.connection import connect
from chatnet.store.postgres.real import PostgresDatabase, PostgresDatabases
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite.marks import MARKS, SqliteMarks
from chatnet.store.sqlite.moved import copies_left, refuse_moved
from chatnet.store.sqlite.schema import migrate as make_tables
from chatnet.store.sqlite.schema import set_up_writer, take_epoch
from chatnet.store.sqlite.writer import Writer
from chatnet.world import World
from chatnet.world.real import RealFiles, real_world
from rigs.postgres import Server
from rigs.processes import wait_until

USERS = ("alice", "bob", "carol")
NOW = 1_800_000_000_000
HEAD = Cursor(22, b"its head")


class Source:
    """An embedded store with all kinds of entries."""

    def __init__(self, data: Path) -> None:
        self.data = data
        data.mkdir(exist_ok=True)
        self._connection = apsw.Connection(str(data / "log.sqlite"))
        set_up_writer(self._connection)
        make_tables(self._connection, "the log's id")
        _, epoch = take_epoch(self._connection)
        self._store = Writer(self._connection, epoch)
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

    def grow(self, count: int, text: str = "number") -> None:
        """Add ``count`` posts."""
        self._store.commit([self.draft("post", "alice", text=f"{text} {n}") for n in range(count)], NOW)

    def close(self) -> None:
        self._store.close()

    def read(self, what: Any, *arguments: Any) -> Any:
        """Return what the embedded store answers."""
        connection = apsw.Connection(str(self.data / "log.sqlite"))
        try:
            return what(connection, *arguments)
        finally:
            connection.close()


class Quiet:
    """Standard output that is no terminal."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def is_terminal(self) -> bool:
        return False

    def say(self, line: str) -> None:
        self.said.append(line)


class Terminal(Quiet):
    """A terminal; ``shown`` is all that was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = io.StringIO()

    def is_terminal(self) -> bool:
        return True

    def streams(self) -> tuple[io.StringIO, io.StringIO]:
        return io.StringIO(), self.shown


def change(source: Source, sql: str) -> None:
    """Damage the log in its file."""
    connection = apsw.Connection(str(source.data / "log.sqlite"))
    connection.execute(sql)
    connection.close()


def program_of(source: Source, url: str) -> subprocess.Popen[str]:
    """Start ``chatnet migrate`` as a process; its environment names the target, so argv has no password."""
    return subprocess.Popen(
        [sys.executable, "-m", "chatnet", "migrate", "--from", str(source.data)],
        env={**os.environ, "CHATNET_STORE": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def source(tmp_path: Path) -> Source:
    source = Source(tmp_path / "data")
    source.close()
    return source


@pytest.fixture
def world() -> World:
    stand_ins: dict[str, Any] = {"stdio": Quiet()}
    return replace(real_world(), **stand_ins)


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
    """Every read is answered alike, and every draft sent again: its key is known there, refused ones too."""
    said = migrate(source.data, url, world)
    head = max(outcome for outcome in source.outcomes if isinstance(outcome, int))
    assert f"{head:,} entries copied" in said
    database = opened(url)
    assert database.open("x").log_id == "the log's id"
    assert database.read(Head()) == head
    assert database.read(PageOf(0)) == source.read(sqlite_reads.answer, PageOf(0, head))
    for user in USERS:
        questions: list[Question[Any]] = [
            AccountOf(user),
            SnapshotOf(user, 0, head),
            Feed(user, 0, head),
            Newest(user, head),
            History(user),
        ]
        for question in questions:
            assert database.read(question) == source.read(sqlite_reads.answer, question)
    assert database.read(Rooms("", "")) == source.read(sqlite_reads.answer, Rooms("", ""))
    assert database.append(source.drafts, NOW) == (source.outcomes, [])
    assert database.read(Head()) == head
    database.close()


def test_epochs_go_on_rising(source: Source, url: str, world: World) -> None:
    """So a master that finds no token there does not make one."""
    migrate(source.data, url, world)
    database = opened(url)
    assert database.lease().epoch == 1
    assert database.take_lease(database.lease().counter, "somebody") == 2
    database.close()


def test_what_was_moved_goes_on_in_one_place(source: Source, url: str, world: World) -> None:
    """A master that is started without the store's URL, perhaps by habit, would give the same seqs again."""
    refuse_moved(world.files, source.data)
    migrate(source.data, url, world)
    with pytest.raises(CannotStart, match=r"was moved into a database: .*CHATNET_STORE.* remove .*/moved\."):
        refuse_moved(world.files, source.data)


def test_copies_of_the_log_that_are_left_are_named(source: Source, url: str, world: World) -> None:
    """What was moved, and what was saved of a store that was gone, in the directory or beside it."""
    data = source.data
    (data.parent / f"x{data.name}.rescued-1-2.sqlite").touch()
    assert copies_left(world.files, data) == ""
    saved, beside = data / "rescued-3-4711.sqlite", data.parent / f"{data.name}.rescued-4-4712.sqlite"
    for path in (saved, beside):
        path.touch()
        assert f": {path}. Remove it" in copies_left(world.files, data)
        path.unlink()
    migrate(data, url, world)
    assert f": {data / 'log.sqlite'}. Remove it" in copies_left(world.files, data)
    saved.touch()
    assert str(saved) in copies_left(world.files, data)
    assert copies_left(world.files, data / "nothing") == ""


def test_a_mark_that_cannot_be_read_is_one(source: Source, world: World) -> None:
    """Without the right to look, a master must not guess."""
    (source.data / "moved").mkdir()
    with pytest.raises(CannotStart, match=r"moved cannot be read \(Is a directory\)"):
        refuse_moved(world.files, source.data)


def test_a_copy_that_cannot_be_used_moves_nothing(source: Source, url: str, world: World) -> None:
    """Masters may go on using the source."""
    change(source, "DELETE FROM entry WHERE seq = 3")
    with pytest.raises(CannotStart):
        migrate(source.data, url, world)
    refuse_moved(world.files, source.data)


def test_a_copy_that_was_broken_off_goes_on(
    source: Source, url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It continues where it was; and until it is complete, no master can use the database."""
    world = replace(world, limits=Limits(batch_entries=5))
    real, batches = Progress.show, []

    def show(self: Any, what: str, done: int) -> None:
        batches.append((what, done))
        real(self, what, done)
        if batches == [("copied", 5), ("copied", 10)]:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "show", show)
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
    """Another log or a master uses it, or it has the whole copy already."""
    database = opened(url)
    database.take_lease(0, "somebody")
    with pytest.raises(CannotStart, match="another log"):
        migrate(source.data, url, world)
    database.close()


def test_a_second_copy_changes_nothing(source: Source, url: str, world: World) -> None:
    """It is compared again; after masters have used the database, it is not even compared."""
    said = migrate(source.data, url, world)
    assert migrate(source.data, url, world) == said
    database = opened(url)
    before = database.read(PageOf(0))
    database.take_lease(database.lease().counter, "somebody")
    database.append([Draft("post", "alice", "alice", "said there", b"a key of its own")], NOW)
    with pytest.raises(CannotStart, match="this log already, and masters have used it: start them"):
        migrate(source.data, url, world)
    assert database.open("x").head == len(before) + 1
    assert database.read(PageOf(0))[:-1] == before
    database.close()


def test_what_came_after_a_copy_is_copied_too(tmp_path: Path, url: str, world: World) -> None:
    """The cluster continued, perhaps after a rehearsal: posts, and refusals that are no entries, are
    copied."""
    source = Source(tmp_path / "data")
    migrate(source.data, url, world)
    source.grow(7)
    late = [source.draft("join", "bob", "carol"), source.draft("leave", "carol", "bob")]
    outcomes = source._store.commit(late, NOW).outcomes
    source.close()
    head = source.read(sqlite_reads.answer, Last(1))[0].seq
    assert f"{head:,} entries copied and compared" in migrate(source.data, url, world)
    database = opened(url)
    assert database.read(PageOf(0)) == source.read(sqlite_reads.answer, PageOf(0, head))
    assert database.read(SnapshotOf("bob", 0, head)) == source.read(
        sqlite_reads.answer, SnapshotOf("bob", 0, head)
    )
    assert database.append(late, NOW) == (outcomes, [])
    database.close()


@pytest.mark.parametrize("is_newest", [False, True], ids=["within", "at the end"])
def test_what_was_taken_back_after_a_copy_is_taken_back_there(
    tmp_path: Path, url: str, world: World, is_newest: bool
) -> None:
    """A post that was copied, and then taken back, is the same entry; the next run blanks it in the copy."""
    source = Source(tmp_path / "data")
    source.grow(3, "to be taken back #tea @bob")
    head: int = source.read(sqlite_reads.answer, Last(1))[0].seq
    migrate(source.data, url, world)
    seq = head if is_newest else head - 1
    check = source.read(sqlite_reads.answer, CursorAt(seq)).check
    redaction = source.draft("redact", "alice")
    redaction = msgspec.structs.replace(redaction, more=More(ref=Ref(seq, check)))
    assert source._store.commit([redaction], NOW).outcomes == [head + 1]
    source.close()
    assert f"{head + 1:,} entries copied and compared" in migrate(source.data, url, world)
    database = opened(url)
    copied = database.read(PageOf(seq - 1))
    assert copied == source.read(sqlite_reads.answer, PageOf(seq - 1, head + 1))
    assert copied[0].text == ""
    database.close()


def test_a_copy_in_use_that_lacks_something_is_said(tmp_path: Path, url: str, world: World) -> None:
    """Both continued after the copy: whoever starts masters there must know what is missing."""
    source = Source(tmp_path / "data")
    migrate(source.data, url, world)
    source.grow(1)
    source.close()
    database = opened(url)
    database.take_lease(database.lease().counter, "somebody")
    for there in ([], [Draft("post", "alice", "alice", "said there", b"a key of its own")]):
        if there:
            database.append(there, NOW)
        with pytest.raises(CannotStart, match="afterwards is not there"):
            migrate(source.data, url, world)
    opened(url).close()
    database.close()


@pytest.mark.parametrize("since", [0, 1, 9])
def test_an_older_source_is_refused(tmp_path: Path, url: str, world: World, since: int) -> None:
    """The source is a backup older than the copy, however far it went on by itself: nothing is removed, and
    nothing is written after what it does not hold."""
    source = Source(tmp_path / "data")
    shutil.copytree(source.data, tmp_path / "older")
    source.grow(3)
    source.close()
    older = Source(tmp_path / "older")
    older.grow(since, "otherwise")
    older.close()
    migrate(source.data, url, world)
    database = opened(url)
    before = database.read(PageOf(0))
    with pytest.raises(CannotStart, match="that the source lacks"):
        migrate(older.data, url, world)
    assert (database.open("x").head, database.read(PageOf(0))) == (before[-1].seq, before)
    database.close()


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
    """There is no directory, or no store in it; none is made."""
    with pytest.raises(CannotStart, match="no store"):
        migrate(tmp_path / "nowhere", url, world)
    with pytest.raises(CannotStart, match="cannot be opened"):
        migrate(tmp_path, url, world)
    assert not (tmp_path / "log.sqlite").exists()


def test_a_killed_run_is_simply_run_again(tmp_path: Path, url: str) -> None:
    """Killed in its second batch: nobody can use what is there, and the next run continues after it."""
    source = Source(tmp_path / "data")
    source.grow(2 * LIMITS.batch_entries)
    source.close()
    opened(url).close()
    # An entry that cannot be written, so that it is known where the run is when it is killed.
    with connect(url) as stone:
        stone.execute("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                      " PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$")  # fmt: skip
        when = LIMITS.batch_entries + 5_000
        stone.execute(
            "CREATE TRIGGER wait BEFORE INSERT ON entry FOR EACH ROW"
            f" WHEN (NEW.seq = {when}) EXECUTE FUNCTION wait()",
            prepare=False,
        )
        stone.execute("SELECT pg_advisory_lock(1)")
        waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        with program_of(source, url) as killed:
            wait_until("the run is in the midst", lambda: stone.execute(waiting).fetchone() is not None)
            killed.kill()
        assert stone.execute("SELECT head FROM log").fetchone() == (LIMITS.batch_entries,)
        with pytest.raises(CannotStart, match="run chatnet migrate again"):
            opened(url)
    with program_of(source, url) as again:
        said, complaint = again.communicate(timeout=60)
    assert (again.returncode, complaint) == (0, "")
    assert f"{source.read(sqlite_reads.answer, Last(1))[0].seq:,} entries copied and compared" in said
    database = opened(url)
    assert database.append(source.drafts, NOW) == (source.outcomes, [])
    database.close()


def test_two_runs_do_not_meet(
    source: Source, url: str, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The second copies from a copy of the directory, which the lock does not guard. The slower run would
    overwrite what the masters do by then."""
    copy = tmp_path / "copy"
    shutil.copytree(source.data, copy)
    real, refused = program._Copy._copy_derived, []

    def copy_derived(self: Any) -> None:
        with pytest.raises(CannotStart) as no:
            migrate(copy, url, world)
        refused.append(str(no.value))
        real(self)

    monkeypatch.setattr(program._Copy, "_copy_derived", copy_derived)
    migrate(source.data, url, world)
    assert refused == ["Another chatnet migrate copies into this database: wait for it."]


@pytest.mark.parametrize("lost", ["seq = 7", "seq > 9"])
def test_a_log_with_holes_is_not_copied(source: Source, url: str, world: World, lost: str) -> None:
    """A copy of it would have the same holes and be useless: no reader gets past a hole."""
    change(source, f"DELETE FROM entry WHERE {lost}")
    with pytest.raises(CannotStart, match="The log lacks entries behind"):
        migrate(source.data, url, world)
    with pytest.raises(CannotStart, match="run chatnet migrate again"):
        opened(url)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("key = 'text'", "Seq 3 is not as it was written: "),
        ("time = 'noon'", "Seq 3 is not as it was written: "),
        (f"text = '{'x' * 2_001}'", "Seq 3 is not as it was written: "),
        ("text = cast(x'ff' AS text)", "The log holds what is no text: "),
    ],
)
def test_an_entry_that_is_damaged_is_not_copied(
    source: Source, url: str, world: World, damage: str, says: str
) -> None:
    """It is reported before places are searched for in an endless text."""
    change(source, f"UPDATE entry SET {damage} WHERE seq = 3")
    with pytest.raises(CannotStart, match=says):
        migrate(source.data, url, world)


def test_a_log_that_cannot_be_read_is_said(source: Source, url: str, world: World) -> None:
    """One sentence says so, as for other errors."""
    change(source, "DROP TABLE entry")
    with pytest.raises(CannotStart, match="The log cannot be read"):
        migrate(source.data, url, world)


def test_a_database_that_cannot_hold_all_text_is_refused(
    source: Source, server: Server, world: World
) -> None:
    """It is refused before anything is copied: no master would open it afterwards."""
    server.ask("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    with pytest.raises(CannotStart, match="encoding UTF8"):
        migrate(source.data, server.url().replace("/postgres?", "/ascii?"), world)


def test_an_empty_log_is_copied(tmp_path: Path, url: str, world: World) -> None:
    """Its id and epoch are worth keeping."""
    source = Source(tmp_path / "data")
    source.close()
    for table in ("entry", "place", "mention", "membership", "account", "room", "refusal"):
        change(source, f"DELETE FROM {table}")
    change(source, "UPDATE log SET head = 0")
    assert "0 entries copied" in migrate(source.data, url, world)
    database = opened(url)
    assert (database.open("x").log_id, database.lease().epoch) == ("the log's id", 1)
    database.close()


def test_marks_are_copied(tmp_path: Path, url: str, world: World) -> None:
    """What users have read in the log is read there; a copy that is made again has them once."""
    source = Source(tmp_path / "data")
    source.close()
    marks = SqliteMarks(source.data / MARKS, RealFiles(), "the log's id", HEAD, lambda seq: None, pytest.fail)
    marks.keep([UserMark("alice", "bob", 21), UserMark("alice", "#été", 19)], HEAD)
    marks.close()
    said = migrate(source.data, url, world)
    assert "could not be copied" not in said
    (source.data / "moved").unlink()
    with connect(url) as connection:
        found = connection.execute("SELECT * FROM mark ORDER BY room").fetchall()
        assert found == [("alice", "#été", 19), ("alice", "bob", 20)]  # the log ends there
        mentioned = connection.execute("SELECT * FROM mention ORDER BY seq").fetchall()
    assert mentioned == source.read(lambda log: list(log.execute("SELECT * FROM mention ORDER BY seq")))


@pytest.mark.parametrize(
    "content",
    ["no database", "SQLite format 3\0" + 9_000 * "x", "of another log"],
)
def test_a_log_is_copied_without_its_marks(tmp_path: Path, url: str, world: World, content: str) -> None:
    """If they are damaged, that is said; those of another log are not its own."""
    source = Source(tmp_path / "data")
    source.close()
    if content == "of another log":
        marks = SqliteMarks(source.data / MARKS, RealFiles(), content, HEAD, lambda seq: None, pytest.fail)
        marks.keep([UserMark("alice", "bob", 3)], HEAD)
        marks.close()
    else:
        (source.data / MARKS).write_text(content)
    said = migrate(source.data, url, world)
    assert ("How far users have read could not be copied" in said) == (content != "of another log")
    with connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM mark").fetchone() == (0,)


@pytest.mark.parametrize("batch", [5, 7])
def test_a_bar_is_drawn_on_a_terminal(
    source: Source, url: str, world: World, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Each of the two passes has one line, which is complete and ended before anything else is said."""
    world = replace(world, limits=Limits(batch_entries=batch))
    terminal = Terminal()
    stand_ins: dict[str, Any] = {"stdio": terminal}
    migrate(source.data, url, replace(world, **stand_ins))
    copying, comparing, rest = terminal.shown.getvalue().split("\n")
    assert "100%" in copying.split("\r")[-1]
    assert "100%" in comparing.split("\r")[-1]
    assert rest == ""


def test_a_bar_that_is_broken_off_ends_its_line(
    source: Source, url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the sentence that says why can be read."""
    world = replace(world, limits=Limits(batch_entries=5))
    terminal = Terminal()
    stand_ins: dict[str, Any] = {"stdio": terminal}
    change(source, "DELETE FROM entry WHERE seq = 7")
    with pytest.raises(CannotStart):
        migrate(source.data, url, replace(world, **stand_ins))
    assert terminal.shown.getvalue().endswith("\n")
