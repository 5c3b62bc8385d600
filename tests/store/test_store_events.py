"""What a store tells of itself, for metrics and the operator: once for a batch, never for each draft."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from store.conftest import Disk

from chatnet.entries import Draft
from chatnet.limits import Limits
from chatnet.store.sqlite.log import LOOK_SECONDS, RETRY_SECONDS
from chatnet.telemetry import (
    BatchCommitted,
    DraftPoisoned,
    Event,
    LogOpened,
    StoreAway,
    StoreBack,
    WalWrittenBack,
)
from chatnet.world.real import RealFiles

REGISTER = Draft("register", "alice", "alice", "sha256:1", b"r" * 16)
Now = Callable[[Any], Any]


def post(number: int, text: str = "hello") -> Draft:
    return Draft("post", "alice", "alice", text, number.to_bytes(16, "big"))


def opened_sqlite(disk: Disk) -> Any:
    return disk.open()


def opened_postgres(disk: Disk) -> Any:
    return disk.open_postgres(disk.url)


BOTH = pytest.mark.parametrize("opened", [opened_sqlite, opened_postgres])


def told(disk: Disk, *kinds: type[Event]) -> list[Event]:
    """Return the events of these kinds that were told since the last call."""
    found = [event for event in disk.told if isinstance(event, kinds)]
    disk.told.clear()
    return found


@BOTH
def test_each_opening_is_told(disk: Disk, now: Now, opened: Callable[[Disk], Any]) -> None:
    """The event says how far the log had come, and how long opening took."""
    log = opened(disk)
    assert disk.told == [LogOpened(log.log_id, 0, 0.0, log.warning)]
    now(log.append([REGISTER, post(1)]))
    disk.close()
    disk.told.clear()
    assert disk.told == []
    log = opened(disk)
    assert disk.told == [LogOpened(log.log_id, 2, 0.0, log.warning)]


@BOTH
def test_a_batch_is_told_once(disk: Disk, now: Now, opened: Callable[[Disk], Any]) -> None:
    """It is told once however many drafts it has, including those that are not new, or refused."""
    log = opened(disk)
    told(disk, LogOpened)
    refused = Draft("post", "noname", "noname", "hi", b"n" * 16)
    now(log.append([REGISTER, *(post(number) for number in range(1, 100)), refused, post(1)]))
    assert disk.told == [BatchCommitted(102, 0.0)]


@BOTH
def test_poison_is_told(disk: Disk, now: Now, opened: Callable[[Disk], Any], logged_failures: Any) -> None:
    """The event says which draft it was, without its text; the batch was committed without it."""
    log = opened(disk)
    poison = Draft("post", "alice", "alice", "private", b"short")
    assert now(log.append([REGISTER, poison, post(2)]))[::2] == [1, 2]
    assert told(disk, BatchCommitted) == [BatchCommitted(3, 0.0)]
    now(log.append([poison]))
    [event] = told(disk, DraftPoisoned)
    assert isinstance(event, DraftPoisoned)
    assert event.what == poison.described()
    assert event.why == "ValueError"
    assert "private" not in repr(event)
    assert len(logged_failures.flush(Exception)) == 2


class Recorder(RealFiles):
    """Files that know the databases that they opened."""

    def __init__(self) -> None:
        self.opened: list[apsw.Connection] = []

    def database(self, path: Path) -> apsw.Connection:
        self.opened.append(super().database(path))
        return self.opened[-1]


def test_a_full_disk_is_told(disk: Disk, now: Now) -> None:
    """It is told when it begins, and when there is room again; the batch took all that time."""
    disk.files = files = Recorder()
    log = disk.open()
    now(log.append([REGISTER]))
    told(disk, LogOpened)
    writer = files.opened[0]
    writer.pragma("max_page_count", writer.pragma("page_count"))
    log.append([post(number, "x" * 2_000) for number in range(50)])
    disk.reactor.pump([RETRY_SECONDS] * 2)
    assert disk.told == [StoreAway("The disk of the log is full: posts wait until there is room.")]
    writer.pragma("max_page_count", 1_000_000)
    disk.reactor.advance(RETRY_SECONDS)
    assert disk.told[1:] == [
        StoreBack("There is room on the disk again; posts are stored as usual", 3 * RETRY_SECONDS),
        BatchCommitted(50, 3 * RETRY_SECONDS),
    ]


def test_files_that_are_gone_are_told(disk: Disk, now: Now) -> None:
    """It is told even if nobody posts; and so is their return."""
    log = disk.open()
    now(log.append([REGISTER]))
    disk.told.clear()
    disk.path.rename(disk.path.with_name("away"))
    disk.reactor.pump([LOOK_SECONDS] * 3)
    disk.path.with_name("away").rename(disk.path)
    disk.reactor.pump([LOOK_SECONDS] * 3)
    away, back = disk.told
    assert isinstance(away, StoreAway)
    assert away.why.endswith("was removed, or moved away: nothing is acknowledged until it is back.")
    assert back == StoreBack(
        "The store's files are where they were; posts are stored as usual", 3 * LOOK_SECONDS
    )


def test_each_checkpoint_is_told(disk: Disk, now: Now) -> None:
    """The event says how many pages the WAL had; none is left when nobody reads."""
    log = disk.open(limits=Limits(checkpoint_pages=10))
    now(log.append([REGISTER]))
    for number in range(100):
        now(log.append([post(number, "x" * 500)]))
    checkpoints = told(disk, WalWrittenBack)
    assert 5 < len(checkpoints) < 100
    for event in checkpoints:
        assert isinstance(event, WalWrittenBack)
        assert event.pages == event.written >= 10
