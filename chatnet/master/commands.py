"""Commands to workers and replicas. Each carries its epoch: when that is over, nobody obeys it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.imprints import Imprint
from chatnet.marks import UserMark
from chatnet.net.link import Link
from chatnet.presence import Present
from chatnet.typists import Typist
from chatnet.wire.arguments import Command
from chatnet.wire.cluster import (
    Kill,
    OtherWorker,
    OtherWorkers,
    Shed,
    Shutdown,
    SpawnFronts,
    SpawnWorkers,
    WorkerIdentity,
)
from chatnet.wire.imprints import ImprintsTold
from chatnet.wire.marks import MarksTold
from chatnet.wire.presence import PresenceTold
from chatnet.wire.typists import TypistsTold


class Subordinate(Protocol):
    """A worker or a replica, while its link lasts."""

    @property
    def name(self) -> str:
        """Its name in a sentence."""

    @property
    def link(self) -> Link:
        """The link to it."""


class Commands:
    """Sends the commands of the primary of ``epoch``.

    Each method that returns a Deferred fires with whether the receiver obeys. If not, it refused, or the link
    was lost: that is only logged. The effect of a command shows in who is linked, and in what they report.
    """

    _logger = Logger()

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def shut_down(self, who: Subordinate) -> Deferred[bool]:
        """Stop, as at SIGTERM."""
        return self._give(who, Shutdown)

    def shed(
        self, worker: Subordinate, count: int, shared: bool = False, soon: bool = False
    ) -> Deferred[bool]:
        """Move ``count`` sessions to other workers, instead of an earlier number of those that came by a
        ``shared`` port, or of the others; ``soon`` hurries them."""
        return self._give(worker, Shed, count=count, shared=shared, soon=soon)

    def other_workers(
        self, worker: Subordinate, others: Sequence[OtherWorker], emptied: bool
    ) -> Deferred[bool]:
        """Remember that ``others`` take clients; ``emptied``: and that this worker must take none."""
        return self._give(worker, OtherWorkers, workers=others, emptied=emptied)

    def spawn_workers(self, worker: Subordinate, count: int) -> Deferred[bool]:
        """Keep ``count`` workers running beside yourself, as your children."""
        return self._give(worker, SpawnWorkers, count=count)

    def spawn_fronts(self, worker: Subordinate, count: int) -> Deferred[bool]:
        """Keep ``count`` IRC fronts running beside yourself, as your children."""
        return self._give(worker, SpawnFronts, count=count)

    def kill(self, worker: Subordinate, hung: WorkerIdentity) -> Deferred[bool]:
        """Kill ``hung``, a process on your host."""
        return self._give(worker, Kill, pid=hung.pid, started=hung.started)

    def tell_marks(self, worker: Subordinate, marks: Sequence[UserMark]) -> None:
        """Tell your users' sessions of ``marks``, which were set on another worker."""
        worker.link.callRemote(MarksTold, epoch=self.epoch, marks=marks)

    def tell_presence(
        self, worker: Subordinate, begins: bool, goes_on: bool, people: Sequence[Present]
    ) -> None:
        """Know of ``people`` that they are on other workers, or no longer."""
        worker.link.callRemote(PresenceTold, epoch=self.epoch, begins=begins, goes_on=goes_on, people=people)

    def tell_imprints(self, worker: Subordinate, imprints: Sequence[Imprint]) -> None:
        """Know the passwords that have left these ``imprints``."""
        worker.link.callRemote(ImprintsTold, epoch=self.epoch, imprints=imprints)

    def tell_typists(self, worker: Subordinate, typists: Sequence[Typist]) -> None:
        """Know that ``typists`` are typing, on whatever worker."""
        worker.link.callRemote(TypistsTold, epoch=self.epoch, typists=typists)

    def _give(self, who: Subordinate, order: type[Command], **arguments: Any) -> Deferred[bool]:
        answered = who.link.callRemote(order, epoch=self.epoch, **arguments)
        return answered.addCallbacks(lambda _: True, self._not_obeyed, errbackArgs=(who, order))

    def _not_obeyed(self, failure: Failure, who: Subordinate, order: type[Command]) -> bool:
        self._logger.info(
            "{name} did not obey {order}: {why}", name=who.name, order=order.__name__, why=failure.value
        )
        return False
