"""Who holds the lease in a database, by its row, and who commands, by the masters' own account."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from chatnet import telemetry
from chatnet.store.lease import Holder
from chatnet.store.postgres.database import LeaseRow
from chatnet.store.postgres.lease import CHECK_SECONDS
from chatnet.testing.history import EpochBegun, EpochEnded, Event, LeaseExpired, LeaseLost, LeaseTaken
from simulator.database_server import Postgres
from simulator.process import SimProcess

if TYPE_CHECKING:
    from simulator.simulation import Simulation

NOTICED_SECONDS = CHECK_SECONDS + 0.05
"""Seconds after which a stopped master that continues has looked at its clock."""


class Reigns:
    """Reports what happens to the lease of ``postgres`` to ``keep``; ``holder`` is its holder by the row.

    The row shows when the lease is taken, released, or taken from a master that still has it; the masters'
    own code tells when they begin and end to command. A master that is dead or stopped commands nobody; when
    it continues, it has until its next look at the clock.
    """

    def __init__(self, simulation: Simulation, postgres: Postgres, keep: Callable[[Event], object]) -> None:
        self._simulation = simulation
        self._keep = keep
        # What each believes, and which of them, as far as we know, command because of that.
        self._believes: dict[SimProcess, int] = {}
        self._commands: dict[SimProcess, int] = {}
        self.holder: SimProcess | None = None
        postgres.on_lease = self._changed

    @property
    def is_vacant(self) -> bool:
        """Whether no process both commands and holds the lease."""
        return self.holder is None or self.holder.is_dead or self.holder not in self._commands

    def told(self, process: SimProcess, event: telemetry.Event) -> None:
        """Hear an event in a process: a listener."""
        match event:
            case telemetry.LeaseTaken(epoch):
                self._believes[process] = epoch
                self._begun(process, epoch)
            case telemetry.LeaseEnded():
                self._believes.pop(process, None)
                self._ended(process)

    def _begun(self, process: SimProcess, epoch: int) -> None:
        self._commands[process] = epoch
        self._keep(EpochBegun(time=self._simulation.now, client=process.name, epoch=epoch))

    def _ended(self, process: SimProcess) -> None:
        epoch = self._commands.pop(process, None)
        if epoch is not None:
            self._keep(EpochEnded(time=self._simulation.now, client=process.name, epoch=epoch))

    # ---- the row ----

    def _changed(self, before: LeaseRow, after: LeaseRow) -> None:
        now = self._simulation.now
        if after.epoch != before.epoch:
            if before.holder:
                self._expired(_named(before))
            self._keep(LeaseTaken(time=now, client=_named(after)))
        elif before.holder and not after.holder:
            self._keep(LeaseLost(time=now, client=_named(before)))
        self.holder = self._process(after)

    def _expired(self, name: str) -> None:
        for process, epoch in list(self._commands.items()):
            if process.name == name and not self._runs(process):
                self._ended(process)
                self._look_again(process, epoch)
        self._keep(LeaseExpired(time=self._simulation.now, client=name))

    def _runs(self, process: SimProcess) -> bool:
        """Return whether it has run long enough to know the time."""
        return process.runs and self._simulation.now - process.runs_since > NOTICED_SECONDS

    def _look_again(self, process: SimProcess, epoch: int) -> None:
        """Check again later: once it continues, it must find out."""
        if process.is_dead or self._believes.get(process) != epoch:
            return
        if self._runs(process):
            self._keep(EpochBegun(time=self._simulation.now, client=process.name, epoch=epoch))
        else:
            self._simulation.later(NOTICED_SECONDS, self._look_again, process, epoch)

    def _process(self, row: LeaseRow) -> SimProcess | None:
        if not row.holder:
            return None
        holder = msgspec.json.decode(row.holder, type=Holder)
        return self._simulation.hosts[holder.host].processes.get(holder.pid)


def _named(row: LeaseRow) -> str:
    holder = msgspec.json.decode(row.holder, type=Holder)
    return f"{holder.host}:chat-master[{holder.pid}]"
