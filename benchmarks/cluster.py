"""A cluster of real processes, and users logged in at its workers."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import wire
from benchmarks.processes import scratch, started, wait_until
from chatnet.options import STORE_VARIABLE
from rigs.processes import free_port

GROUP = 200
"""How many connect at once: fewer than a listening socket's backlog."""

_TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]

_ANYBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_ANYBODY.check_hostname = False
_ANYBODY.verify_mode = ssl.CERT_NONE


@dataclass(frozen=True)
class WorkerProcess:
    """A worker of the cluster: its pid, and where it listens for clients."""

    pid: int
    port: int


@dataclass(frozen=True)
class Cluster:
    """A running cluster; ``web`` is the port of its page, and ``irc`` that of IRC, which the processes
    ``fronts`` have; 0 if it has none."""

    master_pid: int
    workers: Sequence[WorkerProcess]
    data: Path
    web: int = 0
    irc: int = 0
    fronts: Sequence[int] = ()

    def connect(self, names: Sequence[str], encrypted: bool = False) -> list[socket.socket]:
        """Log these users in, at the workers in turn; each has their own connection.

        ``encrypted``: by TLS, which loopback does not require.
        """
        ports = itertools.cycle(worker.port for worker in self.workers)
        connections: list[socket.socket] = []
        for group in (names[at : at + GROUP] for at in range(0, len(names), GROUP)):
            fresh = [socket.create_connection(("127.0.0.1", next(ports)), timeout=20) for _ in group]
            if encrypted:
                fresh = list(map(encrypt, fresh))
            connections += fresh
            wire.exchange(fresh, [wire.login(name) for name in group])
        return connections


def encrypt(connection: socket.socket, at_once: bool = True) -> ssl.SSLSocket:
    """Return ``connection`` with TLS; the other end's identity is not checked.

    ``at_once``: shake hands now.
    """
    return _ANYBODY.wrap_socket(connection, do_handshake_on_connect=at_once)


def join(connections: Sequence[socket.socket], room: str) -> None:
    """Let everybody follow ``room``."""
    wire.exchange(connections, [wire.join(room) for _ in connections])


def chat(connections: Sequence[socket.socket]) -> None:
    """Let everybody receive posts."""
    wire.exchange(connections, [wire.chat() for _ in connections])


@contextlib.contextmanager
def running(
    directory: Path, workers: int, web: bool = False, fronts: int = 0, options: Sequence[str] = ()
) -> Iterator[Cluster]:
    """Run a cluster for the length of the ``with``; its data stays in ``directory``. ``web``: with a page;
    ``fronts``: how many it has for IRC; ``options``: more of the master's."""
    port, page, irc = free_port(), free_port() if web else 0, free_port() if fronts else 0
    data = directory / "data"
    given = ["--post-rate", "0", "--new-names", "0", "--data", str(data), "--listen", f"127.0.0.1:{port}"]
    given += ["--web", f"127.0.0.1:{page}" if web else "none"]
    given += ["--irc", f"127.0.0.1:{irc}", "--irc-fronts", str(fronts)] if fronts else ["--irc", "none"]
    argv = [*_TWISTD, "chat-master", *given, *options, "--workers", str(workers)]
    with started(argv, directory, "master") as master:
        found: dict[str, Any] = {}

        def is_up() -> bool:
            found.update(_status(port, data))
            there = found.get("workers", ())
            return len(there) == workers + fronts and not any(each.get("opening") for each in there)

        wait_until(is_up, "the cluster's start")
        chat = [each for each in found["workers"] if each.get("serves") != "irc"]
        yield Cluster(
            master.pid,
            [WorkerProcess(each["pid"], int(each["address"].rpartition(":")[2])) for each in chat],
            data,
            page,
            irc,
            [each["pid"] for each in found["workers"] if each not in chat],
        )


@contextlib.contextmanager
def on_store(url: str, workers: int) -> Iterator[Cluster]:
    """Run a cluster whose store is at ``url``, for the length of the ``with``."""
    os.environ[STORE_VARIABLE] = url
    try:
        with scratch() as directory, running(directory, workers) as cluster:
            # A worker is known to the primary before it has opened the store.
            wait_until(lambda: all(map(_takes_clients, cluster.workers)), "the opening of the store")
            yield cluster
    finally:
        del os.environ[STORE_VARIABLE]


def _takes_clients(worker: WorkerProcess) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", worker.port), timeout=20) as connection:
            wire.exchange([connection], [wire.login("probe")])
    except (OSError, wire.Refused):
        return False
    return True


def _status(port: int, data: Path) -> dict[str, Any]:
    """Return the operator's status; empty while the master does not answer."""
    argv = ["-m", "chatnet", "status", "--json", "--master", f"127.0.0.1:{port}"]
    asked = subprocess.run(
        [sys.executable, *argv, "--token-file", str(data / "cluster.token")],
        capture_output=True,
        check=False,
        env=os.environ,
    )
    return dict(json.loads(asked.stdout)) if asked.returncode == 0 else {}
