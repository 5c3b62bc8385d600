"""Connections on which a stranger asks one thing, and is answered: bounded, and then closed."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from chatnet.net.visitors import Visitors


class ShortVisits(Factory):
    """Makes such connections at a port with these ``visitors``; ``open`` is how many are connected."""

    noisy = False

    def __init__(self, visitors: Visitors, clock: IReactorTime) -> None:
        self.visitors = visitors
        self.clock = clock
        self.open = 0

    def visit(self) -> ShortVisit:
        """Return one more connection."""
        raise NotImplementedError

    def buildProtocol(self, addr: Any) -> ShortVisit:
        visit = self.visit()
        self.visitors.came(visit, getattr(addr, "host", ""))
        return visit


class ShortVisit(Protocol):
    """One connection; it is cut when it has been a stranger's for too long."""

    transport: Any
    is_idle = True
    """It may be closed to make room for others."""
    _deadline: IDelayedCall | None = None

    def __init__(self, visits: ShortVisits) -> None:
        self._visits = visits

    def connectionMade(self) -> None:
        visits = self._visits
        visits.open += 1
        self._deadline = visits.clock.callLater(visits.visitors.seconds_left(self), self.abort)

    def abort(self) -> None:
        """Close now."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._visits.open -= 1
        self._visits.visitors.known(self)
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
