"""One connection of the web: HTTP from its first byte, until a request makes something else of it."""

from __future__ import annotations

from typing import Protocol

from chatnet.worker.fronts.connection import Connection, Speech


class Waiting(Protocol):
    """Who waits on a connection for the answer to a request."""

    def lost(self) -> None:
        """The connection is gone."""


class WebConnection(Connection):
    """A connection on which requests, a WebSocket or a stream are spoken."""

    # Few connections ever change these: only those that do pay memory for them.
    arriving: Waiting | None = None
    """Whoever is logging in on it, or waits on it to hear something."""
    by_shared_port = True
    """Whether it came by a port that the workers of the host share; else, a master sent its client here."""

    def _is_lost(self, why: str) -> None:
        if self.arriving is not None:
            self.arriving.lost()
        super()._is_lost(why)

    def become(self, speech: Speech, rest: bytes = b"") -> None:
        """Speak ``speech`` from now on; ``rest`` is what came behind the request that asked for it."""
        self._waiting = 0
        self._speak(speech)
        if rest:
            self.dataReceived(rest)
