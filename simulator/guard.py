"""Prevents any use of the real world while a simulation runs: such a use fails the run."""

from __future__ import annotations

import builtins
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from twisted.internet import defer

if TYPE_CHECKING:
    from simulator.process import SimProcess
    from simulator.simulation import Simulation

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
_NOT_OURS: list[tuple[Any, str, str]] = [
    *(
        (time, name, "a real clock")
        for name in ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns")
    ),
    *((os, name, "a real process") for name in ("getpid", "getppid", "kill", "_exit")),
    *((owner, "open", "a real file") for owner in (builtins, os, Path)),
    *(
        (Path, name, "a real file")
        for name in ("exists", "mkdir", "read_bytes", "read_text", "unlink", "write_bytes", "write_text")
    ),
    (socket, "gethostname", "this machine's name"),
]
"""What libraries may use, but our code may not."""
_REACTOR = ["callLater", "callFromThread", "callInThread", "connectTCP", "listenTCP", "spawnProcess", "stop"]

Fake = tuple[Any, str, Callable[..., Any]]
"""The owner of a replaced attribute, its name, and its replacement."""
_ABSENT = object()


class RealWorldUsed(AssertionError):
    """Simulated code reached outside of its world."""


class Guard:
    """A context manager for the time while events happen; open during all of ``simulation``."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._thread = threading.get_ident()
        self._fakes: list[Fake] = []
        self._replaced: list[tuple[Any, str, Any]] = []
        self._debug_info = defer.DebugInfo
        self._chance = random.getstate()

    def __enter__(self) -> None:
        if not self._fakes:
            self._fakes = [*self._all_fakes()]
        for owner, name, fake in self._fakes:
            self._replaced.append((owner, name, vars(owner).get(name, _ABSENT)))
            setattr(owner, name, fake)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for owner, name, real in reversed(self._replaced):
            if real is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, real)
        self._replaced.clear()

    def _all_fakes(self) -> Iterator[Fake]:
        for owner, name, what in _FORBIDDEN:
            yield owner, name, self._refusal(what, getattr(owner, name))
        for owner, name, what in _NOT_OURS:
            yield owner, name, self._refusal_to_us(owner, name, what)
        reactor = sys.modules.get("twisted.internet.reactor")
        for name in _REACTOR if reactor is not None else ():
            yield reactor, name, self._refusal("the real reactor", getattr(reactor, name))

    def _refusal(self, what: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*arguments: Any, **keywords: Any) -> Any:
            if threading.get_ident() != self._thread:  # it began before: a simulation starts no thread
                return real(*arguments, **keywords)
            sentence = f"{what} was used in a simulated run"
            self._simulation.fail(sentence)
            raise RealWorldUsed(sentence)

        return refuse

    def _refusal_to_us(self, owner: Any, name: str, what: str) -> Callable[..., Any]:
        real = getattr(owner, name)
        refuse = self._refusal(what, real)

        def use(*arguments: Any, **keywords: Any) -> Any:
            # Libraries stamp their log lines and read their sources; only our own code must not.
            caller = sys._getframe(1).f_globals.get("__name__", "")
            if caller.startswith("chatnet.") and not caller.startswith("chatnet.testing."):
                return refuse()
            return real(*arguments, **keywords)

        return use

    # ---- for the whole simulation ----

    def open(self) -> None:
        """Watch Deferreds, and seed the random module, for code that imported its functions by name."""
        random.seed(f"{self._simulation.seed}/shared")
        self._watch_deferreds()

    def _watch_deferreds(self) -> None:
        """Blame an unhandled error on the process in which it happened; dead processes have none.

        Twisted logs it when the Deferred is collected, which may be much later.
        """
        simulation = self._simulation
        twisted_info = self._debug_info

        class OwnedDebugInfo(twisted_info):  # type: ignore[misc, valid-type]
            def __init__(self) -> None:
                self.owner: SimProcess | None = simulation.running

            def __del__(self) -> None:
                before, simulation.running = simulation.running, self.owner
                super().__del__()
                simulation.running = before

        defer.DebugInfo = OwnedDebugInfo  # type: ignore[misc]

    def close(self) -> None:
        """Restore everything: the simulation has ended."""
        defer.DebugInfo = self._debug_info  # type: ignore[misc]
        random.setstate(self._chance)
