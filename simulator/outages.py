"""Faults of a cluster of many machines: of its machines, and of its database."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from simulator import nemesis
from simulator.host import Host
from simulator.nemesis import Fault, Nemesis
from simulator.operators import OPERATOR_SECONDS, Operator
from simulator.process import SimProcess

if TYPE_CHECKING:
    from simulator.database_server import Postgres
    from simulator.lease_probe import Reigns
    from simulator.simulation import Simulation


MANY = 100
"""How many connections the database usually accepts."""


class Outages(Nemesis):
    """Injects faults into the cluster that the ``operators`` keep running, one on each machine, around
    ``postgres``; programs started by hand get ``environ``, and look for the cluster at ``masters_at``.

    The kinds of the base class strike a machine that is drawn for each fault.
    """

    def __init__(
        self,
        simulation: Simulation,
        operators: Sequence[Operator],
        laptops: list[Host],
        postgres: Postgres,
        reigns: Reigns,
        environ: Mapping[str, str],
        masters_at: str,
    ) -> None:
        super().__init__(simulation, operators[0], None, laptops)
        self._operators = list(operators)
        self._machines = [operator.host for operator in operators]
        self._postgres, self._reigns = postgres, reigns
        self._environ, self._masters_at = environ, masters_at

    def strike(self, fault: Fault) -> None:
        self._server = self._simulation.chance(f"machine of fault {fault.number}").choice(self._machines)
        self._others = [host for host in (*self._laptops, *self._machines) if host is not self._server]
        super().strike(fault)

    # ---- machines ----

    def kill_everything(self) -> bool:
        """Send SIGKILL to every process of the cluster, on all machines."""
        for machine in self._machines:
            for process in machine.living():
                process.kill(signal.SIGKILL)
        return True

    def isolate_machine(self) -> bool:
        """Cut one machine off from everybody."""
        return self._cut_off([self._server], [*self._others, self._postgres.host])

    def part_machines(self) -> bool:
        """Cut one machine off from the other machines; the database and the users reach all of them."""
        return self._cut_off([self._server], [host for host in self._machines if host is not self._server])

    def start_second_master(self) -> bool:
        if not self._server.is_up:
            return False
        self._server.start("chat-master", environ=self._environ)
        return True

    def step_down(self) -> bool:
        if not self._server.is_up:
            return False
        self._server.start("chatnet", "stepdown", "--master", self._masters_at, environ=self._environ)
        return True

    # ---- the database ----

    def cut_from_database(self) -> bool:
        """Cut one machine off from the database."""
        return self._cut_off([self._server], [self._postgres.host])

    def cut_primary_from_database(self) -> bool:
        """Cut the primary's machine off from the database."""
        primary = self._primary()
        return primary is not None and self._cut_off([primary.host], [self._postgres.host])

    def cut_from_database_one_way(self) -> bool:
        """Lose either the questions to the database or its answers."""
        ends = [self._server, self._postgres.host]
        self._chance.shuffle(ends)
        source, target = ends
        network = self._simulation.network
        network.cut(source, target, both=False)
        return self._until(lambda: network.heal(source, target, both=False))

    def restart_database(self) -> bool:
        """Kill the database; it is started again."""
        self._postgres.kill()
        return self._after(OPERATOR_SECONDS[0], lambda: None)

    def hang_database(self) -> bool:
        """Let the database answer nobody for a while."""
        seconds = self._chance.uniform(*nemesis.STOP_SECONDS)
        self._postgres.pause(seconds)
        return self._after(seconds, lambda: None)

    def lose_power_of_database(self) -> bool:
        """Cut the power of the database's machine for a while."""
        host = self._postgres.host
        if not host.is_up:
            return False
        host.power_off()
        return self._until(host.power_on)

    def end_database_connections(self) -> bool:
        """End all connections to the database, as an administrator would."""
        self._postgres.end_sessions()
        return True

    def crowd_database(self) -> bool:
        """Let the database accept few connections for a while; existing ones are ended."""
        self._postgres.most_sessions = self._chance.randrange(20)
        self._postgres.end_sessions()
        return self._until(lambda: setattr(self._postgres, "most_sessions", MANY))

    def freeze_database(self) -> bool:
        """Let the database take no writes for a while."""
        self._postgres.is_read_only = True
        return self._until(lambda: setattr(self._postgres, "is_read_only", False))

    def fill_disk(self) -> bool:
        self._server = self._postgres.host
        return super().fill_disk()

    def slow_disk(self) -> bool:
        self._server = self._postgres.host
        return super().slow_disk()

    # ---- how ----

    def _primary(self) -> SimProcess | None:
        return self._reigns.holder

    def _replica(self) -> SimProcess | None:
        primary = self._primary()
        masters = [master for machine in self._machines for master in machine.living("chat-master")]
        replicas = [master for master in masters if master is not primary]
        return self._chance.choice(replicas) if replicas else None

    def _cut_off(self, some: Sequence[Host], others: Sequence[Host]) -> bool:
        network = self._simulation.network
        ways = [(one, other) for one in some for other in others]
        for one, other in ways:
            network.cut(one, other)

        def heal() -> None:
            for one, other in ways:
                network.heal(one, other)

        return self._until(heal)


KINDS = (
    *(kind for kind in nemesis.KINDS if kind != "depose_primary"),
    "kill_everything",
    "isolate_machine",
    "part_machines",
    "cut_from_database",
    "cut_primary_from_database",
    "cut_from_database_one_way",
    "restart_database",
    "hang_database",
    "lose_power_of_database",
    "end_database_connections",
    "crowd_database",
    "freeze_database",
)
"""All kinds of faults here: no disk forgets who holds a lease."""
