"""In a cluster that may open only few files, strangers never take those that it needs itself."""

from __future__ import annotations

import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rigs.processes import Cluster, Lines, send, wait_until

FILES, IDLE = 256, 280


@contextmanager
def idle_strangers(port: int, count: int) -> Iterator[None]:
    """Open ``count`` connections that say nothing, and keep them while the server does."""
    with ExitStack() as open_ones:
        for _ in range(count):
            open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        yield


def test_idle_strangers_keep_nobody_out(new_cluster: Callable[..., Cluster]) -> None:
    """More strangers than files may be open come to each port. Still the operator is answered, a dead worker
    is replaced, users log in and post, and no process reaches its limit."""
    cluster = new_cluster()
    master = cluster.launch()
    resource.prlimit(master.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    said = Lines(master)
    said.find(r"chatnet is up.*")
    first, *others = cluster.workers(3)
    with ExitStack() as strangers:
        for port in (cluster.port, *(int(other["address"].rpartition(":")[2]) for other in others)):
            strangers.enter_context(idle_strangers(port, IDLE))
        assert cluster.status()["workers"]
        send(first["pid"], signal.SIGKILL)

        def replaced() -> bool:
            pids = {worker["pid"] for worker in cluster.status()["workers"]}
            return len(pids) == 3 and first["pid"] not in pids

        wait_until("another worker is there", replaced)
        alice = cluster.terminal("alice")
        alice.type("CHAT", "hello")
        assert alice.end() == (0, [])
    cluster.run("chatnet", "stop", "--master", cluster.address, "--data", str(cluster.data))
    logs = [path.read_text() for path in (cluster.data / "log").glob("*.log")]
    assert not [text for text in (*logs, *said.rest()) if "Too many files" in text]
