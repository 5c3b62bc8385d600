"""chatnet as a contender in the fan-out: one worker, where everybody follows one user."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from benchmarks import cluster, wire


class Feed:
    """A cluster of one worker, with its followers listening."""

    name = "chatnet"

    def __init__(
        self, running: cluster.Cluster, followers: int, poster: str = "poster", encrypted: bool = False
    ) -> None:
        self.pids: tuple[int, ...] = (running.workers[0].pid, running.master_pid)
        self.poster = running.connect([poster])[0]
        names = [f"{poster}-{number}" for number in range(followers)]
        self.followers = running.connect(names, encrypted)
        cluster.join(self.followers, poster)
        cluster.chat(self.followers)
        self._tags = itertools.count(1)

    def posts(self, count: int) -> bytes:
        return b"".join(wire.post(next(self._tags)) for _ in range(count))

    def read(self, stream: bytes) -> list[str]:
        return [entry.text for entry in wire.delivered(stream)]

    def heartbeat(self) -> None:
        """Send a ping: a session that is silent for long is taken for dead."""
        for connection in [*self.followers, self.poster]:
            connection.sendall(wire.PING)


@contextlib.contextmanager
def serving(directory: Path, followers: int) -> Iterator[Feed]:
    """Run the cluster for the length of the ``with``."""
    with cluster.running(directory, workers=1) as running:
        yield Feed(running, followers)
