"""How a master's connections end."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatnet.master.port import CLOSE_SECONDS, Links
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.testing.loopback import Loopback
from chatnet.wire.common import Ping


class Hears(Locator):
    """Counts the pings that arrive."""

    pings = 0

    @Ping.responder
    def pinged(self, seq: int | None, check: bytes | None) -> dict[str, Any]:
        self.pings += 1
        return {}


class Office:
    """Links of a master, and callers."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.outboxes = Outboxes(self.clock)
        self.links = Links(self.outboxes, self.clock)

    def call(self) -> tuple[Loopback, Hears, Link]:
        hears = Hears()
        server = self.links.buildProtocol(None)
        assert server is not None
        return Loopback(Link(hears, self.outboxes), server), hears, server

    def close(self) -> list[Any]:
        done: list[Any] = []
        Deferred.fromCoroutine(self.links.close()).addBoth(done.append)
        return done


def test_before_it_is_opened_nobody_is_let_in() -> None:
    """There is nobody to talk to yet: a caller is closed, and tries again."""
    assert Office().links.buildProtocol(None) is None


def test_hanging_up_sends_what_was_put() -> None:
    """Then the connection is closed; the hang-up ends when all are gone, without further waiting."""
    office = Office()
    office.links.open(Locator)
    wire, hears, server = office.call()
    server.ping()
    done = office.close()
    assert not done
    while wire.pump():
        pass
    assert hears.pings == 1
    assert server.transport is None
    assert done == [None]
    assert not [call for call in office.clock.getDelayedCalls() if call.getTime() > 0]


def test_who_does_not_let_go_is_cut_off() -> None:
    """It is cut off after a second, whatever still waited for it."""
    office = Office()
    office.links.open(Locator)
    wire, hears, server = office.call()
    wire.client_transport.pauseProducing()
    server.ping()
    done = office.close()
    office.clock.advance(CLOSE_SECONDS)
    assert done == [None]
    while wire.pump():
        pass
    assert server.transport is None
    assert hears.pings == 0


def test_lost_links_are_not_waited_for() -> None:
    """A link is forgotten when it is lost."""
    office = Office()
    office.links.open(Locator)
    wire, _, _ = office.call()
    wire.cut()
    assert office.close() == [None]
