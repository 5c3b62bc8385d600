"""The real services, started by their real command lines, run as a whole cluster in virtual time."""

from __future__ import annotations

import signal

import pytest

from simulator import Host, SimProcess, Simulation

SEED = 5


@pytest.fixture
def alpha(simulation: Simulation) -> Host:
    """Return a host with a primary and its three workers."""
    host = simulation.host("alpha")
    host.start("chat-master", "--data", "/data")
    simulation.run_while(lambda: not simulation.trace.has("chatnet is up"), 20)
    return host


def client(simulation: Simulation, name: str) -> SimProcess:
    """Start a client at a terminal on another host, and log in."""
    process = simulation.host("beta").start("chat-client", "--master", "alpha", name)
    simulation.run_while(lambda: f"Logged in as {name}." not in process.terminal.lines, 20)
    return process


def test_a_cluster_boots(simulation: Simulation, alpha: Host) -> None:
    """A primary starts two replicas and three workers."""
    assert len(alpha.living("chat-master")) == 3
    assert len(alpha.living("chat-worker")) == 3


def test_people_talk(simulation: Simulation, alpha: Host) -> None:
    """Whoever joined the author receives the post; a client exits at the end of its input."""
    ann, bob = client(simulation, "ann"), client(simulation, "bob")
    ann.terminal.type("JOIN bob", "CHAT")
    simulation.run(1)
    bob.terminal.type("CHAT", "hello", "world")
    bob.terminal.hang_up()
    simulation.run(2)
    assert ann.terminal.lines[-2:] == ["bob: hello", "bob: world"]
    assert bob.status == (0, None)


def test_a_killed_worker_is_replaced_and_its_clients_hear_on(simulation: Simulation, alpha: Host) -> None:
    """This holds whichever worker held the client."""
    ann, bob = client(simulation, "ann"), client(simulation, "bob")
    ann.terminal.type("JOIN bob", "CHAT")
    bob.terminal.type("CHAT")
    simulation.run(1)
    for number, worker in enumerate(alpha.living("chat-worker")):
        worker.kill()
        bob.terminal.type(f"number {number}")
        simulation.run(3)
    simulation.run(10)
    assert [line for line in ann.terminal.lines if "number" in line] == [f"bob: number {i}" for i in range(3)]
    assert len(alpha.living("chat-worker")) == 3


def test_a_primary_that_is_told_to_stop_stops_its_replicas_and_workers(
    simulation: Simulation, alpha: Host
) -> None:
    """No orphan stays."""
    alpha.living("chat-master")[0].kill(signal.SIGTERM)
    simulation.run(15)
    assert alpha.living() == []


def test_a_cluster_that_lost_its_power_has_all_that_was_acknowledged(
    simulation: Simulation, alpha: Host
) -> None:
    """The log is on disk, and clients come back to it."""
    ann, bob = client(simulation, "ann"), client(simulation, "bob")
    ann.terminal.type("JOIN bob", "CHAT")
    simulation.run(1)
    bob.terminal.type("CHAT", *(f"line {number}" for number in range(50)))
    simulation.run(0.5)
    alpha.power_off()
    simulation.run(2)
    alpha.power_on()
    alpha.start("chat-master", "--data", "/data")
    simulation.run(15)
    assert [line for line in ann.terminal.lines if "line" in line] == [f"bob: line {i}" for i in range(50)]


def test_what_is_wrong_with_a_command_line_is_said(simulation: Simulation) -> None:
    """The real options say so, as under twistd."""
    process = simulation.host("alpha").start("chat-master", "--listen", "nonsense")
    simulation.run(1)
    assert process.status == (1, None)
    assert simulation.trace.has("nonsense")
