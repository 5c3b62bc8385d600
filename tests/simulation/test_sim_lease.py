"""Corner cases of the lease, in virtual time: reused pids, masters that are strangers, nobody left."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from simulation.talking import DATA, Talk, a_whole_cluster, primary, replicas, workers

from simulator import Host, SimProcess, Simulation

SEED = 11


@pytest.fixture
def alpha(simulation: Simulation) -> Host:
    """Return a host with a whole cluster."""
    return a_whole_cluster(simulation)


def start_as(host: Host, pid: int, *argv: str) -> SimProcess:
    """Start a program that happens to get the pid of a dead process."""
    host._pids, next_pid = pid - 1, host._pids
    process = host.start(*argv)
    host._pids = next_pid
    return process


@pytest.mark.parametrize("leads", [False, True])
def test_a_pid_that_was_passed_on_is_not_fenced(simulation: Simulation, alpha: Host, leads: bool) -> None:
    """If another program has the pid by now, or the next primary has it, that is not killed."""
    before, standing_by = primary(alpha), replicas(alpha)
    for replica in standing_by:
        replica.kill(signal.SIGSTOP)
    stands_by: Any = standing_by[0].service
    holder = stands_by._replica._holder
    assert (holder.pid, holder.started) == (before.pid, before.started)
    before.kill()
    simulation.run(1)
    program = ("chat-master", "--data", str(DATA)) if leads else ("chat-client", "--master", "alpha", "ann")
    newcomer = start_as(alpha, before.pid, *program)
    simulation.run(1)
    assert (alpha.disk.locks.get(DATA) is newcomer) == leads
    standing_by[0].run(stands_by._replica._fence, (holder,))
    assert not newcomer.is_dead


def test_adopted_workers_whose_pids_were_passed_on_are_not_killed(
    simulation: Simulation, alpha: Host
) -> None:
    """All masters die, then a worker, whose pid a client gets: the client is not taken for the worker."""
    primary(alpha).kill(signal.SIGSTOP)
    simulation.run(1)
    victim = alpha.living("chat-worker")[0]
    victim.kill()
    newcomer = start_as(alpha, victim.pid, "chat-client", "--master", "alpha", "ann")
    simulation.run(10)
    assert not newcomer.is_dead
    assert len(workers(alpha)) == 3
    assert simulation.trace.has("is dead")


def test_masters_that_start_again_adopt_the_workers(simulation: Simulation, alpha: Host) -> None:
    """The same three workers stay; clients keep their connections."""
    talk, three = Talk(simulation), workers(alpha)
    for master in alpha.living("chat-master"):
        master.kill()
    simulation.run(40)
    alpha.start("chat-master", "--data", str(DATA))
    talk.heard_within(5)
    simulation.run(5)
    assert workers(alpha) == three
    assert len(replicas(alpha)) == 2


def test_workers_that_are_alone_end(simulation: Simulation, alpha: Host) -> None:
    """After a minute without a primary a worker whose supervisor is dead exits; one started by hand waits."""
    alpha.start("chat-worker", "--data", str(DATA))
    simulation.run(3)
    by_hand = alpha.living("chat-worker")[-1]
    for master in alpha.living("chat-master"):
        master.kill()
    simulation.run(58)
    assert len(workers(alpha)) == 4
    simulation.run(5)
    assert alpha.living() == [by_hand]


def test_a_replica_whose_parent_died_while_it_started_ends(simulation: Simulation, alpha: Host) -> None:
    """It cannot find out now who started it, but was told. A stranger holds the lease, and refuses it."""
    alpha.slow_start = 20.0
    replicas(alpha)[0].kill()
    simulation.run(0.5)
    orphan = replicas(alpha)[-1]
    assert not orphan.reactor.running
    for process in alpha.living():
        if process is not orphan:
            process.kill()
    alpha.slow_start = 1.0
    stranger = alpha.start("chat-master", "--data", str(DATA), "--token-file", "/home/user/another")
    simulation.run(50)
    assert not orphan.is_dead
    assert primary(alpha) is stranger
    simulation.run(30)
    assert orphan.is_dead
    assert simulation.trace.has("My parent is dead, and no primary was reached for a minute")
    assert len(replicas(alpha)) == 2


def test_a_deposed_primary_appends_nothing(simulation: Simulation, alpha: Host) -> None:
    """It is stopped while drafts are under way, and continues after the takeover: each is in the log once."""
    talk = Talk(simulation)
    talk.bob.terminal.type(*(f"line {number}" for number in range(30)))
    simulation.run(0.002)
    before = primary(alpha)
    before.kill(signal.SIGSTOP)
    del alpha.disk.locks[DATA]
    simulation.run(8)
    assert primary(alpha) is not before
    before.kill(signal.SIGCONT)
    talk.heard_within(10)
    simulation.run(5)
    assert before.is_dead
    heard = [line for line in talk.ann.terminal.lines if "line" in line]
    assert heard == [f"bob: line {number}" for number in range(30)]
