"""Until when something lasts is said by the server's time, however wrong this machine's clock is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from client.person import SINCE_1970, Person

from chatnet.testing.fake_cluster import FakeCluster

HOUR, DAY = 3_600_000, 86_400_000
NOW = int(SINCE_1970 * 1000)
"""The server's time as the clients log in."""
LASTING = {
    "BAN #tea bob 1h rude": HOUR,
    "BAN * bob 1h": HOUR,
    "MUTE #tea bob 30m": HOUR // 2,
    "CODE 3 2d": 2 * DAY,
    "CODE 3 2d &ops &class": 2 * DAY,
}
"""All that is typed with how long it lasts, and for how many milliseconds that is."""
WRONG = pytest.mark.parametrize("wrong", [-DAY, 0, DAY])
"""How much the clock on the client's wall is wrong, in milliseconds."""


def told(cluster: FakeCluster) -> list[int]:
    """Return until when what was asked lasts, each once."""
    asked = cluster.asked("Ban", "MakeCode")
    cluster.requests.clear()
    return [*dict.fromkeys(arguments["until"] for _, arguments in asked)]


def near(until: int) -> Any:
    return pytest.approx(until, abs=200)


@WRONG
@pytest.mark.parametrize("typed", LASTING)
def test_a_wrong_clock_changes_nothing(
    typed: str, wrong: int, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """Neither at once nor after a while, though somebody sets the clock meanwhile."""
    cluster.now = NOW
    alice = new_person(wrong=wrong / 1000).start()
    alice.type(typed)
    assert told(cluster) == [near(NOW + LASTING[typed])]
    alice.wrong = -wrong / 1000
    alice.network.pass_time(30)
    alice.type(typed)
    assert told(cluster) == [near(NOW + 30_000 + LASTING[typed])]


@WRONG
def test_a_session_that_goes_on_tells_the_time_anew(
    wrong: int, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    """The machine may have slept, and its clock stood still; a worker that does not tell the time changes
    nothing."""
    cluster.now = NOW
    alice = new_person(wrong=wrong / 1000).start()
    cluster.now = NOW + 8 * HOUR
    alice.network.cut()
    alice.network.pass_time(2)
    assert cluster.asked("Resume")
    alice.type("BAN #tea bob 1h")
    assert told(cluster) == [near(NOW + 9 * HOUR + 2_000)]
    cluster.now = None
    alice.network.cut()
    alice.network.pass_time(2)
    assert cluster.asked("Resume")
    alice.type("BAN #tea bob 1h")
    assert told(cluster) == [near(NOW + 9 * HOUR + 4_000)]


@WRONG
def test_where_no_worker_tells_the_time_it_is_that_of_this_machine(
    wrong: int, cluster: FakeCluster, new_person: Callable[..., Person]
) -> None:
    alice = new_person(wrong=wrong / 1000).start()
    alice.type("BAN #tea bob 1h")
    assert told(cluster) == [near(NOW + wrong + HOUR)]


@pytest.mark.parametrize("typed", LASTING)
def test_what_is_sent_again_lasts_until_the_same_moment(
    typed: str, cluster: FakeCluster, alice: Person
) -> None:
    """Its key is the same, and another content of that key would be refused."""
    cluster.secrets["bob"] = b"b" * 32
    cluster.deaf = True
    alice.type(typed)
    before = cluster.asked("Ban", "MakeCode")
    assert before
    cluster.requests.clear()
    cluster.deaf, cluster.now = False, NOW + DAY
    alice.network.cut()
    alice.network.pass_time(2)
    assert cluster.asked("Ban", "MakeCode")[: len(before)] == before
