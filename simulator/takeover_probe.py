"""What is observed during takeovers: what the winner had been told, and which processes masters killed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from chatnet.master.lost_processes import RETURN_SECONDS
from chatnet.master.replicas import TELL_SECONDS
from chatnet.net.pulse import CLUSTER_PULSE
from chatnet.telemetry import Event, FellSilent, Killed, TookOver, WorkerLost, WorkerRegistered
from chatnet.wire.replica import State
from simulator.probes import socket_of
from simulator.process import SimProcess

if TYPE_CHECKING:
    from simulator.simulation import Simulation

TOLD_SECONDS = CLUSTER_PULSE.patience + TELL_SECONDS + 1.0
"""Seconds before its end during which a primary may have been stopped, and told nobody what it then saw."""
DISTURBED_SECONDS = RETURN_SECONDS + 2.0
"""A process that ran undisturbed for this many seconds before it was killed did not hang."""


class Successions:
    """Fails a run for what no run may have. ``is_shared``: its masters share a database."""

    def __init__(self, simulation: Simulation, is_shared: bool) -> None:
        self._simulation = simulation
        self._is_shared = is_shared
        self._here: dict[int, dict[str, float]] = defaultdict(dict)
        self._gone: dict[int, dict[str, float]] = defaultdict(dict)

    def told(self, process: SimProcess, event: Event) -> None:
        now = self._simulation.now
        match event:
            case WorkerRegistered(epoch, worker):
                self._here[epoch].setdefault(worker.id, now)
            case WorkerLost(epoch, worker):
                self._here[epoch].pop(worker.id, None)
                self._gone[epoch][worker.id] = now
            case TookOver(state=State() as state, seconds=seconds):
                self._look_at(process, state, now - seconds)
            case FellSilent():
                self._fell_silent(process, event)
            case Killed(pid, why):
                self._killed(process.host.ended[pid], why == "the primary hung")

    # ---- what a winner was told ----

    def _look_at(self, winner: SimProcess, state: State, end: float) -> None:
        """Check the winner's ``state``; the last primary was gone at ``end``."""
        told = {carried.worker.id for carried in state.workers}
        # While the winner was stopped, what it was told may have waited in the primary's memory.
        awake = winner.runs_since
        for id, since in self._here[state.epoch].items():
            if id not in told and awake < since < end - TOLD_SECONDS:
                self._simulation.fail(f"registry: the winner was never told of worker {id}")
        for id in told & self._gone[state.epoch].keys() - self._here[state.epoch].keys():
            if awake < self._gone[state.epoch][id] < end - TOLD_SECONDS:
                self._simulation.fail(f"registry: the winner still believes in worker {id}, which is gone")

    # ---- whom masters kill ----

    def _killed(self, victim: SimProcess, for_the_lease: bool) -> None:
        if not for_the_lease:
            # A disk that forgets who holds a lease makes two primaries: each takes the other for hung.
            if self._ran(victim) and not victim.led_to_the_end:
                self._simulation.fail(f"adoption: {victim} was killed for not coming back, and ran")
            return
        leads = self._is_shared or victim.led_to_the_end
        if self._ran(victim) or not leads:
            why = "which ran all the time" if leads else "which does not hold the lease"
            self._simulation.fail(f"fencing: {victim} was killed, {why}")

    def _ran(self, victim: SimProcess) -> bool:
        """Return whether it ran until it was killed, just now."""
        undisturbed_since = max(victim.runs_since, victim.out_of_touch)
        return victim.ran_to_the_end and undisturbed_since < self._simulation.now - DISTURBED_SECONDS

    def _fell_silent(self, process: SimProcess, event: FellSilent) -> None:
        """If their connection was forgotten in between, note that neither of them hangs."""
        ours = socket_of(process, event.here, event.peer)
        if ours is None or ours.connection is None:
            return
        ends = [ours.connection.client, ours.connection.server]
        if any(end.inbound is None or end.inbound.is_lost for end in ends):
            for end in ends:
                end.process.out_of_touch = self._simulation.now
