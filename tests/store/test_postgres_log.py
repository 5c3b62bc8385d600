"""The log in PostgreSQL under faults, with real threads: nothing is lost, doubled or reordered."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from chatnet.entries import Draft
from chatnet.errors import TooSlow
from chatnet.kinds import own_level
from chatnet.limits import LIMITS, PATIENCE, Limits
from chatnet.log import Outcome, Refused
from chatnet.reads import AccountOf, Feed, History, Newest
from chatnet.store.postgres import follower
from chatnet.store.postgres.database import Database, Unavailable
from chatnet.store.postgres.log import PostgresLog
from chatnet.store.postgres.pool import Outage
from chatnet.store.postgres.real import PostgresDatabase, PostgresDatabases
from rigs.postgres import Server
from rigs.processes import NotInTime

REGISTER = Draft("register", "alice", "alice", "sha256:1", b"r" * 16)
DEADLINE = 30.0

Open = Callable[..., "Deferred[PostgresLog]"]


def post(number: int, text: str = "hello") -> Draft:
    return Draft("post", "alice", "alice", text, number.to_bytes(16, "big"))


async def until(what: str, true: Callable[[], Any]) -> None:
    """Let the reactor run until ``true``.

    :raises NotInTime: it was not true within thirty seconds.
    """
    end = time.monotonic() + DEADLINE
    while not true():
        if time.monotonic() > end:
            raise NotInTime(what)
        await deferLater(reactor, 0.01)


@implementer(ILogObserver)
class Said:
    """What was logged for the operator."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if event["log_namespace"].startswith("chatnet.store"):
            self.lines.append(event["log_format"].format(**event))


@pytest.fixture
def said() -> Any:
    said = Said()
    globalLogPublisher.addObserver(said)
    yield said.lines
    globalLogPublisher.removeObserver(said)


@pytest_twisted.async_yield_fixture
async def open_log() -> AsyncIterator[Open]:
    """Yield what opens logs with real threads; close them at the end."""
    logs: list[PostgresLog] = []

    async def open_one(url: str, databases: Any = None, limits: Limits = LIMITS) -> PostgresLog:
        log = await PostgresLog.open(
            url,
            databases or PostgresDatabases(limits=limits),
            reactor,
            lambda size, name: ThreadPool(0, size, name),
            time.time,
            random.Random(1),
            os.urandom,
            lambda common: pytest.fail("the log was put back"),
            pytest.fail,
            own_level(),
            limits,
        )
        logs.append(log)
        return log

    yield lambda *arguments: Deferred.fromCoroutine(open_one(*arguments))
    for log in logs:
        await log.close()


async def check_exactly_once(log: PostgresLog, drafts: list[Draft], outcomes: list[Outcome]) -> None:
    """Check that each draft was appended once, in order, and is in the followed window at its seq."""
    assert outcomes == list(range(2, len(drafts) + 2))
    await until("the window is at the head", lambda: log.window.head == len(drafts) + 1)
    assert [entry.key for entry in log.window.after(1)] == [draft.key for draft in drafts]


class AnswersLost(PostgresDatabases):
    """Databases that commit a batch and are cut off before they answer, ``losing`` times."""

    def __init__(self, losing: int) -> None:
        super().__init__()
        self.losing = losing

    def connect(self, url: str) -> PostgresDatabase:
        database = super().connect(url)
        append = database.append

        def lose(drafts: list[Draft], now: int, epoch: int = 0) -> Any:
            answer = append(drafts, now, epoch)
            if self.losing:
                self.losing -= 1
                database.close()
                raise Unavailable("the answer was lost")
            return answer

        database.append = lose  # type: ignore[method-assign]
        return database


def test_who_asks_no_more_does_not_say_that_the_database_is_back(said: list[str]) -> None:
    """A log that is closed while the database is away does not know whether it is back."""
    trouble = Outage()
    asker = object()
    trouble.away(asker, "away")
    trouble.left(asker)
    assert (trouble.sentence, said) == ("", ["away"])


@pytest_twisted.ensureDeferred
async def test_an_answer_that_is_lost_is_had_again(postgres: Server, open_log: Open, said: list[str]) -> None:
    """If the connection dies between commit and answer, the batch is sent again, and is stored once."""
    log = await open_log(postgres.fresh(), AnswersLost(3))
    drafts = [post(number) for number in range(300)]
    outcomes = await log.append([REGISTER, *drafts])
    await check_exactly_once(log, drafts, outcomes[1:])
    assert [line.split(" (")[0] for line in said] == [
        "The database cannot be reached",
        "The database is back; everything goes on",
    ]


@pytest_twisted.ensureDeferred
async def test_killed_connections_cost_nothing(postgres: Server, open_log: Open) -> None:
    """While all connections are killed repeatedly, each draft is appended once, and in order."""
    log = await open_log(postgres.fresh())
    await log.append([REGISTER])
    drafts = [post(number) for number in range(2_000)]
    appending = [log.append(drafts[start : start + 10]) for start in range(0, 1_000, 10)]
    for start in range(1_000, 2_000, 10):
        appending.append(log.append(drafts[start : start + 10]))
        postgres.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
        await deferLater(reactor, 0)
    outcomes = await gatherResults(appending)
    await check_exactly_once(log, drafts, [outcome for batch in outcomes for outcome in batch])


@pytest_twisted.ensureDeferred
async def test_a_crash_of_the_server_is_waited_for(postgres: Server, open_log: Open, said: list[str]) -> None:
    """Appends under way are answered when the server is back; reads wait as well."""
    log = await open_log(postgres.fresh())
    await log.append([REGISTER])
    # Else it has to go again through what all other tests wrote there, when it comes back.
    await deferToThread(postgres.ask, "CHECKPOINT")
    drafts = [post(number) for number in range(2_000)]
    appending = [log.append(drafts[start : start + 50]) for start in range(0, 1_500, 50)]
    await until("some are there", lambda: log.window.head > 1)
    await deferToThread(postgres.stop)
    try:
        appending += [log.append(drafts[start : start + 50]) for start in range(1_500, 2_000, 50)]
        reading = Deferred.fromCoroutine(log.read(Newest("alice", 20)))
        await until("trouble", lambda: log.trouble)
        assert "all waits until it can" in log.trouble
        assert log.waiting_bytes > 0
    finally:
        await deferToThread(postgres.start)
    outcomes = await gatherResults(appending)
    await check_exactly_once(log, drafts, [outcome for batch in outcomes for outcome in batch])
    assert len(await reading) == 19
    await until("no trouble", lambda: not log.trouble)
    assert log.waiting_bytes == 0
    assert len(said) == 2


@pytest_twisted.ensureDeferred
async def test_one_who_cannot_connect_yet_waits(postgres: Server, open_log: Open, said: list[str]) -> None:
    """Opening waits while there are too many connections, says so once, and continues when there are
    fewer."""
    url = postgres.fresh()
    postgres.ask("ALTER ROLE app CONNECTION LIMIT 0")
    try:
        opening = open_log(url)
        await until("it was said", lambda: said)
        assert "too many connections" in said[0]
        assert not opening.called
    finally:
        postgres.ask("ALTER ROLE app CONNECTION LIMIT -1")
    log = await opening
    assert await log.append([REGISTER]) == [1]
    assert len(said) == 2


@pytest_twisted.ensureDeferred
async def test_fewer_connections_than_wished_for_will_do(postgres: Server, open_log: Open) -> None:
    """With one connection for reads and one for writes everything is answered and, without a bell,
    followed."""
    url = postgres.fresh()
    log = await open_log(url)
    await log.append([REGISTER])
    await log.read(AccountOf("alice"))
    await until("is ready", lambda: log.is_ready)
    postgres.ask("ALTER ROLE app CONNECTION LIMIT 3")
    try:
        accounts = await gatherResults(
            [Deferred.fromCoroutine(log.read(AccountOf("alice"))) for _ in range(10)]
        )
        assert len(accounts) == 10
        assert await log.append([post(1)]) == [2]
        await until("it is followed", lambda: log.window.head == 2)
    finally:
        postgres.ask("ALTER ROLE app CONNECTION LIMIT -1")


@pytest_twisted.ensureDeferred
async def test_a_database_that_takes_no_writes_is_waited_for(
    postgres: Server, open_log: Open, said: list[str]
) -> None:
    """While it is read-only drafts wait, and nothing is refused; afterwards each is stored once."""
    log = await open_log(postgres.fresh())
    await log.append([REGISTER])
    for wished in ("on", "off"):
        postgres.ask(f"ALTER SYSTEM SET default_transaction_read_only = {wished}")
        postgres.ask("SELECT pg_reload_conf()")
        if wished == "on":
            # The setting reaches a session between two of its statements.
            numbers = iter(range(100_000))
            appending = [log.append([post(next(numbers))])]
            while not log.trouble:
                appending.append(log.append([post(next(numbers))]))
                await deferLater(reactor, 0.01)
            # It applies to the superuser's own session as well, unless that says otherwise.
            postgres.ask("SET default_transaction_read_only = off")
    postgres.ask("ALTER SYSTEM RESET default_transaction_read_only")
    postgres.ask("SELECT pg_reload_conf()")
    outcomes = await gatherResults(appending)
    drafts = [post(number) for number in range(len(appending))]
    await check_exactly_once(log, drafts, [outcome for batch in outcomes for outcome in batch])
    assert re.search("read-only", said[0])


class Deaf(PostgresDatabases):
    """Databases that ring no bell."""

    def connect(self, url: str) -> PostgresDatabase:
        database = super().connect(url)
        database.listen = lambda: None  # type: ignore[method-assign]
        return database


@pytest.mark.parametrize("databases", [PostgresDatabases, Deaf])
@pytest_twisted.ensureDeferred
async def test_all_follow_what_any_appends(postgres: Server, open_log: Open, databases: Any) -> None:
    """The other processes have it soon; within about a second even if no bell rings."""
    url = postgres.fresh()
    writing, reading = await open_log(url), await open_log(url, databases())
    assert writing.log_id == reading.log_id
    await until("is ready", lambda: reading.is_ready)
    await writing.append([REGISTER, *[post(number) for number in range(1_500)]])
    begun = time.monotonic()
    await until("it is followed", lambda: reading.window.head == 1_501)
    assert time.monotonic() - begun < follower.LOOK_SECONDS + 1.0
    await until("own commits are", lambda: writing.window.head == 1_501)
    assert reading.window.after(0) == writing.window.after(0)


@pytest_twisted.ensureDeferred
async def test_only_the_poison_is_refused(postgres: Server, open_log: Open, logged_failures: Any) -> None:
    """It is refused, counted, and logged without its text; other drafts are stored."""
    log = await open_log(postgres.fresh())
    outcomes = await log.append(
        [REGISTER, post(1), Draft("post", "alice", "alice", "private", b"short"), post(3)]
    )
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [1, 2, 3]
    assert isinstance(outcomes[2], Refused)
    assert log.poisoned == 1
    assert "post of alice, 7 characters" in logged_failures.text()
    assert "private" not in logged_failures.text()
    assert len(logged_failures.flush(Exception)) == 1


@pytest_twisted.ensureDeferred
async def test_a_database_that_hangs_is_given_up(postgres: Server, open_log: Open, said: list[str]) -> None:
    """A silent connection is cut off, and its question asked on another; it counts once."""
    log = await open_log(postgres.fresh(), None, Limits(database=PATIENCE._replace(answer=0.5)))
    await log.append([REGISTER])
    ((backend,),) = postgres.ask(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE '%%SELECT seqs, codes%%' AND usename = 'app'"
    )
    os.kill(backend, signal.SIGSTOP)
    try:
        assert await log.append([post(1), post(2)]) == [2, 3]
    finally:
        os.kill(backend, signal.SIGCONT)
    await until("no trouble", lambda: not log.trouble)
    await until(
        "the stopped one is done",
        lambda: not postgres.ask("SELECT 1 FROM pg_stat_activity WHERE pid = %s", backend),
    )
    assert await log.append([post(3)]) == [4]
    assert len(said) == 2


@pytest_twisted.ensureDeferred
async def test_closing_does_not_wait_for_a_database_that_hangs(postgres: Server, open_log: Open) -> None:
    """close() ends within seconds even if the server answers nothing."""
    log = await open_log(postgres.fresh())
    await log.append([REGISTER])
    backends = [pid for (pid,) in postgres.ask("SELECT pid FROM pg_stat_activity WHERE usename = 'app'")]
    for backend in backends:
        os.kill(backend, signal.SIGSTOP)
    try:
        answers: list[Any] = []
        log.append([post(1)]).addBoth(answers.append)
        Deferred.fromCoroutine(log.read(AccountOf("alice"))).addBoth(answers.append)
        begun = time.monotonic()
        await log.close()
        assert time.monotonic() - begun < 5.0
        assert answers == []
    finally:
        for backend in backends:
            os.kill(backend, signal.SIGCONT)


class DeadBell(PostgresDatabases):
    """Databases that hang when they are asked to listen."""

    listening = 0

    def connect(self, url: str) -> PostgresDatabase:
        database = super().connect(url)

        def hang() -> None:
            self.listening += 1
            with database._asking():
                database._connection.execute("SELECT pg_sleep(9)")

        database.listen = hang  # type: ignore[method-assign]
        return database


@pytest_twisted.ensureDeferred
async def test_closing_does_not_wait_for_a_bell_that_hangs(postgres: Server, open_log: Open) -> None:
    """close() ends within seconds even if the bell's connection does not answer."""
    databases = DeadBell()
    log = await open_log(postgres.fresh(), databases)
    await until("it is asked to listen", lambda: databases.listening)
    begun = time.monotonic()
    await log.close()
    assert time.monotonic() - begun < 5.0


def test_a_database_is_what_is_asked(postgres: Server) -> None:
    """PostgreSQL's connection has what the log asks of a database."""
    database: Database = PostgresDatabases().connect(postgres.fresh())
    database.close()


@pytest_twisted.ensureDeferred
async def test_a_read_that_is_too_slow_is_given_up(postgres: Server, open_log: Open, said: list[str]) -> None:
    """After some attempts it fails with a sentence: it would be no faster the next time, and would delay
    other reads. An append is tried until it is answered, since its drafts have keys."""
    url = postgres.fresh()
    log = await open_log(url, None, Limits(database=PATIENCE._replace(lock=0.1)))
    await log.append([REGISTER, post(1)])
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE place, entry IN ACCESS EXCLUSIVE MODE")
        posting = log.append([post(2)])
        for read in (log.read(History("alice")), log.read(Newest("alice", 2)), log.read(Feed("alice", 0, 2))):
            with pytest.raises(TooSlow, match="takes too long"):
                await Deferred.fromCoroutine(read).addTimeout(DEADLINE, reactor)
        assert not posting.called
    assert await posting == [3]
    assert [entry.seq for entry in await Deferred.fromCoroutine(log.read(History("alice")))] == [2, 3]
    assert any("A read is given up" in line for line in said)
