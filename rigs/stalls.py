"""``python -m rigs.stalls``: watches, on each processor, whether the machine itself stands still.

A machine that others share takes its processors away now and then, all at once or one of them, for tens of
milliseconds or more, and nothing that runs on it is told. A watcher that does nothing but sleep, on a
processor of its own choice, then wakes up late; what chatnet does never keeps it from waking, because it
comes first. It prints a line for each time that it woke up late: since when, and until when, in seconds of
the monotonic clock. It ends with its standard input.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

NAP_SECONDS = 0.005
"""How long a watcher sleeps at a time."""
LATE_SECONDS = 0.01
"""A watcher that wakes up later than this has seen the machine stand still."""
_FIRST = -20


class Stalls:
    """When the machine stood still, while this is started. ``saw`` is called with each such time, in a thread
    of its own: since when and until when."""

    def __init__(self, saw: Callable[[float, float], None]) -> None:
        self._saw = saw
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        """Start the watchers."""
        argv = [sys.executable, "-m", "rigs.stalls"]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The pid of the watchers' process."""
        return self._process.pid

    def stop(self) -> None:
        """Stop them; what they saw is told."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._thread.join()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                since, until = map(float, line.split())
                self._saw(since, until)


def watch(processor: int) -> None:
    """Watch one processor for ever."""
    os.sched_setaffinity(0, {processor})  # of this thread
    while True:
        slept = time.monotonic()
        time.sleep(NAP_SECONDS)
        woke = time.monotonic()
        if woke - slept - NAP_SECONDS > LATE_SECONDS:
            os.write(1, f"{slept + NAP_SECONDS} {woke}\n".encode())


def main() -> None:
    """Watch all processors until the standard input ends."""
    with contextlib.suppress(PermissionError):  # only root may come first; others come soon
        os.setpriority(os.PRIO_PROCESS, 0, _FIRST)
    for processor in sorted(os.sched_getaffinity(0)):
        threading.Thread(target=watch, args=(processor,), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
