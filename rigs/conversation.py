"""The process of recorded users (see talkers), as a test starts and controls it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from chatnet.testing import history
from chatnet.testing.history import Acknowledged, Event, Refused, Sent
from rigs.processes import DEADLINE, Cluster, Lines, NotInTime, wait_until

READY_SECONDS = SETTLED_SECONDS = 60.0
"""Seconds until all must have joined each other, and until everything must be answered and read."""


class Conversation:
    """Users who talk, from now on; their record is under ``root``.

    ``start`` starts a program, with a pipe for its input and one for its output. ``options`` are those of
    talkers; without a mark in them, nobody is killed together with the users.
    """

    def __init__(
        self,
        start: Callable[..., subprocess.Popen[bytes]],
        root: Path,
        *options: str,
        mark: str = "NONE=NONE",
    ) -> None:
        self._history, self.log = root / "history", root / "talkers.log"
        self._events: list[Event] = []
        self._read_bytes = 0
        self._process = start(
            "python", "-m", "rigs.talkers", *options,
            "--history", str(self._history), "--log", str(self.log), "--mark", mark,
        )  # fmt: skip
        self._said = Lines(self._process)
        self._said.find("ready", READY_SECONDS)

    @classmethod
    def on(cls, cluster: Cluster, users: int, rate: float, *options: str) -> Self:
        """Return ``users`` of the cluster, who all together post at this ``rate``."""
        options = ("--master", cluster.address, "--users", str(users), "--rate", str(rate), *options)
        return cls(cluster.popen_talking, cluster.root, *options, mark=cluster.mark)

    @property
    def pid(self) -> int:
        """The process in which they all are."""
        return self._process.pid

    def settle(self) -> None:
        """Let them stop posting; wait until everything is answered, and read by all. Then they leave.

        :raises NotInTime: the text says who lacks what.
        """
        self._tell("hush")
        try:
            self._said.find("settled", SETTLED_SECONDS)
        except NotInTime:
            self._tell("lacking")
            raise NotInTime(self._said.find("lacking: .*")) from None
        self._tell("end")
        self._process.wait(DEADLINE)

    def wait_until_answered(self) -> None:
        """Wait until everything sent before now is answered."""
        now = time.monotonic()
        wait_until("all is answered", lambda: not _unanswered(self.history(), now), SETTLED_SECONDS)

    def history(self) -> list[Event]:
        """Return what they recorded so far. Each line is read once: some callers look often."""
        with self._history.open("rb") as lines:
            lines.seek(self._read_bytes)
            whole, end, _ = lines.read().rpartition(b"\n")
        self._read_bytes += len(whole) + len(end)
        self._events += history.read((whole + end).splitlines(keepends=True))
        return list(self._events)

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()


def _unanswered(events: list[Event], until: float) -> set[bytes]:
    """Return the keys of the drafts that were sent up to then, and are not answered yet."""
    sent = {event.key for event in events if isinstance(event, Sent) and event.time <= until}
    return sent - {event.key for event in events if isinstance(event, Acknowledged | Refused)}
