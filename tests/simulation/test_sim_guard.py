"""Nothing touches the real world in a simulated run, and an error belongs to the process that made it."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from chatnet.world import World
from simulator.toys import Toys

_OWN_CODE: dict[str, Any] = {"__name__": "chatnet.pretended", "time": time}


_imported_by_name = random.random


def _global_reactor() -> None:
    from twisted.internet import reactor

    reactor.callLater(0, int)


TRESPASSES: dict[str, Callable[[], Any]] = {
    "socket": lambda: socket.socket(),
    "thread": lambda: threading.Thread(target=int).start(),
    "subprocess": lambda: subprocess.run([sys.executable, "-V"], check=True),
    "fork": lambda: os.fork(),
    "sleep": lambda: time.sleep(0),
    "wall clock": eval("lambda: time.time()", _OWN_CODE),
    "monotonic clock": eval("lambda: time.monotonic()", _OWN_CODE),
    "file": eval("lambda: open('/etc/hostname')", dict(_OWN_CODE)),
    "path": eval("lambda: path.exists()", {**_OWN_CODE, "path": Path("/")}),
    "pid": eval("lambda: os.getpid()", {**_OWN_CODE, "os": os}),
    "urandom": lambda: os.urandom(1),
    "system random": lambda: random.SystemRandom().random(),
    "random": lambda: random.random(),
    "choice": lambda: random.choice([1]),
    "the reactor": _global_reactor,
}


@pytest.mark.parametrize("name", TRESPASSES)
def test_whoever_touches_the_real_world_fails_the_run(simulation: Toys, name: str) -> None:
    """The run fails even if the process catches the error."""
    trespass = TRESPASSES[name]

    def trespasses(world: World) -> None:
        with pytest.raises(AssertionError, match="simulated run"):
            trespass()

    simulation.start(trespasses)
    [failure] = simulation.failures
    assert "alpha:trespasses[1001]" in failure
    simulation.failures.clear()
    time.sleep(0)
    assert 0 <= random.random() < 1


def test_a_thread_that_was_there_before_goes_on(simulation: Toys) -> None:
    """It is of another test, whose work it ends: no run is to blame for it, since none can start a thread."""
    asked, drawn = threading.Event(), threading.Event()

    def ends_its_work() -> None:
        asked.wait()
        if len(os.urandom(1)) == 1:
            drawn.set()

    thread = threading.Thread(target=ends_its_work)
    thread.start()

    def runs(world: World) -> None:
        asked.set()
        thread.join()

    simulation.start(runs)
    assert drawn.is_set()
    assert not simulation.failures


def test_chance_that_was_imported_by_name_is_the_seed_s_too() -> None:
    """Twisted's own jitter cannot be forbidden this way, but is the same in each run of a seed."""
    drawn: list[float] = []
    for _ in range(2):
        random.random()
        before = random.getstate()
        with Toys(1) as simulation:
            simulation.start(lambda world: drawn.append(_imported_by_name()), name="draws")
        assert random.getstate() == before
    assert drawn[0] == drawn[1]


def test_an_unhandled_deferred_is_the_fault_of_its_process(simulation: Toys) -> None:
    """This holds whenever it is collected, and whichever process runs then."""

    def forgets(world: World) -> None:
        forgotten: Deferred[None] = Deferred()
        forgotten.cycle = forgotten  # type: ignore[attr-defined]
        forgotten.errback(ValueError("forgotten"))

    simulation.start(forgets)
    simulation.start(lambda world: None, name="innocent")
    simulation.run(1)
    assert not simulation.failures
    [failure] = simulation.verdict()
    assert "alpha:forgets[1001]" in failure
    simulation.failures.clear()


def test_the_dead_have_no_unhandled_errors(simulation: Toys) -> None:
    """A failure that still waited for its handler when the process was killed is no error."""
    waiting: list[Deferred[None]] = []

    def waits(world: World) -> None:
        waiting.append(Deferred())
        waiting[0].errback(ValueError("to be handled soon"))

    process = simulation.start(waits)
    process.kill()
    waiting.clear()
    simulation.run(1)


def test_a_dead_process_s_coroutines_do_nothing_when_they_are_collected(simulation: Toys) -> None:
    """Their ``finally`` does not run while other processes run."""
    happened: list[str] = []

    def works(world: World) -> None:
        async def work() -> None:
            try:
                await deferLater(world.reactor, 5)
            finally:
                happened.append("finally")

        Deferred.fromCoroutine(work())

    process = simulation.start(works)
    process.kill()
    del process
    simulation.run(10)
    simulation.verdict()
    assert happened == []
