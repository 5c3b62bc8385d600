"""A PostgreSQL that fails over, on loopback: two nodes under Patroni, which agree through etcd.

:class:`Pair` starts all three programs in a directory of its own, and ends them. Its promises to a test:
:meth:`Pair.kill_leader` kills the leader's Patroni and its whole PostgreSQL at once, by SIGKILL, as the death
of a machine would; the other node leads within :data:`FAILOVER_SECONDS`. In the default, synchronous mode
this loses no acknowledged commit; the new leader works alone until the other node is back (with Patroni's
``synchronous_mode_strict`` it would wait for it). With ``synchronous=False``, what the standby has not
received is lost, and :meth:`Pair.hold_standby_back` makes sure that there is something to lose.

Whatever happens to the program, nothing remains: a guard, a separate process, waits for its end
(``python -m rigs.patroni ROOT MARK…``). PostgreSQL refuses to run as root: root starts everything as the user
``postgres``, which Debian's package brings.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from rigs.processes import DEADLINE, close_streams, free_port, marked, send, wait_until

TTL_SECONDS, LOOP_SECONDS, RETRY_SECONDS = 5, 1, 3
"""How long the leader's key lives, how often each Patroni looks, and how long it waits for etcd."""

FAILOVER_SECONDS = 15.0
"""Seconds after the leader's death until the other takes writes: its key expires, then come two looks."""

SUPERUSER, REPLICATOR, PASSWORD = "postgres", "replicator", "loopback"

NODES = ("one", "two")


class NoPatroni(Exception):
    """A program is missing; the sentence says which, and how to get it."""


class Node:
    """One Patroni and its PostgreSQL; its files are in ``root``."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.root = root
        self.port, self.api = free_port(), free_port()
        self.mark = f"CHATNET_NODE={uuid.uuid4()}"

    def configuration(self, etcd: int, synchronous: bool) -> dict[str, Any]:
        """Return what its Patroni reads."""
        return {
            "scope": "chatnet",
            "name": self.name,
            "restapi": {"listen": f"127.0.0.1:{self.api}", "connect_address": f"127.0.0.1:{self.api}"},
            "watchdog": {"mode": "off"},
            "etcd3": {"host": f"127.0.0.1:{etcd}"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_SECONDS,
                    "loop_wait": LOOP_SECONDS,
                    "retry_timeout": RETRY_SECONDS,
                    "maximum_lag_on_failover": 1 << 30,
                    "synchronous_mode": synchronous,
                    "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 60}},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "no-sync"],
                "pg_hba": [
                    "host replication all 127.0.0.1/32 scram-sha-256",
                    "host all all 127.0.0.1/32 scram-sha-256",
                ],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self.root / "data"),
                "bin_dir": str(binaries()),
                "pgpass": str(self.root / "pgpass"),
                "authentication": {
                    "superuser": {"username": SUPERUSER, "password": PASSWORD},
                    "replication": {"username": REPLICATOR, "password": PASSWORD},
                    "rewind": {"username": SUPERUSER, "password": PASSWORD},
                },
                "basebackup": ["no-sync"],
                "parameters": {"unix_socket_directories": str(self.root)},
            },
        }

    def url(self, path: str) -> str:
        """Return where its Patroni answers questions."""
        return f"http://127.0.0.1:{self.api}{path}"

    def processes(self) -> list[int]:
        """Return the pids of its Patroni and of its whole PostgreSQL."""
        # PostgreSQL writes its title over its environment, and so over the mark; so look at its directory.
        return list({*marked(self.mark), *_standing_in(self.root / "data")})

    def kill(self) -> None:
        """Kill all of them, and wait until they are dead."""
        wait_until(f"{self.name} is dead", lambda: not _kill_all(self.processes()))


class Pair:
    """Two nodes, for the length of the ``with``; at first the first leads, and the other follows.

    :raises NoPatroni: something is not installed.
    """

    def __init__(self, synchronous: bool = True) -> None:
        self.synchronous = synchronous
        check()
        self.root = Path(tempfile.mkdtemp(prefix="chatnet-patroni-")).resolve()
        self.nodes = [Node(name, self.root / name) for name in NODES]
        self._etcd, self._etcd_peers = free_port(), free_port()
        self._etcd_mark = f"CHATNET_ETCD={uuid.uuid4()}"
        self._started: list[subprocess.Popen[bytes]] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Pair:
        marks = [self._etcd_mark, *(node.mark for node in self.nodes)]
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "rigs.patroni", str(self.root), *marks],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C must not reach it
        )
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL of both nodes: libpq finds the one that takes writes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return (
            f"postgresql://{SUPERUSER}:{PASSWORD}@{hosts}/postgres"
            "?target_session_attrs=read-write&connect_timeout=2"
        )

    def leader(self) -> Node | None:
        """Return the node that leads and takes writes, if there is one."""
        return next((node for node in self.nodes if _takes_writes(node)), None)

    def standby(self) -> Node | None:
        """Return the node to which the leader streams; in synchronous mode, once it may take over."""
        leader = self.leader()
        report = json.loads((leader and _get(leader.url("/patroni"))) or "{}")
        streams = {peer["application_name"] for peer in report.get("replication", []) if _streams(peer)}
        may_lead = "/synchronous" if self.synchronous else "/replica"
        return next((node for node in self.nodes if node.name in streams and _get(node.url(may_lead))), None)

    def wait_for_leader(self, deadline: float = DEADLINE) -> Node:
        """Return the leader, once there is one."""
        leader: Node = wait_until("a leader", self.leader, deadline)
        return leader

    def wait_for_standby(self, deadline: float = DEADLINE) -> Node:
        """Return the standby, once it would lose nothing."""
        standby: Node = wait_until("a standby", self.standby, deadline)
        return standby

    def kill_leader(self) -> Node:
        """Kill all of the leader's processes at once; return the dead node."""
        leader = self.wait_for_leader()
        leader.kill()
        return leader

    def hold_standby_back(self) -> None:
        """Let the leader send the standby nothing from now on; a commit that waits for the standby hangs.

        The sender stops: a stopped receiver would still find in its socket what was sent meanwhile.
        """
        self.wait_for_standby()
        for pid in _titled(self.wait_for_leader(), "walsender"):
            send(pid, signal.SIGSTOP)

    def revive(self, node: Node) -> None:
        """Start a node that was killed. It follows the present leader."""
        self._launch([_tool("patroni"), str(node.root / "patroni.yml")], node.mark, node.root)

    def stop(self) -> None:
        """End everything, through the guard, as after our death; nothing remains, on disk either."""
        if self._guard is not None:
            close_streams(self._guard)
            self._guard.wait(DEADLINE)
        for process in self._started:
            process.wait(DEADLINE)

    # ---- how ----

    def _start(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.root, SUPERUSER, SUPERUSER)
        self._start_etcd()
        for node in self.nodes:
            node.root.mkdir()
            configuration = node.configuration(self._etcd, self.synchronous)
            (node.root / "patroni.yml").write_text(json.dumps(configuration))  # JSON is valid YAML
            if os.geteuid() == 0:
                shutil.chown(node.root, SUPERUSER, SUPERUSER)
            self.revive(node)
            # Together they would race to make the database.
            self.wait_for_leader()
        self.wait_for_standby()

    def _start_etcd(self) -> None:
        clients, peers = (f"http://127.0.0.1:{port}" for port in (self._etcd, self._etcd_peers))
        command = [
            _tool("etcd"), "--name=one", f"--data-dir={self.root / 'etcd'}", "--unsafe-no-fsync",
            f"--listen-client-urls={clients}", f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=one={peers}",
        ]  # fmt: skip
        self._launch(command, self._etcd_mark, self.root)
        wait_until("etcd is well", lambda: _get(f"{clients}/health"))

    def _launch(self, command: Sequence[str], mark: str, root: Path) -> None:
        name, _, value = mark.partition("=")
        user = {"user": SUPERUSER, "group": SUPERUSER, "extra_groups": []} if os.geteuid() == 0 else {}
        with (self.root / f"{root.name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=root,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(root), name: value},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **user,  # type: ignore[call-overload]
            )
        self._started.append(process)


def binaries() -> Path:
    """Return where PostgreSQL's programs are.

    :raises NoPatroni: they are in none of the places where we look.
    """
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("postgres")
    for place in [*places, *([Path(found).resolve().parent] if found else [])]:
        if (place / "pg_rewind").exists():
            return place
    raise NoPatroni("PostgreSQL is not installed: apt-get install postgresql.")


def check() -> None:
    """Check that everything needed is there.

    :raises NoPatroni: it is not; the sentence says how to get it.
    """
    binaries()
    for tool, package in (("patroni", "patroni"), ("etcd", "etcd-server")):
        if shutil.which(tool) is None:
            raise NoPatroni(f"{tool} is not installed: apt-get install {package}.")


def _tool(name: str) -> str:
    found = shutil.which(name)
    assert found is not None
    return found


def _titled(node: Node, title: str) -> list[int]:
    """Return its processes with this title."""
    return [pid for pid in node.processes() if title in _command(pid)]


def _takes_writes(node: Node) -> bool:
    report = json.loads(_get(node.url("/primary")) or "{}")
    return "location" in report.get("xlog", {})  # one that is still being promoted has only received some


def _streams(peer: dict[str, Any]) -> bool:
    return peer["state"] == "streaming"


def _get(url: str) -> bytes | None:
    """Return the answer, if there is a good one."""
    try:
        with urlopen(url, timeout=2) as answer:
            body: bytes = answer.read()
            return body
    except (URLError, OSError):
        return None


def _standing_in(directory: Path) -> list[int]:
    """Return the processes whose working directory this is."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if _stands_in(entry, directory)]


def _stands_in(entry: Path, directory: Path) -> bool:
    try:
        return entry.name.isdigit() and (entry / "cwd").readlink() == directory
    except OSError:
        return False


def _kill_all(pids: Sequence[int]) -> Sequence[int]:
    for pid in pids:
        send(pid, signal.SIGKILL)
    return pids


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def _clear_up_after(root: Path, marks: Sequence[str]) -> None:
    sys.stdin.read()  # until the process that started us closes it, or is dead

    def left() -> list[int]:
        standing = [pid for name in NODES for pid in _standing_in(root / name / "data")]
        return [*standing, *(pid for mark in marks for pid in marked(mark))]

    wait_until("all ended", lambda: not _kill_all(left()))
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    _clear_up_after(Path(sys.argv[1]), sys.argv[2:])
