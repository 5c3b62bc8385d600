"""How many workers and IRC fronts other hosts have, and what to do about it. Pure.

Only a process on a host can start another one there: so a worker is told how many children to keep. That is
the number in all: a command that comes twice, or before a child is up, does no harm. Fronts keep no children,
and a host without workers keeps no fronts.

The sessions of a front cannot be moved: so one is stopped only when it has none, or when its host is drained
and has no other sessions left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chatnet.master.registry import Registration
from chatnet.wire.cluster import WorkerIdentity

PATIENCE_SECONDS = 3.0
"""Seconds that workers may be too few, or a silent one away, before anything is done."""

DRAIN_SECONDS = 2.0
"""Seconds for which clients sent to a host may still arrive after its drain began."""

L = TypeVar("L")


@dataclass(frozen=True)
class SpawnWorkers(Generic[L]):
    """``parent`` should keep ``count`` workers as children, or ``fronts``; ``why`` says the reason."""

    parent: Registration[L]
    count: int
    why: str
    fronts: bool = False


@dataclass(frozen=True)
class Shed(Generic[L]):
    """``worker`` should move ``count`` sessions to other workers, and take no others."""

    worker: Registration[L]
    count: int


@dataclass(frozen=True)
class Close(Generic[L]):
    """``front`` should let nobody in any more: it is one too many, and stopped when its clients have left."""

    front: Registration[L]


@dataclass(frozen=True)
class Shutdown(Generic[L]):
    """``worker`` should stop; ``why`` says the reason."""

    worker: Registration[L]
    why: str


@dataclass(frozen=True)
class Kill(Generic[L]):
    """``by``, a worker of the same host, should kill ``hung``."""

    by: Registration[L]
    hung: WorkerIdentity


Step = SpawnWorkers[L] | Shed[L] | Close[L] | Shutdown[L] | Kill[L]


def is_child(worker: WorkerIdentity, parent: WorkerIdentity) -> bool:
    """Return whether ``parent`` started ``worker``. Not if it is older: another process had that pid then."""
    return (worker.host, worker.supervisor) == (parent.host, parent.pid) and worker.started >= parent.started


def children_of(parent: Registration[L], workers: Sequence[Registration[L]]) -> list[Registration[L]]:
    """Return those of ``workers`` that ``parent`` started."""
    return [worker for worker in workers if is_child(worker.identity, parent.identity)]


def has_parent(worker: Registration[L], workers: Sequence[Registration[L]]) -> bool:
    """Return whether the worker that started this one is among ``workers``."""
    return any(is_child(worker.identity, other.identity) for other in workers)


def fill(workers: Sequence[Registration[L]], wanted: int) -> list[Step[L]]:
    """Return the steps that bring the ``workers`` of a host up to ``wanted``: see :func:`_parent`."""
    parent = _parent(workers, workers)
    missing = wanted - len(workers)
    more = "another" if missing == 1 else f"{missing} others"
    return [SpawnWorkers(parent, len(children_of(parent, workers)) + missing, f"is asked to start {more}")]


def fill_fronts(
    fronts: Sequence[Registration[L]], workers: Sequence[Registration[L]], wanted: int
) -> list[Step[L]]:
    """Return the steps that bring the ``fronts`` of a host with these ``workers`` up to ``wanted``."""
    parent = _parent([worker for worker in workers if worker.load.fronts], fronts)
    missing = wanted - len(fronts)
    more = "an IRC front" if missing == 1 else f"{missing} IRC fronts"
    count = len(children_of(parent, fronts)) + missing
    return [SpawnWorkers(parent, count, f"is asked to start {more}", fronts=True)]


def _parent(workers: Sequence[Registration[L]], children: Sequence[Registration[L]]) -> Registration[L]:
    """Return who of ``workers`` is to start more like these ``children``: always the same one, which has the
    most of them; among equals the oldest."""

    def fitness(worker: Registration[L]) -> tuple[int, int, str]:
        return -len(children_of(worker, children)), worker.identity.started, worker.identity.id

    return min(workers, key=fitness)


def thin(
    workers: Sequence[Registration[L]], wanted: int, fronts: Sequence[Registration[L]] = ()
) -> list[Step[L]]:
    """Return the steps that bring the ``workers`` of a host down to ``wanted``; those started by hand stay.

    Workers that nobody would start again go first, once their sessions have moved; among them those with the
    fewest sessions. Who keeps ``fronts`` stays: they would end with it.
    """
    surplus = len(workers) - wanted
    processes = [*workers, *fronts]
    orphans = [
        worker
        for worker in sorted(workers, key=lambda worker: worker.load.sessions)
        if worker.identity.spawned and not has_parent(worker, workers) and not children_of(worker, processes)
    ]
    steps: list[Step[L]] = [
        Shutdown(worker, "is one too many; it is stopped")
        if _is_empty(worker)
        else Shed(worker, worker.staying)
        for worker in orphans[:surplus]
    ]
    surplus -= len(steps)
    for parent in workers:
        children = len(children_of(parent, workers))
        fewer = min(surplus, children)
        if fewer > 0:
            steps.append(SpawnWorkers(parent, children - fewer, f"is asked to stop {fewer} too many"))
            surplus -= fewer
    return steps


def thin_fronts(
    fronts: Sequence[Registration[L]], workers: Sequence[Registration[L]], wanted: int
) -> list[Step[L]]:
    """Return the steps that bring the ``fronts`` of a host with these ``workers`` down to ``wanted``; those
    started by hand stay.

    Those that nobody would start again go first, the emptiest before others; then all that one parent keeps,
    since who stops some of its children cannot choose which. They let nobody in, and stop when they are
    empty.
    """
    surplus = max(0, len(fronts) - wanted)
    orphans = [
        front
        for front in sorted(fronts, key=lambda front: front.load.sessions)
        if front.identity.spawned and not has_parent(front, workers)
    ]
    steps: list[Step[L]] = [
        Shutdown(front, "is one too many; it is stopped") if _is_empty(front) else Close(front)
        for front in orphans[:surplus]
    ]
    surplus -= len(steps)
    families = [(parent, children_of(parent, fronts)) for parent in workers]
    for parent, children in sorted(families, key=lambda family: sum(one.load.sessions for one in family[1])):
        if 0 < len(children) <= surplus:
            surplus -= len(children)
            if all(map(_is_empty, children)):
                steps.append(
                    SpawnWorkers(parent, 0, "is asked to stop its IRC fronts: there are others", True)
                )
            else:
                steps += map(Close, children)
    return steps


def drain(
    workers: Sequence[Registration[L]], may_stop: bool, fronts: Sequence[Registration[L]] = ()
) -> list[Step[L]]:
    """Return the steps that empty a host with these ``workers``, and then, if ``may_stop``, stop them, and
    its ``fronts`` at last.

    Children are stopped by their parents.
    """
    full: list[Step[L]] = [Shed(worker, worker.staying) for worker in workers if worker.staying > 0]
    if not may_stop or full or any(worker.load.sessions for worker in workers):
        return full
    if workers:
        return [
            Shutdown(worker, "has no sessions left; it is stopped")
            for worker in workers
            if not (worker.leaving or has_parent(worker, workers))
        ]
    return [Shutdown(front, "is the last one there; it is stopped") for front in fronts if not front.leaving]


def disown(workers: Sequence[Registration[L]], may_stop: bool) -> list[Step[L]]:
    """Return the steps that empty the children among a host's ``workers``, and then stop them.

    If they ``may_stop``, a parent is asked to stop its children once none of these has sessions.
    """
    steps: list[Step[L]] = []
    for parent in workers:
        children = children_of(parent, workers)
        steps += [Shed(child, child.staying) for child in children if child.staying > 0]
        if may_stop and children and all(map(_is_empty, children)):
            steps.append(SpawnWorkers(parent, 0, "is asked to stop its own: the primary starts others here"))
    return steps


def _is_empty(worker: Registration[L]) -> bool:
    return worker.reported is not None and not worker.load.sessions


@dataclass
class _Silent:
    identity: WorkerIdentity
    seconds: float = 0.0


class OtherHost(Generic[L]):
    """A host that has workers, but not the primary. Time is counted in looks, so that a pause of this process
    itself does not count."""

    def __init__(self) -> None:
        self._short = self._short_of_fronts = 0.0
        self._drained: float | None = None
        self._silent: dict[str, _Silent] = {}

    def fell_silent(self, worker: WorkerIdentity) -> None:
        """``worker`` was lost for its silence, and may hang."""
        self._silent[worker.id] = _Silent(worker)

    def is_back(self, worker: WorkerIdentity) -> None:
        """``worker`` has a link again."""
        self._silent.pop(worker.id, None)

    def awake(self) -> None:
        """This process was stopped: what the workers sent meanwhile is unread. Count anew."""
        self._short = self._short_of_fronts = 0.0
        for silent in self._silent.values():
            silent.seconds = 0.0

    @property
    def is_draining(self) -> bool:
        """Whether it is being emptied."""
        return self._drained is not None

    def drain(self) -> None:
        """Empty it from now on."""
        if self._drained is None:
            self._drained = 0.0

    def look(self, workers: Sequence[Registration[L]], wanted: int, seconds: float) -> list[Step[L]]:
        """Return what to do, ``seconds`` after the last look. There is at least one worker, or front, in
        ``workers``, which are all of the host's."""
        chat = [worker for worker in workers if not worker.is_front]
        fronts = [worker for worker in workers if worker.is_front]
        steps = self._kill_silent([*chat, *fronts], seconds)
        if self._drained is not None:
            self._drained += seconds
            return steps + drain(chat, self._drained >= DRAIN_SECONDS, fronts)
        chat = [worker for worker in chat if not worker.leaving]
        fronts = [front for front in fronts if not front.leaving]
        return steps + self._keep(chat, wanted, fronts, seconds) + self._keep_fronts(fronts, chat, seconds)

    def _keep(
        self,
        workers: Sequence[Registration[L]],
        wanted: int,
        fronts: Sequence[Registration[L]],
        seconds: float,
    ) -> list[Step[L]]:
        self._short = self._short + seconds if len(workers) < wanted else 0.0
        if workers and self._short >= PATIENCE_SECONDS:
            return fill(workers, wanted)
        return thin(workers, wanted, fronts) if len(workers) > wanted else []

    def _keep_fronts(
        self, fronts: Sequence[Registration[L]], workers: Sequence[Registration[L]], seconds: float
    ) -> list[Step[L]]:
        wanted = max((worker.load.fronts for worker in workers), default=0)
        if not wanted:
            return []  # or nobody has said yet how many
        self._short_of_fronts = self._short_of_fronts + seconds if len(fronts) < wanted else 0.0
        if self._short_of_fronts >= PATIENCE_SECONDS:
            return fill_fronts(fronts, workers, wanted)
        return thin_fronts(fronts, workers, wanted)

    def _kill_silent(self, workers: Sequence[Registration[L]], seconds: float) -> list[Step[L]]:
        steps: list[Step[L]] = []
        for id, silent in list(self._silent.items()):
            silent.seconds += seconds
            if silent.seconds >= PATIENCE_SECONDS:
                del self._silent[id]
                parents = [worker for worker in workers if is_child(silent.identity, worker.identity)]
                steps.append(Kill([*parents, *workers][0], silent.identity))
        return steps
