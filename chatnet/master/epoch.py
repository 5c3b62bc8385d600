"""The epoch of a primary, and whether a peer that says that it is over is right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.logger import Logger

from chatnet.errors import StaleEpoch


class Epoch:
    """The epoch in which this primary commands, ``number``.

    ``newest()`` is the latest that has begun, by the store itself; ``over(newest)`` ends this process.
    """

    _logger = Logger()

    def __init__(
        self, number: int, newest: Callable[[], Awaitable[int]], over: Callable[[int], None]
    ) -> None:
        self.number = number
        self._newest = newest
        self._over = over

    async def hold(self, seen: int, who: str) -> None:
        """``who`` says that it has obeyed the epoch ``seen``.

        Nobody exits on a number that a peer says: an epoch of which the store knows nothing never was, or
        was that of a copy before an older one was put back. Then ``who`` is served all the same.

        :raises StaleEpoch: the store says that ours is over; this process ends.
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
