"""Following a log in PostgreSQL: the bell, the look each second, and a log that was put back.

Only the test moves the clock, and reads the bell's socket.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from zope.interface import provider

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry
from chatnet.reads import CursorAt, Feed, Newest
from chatnet.store.postgres.connection import connect
from chatnet.store.postgres.follower import LOOK_SECONDS
from chatnet.store.postgres.log import PostgresLog
from chatnet.store.postgres.real import PostgresDatabase, PostgresDatabases
from chatnet.telemetry import LogRewound
from rigs.postgres import Server

REGISTER = Draft("register", "alice", "alice", "sha256:1", b"r" * 16)


def posts(first: int, last: int, text: str = "hello") -> list[Draft]:
    return [
        Draft("post", "alice", "alice", text, f"{text}{seq}".encode().ljust(16))
        for seq in range(first, last + 1)
    ]


class Elsewhere:
    """Another process on the same database, and what happens to the server."""

    def __init__(self, server: Server, url: str) -> None:
        self.server, self.url = server, url
        self.database: PostgresDatabase = PostgresDatabases().connect(url)
        self.database.open("id")
        self.database.append([REGISTER], 1)

    def append(self, drafts: list[Draft]) -> None:
        self.database.append(drafts, 1)

    def fail_over(self, head: int) -> None:
        """Lose all connections and everything after ``head``."""
        self.do(
            f"DELETE FROM entry WHERE seq > {head}",
            f"DELETE FROM place WHERE seq > {head}",
            f"UPDATE log SET head = {head}",
        )

    def do(self, *statements: str) -> None:
        self.database.close()
        with connect(self.url) as connection:
            for sql in statements:
                connection.execute(sql)
        self.server.ask("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'")
        self.database = PostgresDatabases().connect(self.url)


@pytest.fixture
def elsewhere(postgres: Server) -> Iterator[Elsewhere]:
    elsewhere = Elsewhere(postgres, postgres.fresh())
    yield elsewhere
    elsewhere.database.close()


@pytest.fixture
def loud() -> Iterator[list[str]]:
    """Yield what was logged at the level critical."""
    said: list[str] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event["log_level"] is LogLevel.critical:
            said.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    yield said
    globalLogPublisher.removeObserver(observe)


def hear(disk: Any) -> None:
    """Let the reactor read the bell's socket, as soon as there is something in it."""
    (bell,) = disk.reactor.readers
    assert select.select([bell.fileno()], [], [], 10)[0], "the bell was not rung"
    while bell in disk.reactor.readers and select.select([bell.fileno()], [], [], 0)[0]:
        bell.doRead()


def pass_time(disk: Any, seconds: float = 4 * LOOK_SECONDS) -> None:
    for _ in range(int(seconds / 0.25)):
        disk.reactor.advance(0.25)


def texts(log: PostgresLog) -> list[str]:
    return [entry.text for entry in log.window.after(log.window.start - 1)][1:]


def test_the_bell_is_heard_at_once(disk: Any, elsewhere: Elsewhere) -> None:
    """What another process appends is in the window before any time passes."""
    log = disk.open_postgres(elsewhere.url)
    assert (log.is_ready, log.window.head, log.log_id) == (True, 1, "id")
    elsewhere.append(posts(2, 1_300))
    hear(disk)
    assert log.window.head == 1_300


def test_what_was_not_rung_for_is_seen_within_a_second(disk: Any, elsewhere: Elsewhere) -> None:
    """A bell that is lost or never rung delays it by a second at most."""
    log = disk.open_postgres(elsewhere.url)
    elsewhere.append(posts(2, 3))
    pass_time(disk, LOOK_SECONDS)
    assert log.window.head == 3


def test_a_bell_that_is_lost_is_hung_again(disk: Any, elsewhere: Elsewhere, loud: list[str]) -> None:
    """After all connections were lost the log is followed as before, and the bell rings again."""
    log = disk.open_postgres(elsewhere.url)
    elsewhere.append(posts(2, 3))
    elsewhere.do()
    hear(disk)
    assert not disk.reactor.readers
    pass_time(disk)
    assert log.window.head == 3
    elsewhere.append(posts(4, 5))
    hear(disk)
    assert log.window.head == 5
    assert disk.rewound == []
    assert len(loud) == 1
    assert not log.trouble


def test_closing_takes_the_bell_down(disk: Any, elsewhere: Elsewhere, now: Callable[[Any], Any]) -> None:
    """A closed log leaves nothing in the reactor."""
    log = disk.open_postgres(elsewhere.url)
    now(log.close())
    assert disk.reactor.readers == []
    assert disk.reactor.getDelayedCalls() == []


def test_a_log_that_went_back_is_noticed(disk: Any, elsewhere: Elsewhere, loud: list[str]) -> None:
    """If the newest entries are gone, that is logged as critical, and the window starts where both agree."""
    log = disk.open_postgres(elsewhere.url)
    elsewhere.append(posts(2, 40))
    hear(disk)
    told: list[list[Entry]] = []
    log.window.watch(told.append)
    elsewhere.fail_over(17)
    hear(disk)
    pass_time(disk)
    assert [cursor.seq for cursor in disk.rewound] == [17]
    assert log.window.head == 17
    assert "was read up to 40" in loud[-1]
    assert "same only up to 17" in loud[-1]
    elsewhere.append(posts(18, 20, "other"))
    pass_time(disk)
    assert [entry.text for batch in told for entry in batch] == ["other"] * 3
    assert [cursor.seq for cursor in disk.rewound] == [17]


def test_reused_seqs_are_noticed(disk: Any, elsewhere: Elsewhere) -> None:
    """If others have appended since, so that the head is past our cursor, it is noticed all the same."""
    log = disk.open_postgres(elsewhere.url)
    elsewhere.append(posts(2, 40))
    hear(disk)
    elsewhere.fail_over(17)
    elsewhere.append(posts(18, 60, "other"))
    hear(disk)
    pass_time(disk)
    assert [cursor.seq for cursor in disk.rewound] == [17]
    assert log.window.head == 60
    assert texts(log)[-1] == "other"
    elsewhere.do()
    pass_time(disk)
    assert [cursor.seq for cursor in disk.rewound] == [17]


def test_nothing_is_read_of_a_log_that_went_back_before_that_is_noticed(
    disk: Any, elsewhere: Elsewhere
) -> None:
    """A page of what others have said instead would reach readers of the lost entries and leave them a good
    cursor: they would never miss what lies between."""
    log = disk.open_postgres(elsewhere.url)
    elsewhere.append(posts(2, 40))
    hear(disk)
    elsewhere.fail_over(17)
    elsewhere.append(posts(18, 60, "other"))
    pages: list[Any] = []
    for read in (log.read(Feed("alice", 20, 40)), log.read(CursorAt(40)), log.read(Newest("alice", 40))):
        Deferred.fromCoroutine(read).addCallback(lambda page: pages.append((page, disk.rewound)))
    for _ in range(40):
        disk.reactor.advance(0.05)
        assert not pages or disk.rewound
    pass_time(disk)
    assert disk.rewound
    assert len(pages) == 3


def test_another_log_is_noticed(disk: Any, elsewhere: Elsewhere, loud: list[str]) -> None:
    """A database that was made anew is another log: nothing is common, and the log's id is the new one."""
    log = disk.open_postgres(elsewhere.url)
    elsewhere.append(posts(2, 40))
    hear(disk)
    elsewhere.do("UPDATE log SET id = 'another'")
    pass_time(disk)
    assert disk.rewound == [Cursor.beginning("another")]
    assert [event for event in disk.told if isinstance(event, LogRewound)] == [LogRewound(40, 0)]
    assert (log.log_id, log.window.head) == ("another", 40)
    assert "log another" in loud[-1]


def test_a_hole_is_loud_and_never_skipped(disk: Any, elsewhere: Elsewhere, loud: list[str]) -> None:
    """If an entry is missing, nothing after it is shown, and the operator is told once."""
    log = disk.open_postgres(elsewhere.url)
    elsewhere.append(posts(2, 5))
    with connect(elsewhere.url) as connection:
        connection.execute("DELETE FROM entry WHERE seq = 3")
    hear(disk)
    pass_time(disk)
    assert log.window.head == 1
    assert len(loud) == 1
    assert "continues at 3, but 4 came" in log.trouble
    assert disk.rewound == []
