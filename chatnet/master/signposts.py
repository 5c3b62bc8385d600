"""Tells each worker where its clients can go when it is gone, so that they need not ask a master."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from chatnet.master.commands import Commands
from chatnet.master.placement import address_beside
from chatnet.master.registry import Registration, Registry
from chatnet.net.link import Link
from chatnet.net.timer import Timer
from chatnet.wire.cluster import MOST_TOLD, OtherWorker

LOOK_SECONDS = 1.0
"""Seconds between two checks for news to a worker: as often as workers report."""

Known = tuple[Sequence[tuple[Registration[Link], str]], bool]
"""The other workers that a worker knows, with their keys, and whether it must take no clients."""


class Signposts:
    """Tells all workers in ``registry``. ``here`` is the primary's host."""

    def __init__(self, commands: Commands, here: str, registry: Registry[Link], clock: IReactorTime) -> None:
        self._commands = commands
        self._here = here
        self._registry = registry
        self._told: dict[Registration[Link], Known] = {}
        self._looking = Timer(clock, LOOK_SECONDS, self._look, "Cannot tell the workers of each other")

    def start(self) -> None:
        """Look from now on."""
        self._looking.start()

    def stop(self) -> None:
        """Stop looking."""
        self._looking.stop()

    def _look(self) -> None:
        ring = sorted(self._registry.open().values(), key=_id)
        before, self._told = self._told, {}
        for worker in self._registry.workers():
            if worker.reported is None:
                continue
            # Clients of IRC know no other place; but a front must know whether to let them in.
            others = () if worker.is_front else neighbours(worker, ring)
            known = [(other, other.key) for other in others], worker.draining or worker.leaving
            self._told[worker] = known
            # Also an empty list: it may know some from the last primary.
            if known != before.get(worker):
                self._commands.other_workers(worker, [self._beside(worker, one) for one in others], known[1])

    def _beside(self, worker: Registration[Link], other: Registration[Link]) -> OtherWorker:
        ours, theirs = worker.link.transport, other.link.transport
        return address_beside(
            worker.identity,
            ours.getPeer().host,
            other.identity,
            theirs.getPeer().host,
            self._here,
            ours.getHost().host,
            other.key,
        )


def neighbours(
    worker: Registration[Link], ring: Sequence[Registration[Link]]
) -> Sequence[Registration[Link]]:
    """Return the workers that follow ``worker`` in ``ring``, which is sorted by id: as many as it is told.

    Ids are random, so each worker is told to as many others; and few lists change when one comes or goes.
    """
    at = bisect(ring, worker.identity.id, key=_id)
    return tuple(other for other in [*ring[at:], *ring[:at]] if other is not worker)[:MOST_TOLD]


def _id(worker: Registration[Link]) -> str:
    return worker.identity.id
