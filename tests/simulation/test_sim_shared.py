"""Masters of several hosts around one database: roles follow the lease, and only one commands at a time."""

from __future__ import annotations

import signal
from typing import Any, cast

import pytest
from twisted.internet.task import deferLater

from chatnet.auth import TOKEN_BYTES
from simulator import SimProcess, Simulation
from simulator.clusters import read_log
from simulator.database_server import PATH, Postgres
from simulator.host import HOME

SEED = 7
TOKEN = "cd" * TOKEN_BYTES


class Land:
    """Hosts around a database; their programs are started with ``environ``."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.postgres = Postgres(simulation)
        self.postgres.start()
        simulation.run_while(lambda: self.postgres.server is None)
        self.environ = {"HOME": str(HOME), "CHATNET_STORE": self.postgres.url, "CHATNET_TOKEN": TOKEN}

    def master(self, host: str, *arguments: str, **environ: str) -> SimProcess:
        """Start a master by hand."""
        where = self.simulation.host(host)
        return where.start("chat-master", *arguments, environ={**self.environ, **environ})

    def leaders(self) -> list[SimProcess]:
        """Return the processes that command."""
        return [
            process
            for host in self.simulation.hosts.values()
            for process in host.living("chat-master")
            if getattr(getattr(process, "service", None), "_primary", None) is not None
        ]

    def leader(self) -> SimProcess:
        (leader,) = self.leaders()
        return leader

    def wait_for(self, words: str, limit: float = 20.0) -> None:
        """Wait until a log has these words; ``limit`` is in seconds."""
        self.simulation.run_while(lambda: not self.simulation.trace.has(words), limit)

    def wait_for_leader(self, *before: SimProcess, limit: float = 10.0) -> float:
        """Wait until a process other than ``before`` commands; return how long that took, in seconds."""
        began = self.simulation.now
        self.simulation.run_while(lambda: not [one for one in self.leaders() if one not in before], limit)
        return self.simulation.now - began

    def count(self, host: str, program: str) -> int:
        return len(self.simulation.host(host).living(program))


@pytest.fixture
def land(simulation: Simulation) -> Land:
    """Return a primary and its workers on alpha, and a replica on beta."""
    land = Land(simulation)
    land.master("alpha")
    land.wait_for("chatnet is up")
    land.master("beta")
    land.wait_for("standing by as a replica")
    simulation.run(3)
    return land


def service(process: SimProcess) -> Any:
    return cast(Any, process.service)


def test_a_replica_elsewhere_counts_as_one_of_two(simulation: Simulation, land: Land) -> None:
    """So the primary stops one of the replicas that it had started."""
    assert land.leader().host.name == "alpha"
    assert land.count("alpha", "chat-master") == 2
    assert land.count("alpha", "chat-worker") == 3
    assert land.count("beta", "chat-master") == 1
    assert land.count("beta", "chat-worker") == 0


def test_the_death_of_the_primarys_host_is_healed_in_six_seconds(simulation: Simulation, land: Land) -> None:
    """Another host's master leads, in the next epoch, with its own workers and replicas."""
    simulation.host("alpha").power_off()
    assert 2.0 < land.wait_for_leader() < 5.0
    simulation.run(5)
    assert land.leader().host.name == "beta"
    assert service(land.leader())._primary.epoch == 2
    assert land.count("beta", "chat-master") == 3
    assert land.count("beta", "chat-worker") == 3


def test_a_replica_does_not_wait_for_a_hung_primary_elsewhere(simulation: Simulation, land: Land) -> None:
    """The replica cannot kill it, and by now another primary may lead and miss this replica."""
    land.leader().kill(signal.SIGSTOP)
    land.master("gamma")
    land.wait_for("gamma:chat-master[4001] to alpha:chat-master", 1.0)
    simulation.run(1.1)
    assert simulation.trace.has("gamma:chat-master[4001] reset it")


def test_a_replica_that_listened_does_not_miss_itself_when_it_leads(
    simulation: Simulation, land: Land
) -> None:
    """The previous primary knew it by the address where it listened, and told it of itself."""
    simulation.host("alpha").power_off()
    land.wait_for_leader()
    simulation.run(5)
    parent = land.leader()
    (replica, other) = [one for one in simulation.host("beta").living("chat-master") if one is not parent]
    land.master("gamma")
    simulation.run(5)
    survivor = other if replica.is_dead else replica
    survivor.kill(signal.SIGSTOP)
    parent.kill(signal.SIGKILL)
    land.wait_for_leader(parent)
    assert land.leader().host.name == "gamma"
    survivor.kill(signal.SIGCONT)
    simulation.run(5)
    simulation.host("gamma").power_off()
    simulation.run(15)
    assert not survivor.is_dead
    assert land.leader() is survivor


def test_a_primary_that_cannot_renew_commands_no_more_before_another_does(
    simulation: Simulation, land: Land
) -> None:
    """It is cut off from the database alone, and stands by for the next primary, in the same process."""
    first = land.leader()
    simulation.network.cut(simulation.host("alpha"), simulation.host("db"))
    simulation.run_while(lambda: land.leaders(), 5)
    assert land.wait_for_leader() > 0
    assert land.leader().host.name == "beta"
    simulation.network.heal(simulation.host("alpha"), simulation.host("db"))
    simulation.run(10)
    assert not first.is_dead
    assert land.leader() is not first
    assert land.count("alpha", "chat-worker") == 3
    assert simulation.trace.has("could not be renewed")


def test_who_lost_the_lease_keeps_no_worker_until_its_store_is_closed(
    simulation: Simulation, land: Land
) -> None:
    """That takes as long as a connection to a database which is cut off: the next primary would kill them."""
    worker = simulation.host("beta").start("chat-worker", "--master", "alpha,beta", environ=land.environ)
    simulation.run(3)
    leader = land.leader()
    log = service(leader)._primary.leadership.log
    close = log.close

    async def close_late() -> None:
        await deferLater(leader.reactor, 10, close)

    log.close = close_late
    simulation.network.cut(simulation.host("alpha"), simulation.host("db"))
    land.wait_for_leader(leader)
    simulation.run(8)
    assert not worker.is_dead
    assert not simulation.trace.has("SIGKILL")
    assert service(worker)._attachment is not None


def test_a_hung_primary_that_goes_on_finds_its_lease_over(simulation: Simulation, land: Land) -> None:
    """It obeys before it does anything else, and stands by."""
    first = land.leader()
    first.kill(signal.SIGSTOP)
    took = land.wait_for_leader(first)
    assert took < 6.0
    second = next(one for one in land.leaders() if one is not first)
    first.kill(signal.SIGCONT)
    simulation.run(8)
    assert land.leaders() == [second]


def test_a_hung_primary_is_killed_by_a_replica_of_its_host(simulation: Simulation) -> None:
    """On a machine with a database it is killed, because its port is needed."""
    land = Land(simulation)
    land.master("alpha")
    land.wait_for("chatnet is up")
    simulation.run(3)
    first = land.leader()
    first.kill(signal.SIGSTOP)
    simulation.run(12)
    assert first.is_dead
    assert land.leader() is not first
    assert land.count("alpha", "chat-master") == 3
    assert land.count("alpha", "chat-worker") == 3


def test_an_absent_database_ends_nobody(simulation: Simulation, land: Land) -> None:
    """All wait longer than a process that nobody needs does; when it is back, one leads within seconds."""
    before = {process for host in ("alpha", "beta") for process in simulation.host(host).living()}
    land.postgres.host.power_off()
    simulation.run(120)
    assert land.leaders() == []
    assert not [process for process in before if process.is_dead]
    land.postgres.host.power_on()
    land.wait_for_leader(limit=20)
    simulation.run(10)
    assert land.count("alpha", "chat-worker") == 3
    assert not [process for process in before if process.is_dead and process.program == "chat-worker"]


def test_the_operator_is_told_how_long_the_database_was_away(simulation: Simulation, land: Land) -> None:
    """By the primary, among the events of the cluster."""
    land.postgres.end_sessions()
    simulation.run(3)
    told = [event.what for event in service(land.leader())._primary.journal.events()]
    assert any(what.startswith("The database cannot be reached (") for what in told)
    assert any(what.startswith("The database is back; everything goes on (") for what in told)


def test_handing_over_takes_no_three_seconds(simulation: Simulation, land: Land) -> None:
    """A released lease is free at once; the next primary may be on either host."""
    first = land.leader()
    simulation.host("alpha").start("chatnet", "stepdown", environ=land.environ)
    assert land.wait_for_leader(first) < 2.0
    simulation.run(5)
    assert first.is_dead
    land.leader()


def test_draining_the_primarys_host_hands_over_first(simulation: Simulation, land: Land) -> None:
    """Then no process is left there, and a user of that host continues elsewhere."""
    simulation.host("gamma").start("chat-worker", "--master", "alpha,beta", environ=land.environ)
    simulation.run(8)
    carol = simulation.host("laptop").start("chat-client", "--master", "alpha,beta", "carol")
    operator = simulation.host("beta").start("chatnet", "drain", "alpha", environ=land.environ)
    simulation.run_while(lambda: not operator.is_dead, 60)
    assert operator.status == (0, None)
    simulation.run(5)
    assert simulation.host("alpha").living() == []
    assert land.leader().host.name == "beta"
    assert carol.terminal.lines == ["Logged in as carol."]


def test_a_primary_that_is_told_to_end_lets_another_host_lead(simulation: Simulation, land: Land) -> None:
    """What it had started on its host ends with it."""
    land.leader().kill(signal.SIGTERM)
    assert land.wait_for_leader(*land.leaders()) < 3.0
    simulation.run(5)
    assert simulation.host("alpha").living() == []
    assert land.count("beta", "chat-worker") == 3


def test_a_master_that_once_led_takes_its_workers_with_it(simulation: Simulation, land: Land) -> None:
    """Although another leads by now, whatever it started on its host ends with it."""
    first = land.leader()
    simulation.network.cut(simulation.host("alpha"), simulation.host("db"))
    simulation.run(8)
    simulation.network.heal(simulation.host("alpha"), simulation.host("db"))
    simulation.run(8)
    assert land.leader().host.name == "beta"
    assert land.count("alpha", "chat-worker") == 3
    first.kill(signal.SIGTERM)
    simulation.run(5)
    assert land.count("alpha", "chat-worker") == 0


def test_whoever_asks_a_replica_is_sent_to_the_primary(simulation: Simulation, land: Land) -> None:
    """This holds for clients, workers and operators."""
    gamma = simulation.host("gamma")
    gamma.start("chat-worker", "--master", "beta", environ=land.environ)
    carol = gamma.start("chat-client", "--master", "beta", "carol", environ={"HOME": str(HOME)})
    status = gamma.start("chatnet", "status", "--master", "beta", environ=land.environ)
    simulation.run(15)
    assert "Logged in as carol." in carol.terminal.lines
    assert land.count("gamma", "chat-worker") == 3
    assert "primary  alpha" in status.terminal.lines[0]


def test_a_master_with_another_token_is_refused(simulation: Simulation, land: Land) -> None:
    """A host that joins an existing cluster gets no token of its own; it is told where to get it."""
    del land.environ["CHATNET_TOKEN"]
    stranger = land.master("gamma")
    simulation.run(10)
    assert stranger.is_dead
    assert any("copy DATA/cluster.token" in line for line in stranger.terminal.errors)


def test_stopping_the_cluster_stops_it_on_all_hosts(simulation: Simulation, land: Land) -> None:
    """Any master can be asked, and no process stays."""
    simulation.host("gamma").start("chat-worker", "--master", "alpha,beta", environ=land.environ)
    simulation.run(10)
    simulation.host("beta").start("chatnet", "stop", "--master", "beta", environ=land.environ)
    simulation.run(20)
    for host in ("alpha", "beta", "gamma"):
        assert simulation.host(host).living() == []


def test_users_of_a_host_that_is_cut_off_from_the_database_go_elsewhere(
    simulation: Simulation, land: Land
) -> None:
    """Their posts need not wait until the network is repaired."""
    gamma, names = simulation.host("gamma"), [f"ann{number}" for number in range(6)]
    gamma.start("chat-worker", "--master", "alpha", environ=land.environ)
    simulation.run_while(lambda: len(gamma.living("chat-worker")) < 3, 20)
    simulation.run(3)
    users = [simulation.host("laptop").start("chat-client", "--master", "alpha", name) for name in names]
    simulation.run(3)
    for user in users:
        user.terminal.type("CHAT")
    simulation.run(1)
    simulation.network.cut(gamma, simulation.host("db"))
    simulation.run(0.5)
    for user in users:
        user.terminal.type("over here")

    def said() -> list[str]:
        return sorted(
            entry.user for entry in read_log(land.postgres.host.disk, PATH) if entry.text == "over here"
        )

    simulation.run(0.5)
    assert 0 < len(said()) < len(names)
    simulation.run(9)
    assert said() == names
    assert simulation.trace.has("cannot reach the store: its 1 sessions are to move")
    simulation.network.heal(gamma, simulation.host("db"))
    simulation.run(10)
    assert said() == names
    assert land.count("gamma", "chat-worker") == 3
