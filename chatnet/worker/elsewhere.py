"""Where the clients of a worker can go when it is gone: the primary's latest list. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence

from chatnet.addresses import Address, plain
from chatnet.wire.cluster import OtherWorker
from chatnet.wire.session import MOST_OTHERS, Elsewhere


class OtherPlaces:
    """The other workers. The list stays when the link to the primary is lost: that is when it is needed most.

    ``is_emptied``: those who command this worker want no client to come to it. ``sent_elsewhere``
    returns the users who are to come to another of these, if they come by a port that this host's workers
    share: their sessions here are being moved.
    """

    is_emptied = False
    sent_elsewhere: Callable[[], Collection[str]] = staticmethod(tuple)

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._workers: Sequence[OtherWorker] = ()

    def told(self, workers: Sequence[OtherWorker], emptied: bool) -> None:
        """Replace the list: the primary says that these ``workers`` are open now."""
        self._workers, self.is_emptied = workers, emptied

    def some(self, here: str) -> list[Elsewhere]:
        """Return a few of them at random, for a client that reached us at the host ``here``."""
        few = self._chance.sample(self._workers, min(MOST_OTHERS, len(self._workers)))
        return [Elsewhere(str(Address(one.host or plain(here), one.port)), one.key) for one in few]
