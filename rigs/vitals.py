"""What real processes use and log: memory, descriptors, threads, waits for a processor, log lines."""

from __future__ import annotations

import re
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rigs.chaos import TRACEBACK
from rigs.stalls import Stalls

LOOK_SECONDS = 0.02
"""Seconds between two checks how long processes had to wait."""
LONGEST_WAIT = 5.0
"""The longest time that a process waits for a processor, or the machine stands still, in seconds."""
_COMPLAINT = re.compile(rf"\[[^\]]*#(warn|error|critical)\]|{re.escape(TRACEBACK)}|Unhandled")


@dataclass(frozen=True)
class Vitals:
    """The vitals of one process. ``resident`` is in bytes."""

    resident: int
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Vitals:
        """Return the vitals of ``pid``.

        :raises OSError: it is gone.
        """
        status = Path(f"/proc/{pid}/status").read_text()
        resident, threads = (int(_field(name, status)) for name in ("VmRSS", "Threads"))
        return cls(resident * 1024, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()), threads)


def _field(name: str, status: str) -> str:
    found = re.search(rf"^{name}:\s*(\d+)", status, re.MULTILINE)
    if found is None:
        raise ProcessLookupError(name)
    return found[1]


class Waiting:
    """When processes waited for a processor, or the machine stood still: what it adds to everything that they
    do.

    A process that is stopped, or blocked by its own work, does not wait in this sense.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._waits, self._stalls = Spans(), Spans()
        self._last: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._watching = Stalls(self._stalls.add)

    def start(self) -> None:
        """Start looking."""
        self._watching.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop looking, if it was not stopped before."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join()
        self._watching.stop()

    @property
    def watchers(self) -> int:
        """The pid of those that watch the machine itself."""
        return self._watching.pid

    def between(self, since: float, until: float) -> float:
        """Return for how many seconds any of them waited from ``since`` to ``until``; double if two of them
        did.

        What one process waits for is often done by another, which has waited before. Of many that wait at the
        same time, most have nothing to do with it.
        """
        changes: list[tuple[float, int]] = []
        for start, end in (*self._waits.between(since, until), *self._stalls.between(since, until)):
            changes += ((max(start, since), 1), (min(end, until), -1))
        waited, depth, last = 0.0, 0, since
        for when, change in sorted(changes):
            waited += min(depth, 2) * (when - last)
            depth, last = depth + change, when
        return waited

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            now = time.monotonic()
            for name, waited in _waits(self._pids()):
                # Nothing is known of a new thread before this; the kernel counts a wait when it ends.
                if waited > (last := self._last.get(name, waited)):
                    self._waits.add(now - (waited - last), now)
                self._last[name] = waited


class Spans:
    """Spans of time, in the order of their ends."""

    def __init__(self) -> None:
        self._ends: list[float] = []
        self._starts: list[float] = []

    def add(self, start: float, end: float) -> None:
        """Add one that ends behind all others, or nearly so."""
        self._starts.append(start)
        self._ends.append(max(end, self._ends[-1] if self._ends else end))

    def between(self, since: float, until: float) -> Iterator[tuple[float, float]]:
        """Yield those of which a part lies between ``since`` and ``until``."""
        for at in range(bisect_left(self._ends, since), bisect_left(self._ends, until + LONGEST_WAIT)):
            if self._starts[at] < until:
                yield self._starts[at], self._ends[at]


def _waits(pids: Iterable[int]) -> Iterator[tuple[str, float]]:
    for pid in pids:
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                yield task.name, int((task / "schedstat").read_text().split()[1]) / 1e9
        except OSError:
            continue


class Logs:
    """What is written to the files that match ``patterns`` below ``root``, from now on."""

    def __init__(self, root: Path, *patterns: str) -> None:
        self._root = root
        self._patterns = patterns
        self._before = {path: path.stat().st_size for path in self._paths()}

    def grown(self) -> int:
        """Return by how many bytes they grew."""
        return sum(path.stat().st_size - self._before.get(path, 0) for path in self._paths())

    def complaints(self) -> list[str]:
        """Return the lines since then that begin a warning, an error or a traceback."""
        return [f"{path.name}: {line}" for path in self._paths() for line in self._lines(path)]

    def _lines(self, path: Path) -> Iterator[str]:
        with path.open("rb") as file:
            file.seek(self._before.get(path, 0))
            for line in file:
                text = line.decode("utf-8", "replace").rstrip()
                if _COMPLAINT.search(text):
                    yield text

    def _paths(self) -> list[Path]:
        return [path for pattern in self._patterns for path in self._root.glob(pattern)]
