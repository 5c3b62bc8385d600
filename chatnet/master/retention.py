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
from chatnet.limits import Aging
from chatnet.master.store import Log
from chatnet.net.timer import Timer
from chatnet.world import Clocks


class Retention:
    """Works on ``log`` from :meth:`start` until :meth:`stop`; ``fresh_key`` makes keys of what it appends,
    and ``aging`` says how posts grow too old."""

    _logger = Logger()

    def __init__(self, log: Log, fresh_key: Callable[[], bytes], clocks: Clocks, aging: Aging) -> None:
        self._log, self._fresh_key, self._clocks, self._aging = log, fresh_key, clocks, aging
        self._looking = Timer(clocks.reactor, aging.looks, self._look, "Cannot look for what is too old")
        self._ahead = self._trusted_at = 0.0

    def start(self) -> None:
        """Begin to look at the clock."""
        self._ahead = self._difference()
        self._trusted_at = self._clocks.monotonic() + self._aging.first
        self._looking.start()

    def stop(self) -> None:
        """Append nothing more."""
        self._looking.stop()

    def _difference(self) -> float:
        return self._clocks.wall() - self._clocks.monotonic()

    async def _look(self) -> None:
        before, self._ahead = self._ahead, self._difference()
        now = self._clocks.monotonic()
        if abs(self._ahead - before) > self._aging.jump:
            self._trusted_at = max(self._trusted_at, now + self._aging.mistrust)
            self._logger.warn(
                "The clock was set by {by:.0f} s: nothing is taken back for its age for a day",
                by=self._ahead - before,
            )
        if now < self._trusted_at:
            return
        day = int(self._aging.day * 1000)
        for room, ref in await self._log.overdue(int(self._clocks.wall() * 1000), day):
            await self._log.append([Draft("expire", CLUSTER, room, "", self._fresh_key(), 0, More(ref=ref))])
