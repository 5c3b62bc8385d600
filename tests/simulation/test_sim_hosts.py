"""Workers of another host keep three running there, whichever of them dies or hangs."""

from __future__ import annotations

import signal
from typing import cast

import pytest
from simulation.populated import USERS, Place

from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import Acknowledged, Lost
from simulator import Host, SimProcess, Simulation, workload
from simulator.clusters import read_log
from simulator.host import HOME
from simulator.people import Crowd

SEED = 5
TALK = ("post", "join", "leave", "chat")
"""What connected people do."""


@pytest.fixture
def place(simulation: Simulation) -> Place:
    return Place(simulation)


@pytest.fixture
def gamma(simulation: Simulation, place: Place) -> Host:
    """Return another host, with a worker that somebody started, and two that it started."""
    host = place.elsewhere("gamma")
    until(simulation, host, 3)
    place.settle()
    return host


def until(simulation: Simulation, host: Host, count: int, seconds: float = 30) -> None:
    """Run until ``count`` workers live on ``host``, and check that it stays so for a while."""
    simulation.run_while(lambda: len(host.living("chat-worker")) != count, seconds)
    simulation.run(15)
    assert len(host.living("chat-worker")) == count


def parents(host: Host) -> list[SimProcess | None]:
    return [worker.parent for worker in host.living("chat-worker")]


def test_a_host_is_brought_up_to_three(simulation: Simulation, gamma: Host, place: Place) -> None:
    """Its first worker starts two; the primary's host keeps its three; clients are spread over all."""
    first = gamma.living("chat-worker")[0]
    assert parents(gamma) == [None, first, first]
    assert len(place.alpha.living("chat-worker")) == 3
    assert place.loads() == [4] * 6
    assert gamma.disk.has(HOME / "chatnet-data" / "log" / "worker-1.log")


@pytest.mark.parametrize("which", [[0], [1], [0, 1], [1, 2], [2]])
def test_those_that_die_are_replaced(
    simulation: Simulation, gamma: Host, place: Place, which: list[int]
) -> None:
    """This holds while one of them lives, whether parent or child."""
    workers = gamma.living("chat-worker")
    for at in which:
        workers[at].kill()
    until(simulation, gamma, 3)
    place.settle()
    assert sum(place.loads()) == len(USERS)


def test_a_host_whose_workers_all_die_is_gone(simulation: Simulation, gamma: Host, place: Place) -> None:
    """It has no workers until somebody starts one there."""
    for worker in gamma.living("chat-worker"):
        worker.kill()
    simulation.run(60)
    assert gamma.living() == []
    place.settle()
    assert sum(place.loads()) == len(USERS)
    place.elsewhere("gamma")
    until(simulation, gamma, 3)


def test_who_hangs_is_killed_and_replaced(simulation: Simulation, gamma: Host, place: Place) -> None:
    """A hung child is killed. A worker that a person started is theirs to kill: it is replaced meanwhile."""
    first, child, _ = gamma.living("chat-worker")
    child.kill(signal.SIGSTOP)
    until(simulation, gamma, 3)
    assert child.is_dead
    first.kill(signal.SIGSTOP)
    simulation.run(30)
    assert not first.is_dead
    assert len(gamma.living("chat-worker")) == 4
    first.kill(signal.SIGCONT)
    until(simulation, gamma, 3)
    assert not first.is_dead


def test_one_that_was_stopped_for_a_moment_lives_on(simulation: Simulation, gamma: Host) -> None:
    """Its link is given up, and it comes back in time."""
    before = gamma.living("chat-worker")
    before[1].kill(signal.SIGSTOP)
    simulation.run(4)
    before[1].kill(signal.SIGCONT)
    until(simulation, gamma, 3)
    assert gamma.living("chat-worker") == before


def test_the_next_primary_finds_them_and_goes_on(simulation: Simulation, gamma: Host, place: Place) -> None:
    """They live on while there is no primary, as many as before; what dies with it is replaced, too."""
    before = gamma.living("chat-worker")
    place.primary().kill()
    until(simulation, gamma, 3)
    assert gamma.living("chat-worker") == before
    place.primary().kill()
    before[0].kill()
    until(simulation, gamma, 3)
    assert len(place.alpha.living("chat-worker")) == 3


def test_slow_starts_are_not_answered_by_more(simulation: Simulation, place: Place) -> None:
    """However long two workers take to start, no third is started."""
    gamma = simulation.host("gamma")
    gamma.slow_start = 60.0
    place.elsewhere("gamma")
    most = 0

    def complete() -> bool:
        nonlocal most
        most = max(most, len(gamma.living("chat-worker")))
        return len([worker for worker in gamma.living("chat-worker") if worker.reactor.running]) == 3

    simulation.run_while(lambda: not complete(), 200)
    simulation.run(30)
    complete()
    assert most == 3


def test_who_is_stopped_stops_those_that_it_started(simulation: Simulation, gamma: Host) -> None:
    """Ctrl-C in the terminal of a host's first worker ends all workers of that host."""
    gamma.living("chat-worker")[0].kill(signal.SIGTERM)
    simulation.run(15)
    assert gamma.living() == []


def test_the_operators_stop_stops_all_hosts(simulation: Simulation, gamma: Host, place: Place) -> None:
    """This holds whichever process started which."""
    place.alpha.start("chatnet", "stop")
    simulation.run(30)
    assert gamma.living() == []
    assert place.alpha.living() == []


def test_a_host_without_a_cluster_ends_by_itself(simulation: Simulation, gamma: Host, place: Place) -> None:
    """A minute after the last primary, workers without a living parent exit; the others wait with theirs."""
    place.alpha.power_off()
    simulation.run(90)
    assert len(gamma.living("chat-worker")) == 3
    gamma.living("chat-worker")[0].kill()
    simulation.run(10)
    assert gamma.living("chat-worker") == []


def test_a_host_is_drained_while_people_post(simulation: Simulation, gamma: Host, place: Place) -> None:
    """Nothing is lost, no user sees a lost connection, and no worker stays or comes back there."""
    for step in workload.plan(simulation.chance("posts"), USERS, 200, simulation.now, 15.0):
        if step.does in TALK:
            simulation.schedule(step.time, place.users, cast(Crowd, place.users.service).does, (step,))
    simulation.run(2)
    lost = place.count(Lost)
    operator = place.alpha.start("chatnet", "drain", "gamma")
    simulation.run_while(lambda: not operator.is_dead, 60)
    assert operator.status == (0, None)
    assert gamma.living() == []
    assert "Nothing of the cluster is left on gamma." in operator.terminal.lines
    simulation.run(30)
    assert gamma.living() == []
    place.settle()
    assert place.loads() == [8] * 3
    assert place.count(Lost) == lost
    assert place.count(Acknowledged) > 100
    assert check(Evidence(place.history, read_log(place.alpha.disk))) == []


def test_the_next_primary_goes_on_draining(simulation: Simulation, gamma: Host, place: Place) -> None:
    """The waiting command asks the next primary again."""
    operator = place.alpha.start("chatnet", "drain", "gamma")
    simulation.run_while(lambda: not operator.terminal.lines, 10)
    place.primary().kill()
    simulation.run_while(lambda: not operator.is_dead, 90)
    assert operator.status == (0, None)
    simulation.run(30)
    assert gamma.living() == []
    place.settle()
    assert sum(place.loads()) == len(USERS)


def test_others_are_started_with_the_options_of_the_first(simulation: Simulation, place: Place) -> None:
    """They get several masters, and the host by which clients reach them."""
    gamma = place.elsewhere("gamma", "--master", "nowhere,alpha:1,alpha", "--advertise", "gamma")
    until(simulation, gamma, 3)
    place.settle()
    assert sum(place.loads()) == len(USERS)
    operator = place.alpha.start("chatnet", "status")
    simulation.run_while(lambda: not operator.is_dead, 10)
    assert "\n".join(operator.terminal.lines).count(" gamma:") == 3


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        (
            "nowhere",
            "Nothing of the cluster runs on nowhere: “chatnet status” shows what its hosts are called.",
        ),
        ("alpha", "No replica stands by on another host to hand over to: start a master there first."),
    ],
)
def test_what_cannot_be_drained_is_a_sentence(
    simulation: Simulation, place: Place, host: str, sentence: str
) -> None:
    """The exit status is 1."""
    operator = place.alpha.start("chatnet", "drain", host)
    simulation.run_while(lambda: not operator.is_dead, 10)
    assert operator.status == (1, None)
    assert simulation.trace.has(sentence)
