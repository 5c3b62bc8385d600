"""Limits how many new names are registered: in all, and from one address. Pure; time in monotonic seconds.

The total is counted from the log, where each worker sees it; each worker counts addresses for itself. When
there is no place, names wait, and a free place goes to the address that has asked longest: somebody who asks
for a thousand names delays others only by the few that one address may have.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import islice

from chatnet.entries import Entry
from chatnet.errors import TryLater

ALL_SECONDS = 600.0
"""Seconds for which a new name counts."""
ADDRESS_MOST, ADDRESS_SECONDS = 5, 3600.0
"""How many names may come from one address, and in how many seconds."""
BACK_SECONDS = 30.0
"""Seconds for which an address keeps its place after the time at which it was told to try again."""
MOST_ADDRESSES = 10_000
"""How many addresses are remembered with their registrations, and how many may wait. The oldest are dropped;
an address that comes while this many wait is told to come later, and gets no place in the line."""

WAITS = "Many new names are being registered, and yours has to wait its turn: try again in {seconds} s."
ENOUGH = "{count} new names were registered from your address in the last hour: try again in {seconds} s."


class NewNames:
    """Allows ``most`` new names in ten minutes, counted from the log; 0 removes all limits, also of
    addresses.

    An address that does not count is empty: all of those wait in the line as one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._registered: deque[float] = deque(maxlen=most or None)
        self._under_way: dict[bytes, str] = {}
        self._of_addresses: dict[str, deque[float]] = {}
        self._line: dict[str, float] = {}
        self._looked = -math.inf

    def take(self, now: float, address: str, key: bytes) -> None:
        """Begin to register a name, with the draft of this key.

        :raises TryLater: there is no place for this address now.
        """
        if not self._most:
            return
        self._check_address(now, address)
        self._leave_late(now)
        ahead = self._ahead(address)
        free = self._most - self._count(now)
        if ahead >= free:
            raise TryLater(WAITS.format(seconds=self._wait(now, address, ahead - max(0, free))))
        self._line.pop(address, None)
        self._under_way[key] = address

    def refused(self, key: bytes) -> None:
        """Free the place: the name was not registered."""
        self._under_way.pop(key, None)

    def apply(self, now: float, entries: Sequence[Entry]) -> None:
        """Follow the window. Ages are relative to the newest entry, because a clock may jump."""
        if not self._most:
            return
        for entry in entries:
            if entry.kind == "register":
                address = self._under_way.pop(entry.key, "")
                age = min(ALL_SECONDS, (entries[-1].time - entry.time) / 1000)
                self._registered.append(now - age)
                if address:
                    self._charge(now, address)

    def __len__(self) -> int:
        return len(self._of_addresses) + len(self._line)

    def _count(self, now: float) -> int:
        while self._registered and now - self._registered[0] >= ALL_SECONDS:
            self._registered.popleft()
        return len(self._registered) + len(self._under_way)

    def _check_address(self, now: float, address: str) -> None:
        times = self._of_addresses.get(address, deque())
        while times and now - times[0] >= ADDRESS_SECONDS:
            times.popleft()
        if not times:
            self._of_addresses.pop(address, None)
        under_way = sum(other == address for other in self._under_way.values()) if address else 0
        if len(times) + under_way >= ADDRESS_MOST:
            left = times[0] + ADDRESS_SECONDS - now if times else 1.0
            raise TryLater(ENOUGH.format(count=ADDRESS_MOST, seconds=math.ceil(left)))

    def _charge(self, now: float, address: str) -> None:
        times = self._of_addresses.pop(address, deque())
        times.append(now)
        self._of_addresses[address] = times
        if len(self._of_addresses) > MOST_ADDRESSES:
            del self._of_addresses[next(iter(self._of_addresses))]

    def _ahead(self, address: str) -> int:
        """Return how many addresses that matter have waited longer."""
        for place, other in enumerate(islice(self._line, self._most)):
            if other == address:
                return place
        return min(len(self._line), self._most)

    def _wait(self, now: float, address: str, behind: int) -> int:
        """Join the line, with ``behind`` others before; return for how many seconds, as it looks now."""
        times = self._registered
        free = times[min(behind, len(times) - 1)] + ALL_SECONDS - now if times else 1.0
        seconds = max(1, math.ceil(free))
        if address in self._line or len(self._line) < MOST_ADDRESSES:
            self._line[address] = now + seconds + BACK_SECONDS
        return seconds

    def _leave_late(self, now: float) -> None:
        """Drop the places of those who did not come back; only once a second, for there may be many."""
        if now - self._looked < 1:
            return
        self._looked = now
        for address in [address for address, until in self._line.items() if until < now]:
            del self._line[address]
