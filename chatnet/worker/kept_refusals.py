"""Limits how many refusals of each user are kept. Pure; time in seconds, on a clock that never goes back.

What is refused stands in no window, and some refusals are kept for ever (:mod:`chatnet.store.refusals`). So
a worker lets a user have so many of these, in all sessions together, and then one a minute.
"""

from __future__ import annotations

from collections.abc import Callable

from chatnet.entries import Draft
from chatnet.errors import RoomTaken
from chatnet.log import Outcome, Refused
from chatnet.store.refusals import adds, is_kept

MOST_REFUSALS = 1_000
"""How many a user may have at once."""
REFUSAL_SECONDS = 60.0
"""After which time a user may have another one."""
MAKES_ROOM = "create"
"""The kind by which one learns of a private room that it is there, or was."""
TAKEN_COSTS = 50
"""How many others such a refusal counts for: so a user can find out about twenty names at once, and about
another one each fifty minutes."""


class KeptRefusals:
    """How many refusals of a user may be kept now: a bucket that gets one back each minute.

    A draft passes if there is as much as its refusal can cost. That is reserved until its outcome is known.
    """

    __slots__ = ("_left", "_monotonic", "_reserved", "_since", "_under_way")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._left = float(MOST_REFUSALS)
        self._since = monotonic()
        self._under_way: dict[bytes, int] = {}
        self._reserved = 0

    def take(self, draft: Draft) -> bool:
        """Reserve what a refusal of ``draft`` can cost; return False if there is not so much left."""
        cost = _most(draft)
        if not cost:
            return True
        if self._free() < cost - 0.001:
            return False
        if draft.key not in self._under_way:
            self._under_way[draft.key] = cost
            self._reserved += cost
        return True

    def wait(self, draft: Draft) -> float:
        """Return in how many seconds ``draft`` may pass: at most one, if what is reserved now would do."""
        lacks = max(0.0, _most(draft) - self._free())
        seconds = lacks * REFUSAL_SECONDS
        return min(1.0, seconds) if lacks <= self._reserved else seconds

    def answered(self, draft: Draft, outcome: Outcome | None) -> None:
        """Charge for the outcome of a draft, if it is a refusal that is kept; None: it has none."""
        self._reserved -= self._under_way.pop(draft.key, 0)
        if isinstance(outcome, Refused) and adds(draft, outcome):
            self._refill()
            self._left -= TAKEN_COSTS if outcome.code == RoomTaken.code else 1

    @property
    def is_whole(self) -> bool:
        """Whether it is the same as a new one."""
        self._refill()
        return self._left >= MOST_REFUSALS and not self._under_way

    def _free(self) -> float:
        self._refill()
        return self._left - self._reserved

    def _refill(self) -> None:
        now = self._monotonic()
        self._left = min(MOST_REFUSALS, self._left + (now - self._since) / REFUSAL_SECONDS)
        self._since = now


def _most(draft: Draft) -> int:
    return TAKEN_COSTS if draft.kind == MAKES_ROOM else int(is_kept(draft, is_ordered=True))
