"""Which workers have too many sessions, and when to move some. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping, Sequence

GAP, SHARE = 5, 0.2
"""Loads may differ by this many sessions, or by this share of the greatest, before any are moved."""
PER_SECOND = 50
"""How many sessions a worker moves a second: see :mod:`chatnet.worker.handoff`."""
ORDER_SECONDS = 5.0
"""One command moves at most the sessions of this many seconds; then the loads are compared again."""
REST_SECONDS = 3.0
"""Seconds to wait after a command is done, until all workers have reported their sessions."""


def surplus(sessions: Mapping[str, int]) -> dict[str, int]:
    """Return how many sessions each worker should give away, if loads are uneven.

    Each worker ends with the mean. If the mean is not a whole number, the fullest keep one session more. So
    only what is missing elsewhere is moved, and nothing is moved back.
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
    """Return whether the loads ``seen`` recently are uneven, and not only because all of them grow or shrink.

    While many clients arrive or leave, even loads seem uneven: each number is from its worker's last report.
    So a load above the mean counts with its least seen value, and one below the mean with its greatest.
    """
    last = seen[-1]
    mean = sum(last.values()) / max(1, len(last))
    of_each = {id: [sessions[id] for sessions in seen if id in sessions] for id in last}
    above = [min(of_each[id]) for id, count in last.items() if count > mean]
    below = [max(of_each[id]) for id, count in last.items() if count < mean]
    return bool(above and below) and _differ(max(above), min(below))


def _differ(most: int, fewest: int) -> bool:
    return most - fewest > max(GAP, SHARE * most)


def evened(sessions: Mapping[str, int], groups: Mapping[str, Hashable]) -> dict[str, int]:
    """Return ``sessions`` as they are once each group of workers is even by itself: one whose loads differ so
    little that none of it is moved stays as it is."""
    members: dict[Hashable, list[str]] = {}
    for id in sessions:
        members.setdefault(groups[id], []).append(id)
    even: dict[str, int] = {}
    for ids in members.values():
        loads = {id: sessions[id] for id in ids}
        if surplus(loads):
            mean, rest = divmod(sum(loads.values()), len(ids))
            loads = {id: mean + (at < rest) for at, id in enumerate(ids)}
        even |= loads
    return even


class Balance:
    """Decides when to move how many sessions: again only when the effect of the last command can be seen.

    ``now`` is in seconds of a clock that does not step; the first command comes after a rest at the earliest.
    """

    def __init__(self, now: float) -> None:
        self._next = now + REST_SECONDS
        self._seen: deque[tuple[float, Mapping[str, int]]] = deque()

    def orders(
        self, sessions: Mapping[str, int], now: float, movable: Mapping[str, int] | None = None
    ) -> dict[str, int]:
        """Return how many sessions each of these workers should move at ``now``: at most as many as it has
        ``movable`` ones, if not all are."""
        self._seen.append((now, sessions))
        while self._seen[0][0] < now - REST_SECONDS:
            self._seen.popleft()
        if now < self._next:
            return {}
        if not lasts([sessions for _, sessions in self._seen]):
            return {}
        most = int(PER_SECOND * ORDER_SECONDS)
        limits = sessions if movable is None else movable
        orders = {
            id: told for id, count in surplus(sessions).items() if (told := min(count, most, limits[id]))
        }
        if orders:
            self._next = now + max(orders.values()) / PER_SECOND + REST_SECONDS
        return orders
