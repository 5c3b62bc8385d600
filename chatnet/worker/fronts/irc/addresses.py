"""How many connections of IRC there are from each address. Pure.

IRC clients stay for days: so both those that have logged in and those that have not are limited for each
address. This machine's own address may be everybody's, by a bouncer here, and is not limited so.
"""

from __future__ import annotations

from collections import Counter

from chatnet.addresses import is_loopback, network
from chatnet.irc_options import MOST, MOST_STRANGERS


class Addresses:
    """The connections of one front, by their addresses (of IPv6: by /64). Of each, ``strangers`` may be there
    before their welcome, and ``most`` in all."""

    def __init__(self, strangers: int = MOST_STRANGERS, most: int = MOST) -> None:
        self._most_strangers, self._most = strangers, most
        self._strangers: Counter[str] = Counter()
        self._all: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._all)

    def came(self, host: str) -> bool:
        """Count a connection from ``host``, and return true, unless there are too many: then it is not
        counted."""
        address = network(host)
        are_many = self._strangers[address] >= self._most_strangers or self._all[address] >= self._most
        if are_many and not is_loopback(host):
            self._tidy(address)
            return False
        self._strangers[address] += 1
        self._all[address] += 1
        return True

    def known(self, host: str) -> None:
        """A connection that was counted has logged in."""
        self._strangers[network(host)] -= 1
        self._tidy(network(host))

    def gone(self, host: str, was_known: bool) -> None:
        """A connection that was counted is gone."""
        address = network(host)
        self._all[address] -= 1
        if not was_known:
            self._strangers[address] -= 1
        self._tidy(address)

    def _tidy(self, address: str) -> None:
        for counter in (self._strangers, self._all):
            if not counter[address]:
                del counter[address]
