"""Logs without threads: a thread's work is done at once, so that tests see each step."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from chatnet.cursor import Cursor
from chatnet.kinds import own_level
from chatnet.limits import LIMITS, Limits
from chatnet.store.postgres.log import PostgresLog
from chatnet.store.postgres.real import PostgresDatabases
from chatnet.store.sqlite.log import SqliteLog
from chatnet.store.sqlite.opening import Known
from chatnet.telemetry import Event
from chatnet.world import World
from chatnet.world.real import RealFiles
from rigs.postgres import Server, running
from simulator.database_server import Postgres
from simulator.toys import Toys


class HandReactor(Clock):
    """A clock moved by hand; work for its threads is done by the caller."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def callFromThread(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)


class AtOnce(ThreadPool):
    """A pool whose threads have always just finished."""

    def __init__(self, size: int, name: str) -> None:
        super().__init__(0, size, name)

    def start(self) -> None:
        self.started = True

    def stop(self) -> None:
        self.started = False

    def callInThreadWithCallback(
        self, onResult: Any, func: Callable[..., object], *args: Any, **kw: Any
    ) -> None:
        assert self.started
        try:
            result = func(*args, **kw)
        except Exception:
            onResult(False, Failure())
        else:
            onResult(True, result)


class Slow(AtOnce):
    """A pool like that, which tells what page readers have read when a test calls what it adds to
    ``done``."""

    done: list[Callable[[], object]] = []

    def __init__(self, size: int, name: str) -> None:
        super().__init__(size, name)
        self._is_slow = name == "page reader"

    def callInThreadWithCallback(
        self, onResult: Any, func: Callable[..., object], *args: Any, **kw: Any
    ) -> None:
        def later(ok: bool, result: object) -> None:
            self.done.append(lambda: onResult(ok, result))

        super().callInThreadWithCallback(later if self._is_slow else onResult, func, *args, **kw)


class Disk:
    """A disk with a store on it, which can be opened repeatedly: by programs of ``level``, if one is given.

    ``fatal`` has the errors that ended logs, ``outgrown`` what they said when a level was too new, and
    ``told`` the events that they told.
    """

    def __init__(self, path: Path, new_url: Callable[[], str] | None = None) -> None:
        self.path = path
        self._new_url = new_url
        self.rewound: list[Cursor] = []
        self.outgrown: list[str] = []
        self.told: list[Event] = []
        self.level: int | None = None
        self.threads: type[AtOnce] = AtOnce
        self.url = ""
        self.simulated: Postgres | None = None
        self.reactor = HandReactor()
        self.reactor.advance(1_000_000)
        self.wall: Callable[[], float] = self.reactor.seconds
        self.files = RealFiles()
        self.fatal: list[Failure] = []
        self._keys = 0
        self._opened: list[SqliteLog | PostgresLog] = []
        self._simulation = ExitStack()

    def entropy(self, size: int) -> bytes:
        """Return bytes that are never the same twice."""
        self._keys += 1
        return self._keys.to_bytes(size, "big")

    def open(self, known: Known | None = None, limits: Limits = LIMITS) -> SqliteLog:
        """Open the log in its next epoch; it must hold what is ``known``."""
        log: SqliteLog = now(
            SqliteLog.open(
                self.path,
                self.files,
                self.reactor,
                self.threads,
                lambda: self.wall(),
                self.entropy,
                self.fatal.append,
                known,
                limits,
                self.level,
                self.told.append,
            )
        )
        self._opened.append(log)
        return log

    def open_postgres(self, url: str = "", limits: Limits = LIMITS) -> PostgresLog:
        """Open the log in a database of its own, or at ``url``."""
        assert self._new_url is not None
        self.url = url or self._new_url()
        log: PostgresLog = now(
            PostgresLog.open(
                self.url,
                PostgresDatabases(self.level, limits),
                self.reactor,
                self.threads,
                lambda: self.wall(),
                random.Random(1),
                self.entropy,
                self.rewound.append,
                self.outgrown.append,
                self.level or own_level(),
                limits,
                self.told.append,
            )
        )
        self._opened.append(log)
        return log

    def open_simulated(self) -> tuple[PostgresLog, Callable[[], None]]:
        """Open the log in the simulator's database; also return how to let time pass until all has
        settled."""
        simulation = self._simulation.enter_context(Toys(1))
        postgres = self.simulated = Postgres(simulation)
        postgres.start()
        opened: list[PostgresLog] = []

        def start(world: World) -> None:
            log = PostgresLog.open(
                postgres.url,
                world.databases,
                world.reactor,
                world.threads,
                world.wall,
                world.chance,
                world.entropy,
                self.rewound.append,
                self.outgrown.append,
                world.level,
            )
            Deferred.fromCoroutine(log).addCallback(opened.append)

        simulation.start(start)
        simulation.run_while(lambda: not opened)
        return opened[0], lambda: simulation.run(1.5)

    def close(self) -> None:
        """Close what is open."""
        for log in self._opened:
            now(log.close())
        self._opened.clear()
        self._simulation.close()


def now(answer: Any) -> Any:
    """Return the result of a Deferred that has one already."""
    results: list[Any] = []
    deferred = answer if isinstance(answer, Deferred) else Deferred.fromCoroutine(answer)
    deferred.addBoth(results.append)
    assert results, "there is no result yet"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


@pytest.fixture(name="now")
def now_fixture() -> Callable[[Any], Any]:
    return now


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Yield the PostgreSQL server of this run; each test uses a fresh database on it.

    The tests make some ten thousand files there. A checkpoint would go through all of them, and hold up who
    makes more; and no test has the machine crash.
    """
    with running("-c", "checkpoint_timeout=1d") as server:
        server.ask("ALTER SYSTEM SET fsync = off")
        server.ask("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    disk = Disk(tmp_path / "log.sqlite", lambda: request.getfixturevalue("postgres").fresh())
    yield disk
    disk.close()


@pytest.fixture(scope="module")
def new_disk(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Callable[[], Disk]]:
    """Yield what makes disks, for tests by hypothesis, whose examples need one each."""
    disks: list[Disk] = []

    def make() -> Disk:
        while disks:
            disks.pop().close()
        disks.append(Disk(tmp_path_factory.mktemp("disk") / "log.sqlite", postgres.fresh))
        return disks[0]

    yield make
    for disk in disks:
        disk.close()
