"""Where the clients of a worker can go when it is gone, as the primary said last. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence

from chatnet.addresses import Address, plain
from chatnet.wire.cluster import OtherWorker
from chatnet.wire.session import MOST_OTHERS, Elsewhere


class OtherPlaces:
    """The other workers. It outlives the link to the primary: it is needed most while there is none.

    ``is_emptied``: nobody is to come to this worker, say those who command it.
    """

    is_emptied = False

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._workers: Sequence[OtherWorker] = ()

    def told(self, workers: Sequence[OtherWorker], emptied: bool) -> None:
        """The primary says that these are open now."""
        self._workers, self.is_emptied = workers, emptied

    def some(self, here: str) -> list[Elsewhere]:
        """A few of them at random, for a client that has found us at the host ``here``."""
        few = self._chance.sample(self._workers, min(MOST_OTHERS, len(self._workers)))
        return [Elsewhere(str(Address(one.host or plain(here), one.port)), one.key) for one in few]
