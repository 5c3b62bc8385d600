"""Keeps the workers and IRC fronts of other hosts: counts them, and commands workers there to start or stop
others."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from chatnet.master.commands import Commands
from chatnet.master.host_plan import (
    DRAIN_SECONDS,
    Close,
    Kill,
    OtherHost,
    Shed,
    Shutdown,
    SpawnWorkers,
    Step,
    children_of,
    disown,
    has_parent,
)
from chatnet.master.registry import Registration, Registry
from chatnet.net.link import Link
from chatnet.net.timer import Timer
from chatnet.telemetry import DrainBegun, KillAsked, Tell, WorkerToldTo

LOOK_SECONDS = 0.25
"""Seconds between two counts of the workers."""


class RemoteHosts:
    """Keeps ``wanted`` workers on each host except ``here``, and as many fronts as workers there say.

    A host counts from its first process to its last; without a worker, nobody there could start others.
    ``shut_down`` stops a worker.
    """

    def __init__(
        self,
        commands: Commands,
        here: str,
        wanted: int,
        registry: Registry[Link],
        clock: IReactorTime,
        tell: Tell,
        shut_down: Callable[[Registration[Link]], None],
    ) -> None:
        self._commands = commands
        self._here = here
        self._wanted = wanted
        self._registry = registry
        self._tell = tell
        self._shut_down = shut_down
        self._hosts: dict[str, OtherHost[Link]] = {}
        self._kept: dict[tuple[Registration[Link], bool], int] = {}
        self._emptied: dict[Registration[Link], float | None] = {}
        self._disowned = 0.0
        self._looking = Timer(clock, LOOK_SECONDS, self._look, "Cannot look after the other hosts")

    def start(self) -> None:
        """Start looking."""
        self._looking.start()

    def stop(self) -> None:
        """Stop looking."""
        self._looking.stop()

    def registered(self, worker: Registration[Link]) -> None:
        """A worker has registered, or has returned."""
        if worker.identity.host != self._here:
            host = self._hosts.setdefault(worker.identity.host, OtherHost())
            host.is_back(worker.identity)
            worker.draining = host.is_draining

    def lost(self, worker: Registration[Link], hung: bool) -> None:
        """A worker's link is lost; ``hung``: it was closed for silence."""
        for fronts in (False, True):
            self._kept.pop((worker, fronts), None)
        self._emptied.pop(worker, None)
        host = self._hosts.get(worker.identity.host)
        if host is not None and hung and worker.identity.spawned:
            host.fell_silent(worker.identity)

    def drain(self, name: str) -> None:
        """Empty the host called ``name``, which is not ours, and then stop its workers.

        When the last of them is gone, this is forgotten: a worker started there later is like any other.
        """
        if (host := self._hosts.get(name)) is None:
            return
        if not host.is_draining:
            self._tell(DrainBegun(name))
        host.drain()
        for worker in self._on(name):
            worker.draining = True

    def _look(self) -> None:
        self._look_after_disowned()
        for name, host in list(self._hosts.items()):
            workers = self._on(name)
            if self._looking.slept:
                host.awake()
            if workers:
                steps = host.look(workers, self._wanted, LOOK_SECONDS)
                emptied = {step.worker for step in steps if isinstance(step, Shed)}
                emptied |= {step.front for step in steps if isinstance(step, Close)}
                for worker in workers:
                    worker.draining = host.is_draining or worker in emptied
                self._carry_out(steps)
            else:
                del self._hosts[name]

    def disown(self) -> list[Registration[Link]]:
        """Return the workers of our own host that other workers keep; these stop them once they are empty.

        They may have been started when the primary was elsewhere. We keep our own workers.
        """
        workers = [worker for worker in self._chat_here() if not worker.leaving]
        disowned = [worker for worker in workers if has_parent(worker, workers)]
        if disowned:
            self._disowned = 0.0
        return disowned

    def _look_after_disowned(self) -> None:
        self._disowned += LOOK_SECONDS
        if self._registry.open():  # else there is nowhere to go
            self._carry_out(disown(self._chat_here(), may_stop=self._disowned >= DRAIN_SECONDS))

    def stop_disowned(self, fronts: bool) -> None:
        """Order the parents of workers on our own host, or of ``fronts`` there, to stop them now, even if
        these still have sessions."""
        children = [worker for worker in self._on(self._here) if worker.is_front is fronts]
        for parent in self._chat_here():
            if children_of(parent, children):
                why = "is asked to stop its own: the primary stops"
                self.spawn(SpawnWorkers(parent, 0, why, fronts))

    def _chat_here(self) -> list[Registration[Link]]:
        return [worker for worker in self._on(self._here) if not worker.is_front]

    def _on(self, host: str) -> list[Registration[Link]]:
        return [worker for worker in self._registry.workers() if worker.identity.host == host]

    # ---- commands ----

    def _carry_out(self, steps: list[Step[Link]]) -> None:
        for step in steps:
            match step:
                case SpawnWorkers():
                    self.spawn(step)
                case Shed(worker):
                    self._empty(worker)
                case Close():
                    pass  # it is told with the other workers
                case Shutdown(worker, why):
                    self._tell(WorkerToldTo(worker.identity, why))
                    self._shut_down(worker)
                case Kill(by, hung):
                    self._tell(KillAsked(hung, by.identity))
                    self._commands.kill(by, hung)

    def spawn(self, step: SpawnWorkers[Link]) -> None:
        """Tell the parent, unless it knows already."""
        parent, count = step.parent, step.count
        if self._kept.get((parent, step.fronts)) == count:
            return
        self._kept[parent, step.fronts] = count
        self._tell(WorkerToldTo(parent.identity, step.why))
        (self._commands.spawn_fronts if step.fronts else self._commands.spawn_workers)(parent, count)

    def _empty(self, worker: Registration[Link]) -> None:
        if not (worker.staying and self._registry.open()):
            return  # they are moving already, or there is nowhere to go
        if self._emptied.get(worker) == worker.reported:
            return  # nothing new is known before its next report
        self._emptied[worker] = worker.reported
        for shared, count in ((False, worker.placed), (True, worker.shared)):
            if count:
                self._commands.shed(worker, count, shared)
