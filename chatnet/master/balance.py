"""Which workers have too many sessions, and when to have them move. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

GAP, SHARE = 5, 0.2
"""Loads may differ by so many sessions, or by this share of the greatest, before any are moved."""
PER_SECOND = 50
"""How many sessions a worker moves a second: see :mod:`chatnet.worker.handoff`."""
ORDER_SECONDS = 5.0
"""One order moves at most what is moved within so many seconds; then the loads are looked at again."""
REST_SECONDS = 3.0
"""How long to wait after an order is carried out, until all workers have reported their sessions."""


def surplus(sessions: Mapping[str, int]) -> dict[str, int]:
    """How many sessions each worker is to give away, if loads are uneven.

    All get the mean. If that is no whole number, those with most now keep one session more than the others.
    So only what is missing elsewhere is moved, and nothing is moved back.
    """
    if not sessions:
        return {}
    if not _differ(max(sessions.values()), min(sessions.values())):
        return {}
    mean, rest = divmod(sum(sessions.values()), len(sessions))
    fullest = sorted(sessions.items(), key=lambda item: -item[1])
    surplus = {id: count - mean - (at < rest) for at, (id, count) in enumerate(fullest)}
    return {id: count for id, count in surplus.items() if count > 0}


def lasts(seen: Sequence[Mapping[str, int]]) -> bool:
    """Are the loads that were ``seen`` last uneven, and not only because all of them grow or shrink?

    While many arrive or leave, even loads seem uneven: each is as of its worker's last report. So a load
    above the mean counts as the least that was seen of it, and one below as the most.
    """
    last = seen[-1]
    mean = sum(last.values()) / max(1, len(last))
    of_each = {id: [sessions[id] for sessions in seen if id in sessions] for id in last}
    above = [min(of_each[id]) for id, count in last.items() if count > mean]
    below = [max(of_each[id]) for id, count in last.items() if count < mean]
    return bool(above and below) and _differ(max(above), min(below))


def _differ(most: int, fewest: int) -> bool:
    return most - fewest > max(GAP, SHARE * most)


class Balance:
    """When to move how many sessions: the next order comes when the effect of the last one can be seen.

    ``now`` is in seconds of a clock that does not step; the first order comes no sooner than after a rest.
    """

    def __init__(self, now: float) -> None:
        self._next = now + REST_SECONDS
        self._seen: deque[tuple[float, Mapping[str, int]]] = deque()

    def orders(self, sessions: Mapping[str, int], now: float) -> dict[str, int]:
        """How many sessions each of these workers is to move, as of ``now``."""
        self._seen.append((now, sessions))
        while self._seen[0][0] < now - REST_SECONDS:
            self._seen.popleft()
        if now < self._next:
            return {}
        if not lasts([sessions for _, sessions in self._seen]):
            return {}
        most = int(PER_SECOND * ORDER_SECONDS)
        orders = {id: min(count, most) for id, count in surplus(sessions).items()}
        if orders:
            self._next = now + max(orders.values()) / PER_SECOND + REST_SECONDS
        return orders
