"""What is too old is taken back: once a day, and not while the clock may be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from store.conftest import Disk, now
from twisted.internet.task import Clock

from chatnet.entries import Draft
from chatnet.kinds import CLUSTER
from chatnet.limits import AGING
from chatnet.master.retention import Retention
from chatnet.reads import History
from chatnet.world import Clocks
from rigs.postgres import running

DAY = AGING.day


class Wall:
    """A wall clock that can be set."""

    def __init__(self, reactor: Clock) -> None:
        self._reactor = reactor
        self.ahead = 0.0

    def __call__(self) -> float:
        return self._reactor.seconds() + self.ahead


@pytest.fixture(params=["open", "open_postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Yield a log, its clock and its wall clock; in it are posts of three days, and a policy of two."""
    if request.param == "open_postgres":
        server = request.getfixturevalue("server")
    disk = Disk(tmp_path / "log.sqlite", lambda: server.fresh())
    wall = Wall(disk.reactor)
    disk.wall = wall
    log = getattr(disk, request.param)()
    drafts = [
        Draft("register", "alice", "alice", "sha256:1", b"1" * 16),
        Draft("join", "alice", "#tea", "", b"2" * 16),
        Draft("policy", CLUSTER, "#tea", "keep 2d", b"3" * 16),
    ]
    assert now(log.append(drafts)) == [1, 2, 3]
    for day in range(3):
        said = [
            Draft("post", "alice", room, f"{room} {day}", bytes([day, n]) * 8) for n, room in enumerate(ROOMS)
        ]
        assert all(isinstance(seq, int) for seq in now(log.append(said)))
        disk.reactor.advance(DAY)
    yield log, disk.reactor, wall
    disk.close()


@pytest.fixture(scope="module")
def server() -> Any:
    with running() as server:
        yield server


ROOMS = ("#tea", "alice")


def begun(log: Any, reactor: Clock, wall: Callable[[], float]) -> Retention:
    keys = iter(range(1_000, 9_000))
    retention = Retention(
        log,
        lambda: next(keys).to_bytes(16, "big"),
        Clocks(cast(Any, reactor), wall=wall, monotonic=reactor.seconds),
        AGING,
    )
    retention.start()
    return retention


def passes(reactor: Clock, seconds: float) -> None:
    reactor.pump([AGING.looks] * int(seconds / AGING.looks))


def texts(log: Any, room: str) -> list[str]:
    posts = now(log.read(History(room, None, "alice", log.window.head)))
    return [entry.text for entry in posts]


def test_what_is_too_old_is_taken_back_once_a_day(opened: Any) -> None:
    """In the room that has the policy, and nowhere else; nothing is appended where nothing is too old."""
    log, reactor, wall = opened
    retention = begun(log, reactor, wall)
    head = log.window.head
    passes(reactor, AGING.first - AGING.looks)
    assert log.window.head == head
    passes(reactor, 3 * AGING.looks)
    assert texts(log, "#tea") == ["", "", "#tea 2"]
    assert texts(log, "alice") == ["alice 0", "alice 1", "alice 2"]
    assert log.window.head == head + 1
    passes(reactor, DAY)
    assert texts(log, "#tea") == ["", "", ""]
    passes(reactor, 2 * DAY)
    assert log.window.head == head + 2
    retention.stop()


@pytest.mark.parametrize("by", [400 * DAY, -400 * DAY, 61.0])
def test_a_clock_that_was_set_takes_nothing_back_for_a_day(opened: Any, by: float) -> None:
    """A wrong year would take everything back; somebody has a day to notice."""
    log, reactor, wall = opened
    retention = begun(log, reactor, wall)
    passes(reactor, AGING.first - 3 * AGING.looks)
    head = log.window.head
    wall.ahead = by
    passes(reactor, AGING.mistrust - AGING.looks)
    assert log.window.head == head
    wall.ahead = 0.0
    passes(reactor, AGING.mistrust - AGING.looks)
    assert log.window.head == head
    passes(reactor, 3 * AGING.looks)
    assert log.window.head == head + 1
    retention.stop()
