"""An upgrade of real processes while users post; the newer program has a higher level and a toy kind."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatnet.entries import Entry
from chatnet.testing import history
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from rigs.chaos import TRACEBACK, final_log
from rigs.postgres import running, whole_log
from rigs.processes import Cluster, Lines, wait_until

NEWER = {"PYTHONPATH": str(Path(__file__).parent / "newer")}
OLDER: dict[str, str] = {}
UPDATE = "The log is at level 3, and this chatnet understands level 2: update chatnet on this machine"
SECONDS = 60.0


def start(
    cluster: Cluster, program: str, environ: dict[str, str], *arguments: str
) -> subprocess.Popen[bytes]:
    """Start a master or a worker as a person does."""
    with (cluster.root / f"{program}.log").open("ab") as log:
        return cluster.popen(
            "twistd", "-n", "--pidfile=", program, "--data", str(cluster.data), *arguments,
            environ=environ, stdout=log,
        )  # fmt: skip


def master(cluster: Cluster, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    return start(
        cluster, "chat-master", environ, "--listen", cluster.address, "--new-names", "0",
        "--workers", "0", "--replicas", "0",
    )  # fmt: skip


def worker(cluster: Cluster, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    return start(
        cluster, "chat-worker", environ, "--master", cluster.address, "--new-names", "0", "--post-rate", "0"
    )


def ask(cluster: Cluster, *command: str) -> tuple[int, str]:
    return cluster.run("chatnet", *command, "--master", cluster.address, "--data", str(cluster.data))


def an_older_is_refused(cluster: Cluster, program: str) -> None:
    log = cluster.root / f"{program}.log"
    before = len(log.read_text())
    launch = master if program == "chat-master" else worker
    assert launch(cluster, OLDER).wait(SECONDS) == 1
    assert UPDATE in log.read_text()[before:]


@pytest.fixture(params=["embedded", "shared"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of an empty database, or nothing for the embedded store."""
    if request.param == "embedded":
        yield ""
    else:
        with running("-c", "fsync=off") as server:
            yield server.fresh()


def entries_of(cluster: Cluster, store: str) -> list[Entry]:
    return whole_log(store) if store else final_log(cluster.data / "log.sqlite", cluster.root / "copy")


def test_a_cluster_is_upgraded_under_load(new_cluster: Callable[..., Cluster], store: str) -> None:
    """New workers under an old primary, then old ones under a new one: no promise is broken. The level rises
    only when all are new; after that an old worker and an old master are refused."""
    cluster = new_cluster()
    cluster.root.mkdir(parents=True)
    if store:
        cluster.environ = {"CHATNET_STORE": store, "CHATNET_TOKEN": "ab" * 32}
    first = master(cluster, OLDER)
    wait_until("a primary", lambda: cluster.status())
    old = [worker(cluster, OLDER) for _ in range(2)]
    cluster.workers(2)
    recorded, log = cluster.root / "history", cluster.root / "talkers.log"
    talkers = cluster.popen_talking(
        "python", "-m", "rigs.talkers", "--master", cluster.address, "--users", "6", "--rate", "20",
        "--history", str(recorded), "--log", str(log), "--mark", cluster.mark,
    )  # fmt: skip
    lines = Lines(talkers)
    lines.find("ready", SECONDS)

    for _ in range(2):
        worker(cluster, NEWER)
    cluster.workers(4)
    code, said = ask(cluster, "level", "up")
    assert (code, "is not understood by primary (pid" in said) == (1, True), said
    master(cluster, NEWER)
    cluster.masters(2)
    assert ask(cluster, "stepdown")[0] == 0
    assert first.wait(SECONDS) == 0
    cluster.workers(4)
    code, said = ask(cluster, "level", "up")
    assert (code, "is not understood by worker" in said) == (1, True), said
    for process in old:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)
    cluster.workers(2)
    code, said = ask(cluster, "level", "up")
    assert code == 0, said
    assert "The log is at level 3, the highest that anything here understands." in ask(cluster, "level")[1]
    an_older_is_refused(cluster, "chat-worker")
    an_older_is_refused(cluster, "chat-master")

    assert talkers.stdin is not None
    talkers.stdin.write(b"hush\n")
    talkers.stdin.flush()
    lines.find("settled", SECONDS)
    talkers.stdin.write(b"end\n")
    talkers.stdin.flush()
    talkers.wait(SECONDS)
    assert ask(cluster, "stop")[0] == 0
    wait_until("no process left", lambda: not cluster.alive())
    # The store itself refuses it: no other process runs.
    an_older_is_refused(cluster, "chat-master")
    events = history.read(recorded.read_bytes().splitlines(keepends=True))
    entries = entries_of(cluster, store)
    assert [entry.text for entry in entries if entry.kind == "level"] == ["3"]
    assert check(Evidence(events, entries, True)) == []
    assert not [path for path in cluster.root.rglob("*.log") if TRACEBACK in path.read_text()]
