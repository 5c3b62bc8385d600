"""Logs without threads: what a thread would do is done at once, so that tests see each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from chatnet.store.sqlite import SqliteLog
from chatnet.world import RealFiles


class HandReactor(Clock):
    """A clock moved by hand, whose threads are the caller's own."""

    def callFromThread(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)


class AtOnce(ThreadPool):
    """Threads that have always just finished."""

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


class Disk:
    """A disk with one store on it, opened as often as wished. ``fatal`` is what the logs died of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reactor = HandReactor()
        self.reactor.advance(1_000_000)
        self.wall: Callable[[], float] = self.reactor.seconds
        self.files = RealFiles()
        self.fatal: list[Failure] = []
        self._keys = 0
        self._opened: list[SqliteLog] = []

    def entropy(self, size: int) -> bytes:
        """Never twice the same."""
        self._keys += 1
        return self._keys.to_bytes(size, "big")

    def open(self) -> SqliteLog:
        """Open the log, in its next epoch."""
        log: SqliteLog = now(
            SqliteLog.open(
                self.path,
                self.files,
                self.reactor,
                AtOnce,
                lambda: self.wall(),
                self.entropy,
                self.fatal.append,
            )
        )
        self._opened.append(log)
        return log

    def close(self) -> None:
        """Close what is open."""
        for log in self._opened:
            now(log.close())
        self._opened.clear()


def now(answer: Any) -> Any:
    """The result of what has one already."""
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


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "log.sqlite")
    yield disk
    disk.close()


@pytest.fixture(scope="module")
def new_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Disk]]:
    """For tests by hypothesis, whose examples need a disk each."""
    disks: list[Disk] = []

    def make() -> Disk:
        while disks:
            disks.pop().close()
        disks.append(Disk(tmp_path_factory.mktemp("disk") / "log.sqlite"))
        return disks[0]

    yield make
    for disk in disks:
        disk.close()
