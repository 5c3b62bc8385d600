"""Bugs in how the cluster is kept: which processes are taken for dead, and which are counted."""

from __future__ import annotations

import math

from simulation.mutants.planting import Put

from chatnet.master.own_host import OwnWorkers
from chatnet.master.registry import Registration
from chatnet.net.link import Link
from chatnet.net.pulse import Pulse


def a_watcher_that_slept_judges(put: Put) -> None:
    """A process measures silence by the clock even if it was itself stopped."""

    def beat(self: Pulse) -> None:
        asleep = self._monotonic() - self._last - self._tick
        for link in self._links:
            link.silent += max(0.0, asleep)
        real(self)

    put(Pulse, "LATE", math.inf)
    real = put(Pulse, "_beat", beat)


def adopted_workers_are_not_counted(put: Put) -> None:
    """A new primary starts a full set of workers in addition to those that its predecessor left."""

    def adopted(self: OwnWorkers) -> list[Registration[Link]]:
        return []

    put(OwnWorkers, "adopted", adopted)
