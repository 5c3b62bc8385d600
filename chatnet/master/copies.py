"""Which copies of the log are left, in which nothing is taken back: looked for seldom, and in a thread."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from chatnet.net.timer import Timer

LOOK_SECONDS = 60.0
"""Seconds between two looks."""


class Copies:
    """Calls ``find`` at the start and each minute. ``warning`` is the sentence that it found last, or empty.

    ``find`` lists directories that may be large, or on a slow disk: it works elsewhere, and nobody waits for
    it.
    """

    def __init__(self, find: Callable[[], Deferred[str]], clock: IReactorTime) -> None:
        self._find = find
        self.warning = ""
        self._looking = Timer(clock, LOOK_SECONDS, self._look, "Cannot look for copies of the log")

    def start(self) -> None:
        """Look now, and from now on."""
        self._looking.start(now=True)

    def stop(self) -> None:
        """Look no more."""
        self._looking.stop()

    async def _look(self) -> None:
        self.warning = await self._find()
