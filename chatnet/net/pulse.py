"""Pings links, and notices those that fall silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from chatnet.addresses import Address
from chatnet.limits import Rhythm
from chatnet.net.timer import LATE, Timer
from chatnet.telemetry import FellSilent, Tell, unheard


class Watched(Protocol):
    """A watched connection, whatever protocol it speaks; a link is one.

    It sets ``silent``, in seconds, to 0 when something arrives. While ``is_paused`` we do not read it, so
    its silence means nothing. Its ``transport`` is None once it is lost.
    """

    silent: float
    transport: Any

    @property
    def is_paused(self) -> bool:
        """Whether its silence means nothing."""

    def ping(self) -> None:
        """Send a sign of life."""

    def fell_silent(self) -> None:
        """Give the connection up: nothing came for too long."""

    def hang_up(self) -> None:
        """Close after sending what was put."""

    def when_lost(self) -> Deferred[None]:
        """Return a Deferred that fires once the connection is gone."""


CLUSTER_PULSE = Rhythm(tick=0.25, every=1.0, patience=3.0)
"""The rhythm between the processes of the cluster."""
FRONT_PATIENCE = 10.0
"""Seconds of silence after which an IRC front hangs: longer than of others, since its clients cannot be
moved, and to kill it ends their connections."""


class Pulse:
    """Pings a group of links, and notices those that fell silent.

    ``tick``, ``every`` and ``patience`` are those of :class:`Rhythm`. Silence is counted in ticks of the
    monotonic clock, and pings go by its time. If this process itself was stopped (its own tick came a second
    late), the count starts again: what the others sent meanwhile is still unread in our sockets.
    """

    LATE = LATE

    def __init__(
        self,
        clock: IReactorTime,
        monotonic: Callable[[], float],
        tick: float,
        every: float,
        patience: float,
        tell: Tell = unheard,
    ) -> None:
        self._monotonic = monotonic
        self._tick, self._every, self._patience = tick, every, patience
        self._tell = tell
        self._links: dict[Watched, float] = {}
        self._since_ping = 0.0
        self._last = 0.0
        self._loop = Timer(clock, self._tick, self._beat, "Cannot look who is silent")

    def start(self) -> None:
        """Start the beat."""
        self._last = self._monotonic()
        self._loop.start()

    def stop(self) -> None:
        """Stop beating."""
        self._loop.stop()

    def add(self, link: Watched, patience: float | None = None) -> None:
        """Watch ``link`` from now on, with ``patience`` of its own if it is given."""
        link.silent = 0.0
        self._links[link] = self._patience if patience is None else patience

    def discard(self, link: Watched) -> None:
        """Stop watching ``link``."""
        self._links.pop(link, None)

    def __len__(self) -> int:
        """Return how many links are watched."""
        return len(self._links)

    def links(self) -> list[Watched]:
        """Return the watched links."""
        return list(self._links)

    def _beat(self) -> None:
        now = self._monotonic()
        elapsed, self._last = now - self._last, now
        self._ping(elapsed)
        slept = elapsed > self._tick + self.LATE
        for link, patience in list(self._links.items()):
            if slept or link.is_paused:
                link.silent = 0.0
            elif link.silent < patience:
                link.silent += self._tick
            else:
                self._tell_of(link, patience)
                link.fell_silent()

    def _ping(self, elapsed: float) -> None:
        # Pings go by the time that has passed: if ticks were counted, a process that is only busy would be
        # heard the less the longer its turns are.
        self._since_ping += elapsed
        if self._since_ping > self._every - self._tick / 2:
            self._since_ping = 0.0
            for link in list(self._links):
                link.ping()

    def _tell_of(self, link: Watched, patience: float) -> None:
        if link.transport is not None:
            here, peer = (
                Address(getattr(end, "host", str(end)), getattr(end, "port", 0))
                for end in (link.transport.getHost(), link.transport.getPeer())
            )
            self._tell(FellSilent(here, peer, Rhythm(self._tick, self._every, patience)))
