"""The other workers that a client's own has named, to try after a loss before asking a master. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from chatnet.addresses import Address
from chatnet.wire.session import MOST_OTHERS, Elsewhere


class Other(NamedTuple):
    """Where a worker is, and the fingerprint of the key that it presents there, which may be empty."""

    address: Address
    key: str


class Others:
    """The workers that the last worker has named; each is given out once."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._left: list[Other] = []

    def named(self, by_worker: Sequence[Elsewhere]) -> None:
        """Replace the list. Entries that are not addresses are left out."""
        found = ((Address.read(one.address), one.key) for one in by_worker[:MOST_OTHERS])
        self._left = [Other(address, key) for address, key in found if address is not None]

    def draw(self) -> Other | None:
        """Return one that was not tried yet, at random; None if there is none."""
        return self._left.pop(self._chance.randrange(len(self._left))) if self._left else None

    def is_silent(self, host: str) -> None:
        """Leave out all on ``host``: one there did not answer, so the machine may be dead."""
        self._left = [other for other in self._left if other.address.host != host]

    def forget(self) -> None:
        """Forget all of them: they would answer as the last one did."""
        self._left = []
