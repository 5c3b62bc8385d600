"""A cluster that listens on IPv6, with clients and workers of both families that name several masters."""

from __future__ import annotations

from collections.abc import Callable

from rigs.processes import Cluster


def test_people_talk_whichever_way_they_come(new_cluster: Callable[..., Cluster]) -> None:
    """Missing masters are skipped; each client is sent to an address that it can reach."""
    cluster = new_cluster()
    cluster.options = ("--listen", f"[::]:{cluster.port}")
    cluster.start()
    four, six = f"localhost:1,127.0.0.1:{cluster.port}", f"localhost:1,[::1]:{cluster.port}"
    cluster.popen(
        "twistd", "-n", "--pidfile=", "chat-worker", "--data", str(cluster.data),
        "--master", six, "--listen", "[::]:0",
    )  # fmt: skip
    cluster.address = f"[::1]:{cluster.port}"
    assert {worker["address"].rpartition(":")[0] for worker in cluster.workers(4)} == {"[::1]"}
    cluster.address = f"127.0.0.1:{cluster.port}"
    assert {worker["address"].rpartition(":")[0] for worker in cluster.workers(4)} == {"127.0.0.1"}
    alice, bob = cluster.terminal("alice", "--master", four), cluster.terminal("bob", "--master", six)
    alice.type("JOIN bob", "CHAT")
    alice.expect("Joined bob.")
    bob.type("CHAT", "hello")
    alice.expect("bob: hello")
    assert [alice.end(), bob.end()] == [(0, []), (0, [])]
