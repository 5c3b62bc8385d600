"""Moves sessions: from workers with many to workers with few, and away from those without the store."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from twisted.internet.interfaces import IReactorTime

from chatnet.master.balance import Balance, evened
from chatnet.master.commands import Commands
from chatnet.master.registry import Registration, Registry
from chatnet.net.link import Link
from chatnet.net.timer import Timer
from chatnet.telemetry import SessionsUneven, Tell, WorkerCutOff

LOOK_SECONDS = 1.0
"""Seconds between two looks at where the sessions are: as often as workers report."""
PATIENCE_SECONDS = 3.0
"""Seconds that a worker may be without a store that the primary has, before its sessions move."""


class Rebalancer:
    """Watches the sessions of all workers in ``registry``.

    :class:`~chatnet.master.remote_hosts.RemoteHosts` moves the sessions of a host that is drained.
    """

    def __init__(
        self,
        commands: Commands,
        registry: Registry[Link],
        clock: IReactorTime,
        monotonic: Callable[[], float],
        tell: Tell,
    ) -> None:
        self._commands = commands
        self._registry = registry
        self._monotonic = monotonic
        self._tell = tell
        self._balance = Balance(monotonic())
        self._of_groups: dict[Hashable, Balance] = {}
        self._cut_off: dict[Registration[Link], float] = {}
        self._emptied: set[Registration[Link]] = set()
        self._looking = Timer(clock, LOOK_SECONDS, self._look, "Cannot rebalance the sessions")

    def start(self) -> None:
        """Start looking."""
        self._looking.start()

    def stop(self) -> None:
        """Stop looking."""
        self._looking.stop()

    def _look(self) -> None:
        self._empty_those_cut_off()
        self._even_out()

    def _movable(self) -> list[Registration[Link]]:
        """Return the workers whose sessions can be moved: clients of IRC know no other place."""
        return [worker for worker in self._registry.staying() if not worker.is_front]

    def _even_out(self) -> None:
        open = self._registry.open()
        if any(worker.reported is None for worker in self._movable()):
            return
        now = self._monotonic()
        placed = {id: worker.placed for id, worker in open.items()}
        for id, count in self._balance.orders(loads(open), now, placed).items():
            self._tell(SessionsUneven(open[id].identity, count, open[id].staying))
            self._commands.shed(open[id], count)
        self._even_out_shared(open, now)

    def _even_out_shared(self, open: Mapping[str, Registration[Link]], now: float) -> None:
        """Move sessions that came by the ports which workers share: to others that have the same port."""
        groups: dict[Hashable, dict[str, int]] = {}
        for id, worker in open.items():
            if worker.load.web:
                groups.setdefault(worker.group, {})[id] = worker.shared
        self._of_groups = {group: self._of_groups.get(group, Balance(now)) for group in groups}
        for group, sessions in groups.items():
            for id, count in self._of_groups[group].orders(sessions, now).items():
                self._tell(SessionsUneven(open[id].identity, count, open[id].staying))
                self._commands.shed(open[id], count, shared=True)

    def _empty_those_cut_off(self) -> None:
        """Move sessions from cut-off workers: the primary holds the lease, so others reach the store."""
        now, workers = self._monotonic(), self._movable()
        self._cut_off = {
            worker: self._cut_off.get(worker, now)
            for worker in workers
            if worker.load.opening and not worker.draining
        }
        is_there_room = bool(self._registry.open())
        for worker in [one for one in self._emptied if one not in self._cut_off or not is_there_room]:
            self._emptied.discard(worker)
            if worker in workers and not worker.draining:
                for shared in (False, True):
                    self._commands.shed(worker, 0, shared)  # sessions that have not moved yet may stay
        if not is_there_room:
            return
        for worker, since in self._cut_off.items():
            if now - since >= PATIENCE_SECONDS and worker.staying and worker not in self._emptied:
                self._emptied.add(worker)
                self._tell(WorkerCutOff(worker.identity, worker.staying))
                for shared, count in ((False, worker.placed), (True, worker.shared)):
                    if count:
                        self._commands.shed(worker, count, shared, soon=True)


def loads(open: Mapping[str, Registration[Link]]) -> dict[str, int]:
    """Return how many sessions each worker has, once those that came by shared ports are evened out: they are
    moved within their port, so sessions that masters place make up for what differs between ports, and for
    what differs too little within one."""
    shared = evened(
        {id: worker.shared for id, worker in open.items()},
        {id: worker.group if worker.load.web else id for id, worker in open.items()},
    )
    return {id: worker.placed + shared[id] for id, worker in open.items()}
