"""How many workers other hosts have, and what is to be done about it. Pure.

Only a process of a host can start another one there: so a worker is told how many children of its own to
keep. That is their number in all: a command that comes twice, or before a child is up, does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chatnet.master.registry import Registration
from chatnet.wire.cluster import WorkerIdentity

PATIENCE_SECONDS = 3.0
"""For how long workers may be too few, or one that fell silent away, before anything is done."""

DRAIN_SECONDS = 2.0
"""For how long clients that were sent to a host may still arrive, once it is to be emptied."""

L = TypeVar("L")


@dataclass(frozen=True)
class SpawnWorkers(Generic[L]):
    """``parent`` is to keep ``count`` children, because of ``why``."""

    parent: Registration[L]
    count: int
    why: str


@dataclass(frozen=True)
class Shed(Generic[L]):
    """``worker`` is to move ``count`` sessions elsewhere."""

    worker: Registration[L]
    count: int


@dataclass(frozen=True)
class Shutdown(Generic[L]):
    """``worker`` is to stop, because of ``why``."""

    worker: Registration[L]
    why: str


@dataclass(frozen=True)
class Kill(Generic[L]):
    """``hung`` is to be killed by ``by``, a worker of its host."""

    by: Registration[L]
    hung: WorkerIdentity


Step = SpawnWorkers[L] | Shed[L] | Shutdown[L] | Kill[L]


def is_child(worker: WorkerIdentity, parent: WorkerIdentity) -> bool:
    """Was ``worker`` started by ``parent``? Not if it is older: another process had that pid then."""
    return (worker.host, worker.supervisor) == (parent.host, parent.pid) and worker.started >= parent.started


def children_of(parent: Registration[L], workers: Sequence[Registration[L]]) -> list[Registration[L]]:
    """Those of ``workers`` that ``parent`` started."""
    return [worker for worker in workers if is_child(worker.identity, parent.identity)]


def has_parent(worker: Registration[L], workers: Sequence[Registration[L]]) -> bool:
    """Is the worker that started this one among ``workers``?"""
    return any(is_child(worker.identity, other.identity) for other in workers)


def fill(workers: Sequence[Registration[L]], wanted: int) -> list[Step[L]]:
    """What brings the ``workers`` of a host up to ``wanted``.

    The same worker is always chosen to start others: the one with most children, of equals the oldest.
    """

    def fitness(worker: Registration[L]) -> tuple[int, int, str]:
        return -len(children_of(worker, workers)), worker.identity.started, worker.identity.id

    parent = min(workers, key=fitness)
    missing = wanted - len(workers)
    more = "another" if missing == 1 else f"{missing} others"
    return [SpawnWorkers(parent, len(children_of(parent, workers)) + missing, f"is asked to start {more}")]


def thin(workers: Sequence[Registration[L]], wanted: int) -> list[Step[L]]:
    """What brings the ``workers`` of a host down to ``wanted``; those that a person started are left.

    Those go first that nobody would start again; of those, the ones with the fewest sessions.
    """
    surplus = len(workers) - wanted
    orphans = [
        worker
        for worker in sorted(workers, key=lambda worker: worker.load.sessions)
        if worker.identity.spawned and not has_parent(worker, workers) and not children_of(worker, workers)
    ]
    steps: list[Step[L]] = [
        Shutdown(worker, "is one too many; it is stopped") for worker in orphans[:surplus]
    ]
    surplus -= len(steps)
    for parent in workers:
        children = len(children_of(parent, workers))
        fewer = min(surplus, children)
        if fewer > 0:
            steps.append(SpawnWorkers(parent, children - fewer, f"is asked to stop {fewer} too many"))
            surplus -= fewer
    return steps


def drain(workers: Sequence[Registration[L]], may_stop: bool) -> list[Step[L]]:
    """What empties a host, and then, if it may, stops its ``workers``: all that it has.

    Children are stopped by their parents.
    """
    full: list[Step[L]] = [Shed(worker, worker.staying) for worker in workers if worker.staying > 0]
    if not may_stop or full or any(worker.load.sessions for worker in workers):
        return full
    return [
        Shutdown(worker, "has no sessions left; it is stopped")
        for worker in workers
        if not (worker.leaving or has_parent(worker, workers))
    ]


@dataclass
class _Silent:
    identity: WorkerIdentity
    seconds: float = 0.0


class OtherHost(Generic[L]):
    """A host that has workers, and not the primary. Time is counted in looks, so that the time
    in which this process itself was stopped does not count."""

    def __init__(self) -> None:
        self._short = 0.0
        self._drained: float | None = None
        self._silent: dict[str, _Silent] = {}

    def fell_silent(self, worker: WorkerIdentity) -> None:
        """``worker`` was lost for its silence, and may hang."""
        self._silent[worker.id] = _Silent(worker)

    def is_back(self, worker: WorkerIdentity) -> None:
        """It has a link again."""
        self._silent.pop(worker.id, None)

    @property
    def is_draining(self) -> bool:
        """Is it to be emptied?"""
        return self._drained is not None

    def drain(self) -> None:
        """From now on, empty it."""
        if self._drained is None:
            self._drained = 0.0

    def look(self, workers: Sequence[Registration[L]], wanted: int, seconds: float) -> list[Step[L]]:
        """What is to be done, ``seconds`` after the last look. There is at least one of ``workers``."""
        steps = self._kill_silent(workers, seconds)
        if self._drained is not None:
            self._drained += seconds
            return steps + drain(workers, may_stop=self._drained >= DRAIN_SECONDS)
        return steps + self._keep([worker for worker in workers if not worker.leaving], wanted, seconds)

    def _keep(self, workers: Sequence[Registration[L]], wanted: int, seconds: float) -> list[Step[L]]:
        self._short = self._short + seconds if len(workers) < wanted else 0.0
        if workers and self._short >= PATIENCE_SECONDS:
            return fill(workers, wanted)
        return thin(workers, wanted) if len(workers) > wanted else []

    def _kill_silent(self, workers: Sequence[Registration[L]], seconds: float) -> list[Step[L]]:
        steps: list[Step[L]] = []
        for id, silent in list(self._silent.items()):
            silent.seconds += seconds
            if silent.seconds >= PATIENCE_SECONDS:
                del self._silent[id]
                parents = [worker for worker in workers if is_child(silent.identity, worker.identity)]
                steps.append(Kill([*parents, *workers][0], silent.identity))
        return steps
