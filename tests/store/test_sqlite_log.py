from __future__ import annotations

import itertools
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.threadpool import ThreadPool

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More, Ref, fresh_key
from chatnet.errors import CannotStart, EpochLost, Poison
from chatnet.log import Refused
from chatnet.reads import (
    AccountOf,
    AllUsers,
    CursorAt,
    Feed,
    History,
    HistoryAfter,
    Members,
    Newest,
    Rooms,
    SnapshotOf,
    Talks,
)
from chatnet.store.sqlite.log import RETRY_SECONDS, SqliteLog
from chatnet.store.sqlite.schema import STEPS
from chatnet.store.sqlite.writer import Writer
from chatnet.store.window import Window
from chatnet.world.real import RealFiles

REGISTER = Draft("register", "alice", "alice", "sha256:1", b"r" * 16)


def post(number: int, text: str = "hello") -> Draft:
    return Draft("post", "alice", "alice", text, number.to_bytes(16, "big"))


def results(deferred: Deferred[Any]) -> list[Any]:
    found: list[Any] = []
    deferred.addBoth(found.append)
    return found


class Recorder(RealFiles):
    """Files whose databases record every statement that was run."""

    def __init__(self) -> None:
        self.statements: dict[str, None] = {}
        self.connections: list[apsw.Connection] = []

    def database(self, path: Path) -> apsw.Connection:
        connection = super().database(path)
        self.connections.append(connection)
        connection.exec_trace = self._trace
        return connection

    def _trace(self, cursor: Any, statement: str, bindings: Any) -> bool:
        self.statements[statement] = None
        return True


def test_reopening_finds_everything_in_the_next_epoch(disk: Any, now: Callable[[Any], Any]) -> None:
    """What was acknowledged is there after a restart; the log keeps its id, and the epoch rises by one."""
    first = disk.open()
    assert now(first.append([REGISTER, post(1), post(2, "#x")])) == [1, 2, 3]
    entries = first.window.after(0)
    disk.close()
    second = disk.open()
    assert (first.epoch, second.epoch) == (1, 2)
    assert second.log_id == first.log_id != ""
    assert second.window.after(0) == entries
    assert now(second.page(0, 3)) == entries
    assert now(second.append([post(2, "#x"), post(3)])) == [3, 4]
    assert now(second.read(Rooms("#", ""))).names == ["#x"]


def test_the_window_begins_with_the_newest_and_the_rest_is_read(disk: Any, now: Callable[[Any], Any]) -> None:
    """After a restart the newest 10,000 entries are in memory, and older pages come from the disk."""
    log = disk.open()
    now(log.append([REGISTER, *[post(number) for number in range(10_600)]]))
    entries = [*log.window.after(0)]
    disk.close()
    log = disk.open()
    assert (log.window.start, log.window.head) == (602, 10_601)
    read: list[Entry] = []
    while page := now(log.page(len(read), 10_000)):
        assert len(page) <= 500
        read += page
    assert read == entries[:10_000]


def test_commits_are_durable(disk: Any, now: Callable[[Any], Any]) -> None:
    """The writer runs in WAL mode and with synchronous=FULL; readers cannot write."""
    recorder = disk.files = Recorder()
    log = disk.open()
    writer, *readers = recorder.connections
    assert writer.pragma("journal_mode") == "wal"
    assert writer.pragma("synchronous") == 2
    assert readers
    assert all(reader.pragma("query_only") == 1 for reader in readers)
    now(log.append([REGISTER]))
    assert writer.pragma("synchronous") == 2


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_each_version_is_brought_up_to_date(disk: Any, now: Callable[[Any], Any], version: int) -> None:
    """The store keeps its data."""
    with closing(apsw.Connection(str(disk.path))) as old:
        old.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        for step in STEPS[:version]:
            old.execute(step)
        old.execute("INSERT INTO schema_version (version) VALUES (?)", (version,))
        old.execute("INSERT INTO log (id, epoch, head) VALUES ('the log', 0, 1)")
        old.execute(
            "INSERT INTO entry (seq, time, kind, user, room, text, key)"
            " VALUES (1, 1, 'register', 'alice', 'alice', 'sha256:1', ?)",
            (b"r" * 16,),
        )
    log = disk.open()
    assert log.log_id == "the log"
    assert now(log.append([REGISTER, Draft("register", "bob", "bob", "sha256:1", b"r" * 16)])) == [1, 2]


def test_what_is_written_of_the_keys_stands_together(disk: Any, now: Callable[[Any], Any]) -> None:
    """Keys begin with their time, and their index with the key: random keys would each be on another page."""
    log = disk.open()
    users = [f"user{number}" for number in range(5)]
    wal = disk.path.with_name(disk.path.name + "-wal")

    def written(keys: Iterable[bytes]) -> int:
        """Return how many bytes a batch of posts with these keys writes to the disk."""
        before = wal.stat().st_size
        pairs = zip(keys, itertools.cycle(users))
        now(log.append([Draft("post", user, user, "hi", key) for key, user in pairs]))
        return wal.stat().st_size - before

    now(log.append([Draft("register", user, user, "sha256:1", b"r" * 16) for user in users]))
    entropy = random.Random(1).randbytes
    for _ in range(5):
        written([entropy(16) for _ in range(2_000)])
    by_time = written([fresh_key(9, entropy) for _ in range(100)])
    by_chance = written([entropy(16) for _ in range(100)])
    assert 3 * by_time < by_chance


TO_BOB = More(to="bob")
KEPT = ("invite", "describe", "role", "remove", "ban", "mute", "unban")
ORDERS = [
    ("invite", "", TO_BOB),
    ("describe", "where it is", None),
    ("mute", "", TO_BOB),
    ("ban", "", TO_BOB),
    ("unban", "", TO_BOB),
    ("remove", "", TO_BOB),
    ("role", "none", TO_BOB),
    ("block", "", TO_BOB),
    ("unblock", "", TO_BOB),
    ("redact", "", More(ref=Ref(4, b"8 bytes."))),
]


def test_every_statement_finds_what_it_needs_by_index(disk: Any, now: Callable[[Any], Any]) -> None:
    """No statement scans a table that grows, and none sorts what it has read."""
    recorder = disk.files = Recorder()
    log = disk.open()
    recorder.statements.clear()
    bob = Draft("register", "bob", "bob", "sha256:2", b"b" * 16)
    join = Draft("join", "bob", "alice", "", b"j" * 16)
    leave = Draft("leave", "bob", "alice", "", b"l" * 16)
    secret = Draft("secret", "bob", "bob", "sha256:3", b"s" * 16)
    now(log.append([REGISTER, bob, join, post(1, "#x @bob"), leave, secret, join, bob]))
    orders = [
        Draft("create", "alice", "&ops", "joined", b"c" * 16),
        *(
            Draft(kind, "alice", "&ops" if kind in KEPT else "alice", text, bytes([number]) * 16, 0, more)
            for number, (kind, text, more) in enumerate(ORDERS)
        ),
        Draft("post", "alice", "alice=bob", "hi", b"t" * 16),
    ]
    taken = [outcome for outcome in now(log.append(orders)) if isinstance(outcome, int)]
    assert len(taken) > 8
    log.window.restart(log.log_id, Cursor(99, b"8 bytes."))
    for read in (
        log.read(CursorAt(5)),
        log.page(0, 5),
        log.read(AccountOf("bob")),
        log.read(SnapshotOf("bob", 0, 5)),
        log.read(Newest("bob", 5)),
        log.read(Feed("bob", 0, 5)),
        log.read(History("alice")),
        log.read(History("&ops", None, "alice", 99)),
        log.read(History("&ops", None, "alice", 99, True)),
        log.read(HistoryAfter("&ops", 0, "alice", 99, True)),
        log.read(Members("&ops", "alice", 99)),
        log.read(Talks("alice", 99)),
        log.read(Rooms("a", "")),
        log.read(AllUsers("z", "")),  # marks of those that are found are in another file
    ):
        now(read)
    tables = ("entry", "place", "membership", "account", "room")
    queries = [sql for sql in recorder.statements if any(table in sql for table in tables)]
    assert len(queries) > 15
    explaining = RealFiles().database(disk.path)
    explaining.create_scalar_function("chatnet_check", lambda *of: None, 3)
    for sql in queries:
        numbered = len(set(re.findall(r"\?\d", sql)))
        named = dict.fromkeys(re.findall(r":(\w+)", sql), 0)
        values: Any = named or (0,) * (numbered or sql.count("?"))
        plan = [row[3] for row in explaining.execute("EXPLAIN QUERY PLAN " + sql, values)]
        # The rooms of a code are a short list in its own row; what the log says of itself is one row.
        allowed = ("SCAN CONSTANT ROW", "SCAN its VIRTUAL TABLE INDEX 1:", "SCAN log")
        steps = [step for step in plan if step not in allowed]
        assert not [step for step in steps if step.startswith(("SCAN", "USE TEMP B-TREE"))], sql
    explaining.close()


def test_the_newest_cost_the_same_however_long_the_log(disk: Any, now: Callable[[Any], Any]) -> None:
    """Reading the newest 20 takes as many steps of SQLite's machine at 20,000 posts as at 200."""
    recorder = disk.files = Recorder()
    log = disk.open()
    bob = Draft("register", "bob", "bob", "sha256:2", b"b" * 16)
    now(log.append([REGISTER, bob, Draft("join", "bob", "alice", "", b"j" * 16)]))
    steps: list[int] = []
    for reader in recorder.connections[1:]:
        reader.set_progress_handler(lambda: bool(steps.append(1)), 10)  # type: ignore[func-returns-value]
    costs = []
    for length in (200, 20_000):
        now(log.append([post(number) for number in range(length)]))
        steps.clear()
        assert len(now(log.read(Newest("bob", log.window.head)))) == 20
        costs.append(len(steps))
    assert costs[0] > 10
    assert costs[1] <= 1.1 * costs[0]


def test_time_never_goes_back(disk: Any, now: Callable[[Any], Any]) -> None:
    """If the wall clock steps back, even across a restart, entries keep the time of those before them."""
    log = disk.open()
    disk.wall = lambda: 50.0
    now(log.append([REGISTER]))
    disk.wall = lambda: 20.0
    now(log.append([post(1)]))
    disk.close()
    log = disk.open()
    now(log.append([post(2)]))
    disk.wall = lambda: 50.001
    now(log.append([post(3)]))
    assert [entry.time for entry in log.window.after(0)] == [50_000, 50_000, 50_000, 50_001]


def test_the_window_is_extended_before_the_author_is_told(disk: Any) -> None:
    """Whoever is told that a draft is durable finds its entry in the window."""
    log = disk.open()
    heads: list[tuple[Any, int]] = []
    log.append([REGISTER]).addCallback(lambda outcomes: heads.append((outcomes, log.window.head)))
    assert heads == [([1], 1)]


def fill(disk: Any) -> apsw.Connection:
    """Make the disk full: the writer's database may not grow."""
    writer: apsw.Connection = disk.files.connections[0]
    writer.pragma("max_page_count", writer.pragma("page_count"))
    return writer


def test_on_a_full_disk_drafts_wait(disk: Any, now: Callable[[Any], Any]) -> None:
    """Nothing is refused or lost while the disk is full; the operator is told, and all goes on afterwards."""
    disk.files = Recorder()
    log = disk.open()
    now(log.append([REGISTER]))
    assert log.trouble == ""
    writer = fill(disk)
    large = [post(number, "x" * 2_000) for number in range(50)]
    first, second = results(log.append(large)), results(log.append([post(99)]))
    for _ in range(3):
        disk.reactor.advance(RETRY_SECONDS)
        assert (first, second, log.window.head) == ([], [], 1)
        assert "full" in log.trouble
        assert log.waiting_bytes > 100_000
    assert now(log.read(AccountOf("alice"))) is not None
    writer.pragma("max_page_count", 1_000_000)
    disk.reactor.advance(RETRY_SECONDS)
    assert (first, second) == ([list(range(2, 52))], [[52]])
    assert (log.trouble, log.waiting_bytes, log.window.head) == ("", 0, 52)
    assert disk.fatal == []
    entries = log.window.after(0)
    disk.close()
    assert disk.open().window.after(0) == entries


def test_closing_while_the_disk_is_full_leaves_nothing_behind(disk: Any, now: Callable[[Any], Any]) -> None:
    """A log that waits for room can be closed; what waited is not answered, and not in the log."""
    disk.files = Recorder()
    log = disk.open()
    now(log.append([REGISTER]))
    fill(disk)
    answered = results(log.append([post(number, "x" * 2_000) for number in range(50)]))
    disk.close()
    assert (disk.reactor.getDelayedCalls(), answered) == ([], [])
    assert disk.open().window.head == 1


def test_a_poison_draft_is_refused_and_its_neighbours_are_not(
    disk: Any, now: Callable[[Any], Any], logged_failures: Any
) -> None:
    """A draft on which our own code raises is refused, counted, and logged without its text; nothing else is
    affected."""
    log = disk.open()
    poison = Draft("post", "alice", "alice", "the key is none", b"short")
    talkative = Draft("join", "alice", "alice", "a join has no text", b"d" * 16)
    outcomes = now(log.append([REGISTER, post(1), poison, post(3), talkative, post(1), post(4)]))
    refused = Refused(Poison.code, Poison.sentence)
    assert outcomes == [1, 2, refused, 3, refused, 2, 4]
    assert (log.poisoned, log.window.head, disk.fatal) == (2, 4, [])
    assert f"post of alice, 15 characters, key {b'short'.hex()}" in logged_failures.text()
    assert "the key is none" not in logged_failures.text()
    assert len(logged_failures.flush(ValueError)) == 2
    assert now(log.append([post(5)])) == [5]
    entries = log.window.after(0)
    disk.close()
    assert disk.open().window.after(0) == entries


def test_a_lost_epoch_is_fatal_though_the_wal_was_cut(disk: Any, now: Callable[[Any], Any]) -> None:
    """The next primary cuts it, to erase what was taken back: that is no damage, and no reason to wait."""
    old = disk.open()
    now(old.append([REGISTER, *(post(number) for number in range(9))]))
    new = disk.open()
    assert now(new.append([post(20)])) == [11]
    disk.reactor.advance(1.5)
    answered = results(old.append([post(1)]))
    assert [failure.type for failure in disk.fatal] == [EpochLost]
    assert not answered


def test_a_poison_register_leaves_no_user(
    disk: Any, now: Callable[[Any], Any], logged_failures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a poison draft wrote before our code raised is undone, and so is what was remembered of it."""
    log = disk.open()

    def buggy(store: Writer, entry: Entry) -> None:
        follow(store, entry)
        if entry.kind == "register":
            raise ArithmeticError("a bug of ours")

    follow = Writer._follow
    monkeypatch.setattr(Writer, "_follow", buggy)
    poison = Draft("register", "zoe", "zoe", "sha256:1", b"z" * 16)
    posting = Draft("post", "zoe", "zoe", "hi", b"p" * 16)
    outcomes = now(log.append([poison, posting]))
    assert [outcome.code for outcome in outcomes] == [b"POISON", b"NO_SUCH_USER"]
    assert now(log.read(AccountOf("zoe"))) is None
    assert len(logged_failures.flush(ArithmeticError)) == 1


def test_a_lost_epoch_is_fatal(disk: Any, now: Callable[[Any], Any]) -> None:
    """After another process has taken the lease, nothing is committed or answered."""
    old = disk.open()
    now(old.append([REGISTER]))
    new = disk.open()
    answered = results(old.append([post(1)]))
    assert [failure.type for failure in disk.fatal] == [EpochLost]
    assert (answered, old.window.head) == ([], 1)
    assert now(new.append([post(2)])) == [2]


def test_a_broken_store_is_fatal(disk: Any, now: Callable[[Any], Any]) -> None:
    """Any other failure of a commit ends the process: its drafts are not answered, nor tried again."""
    disk.files = Recorder()
    log = disk.open()
    now(log.append([REGISTER]))
    disk.files.connections[0].execute("DROP TABLE place")
    answered = results(log.append([post(1)])), results(log.append([post(2)]))
    disk.reactor.advance(10)
    assert [failure.type for failure in disk.fatal] == [apsw.SQLError]
    assert (answered, log.window.head) == (([], []), 1)


def test_what_is_no_store_is_said_in_a_sentence(disk: Any) -> None:
    """A file that is no database, and a store of a newer version, are refused before anything is done; they
    are closed before the lease is released."""
    files = disk.files = Recorder()
    disk.path.write_bytes(b"this is not a database at all, but it is long enough" * 100)
    with pytest.raises(CannotStart, match=r"cannot be opened: .*not a database"):
        disk.open()
    with pytest.raises(apsw.ConnectionClosedError):
        files.connections[0].totalchanges()
    disk.path.unlink()
    disk.open()
    disk.close()
    connection = RealFiles().database(disk.path)
    connection.execute("UPDATE schema_version SET version = 99, works_from = 99")
    connection.close()
    with pytest.raises(CannotStart, match=r"newer chatnet \(schema 99"):
        disk.open()


def test_a_store_that_a_newer_program_has_only_added_to_can_be_used(
    disk: Any, now: Callable[[Any], Any]
) -> None:
    """New columns have a default and are ignored: old and new programs run together until all are new."""
    disk.open()
    disk.close()
    with closing(RealFiles().database(disk.path)) as connection:
        connection.execute("ALTER TABLE entry ADD COLUMN most BLOB")
        connection.execute("ALTER TABLE account ADD COLUMN more INTEGER NOT NULL DEFAULT 0")
        connection.execute(f"UPDATE schema_version SET version = 99, works_from = {len(STEPS)}")
    log = disk.open()
    assert now(log.append([REGISTER, post(1)])) == [1, 2]
    disk.close()
    log = disk.open()
    assert [entry.seq for entry in log.window.after(0)] == [1, 2]
    assert now(log.page(0, 2)) == log.window.after(0)
    assert now(log.read(Feed("alice", 0, 2))).posts == now(log.read(History("alice", None))) != []
    disk.close()
    with closing(RealFiles().database(disk.path)) as connection:
        assert list(connection.execute("SELECT * FROM schema_version")) == [(99, len(STEPS))]


@pytest.fixture
def real_threads() -> Iterator[list[ThreadPool]]:
    """Yield the thread pools of a test; stop all of them at its end."""
    pools: list[ThreadPool] = []
    yield pools
    for pool in pools:
        if pool.started:
            pool.stop()


@pytest_twisted.ensureDeferred
async def test_with_real_threads_readers_and_the_writer_go_together(
    tmp_path: Path, real_threads: list[ThreadPool]
) -> None:
    """While batches are committed, reads see complete moments of the log; all is committed, in order."""
    others = threading.enumerate()

    def pool(size: int, name: str) -> ThreadPool:
        real_threads.append(ThreadPool(0, size, name))
        return real_threads[-1]

    keys = iter(range(10**6))
    fatal: list[Any] = []
    log = await SqliteLog.open(
        tmp_path / "log.sqlite", RealFiles(), reactor, pool, time.time,
        lambda size: next(keys).to_bytes(size, "big"), fatal.append,
    )  # fmt: skip
    appending = [log.append([REGISTER])]
    appending += [log.append([post(20 * call + number) for number in range(20)]) for call in range(30)]
    reading = []
    for _ in range(20):
        for upto in (log.window.head, 300):
            reading.append(Deferred.fromCoroutine(log.read(Feed("alice", 0, upto))))
        await Deferred.fromCoroutine(log.read(AccountOf("alice")))
    outcomes = await gatherResults(appending)
    assert [seq for outcome in outcomes for seq in outcome] == list(range(1, 602))
    for feed in await gatherResults(reading):
        assert [entry.seq for entry in feed.posts] == list(range(2, 2 + len(feed.posts)))
    assert isinstance(log.window, Window)
    assert log.window.head == 601
    await log.close()
    assert fatal == []
    assert [pool.workers for pool in real_threads] == [0, 0, 0, 0]
    assert not [one for one in threading.enumerate() if one not in others and "log" in one.name]
