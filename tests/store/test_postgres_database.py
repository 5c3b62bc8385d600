"""A connection to PostgreSQL: what it promises its users, and what its errors mean."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatnet.entries import Draft
from chatnet.errors import CannotStart, Poison
from chatnet.kinds import own_level
from chatnet.limits import PATIENCE, Limits
from chatnet.log import Refused
from chatnet.marks import MOST_KEPT, UserMark
from chatnet.reads import (
    AccountOf,
    AllUsers,
    Feed,
    FirstIn,
    Head,
    History,
    HistoryAfter,
    Last,
    MarksOf,
    Members,
    Newest,
    PageOf,
    RoomOf,
    Rooms,
    SnapshotOf,
    UnreadOf,
)
from chatnet.store.postgres import append, schema
from chatnet.store.postgres import connection as postgres_connection
from chatnet.store.postgres.connection import connect
from chatnet.store.postgres.database import Denied, Deposed, LeaseRow, Unavailable
from chatnet.store.postgres.real import PostgresDatabase, PostgresDatabases
from chatnet.store.postgres.schema import STEPS
from rigs.postgres import Server
from rigs.processes import wait_until

Open = Callable[..., PostgresDatabase]

POISON = Refused(Poison.code, Poison.sentence)


def register(user: str) -> Draft:
    return Draft("register", user, user, "sha256:1", b"r" * 16)


def post(number: int, text: str = "hello", user: str = "alice") -> Draft:
    return Draft("post", user, user, text, number.to_bytes(16, "big"))


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.fresh()


@pytest.fixture
def open_at() -> Iterator[Open]:
    """Yield what opens connections with tables; close them at the end."""
    opened: list[PostgresDatabase] = []

    def open_one(url: str) -> PostgresDatabase:
        database = PostgresDatabases().connect(url)
        opened.append(database)
        database.open("id")
        return database

    yield open_one
    for database in opened:
        database.close()


@pytest.fixture
def database(url: str, open_at: Open) -> PostgresDatabase:
    return open_at(url)


def asked(url: str, sql: str) -> Any:
    with connect(url) as connection:
        return connection.execute(sql).fetchall()


# ---- the tables ----


def test_many_may_make_the_tables_at_once(postgres: Server) -> None:
    """However many processes open a new log together, it is one log, and all of them have it."""
    for _ in range(3):
        url = postgres.fresh()
        barrier = threading.Barrier(6)

        def open_one(number: int, url: str = url, barrier: threading.Barrier = barrier) -> str:
            database = PostgresDatabases().connect(url)
            barrier.wait(10)
            try:
                return database.open(f"id{number}").log_id
            finally:
                database.close()

        with ThreadPoolExecutor(6) as threads:
            assert len(set(threads.map(open_one, range(6)))) == 1


def test_the_tables_of_a_newer_chatnet_are_left_alone(url: str, open_at: Open) -> None:
    """A store that a newer version wrote is not opened, and the sentence says what to do."""
    open_at(url)
    with connect(url) as connection:
        connection.execute("UPDATE schema_version SET version = 99, works_from = 99")
    with pytest.raises(CannotStart, match=r"newer chatnet \(schema 99.*update chatnet"):
        open_at(url)


def test_tables_that_a_newer_chatnet_has_only_added_to_can_be_used(url: str, open_at: Open) -> None:
    """New columns have a default and are ignored: old and new programs run together until all are new."""
    open_at(url)
    with connect(url) as connection:
        connection.execute("ALTER TABLE entry ADD COLUMN most bytea")
        connection.execute("ALTER TABLE account ADD COLUMN more integer NOT NULL DEFAULT 0")
        connection.execute("UPDATE schema_version SET version = 99, works_from = %s", (len(STEPS),))
    assert open_at(url).append([register("alice"), post(1)], 1) == ([1, 2], [])
    assert asked(url, "SELECT version, works_from FROM schema_version") == [(99, len(STEPS))]


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_each_version_is_brought_up_to_date(url: str, open_at: Open, version: int) -> None:
    """It keeps its data, whatever functions the older release left."""
    with connect(url) as connection:
        connection.execute("CREATE TABLE schema_version (version integer NOT NULL)")
        for step in STEPS[:version]:
            connection.execute(step, prepare=False)
        connection.execute("CREATE FUNCTION chatnet_append_of_old() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        connection.execute("INSERT INTO schema_version (version) VALUES (%s)", (version,))
        connection.execute("INSERT INTO log (id, head, time) VALUES ('the log', 0, 0)")
    for _ in range(2):
        assert open_at(url).open("another").log_id == "the log"
    assert open_at(url).append([Draft("register", "alice", "alice", "sha256:1", b"r" * 16)], 1) == ([1], [])
    assert asked(url, "SELECT version FROM schema_version") == [(len(STEPS),)]


def test_functions_of_another_text_are_made_beside_those_there(
    url: str, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes of two releases may append at the same time: each calls its own functions."""
    ours = append.functions(own_level())
    mark = ours.append.removeprefix("chatnet_append_")
    newer = append.Functions("chatnet_append_newer", ours.statements.replace(mark, "newer"))
    monkeypatch.setattr(schema, "functions", lambda level: newer)
    with connect(url) as connection:
        for _ in range(2):
            schema.migrate(connection, "another", own_level())
    names = {
        name for (name,) in asked(url, "SELECT proname FROM pg_proc WHERE proname LIKE 'chatnet_append_%'")
    }
    assert {ours.append, "chatnet_append_newer"} <= names
    assert database.append([Draft("register", "alice", "alice", "sha256:1", b"r" * 16)], 1) == ([1], [])


def test_names_sort_by_code_point(url: str, database: PostgresDatabase) -> None:
    """All indexed text sorts as in Python, whatever the database's own collation is."""
    assert asked(
        url,
        """
        SELECT DISTINCT c.collname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid
            JOIN pg_collation c ON c.oid = a.attcollation
        WHERE i.indrelid::regclass::text IN ('entry', 'place', 'membership', 'account', 'room', 'refusal')
        """,
    ) == [("C",)]


def test_commits_are_durable_whatever_the_server_is_set_to(postgres: Server, url: str) -> None:
    """synchronous_commit is at least "on", in open sessions as well; a stronger setting is kept."""
    before = connect(url)
    for wished, found in (("off", "on"), ("local", "on"), ("remote_write", "on"), ("remote_apply",) * 2):
        postgres.ask(f"ALTER ROLE app SET synchronous_commit = {wished}")
        with connect(url) as connection:
            assert connection.execute("SHOW synchronous_commit").fetchone() == (found,)
    postgres.ask("ALTER ROLE app RESET synchronous_commit")
    try:
        set_for_all(postgres, "synchronous_commit", "off")
        assert before.execute("SHOW synchronous_commit").fetchone() == ("on",)
    finally:
        set_for_all(postgres, "synchronous_commit", None)
    before.close()


def test_the_server_lets_go_of_who_vanished(url: str) -> None:
    """It does so as fast as we do; by default it would keep their sessions for hours, until none are left."""
    with connect(url) as connection:
        for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count"):
            assert connection.execute(f"SELECT current_setting('{name}')::integer <= 3").fetchone() == (True,)
        assert connection.execute("SHOW tcp_user_timeout").fetchone() == ("5000",)


def test_who_is_refused_by_one_host_of_two_may_be_let_in_by_the_other(postgres: Server) -> None:
    """“No such database” is not the same as “no server”; of several hosts, all must say so."""
    there = f"127.0.0.1:{postgres.port}"
    with pytest.raises(Denied, match='"nothing" does not exist'):
        connect(f"postgresql://chatnet@{there}/nothing")
    for hosts in ("127.0.0.1:1", f"127.0.0.1:1,{there}", f"{there},127.0.0.1:1"):
        with pytest.raises(Unavailable) as raised:
            connect(f"postgresql://chatnet@{hosts}/nothing")
        assert not isinstance(raised.value, Denied)
    with pytest.raises(Denied):
        connect(f"postgresql://chatnet@{there},{there}/nothing")


def set_for_all(server: Server, name: str, value: str | None) -> None:
    """Change the server's configuration, or restore it; new connections have it when this returns."""

    def found() -> Any:
        with connect(server.url()) as fresh:
            return fresh.execute("SELECT reset_val FROM pg_settings WHERE name = %s", (name,)).fetchone()

    before = found()
    server.ask(f"ALTER SYSTEM SET {name} = {value}" if value else f"ALTER SYSTEM RESET {name}")
    server.ask("SELECT pg_reload_conf()")
    wait_until(f"{name} = {value}", lambda: found() != before)


def test_the_operator_is_told_what_a_crash_would_cost(postgres: Server, database: PostgresDatabase) -> None:
    """Without fsync, opening warns that a crash of the machine may lose the log; and without a synchronous
    standby, that it is lost with the machine."""
    assert "fsync" in database.open("other").warning
    set_for_all(postgres, "fsync", "on")
    try:
        assert "synchronous_standby_names" in database.open("other").warning
        assert database.open("other").log_id == "id"
    finally:
        set_for_all(postgres, "fsync", "off")


# ---- where it is ----


@pytest.mark.parametrize(
    "url", ["postgresql://u:sesame@[::1/x", "postgresql://u:sesame@h/x?nonsense=1", "sesame"]
)
def test_a_url_that_is_none_is_said_without_its_password(url: str) -> None:
    """The sentence says how a URL looks, and shows nothing of the given one."""
    with pytest.raises(CannotStart, match="postgresql://USER") as caught:
        PostgresDatabases().connect(url)
    assert "sesame" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_nobody_there_is_unavailable(postgres: Server) -> None:
    """A refused connection is transient, and its reason does not show the password."""
    with pytest.raises(Unavailable, match="refused") as caught:
        PostgresDatabases().connect("postgresql://u:sesame@127.0.0.1:1/x")
    assert "sesame" not in str(caught.value)


def test_a_server_that_hangs_while_connecting_is_unavailable(
    postgres: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connecting ends in bounded time, also if the server stops answering after it has accepted us."""
    monkeypatch.setattr(postgres_connection, "set_up", lambda lock_seconds: "SELECT pg_sleep(30)")
    limits = Limits(database=PATIENCE._replace(set_up=0.3))
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        PostgresDatabases(limits=limits).connect(url)
    assert time.monotonic() - begun < 5.0


def test_without_the_driver_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """chatnet works without psycopg until a PostgreSQL store is asked for."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(CannotStart, match=re.escape("chatnet[postgres]")):
        PostgresDatabases().connect("postgresql://u@127.0.0.1:1/x")


def test_the_host_that_takes_writes_is_found(postgres: Server, url: str, open_at: Open) -> None:
    """Of several hosts in the URL, one that is down is skipped."""
    many = url.replace("@", "@127.0.0.1:1,")
    assert open_at(many).read(Head()) == 0


# ---- what a connection says when it cannot ----


def test_a_lost_connection_is_unavailable(postgres: Server, database: PostgresDatabase) -> None:
    """A connection that the server has ended is Unavailable from then on; another one works."""
    postgres.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
    for _ in range(2):
        with pytest.raises(Unavailable):
            database.read(Head())


def test_too_many_connections_are_unavailable(postgres: Server, url: str, open_at: Open) -> None:
    """A connection too many is refused for now, and may succeed later."""
    postgres.ask("ALTER ROLE app CONNECTION LIMIT 0")
    try:
        with pytest.raises(Unavailable, match="too many connections"):
            open_at(url)
    finally:
        postgres.ask("ALTER ROLE app CONNECTION LIMIT -1")
    assert open_at(url).read(Head()) == 0


def test_a_database_that_takes_no_writes_is_unavailable(
    postgres: Server, url: str, database: PostgresDatabase
) -> None:
    """While it is read-only nothing is refused: appending waits, and so do new connections."""
    database.append([register("alice")], 1)
    database._connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(Unavailable, match="read-only"):
        database.append([post(1)], 1)
    database._connection.execute("SET default_transaction_read_only = off")
    assert database.append([post(1)], 1) == ([2], [])
    postgres.ask("ALTER ROLE app SET default_transaction_read_only = on")
    try:
        with pytest.raises(Unavailable, match="read-only"):
            PostgresDatabases().connect(url)
    finally:
        postgres.ask("ALTER ROLE app RESET default_transaction_read_only")


def test_closing_cuts_off_a_call(postgres: Server, url: str, open_at: Open) -> None:
    """close() from another thread ends a waiting call at once."""
    database, other = open_at(url), connect(url)
    with other.transaction(), ThreadPoolExecutor(1) as thread:
        other.execute("SELECT FROM log FOR UPDATE")
        call = thread.submit(database.append, [register("alice")], 1)
        wait_until("the lock", lambda: postgres.ask("SELECT 1 FROM pg_locks WHERE NOT granted"))
        database.close()
        with pytest.raises(Unavailable):
            call.result(2)
    other.close()
    database.close()


# ---- appending ----


def test_only_the_poison_is_refused(database: PostgresDatabase) -> None:
    """The drafts of a batch that cannot be stored are refused and reported; the rest is stored as usual."""
    drafts = [register("alice"), *[post(number, f"{number}") for number in range(20)]]
    bad = [
        Draft("secret", "alice", "bob", "in the room of another", b"p" * 16),
        Draft("post", "alice", "alice", "the key is none", b"short"),
        Draft("join", "alice", "alice", "a join has no text", b"n" * 16),
    ]
    drafts[5:5], drafts[9:9], drafts[-1:] = bad[:1], bad[1:2], bad[2:]
    outcomes, poisoned = database.append(drafts, 1)
    assert [draft for draft, _ in poisoned] == bad
    assert [outcome for outcome in outcomes if outcome != POISON] == list(range(1, 21))
    assert [outcome == POISON for outcome in outcomes] == [draft in bad for draft in drafts]
    assert database.append(drafts, 1)[0] == outcomes


def test_an_error_does_not_quote_the_row(database: PostgresDatabase) -> None:
    """The error is logged, and a row may be a post or a credential."""
    import psycopg

    database._connection.execute("CREATE TEMP TABLE t (x text CHECK (x = ''))")
    with pytest.raises(psycopg.errors.CheckViolation) as raised, database._asking():
        database._connection.execute("INSERT INTO t VALUES ('private')")
    assert str(raised.value) == "SQLSTATE 23514, t_x_check"


def test_batches_of_any_kind_are_alike(postgres: Server, open_at: Open) -> None:
    """200 posts in one batch have the same outcomes and rows as the same posts draft by draft."""
    users = ["alice", "bob"]
    posts = [post(number, f"#t{number % 7} @bob é𐀀 {number}", users[number % 2]) for number in range(200)]
    found = []
    for batch in (posts, [*posts, register("alice")]):
        url = postgres.fresh()
        database = open_at(url)
        database.append([register(user) for user in users], 1)
        outcomes, _ = database.append(batch, 5)
        rows = {table: sorted(asked(url, f"SELECT * FROM {table}")) for table in ("entry", "place", "room")}
        found.append((outcomes[:200], database.read(Head()), rows))
    assert found[0] == found[1]
    assert found[0][0] == list(range(3, 203))


def test_time_never_goes_back(database: PostgresDatabase) -> None:
    """Entries are never older than those before them, whatever the clocks of the appending hosts say."""
    for now in (50, 20, 70):
        database.append([register(f"u{now}")], now)
    assert [entry.time for entry in database.read(Last(3))] == [50, 50, 70]


def test_appends_of_many_are_in_one_order(url: str, open_at: Open) -> None:
    """A reader never sees an entry before all older ones, so seqs stay dense."""
    databases = [open_at(url) for _ in range(4)]
    databases[0].append([register(f"u{number}") for number in range(4)], 1)
    done = threading.Event()

    def append(number: int) -> None:
        for batch in range(40):
            drafts = [post(100 * batch + part, user=f"u{number}") for part in range(10)]
            assert not databases[number].append(drafts, 1)[1]

    def read() -> int:
        cursor, reader = 0, open_at(url)
        while not done.is_set() or reader.read(Head()) > cursor:
            for entry in reader.read(PageOf(cursor)):
                assert entry.seq == cursor + 1
                cursor = entry.seq
        return cursor

    with ThreadPoolExecutor(5) as threads:
        reading = threads.submit(read)
        list(threads.map(append, range(4)))
        done.set()
        assert reading.result(30) == 1604


STOPPED = """
import sys, itertools
from chatnet.entries import Draft
from chatnet.store.postgres.real import PostgresDatabases
database = PostgresDatabases().connect(sys.argv[1])
for batch in itertools.count():
    keys = [(1000 * batch + number).to_bytes(16, "little") for number in range(200)]
    database.append([Draft("post", "alice", "alice", "x" * 100, key) for key in keys], 1)
    print(batch, flush=True)
"""


def test_a_stopped_process_holds_up_nobody(url: str, database: PostgresDatabase) -> None:
    """Wherever in an append a process is stopped, others append again within two seconds."""
    database.append([register("alice")], 1)
    with subprocess.Popen([sys.executable, "-c", STOPPED, url], stdout=subprocess.PIPE) as stopped:
        assert stopped.stdout is not None
        try:
            for number in range(15):
                stopped.stdout.readline()
                # Stop it at another point of its next append each time.
                threading.Event().wait(number / 2_000)
                stopped.send_signal(signal.SIGSTOP)
                begun = time.monotonic()
                assert len(database.append([post(number)], 1)[0]) == 1
                assert time.monotonic() - begun < 2.0
                stopped.send_signal(signal.SIGCONT)
        finally:
            stopped.kill()


# ---- marks ----


def test_marks_wait_neither_for_those_who_append_nor_for_the_disk(
    database: PostgresDatabase, url: str
) -> None:
    """They are kept while somebody holds the head; only their own statement is not synced."""
    database.append([register("alice")], 1)
    with connect(url) as other:
        other.execute("CREATE TABLE seen (setting text)")
        other.execute(
            "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$"
        )
        other.execute("CREATE TRIGGER seeing AFTER INSERT ON mark FOR EACH ROW EXECUTE FUNCTION see()")
        with other.transaction():
            other.execute("SELECT FROM log FOR UPDATE")
            assert database.keep_marks([UserMark("alice", "alice", 5)]) == [UserMark("alice", "alice", 1)]
        assert other.execute("SELECT setting FROM seen").fetchall() == [("off",)]
    assert database._one("SHOW synchronous_commit") == ("on",)


def test_workers_that_keep_the_same_marks_do_not_lock_each_other_out(url: str, open_at: Open) -> None:
    """Each user may have sessions on several; in whatever order they come, none is given up."""
    databases = [open_at(url) for _ in range(4)]
    databases[0].append([register("alice")] + [post(number) for number in range(400)], 1)
    rooms = [f"#{number}" for number in range(100)]

    def keep(one: int) -> None:
        for seq in range(1, 100):
            marks = [UserMark("alice", room, 4 * seq + one) for room in rooms]
            databases[one].keep_marks(marks if one % 2 else marks[::-1])

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(keep, one) for one in range(4)]:
            done.result()
    assert {seq for (seq,) in databases[0]._connection.execute("SELECT seq FROM mark")} == {399}


# ---- reading ----


TALK = [f"u{number}" for number in range(100)]


def talk(database: PostgresDatabase, count: int) -> int:
    """Make ``count`` posts of a hundred users, of whom the first follows all others; return the head."""
    database.append([register(user) for user in TALK], 1)
    database.append([Draft("join", TALK[0], user, "", user.encode().ljust(16)) for user in TALK[1:]], 1)
    for start in range(0, count, 1_000):
        numbers = range(start, start + 1_000)
        posts = [post(number, "hi" if number % 50 else "#x @u7", TALK[number % 100]) for number in numbers]
        assert not database.append(posts, 1)[1]
    return database.read(Head())


EXPLAINING = (
    "ANALYZE",
    "SET enable_seqscan = on",
    "LOAD 'auto_explain'",
    "SET auto_explain.log_min_duration = 0",
    "SET auto_explain.log_analyze = on",
    "SET auto_explain.log_nested_statements = on",
    "SET auto_explain.log_level = notice",
)


@pytest.fixture
def explained(postgres: Server) -> Iterator[tuple[PostgresDatabase, int, list[str]]]:
    """Yield a database of 50,000 posts and 10,000 marks, its head, and the plans of all that it is
    asked from now on, also within functions, without a setting that forbids it to scan tables."""
    schema = re.findall(r"D(s\d+)", postgres.fresh())[0]
    connection = connect(postgres.url(schema))
    database = PostgresDatabase(connection)
    database.open("id")
    head = talk(database, 50_000)
    marks = [UserMark(user, room, 5) for user in TALK for room in TALK]
    for start in range(0, len(marks), 200):
        database.keep_marks(marks[start : start + 200])
    plans: list[str] = []
    for sql in EXPLAINING:
        connection.execute(sql)
    connection.add_notice_handler(lambda notice: plans.append(notice.message_primary))
    yield database, head, plans
    database.close()


def test_every_statement_finds_what_it_needs_by_index(
    explained: tuple[PostgresDatabase, int, list[str]],
) -> None:
    """At 50,000 posts no statement scans a table that grows."""
    database, head, plans = explained
    posts = [post(90_000, "#y @u3", "u1"), post(90_001, "#x", "u2")]
    assert database.append(posts, 1) == ([head + 1, head + 2], [])
    leave, again = (Draft("leave", "u0", "u20", "", key * 16) for key in (b"l", b"m"))
    secret, join = (
        Draft("secret", "u1", "u1", "sha256:2", b"s" * 16),
        Draft("join", "u0", "u20", "", b"k" * 16),
    )
    assert not database.append([register("new"), secret, leave, again, again, join, post(1)], 1)[1]
    assert len(database.read(PageOf(20_000))) == 500
    assert len(database.read(Last(100))) == 100
    assert database.read(AccountOf("u1")) is not None
    assert len(database.read(SnapshotOf("u0", 5, head)).intervals) == 99
    assert len(database.read(Newest("u0", head))) == 20
    assert len(database.read(Feed("u0", 1_000, head)).posts) == 500
    assert len(database.read(History("u1"))) == 500
    assert database.read(Rooms("u1", "u15")).names == ["u16", "u17", "u18", "u19"]
    assert len(database.read(AllUsers("u")).users) == len(TALK)
    invented = [UserMark("u0", f"u0=z{number}", 5) for number in range(MOST_KEPT)]
    for start in range(0, MOST_KEPT, 200):
        database.keep_marks(invented[start : start + 200])
    assert database.read(MarksOf("u0", head, "u5")).marks == []
    assert {posts for room, posts, _ in database.read(UnreadOf("u0", head, "")).rooms if room != "u0"} == {99}
    assert len(plans) > 30
    assert not [plan for plan in plans if re.search(r"Seq Scan on (entry|place|mark|mention)\b", plan)]


def test_a_read_costs_about_what_it_returns(explained: tuple[PostgresDatabase, int, list[str]]) -> None:
    """A follower of a hundred busy rooms gets a page, and the newest 20, without a read of all posts
    there."""
    database, head, plans = explained
    for read in (lambda: database.read(Feed("u0", 1_000, head)), lambda: database.read(Newest("u0", head))):
        plans.clear()
        assert read()
        rows = re.findall(r" place .*rows=(\d+)(?:\.\d+)? loops=(\d+)", "\n".join(plans))
        # It reads twenty posts of each room.
        assert 1_900 <= sum(int(found) * int(loops) for found, loops in rows) <= 2_020


def test_who_came_and_went_costs_about_what_it_returns(postgres: Server) -> None:
    """A page of the history of a room in which very many came and went reads a page of each index, in order;
    and so many have come there, and are gone, to whom the count of those who are there is not dearer."""
    connection = connect(postgres.url(re.findall(r"D(s\d+)", postgres.fresh())[0]))
    database = PostgresDatabase(connection)
    database.open("id")
    database.append([register("alice"), Draft("join", "alice", "#x", "", b"j" * 16)], 1)
    connection.execute(
        """
        INSERT INTO membership ("user", "left", room, joined)
            SELECT 'u' || n % 100, 2 * n + 1, '#x', 2 * n FROM generate_series(10, 10000) AS n;
        INSERT INTO entry SELECT n, n, 'join', 'bob', '#x', '', int8send(n) || int8send(n)
            FROM generate_series(3, 20001) AS n;
        UPDATE log SET head = 20001
        """,
        prepare=False,
    )
    plans: list[str] = []
    for sql in EXPLAINING:
        connection.execute(sql)
    connection.add_notice_handler(lambda notice: plans.append(notice.message_primary))
    for before in (None, 10_000):
        assert len(database.read(History("#x", before, "alice", 20_001, True))) == 500
        assert len(database.read(HistoryAfter("#x", before or 2, "alice", 20_001, True))) == 500
    found = "\n".join(plans)
    rows = re.findall(r" (came|member) on membership.*rows=(\d+)(?:\.\d+)? loops=(\d+)", found)
    assert {index for index, *_ in rows} == {"came", "member"}
    assert sum(int(read) * int(loops) for _, read, loops in rows) <= 4 * 2 * 500
    assert "Seq Scan on membership" not in found
    plans.clear()
    assert database.read(RoomOf("#x", "alice", 20_001, counts=True)).members == 1
    assert len(database.read(Members("#x", "alice", 20_001)).members) == 1
    assert database.read(FirstIn("#x", 20_001)) == "alice"
    assert plans
    assert " came on membership" not in "\n".join(plans)
    database.close()


# ---- the lease ----


def test_a_primary_of_the_past_appends_nothing(url: str, open_at: Open) -> None:
    """What it had sent may come when the network is whole again, and its operator has asked another one."""
    old, new, worker = open_at(url), open_at(url), open_at(url)
    assert old.take_lease(0, "me") == 1
    assert old.append([register("alice")], 1, 1) == ([1], [])
    assert new.take_lease(1, "you") == 2
    for drafts in ([post(1)], [post(1), post(2)]):
        with pytest.raises(Deposed):
            old.append(drafts, 1, 1)
    assert new.append([post(3)], 1, 2) == ([2], [])
    assert worker.append([post(4)], 1) == ([3], [])


def test_the_lease_is_taken_by_one(database: PostgresDatabase, url: str, open_at: Open) -> None:
    """Of two that saw the same state, one takes it; each renewal shows; a released lease is free at once."""
    other = open_at(url)
    assert database.lease() == LeaseRow(0, 0, "")
    assert (database.take_lease(0, "me"), other.take_lease(0, "you")) == (1, None)
    assert database.renew_lease(1, "me, renewed")
    assert other.lease() == LeaseRow(2, 1, "me, renewed")
    assert other.take_lease(2, "you") == 2
    assert not database.renew_lease(1, "me")
    database.release_lease(1)
    assert other.lease() == LeaseRow(3, 2, "you")
    other.release_lease(2)
    assert database.lease() == LeaseRow(4, 2, "")
    assert not other.renew_lease(2, "you")


def test_the_lease_is_renewed_while_somebody_holds_the_head(database: PostgresDatabase, url: str) -> None:
    """A commit that takes long, waiting for a standby, does not cost the primary its lease."""
    assert database.take_lease(0, "me") == 1
    with connect(url) as other, other.transaction():
        other.execute("SELECT FROM log FOR UPDATE")
        assert database.renew_lease(1, "me")
