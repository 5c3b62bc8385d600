"""Why attempts to connect fail, and what the user is told until the first has succeeded."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from chatnet.client.race import NotReady
from chatnet.errors import TryLater

FIRST_SECONDS = 10.0
"""Seconds that the first connect may take before the user is told that nobody is there."""


class Attempts:
    """The attempts of one client. ``trouble`` is why the last one failed, without a full stop.

    ``tell`` tells the user something; ``nobody`` is called with the trouble when the first connect has taken
    too long and nobody is there.
    """

    _logger = Logger()

    def __init__(
        self, clock: IReactorTime, tell: Callable[[str], None], nobody: Callable[[str], None]
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._nobody = nobody
        self.trouble = "no answer in time"
        self._is_there = False
        self._said_not_ready = False
        self._deadline: IDelayedCall

    def begin(self) -> None:
        """Start the :data:`FIRST_SECONDS` of the first connect."""
        self._deadline = self._clock.callLater(FIRST_SECONDS, self._too_late)

    def end(self) -> bool:
        """Remove the time limit; return False if there was none any longer."""
        if not self._deadline.active():
            return False
        self._deadline.cancel()
        return True

    def failed(self, error: Exception) -> None:
        """Record a failed attempt; another follows."""
        before, self.trouble = self.trouble, str(error) or "the connection was closed"
        self._is_there = isinstance(error, NotReady)
        if self.trouble != before:
            self._logger.info("Not connected ({why}); trying again", why=self.trouble)
        if isinstance(error, TryLater) and self.end():
            self._tell(str(error))

    def _too_late(self) -> None:
        if not self._is_there:
            self._nobody(self.trouble)
            return
        self.begin()
        if not self._said_not_ready:
            self._said_not_ready = True
            self._tell(f"The cluster is not ready yet ({self.trouble}); waiting for it.")
