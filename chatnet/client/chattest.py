"""CHATTEST: how fast the cluster takes a user's posts, and how soon it acknowledges them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

RATES = (10, 20, 50, 100, 200, 500, 1000)
"""The rungs, in posts per second."""
POSTS = 100
"""How many posts on each rung."""
HELD = 0.8
"""Below this share of the requested rate, the cluster has slowed us down."""


class Ladder:
    """A ladder of rates. ``clock`` times the sending; ``monotonic`` measures, in seconds."""

    def __init__(self, clock: IReactorTime, monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic

    async def climb(self, post: Callable[[str], Deferred[Any]], show: Callable[[str], None]) -> None:
        """Try one rate after another until the cluster slows us down; show a line for each."""
        for rate in RATES:
            acknowledged, delays = await self._rung(rate, post)
            reached = (POSTS - 1) / max(acknowledged[-1] - acknowledged[0], 1e-9)
            show(
                f"{rate} posts/s asked, {reached:.0f} reached; acknowledged in "
                f"{_at(delays, 0.5):.1f} ms (p50), {_at(delays, 0.99):.1f} ms (p99)"
            )
            if reached < HELD * rate:
                show(
                    f"The cluster held it at {reached:.0f} posts/s here: by its --post-rate (20 in the long "
                    "run and 100 at once, unless its operator chose otherwise), or by its speed."
                )
                return

    async def _rung(self, rate: int, post: Callable[[str], Deferred[Any]]) -> tuple[list[float], list[float]]:
        """Return when each post was acknowledged, and how long that took in milliseconds; both sorted."""
        acknowledged: list[float] = []
        delays: list[float] = []

        def note(_: Any, sent: float) -> None:
            now = self._monotonic()
            acknowledged.append(now)
            delays.append((now - sent) * 1000)

        start = self._monotonic()
        answers = []
        for number in range(POSTS):
            early = start + number / rate - self._monotonic()
            if early > 0:
                await deferLater(self._clock, early)
            text = f"CHATTEST {rate}/s, post {number + 1} of {POSTS}"
            answers.append(post(text).addCallback(note, self._monotonic()))
        try:
            await gatherResults(answers, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()
        return sorted(acknowledged), sorted(delays)


def _at(ordered: list[float], share: float) -> float:
    """Return a percentile by the nearest rank."""
    return ordered[math.ceil(share * len(ordered)) - 1]
