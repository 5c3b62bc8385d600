"""Real chat-clients on another machine, by TLS, with a master that they know by its key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from machines.test_remote_workers import BIN, Cluster

from chatnet.addresses import MASTER_PORT
from rigs.machines import Network
from rigs.processes import DEADLINE, Lines, wait_until

EXAMPLE = Path(__file__).parents[2] / "docs" / "example_client.py"


class Client:
    """A chat-client on gamma; it ends when it is told to, or cannot go on."""

    def __init__(self, cluster: Cluster, *options: str) -> None:
        command = [str(BIN / "twistd"), "-n", "chat-client", *cluster.at, *options, "alice"]
        environ = {"XDG_CONFIG_HOME": str(cluster.root / "config")}
        self.process = cluster.gamma.start(command, environ, cwd=cluster.root, stdin=subprocess.PIPE)
        self.lines = Lines(self.process)

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def end(self) -> tuple[int, list[str]]:
        """End the input; return the exit status, and what was said until then."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        rest = self.lines.rest()
        return self.process.wait(30), rest


def status(cluster: Cluster) -> dict[str, Any]:
    """Return what the operator sees; empty while no master answers."""
    code, said = cluster.operate("status", "--json")
    found: dict[str, Any] = json.loads(said) if code == 0 else {}
    return found


def is_primary(cluster: Cluster, pid: int) -> bool:
    return any(one["role"] == "primary" and one["pid"] == pid for one in status(cluster).get("masters", []))


def of_the_example(cluster: Cluster, place: str) -> tuple[int, list[str]]:
    """Return the exit status and output of the documents' example, which posts a line."""
    command = [str(BIN / "python"), "-I", str(EXAMPLE), place, "carol"]
    process = cluster.gamma.start(command, cwd=cluster.root, stdin=subprocess.PIPE)
    said, _ = process.communicate(b"from afar\n", DEADLINE)
    return process.returncode, said.decode().splitlines()


def test_a_client_knows_its_cluster_by_the_key(network: Network, tmp_path: Path) -> None:
    """It is shown once, and equals what the operator sees. A takeover or a lost worker changes nothing; for
    another cluster at that address the client says only what to do."""
    cluster = Cluster(network, tmp_path)
    cluster.start()
    wait_until("two replicas", lambda: len(status(cluster).get("masters", [])) == 3)
    (key,) = {one["key"] for one in [*status(cluster)["masters"], *status(cluster)["workers"]]}
    place = f"{cluster.alpha.address}:{MASTER_PORT}"

    first = Client(cluster)
    first.lines.find(f"{place} was not known here. Its public key is {key.replace('+', '[+]')}, by which .*")
    first.lines.find("Logged in as alice.")
    assert of_the_example(cluster, place) == (
        0,
        [f"{place} was not known here. Its public key is {key}.", "carol: from afar"],
    )
    known = tmp_path / "config" / "chatnet" / "known_masters"
    assert known.read_text() == f"{place} {key}\n"

    before = next(one["pid"] for one in status(cluster)["masters"] if one["role"] == "primary")
    os.kill(before, signal.SIGKILL)
    wait_until("another is primary", lambda: status(cluster) and not is_primary(cluster, before))
    second = Client(cluster)
    assert second.lines.next() == "Logged in as alice."
    assert second.end() == (0, [])

    first.type("CHAT")
    mine = wait_until("a session", lambda: [one for one in cluster.workers() if one["sessions"]])
    for worker in mine:
        os.kill(worker["pid"], signal.SIGKILL)
    first.lines.find("Connected again[.]")
    first.type("still here")
    assert first.end() == (0, [])

    plain, said = Client(cluster, "--insecure").end()
    assert plain == 1
    assert "it takes nothing in plain: leave --insecure out" in said[-1]

    assert cluster.operate("stop")[0] == 0
    wait_until("all ended", lambda: not cluster.alpha.processes() and not cluster.beta.processes())
    (tmp_path / "data" / "cluster.token").unlink()
    cluster.start()
    changed, said = Client(cluster).end()
    assert changed == 1
    assert said[-1].endswith(f"take line 1 out of {known}, and start again.")
    assert key in said[-1]
    known.write_text("")
    again = Client(cluster)
    again.lines.find(f"{place} was not known here[.] .*")
    assert again.lines.next() == "Logged in as alice."
    assert again.end() == (0, [])
