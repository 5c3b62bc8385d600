"""What a worker keeps after it has read the log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.task import Clock

from chatnet.auth import Token
from chatnet.cursor import Cursor
from chatnet.entries import Draft
from chatnet.limits import Limits
from chatnet.marks import UserMark
from chatnet.reads import Snapshot
from chatnet.stays import Interval
from chatnet.store.window import Window
from chatnet.telemetry import unheard
from chatnet.testing.memory_log import MemoryLog
from chatnet.worker.frontend import Frontend, Quotas
from chatnet.worker.session import Session
from chatnet.world import Clocks

NOBODY: Any = None


def made(log: MemoryLog, clock: Clock) -> Frontend:
    store: Any = SimpleNamespace(log=log, pass_on=None)
    token, entropy = Token(b"t" * 32), lambda size: b"e" * size
    clocks = Clocks(clock, clock.seconds, clock.seconds)
    return Frontend(store, NOBODY, token, Quotas(), clocks, entropy, unheard)


def test_what_was_marked_of_a_log_that_was_put_back_is_not_kept() -> None:
    """The log goes on with other entries under these seqs, which nobody has read, nor any device heard."""
    clock = Clock()
    frontend = made(MemoryLog(clock=clock.seconds), clock)
    marks = frontend.entrance.sessions.marks
    for room, seq in (("#x", 5), ("#y", 6)):
        marks.mark(UserMark("alice", room, seq), None)
    frontend.rewound(Cursor(5, b"8 bytes."))
    assert [marks.waiting("alice", room) for room in ("#x", "#y")] == [5, 0]


def test_no_more_is_kept_of_who_joins_and_leaves_than_the_window_holds() -> None:
    """A stay that ended before the window began is dropped, also while the session lasts."""
    clock = Clock()
    log = MemoryLog(clock=clock.seconds)
    log.window = Window(log.log_id, limits=Limits(window_bytes=10_000))
    frontend = made(log, clock)
    alice = frontend.entrance.sessions.router.arrive("alice", Snapshot(0, 0, 1, []), 0, [])
    key = 0

    def move(kind: Any) -> None:
        nonlocal key
        key += 1
        log.append([Draft(kind, "alice", "bob", "", b"%016d" % key)])

    log.append(
        [Draft("register", name, name, "sha256:", name.encode().zfill(16)) for name in ("alice", "bob")]
    )
    for _ in range(200):
        move("join")
        move("leave")
    kept = alice.memberships.intervals()
    assert 0 < len(kept) < 20
    assert all(stay.left is not None and stay.left >= log.window.start for stay in kept)
    move("join")
    assert alice.memberships.intervals()[-1] == Interval("bob", log.window.head, None)


def test_each_hour_it_is_marked_who_is_there() -> None:
    """A worker may be killed, and would then have marked nobody for as long as they were connected."""
    clock, token = Clock(), Token(b"t" * 32)
    store: Any = SimpleNamespace(log=MemoryLog(clock=clock.seconds), pass_on=None)
    clocks = Clocks(clock, clock.seconds, clock.seconds)
    frontend = Frontend(store, NOBODY, token, Quotas(), clocks, lambda size: b"e" * size, unheard)
    marked: list[float] = []

    class Open:
        marks = SimpleNamespace(used=lambda: marked.append(clock.seconds()))

    frontend.entrance.sessions.open[cast(Session, Open())] = None
    clock.pump([600] * 13)
    assert marked == [3_600, 7_200]
    frontend.stop()
    clock.pump([600] * 13)
    assert len(marked) == 2
    assert not clock.getDelayedCalls()
