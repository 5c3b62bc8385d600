"""The data directory is moved while its cluster runs, and another cluster is started in the old place."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from chatnet.store.lease import FlockLease
from chatnet.testing.processes import Cluster, Terminal, wait_until
from chatnet.world import RealFiles


def chatting(cluster: Cluster) -> tuple[Terminal, Terminal]:
    """Somebody who hears what somebody else posts."""
    reader, writer = cluster.terminal("reader"), cluster.terminal("writer")
    reader.type("JOIN writer", "CHAT")
    reader.expect("Joined writer.")
    writer.type("CHAT")
    return reader, writer


def hears(talk: tuple[Terminal, Terminal], text: str) -> None:
    reader, writer = talk
    writer.type(text)
    reader.expect(f"writer: {text}")


def test_two_clusters_do_not_meddle(new_cluster: Callable[..., Cluster]) -> None:
    """The first goes on in the place to which it was moved; its replicas neither take the second's lease nor
    end its primary, however the first's ends: they say why they cannot stand by."""
    first, second = new_cluster(), new_cluster()
    first.start()
    first.masters()
    old_talk = chatting(first)
    hears(old_talk, "before")
    moved = first.root / "moved"
    first.data.rename(moved)
    hears(old_talk, "moved")
    second.data = first.data
    second.start()
    masters, workers = second.masters(), second.workers(3)
    new_talk = chatting(second)
    hears(old_talk, "both")
    hears(new_talk, "both")

    holder = FlockLease(RealFiles(), moved).holder()
    assert holder is not None
    os.kill(holder.pid, signal.SIGKILL)
    log = moved / "log" / "replica-1.log"
    wait_until("a replica is refused", lambda: "refuses this replica" in log.read_text())
    hears(new_talk, "after")
    assert second.masters() == masters
    assert [worker["pid"] for worker in second.workers(3)] == [worker["pid"] for worker in workers]
    assert second.status()["epoch"] == 1


def test_a_directory_that_was_replaced_is_not_taken_over(cluster: Cluster) -> None:
    """Another log stands where the cluster's was, and nobody leads it: the replicas see that, and exit."""
    cluster.masters()
    cluster.data.rename(cluster.root / "moved")
    RealFiles().make_directory(cluster.data)
    holder = FlockLease(RealFiles(), cluster.root / "moved").holder()
    assert holder is not None
    os.kill(holder.pid, signal.SIGKILL)
    log = cluster.root / "moved" / "log"
    sentence = f"The log in {cluster.data} is not the cluster's: was the directory replaced?"

    def said() -> bool:
        return any(sentence in path.read_text() for path in log.glob("replica-*.log"))

    wait_until("it is said", said)
    wait_until("no master is left", lambda: not masters_of(cluster))


def masters_of(cluster: Cluster) -> list[Path]:
    """The processes of its masters."""
    processes = [Path(f"/proc/{pid}/cmdline") for pid in cluster.alive()]
    return [each for each in processes if each.exists() and b"chat-master" in each.read_bytes()]
