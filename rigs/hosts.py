"""A cluster on several machines (see machines) around one PostgreSQL, with recorded users; all real.

Each host has its own master and workers; the database has a host, and so have the users.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chatnet.entries import Entry
from chatnet.testing import history
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from rigs.chaos import TRACEBACK
from rigs.command_times import LeaseWatch, Reign, ended_by, events, reigns
from rigs.conversation import Conversation
from rigs.machines import Host, Network
from rigs.postgres import Identity, Server, whole_log
from rigs.processes import wait_until

WORKERS = 3
_BIN = Path(sys.executable).parent


class Hosts:
    """Masters and workers on the hosts of ``names``, the database on ``db``, users and operator on ``users``.

    The database uses TLS if it has an ``identity``. All files are under ``root``. ``dead`` are the dead
    hosts; ``kills`` are all kills so far, with their times.
    """

    def __init__(self, network: Network, root: Path, *names: str, identity: Identity | None = None) -> None:
        self.network = network
        self.root = root
        self.names = names
        self.db, self.users = network["db"], network["users"]
        self.server = Server(5432, "-c", "fsync=off", host=self.db, identity=identity)
        self.token = secrets.token_hex(32)
        self.dead: set[str] = set()
        self.kills: list[tuple[str, float]] = []
        self.at = ("--master", ",".join(network[name].address for name in names))
        self.lease = LeaseWatch(self.server.socket_url)
        self.conversation: Conversation

    # ---- beginning and end ----

    def start(self) -> None:
        """Start everything except the users; wait until each host has its workers."""
        self.server.start()
        for name in self.names:
            self.start_on(name)
        self.wait_until_whole()
        self.lease.start()

    def start_on(self, name: str) -> None:
        """Start a master and a worker on a host that has just been booted."""
        data = str(self.root / name)
        self._launch(self.network[name], "chat-master", "--data", data, "--new-names", "0")
        self._launch(self.network[name], "chat-worker", "--data", data, "--new-names", "0", *self.at)

    def close(self) -> None:
        """Stop: the network ends everything that runs on it."""
        self.lease.stop()
        self.server.remove()

    def _launch(self, host: Host, program: str, *options: str) -> None:
        with (self.root / f"{host.name}-{program}.log").open("ab") as log:
            command = [str(_BIN / "twistd"), "-n", "--pidfile=", program, *options]
            host.start(command, self.environ(), cwd=self.root, stdout=log)

    def environ(self) -> Mapping[str, str]:
        """Return the environment of all processes."""
        return {
            "XDG_CONFIG_HOME": str(self.root / "config"),
            "CHATNET_STORE": self.server.url(),
            "CHATNET_TOKEN": self.token,
        }

    # ---- the users ----

    def talk(self, *options: str) -> Conversation:
        """Start the users; wait until they have joined each other."""

        def start(*command: str) -> subprocess.Popen[bytes]:
            argv = [str(_BIN / command[0]), *command[1:]]
            return self.users.start(argv, self.environ(), cwd=self.root, stdin=subprocess.PIPE)

        self.conversation = Conversation(start, self.root, *self.at, *options)
        return self.conversation

    def log(self) -> list[Entry]:
        """Return everything that the database holds."""
        return whole_log(self.server.socket_url)

    # ---- the present state ----

    def operate(self, *words: str) -> tuple[int, str]:
        """Run an operator's command."""
        return self.users.run([str(_BIN / "chatnet"), *words, *self.at], self.environ(), cwd=self.root)

    def status(self) -> dict[str, Any]:
        """Return the primary's status; empty while nobody answers."""
        code, said = self.operate("status", "--json")
        found: dict[str, Any] = json.loads(said) if code == 0 else {}
        return found

    def primary(self) -> str:
        """Return the host of the primary, as the lease says."""
        return wait_until("a primary", lambda: self.lease.look().host)

    def living(self) -> list[str]:
        """Return the hosts that are not dead."""
        return [name for name in self.names if name not in self.dead]

    def wait_until_whole(self, deadline: float = 60) -> float:
        """Return how many seconds it took until each living host had its workers and its master."""
        began = time.monotonic()
        wait_until("all hosts whole", self._is_whole, deadline)
        return time.monotonic() - began

    def _is_whole(self) -> bool:
        status = self.status()
        workers = Counter(
            worker["host"] for worker in status.get("workers", []) if worker["serves"] == "chat"
        )
        masters = [master["host"] for master in status.get("masters", [])]
        # The primary keeps three, in addition to the one that was started by hand.
        wanted = {name: WORKERS + (masters[:1] == [name]) for name in self.living()}
        return workers == wanted and set(masters) == set(wanted)

    # ---- faults ----

    def kill(self, name: str) -> float:
        """Cut the power of a host; return the time."""
        at = time.monotonic()
        self.network[name].kill()
        self.kills.append((name, time.monotonic()))
        self.dead.add(name)
        return at

    def revive(self, name: str) -> None:
        """Boot it, and start there what an init system would."""
        self.network[name].boot()
        self.dead.remove(name)
        self.start_on(name)

    # ---- the verdict ----

    def reigns(self) -> list[Reign]:
        """Return who commanded when, by the masters' own logs."""
        logs = [
            (name, path.read_text())
            for name in self.names
            for path in [self.root / f"{name}-chat-master.log", *self.root.glob(f"{name}/log/replica-*.log")]
        ]
        return ended_by(reigns(logs), self.kills)

    def violations(self) -> list[str]:
        """Return how the promises were broken; nothing if they were kept, and nothing failed."""
        reigns = self.reigns()
        evidence = Evidence(history.merge(self.conversation.history(), events(reigns)), self.log())
        logs = [*self.root.glob("*.log"), *self.root.glob("*/log/*.log")]
        return [
            *check(evidence),
            *self.lease.contradictions(reigns),
            *(f"errors: see {path}" for path in logs if TRACEBACK in path.read_text()),
        ]
