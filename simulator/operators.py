"""The people who keep a program running on a machine."""

from __future__ import annotations

import signal
from collections.abc import Mapping

from simulator.host import Host
from simulator.process import SimProcess

OPERATOR_SECONDS = (0.1, 4.0)
"""Seconds until somebody starts a master again: between these."""


class Operator:
    """Keeps ``program`` running on ``host``: if none runs, starts it again after a while."""

    def __init__(
        self, host: Host, program: str, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> None:
        self.host = host
        self._argv = (program, *arguments)
        self._environ = environ
        self._chance = host.simulation.chance(f"operator {host.name}")
        self._stopping = False

    def start(self) -> None:
        """Start it, if the host is up and none lives; and check again from time to time."""
        if self._stopping:
            return
        self._start()
        self.host.simulation.later(self._chance.uniform(*OPERATOR_SECONDS), self.start)

    def _start(self) -> None:
        if self.host.is_up and not self.host.living(self._argv[0]):
            self.host.start(*self._argv, environ=self._environ)

    @property
    def primary(self) -> SimProcess | None:
        """The process that holds the lease."""
        return next(iter(self.host.disk.locks.values()), None)

    def rest(self) -> None:
        """Start nothing from now on."""
        self._stopping = True

    def stop(self) -> None:
        """Stop all processes of the program for good, whoever started them; beside workers, IRC fronts, too:
        those whose parent has died are nobody's."""
        self.rest()
        fronts = self.host.living("chat-front") if self._argv[0] == "chat-worker" else []
        for process in [*self.host.living(self._argv[0]), *fronts]:
            process.kill(signal.SIGTERM)

    def power_on(self) -> None:
        """Give the host power again, and start the program."""
        self.host.power_on()
        self._start()
