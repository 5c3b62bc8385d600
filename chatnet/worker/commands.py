"""The primary's commands to a registered worker."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.entries import Entry
from chatnet.errors import BadRequest, StaleEpoch
from chatnet.imprints import Imprint
from chatnet.marks import UserMark
from chatnet.net.gate import Commanded
from chatnet.net.link import Link
from chatnet.presence import Present
from chatnet.typists import Typist
from chatnet.wire.cluster import (
    MOST_PROCESSES,
    Kill,
    Load,
    OtherWorker,
    OtherWorkers,
    Shed,
    Shutdown,
    SpawnFronts,
    SpawnWorkers,
    WorkerIdentity,
)
from chatnet.wire.common import Ping
from chatnet.wire.imprints import ImprintsTold
from chatnet.wire.log import Committed
from chatnet.wire.marks import MarksTold
from chatnet.wire.presence import PresenceTold
from chatnet.wire.table import Speaker
from chatnet.wire.typists import TypistsTold


class Linked(Protocol):
    """A worker, as its uplink sees it: what it reports, and what it does at the primary's command."""

    def identity(self) -> WorkerIdentity:
        """Return who the worker is."""

    def load(self) -> Load:
        """Return what it carries now."""

    def registered(self, link: Link, log_id: str, store: str, lanes: Collection[str] = ()) -> None:
        """The primary at the other end of ``link`` has registered it, and said which log, and where; and what
        it wants to be told beside that: those of :data:`~chatnet.wire.cluster.LANES`."""

    def detached(self) -> None:
        """The link to the primary is lost."""

    def heard(self) -> None:
        """The primary has sent a sign of life."""

    def committed(self, entries: Sequence[Entry]) -> None:
        """The primary has pushed entries."""

    def marks_told(self, marks: Sequence[UserMark]) -> None:
        """Users of other workers have set ``marks``, and they are kept."""

    def presence_told(self, people: Sequence[Present], begins: bool, goes_on: bool) -> None:
        """The primary has told who is on other workers."""

    def imprints_told(self, imprints: Sequence[Imprint]) -> None:
        """The primary has told which passwords were right elsewhere."""

    def typists_told(self, typists: Sequence[Typist]) -> None:
        """The primary has told who is typing, here or elsewhere."""

    def reaches_store(self) -> bool:
        """Return whether the worker reaches a store, even without a primary."""

    async def leader(self) -> Address | None:
        """Return where the store says that the primary is; None if the store does not know or answer."""

    def shed(self, count: int, shared: bool, soon: bool) -> None:
        """Move ``count`` sessions, that came by a shared port or not, to other workers; ``soon``: without
        waiting for answers."""

    def other_workers(self, others: Sequence[OtherWorker], emptied: bool) -> None:
        """These workers take clients; ``emptied``: this one must take none."""

    def spawn_workers(self, count: int) -> None:
        """Keep ``count`` workers running as children."""

    def spawn_fronts(self, count: int) -> None:
        """Keep ``count`` IRC fronts running as children."""

    def kill(self, pid: int, started: int) -> None:
        """Kill a process of this host that hangs."""

    def stop(self) -> None:
        """Stop this process."""

    def outgrown(self, sentence: str) -> None:
        """The log needs a newer program, as ``sentence`` says: stop serving, and end."""

    def abandoned(self) -> None:
        """Called each second once no primary was reached for a minute."""


class FromPrimary(Commanded):
    """The commands of the primary of ``epoch`` to ``worker``."""

    speaker = Speaker.PRIMARY
    _logger = Logger()

    def __init__(self, worker: Linked, epoch: int) -> None:
        super().__init__(epoch)
        self._worker = worker

    @Ping.responder
    def pinged(self, seq: int | None, check: bytes | None) -> dict[str, Any]:
        self._worker.heard()
        return {}

    @Committed.responder
    def committed(self, epoch: int, entries: list[Entry]) -> dict[str, Any]:
        try:
            self.check(epoch)
        except StaleEpoch as stale:
            # No answer tells the primary; and entries ignored here would be missing in our copy of the log.
            self._logger.error("{peer} pushes entries, but: {why}", peer=self.link.peer(), why=str(stale))
            self.link.abort()
            return {}
        self._worker.committed(entries)
        return {}

    @MarksTold.responder
    def marks_told(self, epoch: int, marks: list[UserMark]) -> dict[str, Any]:
        if epoch == self._epoch:  # no answer could say that it is not
            self._worker.marks_told(marks)
        return {}

    @PresenceTold.responder
    def presence_told(self, epoch: int, begins: bool, goes_on: bool, people: list[Present]) -> dict[str, Any]:
        if epoch == self._epoch:  # no answer could say that it is not
            self._worker.presence_told(people, begins, goes_on)
        return {}

    @ImprintsTold.responder
    def imprints_told(self, epoch: int, imprints: list[Imprint]) -> dict[str, Any]:
        if epoch == self._epoch:  # no answer could say that it is not
            self._worker.imprints_told(imprints)
        return {}

    @TypistsTold.responder
    def typists_told(self, epoch: int, typists: list[Typist]) -> dict[str, Any]:
        if epoch == self._epoch:  # no answer could say that it is not
            self._worker.typists_told(typists)
        return {}

    @Shutdown.responder
    def shutdown(self, epoch: int) -> dict[str, Any]:
        self.check(epoch)
        self._worker.stop()
        return {}

    @Shed.responder
    def shed(self, epoch: int, count: int, shared: bool, soon: bool) -> dict[str, Any]:
        self.check(epoch)
        self._worker.shed(count, shared, soon)
        return {}

    @OtherWorkers.responder
    def other_workers(self, epoch: int, workers: list[OtherWorker], emptied: bool) -> dict[str, Any]:
        self.check(epoch)
        self._worker.other_workers(workers, emptied)
        return {}

    @SpawnWorkers.responder
    def spawn_workers(self, epoch: int, count: int) -> dict[str, Any]:
        self.check(epoch)
        _check_count(count)
        self._worker.spawn_workers(count)
        return {}

    @SpawnFronts.responder
    def spawn_fronts(self, epoch: int, count: int) -> dict[str, Any]:
        self.check(epoch)
        _check_count(count)
        self._worker.spawn_fronts(count)
        return {}

    @Kill.responder
    def kill(self, epoch: int, pid: int, started: int) -> dict[str, Any]:
        self.check(epoch)
        self._worker.kill(pid, started)
        return {}


def _check_count(count: int) -> None:
    if count > MOST_PROCESSES:
        raise BadRequest.of(why=f"{count} workers are too many; at most {MOST_PROCESSES} are kept.")
