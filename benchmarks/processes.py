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
"""Seconds that a process has to stop by itself before it is killed."""


class TooSlow(Exception):
    """Something did not happen in its time; the sentence says what."""


@contextlib.contextmanager
def started(argv: Sequence[str], directory: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for the length of the ``with``, its output in ``directory/name.out``.

    It has its own session, so that Ctrl-C reaches only the bench, which then stops it: by SIGTERM, and after
    ten seconds by SIGKILL to all that is left of it.
    """
    with (directory / f"{name}.out").open("wb") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        # Its whole session: what it started may have started more, and would go on without it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def children(pid: int) -> list[int]:
    """Return the pids of the living children of ``pid``."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise TooSlow(f"process {pid} is gone")


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, in all its threads."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Make a directory on the disk (not in memory: fsync must have its real cost), removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="chatnet-bench-", dir="/var/tmp") as name:
        yield Path(name)


def wait_until(happened: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Check every 50 ms whether it happened.

    :raises TooSlow: it did not happen in time.
    """
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TooSlow(f"{what} did not happen in {seconds:g} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Return whether somebody accepts connections on this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def exit_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does: what it started is ended first."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
