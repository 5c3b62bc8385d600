"""``chatnet check`` finds each kind of damage, in both stores, and disturbs nobody."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import apsw
import psycopg
import pytest
from store.a_log import drafts, make_store

from chatnet.codes import kept, recovery_text
from chatnet.entries import Draft, More
from chatnet.errors import CannotStart
from chatnet.kinds import own_level
from chatnet.limits import Limits
from chatnet.operator import check as program
from chatnet.operator.__main__ import main
from chatnet.operator.check import check
from chatnet.operator.derived import Derived
from chatnet.operator.progress import Progress
from chatnet.operator.source import open_source
from chatnet.store.postgres.connection import connect
from chatnet.store.postgres.real import PostgresDatabases
from chatnet.store.postgres.schema import STEPS as POSTGRES_STEPS
from chatnet.store.sqlite.opening import open_store
from chatnet.store.sqlite.schema import STEPS, set_up_writer, take_epoch
from chatnet.store.sqlite.writer import Writer
from chatnet.world import World
from chatnet.world.real import real_world
from rigs.postgres import Server

PAGE = 4096
WHOLE = "5,009 entries, and all that follows from them, are whole."


def in_batches(entries: int) -> World:
    """Return a world in which so many entries are read at a time."""
    return replace(real_world(), limits=Limits(batch_entries=entries))


def test_what_is_whole_is_said_to_be(data: Path, url: str) -> None:
    """It checks a directory, a file and a database, in any number of transactions, and changes nothing."""
    for world in (real_world(), in_batches(777)):
        before = (data / "log.sqlite").read_bytes()
        for target in (str(data), str(data / "log.sqlite"), None):
            assert check(target, data, "", world).endswith(WHOLE)
        assert (data / "log.sqlite").read_bytes() == before
        assert check(None, data, url, world).endswith(WHOLE)


def written(path: Path) -> tuple[int, ...]:
    """Return what shows that a file was written; reading it does not change that."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def test_nothing_is_left_beside_what_is_looked_at(data: Path) -> None:
    """No index and no WAL stays: a backup is one file, and may be in a read-only place, under any name."""
    for name in ("log.sqlite", "of 100%? #1.sqlite"):
        path = data / name
        (data / "log.sqlite").rename(path)
        before = written(path)
        assert check(str(path), data, "", real_world()).endswith(WHOLE)
        assert [found.name for found in data.iterdir()] == [name]
        assert written(path) == before
        path.rename(data / "log.sqlite")


def test_a_store_that_a_master_opens_meanwhile_is_not_judged(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read of a file that nobody writes becomes nonsense when somebody does."""

    def begin(self: Any, what: str, done: int) -> None:
        open_it(data / "log.sqlite")

    monkeypatch.setattr(Progress, "show", begin)
    with pytest.raises(
        CannotStart, match="was written meanwhile, as by a master that starts: check it again"
    ):
        check(None, data, "", in_batches(1_000))


DAMAGES = [
    ("DELETE FROM entry WHERE seq = 2500", "behind seq 2,499 comes 2,501"),
    ("DELETE FROM entry WHERE seq = 5009", "the log's head is 5,009, and its newest entry 5,008"),
    ("UPDATE log SET head = 5000", "the log's head is 5,000, and its newest entry 5,009"),
    ("UPDATE entry SET time = 1 WHERE seq = 77", "the time of seq 77 is before that of the one before it"),
    ("DELETE FROM place WHERE seq = 9 AND name = '#coffee'", "the index of places lacks seq 9 at #coffee"),
    (
        "DELETE FROM mention WHERE seq = 9",
        "the index of mentions lacks bob in seq 9",
    ),
    (
        "INSERT INTO mention VALUES ('zoe', 'alice', 9)",
        "the index of mentions has 2 rows, and 1 follow",
    ),
    ("INSERT INTO place VALUES ('#none', 9)", "the index of places has 10,004 rows, and 10,003 follow"),
    ("DELETE FROM membership WHERE room = 'bob'", "membership lacks a row: ('alice'"),
    (
        "UPDATE membership SET joined = 5 WHERE room = 'bob'",
        "membership has a row that follows from no entry",
    ),
    ("UPDATE account SET credential = 'x' WHERE \"user\" = 'bob'", "account has a row that follows from no"),
    ("UPDATE account SET secret_seq = 1", "account has a row that follows from no entry"),
    ("DELETE FROM room WHERE name = '#tea'", "room lacks a row: ('#tea',)"),
    ("INSERT INTO room VALUES ('#ghost')", "room has a row that follows from no entry: '#ghost'"),
    ("UPDATE entry SET kind = 'dance' WHERE seq = 9", "a dance of alice, cannot be: there is no such kind"),
    ("UPDATE entry SET kind = 'register' WHERE seq = 7", "cannot be: The name alice is taken"),
    ("UPDATE entry SET \"user\" = 'zoe' WHERE seq = 8", "a join of zoe, cannot be: There is no user zoe"),
    ("UPDATE entry SET kind = 'leave' WHERE seq = 8", "cannot be: You have not joined bob"),
    ("UPDATE entry SET room = 'noname' WHERE seq = 8", "a join of alice, cannot be: No such room: noname"),
    (
        "UPDATE entry SET room = '#none' WHERE seq = 9",
        "cannot be: You have not joined #none",
    ),
    (
        "UPDATE entry SET room = 'bob' WHERE seq = 9",
        "cannot be: In the room bob only bob posts",
    ),
    (
        "UPDATE entry SET kind = 'join' WHERE seq = 5",
        "cannot be: You have already joined #tea",
    ),
    ("UPDATE account SET rooms = 7", "account has a row that follows from no entry"),
    ("UPDATE account SET day = 7", "account has a row that follows from no entry"),
    ("UPDATE account SET topics = 0", "account has a row that follows from no entry"),
    (
        f"UPDATE entry SET text = '{'x' * 2_001}' WHERE seq = 60",
        "the text of seq 60 has 2,001 characters, more than there may be",
    ),
    ("UPDATE entry SET text = 'x' WHERE seq = 3", "the text of seq 3 has 1 characters"),
    (
        "INSERT INTO refusal SELECT 'bob', key, key, 'NO_CODE' FROM entry WHERE seq = 9",
        "a refusal of bob has a code that there is not: NO_CODE",
    ),
    (
        "INSERT INTO refusal SELECT 'zoe', key, key, 'NOT_JOINED' FROM entry WHERE seq = 9",
        "a refusal is of zoe, and there is no such user",
    ),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGES)
def test_each_damage_is_found(data: Path, damage: str, says: str) -> None:
    """Each is reported, with its place."""
    apsw.Connection(str(data / "log.sqlite")).execute(damage).close()
    with pytest.raises(CannotStart) as found:
        check(None, data, "", real_world())
    assert says in str(found.value)


DAY = 86_400_000


def test_a_users_rooms_and_topics_are_counted_anew(tmp_path: Path) -> None:
    """By each join and leave; and by day of the log's time, who used a topic first, and in which entry."""
    path = tmp_path / "log.sqlite"
    numbers = iter(range(100, 200))

    def draft(kind: Any, user: str, room: str, text: str = "") -> Draft:
        return Draft(kind, user, room, text, next(numbers).to_bytes(16, "big"))

    make_store(path, [draft("register", name, name, "sha256:1") for name in ("alice", "bob")])
    with closing(apsw.Connection(str(path))) as connection:
        store = Writer(connection, 0)
        store.commit([draft("join", "alice", "#a"), draft("post", "alice", "alice", "#b #c #b #a")], DAY)
        store.commit([draft("join", "bob", "#a"), draft("leave", "bob", "#c")], DAY + 1)
        store.commit([draft("post", "bob", "bob", "#a #d"), draft("leave", "alice", "#a")], 2 * DAY)
        store.commit([draft("post", "alice", "alice", "#e"), draft("join", "alice", "#e")], 2 * DAY)
        store.commit([draft("join", "zoe", "alice")], 2 * DAY)
        counted = 'SELECT "user", rooms, day, topics FROM account'
        assert list(connection.execute(counted)) == [("alice", 1, 2, 1), ("bob", 1, 2, 1)]
        codes = set(connection.execute("SELECT user, code FROM refusal"))
        assert codes == {("bob", "NOT_JOINED"), ("zoe", "NO_SUCH_USER")}
    assert "are whole" in check(str(path), tmp_path, "", real_world())


def test_recovery_codes_are_counted_anew(tmp_path: Path) -> None:
    """Those that are left when one was used, and none where others were made, or the secret is another."""
    sheets = [[kept(f"{sheet:020}{number:04}") for number in range(8)] for sheet in range(3)]

    def of(kind: str, text: str, more: More | None, number: int) -> Draft:
        return Draft(kind, "alice", "alice", text, number.to_bytes(16, "big"), 0, more)

    steps: list[tuple[str, str, More | None]] = [("register", "sha256:1", None)]
    steps += (("code", recovery_text(sheet), More(to="alice")) for sheet in sheets)
    steps.append(("secret", "$argon2id$", More(code=sheets[2][3])))
    for size in (len(steps), len(steps) + 1):
        some = (*steps, ("secret", "sha256:2", None))[:size]
        store = tmp_path / f"{size}.sqlite"
        assert make_store(store, (of(*step, number) for number, step in enumerate(some))) == size
        with closing(apsw.Connection(str(store))) as connection:
            left = [row[0] for row in connection.execute("SELECT hash FROM code")]
        assert {*left} == ({*sheets[2]} - {sheets[2][3]} if size == len(steps) else set())
        assert "are whole" in check(str(store), tmp_path, "", real_world())


def test_nothing_of_a_finding_is_obeyed_by_a_terminal(data: Path) -> None:
    """A finding cannot imitate another one or fill the screen, whatever is in the store."""
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        hostile = ("\x1b[2J", "\x1b]0;me\x07\nseq 1 is well" + "x" * 9_000)
        store.execute("UPDATE entry SET kind = ?, user = ? WHERE seq = 8", hostile)
    with pytest.raises(CannotStart) as found:
        check(None, data, "", real_world())
    lines = str(found.value).splitlines()
    assert all(line.isprintable() and len(line) < 1_100 for line in lines)
    assert lines[1].startswith("seq 8, a \\x1b[2J of \\x1b]0;me\\x07\\nseq 1 is well")


def test_a_text_of_marks_alone_takes_no_time(data: Path) -> None:
    """To order 200,000 marks takes minutes; the text is found by its length."""
    with closing(apsw.Connection(str(data / "log.sqlite"))) as store:
        store.execute("UPDATE entry SET text = ? WHERE seq = 9", ("#a" + "\u0301\u0316" * 100_000,))
    with pytest.raises(CannotStart, match="the text of seq 9 has 200,002 characters"):
        check(None, data, "", real_world())


def test_each_damage_is_found_in_a_database(data: Path, url: str) -> None:
    """The same rules apply."""
    for damage, says in DAMAGES:
        with psycopg.connect(url, autocommit=True) as broken, broken.transaction(force_rollback=True):
            broken.execute(damage)
            source = open_source(None, data, url, real_world())
            by_it = replace(
                source,
                ask=lambda query, *values: iter(broken.execute(query, values)),
                moment=broken.transaction,
            )
            derived = Derived(program._log_id_of(by_it), partial(program._entry_at, by_it))
            found = list(program._differences(by_it, derived, Progress(real_world()), 10_000))
            source.close()
        assert any(says in each for each in found), (damage, found)


def test_a_key_that_stands_twice_is_found(data: Path) -> None:
    """The index that forbids it may be what is broken."""
    connection = apsw.Connection(str(data / "log.sqlite"))
    connection.execute(
        "DROP INDEX entry_key; UPDATE entry SET key = (SELECT key FROM entry WHERE seq = 50) WHERE seq = 60"
    ).fetchall()
    connection.close()
    with pytest.raises(CannotStart, match="a key of bob stands twice, at seq 50 and 60"):
        check(None, data, "", real_world())


def test_broken_pages_are_found(data: Path) -> None:
    """They are in the middle, where no read of the newest comes."""
    with (data / "log.sqlite").open("r+b") as file:
        file.seek(40 * 4096)
        file.write(os.urandom(8192))
    with pytest.raises(CannotStart, match=r"is damaged:|cannot be read|no text"):
        check(None, data, "", real_world())


def overwritten(store: bytes) -> Iterator[bytes]:
    """Yield a store with each of its pages overwritten in turn: by zeros, by noise, by each other page."""
    pages = [store[start : start + PAGE] for start in range(0, len(store), PAGE)]
    for number, page in enumerate(pages):
        for other in (bytes(PAGE), b"\xff" * PAGE, page[::-1], Random(number).randbytes(PAGE), *pages):
            if other != page:
                yield b"".join([*pages[:number], other, *pages[number + 1 :]])


def open_it(path: Path) -> None:
    """Open a store as a master does."""
    opened = open_store(path, real_world().files, "another", None, own_level())
    for connection in opened.connections:
        connection.close()
    opened.store.close()


def test_whatever_page_is_written_over_is_a_sentence(tmp_path: Path) -> None:
    """There is never a traceback; a check finds each, and the store tells a master what is wrong."""
    path = tmp_path / "log.sqlite"
    make_store(path, islice(drafts(), 60))
    for number, store in enumerate(overwritten(path.read_bytes())):
        spoilt = tmp_path / f"{number}.sqlite"
        spoilt.write_bytes(store)
        with pytest.raises(CannotStart, match=r"is damaged:|cannot be read|can be read|no text"):
            check(str(spoilt), tmp_path, "", real_world())
        with suppress(CannotStart, apsw.Error, UnicodeDecodeError):  # the log says these in a sentence
            open_it(spoilt)


def test_what_a_store_says_of_itself_is_looked_at(data: Path) -> None:
    """A check looks at it, and so does a master that opens the store."""
    apsw.Connection(str(data / "log.sqlite")).execute("UPDATE schema_version SET version = 'none'").close()
    with pytest.raises(CannotStart, match="the version of its tables is not as it was written"):
        check(None, data, "", real_world())
    with pytest.raises(apsw.CorruptError):
        open_it(data / "log.sqlite")


def test_a_copy_without_its_wal_is_found(data: Path) -> None:
    """It is found as at the start of a master."""
    apsw.Connection(str(data / "log.sqlite")).execute("UPDATE log SET wal_follows = 1").close()
    with pytest.raises(CannotStart, match="without its -wal file: its newest entries are missing"):
        check(None, data, "", real_world())


def test_a_store_is_looked_at_while_it_grows(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New entries are checked too, and nobody is kept from appending."""
    connection = apsw.Connection(str(data / "log.sqlite"))
    set_up_writer(connection)
    take_epoch(connection)  # as a master does, so that the WAL is not empty
    store = Writer(connection, 1)
    more = iter(range(10**6, 10**7))

    def grow(self: Any, what: str, done: int) -> None:
        joining = Draft("leave", "bob", "#tea", "", next(more).to_bytes(16, "big"))
        posts = [Draft("post", "alice", "alice", "#new", next(more).to_bytes(16, "big")) for _ in range(9)]
        store.commit([joining, *posts], 2_000)

    monkeypatch.setattr(Progress, "show", grow)
    assert "and all that follows from them, are whole" in check(None, data, "", in_batches(1_000))
    assert store.head > 5_030
    store.close()


@pytest.mark.parametrize("version", range(1, len(STEPS)))
def test_a_store_of_an_older_release_is_said_to_be_that(tmp_path: Path, version: int) -> None:
    """It also says what to do. The store is not changed; when a master has opened it, it is checked."""
    path = tmp_path / "log.sqlite"
    with closing(apsw.Connection(str(path))) as old:
        old.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        for step in STEPS[:version]:
            old.execute(step)
        old.execute("INSERT INTO schema_version (version) VALUES (?)", (version,))
        old.execute("INSERT INTO log (id, epoch, head) VALUES ('the log', 0, 0)")
    before = path.read_bytes()
    with pytest.raises(CannotStart) as refused:
        check(str(path), tmp_path, "", real_world())
    assert str(refused.value) == (
        f"{path} has the tables of an older chatnet (schema {version}; this one checks schema {len(STEPS)}): "
        "start a master of this release on it, or on a copy, which brings them up to date; or check it with "
        "its own release."
    )
    assert path.read_bytes() == before
    open_it(path)
    assert "0 entries, and all that follows from them, are whole." in check(
        str(path), tmp_path, "", real_world()
    )


LAST = len(STEPS)
WITHOUT_ROOMS = 4
"""The last version before private rooms and orders came, and with them most indexes: see the steps."""


@pytest.mark.parametrize("version", range(WITHOUT_ROOMS, LAST))
def test_what_later_steps_add_is_filled_from_what_is_there(tmp_path: Path, version: int) -> None:
    """A store of each older version, with the kinds that were first, lacks nothing when it is brought up to
    date: no index that came later, as that of events, stays without what it should have."""
    path, new = tmp_path / "log.sqlite", tmp_path / "new.sqlite"
    assert make_store(new, islice(drafts(), 60)) == 60
    with closing(apsw.Connection(str(path))) as old:
        old.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        for step in STEPS[:version]:
            old.execute(step)
        old.execute("INSERT INTO schema_version (version) VALUES (?)", (version,))
        old.execute("ATTACH ? AS new", (str(new),))
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_version'"
        for (table,) in old.execute(tables).fetchall():
            columns = ", ".join(row[1] for row in old.execute(f"PRAGMA table_info({table})"))
            old.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}")
    open_it(path)
    assert "60 entries, and all that follows from them, are whole." in check(
        str(path), tmp_path, "", real_world()
    )


def test_what_later_steps_add_is_filled_in_a_database(data: Path, url: str, server: Server) -> None:
    """The same."""
    older = server.fresh()
    with connect(older) as old, connect(url) as new:
        old.execute("CREATE TABLE schema_version (version integer NOT NULL)")
        for step in POSTGRES_STEPS[:WITHOUT_ROOMS]:
            old.execute(step, prepare=False)
        old.execute("INSERT INTO schema_version (version) VALUES (%s)", (WITHOUT_ROOMS,))
        for table in ("log", "entry", "place", "membership", "account", "room"):
            found = old.execute(f"SELECT * FROM {table} LIMIT 0").description or []
            columns = ", ".join(f'"{column.name}"' for column in found)
            with new.cursor().copy(f"COPY (SELECT {columns} FROM {table}) TO STDOUT") as rows:
                content = b"".join(rows)
            with old.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as rows:
                rows.write(content)
    with closing(PostgresDatabases().connect(older)) as database:
        database.open("another")
    assert check(None, data, older, real_world()).endswith(WHOLE)


@pytest.mark.parametrize(
    ("version", "works_from", "says"),
    [
        (LAST - 1, LAST - 1, f"has the tables of an older chatnet (schema {LAST - 1}; this one checks"),
        (99, 99, f"was written by a newer chatnet (schema 99; this one knows {LAST}): update chatnet here"),
        (99, LAST, ""),
    ],
)
def test_a_store_of_another_release_is_not_judged(
    data: Path, url: str, version: int, works_from: int, says: str
) -> None:
    """This holds for both stores, unless this release can work with its tables."""
    statement = f"UPDATE schema_version SET version = {version}, works_from = {works_from}"
    apsw.Connection(str(data / "log.sqlite")).execute(statement).close()
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(statement)
    for its_url in ("", url):
        if says:
            with pytest.raises(CannotStart, match=re.escape(says)):
                check(None, data, its_url, real_world())
        else:
            assert check(None, data, its_url, real_world()).endswith(WHOLE)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "There is no store at"),
        (lambda path: path.mkdir(), "There is no store at"),
        (lambda path: path.touch(), "There is no store at"),
        (lambda path: path.write_bytes(b"no database at all " * 500), "is no store that can be read"),
    ],
)
def test_what_is_no_store_is_said(tmp_path: Path, make: Callable[[Path], Any], says: str) -> None:
    """A sentence says so; and no store is made there."""
    make(tmp_path / "it")
    with pytest.raises(CannotStart, match=says):
        check(str(tmp_path / "it"), tmp_path, "", real_world())
    assert not (tmp_path / "it" / "log.sqlite").exists()


def test_the_program_ends_by_status_1(data: Path, capfd: Any) -> None:
    """Differences go to standard error, and what is well to standard output."""
    main(["check", str(data)])
    assert WHOLE in capfd.readouterr().out
    apsw.Connection(str(data / "log.sqlite")).execute("DELETE FROM room").close()
    with pytest.raises(SystemExit) as ended:
        main(["check", "--data", str(data)])
    assert ended.value.code == 1
    assert "is damaged:\nroom lacks a row" in capfd.readouterr().err
