"""What the primary says to a worker, once that is registered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.entries import Entry
from chatnet.errors import BadRequest, StaleEpoch
from chatnet.net.gate import Commanded
from chatnet.net.link import Link
from chatnet.wire.cluster import (
    MOST_PROCESSES,
    Kill,
    Load,
    OtherWorker,
    OtherWorkers,
    Shed,
    Shutdown,
    SpawnWorkers,
    WorkerIdentity,
)
from chatnet.wire.log import Committed
from chatnet.wire.table import Speaker


class Linked(Protocol):
    """A worker, as its uplink knows it: what it says of itself, and what it does when the primary says so."""

    def identity(self) -> WorkerIdentity:
        """Who it is."""

    def load(self) -> Load:
        """What it carries now."""

    def registered(self, link: Link, log_id: str, store: str) -> None:
        """The primary at the other end of ``link`` says which log there is, and where."""

    def detached(self) -> None:
        """That link is lost."""

    def committed(self, entries: Sequence[Entry]) -> None:
        """The primary pushes entries."""

    def reaches_store(self) -> bool:
        """Does a store answer it, though there be no primary?"""

    async def leader(self) -> Address | None:
        """Where the store says that the primary is; None if it does not, or cannot be asked."""

    def shed(self, count: int, soon: bool) -> None:
        """Have so many sessions move; ``soon``, without waiting for answers."""

    def other_workers(self, others: Sequence[OtherWorker], emptied: bool) -> None:
        """These workers take clients; ``emptied``: this one is to take none."""

    def spawn_workers(self, count: int) -> None:
        """Keep so many children."""

    def kill(self, pid: int, started: int) -> None:
        """End a process of this host that hangs."""

    def stop(self) -> None:
        """End this process."""

    def outgrown(self, sentence: str) -> None:
        """The log is above what this program understands: serve nothing more, and end."""

    def abandoned(self) -> None:
        """Each second from when nobody was reached for a minute."""


class FromPrimary(Commanded):
    """What the primary of ``epoch`` says to ``worker``."""

    speaker = Speaker.PRIMARY
    _logger = Logger()

    def __init__(self, worker: Linked, epoch: int) -> None:
        super().__init__(epoch)
        self._worker = worker

    @Committed.responder
    def committed(self, epoch: int, entries: list[Entry]) -> dict[str, Any]:
        try:
            self.check(epoch)
        except StaleEpoch as stale:
            # Nobody is told by an answer; and what is passed over here would be missing in the log.
            self._logger.error("{peer} pushes entries, but: {why}", peer=self.link.peer(), why=str(stale))
            self.link.abort()
            return {}
        self._worker.committed(entries)
        return {}

    @Shutdown.responder
    def shutdown(self, epoch: int) -> dict[str, Any]:
        self.check(epoch)
        self._worker.stop()
        return {}

    @Shed.responder
    def shed(self, epoch: int, count: int, soon: bool) -> dict[str, Any]:
        self.check(epoch)
        self._worker.shed(count, soon)
        return {}

    @OtherWorkers.responder
    def other_workers(self, epoch: int, workers: list[OtherWorker], emptied: bool) -> dict[str, Any]:
        self.check(epoch)
        self._worker.other_workers(workers, emptied)
        return {}

    @SpawnWorkers.responder
    def spawn_workers(self, epoch: int, count: int) -> dict[str, Any]:
        self.check(epoch)
        if count > MOST_PROCESSES:
            raise BadRequest.of(why=f"{count} workers are too many; at most {MOST_PROCESSES} are kept.")
        self._worker.spawn_workers(count)
        return {}

    @Kill.responder
    def kill(self, epoch: int, pid: int, started: int) -> dict[str, Any]:
        self.check(epoch)
        self._worker.kill(pid, started)
        return {}
