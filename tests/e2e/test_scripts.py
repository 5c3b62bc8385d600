"""The scripts do what their names say, and print their usage after a wrong call."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rigs.processes import Cluster, wait_until

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
# In a tree without its own .venv they call the twistd that is on PATH.
OURS = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("script", "arguments", "usage"),
    [
        ("MasterStartup.sh", ("surplus",), ""),
        ("WorkerStartup.sh", ("localhost", "surplus"), " [Master Address]"),
        ("WorkerStartup.sh", ("--help",), " [Master Address]"),
        ("ClientStartup.sh", (), " <User Name> [Master Address]"),
        ("ClientStartup.sh", ("",), " <User Name> [Master Address]"),
        ("ClientStartup.sh", ("alice", "localhost", "surplus"), " <User Name> [Master Address]"),
        ("ClientStartup.sh", ("--help",), " <User Name> [Master Address]"),
    ],
)
def test_a_wrong_call_prints_the_usage(
    script: str, arguments: tuple[str, ...], usage: str, new_cluster: Callable[..., Cluster]
) -> None:
    """The usage is one line, the exit status is 2, and nothing is started."""
    cluster = new_cluster()
    said = cluster.run(str(SCRIPTS / script), *arguments, environ=OURS)
    assert said == (2, f"Usage: {script}{usage}\n")
    assert not cluster.alive()


@pytest.mark.parametrize("named", [True, False])
def test_they_start_a_cluster_a_worker_and_a_client(named: bool, new_cluster: Callable[..., Cluster]) -> None:
    """The master's address is an argument; without it ./default_master_address counts for all."""
    cluster = new_cluster()
    cluster.data = cluster.root / "chatnet-data"
    cluster.root.mkdir()
    (cluster.root / "default_master_address").write_text(cluster.address + "\n")
    master = (cluster.address,) if named else ()
    assert cluster.run(str(SCRIPTS / "MasterStartup.sh"), environ=OURS) == (0, "")
    cluster.workers(3)
    if named:
        (cluster.root / "default_master_address").write_text("127.0.0.1:1\n")
    assert cluster.run(str(SCRIPTS / "WorkerStartup.sh"), *master, environ=OURS) == (0, "")
    cluster.workers(4)
    client = (str(SCRIPTS / "ClientStartup.sh"), "alice", *master)
    assert cluster.run(*client, environ=OURS) == (0, "Logged in as alice.\n")
    status, said = cluster.run("chatnet", "stop", *(("--master", *master) if named else ()))
    assert status == 0, said
    wait_until("all gone", lambda: not cluster.alive())
