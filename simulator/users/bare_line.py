"""A line of a simple client, whatever is said on it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred


class BareLine:
    """What a connection of such a client does with its transport: all of :class:`~chatnet.net.pulse.Watched`
    but the sign of life, and closing, pausing and telling that it is lost."""

    transport: Any

    def __init__(self) -> None:
        self.silent = 0.0
        self.is_paused = False
        self._when_lost: list[Deferred[None]] = []

    def when_lost(self) -> Deferred[None]:
        """Return a Deferred that fires when the connection is gone."""
        lost: Deferred[None] = Deferred()
        self._when_lost.append(lost)
        return lost

    def _tell_lost(self) -> None:
        lost, self._when_lost = self._when_lost, []
        for one in lost:
            one.callback(None)

    def fell_silent(self) -> None:
        """Close now: the other end gives no signs of life."""
        self.abort()

    def hang_up(self) -> None:
        """Close."""
        if self.transport is not None:
            self.transport.loseConnection()

    def abort(self) -> None:
        """Close now."""
        if self.transport is not None:
            self.transport.abortConnection()

    def pause(self, is_paused: bool) -> None:
        """Stop reading, or read again."""
        if self.transport is not None and is_paused != self.is_paused:
            self.is_paused = is_paused
            (self.transport.pauseProducing if is_paused else self.transport.resumeProducing)()

    @property
    def address(self) -> str:
        """The worker's address, HOST:PORT."""
        peer = self.transport.getPeer()
        return f"{peer.host}:{peer.port}"
