"""A real relay before a real master: a process that is sent to it by mistake is refused at both ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from rigs.processes import Cluster, Lines, wait_until


@pytest.fixture
def relay(cluster: Cluster) -> Iterator[str]:
    """Yield the address of a relay that passes everything on to the master, and back."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    host, _, master = cluster.address.rpartition(":")
    process = cluster.popen(
        "twistd", "-n", "--pidfile=", "portforward",
        "--port", f"tcp:{port}:interface=127.0.0.1", "--host", host, "--dest_port", master,
    )  # fmt: skip

    def listens() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            return False
        return True

    wait_until("the relay listens", listens)
    yield f"127.0.0.1:{port}"
    process.kill()
    process.wait()


def test_an_operator_comes_through_a_tunnel(cluster: Cluster, relay: str) -> None:
    """A tunnel passes encrypted bytes on, and can neither read nor change them: ssh -L is one."""
    workers = cluster.workers(3)
    status, said = cluster.run("chatnet", "status", "--master", relay, "--data", str(cluster.data))
    assert status == 0
    assert all(worker["id"] in said for worker in workers)


def test_a_worker_is_refused_through_a_relay(cluster: Cluster, relay: str) -> None:
    """It says so, and goes on trying; it does not join the cluster."""
    worker = cluster.popen(
        "twistd", "-n", "--pidfile=", "chat-worker", "--master", relay, "--data", str(cluster.data)
    )
    Lines(worker).find(".*refuses this worker: The cluster's token is not the one given.*")
    assert worker.poll() is None
    assert worker.pid not in [worker["pid"] for worker in cluster.workers(3)]
    worker.kill()
    worker.wait()
