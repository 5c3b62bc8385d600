"""Who is typing at any process of the cluster, as these say; passed on to those that want to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime

from chatnet.master.registry import Registration
from chatnet.net.link import Link
from chatnet.typists import Gathered, Typist, pieces


class Typists:
    """Passes on who is typing, and keeps nothing: who does not read at that moment is never told."""

    def __init__(
        self, clock: IReactorTime, tell: Callable[[Registration[Link], Sequence[Typist]], None]
    ) -> None:
        self._tell_one = tell
        self._wanting: dict[Registration[Link], None] = {}
        self._gathered = Gathered(clock, self._tell)

    @property
    def waiting(self) -> int:
        """Of how many it is about to be told."""
        return len(self._gathered)

    def told(self, worker: Registration[Link], wants: bool, typists: Sequence[Typist]) -> None:
        """A process has said this: see :class:`~chatnet.wire.typists.TellTypists`."""
        if wants:
            self._wanting[worker] = None
        if self._wanting:
            for typist in typists:
                self._gathered.add(typist)

    def lost(self, worker: Registration[Link]) -> None:
        """The link of a process is lost."""
        self._wanting.pop(worker, None)

    def stop(self) -> None:
        """Tell nothing more."""
        self._gathered.stop()

    def _tell(self, typists: Sequence[Typist]) -> None:
        for worker in self._wanting:
            for piece in pieces(typists):
                if not worker.link.full:
                    self._tell_one(worker, piece)
