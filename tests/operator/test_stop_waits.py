"""``chatnet stop`` ends when no master is left, and not when its own link is lost."""

from __future__ import annotations

from typing import Any, cast

import pytest_twisted
from twisted.internet.defer import Deferred

from chatnet.addresses import Address
from chatnet.master.conversations import FromOperator
from chatnet.master.orders import Orders
from chatnet.master.port import Links
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.operator.primary_link import connect
from chatnet.operator.stop import stop
from chatnet.testing.memory_log import MemoryLog
from chatnet.wire.operate import ClusterStatus
from chatnet.world import World
from chatnet.world.real import real_world


class Port:
    """A port where every caller is an operator. ``fourth`` fires when a fourth one calls."""

    def __init__(self, world: World) -> None:
        self.links = Links(Outboxes(world.reactor), world.reactor)
        self.links.open(self._let_in)
        self.listening: Any = world.reactor.listenTCP(0, self.links, interface="127.0.0.1")
        self.address = Address("127.0.0.1", self.listening.getHost().port)
        self.callers = self.stops = 0
        self.fourth: Deferred[None] = Deferred()

    def _let_in(self) -> Locator:
        self.callers += 1
        if self.callers == 4:
            self.fourth.callback(None)
        return FromOperator(
            self._status,
            self._stop,
            lambda away: self._stop(),
            lambda host: (0, 0),
            self._level_up,
            Orders(cast(Any, MemoryLog()), bytes),
        )

    async def _level_up(self) -> int:
        raise NotImplementedError

    def _status(self, reached: str) -> ClusterStatus:
        raise NotImplementedError

    def _stop(self) -> None:
        self.stops += 1


@pytest_twisted.ensureDeferred
async def test_a_port_that_still_answers_is_waited_for() -> None:
    """The link is lost at once, and the port is asked again and again, until it refuses."""
    world = real_world()
    port = Port(world)
    stopped = Deferred.fromCoroutine(stop(port.address, await connect(port.address, world), world))
    while not port.stops:
        await _turn(world)
    await port.links.close()
    await port.fourth
    assert not stopped.called
    await port.listening.stopListening()
    await stopped
    assert port.stops == 1
    await port.links.close()


def _turn(world: World) -> Deferred[None]:
    turn: Deferred[None] = Deferred()
    world.reactor.callLater(0, turn.callback, None)
    return turn
