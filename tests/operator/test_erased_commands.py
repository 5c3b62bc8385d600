"""The list of what was taken back is printed, and obeyed in a log that was put back, by every command."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import pytest
from store.a_log import drafts, make_store

from chatnet.cursor import Cursor
from chatnet.entries import Draft, More, Ref
from chatnet.erased import Erasure, Line, line_in, line_of
from chatnet.errors import CannotStart
from chatnet.kinds import CLUSTER, own_level
from chatnet.operator.__main__ import main
from chatnet.operator.check import check
from chatnet.operator.migrate import migrate
from chatnet.store.postgres.connection import connect
from chatnet.store.postgres.real import PostgresDatabase
from chatnet.store.sqlite.erased import listed
from chatnet.store.sqlite.opening import open_store
from chatnet.store.sqlite.schema import STEPS
from chatnet.world.real import real_world
from rigs.postgres import Server

NEEDLE = "see #coffee @bob"
POST = (9).to_bytes(16, "big")
REDACTED = Erasure("redact", "alice", key=POST)
FORGOTTEN = Erasure("forget", "bob")
COMES = Draft("post", "alice", "alice", "a later post", b"comes again 0123")
AWAITED = Erasure("redact", "alice", key=COMES.key)
Rows = Callable[[str], list[Any]]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A directory with a short log, and a list that says more than its store."""
    made = tmp_path / "small"
    made.mkdir(mode=0o700)
    make_store(made / "log.sqlite", islice(drafts(), 20))
    rename(made / "log.sqlite")
    return made


def rename(path: Path) -> None:
    """Give the log an id as they have it: without a space; and each entry a time of its own."""
    with closing(apsw.Connection(str(path))) as store:
        store.execute("UPDATE log SET id = 'the-log'")
        store.execute("UPDATE entry SET time = 1000 + seq")


def list_of(*erasures: Erasure) -> bytes:
    return line_of("the-log", erasures)


def opened(data: Path) -> None:
    """Open a store as a master does, and close it."""
    store = open_store(data / "log.sqlite", real_world().files, "another", None, own_level())
    for connection in store.connections:
        connection.close()
    store.store.close()


@pytest.fixture(params=["embedded", "shared"])
def put_back(
    request: pytest.FixtureRequest, small: Path, tmp_path: Path
) -> Iterator[tuple[list[str], Rows, Path]]:
    """Yield the options that name a store of either kind, and what answers a query once a master has begun
    on it; and a list."""
    file = tmp_path / "list"
    if request.param == "embedded":

        def rows(query: str) -> list[Any]:
            opened(small)
            with closing(apsw.Connection(str(small / "log.sqlite"))) as store:
                return list(store.execute(query.replace('"', "")))

        yield ["--data", str(small)], rows, file
        return
    server: Server = request.getfixturevalue("server")
    url = server.fresh()
    migrate(small, url, real_world())
    with closing(connect(url)) as connection:
        yield ["--store", url, "--data", "nowhere"], lambda query: connection.execute(query).fetchall(), file


def said(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    main(words)
    return capfd.readouterr().out


def test_a_list_is_obeyed_in_a_log_that_was_put_back(
    put_back: tuple[list[str], Rows, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """A post loses its text, a user is forgotten, what comes again is awaited; twice is as good as once. Then
    the log's own list has all of it."""
    where, rows, file = put_back
    assert said(capfd, "erased", *where) == ""
    file.write_bytes(list_of(REDACTED, FORGOTTEN) + line_of("another", [AWAITED]) + list_of(AWAITED))
    for _ in range(2):
        said(capfd, "restore", "--erased", str(file), *where)
        assert rows("SELECT text FROM entry WHERE seq = 9") == [("",)]
        assert rows('SELECT "user" FROM forgotten') == [("bob",)]
        assert rows('SELECT "user", key FROM erased') == [("alice", COMES.key)]
        kinds = rows(f"SELECT kind FROM entry WHERE \"user\" = '{CLUSTER}' ORDER BY kind")
        assert kinds == [("forget",), ("redact",)]
    assert "are whole" in said(capfd, "check", *where)
    lines = said(capfd, "erased", *where).encode().splitlines()
    found = [line_in(line) or Line("", ()) for line in lines]
    assert {(line.log, erasure) for line in found for erasure in line.erasures} == {
        ("the-log", each) for each in (REDACTED, FORGOTTEN, AWAITED)
    }


def test_a_purge_is_repeated_up_to_its_time_and_no_further(
    put_back: tuple[list[str], Rows, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """Once; and the log's own list names each post that it took, for an older backup."""
    where, rows, file = put_back
    posts = "SELECT seq, time, key FROM entry WHERE \"user\" = 'bob' AND kind = 'post' ORDER BY seq"
    *older, newer, again = rows(posts)
    last, time, _ = older[-1]
    came_again = Erasure("purged", "bob", key=bytes(again[2]), time=time)
    file.write_bytes(list_of(Erasure("purge", "bob", "", time=time), came_again))
    for _ in range(2):
        said(capfd, "restore", "--erased", str(file), *where)
        assert rows('SELECT "user", room, upto FROM blanking') == [("bob", "", last)]
        kinds = rows(f"SELECT kind FROM entry WHERE \"user\" = '{CLUSTER}' ORDER BY kind")
        assert kinds == [("purge",), ("redact",)]
        texts = rows(f"SELECT text FROM entry WHERE seq IN ({newer[0]}, {again[0]}) ORDER BY seq")
        assert texts == [("about #tea",), ("",)]
    assert "are whole" in said(capfd, "check", *where)
    lines = said(capfd, "erased", *where).encode().splitlines()
    found = [erasure for line in lines for erasure in (line_in(line) or Line("", ())).erasures]
    assert Erasure("purge", "bob", "", time=time) in found
    assert {each.key for each in found if each.key} == {bytes(key) for _, _, key in (*older, again)}


def test_a_list_is_kept_by_adding_to_it(
    put_back: tuple[list[str], Rows, Path], small: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What it has stays, also what is of another log, and what the store does not know, which was put back:
    that is an error, until the list is obeyed. Nothing is added twice."""
    where, rows, file = put_back
    (small / "erased").unlink(missing_ok=True)
    added = ["erased", "--into", str(file), *where]
    assert said(capfd, *added) == f"0 were added to {file}, which has 0 of this log now.\n"
    first = small / "first"
    first.write_bytes(list_of(REDACTED))
    said(capfd, "restore", "--erased", str(first), *where)
    assert rows("SELECT text FROM entry WHERE seq = 9") == [("",)]
    kept = line_of("another", [FORGOTTEN]) + list_of(AWAITED, FORGOTTEN)
    file.write_bytes(kept[:-1])
    for new in (list_of(REDACTED), b""):
        with pytest.raises(SystemExit) as ended:
            main(added)
        assert ended.value.code == 1
        assert f"{file} says of 2 that they were taken back, and the log does not" in capfd.readouterr().err
        kept += new
        assert file.read_bytes() == kept
    said(capfd, "restore", "--erased", str(file), *where)
    rows("SELECT 1")
    assert said(capfd, *added) == f"0 were added to {file}, which has 3 of this log now.\n"
    assert file.read_bytes() == kept


def test_no_list_is_lost_or_taken_for_another_when_it_is_added_to(
    small: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """While the database is away, the file stays; the store's own list is its master's; what is no list is
    said, and stays as it is."""
    file = tmp_path / "list"
    for content, options, sentence in (
        (list_of(REDACTED), ["--store", "postgresql://nobody@127.0.0.1:1/x"], "cannot be reached"),
        (b"something else\n", ["--data", str(small)], "is damaged behind its byte 0"),
    ):
        opened(small)
        file.write_bytes(content)
        with pytest.raises(SystemExit) as ended:
            main(["erased", "--into", str(file), *options])
        assert ended.value.code == 1
        assert sentence in capfd.readouterr().err
        assert file.read_bytes() == content
    with pytest.raises(SystemExit):
        main(["erased", "--into", str(small / "erased"), "--data", str(small)])
    assert "is the store's own list, in which its master writes" in capfd.readouterr().err


def test_a_list_is_put_beside_a_store_of_an_earlier_release(
    small: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A master that would first have to start on it, to bring its tables to this release, would serve what
    the list takes back. To print what such a store took back, its tables are needed."""
    path, file = small / "log.sqlite", tmp_path / "list"
    opened(small)
    with closing(apsw.Connection(str(path))) as store:
        for column in ("erased", "erased_tail"):
            store.execute(f"ALTER TABLE log DROP COLUMN {column}")
        for table in ("erased", "gone", "ending", "face"):
            store.execute(f"DROP TABLE {table}")
        for index in ("account_looks", "came"):
            store.execute(f"DROP INDEX {index}")
        store.execute("UPDATE schema_version SET version = ?", (len(STEPS) - 6,))
    before = path.read_bytes()
    with pytest.raises(SystemExit):
        main(["erased", "--data", str(small)])
    assert "has the tables of another release" in capfd.readouterr().err
    file.write_bytes(list_of(REDACTED))
    assert said(capfd, "restore", "--erased", str(file), "--data", str(small)).startswith("1 that were not")
    assert path.read_bytes() == before
    opened(small)
    with closing(apsw.Connection(str(path))) as store:
        assert store.execute("SELECT text FROM entry WHERE seq = 9").get == ""


def test_what_a_log_has_nothing_of_is_no_reason_to_fail(
    put_back: tuple[list[str], Rows, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """Bob was purged in a room that he had not come to yet, and in all of them before he was forgotten."""
    where, rows, file = put_back
    later = 1 << 60
    purged = [Erasure("purge", "bob", room, time=later) for room in ("", "#tea", "&later")]
    gone = Erasure("purge", "nemo", "&later", time=later)
    file.write_bytes(list_of(gone, FORGOTTEN, *purged, Erasure("purge", "alice", "&later", time=later)))
    for _ in range(2):
        said(capfd, "restore", "--erased", str(file), *where)
        assert rows("SELECT kind, room FROM entry WHERE seq > 20") == [("forget", "")]
    assert rows("SELECT count(*) FROM refusal WHERE code = 'NOT_THERE'") == [(0,)]


def test_a_last_line_without_its_end_is_obeyed_if_it_is_whole(
    put_back: tuple[list[str], Rows, Path], small: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And what goes behind it begins a line."""
    where, rows, file = put_back
    (small / "erased").write_bytes(list_of(AWAITED)[:-1])
    file.write_bytes((list_of(FORGOTTEN) + list_of(REDACTED))[:-1])
    assert "is not whole" not in said(capfd, "restore", "--erased", str(file), *where)
    assert rows("SELECT text FROM entry WHERE seq = 9") == [("",)]
    assert rows('SELECT "user" FROM forgotten') == [("bob",)]
    if "--store" not in where:
        assert rows("SELECT user FROM erased") == [("alice",)]


def test_a_last_line_that_is_not_whole_is_said(
    put_back: tuple[list[str], Rows, Path], small: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the list that is given, and in the one that stands there."""
    where, rows, file = put_back
    (small / "erased").write_bytes(list_of(AWAITED)[:-2])
    file.write_bytes((list_of(FORGOTTEN) + list_of(REDACTED))[:-2])
    told = said(capfd, "restore", "--erased", str(file), *where)
    assert f"The last line of {file} is not whole, and was left out." in told
    its_own = f"The last line of {small / 'erased'} is not whole, and was left out."
    assert (its_own in told) is ("--store" not in where)
    assert rows('SELECT "user" FROM forgotten') == [("bob",)]
    assert rows("SELECT text FROM entry WHERE seq = 9") == [(NEEDLE,)]


def test_what_comes_again_in_a_database_has_no_text(small: Path, server: Server, tmp_path: Path) -> None:
    """And an older draft of who is forgotten is refused."""
    url, file = server.fresh(), tmp_path / "list"
    migrate(small, url, real_world())
    file.write_bytes(list_of(AWAITED))
    main(["restore", "--erased", str(file), "--store", url])
    with closing(PostgresDatabase(connect(url), own_level(), real_world().limits.page)) as database:
        assert database.append([COMES], 2_000)[0] == [21]
    with closing(connect(url)) as connection:
        [row] = connection.execute("SELECT text, at FROM entry WHERE seq = 21").fetchall()
    assert row == ("", "alice")


def test_a_migration_takes_back_what_its_source_was_put_back_from(small: Path, server: Server) -> None:
    """Before it copies: the database has no text that the list says was taken back, and awaits what it
    awaits."""
    (small / "erased").write_bytes(list_of(REDACTED, AWAITED))
    url = server.fresh()
    migrate(small, url, real_world())
    with closing(connect(url)) as connection:
        assert connection.execute("SELECT count(*) FROM entry WHERE text = %s", (NEEDLE,)).fetchone() == (0,)
        assert connection.execute('SELECT "user", key FROM erased').fetchall() == [("alice", COMES.key)]
    assert "21 entries, and all" in check(None, small, url, real_world())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no list at "),
        (b"", " is the list of another log, or of none: there is nothing in it about this one."),
        (line_of("another", [REDACTED]), " is the list of another log, or of none"),
        (b"x\ny\n", "The list of what was taken back, .* is damaged behind its byte 0: put a copy"),
        (b"x" + list_of(REDACTED), "The list of what was taken back, .* is damaged behind its byte 0"),
    ],
    ids=["none", "empty", "another's", "damaged", "damaged at its end"],
)
def test_what_is_no_list_is_refused_in_a_sentence(
    put_back: tuple[list[str], Rows, Path],
    content: bytes | None,
    sentence: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    where, rows, file = put_back
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SystemExit) as end:
        main(["restore", "--erased", str(file), *where])
    output = capfd.readouterr().err
    assert (end.value.code, len(output.splitlines())) == (1, 1)
    assert re.search(sentence, output)
    assert rows("SELECT count(*) FROM entry") == [(20,)]


def test_a_list_is_not_put_under_a_master(small: Path, tmp_path: Path, capfd: Any) -> None:
    """It would write over it."""
    lock = real_world().files.lock(small)
    (tmp_path / "list").write_bytes(list_of(REDACTED))
    with pytest.raises(SystemExit):
        main(["restore", "--erased", str(tmp_path / "list"), "--data", str(small)])
    assert "A master runs on" in capfd.readouterr().err
    assert lock is not None
    lock.release()
    assert not (small / "erased").exists()


# ---- check ----


def test_a_text_that_the_list_says_was_taken_back_is_found(small: Path) -> None:
    """What the store was to have followed; not what the next master takes back, nor what another log's list
    says."""
    (small / "erased").write_bytes(line_of("another", [REDACTED]))
    opened(small)
    assert "are whole" in check(None, small, "", real_world())
    with (small / "erased").open("ab") as file:
        file.write(list_of(REDACTED))
    assert "are whole" in check(None, small, "", real_world())
    path = small / "erased"
    followed = listed(path, real_world().files, path.stat().st_size)
    with closing(apsw.Connection(str(small / "log.sqlite"))) as store:
        store.execute("UPDATE log SET erased = ?, erased_tail = ?", followed)
    with pytest.raises(CannotStart, match="seq 9 has a text, and erased says that it was taken back"):
        check(None, small, "", real_world())
    opened(small)


def test_a_damaged_list_is_found(small: Path) -> None:
    opened(small)
    (small / "erased").write_bytes(b"x" + list_of(REDACTED) + list_of(FORGOTTEN))
    with pytest.raises(
        CannotStart, match=r"The list of what was taken back, .* is damaged behind its byte 0"
    ):
        check(None, small, "", real_world())


def test_a_post_that_came_again_with_its_text_is_found(small: Path) -> None:
    opened(small)
    with closing(apsw.Connection(str(small / "log.sqlite"))) as store:
        store.execute("INSERT INTO erased (user, key) VALUES ('alice', ?)", (POST,))
    with pytest.raises(CannotStart, match="seq 9 has a text, and was taken back before the log was put back"):
        check(None, small, "", real_world())


def test_a_log_that_took_everything_back_again_is_whole(small: Path) -> None:
    """With names of who was forgotten that are in none of its entries, and a post that came again."""
    (small / "erased").write_bytes(list_of(REDACTED, FORGOTTEN, AWAITED, Erasure("forget", "dave")))
    opened(small)
    store = open_store(small / "log.sqlite", real_world().files, "another", None, own_level())
    [seq] = store.store.commit([COMES], 2_000).outcomes
    assert isinstance(seq, int)
    with closing(apsw.Connection(str(small / "log.sqlite"))) as other:
        assert other.execute("SELECT text FROM entry WHERE seq = ?", (seq,)).get == ""
    for connection in store.connections:
        connection.close()
    store.store.close()
    assert "23 entries, and all that follows from them, are whole" in check(None, small, "", real_world())


def test_an_export_has_nothing_that_was_taken_back_again(
    small: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert NEEDLE in said(capfd, "user", "export", "alice", "--data", str(small))
    (small / "erased").write_bytes(list_of(REDACTED, AWAITED))
    opened(small)
    exported = said(capfd, "user", "export", "alice", "--data", str(small))
    assert NEEDLE not in exported
    assert '{"is": "erased", "count": 1}' in exported


def test_a_backup_knows_the_list_of_its_time(small: Path, tmp_path: Path, capfd: Any) -> None:
    """It is printed of a file, too: of what its own entries took back."""
    ref = Ref(9, Cursor.of_row("the-log", 9, "alice", POST).check)  # type: ignore[union-attr]
    store = open_store(small / "log.sqlite", real_world().files, "another", None, own_level())
    assert store.store.commit([Draft("redact", "alice", "alice", "", b"k" * 16, 0, More(ref=ref))], 2_000)
    for connection in store.connections:
        connection.close()
    store.store.close()
    shutil.copy(small / "log.sqlite", tmp_path / "backup")
    assert said(capfd, "erased", str(tmp_path / "backup")).encode() == list_of(REDACTED)
    assert (small / "erased").read_bytes() == list_of(REDACTED)
