"""All connections to a master, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory

from chatnet.net.link import Link, Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.visitors import A_MASTERS_TURN, ENOUGH, Room, Visitors

CLOSE_SECONDS = 1.0
"""How long the other ends may take to let go, when the master hangs up."""


class Links(Factory):
    """All connections to this master. Until it is opened there is nobody to talk to: they are closed."""

    noisy = False

    def __init__(self, outboxes: Outboxes, clock: IReactorTime, room: Room = ENOUGH) -> None:
        self._outboxes = outboxes
        self._clock = clock
        self._visitors = Visitors(clock, room, A_MASTERS_TURN)
        self._door: Callable[[], Locator] | None = None
        self._links: dict[Link, None] = {}

    def open(self, door: Callable[[], Locator]) -> None:
        """From now on, ``door()`` is who speaks to a new connection."""
        self._door = door

    def buildProtocol(self, addr: Any) -> Link | None:
        if self._door is None:
            return None
        link = Link(self._door(), self._outboxes, visitors=self._visitors)
        self._visitors.came(link, getattr(addr, "host", ""))
        self._links[link] = None
        link.when_lost().addCallback(lambda _: self._links.pop(link))
        return link

    async def close(self) -> None:
        """Hang up on everybody, and cut off those who do not let go."""
        links = list(self._links)
        for link in links:
            link.hang_up()
        if not await all_gone(links, CLOSE_SECONDS, self._clock):
            for link in links:
                link.abort()


async def all_gone(links: Iterable[Link], seconds: float, clock: IReactorTime) -> bool:
    """Wait until all ``links`` are lost; False if they were not after ``seconds``."""
    gone = DeferredList([link.when_lost() for link in links], consumeErrors=True)
    return all(lost for lost, _ in await gone.addTimeout(seconds, clock))
