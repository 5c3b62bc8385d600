"""Primaries die, hang and are cut off, in virtual time: a replica takes over, and nobody else commands."""

from __future__ import annotations

import signal

import pytest
from simulation.talking import DATA, Talk, a_whole_cluster, primary, replicas, workers

from simulator import Host, Simulation

SEED = 7


@pytest.fixture
def alpha(simulation: Simulation) -> Host:
    """Return a host with a whole cluster."""
    return a_whole_cluster(simulation)


@pytest.fixture
def talk(simulation: Simulation, alpha: Host) -> Talk:
    return Talk(simulation)


def test_a_killed_primary_is_followed_by_a_replica(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """The takeover takes well under a second; the workers are the same; two replicas stand by again."""
    before, three = primary(alpha), workers(alpha)
    before.kill()
    assert talk.heard_within(1) < 0.6
    simulation.run(5)
    assert primary(alpha) is not before
    assert len(replicas(alpha)) == 2
    assert workers(alpha) == three


def test_again_and_again(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """Each primary in turn is killed and followed, without an operator."""
    for _ in range(5):
        primary(alpha).kill()
        talk.heard_within(1)
        simulation.run(2)
    simulation.run(3)
    assert len(replicas(alpha)) == 2
    assert len(workers(alpha)) == 3


def fill(alpha: Host, talk: Talk) -> None:
    """Leave no room on the disk, and none in the WAL: what the making of the tables left there is reused."""
    for _ in range(40):
        talk.heard_within(5)
    alpha.disk.room = 0


def test_a_replica_takes_over_on_a_full_disk_once_there_is_room(
    simulation: Simulation, alpha: Host, talk: Talk
) -> None:
    """Nobody has to start anything: it holds the lease and waits; the other does not take it for hung."""
    three = workers(alpha)
    fill(alpha, talk)
    primary(alpha).kill()
    simulation.run(20)
    assert len(alpha.living("chat-master")) == 2
    simulation.run(30)
    assert len(alpha.living("chat-master")) == 2
    assert workers(alpha) == three
    assert simulation.trace.has("the master commands when there is room")
    alpha.disk.room = None
    assert talk.heard_within(5) > 0
    simulation.run(5)
    assert len(replicas(alpha)) == 2


def test_who_waits_for_room_can_be_stopped(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """It stops by a signal, in good order."""
    fill(alpha, talk)
    before = primary(alpha)
    before.kill()
    simulation.run(5)
    assert simulation.trace.has("the master commands when there is room")
    waiting = primary(alpha)
    waiting.kill(signal.SIGTERM)
    simulation.run(3)
    assert waiting.status == (0, signal.SIGTERM)


def test_who_takes_the_lease_as_it_starts_can_be_stopped(
    simulation: Simulation, alpha: Host, talk: Talk
) -> None:
    """It closes the store before it lets go of the lease (the simulation looks), also while it waits for the
    port."""
    before, standing_by = primary(alpha), replicas(alpha)
    standing_by[0].kill()
    while not (new := set(replicas(alpha)) - set(standing_by)):
        simulation.run(0.01)
    [newest] = new
    before.kill(signal.SIGSTOP)
    alpha.disk.forget_locks()
    simulation.run(2.5)
    assert simulation.trace.has("Cannot listen")
    assert list(alpha.disk.locks.values()) == [newest]
    newest.kill(signal.SIGTERM)
    simulation.run(2)
    assert newest.status == (0, signal.SIGTERM)
    assert newest not in alpha.disk.locks.values()


def test_a_hung_primary_is_fenced(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """After three seconds of silence it is killed, before another commands."""
    before = primary(alpha)
    before.kill(signal.SIGSTOP)
    assert 2 < talk.heard_within(5) < 5
    assert before.is_dead


def test_a_primary_that_hangs_for_less_is_left_alone(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """Two seconds of silence are not enough."""
    before = primary(alpha)
    before.kill(signal.SIGSTOP)
    simulation.run(1.9)
    before.kill(signal.SIGCONT)
    talk.heard_within(1)
    assert primary(alpha) is before


def test_replicas_that_were_stopped_themselves_fence_nobody(
    simulation: Simulation, alpha: Host, talk: Talk
) -> None:
    """This holds however long they were stopped, and also if the whole host slept."""
    before = primary(alpha)
    standing_by = replicas(alpha)
    for seconds in (2.5, 4, 60):
        for replica in standing_by:
            replica.kill(signal.SIGSTOP)
        simulation.run(seconds)
        for replica in standing_by:
            replica.kill(signal.SIGCONT)
        simulation.run(5)
        assert primary(alpha) is before
    alpha.sleep()
    simulation.run(100)
    alpha.awake()
    simulation.run(5)
    assert primary(alpha) is before
    assert len(replicas(alpha)) == 2


def test_primary_and_worker_at_once(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """The dead worker is recognized by its pid, and replaced at once; the others are adopted."""
    victim = alpha.living("chat-worker")[0]
    victim.kill()
    primary(alpha).kill()
    simulation.run(2)
    assert len(workers(alpha)) == 3
    assert victim.pid not in workers(alpha)
    assert simulation.trace.has("is dead")


def test_a_worker_that_hangs_while_its_primary_dies_is_replaced(
    simulation: Simulation, alpha: Host, talk: Talk
) -> None:
    """It does not come back in three seconds and is killed, though it is not the new primary's child."""
    victim = alpha.living("chat-worker")[0]
    victim.kill(signal.SIGSTOP)
    primary(alpha).kill()
    simulation.run(5)
    assert victim.is_dead
    assert len(workers(alpha)) == 3


def test_an_adopted_worker_is_watched(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """It is watched by link and pid, and replaced when dead or hung, though the primary is not its parent."""
    primary(alpha).kill()
    simulation.run(5)
    for number in (signal.SIGKILL, signal.SIGSTOP):
        victim = next(worker for worker in alpha.living("chat-worker") if worker.parent is None)
        victim.kill(number)
        simulation.run(9)
        assert victim.is_dead
        assert len(workers(alpha)) == 3


def test_lost_replicas_are_replaced(simulation: Simulation, alpha: Host) -> None:
    """Dead and hung ones are replaced, children and adopted ones; the primary goes on."""
    primary(alpha).kill()
    simulation.run(5)
    before = primary(alpha)
    for replica in replicas(alpha):  # one of these is adopted
        for number in (signal.SIGKILL, signal.SIGSTOP):
            victim = replica if not replica.is_dead else replicas(alpha)[-1]
            victim.kill(number)
            simulation.run(9)
            assert victim.is_dead
            assert len(replicas(alpha)) == 2
    assert primary(alpha) is before


def test_a_primary_without_its_lease_can_neither_commit_nor_command(
    simulation: Simulation, alpha: Host, talk: Talk
) -> None:
    """It is stopped, its lease taken without a kill, and continued: it exits at its first commit."""
    before = primary(alpha)
    before.kill(signal.SIGSTOP)
    del alpha.disk.locks[DATA]
    simulation.run(8)
    assert primary(alpha) is not before
    assert not before.is_dead
    before.kill(signal.SIGCONT)
    talk.heard_within(10)
    simulation.run(5)
    assert before.is_dead
    assert simulation.trace.has("has begun; ours was 1: another master has taken the lease. This one exits")


@pytest.mark.parametrize("text", [None, b"", b"{torn", b'{"pid":1,"address":"127.0.0.1:9","epoch":1}\n'])
def test_the_text_of_the_lease_is_only_text(
    simulation: Simulation, alpha: Host, talk: Talk, text: bytes | None
) -> None:
    """If it is deleted, torn or stale, replicas still know their primary, and replace it as usual."""
    if text is None:
        del alpha.disk._files[DATA / "lease"]
    else:
        alpha.disk._files[DATA / "lease"] = text
    simulation.run(5)
    before = primary(alpha)
    before.kill(signal.SIGSTOP)
    assert talk.heard_within(5) < 5
    assert before.is_dead
    primary(alpha).kill()
    talk.heard_within(1)


def test_without_its_text_the_primary_is_looked_for_where_it_was(
    simulation: Simulation, alpha: Host, talk: Talk
) -> None:
    """A replica that starts finds it at the port where it would listen itself."""
    before = primary(alpha)
    del alpha.disk._files[DATA / "lease"]
    for replica in replicas(alpha):
        replica.kill()
    simulation.run(5)
    before.kill(signal.SIGSTOP)
    assert talk.heard_within(5) < 5


def test_a_winner_that_hangs_before_it_commands_is_fenced(
    simulation: Simulation, alpha: Host, talk: Talk
) -> None:
    """If it has not opened the store after half a minute, it is killed."""
    primary(alpha).kill()
    simulation.run_while(lambda: DATA not in alpha.disk.locks, 5)
    winner = primary(alpha)
    winner.kill(signal.SIGSTOP)
    simulation.run(25)
    assert not winner.is_dead
    simulation.run(10)
    assert winner.is_dead
    talk.heard_within(2)
    simulation.run(5)
    assert len(replicas(alpha)) == 2


def test_a_replica_is_told_where_the_primary_is_by_the_lease_alone(
    simulation: Simulation, alpha: Host
) -> None:
    """The primary has another port than the replica, which takes over that port."""
    alpha.start("chat-master", "--data", str(DATA), "--listen", "0.0.0.0:7")
    simulation.run(5)
    assert simulation.trace.has("standing by as a replica")
    assert len(replicas(alpha)) == 2
    for master in alpha.living("chat-master"):
        if "--listen" not in master.arguments or "0.0.0.0:64480" in master.arguments:
            master.kill()
    simulation.run(8)
    Talk(simulation)


def test_a_replica_told_to_stop_stops_alone(simulation: Simulation, alpha: Host) -> None:
    """Nothing else stops, and it is replaced."""
    before = primary(alpha)
    victim = replicas(alpha)[0]
    victim.kill(signal.SIGTERM)
    simulation.run(5)
    assert victim.is_dead
    assert primary(alpha) is before
    assert len(replicas(alpha)) == 2
    assert len(workers(alpha)) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("after", [0.0, 0.1, 0.3, 0.6, 1.0, 3.0])
def test_a_stop_of_the_primary_leaves_no_orphan(
    simulation: Simulation, alpha: Host, number: int, after: float
) -> None:
    """No replica takes over, however soon after a takeover the stop comes."""
    primary(alpha).kill()
    simulation.run_while(lambda: DATA not in alpha.disk.locks, 5)
    simulation.run(after)
    before = primary(alpha)
    before.outlives_terminal = False
    before.kill(number)
    simulation.run(25)
    assert alpha.living() == []


def test_chatnet_stop_stops_masters_by_hand_too(simulation: Simulation, alpha: Host) -> None:
    """This holds whichever of them is primary."""
    alpha.start("chat-master", "--data", str(DATA))
    simulation.run(5)
    primary(alpha).kill()
    simulation.run(5)
    alpha.start("chatnet", "stop", "--data", str(DATA))
    simulation.run(25)
    assert alpha.living() == []


def test_a_master_by_hand_outlives_the_primary_that_is_stopped(simulation: Simulation, alpha: Host) -> None:
    """It takes over, with its own replicas and workers."""
    by_hand = alpha.start("chat-master", "--data", str(DATA))
    simulation.run(5)
    primary(alpha).kill(signal.SIGTERM)
    simulation.run(25)
    assert primary(alpha) is by_hand
    assert len(replicas(alpha)) == 2
    assert len(workers(alpha)) == 3


def test_stepping_down(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """The primary exits, all others live on, and posts are acknowledged."""
    before, three = primary(alpha), workers(alpha)
    operator = alpha.start("chatnet", "stepdown", "--data", str(DATA))
    simulation.run_while(lambda: not before.is_dead, 5)
    talk.heard_within(2)
    simulation.run(5)
    assert operator.status == (0, None)
    assert any("The primary is now pid" in line for line in operator.terminal.lines)
    assert before.status == (0, None)
    assert len(replicas(alpha)) == 2
    assert workers(alpha) == three


def test_a_replica_that_is_alone_ends(simulation: Simulation, alpha: Host) -> None:
    """Its parent is dead, and for a minute it cannot get the lease: nobody needs it."""
    alpha.disk._directories = {path: None for path in alpha.disk._directories if path != DATA}
    primary(alpha).kill()
    simulation.run(50)
    assert len(alpha.living("chat-master")) == 2
    simulation.run(15)
    assert alpha.living("chat-master") == []
