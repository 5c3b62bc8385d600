"""``chatnet status --watch`` shows one screen for as long as somebody looks."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, Deferred

from chatnet.addresses import Address
from chatnet.auth import Role, Token
from chatnet.errors import CannotStart
from chatnet.limits import Limits
from chatnet.master.conversations import FromOperator
from chatnet.master.orders import Orders
from chatnet.master.port import Links
from chatnet.net.gate import Gate
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.operator.primary_link import operators_approach
from chatnet.operator.watch import redrawn, watch
from chatnet.testing.memory_log import MemoryLog
from chatnet.wire.operate import ClusterStatus, MasterStatus
from chatnet.world import World
from chatnet.world.real import real_world

TOKEN = Token(b"t" * 32)


class Screen:
    """What is shown. ``shows`` waits until that contains ``what``."""

    def __init__(self, height: int | None, reactor: Any) -> None:
        self._height = height
        self._reactor = reactor
        self._awaited: tuple[str, Deferred[None]] | None = None
        self.said: list[str] = []
        self.is_broken = False

    def height(self) -> int | None:
        return self._height

    def say(self, text: str) -> None:
        if self.is_broken:
            raise BrokenPipeError
        self.said.append(text)
        if self._awaited is not None and self._awaited[0] in text:
            shown, self._awaited = self._awaited[1], None
            self._reactor.callLater(0, shown.callback, None)  # after the watch's own turn

    def shows(self, what: str) -> Deferred[None]:
        shown: Deferred[None] = Deferred()
        self._awaited = (what, shown)
        return shown


class Primary:
    """A primary that says its pid and epoch, at ``port``, until it dies."""

    def __init__(self, world: World, pid: int, epoch: int, port: int = 0) -> None:
        self._pid, self._epoch = pid, epoch
        self._links = Links(Outboxes(world.reactor), world.reactor)
        self._links.open(lambda: Gate(TOKEN, self._admit, world.entropy, world.reactor))
        self._listening: Any = world.reactor.listenTCP(port, self._links, interface="127.0.0.1")
        self.port: int = self._listening.getHost().port

    def _admit(self, role: Role) -> Locator:
        return FromOperator(
            self._status,
            lambda: None,
            lambda away: None,
            lambda host: (0, 0),
            self._level_up,
            Orders(cast(Any, MemoryLog()), bytes),
        )

    async def _level_up(self) -> int:
        raise NotImplementedError

    def _status(self, reached: str) -> ClusterStatus:
        masters = [MasterStatus("primary", "vm", self._pid, f"{reached}:{self.port}")]
        return ClusterStatus(
            log="l", epoch=self._epoch, head=1, trouble="", masters=masters, workers=[], events=[]
        )

    async def die(self) -> None:
        await self._listening.stopListening()
        await self._links.close()


class Looking:
    """A person who looks at the primary's status on a screen."""

    def __init__(self, height: int | None) -> None:
        real = real_world()
        stdio: Any = Screen(height, real.reactor)
        self.screen: Screen = stdio
        self.world = dataclasses.replace(
            real, stdio=stdio, wall=lambda: 1_700_000_000.0, limits=Limits(look_seconds=0.02)
        )
        self.primary = Primary(self.world, 111, 1)

    def begin(self) -> Deferred[None]:
        where = [Address("127.0.0.1", self.primary.port)]
        approach = operators_approach(TOKEN, True, self.world)
        return Deferred.fromCoroutine(watch(where, approach, self.world))

    async def end(self, watching: Deferred[None]) -> None:
        watching.addErrback(lambda why: why.trap(CancelledError))
        watching.cancel()
        await watching
        await self.primary.die()


@pytest.mark.parametrize("height", [None, 24])
@pytest_twisted.ensureDeferred
async def test_a_takeover_is_said_and_looked_beyond(height: int | None) -> None:
    """It says that the primary is gone, and then which is primary now, above its table. The watch goes on."""
    looking = Looking(height)
    watching = looking.begin()
    await looking.screen.shows("111")
    gone = looking.screen.shows("the primary is gone; looking for who takes over")
    await looking.primary.die()
    await gone
    taken = looking.screen.shows("another master took over: pid 222 on vm is primary now")
    looking.primary = Primary(looking.world, 222, 2, looking.primary.port)
    await taken
    await looking.screen.shows("Epoch 2")
    await looking.end(watching)


@pytest_twisted.ensureDeferred
async def test_a_cluster_that_never_answered_is_an_error() -> None:
    """As without ``--watch``: a wrong address must not be waited for."""
    looking = Looking(None)
    await looking.primary.die()
    with pytest.raises(CannotStart, match="No chatnet master answers"):
        await looking.begin()


@pytest_twisted.ensureDeferred
async def test_a_reader_that_is_gone_ends_it() -> None:
    """``chatnet status --watch | head`` ends when ``head`` does."""
    looking = Looking(None)
    watching = looking.begin()
    await looking.screen.shows("111")
    looking.screen.is_broken = True
    with pytest.raises(BrokenPipeError):
        await watching
    await looking.primary.die()


@pytest_twisted.ensureDeferred
async def test_what_is_no_terminal_gets_no_control_codes() -> None:
    """A file of tables is read by people: they are plain, and separated by a line."""
    looking = Looking(None)
    watching = looking.begin()
    await looking.screen.shows("111")
    await looking.screen.shows("111")
    await looking.end(watching)
    assert not any("\x1b" in text for text in looking.screen.said)
    assert all(text.endswith("\n") for text in looking.screen.said)


def test_a_screen_that_is_too_low_is_not_scrolled() -> None:
    """Lines that do not fit are cut, with room for the cursor: else the screen could not be redrawn."""
    for height in (5, 10, 24):
        drawn = redrawn([f"line {number}" for number in range(20)], height)
        assert drawn.count("\n") == min(20, height - 2)
    assert redrawn(["one"], 1).count("\n") == 1


def test_what_was_there_is_drawn_over() -> None:
    """A longer old line, and old lines that are gone, leave nothing on the screen."""
    assert redrawn(["a", "b"], 24) == "\x1b[H\x1b[?7la\x1b[K\nb\x1b[K\n\x1b[J\x1b[?7h"
