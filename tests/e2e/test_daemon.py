"""``twistd`` without ``-n`` returns when the outcome is known, and a sentence says it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatnet.store.sqlite.moved import NAME
from rigs.processes import Cluster, free_port, wait_until


def junk_store(data: Path) -> str:
    (data / "log.sqlite").write_bytes(b"this is no database, and long enough to be seen " * 100)
    return "log.sqlite cannot be opened: "


def store_is_a_directory(data: Path) -> str:
    (data / "log.sqlite").mkdir()
    return "log.sqlite cannot be opened: "


def junk_token(data: Path) -> str:
    (data / "cluster.token").write_text("not a token")
    return "cluster.token does not hold a cluster token (64 hexadecimal digits)."


def token_is_a_directory(data: Path) -> str:
    (data / "cluster.token").mkdir()
    return "cluster.token (Is a directory): mend it, or choose another directory by --data."


def moved_log(data: Path) -> str:
    (data / NAME).write_text("")
    return f"If it should go on here after all, remove {data / NAME}."


def log_is_a_file(data: Path) -> str:
    (data / "log").write_text("")
    return "/log (File exists): mend it, or choose another directory by --data."


REASONS = [junk_store, store_is_a_directory, junk_token, token_is_a_directory, moved_log, log_is_a_file]


def start(cluster: Cluster, *options: str, **environ: str) -> tuple[int, str]:
    """Start a master as a daemon."""
    arguments = ("--data", str(cluster.data), "--listen", cluster.address, *options)
    return cluster.run("twistd", "chat-master", *arguments, environ=environ)


def nothing_is_left(cluster: Cluster) -> None:
    """Check that no process, pid file or lock is left."""
    wait_until("no process", lambda: not cluster.alive(), 5)
    assert not list(cluster.root.glob("*.pid"))
    if cluster.data.is_dir():
        assert cluster.lease.take()
        cluster.lease.release()


@pytest.mark.parametrize("reason", REASONS)
def test_what_keeps_a_master_from_starting_is_said(
    new_cluster: Callable[..., Cluster], reason: Callable[[Path], str]
) -> None:
    """The terminal gets the whole sentence, the status is 1, and nothing is left. When corrected, it
    starts."""
    cluster = new_cluster()
    cluster.data.mkdir(parents=True, mode=0o700)
    says = reason(cluster.data)
    status, output = start(cluster)
    assert status == 1, output
    assert says in output
    assert "Traceback" not in output
    nothing_is_left(cluster)
    for path in cluster.data.iterdir():
        if path.name != "log" or path.is_file():
            path.rmdir() if path.is_dir() else path.unlink()
    status, output = start(cluster)
    assert (status, output) == (0, "")
    assert cluster.status()["epoch"] == 1


def test_a_port_that_is_taken_is_said(cluster: Cluster, tmp_path: Path) -> None:
    """This holds for a master and a worker."""
    other = Cluster(tmp_path / "other", port=cluster.port)
    status, output = start(other)
    assert status == 1
    assert f"Cannot listen on {cluster.address} (Address already in use): stop what does" in output
    nothing_is_left(other)
    status, output = cluster.run(
        "twistd", "chat-worker", "--data", str(cluster.data), "--master", cluster.address,
        "--listen", cluster.address,
    )  # fmt: skip
    assert status == 1
    assert f"cannot listen on {cluster.address}" in output
    assert not (cluster.root / "chat-worker.pid").exists()


def test_a_second_master_says_that_it_stands_by(cluster: Cluster, tmp_path: Path) -> None:
    """It says so when the primary has accepted it; one that the primary refuses says why, and exits."""
    strange = tmp_path / "strange.token"
    strange.write_text("ab" * 32)
    strange.chmod(0o600)
    status, output = start(cluster, "--token-file", str(strange))
    assert status == 1
    assert "refuses this replica: The cluster's token is not the one given" in output
    assert not (cluster.root / "chat-master.pid").exists()
    status, output = start(cluster)
    assert status == 0, output
    assert "standing by as a replica." in output
    pid = int((cluster.root / "chat-master.pid").read_text())
    assert pid in [master["pid"] for master in cluster.masters()]


def test_a_database_that_is_away_is_said_and_waited_for(new_cluster: Callable[..., Cluster]) -> None:
    """The daemon lives on: machines start in any order."""
    cluster = new_cluster()
    url = f"postgresql://chatnet@127.0.0.1:{free_port()}/postgres"
    status, output = start(cluster, CHATNET_STORE=url)
    assert status == 0, output
    assert "The database cannot be reached (" in output
    assert output.endswith("This master waits for that.\n")
    assert len(cluster.alive()) == 1


def test_one_that_is_not_its_directorys_is_said(new_cluster: Callable[..., Cluster]) -> None:
    """A file is where the data directory should be."""
    cluster = new_cluster()
    cluster.root.mkdir(parents=True, exist_ok=True)
    cluster.data.write_text("")
    status, output = start(cluster)
    assert status == 1
    assert f"Cannot use {cluster.data}" in output
    assert "mend it, or choose another directory by --data." in output
    wait_until("no process", lambda: not cluster.alive(), 5)
    assert not list(cluster.root.glob("*.pid"))


def test_a_worker_without_a_token_is_said(new_cluster: Callable[..., Cluster]) -> None:
    """It is said before the worker becomes a daemon."""
    cluster = new_cluster()
    status, output = cluster.run("twistd", "chat-worker", "--data", str(cluster.data))
    assert status == 1
    assert "There is no cluster token at" in output
    assert "pass it by --token-file FILE or CHATNET_TOKEN." in output
    assert not list(cluster.root.glob("*.pid"))


def test_it_returns_when_the_primary_commands(new_cluster: Callable[..., Cluster]) -> None:
    """It does not return earlier: whoever asks then gets an answer."""
    cluster = new_cluster()
    status, output = start(cluster)
    assert (status, output) == (0, "")
    with socket.create_connection(("127.0.0.1", cluster.port), timeout=5):
        pass
    assert cluster.status()["epoch"] == 1


@pytest.fixture
def careless() -> Iterator[None]:
    """Set a umask that lets everybody read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
@pytest.mark.parametrize("store", ["", "postgresql"])
def test_what_a_cluster_makes_is_private(new_cluster: Callable[..., Cluster], store: str) -> None:
    """A directory made by ``mkdir`` is closed before anything is in it, and so is all that is made or
    found."""
    cluster = new_cluster()
    (cluster.data / "log").mkdir(parents=True)
    (cluster.data / "cluster.token").write_text("ab" * 32)
    environ = {"CHATNET_STORE": f"postgresql://nobody@127.0.0.1:{free_port()}/none"} if store else {}
    status, output = start(cluster, **environ)
    assert status == 0, output
    if not store:
        cluster.workers(3)
    made = [cluster.data, *cluster.data.rglob("*"), cluster.root / "chat-master.log"]
    assert [path for path in made if path.stat().st_mode & 0o077] == []
    assert "was open to others" in (cluster.root / "chat-master.log").read_text()


@pytest.mark.root
@pytest.mark.parametrize("whose", ["", "cluster.token"])
def test_what_is_somebody_elses_is_refused(new_cluster: Callable[..., Cluster], whose: str) -> None:
    """Its owner may read it at any time, and has chosen what is in it."""
    cluster = new_cluster()
    cluster.data.mkdir(parents=True, mode=0o700)
    (cluster.data / "cluster.token").write_text("ab" * 32)
    os.chown(cluster.data / whose, 12345, 12345)
    status, output = start(cluster)
    assert status == 1
    assert f"{cluster.data / whose} belongs to another user (number 12345; this process runs as 0)" in output
    nothing_is_left(cluster)
