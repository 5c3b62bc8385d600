"""The epoch of a primary, and the check when a peer says that it is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.logger import Logger

from chatnet.errors import StaleEpoch


class Epoch:
    """The epoch in which this primary commands, ``number``.

    ``newest()`` asks the store for the latest epoch; ``over(newest)`` ends this process.
    """

    _logger = Logger()

    def __init__(
        self, number: int, newest: Callable[[], Awaitable[int]], over: Callable[[int], None]
    ) -> None:
        self.number = number
        self._newest = newest
        self._over = over

    async def hold(self, seen: int, who: str) -> None:
        """Check the epoch ``seen``, which ``who`` says it has obeyed.

        No primary exits because of a number from a peer: an epoch unknown to the store never existed, or
        belonged to a copy that was replaced by an older one. Then ``who`` is served nevertheless.

        :raises StaleEpoch: the store says that our epoch is over; this process ends.
        """
        if seen <= self.number:
            return
        newest = await self._newest()
        if newest > self.number:
            self._over(newest)
            raise StaleEpoch.of(theirs=self.number, ours=newest)
        self._logger.warn(
            "{who} has obeyed epoch {seen}, of which the store knows nothing: it is told that this is {ours}",
            who=who,
            seen=seen,
            ours=self.number,
        )
