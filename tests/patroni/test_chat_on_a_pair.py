"""A whole cluster on a PostgreSQL pair whose leader is killed, while recorded users talk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import Acknowledged, Event, Told, Took
from rigs.chaos import TRACEBACK
from rigs.conversation import Conversation
from rigs.impact import Felt
from rigs.patroni import FAILOVER_SECONDS, Pair
from rigs.postgres import whole_log
from rigs.processes import Cluster, wait_until

USERS = 8
BUSY_SECONDS = 5.0
"""How much later everything may be because the machine is busy, in seconds."""


@pytest.fixture
def cluster(pair: Pair, tmp_path: Path) -> Iterator[Cluster]:
    """Yield a running cluster on the pair."""
    cluster = Cluster(tmp_path, environ={"CHATNET_STORE": pair.url})
    tmp_path.mkdir(exist_ok=True)
    try:
        cluster.start_logged(tmp_path / "master.log")
        yield cluster
    finally:
        cluster.close()


def newest(events: list[Event]) -> int:
    """Return the highest seq that anybody was told of so far."""
    return max(event.seq for event in events if isinstance(event, Acknowledged))


def goes_on(conversation: Conversation, seq: int) -> None:
    """Wait until something after ``seq`` is acknowledged."""
    wait_until(f"posts behind {seq}", lambda: newest(conversation.history()) > seq, 2 * FAILOVER_SECONDS)


def logs(cluster: Cluster) -> dict[str, str]:
    """Return what all its processes logged."""
    paths = [*cluster.root.glob("*.log"), *(cluster.data / "log").glob("*.log")]
    return {path.stem: path.read_text() for path in paths}


def test_the_leader_dies_and_nothing_is_lost(pair: Pair, cluster: Cluster) -> None:
    """All wait until the other node leads, and go on by themselves; every promise is kept."""
    conversation = Conversation.on(cluster, USERS, 40)
    goes_on(conversation, newest(conversation.history()) + 100)
    began = time.monotonic()
    pair.kill_leader()
    goes_on(conversation, newest(conversation.history()) + 100)
    felt = Felt(conversation.history(), began)
    print(felt)
    assert felt.longest < FAILOVER_SECONDS + BUSY_SECONDS
    conversation.settle()
    cluster.workers(3)
    assert check(Evidence(conversation.history(), whole_log(pair.url))) == []
    assert not [name for name, text in logs(cluster).items() if TRACEBACK in text]


@pytest.mark.parametrize("pair", [False], indirect=True)
def test_what_an_asynchronous_pair_loses_is_said(pair: Pair, cluster: Cluster) -> None:
    """The database loses what was acknowledged. All processes and users are told; from then on every user
    gets every post, once."""
    conversation = Conversation.on(cluster, USERS, 40)
    pair.hold_standby_back()
    held = newest(conversation.history())
    goes_on(conversation, held + 50)
    killed = time.monotonic()
    pair.kill_leader()
    before = newest(conversation.history())
    wait_until(
        "posts after it", lambda: told_since(conversation.history(), killed) >= 100, 2 * FAILOVER_SECONDS
    )
    wait_until("a longer log", lambda: len(whole_log(pair.url)) > before, 60)
    felt = Felt(conversation.history(), killed)
    print(felt)
    assert felt.longest < FAILOVER_SECONDS + BUSY_SECONDS
    conversation.settle()
    log, events = whole_log(pair.url), conversation.history()
    said = {name: text.count("The log was put back") for name, text in logs(cluster).items()}
    # A master that lost the lease meanwhile does not follow the log.
    assert [name for name in said if name.startswith("worker") and not said[name]] == []
    assert len({event.client for event in events if isinstance(event, Told)}) == USERS
    took = [event.entry for event in events if isinstance(event, Took) and event.time > killed]
    for entry in log[before:]:
        assert took.count(entry) == USERS * (entry.kind == "post"), entry
    assert not [name for name, text in logs(cluster).items() if TRACEBACK in text]


def told_since(events: list[Event], since: float) -> int:
    """Return how many drafts were acknowledged."""
    return sum(isinstance(event, Acknowledged) and event.time > since for event in events)
