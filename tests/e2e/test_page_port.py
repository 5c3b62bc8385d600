"""The page of real processes: one port for the workers of a host, whatever becomes of them."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from rigs.processes import Cluster, free_port, wait_until

ALIVE = (200, b'{"ready":true}')


def asked(port: int, path: str = "/readyz", seconds: float = 2.0) -> tuple[int, bytes]:
    """Return the answer to one request on a connection of its own; status 0 if it was reset or refused.

    :raises TimeoutError: it was not answered in time.
    """
    connection = http.client.HTTPConnection("localhost", port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (ConnectionError, http.client.BadStatusLine):
        return 0, b""
    finally:
        connection.close()


def test_the_same_address_again_after_a_kill(new_cluster: Callable[..., Cluster]) -> None:
    """Who asks while a worker dies may be reset, and asks again; from half a second after the kill on,
    everybody is answered, also by a worker that replaces it and has no log yet."""
    web = free_port()
    cluster = new_cluster("--web", f"localhost:{web}")
    cluster.start()
    assert [asked(web) for _ in range(20)] == [ALIVE] * 20
    for worker in cluster.workers(3)[:2]:
        os.kill(worker["pid"], signal.SIGKILL)
        killed = time.monotonic()
        while time.monotonic() - killed < 0.5:
            asked(web)
        assert {asked(web, "/healthz")[0] for _ in range(200)} == {200}
    assert f"Page: http://localhost:{web}" in cluster.run("chatnet", "status", "--data", str(cluster.data))[1]


def test_a_worker_that_is_stopped_is_replaced_at_its_port(new_cluster: Callable[..., Cluster]) -> None:
    """Until it is killed its part of those who come waits; a second attempt finds another worker."""
    web = free_port()
    cluster = new_cluster("--web", f"localhost:{web}")
    cluster.start()
    stopped = cluster.workers(3)[0]["pid"]
    os.kill(stopped, signal.SIGSTOP)
    answered = 0
    for _ in range(12):
        try:
            answered += asked(web, seconds=0.2) == ALIVE
        except TimeoutError:
            continue
    assert answered
    wait_until("it is killed", lambda: not os.path.exists(f"/proc/{stopped}/cwd"))
    wait_until("all are there", lambda: len(cluster.workers(3)) == 3)
    wait_until("the new one answers, too", lambda: [asked(web) for _ in range(20)] == [ALIVE] * 20)


def test_two_clusters_at_one_port(new_cluster: Callable[..., Cluster]) -> None:
    """The one that comes later is refused, in one sentence; without a page it goes on beside the first."""
    web = free_port()
    first, second = new_cluster("--web", f"localhost:{web}"), new_cluster("--web", f"0.0.0.0:{web}")
    first.start()
    status, output = second.run(
        "twistd", "-n", "--pidfile=", "chat-master", "--data", str(second.data), "--listen", second.address,
        "--web", f"0.0.0.0:{web}",
    )  # fmt: skip
    assert status == 1
    assert (
        f"The page cannot be at 0.0.0.0:{web} (another program has it): choose another port by --web "
        "HOST:PORT, or --web none."
    ) in output
    assert "Traceback" not in output
    assert [asked(web) for _ in range(10)] == [ALIVE] * 10
    assert asked(first.port) == (302, f"The page is at http://localhost:{web}\n".encode())


@pytest.mark.parametrize("program", ["chat-master", "chat-worker"])
def test_a_daemon_says_that_there_is_no_page(cluster: Cluster, program: str) -> None:
    """Who starts it reads that on the terminal: another program has the usual port."""
    here = cluster.root / "another"
    here.mkdir()
    place: tuple[str, ...] = ("--listen", f"127.0.0.1:{free_port()}", "--workers", "1")
    data = here / "data"
    if program == "chat-worker":
        place, data = ("--master", cluster.address), cluster.data
    with socket.socket() as other:
        with suppress(OSError):  # somebody has it: then it is taken as well
            other.bind(("127.0.0.1", 8080))
            other.listen()
        pidfile = f"--pidfile={here / 'pid'}"
        logfile = f"--logfile={here / 'log'}"
        status, output = cluster.run(
            "twistd", pidfile, logfile, program, "--data", str(data), *place, environ={"CHATNET_WEB": ""}
        )
        assert (status, output.partition(" (")[0]) == (
            0,
            "There is no page, since localhost:8080 cannot be had",
        )
        assert "choose a port by --web HOST:PORT." in output
