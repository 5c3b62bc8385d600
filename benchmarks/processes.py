"""What a bench starts, and ends: by its pid, whatever happens."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

STOP_SECONDS = 10.0
"""How long a process may take to stop by itself before it is killed."""


class TooSlow(Exception):
    """Something did not happen in its time; the sentence says what."""


@contextlib.contextmanager
def started(argv: Sequence[str], directory: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for the length of the ``with``, its output in ``directory/name.out``.

    In a session of its own, so that Ctrl-C reaches the bench alone, which then stops it: by SIGTERM, and
    after ten seconds by SIGKILL to it and its children.
    """
    with (directory / f"{name}.out").open("wb") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        family = [process.pid, *children(process.pid)]
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def children(pid: int) -> list[int]:
    """The pids of the children of ``pid`` that live now."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def resident_bytes(pid: int) -> int:
    """The resident memory of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise TooSlow(f"process {pid} is gone")


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used, its threads together."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A directory on the disk (not in memory: fsync must cost what it costs), gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="chatnet-bench-", dir="/var/tmp") as name:
        yield Path(name)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(happened: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Look every 50 ms whether it happened.

    :raises TooSlow: not in time.
    """
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TooSlow(f"{what} did not happen in {seconds:g} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Does somebody accept connections on this port of 127.0.0.1?"""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def raise_file_limit() -> None:
    """As many open files as the system lets this process have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def exit_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does: what it started is ended first."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
