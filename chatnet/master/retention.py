"""Takes back what is older than the policies let it be: one entry a day for each room that has one.

An entry says up to which seq: so everybody who follows the log agrees on what is gone, and nothing depends on
anybody's clock but the primary's. That one is not trusted right after it was set: a wrong year would take
everything back.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from chatnet.entries import Draft, More
from chatnet.kinds import CLUSTER
from chatnet.master.store import Log
from chatnet.net.timer import Timer
from chatnet.world import Clocks

LOOK_SECONDS = 60.0
"""Seconds between two looks at the clock, and at what is too old."""
JUMP_SECONDS = 60.0
"""By how many seconds the wall clock may be set without being mistrusted."""
MISTRUST_SECONDS = 86_400.0
"""For how many seconds nothing is taken back after it was set by more."""
FIRST_SECONDS = 3_600.0
"""For how many seconds a new primary takes nothing back: the clock may have been set before it began."""


class Retention:
    """Works on ``log`` from :meth:`start` until :meth:`stop`; ``fresh_key`` makes keys of what it appends."""

    _logger = Logger()

    def __init__(self, log: Log, fresh_key: Callable[[], bytes], clocks: Clocks) -> None:
        self._log, self._fresh_key, self._clocks = log, fresh_key, clocks
        self._looking = Timer(clocks.reactor, LOOK_SECONDS, self._look, "Cannot look for what is too old")
        self._ahead = self._trusted_at = 0.0

    def start(self) -> None:
        """Begin to look at the clock."""
        self._ahead = self._difference()
        self._trusted_at = self._clocks.monotonic() + FIRST_SECONDS
        self._looking.start()

    def stop(self) -> None:
        """Append nothing more."""
        self._looking.stop()

    def _difference(self) -> float:
        return self._clocks.wall() - self._clocks.monotonic()

    async def _look(self) -> None:
        before, self._ahead = self._ahead, self._difference()
        now = self._clocks.monotonic()
        if abs(self._ahead - before) > JUMP_SECONDS:
            self._trusted_at = max(self._trusted_at, now + MISTRUST_SECONDS)
            self._logger.warn(
                "The clock was set by {by:.0f} s: nothing is taken back for its age for a day",
                by=self._ahead - before,
            )
        if now < self._trusted_at:
            return
        for room, ref in await self._log.overdue(int(self._clocks.wall() * 1000)):
            await self._log.append([Draft("expire", CLUSTER, room, "", self._fresh_key(), 0, More(ref=ref))])
