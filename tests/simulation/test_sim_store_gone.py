"""If the store's file is removed under a running cluster, nothing acknowledged is lost (virtual time)."""

from __future__ import annotations

from typing import Any, cast

import pytest
from simulation.mutants.planting import Put, planted
from simulation.talking import DATA, Talk, a_whole_cluster, primary, replicas, workers

from chatnet.store.sqlite.file import StoreFile
from simulator import Host, Simulation

SEED = 5
STORE = DATA / "log.sqlite"


@pytest.fixture
def alpha(simulation: Simulation) -> Host:
    """Return a host with a whole cluster."""
    return a_whole_cluster(simulation)


@pytest.fixture
def talk(simulation: Simulation, alpha: Host) -> Talk:
    return Talk(simulation)


def remove_store(host: Host) -> None:
    for suffix in ("", "-wal"):
        host.disk.remove(STORE.with_name(STORE.name + suffix))


def put_back_what_was_saved(host: Host) -> None:
    """Put the saved log back, as docs/operations.md says."""
    real = host.disk.real(DATA / "rescued")
    [saved] = [path for path in host.disk.images if path.startswith(real)]
    host.disk.rename(DATA / saved.removeprefix(host.disk.real(DATA / "x")[:-1]), STORE)


def is_lost(simulation: Simulation, host: Host, talk: Talk) -> bool:
    """Let Bob post on a store that is removed, and the operator do what is to be done; return whether the log
    lacks what anybody was told of."""
    talk.heard_within(1)
    remove_store(host)
    talk.bob.terminal.type("is that kept?")
    simulation.run(2)
    told = "bob: is that kept?" in talk.ann.terminal.lines
    primary(host).kill()
    simulation.run(3)
    if not told:
        put_back_what_was_saved(host)
    simulation.run(5)
    talk.ann.terminal.type("LEAVE", "CHAT")
    simulation.run(5)
    return talk.ann.terminal.lines.count("bob: is that kept?") < 1 + told


def test_nothing_that_was_told_is_lost(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """Nothing is told until the log is on a disk again: then a replica continues with what was saved, and all
    clients continue with it, unchanged."""
    three = workers(alpha)
    assert not is_lost(simulation, alpha, talk)
    assert simulation.trace.has("nothing is acknowledged until it is back")
    assert simulation.trace.has("nobody begins another in its place")
    assert workers(alpha) == three
    assert len(replicas(alpha)) == 2
    assert not any("lost" in line for line in talk.ann.terminal.lines)


def test_what_is_told_too_early_is_lost() -> None:
    """The test above can fail."""

    def acknowledge_what_is_on_no_disk(put: Put) -> None:
        put(StoreFile, "gone", lambda self: "")

    with planted(acknowledge_what_is_on_no_disk), Simulation(5) as simulation:
        alpha = a_whole_cluster(simulation)
        assert is_lost(simulation, alpha, Talk(simulation))


def test_nobody_begins_a_log_where_there_was_one(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """A master that is started by hand says what to do and exits; the replicas wait."""
    talk.heard_within(1)
    for process in [*replicas(alpha), primary(alpha)]:
        process.kill()
    simulation.run(1)
    remove_store(alpha)
    fresh = alpha.start("chat-master", "--data", str(DATA))
    simulation.run(3)
    assert (fresh.is_dead, fresh.status) == (True, (1, None))
    assert simulation.trace.has("log.sqlite is gone, though a master has commanded on it")
    assert alpha.disk.status(STORE) is None


def test_a_read_only_file_system_is_waited_for(simulation: Simulation, alpha: Host, talk: Talk) -> None:
    """The primary waits, and so does its successor; then everything continues."""
    talk.heard_within(1)
    alpha.disk.is_read_only = True
    talk.bob.terminal.type("when it is back")
    simulation.run(3)
    away = "The file system of the log is read-only: posts wait until it takes writes"
    assert simulation.trace.has(f"{away}.")
    assert away in [event.what for event in cast(Any, primary(alpha).service)._primary.journal.events()]
    primary(alpha).kill()
    simulation.run(5)
    assert simulation.trace.has("the master commands when it takes writes")
    alpha.disk.is_read_only = False
    simulation.run(5)
    assert talk.ann.terminal.lines[-1] == "bob: when it is back"
    assert len(replicas(alpha)) == 2
