"""Which passwords were right at any process of the cluster, as these say; told to those that want to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.interfaces import IReactorTime

from chatnet.imprints import GATHER_SECONDS, Imprint, Imprints
from chatnet.master.registry import Registration
from chatnet.net.link import Link
from chatnet.net.timer import Timer


class KnownImprints:
    """The imprints that were told in the reign of this primary. Who wants them is at a place among them: so
    one that does not read costs nothing but its place."""

    def __init__(
        self, clock: IReactorTime, tell: Callable[[Registration[Link], Sequence[Imprint]], None]
    ) -> None:
        self._tell_one = tell
        self._known = Imprints()
        self._places: dict[Registration[Link], int] = {}
        self._telling = Timer(clock, GATHER_SECONDS, self._tell, "Cannot tell which passwords were right")

    def __len__(self) -> int:
        return len(self._known)

    @property
    def wanting(self) -> int:
        """How many processes are told of them."""
        return len(self._places)

    def told(self, worker: Registration[Link], wants: bool, imprints: Sequence[Imprint]) -> None:
        """A process has said this: see :class:`~chatnet.wire.imprints.TellImprints`."""
        if wants:
            self._places[worker] = 0
        for imprint in imprints:
            self._known.add(imprint)
        self._telling.start()

    def lost(self, worker: Registration[Link]) -> None:
        """The link of a process is lost."""
        self._places.pop(worker, None)

    def stop(self) -> None:
        """Tell nothing more."""
        self._telling.stop()

    def _tell(self) -> None:
        for worker, place in self._places.items():
            tell = partial(self._tell_one, worker)
            self._places[worker] = self._known.tell(place, worker.link, tell)
        if all(place == self._known.last for place in self._places.values()):
            self._telling.stop()
