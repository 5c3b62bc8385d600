"""Real twistd processes, for end-to-end tests, chaos and benchmarks: a cluster, and a client at its terminal.

Everything waits for an event until a deadline, in seconds, and never merely sleeps. All processes have a mark
in their environment, so that the cluster knows of each one that is left, whoever started it.
"""

from __future__ import annotations

import errno
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from chatnet.addresses import parse_masters
from chatnet.auth import find_token
from chatnet.errors import CannotStart
from chatnet.operator.status import as_json
from chatnet.store.lease import FlockLease
from chatnet.world.real import RealFiles
from rigs.status import ask_status

DEADLINE = 30.0
"""Seconds to wait for what should take a moment: the machine may be busy."""

_BIN = Path(sys.executable).parent


class NotInTime(AssertionError):
    """What was waited for did not come."""


_ports = list(range(11_000, 32_000))
"""Ports that no connection has by chance, each to be given once. None is one that browsers refuse."""
random.Random(os.getpid()).shuffle(_ports)


def free_port() -> int:
    """Return a port of loopback that nobody listens on; never the same twice in a process."""
    while True:
        port = _ports.pop()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as why:
                if why.errno != errno.EADDRINUSE:
                    raise
            else:
                return port


def wait_until(what: str, true: Callable[[], Any], deadline: float = DEADLINE) -> Any:
    """Call ``true`` again and again until it is; return its value.

    :raises NotInTime: it was not within ``deadline`` seconds.
    """
    end = time.monotonic() + deadline
    while not (value := true()):
        if time.monotonic() > end:
            raise NotInTime(f"{what}: not within {deadline} s")
        select.select([], [], [], 0.02)
    return value


class Lines:
    """The standard output of a process, read line by line with a deadline."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._stream = process.stdout.fileno()
        self._partial = b""
        self._lines: list[str] = []
        self.seen: list[str] = []

    def next(self, deadline: float = DEADLINE) -> str:
        """Return the next line.

        :raises NotInTime: none came in time.
        :raises EOFError: the process closed its output.
        """
        end = time.monotonic() + deadline
        while not self._lines:
            ready, _, _ = select.select([self._stream], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise NotInTime(f"no line within {deadline} s; so far: {self.seen[-20:]}")
            chunk = os.read(self._stream, 65536)
            if not chunk:
                raise EOFError(f"the output ended; so far: {self.seen[-20:]}")
            *whole, self._partial = (self._partial + chunk).split(b"\n")
            self._lines += [line.decode() for line in whole]
        line = self._lines.pop(0)
        self.seen.append(line)
        return line

    def find(self, pattern: str, deadline: float = DEADLINE) -> str:
        """Return the next line that matches ``pattern`` as a whole; skip those before it."""
        end = time.monotonic() + deadline
        while True:
            line = self.next(max(0.0, end - time.monotonic()))
            if re.fullmatch(pattern, line):
                return line

    def rest(self, deadline: float = DEADLINE) -> list[str]:
        """Return all lines until the output ends."""
        found = []
        while True:
            try:
                found.append(self.next(deadline))
            except EOFError:
                return found


class Terminal:
    """``twistd -n chat-client NAME`` with pipes for a terminal: the plain lines of the contract."""

    def __init__(self, cluster: Cluster, name: str, *options: str) -> None:
        self.name = name
        self.process = cluster.popen(
            "twistd", "-n", "chat-client", "--master", cluster.address, *options, name, stdin=subprocess.PIPE
        )
        self.lines = Lines(self.process)

    def type(self, *lines: str) -> None:
        """Type lines, each with its line end."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.process.stdin.flush()

    def expect(self, *lines: str, deadline: float = DEADLINE) -> None:
        """Check that exactly these lines come next."""
        for line in lines:
            shown = self.lines.next(deadline)
            assert shown == line, (
                f"{self.name} sees {shown!r}, not {line!r}; before: {self.lines.seen[-9:-1]}"
            )

    def end(self, deadline: float = DEADLINE) -> tuple[int, list[str]]:
        """End the input; return the exit status, and the lines that were not read."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        rest = self.lines.rest(deadline)
        return self.process.wait(deadline), rest


class Cluster:
    """One master and its workers on loopback, with its data, configuration and logs under ``root``.

    ``environ`` is added to the environment of all its programs.
    """

    def __init__(
        self, root: Path, *options: str, port: int | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self.root = root
        self.data = root / "data"
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.options = options
        self.environ = environ or {}
        self.mark = f"CHATNET_TEST={uuid.uuid4()}"
        self.lease = FlockLease(RealFiles(), self.data)
        self.master: subprocess.Popen[bytes] | None = None
        self._started: list[subprocess.Popen[bytes]] = []

    def popen(
        self,
        program: str,
        *arguments: str,
        stdin: int = subprocess.DEVNULL,
        environ: Mapping[str, str] | None = None,
        stdout: int | IO[bytes] = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start a program of this virtual environment, marked; its output is readable, or in ``stdout``."""
        name, _, value = self.mark.partition("=")
        config = self.root / "config"
        config.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [str(_BIN / program), *arguments],
            cwd=self.root,
            env={**os.environ, "XDG_CONFIG_HOME": str(config), name: value}
            | {**self.environ, **(environ or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
        )
        self._started.append(process)
        return process

    def popen_talking(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program with pipes for its input and output."""
        return self.popen(program, *arguments, stdin=subprocess.PIPE)

    def run(self, program: str, *arguments: str, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Run a program to its end; return its exit status and output."""
        process = self.popen(program, *arguments, environ=environ)
        output, _ = process.communicate(timeout=DEADLINE)
        return process.returncode, output.decode()

    def start(self) -> None:
        """Start the master and wait until it says that the cluster is up."""
        Lines(self.launch()).find(r"chatnet is up.*")

    def start_logged(self, log: Path) -> None:
        """Start the master, with its output in a file, and wait for its three workers."""
        with log.open("wb") as output:
            self.launch(output)
        self.workers(3)

    def launch(self, stdout: int | IO[bytes] = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """Start the master, and wait for nothing. It hangs once a pipe that nobody reads is full."""
        self.master = self.popen(
            "twistd", "-n", "--pidfile=", "chat-master", "--data", str(self.data),
            "--listen", self.address, "--new-names", "0", *self.options, stdout=stdout,
        )  # fmt: skip
        return self.master

    def status(self) -> dict[str, Any]:
        """Return what ``chatnet status --json`` prints; empty while nobody answers."""
        try:
            token = find_token(RealFiles(), {**os.environ, **self.environ}, None, self.data)
        except CannotStart:
            return {}  # it has not started yet
        found = ask_status(parse_masters(self.address)[0], token)
        status: dict[str, Any] = {} if found is None else json.loads(as_json(found))
        return status

    def workers(self, count: int, deadline: float = DEADLINE, serves: str = "chat") -> list[dict[str, Any]]:
        """Return the workers, or the fronts for what they serve, once ``count`` let users in."""

        def all_there() -> list[dict[str, Any]]:
            all_workers: list[dict[str, Any]] = self.status().get("workers", [])
            found = [worker for worker in all_workers if worker["serves"] == serves]
            # One of the last release does not say whether it is opening.
            return found if [bool(one.get("opening")) for one in found] == [False] * count else []

        workers: list[dict[str, Any]] = wait_until(f"{count} that serve {serves}", all_there, deadline)
        return workers

    def masters(self, count: int = 3, deadline: float = DEADLINE) -> list[dict[str, Any]]:
        """Return the masters, the primary first, once there are ``count``."""

        def all_there() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self.status().get("masters", [])
            return found if len(found) == count else []

        masters: list[dict[str, Any]] = wait_until(f"{count} masters", all_there, deadline)
        return masters

    def primary(self) -> int:
        """Return the pid of the lease's holder; 0 if there is none."""
        holder = self.lease.holder() if self.data.is_dir() else None
        return holder.pid if holder is not None else 0

    def terminal(self, name: str, *options: str) -> Terminal:
        """Return a client that is logged in."""
        terminal = Terminal(self, name, *options)
        terminal.expect(f"Logged in as {name}.")
        return terminal

    def alive(self) -> list[int]:
        """Return the pids of all living processes of this cluster, including clients."""
        return marked(self.mark)

    def kill_everything(self) -> None:
        """Kill every process of this cluster at once, and wait until all are dead."""
        # Again and again: a dying process may just have started another.
        wait_until("all processes dead", lambda: not kill_marked(self.mark))
        for process in self._started:
            process.wait(DEADLINE)

    def close(self) -> None:
        """End whatever is left, at the end of a test."""
        self.kill_everything()
        for process in self._started:
            close_streams(process)


def marked(mark: str) -> list[int]:
    """Return the pids of all living processes that have ``mark``, NAME=VALUE, in their environment."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _has(entry, mark) and _lives(entry)
    ]


def kill_marked(mark: str, but: int = 0) -> list[int]:
    """Kill all of those except ``but``; return their pids."""
    pids = [pid for pid in marked(mark) if pid != but]
    for pid in pids:
        send(pid, signal.SIGKILL)
    return pids


def runs(pid: int, program: str) -> bool:
    """Return whether the process was started as this program of twistd's."""
    try:
        return program.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _has(entry: Path, mark: str) -> bool:
    try:
        return mark.encode() in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _lives(entry: Path) -> bool:
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def send(pid: int, signal_number: int) -> None:
    """Send a signal; harmless if the process is gone."""
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return


def close_streams(process: subprocess.Popen[bytes]) -> None:
    """Close our ends of the process's input and output."""
    for stream in (process.stdin, process.stdout):
        if stream is not None and not stream.closed:
            _close_quietly(stream)


def _close_quietly(stream: Any) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return
