"""A master that stands by, alone: what it says of the primary to those who ask it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.auth import Role, Token
from chatnet.gate import Gate
from chatnet.link import Link, Locator
from chatnet.master.replica import LONGEST_DELAY, Replica
from chatnet.outbox import Outboxes
from chatnet.pulse import Pulse
from chatnet.store.lease import Holder
from chatnet.testing.loopback import Loopback
from chatnet.wire.replica import Attach, MasterIdentity

TOKEN = Token(b"t" * 32)
ME = MasterIdentity("here", 42, 7, False, "here:64480")
ALPHA = Holder(11, "alpha:64480", 1, 4, "alpha")


class Primary(Locator):
    """The primary's end of one link."""

    @Attach.responder
    def attach(self, master: MasterIdentity, seen: int) -> dict[str, Any]:
        return {"epoch": 5}


class SharedStore:
    """A database that others use, too. ``names`` is the lease's holder; None while it cannot be asked."""

    is_shared = True

    def __init__(self, names: Holder | None) -> None:
        self.names = names

    async def take(self, me: Holder) -> bool:
        return False

    async def holder(self) -> Holder | None:
        return self.names

    def watch(self, free: Callable[[], None]) -> None:
        """Nobody lets it go."""


class Stage:
    """A replica that was started, and the connections that it makes."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()  # type: ignore[no-untyped-call]
        self.store = SharedStore(ALPHA)
        self.outboxes = Outboxes(self.reactor)
        self.replica = Replica(
            me=lambda: ME,
            store=self.store,  # type: ignore[arg-type]  what a replica asks of one
            claim=lambda: Holder(ME.pid, ME.address, ME.started, 0, ME.host),
            token=TOKEN,
            usual=lambda state: Address("127.0.0.1", 64480),
            outboxes=self.outboxes,
            pulse=Pulse(self.reactor, self.reactor.seconds, 0.25, 1.0, 3.0),
            processes=None,  # type: ignore[arg-type]  nobody is fenced
            reactor=self.reactor,
            monotonic=self.reactor.seconds,
            chance=random.Random(1),
            entropy=lambda size: b"e" * size,
            won=lambda inheritance: pytest.fail("it has taken the lease"),
            stop_process=lambda: pytest.fail("it was told to stop"),
            abandoned=lambda: pytest.fail("it gave up"),
        )
        self.replica.start()

    def asked(self) -> str:
        """Where it looks for the primary; waits until it does."""
        for _ in range(round(LONGEST_DELAY * 100)):
            if self.reactor.tcpClients:
                break
            self.reactor.advance(0.01)
        host, port, *_ = self.reactor.tcpClients[-1]
        return f"{host}:{port}"

    def answer(self, admitted: Locator | str) -> Loopback:
        """Who is asked is the primary, or a replica that says where that is."""
        factory = self.reactor.tcpClients.pop()[2]

        def admit(role: Role) -> Locator | str:
            assert role == "replica"
            return admitted

        server = Link(Gate(TOKEN, admit, lambda size: b"n" * size, self.reactor), self.outboxes)
        wire = Loopback(factory.buildProtocol(None), server)
        self.reactor.advance(0)
        while wire.pump():
            self.reactor.advance(0)
        if wire.client_transport.lost is not None:
            self.lose(wire)
        return wire

    def lose(self, wire: Loopback) -> None:
        """The connection is lost; the factory hears of it, too, as from a real connector."""
        wire.cut()
        self.replica.clientConnectionLost(None, Failure(ConnectionDone()))


@pytest.fixture
def sent_on() -> Stage:
    """The store is away, and another replica has sent this one to beta, which it asks now."""
    stage = Stage()
    stage.store.names = None
    stage.answer("beta:64480")
    assert stage.asked() == "beta:64480"
    return stage


def test_it_says_who_holds_the_lease() -> None:
    """Before it stands by as well as then."""
    stage = Stage()
    assert stage.asked() == stage.replica.primary == "alpha:64480"
    stage.answer(Primary())
    assert stage.replica.primary == "alpha:64480"


def test_one_that_was_sent_on_while_the_store_was_away_says_where_it_stands_by(sent_on: Stage) -> None:
    """Or whoever knows no other master, as workers that were started on this host, would look for ever."""
    assert sent_on.replica.primary == ""
    sent_on.answer(Primary())
    assert sent_on.replica.primary == "beta:64480"


def test_when_that_is_lost_it_does_not_say_so_any_more(sent_on: Stage) -> None:
    """Who asks then is not sent to the dead."""
    sent_on.lose(sent_on.answer(Primary()))
    assert sent_on.replica.primary == ""
