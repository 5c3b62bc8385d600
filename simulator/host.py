"""One machine: its name and address, clock, disk, ports and processes."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from chatnet.irc_options import IRC_VARIABLE
from chatnet.kinds import own_level
from chatnet.port_options import NONE
from chatnet.web_options import WEB_VARIABLE
from simulator.clocks import Clock
from simulator.disk import Disk
from simulator.network import Network
from simulator.process import SimProcess
from simulator.sockets import SimSocket
from simulator.terminal import Terminal

if TYPE_CHECKING:
    from simulator.simulation import Simulation

EPHEMERAL = range(32768, 61000)
"""The ports that the kernel gives to sockets that do not ask for one."""
START_SECONDS = (0.05, 0.4)
"""The shortest and longest time from a process's start to its first instruction."""
HOME = Path("/home/user")


class Host:
    """A machine of the simulation; ``number`` determines its address.

    ``slow_start`` multiplies the time that processes take to start. ``level`` is what the installed program
    understands: a process keeps the level from its start. ``web`` is where its people want the page,
    and ``irc`` where IRC.
    """

    def __init__(self, simulation: Simulation, name: str, number: int) -> None:
        self.simulation = simulation
        self.name = name
        self.address = f"10.0.0.{number}"
        self.chance = simulation.chance(f"host {name}")
        self.clock = Clock(lambda: simulation.now, 1000.0 * number, self._clock_stepped)
        self.disk = Disk(simulation, name)
        self.processes: dict[int, SimProcess] = {}
        self.ended: dict[int, SimProcess] = {}
        self.slow_start = 1.0
        self.level = own_level()
        self.web = self.irc = NONE
        self.is_up = True
        self.is_asleep = False
        self._pids = 1000 * number
        self._ports: dict[int, list[SimSocket]] = {}
        self.disk.make_directory(HOME)

    @property
    def network(self) -> Network:
        """The network that connects it to the others."""
        return self.simulation.network

    @property
    def is_awake(self) -> bool:
        """Whether its kernel runs."""
        return self.is_up and not self.is_asleep

    def __str__(self) -> str:
        return self.name

    # ---- processes ----

    def start(
        self,
        *argv: str,
        environ: Mapping[str, str] | None = None,
        parent: SimProcess | None = None,
        output: Path | None = None,
    ) -> SimProcess:
        """Start a program by its command line; the new process has not run yet.

        ``output`` is the file that gets what it prints. Its terminal is :attr:`SimProcess.terminal`.

        :raises FileNotFoundError: there is no such program.
        """
        if not self.is_up:
            raise OSError(errno.EHOSTDOWN, f"{self.name} is down")
        self._pids += 1
        variables = {"HOME": str(HOME)} if environ is None else dict(environ)
        variables.setdefault(WEB_VARIABLE, self.web)
        variables.setdefault(IRC_VARIABLE, self.irc)
        process = SimProcess(self, self._pids, argv, variables, parent, output, Terminal())
        self.processes[process.pid] = process
        delay = self.chance.uniform(*START_SECONDS) * self.slow_start
        self.simulation.note(process.name, "is started: {}", " ".join((process.program, *process.arguments)))
        self.simulation.schedule(self.simulation.now + delay, process, process.main, ())
        return process

    def living(self, program: str = "") -> list[SimProcess]:
        """Return its processes that are not dead, oldest first; only those of ``program`` if it is named."""
        return [
            process
            for process in self.processes.values()
            if not process.is_dead and (not program or process.program == program)
        ]

    def gone(self, process: SimProcess) -> None:
        """Remove a process that has ended."""
        self.ended[process.pid] = self.processes.pop(process.pid)
        self.simulation.graveyard.append(process)

    # ---- faults ----

    def power_off(self) -> None:
        """Cut the power: all processes vanish without a word, and so does what was not synced."""
        self.simulation.note(self.name, "loses its power")
        self.vanish()
        self.disk.lose_power()

    def vanish(self) -> None:
        """End all processes without telling anybody."""
        self.is_up = False
        for process in self.living():
            process.vanish()

    def power_on(self) -> None:
        """Bring it up again, without processes."""
        self.simulation.note(self.name, "is up again")
        self.is_up = True
        self.network.retry()

    def sleep(self) -> None:
        """Fall asleep, as a closed laptop does."""
        self.simulation.note(self.name, "falls asleep")
        self.is_asleep = True
        for process in self.living():
            process.look_whether_it_runs()

    def awake(self) -> None:
        """Wake up again."""
        self.simulation.note(self.name, "wakes up")
        self.is_asleep = False
        self.network.retry()
        for process in self.living():
            process.look_whether_it_runs()

    def _clock_stepped(self, seconds: float) -> None:
        self.simulation.note(self.name, "its wall clock steps by {:+.3f} s", seconds)

    # ---- ports ----

    def take_port(self, socket: SimSocket, port: int) -> int:
        """Give a port to ``socket``: ``port``, or a free one for 0.

        :raises OSError: it is taken, and not all who want it share it.
        """
        while not port:
            drawn = self.chance.choice(EPHEMERAL)
            port = 0 if drawn in self._ports else drawn
        group = self._ports.get(port, [])
        if group and not all(one.shares for one in (socket, *group)):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self._ports[port] = [*group, socket]
        return port

    def free_port(self, socket: SimSocket) -> None:
        """Free the port of ``socket``, which others may share."""
        port = socket.local[1]
        group = self._ports.get(port, [])
        if socket in group:
            group.remove(socket)
            if not group:
                del self._ports[port]

    def listeners(self, port: int) -> set[SimProcess]:
        """Return the processes that listen at ``port``."""
        return {one.process for one in self._ports.get(port, ()) if one.is_listening}

    def listener(self, port: int, client: SimSocket) -> SimSocket | None:
        """Return the socket that listens at ``port`` for ``client``, which dialled one of this host's
        addresses. Of those that share a port, each gets its part of the clients, even while it is stopped."""
        group = [one for one in self._ports.get(port, ()) if one.is_reached_at(client.peer[0])]
        if len(group) < 2:
            return group[0] if group else None
        return group[int(client.lot() * len(group))]
