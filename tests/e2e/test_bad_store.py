"""What operators may do wrong with a store that hosts share: one clear sentence each."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.postgres import Server, running
from rigs.processes import Cluster, Lines, free_port, wait_until

GUARDED = "host all guarded 127.0.0.1/32 scram-sha-256\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Yield a database that knows a user by a password."""
    with running("-c", "fsync=off") as server:
        server.ask("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        allowed = server.directory / "db" / "pg_hba.conf"
        allowed.write_text(GUARDED + allowed.read_text())
        server.ask("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Yield a cluster that is not started; what is started for it ends with the test."""
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


def master(cluster: Cluster, url: str, **environ: str) -> tuple[int, str]:
    """Return the exit status and output of a master on the store at ``url``."""
    return cluster.run(
        "twistd", "-n", "--pidfile=", "chat-master", "--data", str(cluster.data), "--listen", "127.0.0.1:0",
        environ={"CHATNET_STORE": url, **environ},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("postgresql://[", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("postgresql://guarded:wrong@127.0.0.1:{port}/postgres", "password authentication failed"),
        ("postgresql://guarded@127.0.0.1:{port}/postgres", "no password"),
        ("postgresql://chatnet@127.0.0.1:{port}/nothing", '"nothing" does not exist'),
        ("postgresql://chatnet@127.0.0.1:{port},127.0.0.1:{port}/nothing", '"nothing" does not exist'),
        ("postgresql://nobody@127.0.0.1:{port}/postgres", '"nobody" does not exist'),
    ],
)
def test_a_store_that_refuses_is_said_and_not_waited_for(
    server: Server, cluster: Cluster, url: str, says: str
) -> None:
    """At the start it is the operator's mistake: one sentence, exit status 1, and no password in it."""
    status, output = master(cluster, url.format(port=server.port))
    assert status == 1, output
    assert says in output
    assert "Traceback" not in output
    assert "wrong@" not in output


def test_a_daemon_says_it_to_its_terminal(server: Server, cluster: Cluster) -> None:
    """twistd returns when the database has answered, and leaves nothing behind."""
    url = f"postgresql://guarded:wrong@127.0.0.1:{server.port}/postgres"
    status, output = cluster.run(
        "twistd", "chat-master", "--data", str(cluster.data), "--listen", "127.0.0.1:0",
        environ={"CHATNET_STORE": url},
    )  # fmt: skip
    assert status == 1, output
    assert "password authentication failed" in output
    assert "mend the store's URL, which is that of --store or CHATNET_STORE, or what the database" in output
    wait_until("no process", lambda: not cluster.alive(), 5)
    assert not list(cluster.root.glob("*.pid"))
    status, output = cluster.run(
        "twistd", "chat-master", "--data", str(cluster.data), "--listen", "127.0.0.1:0",
        environ={"CHATNET_STORE": server.fresh()},
    )  # fmt: skip
    assert (status, output) == (0, "")


def test_a_missing_driver_is_said(cluster: Cluster) -> None:
    """The sentence names the extra that has it."""
    cluster.root.mkdir(exist_ok=True)
    (cluster.root / "psycopg.py").write_text("raise ImportError('not here')")
    status, output = master(cluster, "postgresql://a@b/c", PYTHONPATH=str(cluster.root))
    assert status == 1
    assert "pip install 'chatnet[postgres]'" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(("program", "option"), [("chat-master", "--master"), ("chat-worker", "--store")])
def test_an_option_of_the_other_program_is_said(cluster: Cluster, program: str, option: str) -> None:
    """A master gets no master, and a worker no store: the primary tells it."""
    status, output = cluster.run("twistd", "-n", "--pidfile=", program, option, "postgresql://a@b/c")
    assert status == 1
    assert f"option {option} not recognized" in output


def test_a_master_whose_database_is_away_waits_and_can_be_stopped(cluster: Cluster) -> None:
    """Machines start in any order: it says once why it waits. A stop does not wait with it."""
    process = cluster.popen(
        "twistd", "-n", "--pidfile=", "chat-master", "--data", str(cluster.data), "--listen", "127.0.0.1:0",
        environ={"CHATNET_STORE": f"postgresql://chatnet@127.0.0.1:{free_port()}/postgres"},
    )  # fmt: skip
    Lines(process).find(".*The database cannot be reached .*refused.*")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM


def test_another_token_than_the_clusters_is_refused(server: Server, cluster: Cluster) -> None:
    """It is refused whether or not a master of the cluster runs: with the lease it would command,
    unobeyed."""
    url = server.fresh()
    first = Cluster(cluster.root / "first", environ={"CHATNET_STORE": url})
    try:
        first.start()
    finally:
        first.close()
    for environ in ({"CHATNET_TOKEN": "ab" * 32}, {}):
        cluster.data.mkdir(parents=True, exist_ok=True)
        (cluster.data / "cluster.token").write_text("cd" * 32)
        status, output = master(cluster, url, **environ)
        assert status == 1, output
        assert "copy cluster.token" in output
        assert "Traceback" not in output
    (cluster.data / "cluster.token").write_text((first.data / "cluster.token").read_text())
    again = cluster.popen(
        "twistd", "-n", "--pidfile=", "chat-master", "--data", str(cluster.data), "--listen", "127.0.0.1:0",
        environ={"CHATNET_STORE": url},
    )  # fmt: skip
    Lines(again).find("chatnet is up.*")
