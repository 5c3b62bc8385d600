"""Reads of the embedded log that fail, or whose askers have gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.python.threadpool import ThreadPool

from chatnet.entries import Draft
from chatnet.errors import Unreadable
from chatnet.reads import AccountOf, History, SnapshotOf, UnreadOf
from chatnet.store.sqlite.log import RETRY_SECONDS, SqliteLog
from chatnet.store.sqlite.marks import MARKS
from chatnet.store.sqlite.readers import SAY_SECONDS
from chatnet.world.real import RealFiles

REGISTER = Draft("register", "alice", "alice", "sha256:1", b"r" * 16)


def post(number: int, text: str = "hello") -> Draft:
    return Draft("post", "alice", "alice", text, number.to_bytes(16, "big"))


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Yield what reads wait for; it is set at the end, whatever the test does."""
    event = threading.Event()
    watchdog = threading.Timer(10, event.set)
    watchdog.start()
    yield event
    event.set()
    watchdog.cancel()


@pytest_twisted.ensureDeferred
async def test_closing_does_not_keep_the_reactor(tmp_path: Path, released: threading.Event) -> None:
    """However many reads are queued: the one under way is waited for, the queued ones are dropped."""
    keys = iter(range(100))
    log = await SqliteLog.open(
        tmp_path / "log.sqlite", RealFiles(), reactor, lambda size, name: ThreadPool(0, size, name),
        time.time, lambda size: next(keys).to_bytes(size, "big"), lambda failure: None,
    )  # fmt: skip
    begun: list[int] = []
    ended: list[Any] = []

    def slow(connection: apsw.Connection) -> None:
        begun.append(threading.get_ident())
        released.wait()

    for _ in range(50):
        reading: Deferred[Any] = log._readers.read(log._pools["pages"], slow)
        reading.addBoth(ended.append)
    closing = Deferred.fromCoroutine(log.close())
    assert not closing.called
    assert not released.is_set(), "the reactor was kept until the watchdog"
    released.set()
    await closing
    assert len(begun) < 10
    assert ended == []


@pytest_twisted.ensureDeferred
async def test_a_read_that_takes_long_is_broken_off(tmp_path: Path) -> None:
    """A statement of SQLite that would run for minutes is interrupted."""
    keys = iter(range(100))
    log = await SqliteLog.open(
        tmp_path / "log.sqlite", RealFiles(), reactor, lambda size, name: ThreadPool(0, size, name),
        time.time, lambda size: next(keys).to_bytes(size, "big"), lambda failure: None,
    )  # fmt: skip
    begun: Deferred[None] = Deferred()
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"

    def read(connection: apsw.Connection) -> Any:
        reactor.callFromThread(begun.callback, None)  # type: ignore[attr-defined]
        return connection.execute(endless).get

    log._readers.read(log._pools["pages"], read)
    await begun
    await log.close()


def spoilt(disk: Any) -> SqliteLog:
    """Return a log of many pages whose oldest parts cannot be read; its newest entries can."""
    log = disk.open()
    for batch in range(20):
        log.append([REGISTER, *(post(1000 * batch + number, "x" * 300 + " #tea") for number in range(1000))])
    disk.close()
    connection = apsw.Connection(str(disk.path))
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'place'").get
    connection.close()
    with disk.path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    opened: SqliteLog = disk.open()
    return opened


def test_what_can_be_read_is_served(disk: Any, now: Callable[[Any], Any]) -> None:
    """The rest is refused by a sentence; the operator is told by status, and by the log once a minute."""
    log = spoilt(disk)
    with capturedLogs() as said:
        for _ in range(3):
            with pytest.raises(Unreadable, match="cannot be read"):
                now(log.read(History("#tea")))
            assert now(log.read(AccountOf("alice"))) is not None
            assert len(now(log.page(100, 600))) > 100
        assert "The store is damaged" in log.warning
        assert "chatnet check" in log.warning
        assert len(said) == 1
        disk.reactor.advance(SAY_SECONDS)
        with pytest.raises(Unreadable):
            now(log.read(History("#tea")))
        assert len(said) == 2
    assert disk.fatal == []


def test_a_read_that_failed_keeps_nobody_at_its_moment(disk: Any, now: Callable[[Any], Any]) -> None:
    """It may have had a statement that was not read to its end, and somebody may have its error for long:
    what is read later through its connection is of later."""
    log = disk.open()
    join = Draft("join", "alice", "#tea", "", b"j" * 16)
    assert now(log.append([REGISTER, post(1, "#tea"), join])) == [1, 2, 3]

    def fails(connection: apsw.Connection) -> None:
        rows = connection.execute("SELECT seq FROM entry ORDER BY seq")
        assert next(rows) == (1,)
        raise Unreadable(Unreadable.sentence)

    pool = log._pools["pages"]
    with pytest.raises(Unreadable) as kept:
        now(log._readers.read(pool, fails))
    assert now(log.append([Draft("register", "bob", "bob", "sha256:2", b"b" * 16)])) == [4]
    assert now(log.read(AccountOf("bob"))) is not None
    assert str(kept.value) == Unreadable.sentence


def test_marks_that_cannot_be_read_keep_nobody_out(disk: Any, now: Callable[[Any], Any]) -> None:
    """When a session was last used is not known then, which is held against nobody: see chatnet.aging."""
    log = disk.open()
    now(log.append([REGISTER, post(1, "#tea")]))
    disk.path.with_name(MARKS).mkdir()
    snapshot = now(log.read(SnapshotOf("alice", 0, 2, None, 1)))
    assert snapshot.session is not None
    assert snapshot.last_use.since == 0
    with pytest.raises(Unreadable):
        now(log.read(UnreadOf("alice", 2, "")))


def test_what_cannot_be_written_waits(disk: Any, now: Callable[[Any], Any]) -> None:
    """Any other process that took over would find the same and end too, until no master is left."""
    log = spoilt(disk)
    head = log.window.head
    answered: list[Any] = []
    log.append([post(99_999, "#tea")]).addBoth(answered.append)
    disk.reactor.advance(RETRY_SECONDS)
    assert (answered, disk.fatal, log.window.head) == ([], [], head)
    assert log.trouble.startswith("The store is damaged: posts wait until it is mended")
