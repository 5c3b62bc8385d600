"""What is looked at inside the real code when masters succeed each other: what the winner had been told, and
whom masters killed."""

from __future__ import annotations

import signal
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from chatnet.master import wiring
from chatnet.master.cluster import Cluster
from chatnet.master.lost_processes import RETURN_SECONDS, LostProcesses
from chatnet.master.primary import Primary
from chatnet.master.registry import Registration
from chatnet.master.replica import Inheritance, Replica
from chatnet.master.replicas import TELL_SECONDS
from chatnet.net.link import Link
from chatnet.net.pulse import CLUSTER_PULSE
from chatnet.store.lease import Holder
from chatnet.wire.cluster import WorkerIdentity
from chatnet.wire.replica import State
from chatnet.world import ProcessId, World

if TYPE_CHECKING:
    from simulator.process import SimProcess
    from simulator.simulation import Simulation
    from simulator.sockets import SimSocket

Probe = tuple[Any, str, Any]
"""What is put into the real code: the owner, the name, and what stands in for the real one."""

TOLD_SECONDS = CLUSTER_PULSE.patience + TELL_SECONDS + 1.0
"""So long before its end a primary may have been stopped, and tell nobody what it then saw."""
DISTURBED_SECONDS = RETURN_SECONDS + 2.0
"""Who ran undisturbed for so long before it was killed did not hang."""


class Successions:
    """The probes of one run; what no run may have fails it."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._here: dict[int, dict[str, float]] = defaultdict(dict)
        self._gone: dict[int, dict[str, float]] = defaultdict(dict)
        # To whom a connection was forgotten on the way: they seem to hang, and do not.
        self._out_of_touch: set[SimProcess] = set()

    def probes(self) -> list[Probe]:
        """What to put into the real code."""
        return [*self._of_the_registry(), *self._of_killing()]

    # ---- what a winner was told ----

    def _of_the_registry(self) -> list[Probe]:
        real_register, real_lost, real_command = Cluster.register, Cluster.lost, wiring._command

        def register(cluster: Cluster, identity: WorkerIdentity, link: Link) -> Registration[Link]:
            self._here[cluster._commands.epoch].setdefault(identity.id, self._simulation.now)
            return real_register(cluster, identity, link)

        def lost(cluster: Cluster, worker: Registration[Link], hung: bool) -> None:
            real_lost(cluster, worker, hung)
            id = worker.identity.id
            if all(other.identity.id != id for other in cluster._registry.workers()):
                self._here[cluster._commands.epoch].pop(id, None)
                self._gone[cluster._commands.epoch][id] = self._simulation.now

        def command(*parts: Any) -> Primary:
            world: World = parts[1]
            inheritance: Inheritance = parts[-1]
            if inheritance.state is not None and inheritance.since is not None:
                self._look_at(inheritance.state, self._simulation.now - world.monotonic() + inheritance.since)
            return real_command(*parts)

        return [
            (Cluster, "register", register),
            (Cluster, "lost", lost),
            (wiring, "_command", command),
        ]

    def _look_at(self, state: State, end: float) -> None:
        """The winner goes by ``state``; the primary before it was gone at ``end``."""
        told = {carried.worker.id for carried in state.workers}
        winner = self._simulation.running
        # While the winner stood still, what it was told may have waited in the primary's memory.
        awake = 0.0 if winner is None else winner.runs_since
        for id, since in self._here[state.epoch].items():
            if id not in told and awake < since < end - TOLD_SECONDS:
                self._simulation.fail(f"registry: the winner was never told of worker {id}")
        for id in told & self._gone[state.epoch].keys() - self._here[state.epoch].keys():
            if awake < self._gone[state.epoch][id] < end - TOLD_SECONDS:
                self._simulation.fail(f"registry: the winner still believes in worker {id}, which is gone")

    # ---- whom masters kill ----

    def _of_killing(self) -> list[Probe]:
        real_fell_silent, real_fence, real_send = Link.fell_silent, Replica._fence, LostProcesses.send

        def fell_silent(link: Link) -> None:
            if (other := _forgotten_end(link)) is not None:
                self._out_of_touch.add(other)
            real_fell_silent(link)

        def fence(replica: Replica, holder: Holder) -> None:
            victim = self._process(holder.pid)
            locks = () if victim is None else victim.host.disk.locks.values()
            leads = replica._store.is_shared or victim in locks
            ran = self._ran(victim)
            real_fence(replica, holder)
            if victim is not None and victim.is_dead and (ran or not leads):
                why = "which ran all the time" if leads else "which does not hold the lease"
                self._simulation.fail(f"fencing: {victim} was killed, {why}")

        def send(missing: LostProcesses, kin: ProcessId, number: int) -> bool:
            victim = self._process(kin.pid)
            # A disk that forgets who holds a lease makes two of them: each takes the other for hung.
            leads = victim is not None and victim in victim.host.disk.locks.values()
            ran = self._ran(victim) and number == signal.SIGKILL and not leads
            sent = real_send(missing, kin, number)
            if victim is not None and ran and victim.is_dead:
                self._simulation.fail(f"adoption: {victim} was killed for not coming back, and ran")
            return sent

        return [
            (Link, "fell_silent", fell_silent),
            (Replica, "_fence", fence),
            (LostProcesses, "send", send),
        ]

    def _process(self, pid: int) -> SimProcess | None:
        """The process ``pid`` on the host of the one that runs now."""
        running = self._simulation.running
        return None if running is None else running.host.processes.get(pid)

    def _ran(self, process: SimProcess | None) -> bool:
        return (
            process is not None
            and process not in self._out_of_touch
            and process.runs
            and process.reactor.running
            and process.runs_since < self._simulation.now - DISTURBED_SECONDS
        )


def _forgotten_end(link: Link) -> SimProcess | None:
    """Whose end the other one is, if something between them forgot their connection."""
    ours = link.transport.socket if link.transport is not None else None
    if ours is None or ours.connection is None:
        return None
    ends: list[SimSocket] = [ours.connection.client, ours.connection.server]
    if all(end.inbound is not None and not end.inbound.is_lost for end in ends):
        return None
    return next(end.process for end in ends if end is not ours)
