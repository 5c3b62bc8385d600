"""The workers and the IRC fronts of the primary's own host: as many as wanted, adopted ones and children.

OwnWorkers  the workers: of too many adopted ones, the emptiest stop at once, since clients go elsewhere
OwnFronts   the fronts: of too many, the emptiest let nobody in, and stop when their clients have left

A child takes the place of an adopted one only once it has a link: it may take long to start, and clients need
somebody meanwhile.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

from twisted.logger import Logger

from chatnet.master.host_plan import Close, Shutdown, SpawnWorkers, children_of, has_parent, thin_fronts
from chatnet.master.population import Population
from chatnet.master.registry import Registration, Registry
from chatnet.net.link import Link
from chatnet.telemetry import Tell, WorkerSurplus
from chatnet.wire.cluster import WorkerIdentity

Worker = Registration[Link]
ShutDown = Callable[[Worker], None]


class OwnWorkers:
    """Keeps as many workers on this host as the ``population`` wants. Those started by hand are neither
    counted nor stopped. ``counted`` is called each time after they were counted."""

    _logger = Logger()
    are_fronts = False

    def __init__(
        self,
        population: Population[WorkerIdentity],
        registry: Registry[Link],
        tell: Tell,
        shut_down: ShutDown,
        counted: Callable[[], None] = lambda: None,
    ) -> None:
        self.population = population
        self._counted = counted
        self._registry = registry
        self._tell = tell
        self._shut_down = shut_down

    def start(self, expected: Sequence[WorkerIdentity], wait: float) -> None:
        """Start keeping them: see :meth:`.Population.start`."""
        ours = [identity for identity in expected if identity.is_front is self.are_fronts]
        self.population.start(ours, wait, self._settle)

    def adopted(self) -> list[Worker]:
        """Return those that another process started in order to keep them here, and that are to stay."""
        return [
            worker
            for worker in self._registry.staying()
            if worker.is_front is self.are_fronts and self.population.is_adopted(worker.identity)
        ]

    def came(self, worker: Worker) -> None:
        """Count again: ``worker`` has registered, or has said for the first time what it carries."""
        population, identity = self.population, worker.identity
        if population.is_adopted(identity) or population.is_child(identity):
            population.settle()

    def lost(self, worker: Worker, hung: bool) -> None:
        """The link of ``worker`` is lost; ``hung``: it was closed for silence."""
        identity, population = worker.identity, self.population
        if population.is_child(identity):
            if hung:
                population.kill(identity)
        elif population.is_adopted(identity) and not worker.leaving:
            if hung:
                population.kill(identity)
            self._miss(worker)
            population.settle()

    def look_after(self, seconds: float) -> None:
        """Kill children that have been without a link for long; the last look was ``seconds`` ago."""
        self.population.look_after((each.identity for each in self._registry.workers()), seconds)

    async def stop(self) -> None:
        """Stop those of this host that were spawned; wait for them and for all others that were told to
        stop."""
        self.population.end(signal.SIGTERM)
        for worker in self.adopted():
            self._shut_down(worker)
        leaving = [
            worker.link
            for worker in self._registry.workers()
            if worker.leaving and worker.is_front is self.are_fronts
        ]
        if not await self.population.stop(leaving):
            self._logger.warn("Some workers that were told to stop are still here; leaving them")

    def leave(self) -> None:
        """Stop keeping them; all live on, for the next primary."""
        self.population.leave([worker.identity for worker in self.adopted()])

    def _miss(self, worker: Worker) -> None:
        self.population.miss(worker.identity)

    def _wanted_of_others(self) -> int:
        """Return how many are wanted beside the children that have a link."""
        linked = sum(
            worker.is_front is self.are_fronts and self.population.is_child(worker.identity)
            for worker in self._registry.staying()
        )
        return max(0, self.population.wanted - linked)

    def _settle(self) -> None:
        """Start as many as are missing, and stop adopted ones beyond the wanted number."""
        adopted = self.adopted()
        self.population.fill(len(adopted))
        # Keep those that keep fronts, and then those with the most clients; among equals, the oldest. A new
        # one's number is not known yet.
        fronts = [worker for worker in self._registry.staying() if worker.is_front]
        adopted.sort(key=lambda worker: (not children_of(worker, fronts), -worker.load.sessions))
        for worker in adopted[self._wanted_of_others() :]:
            if worker.reported is None:
                continue
            self._tell(WorkerSurplus(worker.identity))
            self._shut_down(worker)
        self._counted()


class OwnFronts(OwnWorkers):
    """Keeps as many IRC fronts on this host as the ``population`` wants.

    Some may be children of workers here, from the time of a primary elsewhere. They stay, and their parents
    start them again: to replace them would end the connections of their clients. So they count, also while
    one of them is being started again. If there are too many, ``spawn`` has a parent stop them.
    """

    are_fronts = True

    def __init__(
        self,
        population: Population[WorkerIdentity],
        registry: Registry[Link],
        tell: Tell,
        shut_down: ShutDown,
        spawn: Callable[[SpawnWorkers[Link]], None],
    ) -> None:
        super().__init__(population, registry, tell, shut_down)
        self._spawn = spawn
        self._of_parents: dict[Worker, int] = {}
        self._without: set[Worker] = set()

    def look_after(self, seconds: float) -> None:
        super().look_after(seconds)
        self.population.settle()  # some of too many may have no clients now

    def _miss(self, worker: Worker) -> None:
        if not has_parent(worker, self._parents()):
            self.population.miss(worker.identity)

    def _parents(self) -> list[Worker]:
        here = self.population.here
        return [one for one in self._registry.staying() if not one.is_front and one.identity.host == here]

    def _settle(self) -> None:
        parents, fronts = self._parents(), self.adopted()
        self._of_parents = {
            parent: max(self._of_parents.get(parent, 0), len(children_of(parent, fronts)))
            for parent in parents
            if parent not in self._without
        }
        orphans = [front for front in fronts if not has_parent(front, parents)]
        self.population.fill(len(orphans) + sum(self._of_parents.values()))
        self._thin(fronts, parents, self._wanted_of_others())

    def _thin(self, fronts: Sequence[Worker], parents: Sequence[Worker], wanted: int) -> None:
        for front in fronts:
            front.draining = False
        if not self.population.wanted:
            return  # this master keeps none: those that are here are other people's
        for step in thin_fronts(fronts, parents, wanted):
            match step:
                case Close(front):
                    front.draining = True
                case Shutdown(front):
                    self._tell(WorkerSurplus(front.identity))
                    self._shut_down(front)
                case SpawnWorkers(parent):
                    self._without.add(parent)
                    self._spawn(step)
