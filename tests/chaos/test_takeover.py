"""Primaries die and hang; a replica takes over, and users notice no more than a pause."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from chatnet.world.real import RealProcesses
from rigs.processes import Cluster, Terminal, wait_until

QUICK, SLOW = 2.0, 8.0
"""How long a takeover may take here, in seconds: much longer than on a machine of its own."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Yield a running cluster that bears one takeover after the other."""
    cluster = Cluster(tmp_path_factory.mktemp("takeover") / "cluster")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="module")
def talk(cluster: Cluster) -> Chat:
    cluster.masters()
    return Chat(cluster)


@pytest.fixture
def chat(cluster: Cluster, talk: Chat) -> Chat:
    """Return the two users, of a cluster that is whole again after what it has borne."""
    cluster.workers(3)
    cluster.masters()
    return talk


class Chat:
    """A user who receives what another user posts."""

    def __init__(self, cluster: Cluster) -> None:
        self.reader, self.writer = cluster.terminal("reader"), cluster.terminal("writer")
        self.reader.type("JOIN writer", "CHAT")
        self.reader.expect("Joined writer.")
        self.writer.type("CHAT")
        self.said = 0
        self.goes_on(30)

    def goes_on(self, limit: float) -> float:
        """Check that three posts arrive once, in order, with no lost connection; return the seconds that
        took."""
        began = time.monotonic()
        numbers = range(self.said, self.said + 3)
        self.said += 3
        self.writer.type(*(f"number {number}" for number in numbers))
        seen = [self.reader.lines.find("writer: .*", limit) for _ in numbers]
        assert seen == [f"writer: number {number}" for number in numbers]
        assert not any(lost(terminal) for terminal in (self.reader, self.writer))
        return time.monotonic() - began


def lost(terminal: Terminal) -> bool:
    return any("lost" in line for line in terminal.lines.seen)


def pids(listed: list[dict[str, int]]) -> list[int]:
    return sorted(one["pid"] for one in listed)


def test_stepping_down(cluster: Cluster, chat: Chat) -> None:
    """The primary exits in good order; workers and clients continue with a replica, which says so."""
    workers = pids(cluster.workers(3))
    assert cluster.master is not None
    assert cluster.masters()[0]["pid"] == cluster.master.pid
    status, said = cluster.run(
        "chatnet", "stepdown", "--master", cluster.address, "--data", str(cluster.data)
    )
    assert status == 0, said
    assert said.startswith("The primary is now pid ")
    assert cluster.master.wait(30) == 0
    chat.goes_on(QUICK)
    assert pids(cluster.workers(3)) == workers
    cluster.masters()


def test_one_primary_after_the_other_is_killed(cluster: Cluster, chat: Chat) -> None:
    """Three are killed; the workers stay the same; two replicas stand by again; events say what happened."""
    workers = pids(cluster.workers(3))
    first = cluster.status()["epoch"]
    for epoch in (first + 1, first + 2, first + 3):
        primary = cluster.masters()[0]["pid"]
        os.kill(primary, signal.SIGKILL)
        chat.goes_on(QUICK)
        assert cluster.masters()[0]["role"] == "primary"
        status = cluster.status()
        assert status["epoch"] == epoch
        assert any(f"after the primary (pid {primary}) was gone" in e["what"] for e in status["events"])
    assert pids(cluster.workers(3)) == workers


def test_a_hung_primary_is_killed(cluster: Cluster, chat: Chat) -> None:
    """A replica kills it after three seconds of silence."""
    primary = cluster.masters()[0]["pid"]
    os.kill(primary, signal.SIGSTOP)
    chat.goes_on(SLOW)
    wait_until("it is dead", lambda: RealProcesses().started(primary) is None)
    events = [event["what"] for event in cluster.status()["events"]]
    assert any(f"after the primary (pid {primary}) fell silent and was killed" in event for event in events)


def test_replicas_that_were_stopped_fence_nobody(cluster: Cluster, chat: Chat) -> None:
    """When they continue it is too late to report anything of others; the primary has replaced them."""
    primary, *replicas = [master["pid"] for master in cluster.masters()]
    for pid in replicas:
        os.kill(pid, signal.SIGSTOP)
    wait_until("they are replaced", lambda: not set(replicas) & set(pids(cluster.masters())))
    assert cluster.masters()[0]["pid"] == primary
    chat.goes_on(QUICK)


def test_the_primary_and_a_worker_at_once(cluster: Cluster, chat: Chat) -> None:
    """The dead worker is replaced, the others are adopted."""
    # Workers report each second: until both users are counted, an idle worker cannot be known.
    wait_until("both are counted", lambda: sum(worker["sessions"] for worker in cluster.workers(3)) == 2)
    idle = next(worker["pid"] for worker in cluster.workers(3) if not worker["sessions"])
    for pid in (cluster.masters()[0]["pid"], idle):
        os.kill(pid, signal.SIGKILL)
    chat.goes_on(QUICK)
    assert idle not in pids(cluster.workers(3))
    cluster.masters()


def test_a_second_master_is_a_replica_and_takes_over(cluster: Cluster, chat: Chat) -> None:
    """A spawned replica is stopped for it; when all others are dead, it takes the cluster and the address."""
    by_hand = cluster.popen("twistd", "-n", "--pidfile=", "chat-master", "--data", str(cluster.data))
    wait_until("it stands by", lambda: by_hand.pid in pids(cluster.masters()))
    for master in cluster.masters():
        if master["pid"] != by_hand.pid:
            os.kill(master["pid"], signal.SIGKILL)
    chat.goes_on(SLOW)
    assert cluster.masters()[0]["pid"] == by_hand.pid


@pytest.mark.parametrize("how", ["SIGTERM", "stop"])
def test_nothing_is_left_whoever_is_primary(new_cluster: Callable[..., Cluster], how: str) -> None:
    """After a takeover, the replica that is primary now stops the whole cluster."""
    cluster = new_cluster()
    cluster.start()
    cluster.masters()
    os.kill(cluster.primary(), signal.SIGKILL)
    cluster.masters()
    if how == "stop":
        status, said = cluster.run(
            "chatnet", "stop", "--master", cluster.address, "--data", str(cluster.data)
        )
        assert status == 0, said
    else:
        # A spawned one ignores Ctrl-C, which is for the process in the terminal.
        os.kill(cluster.primary(), signal.SIGTERM)
    wait_until("no process left", lambda: not cluster.alive())
