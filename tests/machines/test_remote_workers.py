"""Real twistd on several machines, all by TLS: a master, another host's worker, and users on a third."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from a_pair import DAY, new_authority, of_server

from chatnet.addresses import MASTER_PORT
from chatnet.entries import Entry
from chatnet.testing import history
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import LoggedIn, Sent, Took
from rigs.chaos import TRACEBACK, final_log
from rigs.machines import Host, Network
from rigs.postgres import NoPostgres, Server, whole_log
from rigs.processes import Lines, wait_until
from rigs.tap import Tap

BIN = Path(sys.executable).parent
USERS = 8
CUT_SECONDS = 5.0
"""More than the three seconds of silence after which the primary takes a worker for dead."""


class Cluster:
    """A master with three workers on ``alpha``, one worker on ``beta``; users and operator on ``gamma``."""

    def __init__(self, network: Network, root: Path) -> None:
        self.root = root
        self.network = network
        self.alpha, self.beta, self.gamma = (network[name] for name in ("alpha", "beta", "gamma"))
        self.at = ("--master", self.alpha.address)
        self.started: list[subprocess.Popen[bytes]] = []
        self.store: dict[str, str] = {}

    def start(self) -> None:
        """Start everything except the users; wait until :meth:`is_whole`."""
        self.launch(self.alpha, "chat-master", "--data", str(self.root / "data"))
        wait_until("a token", lambda: (self.root / "data" / "cluster.token").exists())
        self.launch(self.beta, "chat-worker", *self.at)
        wait_until("all workers", self.is_whole)

    def is_whole(self) -> bool:
        """Return whether alpha has its three workers, and beta the started one or those that it started."""
        hosts = [worker["host"] for worker in self.workers()]
        return hosts.count("alpha") == 3 and hosts.count("beta") > 0

    def launch(self, host: Host, program: str, *options: str) -> None:
        """Start a program by twistd."""
        with (self.root / f"{host.name}.log").open("ab") as log:
            command = [str(BIN / "twistd"), "-n", "--pidfile=", program, *options]
            environ = self.environ() | (self.store if program == "chat-master" else {})
            self.started.append(host.start(command, environ, cwd=self.root, stdout=log))

    def talk(self) -> subprocess.Popen[bytes]:
        """Start the users; wait until they have joined each other."""
        command = [
            str(BIN / "python"), "-m", "rigs.talkers", *self.at, "--users", str(USERS),
            "--rate", "20", "--history", "history", "--log", "talkers.log", "--mark", "CHATNET_TEST=machines",
        ]  # fmt: skip
        return self.gamma.start(command, self.environ(), cwd=self.root, stdin=subprocess.PIPE)

    def operate(self, *words: str) -> tuple[int, str]:
        """Run an operator's command."""
        return self.gamma.run([str(BIN / "chatnet"), *words, *self.at], self.environ(), cwd=self.root)

    def stop(self) -> None:
        """Stop everything, from the operator's host; wait until nothing is left on any host."""
        code, said = self.operate("stop")
        assert code == 0, said
        wait_until("all ended", lambda: not self.alpha.processes() and not self.beta.processes())

    def migrate(self, url: str) -> None:
        """Copy the log into a database; masters started later use it there."""
        self.store = {"CHATNET_STORE": url}
        command = [str(BIN / "chatnet"), "migrate", "--from", str(self.root / "data")]
        code, said = self.alpha.run(command, self.store, cwd=self.root)
        assert (code, "entries copied and compared" in said) == (0, True), said

    def workers(self) -> list[dict[str, Any]]:
        """Return the primary's workers; none while it does not answer."""
        status, said = self.operate("status", "--json")
        found: list[dict[str, Any]] = json.loads(said)["workers"] if status == 0 else []
        return found

    def of_beta(self) -> list[dict[str, Any]]:
        """Return those on the host beta."""
        return [worker for worker in self.workers() if worker["host"] == "beta"]

    def in_use(self) -> list[dict[str, Any]]:
        """Return those of beta that report sessions."""
        return [worker for worker in self.of_beta() if worker["sessions"]]

    def environ(self) -> dict[str, str]:
        """Return an environment with the token, once there is one, and a directory for users' secrets."""
        path = self.root / "data" / "cluster.token"
        token = {"CHATNET_TOKEN": path.read_text().strip()} if path.exists() else {}
        return {"XDG_CONFIG_HOME": str(self.root / "config"), **token}


@pytest.fixture
def database(network: Network) -> Iterator[Server]:
    """Yield an empty database on gamma, with a certificate."""
    today = datetime.now(UTC)
    identity = of_server(new_authority(today - DAY, today + DAY), network["gamma"].address, today)
    try:
        server = Server(5432, "-c", "fsync=off", host=network["gamma"], identity=identity)
    except NoPostgres as lack:
        pytest.fail(str(lack), pytrace=False)
    yield server
    server.remove()


@pytest.fixture
def cluster(network: Network, tap: Tap, tmp_path: Path) -> Cluster:
    """Return a running cluster."""
    cluster = Cluster(network, tmp_path)
    cluster.start()
    return cluster


def test_a_worker_that_is_cut_off_loses_nothing(cluster: Cluster, tap: Tap, database: Server) -> None:
    """After a cut from the primary heals, a host's worker still has its users' posts, and comes back.

    Then everything is stopped, migrated into a database on another host, and goes on there; users stay.
    """
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
    cluster.stop()
    database.start()
    cluster.migrate(database.url())
    before = final_log(cluster.root / "data" / "log.sqlite", cluster.root / "copy")
    assert whole_log(database.socket_url) == before
    cluster.start()
    tell(talkers, "hush")
    lines.find("settled")
    tell(talkers, "end")
    talkers.wait(30)
    cluster.stop()
    log = whole_log(database.socket_url)
    assert log[: len(before)] == before
    assert len(log) > len(before)
    judge(cluster.root, log)
    heard = tap.end()
    assert {MASTER_PORT, database.port} <= heard.ports()
    assert heard.in_plain() == []


def judge(root: Path, log: list[Entry]) -> None:
    """Check that all promises were kept, nothing broke, and everybody received everything."""
    events = history.read((root / "history").read_bytes().splitlines(keepends=True))
    assert check(Evidence(events, log)) == []
    logins = [event.how for event in events if isinstance(event, LoggedIn)]
    assert logins.count("first") == USERS
    assert "again" not in logins
    posts = count(events, lambda event: isinstance(event, Sent) and event.kind == "post")
    assert count(events, lambda event: isinstance(event, Took)) == USERS * posts > 0
    for path in (*root.glob("*.log"), *(root / "data" / "log").glob("*.log")):
        assert TRACEBACK not in path.read_text(), path


def count(events: list[history.Event], true: Callable[[history.Event], bool]) -> int:
    """Return how many events are like that."""
    return sum(map(true, events))


def tell(talkers: subprocess.Popen[bytes], word: str) -> None:
    """Say a word to the users' process."""
    assert talkers.stdin is not None
    talkers.stdin.write(f"{word}\n".encode())
    talkers.stdin.flush()
