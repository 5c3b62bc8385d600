"""The same seed gives the same run, byte for byte."""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import sys

from simulator import Simulation
from simulator.simulation import collect_quietly


def story(seed: int) -> str:
    """Return the trace of a cluster with two clients that chat, and some deaths."""
    with Simulation(seed, detailed=True) as simulation:
        alpha, beta = simulation.host("alpha"), simulation.host("beta")
        alpha.start("chat-master", "--data", "/data")
        simulation.run(4)
        users = [beta.start("chat-client", "--master", "alpha", name) for name in ("ann", "bob")]
        simulation.run(2)
        users[0].terminal.type("JOIN bob", "CHAT")
        users[1].terminal.type("CHAT", *(f"line {number}" for number in range(20)))
        simulation.run(0.01)
        for worker in alpha.living("chat-worker")[:2]:
            worker.kill()
        simulation.run(2)
        alpha.power_off()
        simulation.run(1)
        alpha.power_on()
        alpha.start("chat-master", "--data", "/data")
        simulation.run(8)
        assert not simulation.failures
        said = "\n".join(users[0].terminal.lines)
        return f"{simulation.trace.text()}\n{said}\n{simulation.steps}\n"


def digest(seed: int) -> str:
    """Return a short digest of a whole story."""
    return hashlib.sha256(story(seed).encode()).hexdigest()


def test_a_seed_gives_the_same_trace_in_any_process() -> None:
    """Neither the order in which this process hashes strings nor what ran before in it changes the trace."""
    program = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import {__name__} as t; "
    digests = {digest(3), digest(3)}
    for hash_seed in ("1", "2"):
        environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run(
            [sys.executable, "-c", program + "print(t.digest(3))"],
            env=environ, capture_output=True, text=True, check=True,
        )  # fmt: skip
        digests.add(run.stdout.strip())
    assert len(digests) == 1


def test_another_seed_gives_another_run() -> None:
    """Two seeds differ, else there would be nothing to search."""
    assert digest(3) != digest(4)


def test_a_trace_says_nothing_of_this_machine() -> None:
    """It has no path and no memory address, so it can be compared and passed on."""
    text = story(3)
    assert " 0x" not in text.replace("0x…", "")
    assert "/dev/shm" not in text
    assert os.getcwd() not in text


def test_runs_do_not_pile_up_in_memory() -> None:
    """A thousand seeds run in one process, so a run must leave nothing in memory."""

    def objects() -> int:
        gc.unfreeze()
        collect_quietly()  # simulations of other tests may have left what a run has not
        return len(gc.get_objects())

    for seed in range(3):
        story(seed)
    before = objects()
    for seed in range(3):
        story(seed)
    more = objects() - before
    gc.freeze()  # as in tests/conftest.py
    assert more < 500
