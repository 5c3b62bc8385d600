"""Small programs for tests of protocols: a function of the world, run as a simulated process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import Service

from chatnet.world import World
from simulator.process import SimProcess
from simulator.programs import Program
from simulator.simulation import Simulation


class Toy(Service):
    """Calls ``start`` with the world and the arguments when it is started."""

    def __init__(self, start: Callable[..., Any], world: World, arguments: Sequence[str]) -> None:
        self._start, self._world, self._arguments = start, world, arguments

    def startService(self) -> None:
        super().startService()
        self._start(self._world, *self._arguments)


def toy(start: Callable[..., Any]) -> Program:
    """Return a program that calls ``start(world, *arguments)``, and then runs until it is stopped."""
    return lambda arguments, world: Toy(start, world, arguments)


class Toys(Simulation):
    """A simulation with a short way to run toy programs."""

    def start(
        self, start: Callable[..., Any], *arguments: str, host: str = "alpha", name: str = ""
    ) -> SimProcess:
        """Run ``start(world, *arguments)`` as a process of ``host``, past its first instruction."""
        name = name or start.__name__
        self.programs[name] = toy(start)
        process = self.host(host).start(name, *arguments)
        self.run_while(lambda: not process.is_dead and not process.reactor.has_started)
        return process
