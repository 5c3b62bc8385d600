"""The ladder of CHATTEST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from client.person import Person
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from chatnet.client.chattest import POSTS, RATES, Ladder
from chatnet.errors import Poison
from chatnet.testing.fake_cluster import FakeCluster

GRAIN = 1 / 1024
"""The step of time, in seconds: steps of this size add up exactly."""


class Bucket:
    """Acknowledges ``rate`` posts a second in the long run, ``burst`` at once."""

    def __init__(self, clock: Clock, rate: float, burst: float) -> None:
        self._clock, self._rate, self._burst = clock, rate, burst
        self._free = -burst / rate
        self.posts: list[str] = []

    def __call__(self, text: str) -> Deferred[Any]:
        self.posts.append(text)
        now = self._clock.seconds()
        self._free = max(self._free, now - self._burst / self._rate) + 1 / self._rate
        answer: Deferred[Any] = Deferred()
        self._clock.callLater(max(4 * GRAIN, self._free - now), answer.callback, None)
        return answer


def climb(post: Callable[[Clock], Callable[[str], Deferred[Any]]]) -> tuple[list[str], Any]:
    clock = Clock()
    lines: list[str] = []
    taker = post(clock)
    climbing = Deferred.fromCoroutine(Ladder(clock, clock.seconds).climb(taker, lines.append))
    for _ in range(60_000):
        if climbing.called:
            break
        clock.advance(GRAIN)
    return lines, (climbing, taker)


def test_every_rung_is_climbed_if_the_cluster_keeps_up() -> None:
    """Each rung of 100 posts has a line: the wanted and reached rate, and the time to acknowledgement."""
    lines, (climbing, bucket) = climb(lambda clock: Bucket(clock, 1e9, 1))
    assert climbing.called
    assert [line.split()[0] for line in lines] == [str(rate) for rate in RATES]
    assert len(bucket.posts) == POSTS * len(RATES)
    assert lines[0] == "10 posts/s asked, 10 reached; acknowledged in 3.9 ms (p50), 3.9 ms (p99)"


def test_it_stops_where_the_cluster_held_it() -> None:
    """With a limit of 20 a second and 100 at once it stops at 100 a second, and says so."""
    lines, _ = climb(lambda clock: Bucket(clock, 20, 100))
    assert [line.split()[0] for line in lines] == ["10", "20", "50", "100", "The"]
    assert "--post-rate" in lines[-1]


def test_a_refused_post_ends_it() -> None:
    """It shows the refusal, and no failure is lost."""
    _, (climbing, _) = climb(lambda clock: lambda text: fail(Poison(Poison.sentence)))
    with pytest.raises(Poison):
        raise climbing.result.value
    climbing.addErrback(lambda failure: None)


def test_the_posts_are_real(cluster: FakeCluster, alice: Person) -> None:
    """They go to the user's own room, and others receive them; what is typed meanwhile comes after them."""
    alice.type("CHATTEST", "HELP")
    alice.network.pass_time(22)
    seen = alice.seen()
    assert seen[len(RATES)].startswith("CHAT ")
    assert [entry.room for entry in cluster.entries if entry.kind == "post"] == ["alice"] * POSTS * len(RATES)


def test_percentiles_of_one_rung() -> None:
    """p99 is the second slowest of a hundred."""
    delays = iter([2 * GRAIN] * 50 + [4 * GRAIN] * 48 + [64 * GRAIN, 128 * GRAIN])

    def post(clock: Clock) -> Callable[[str], Deferred[Any]]:
        def taker(text: str) -> Deferred[Any]:
            delay = next(delays, None)
            answer: Deferred[Any] = Deferred()
            clock.callLater(delay or 0, answer.callback, None)
            return answer if delay else succeed(None)

        return taker

    lines, _ = climb(post)
    assert lines[0].endswith("acknowledged in 2.0 ms (p50), 62.5 ms (p99)")
