"""The data directory is moved while its cluster runs, and another cluster is started in the old place."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from chatnet.store.lease import FlockLease
from chatnet.store.sqlite import schema as sqlite_schema
from chatnet.world.real import RealFiles
from rigs.processes import Cluster, Terminal, wait_until


def chatting(cluster: Cluster) -> tuple[Terminal, Terminal]:
    """Return a user who posts and a user who receives that."""
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
    """The first cluster acknowledges nothing more, since nobody would look for its log where it is now. Its
    replicas neither take the second's lease nor end its primary, whatever ends the first: they say why
    not."""
    first, second = new_cluster(), new_cluster()
    first.start()
    first.masters()
    old_talk = chatting(first)
    hears(old_talk, "before")
    moved = first.root / "moved"
    first.data.rename(moved)
    old_talk[1].type("moved")
    second.data = first.data
    second.start()
    masters, workers = second.masters(), second.workers(3)
    new_talk = chatting(second)
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
    assert "writer: moved" not in old_talk[0].lines.seen


def test_a_directory_that_is_moved_back_goes_on(cluster: Cluster) -> None:
    """What was posted meanwhile waits, and `status` says why; after the move back all is as before."""
    talk = chatting(cluster)
    hears(talk, "before")
    moved = cluster.root / "moved"
    token = ("--token-file", str(moved / "cluster.token"))
    cluster.data.rename(moved)
    talk[1].type("meanwhile")

    def says() -> bool:
        return (
            "log.sqlite was removed, or moved away: nothing"
            in cluster.run("chatnet", "status", "--master", cluster.address, *token)[1]
        )

    wait_until("status says it", says)
    assert "writer: meanwhile" not in talk[0].lines.seen
    moved.rename(cluster.data)
    talk[0].expect("writer: meanwhile")
    assert "trouble" not in cluster.status()
    hears(talk, "after")


def test_a_log_that_was_removed_is_saved_and_goes_on(cluster: Cluster) -> None:
    """The saved log is put in place as docs/operations.md says, and a replica continues with it. No user is
    disconnected, and nothing that was posted is lost."""
    cluster.masters()
    talk = chatting(cluster)
    hears(talk, "before")
    for path in cluster.data.glob("log.sqlite*"):
        path.unlink()
    talk[1].type("meanwhile")
    wait_until("it is saved", lambda: "rescued-1-" in cluster.status().get("trouble", ""))
    [saved] = cluster.data.glob("rescued-*.sqlite")
    saved.rename(cluster.data / "log.sqlite")
    code, output = cluster.run(
        "chatnet", "stepdown", "--master", cluster.address, "--data", str(cluster.data)
    )
    assert code == 0, output
    talk[0].expect("writer: meanwhile")
    hears(talk, "after")
    status = cluster.status()
    assert ("trouble" in status, "warning" in status, status["epoch"]) == (False, False, 2)


def test_a_directory_that_was_replaced_is_not_taken_over(cluster: Cluster) -> None:
    """Another log is in the place of the cluster's, and nobody leads it: the replicas see that, and exit."""
    cluster.masters()
    cluster.data.rename(cluster.root / "moved")
    RealFiles().make_directory(cluster.data)
    another = RealFiles().database(cluster.data / "log.sqlite")
    sqlite_schema.migrate(another, "another log")
    another.close()
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
    """Return the processes of its masters."""
    processes = [Path(f"/proc/{pid}/cmdline") for pid in cluster.alive()]
    return [each for each in processes if each.exists() and b"chat-master" in each.read_bytes()]
