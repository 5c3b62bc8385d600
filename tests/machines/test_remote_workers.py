"""Real twistd on several machines: a master, another host's worker, and users on a third."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatnet.testing import history
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import Sent, Took
from rigs.chaos import TRACEBACK, final_log
from rigs.machines import Host, Network
from rigs.processes import Lines, wait_until

BIN = Path(sys.executable).parent
USERS = 8
CUT_SECONDS = 5.0
"""Longer than the three of silence after which the primary takes a worker for dead."""


class Cluster:
    """A master with three workers on ``alpha``, one worker on ``beta``; users and operator on ``gamma``."""

    def __init__(self, network: Network, root: Path) -> None:
        self.root = root
        self.network = network
        self.alpha, self.beta, self.gamma = (network[name] for name in ("alpha", "beta", "gamma"))
        self.at = ("--master", self.alpha.address)
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """All but the users; until all workers are there."""
        self.launch(self.alpha, "chat-master", "--data", str(self.root / "data"))
        wait_until("a token", lambda: (self.root / "data" / "cluster.token").exists())
        self.launch(self.beta, "chat-worker", *self.at)
        wait_until("four workers", lambda: len(self.workers()) == 4)

    def launch(self, host: Host, program: str, *options: str) -> None:
        """Start a program of twistd's."""
        with (self.root / f"{host.name}.log").open("ab") as log:
            command = [str(BIN / "twistd"), "-n", "--pidfile=", program, *options]
            self.started.append(host.start(command, self.environ(), cwd=self.root, stdout=log))

    def talk(self) -> subprocess.Popen[bytes]:
        """Start the users; until they have joined each other."""
        command = [
            str(BIN / "python"), "-m", "rigs.talkers", *self.at, "--users", str(USERS),
            "--rate", "20", "--history", "history", "--log", "talkers.log", "--mark", "CHATNET_TEST=machines",
        ]  # fmt: skip
        return self.gamma.start(command, self.environ(), cwd=self.root, stdin=subprocess.PIPE)

    def operate(self, *words: str) -> tuple[int, str]:
        """Run an operator's command."""
        return self.gamma.run([str(BIN / "chatnet"), *words, *self.at], self.environ(), cwd=self.root)

    def workers(self) -> list[dict[str, Any]]:
        """Those that the primary has; none while nobody answers."""
        status, said = self.operate("status", "--json")
        found: list[dict[str, Any]] = json.loads(said)["workers"] if status == 0 else []
        return found

    def of_beta(self) -> list[dict[str, Any]]:
        """Those of them on the host beta."""
        return [worker for worker in self.workers() if worker["host"] == "beta"]

    def in_use(self) -> list[dict[str, Any]]:
        """Those of beta that report sessions."""
        return [worker for worker in self.of_beta() if worker["sessions"]]

    def environ(self) -> dict[str, str]:
        """With the token, once there is one, and a place of its own for users' secrets."""
        path = self.root / "data" / "cluster.token"
        token = {"CHATNET_TOKEN": path.read_text().strip()} if path.exists() else {}
        return {"XDG_CONFIG_HOME": str(self.root / "config"), **token}


@pytest.fixture
def cluster(network: Network, tmp_path: Path) -> Cluster:
    """One that runs."""
    cluster = Cluster(network, tmp_path)
    cluster.start()
    return cluster


def test_a_worker_that_is_cut_off_loses_nothing(cluster: Cluster) -> None:
    """Cut from the primary and healed, a host's worker holds its users' posts, and comes back with them."""
    talkers = cluster.talk()
    lines = Lines(talkers)
    lines.find("ready")
    for worker in wait_until("beta has sessions", cluster.in_use):
        assert worker["address"].startswith(f"{cluster.beta.address}:")
    cluster.network.cut(cluster.alpha, cluster.beta)
    healed_after = time.monotonic() + CUT_SECONDS
    wait_until("the primary misses the worker", lambda: not cluster.of_beta())
    wait_until("the cut is over", lambda: time.monotonic() > healed_after)
    cluster.network.heal(cluster.alpha, cluster.beta)
    wait_until("the worker is back", cluster.of_beta)
    tell(talkers, "hush")
    lines.find("settled")
    tell(talkers, "end")
    talkers.wait(30)
    assert cluster.operate("stop")[0] == 0
    wait_until("all ended", lambda: not cluster.alpha.processes() and not cluster.beta.processes())
    judge(cluster.root)


def judge(root: Path) -> None:
    """All promises were kept, nothing broke, and everybody heard everything."""
    events = history.read((root / "history").read_bytes().splitlines(keepends=True))
    log = final_log(root / "data" / "log.sqlite", root / "copy")
    assert check(Evidence(events, log)) == []
    posts = count(events, lambda event: isinstance(event, Sent) and event.kind == "post")
    assert count(events, lambda event: isinstance(event, Took)) == USERS * posts > 0
    for path in (*root.glob("*.log"), *(root / "data" / "log").glob("*.log")):
        assert TRACEBACK not in path.read_text(), path


def count(events: list[history.Event], true: Callable[[history.Event], bool]) -> int:
    """How many are so."""
    return sum(map(true, events))


def tell(talkers: subprocess.Popen[bytes], word: str) -> None:
    """Say a word to the users' process."""
    assert talkers.stdin is not None
    talkers.stdin.write(f"{word}\n".encode())
    talkers.stdin.flush()
