"""While a simulation runs, nobody touches the real world: whoever does fails the run."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from twisted.internet import defer

if TYPE_CHECKING:
    from chatnet.testing.simulation.process import SimProcess
    from chatnet.testing.simulation.simulation import Simulation

_FORBIDDEN: list[tuple[Any, str, str]] = [
    (socket.socket, "__init__", "a real socket"),
    (threading.Thread, "start", "a real thread"),
    (subprocess.Popen, "__init__", "a real process"),
    (os, "fork", "a real process"),
    (time, "sleep", "a real sleep"),
    (os, "urandom", "real entropy"),
    (random.SystemRandom, "random", "real entropy"),
    (random.SystemRandom, "getrandbits", "real entropy"),
    *(
        (random, name, "the chance shared by all")
        for name in (
            "betavariate", "choice", "choices", "expovariate", "gauss", "getrandbits", "normalvariate",
            "randbytes", "randint", "random", "randrange", "sample", "seed", "shuffle", "triangular",
            "uniform",
        )
    ),
]  # fmt: skip
_CLOCKS = ["time", "monotonic", "perf_counter", "time_ns", "monotonic_ns"]
_REACTOR = ["callLater", "callFromThread", "callInThread", "connectTCP", "listenTCP", "spawnProcess", "stop"]


class RealWorldUsed(AssertionError):
    """Simulated code reached outside of its world."""


class Guard:
    """A context manager; and :meth:`watch_deferreds` for the whole life of ``simulation``."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._replaced: list[tuple[Any, str, Any]] = []
        self._debug_info = defer.DebugInfo
        self._state = random.getstate()

    def __enter__(self) -> None:
        for owner, name, what in _FORBIDDEN:
            self._replace(owner, name, self._refusal(what))
        for name in _CLOCKS:
            self._replace(time, name, self._clock(name))
        reactor = sys.modules.get("twisted.internet.reactor")
        for name in _REACTOR if reactor is not None else ():
            self._replace(reactor, name, self._refusal("the real reactor"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for owner, name, real in reversed(self._replaced):
            if real is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, real)
        self._replaced.clear()

    def _replace(self, owner: Any, name: str, fake: Any) -> None:
        self._replaced.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, fake)

    def _refusal(self, what: str) -> Callable[..., Any]:
        def refuse(*arguments: Any, **keywords: Any) -> Any:
            sentence = f"{what} was used in a simulated run"
            self._simulation.fail(sentence)
            raise RealWorldUsed(sentence)

        return refuse

    def _clock(self, name: str) -> Callable[[], Any]:
        real = getattr(time, name)
        refuse = self._refusal("a real clock")

        def read() -> Any:
            # Libraries stamp their log lines; it is our own code that must not know.
            caller = sys._getframe(1).f_globals.get("__name__", "")
            return refuse() if caller.startswith("chatnet.") else real()

        return read

    # ---- Deferreds ----

    def watch_deferreds(self) -> None:
        """An error that nobody handled is the fault of the process in which it happened; the dead have none.

        Twisted logs it when the Deferred is collected, which may be much later.
        """
        simulation = self._simulation
        twisted_info = self._debug_info

        class OwnedDebugInfo(twisted_info):  # type: ignore[misc, valid-type]
            def __init__(self) -> None:
                self.owner: SimProcess | None = simulation.running

            def __del__(self) -> None:
                if self.owner is not None and self.owner.is_dead:
                    return
                before, simulation.running = simulation.running, self.owner
                super().__del__()
                simulation.running = before

        defer.DebugInfo = OwnedDebugInfo  # type: ignore[misc]

    def close(self) -> None:
        """The simulation is over."""
        defer.DebugInfo = self._debug_info  # type: ignore[misc]


_ABSENT = object()
