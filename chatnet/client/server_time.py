"""What time it is at the server, whatever this machine's own clock shows. Pure."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime


class ServerTime:
    """The time that the worker told as the session began, carried on by ``clock``, which nobody sets.

    That clock may stand still while the machine sleeps. Then the worker hangs up, and the session that goes
    on tells the time anew. Until a worker has told it (older ones do not) it is that of ``wall``, in seconds.
    """

    def __init__(self, clock: IReactorTime, wall: Callable[[], float]) -> None:
        self._clock = clock
        self._wall = wall
        self._told: tuple[int, float] | None = None

    def told(self, now: int) -> None:
        """The worker says that it is ``now``, in milliseconds since 1970."""
        self._told = now, self._clock.seconds()

    def now(self) -> int:
        """Return the time, in milliseconds since 1970."""
        if self._told is None:
            return int(self._wall() * 1000)
        time, since = self._told
        return time + int((self._clock.seconds() - since) * 1000)
