"""Three hosts around one PostgreSQL: links are cut, hosts isolated and killed, while users talk on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.hosts import Hosts
from rigs.impact import Felt
from rigs.machines import Network, NoMachines
from rigs.postgres import NoPostgres
from rigs.processes import wait_until

NAMES = ("alpha", "beta", "gamma")
CUT_SECONDS = 5.0
"""Longer than the patience of a lease, of a link between processes, of a connection to the database."""
LONG_CUT_SECONDS = 16.0
"""Nobody waits so long for a database that only their own host cannot reach."""
AWAY_SECONDS = 11.0
"""For so long nobody reaches the database."""

BUSY_SECONDS = 4.0
"""A machine that does other things meanwhile makes all of it later, by no more than this."""
PAUSE_SECONDS = 1.0 + BUSY_SECONDS
"""Who is not concerned by a fault waits no longer for an answer: in peace, some hundredths of a second."""
ELSEWHERE_SECONDS = 9.0 + BUSY_SECONDS
"""Whose host cannot reach the database is sent to another: three seconds until that is known, three of
patience, and up to two until they are told, and are hung up on."""
HOST_SECONDS = 5.0 + BUSY_SECONDS
"""Whose host died is served by another."""
PRIMARY_SECONDS = 6.0 + BUSY_SECONDS
"""Who comes when the primary's host has died is placed."""


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """A cluster on three hosts that runs, with users who talk."""
    try:
        with Network(*NAMES, "db", "users") as network:
            hosts = Hosts(network, tmp_path, *NAMES)
            try:
                hosts.start()
                hosts.talk("--users", "9", "--rate", "30", "--newcomers", "2")
                yield hosts
            finally:
                hosts.close()
    except (NoMachines, NoPostgres) as lack:
        pytest.fail(str(lack), pytrace=False)


def pass_time(seconds: float) -> None:
    """A fault lasts for so long."""
    end = time.monotonic() + seconds
    wait_until("the fault lasts", lambda: time.monotonic() > end, seconds + 5)


def felt(hosts: Hosts, what: str, since: float) -> Felt:
    """Once all is whole again: what users felt of it."""
    hosts.conversation.wait_until_answered()
    whole = hosts.wait_until_whole()
    # Who lost their connection is back as well.
    hosts.conversation.wait_until_answered()
    felt = Felt(hosts.conversation.history(), since)
    print(f"{what}: whole {whole:.1f} s after; {felt}")
    return felt


@pytest.mark.timeout(240)
def test_links_are_cut(hosts: Hosts) -> None:
    """Between any two hosts, between each and the database, between it and all, between the primary and all.

    Whose worker cannot reach the database waits until the cut is healed, and no longer; nor longer than until
    it is clear that another worker can.
    """
    network, primary = hosts.network, hosts.primary()
    second, third = (name for name in NAMES if name != primary)
    for one, other in ((primary, second), (second, third), (primary, "db"), (third, "db")):
        began = time.monotonic()
        network.cut(network[one], network[other])
        pass_time(CUT_SECONDS)
        network.heal(network[one], network[other])
        waited = felt(hosts, f"{one} and {other} cut for {CUT_SECONDS} s", began)
        at_most = (CUT_SECONDS if other == "db" else 0.0) + PAUSE_SECONDS
        assert waited.longest < at_most
    began = time.monotonic()
    network.cut(network[third], hosts.db)
    pass_time(LONG_CUT_SECONDS)
    network.heal(network[third], hosts.db)
    waited = felt(hosts, f"{third} and db cut for {LONG_CUT_SECONDS} s", began)
    assert waited.longest < ELSEWHERE_SECONDS < LONG_CUT_SECONDS
    began = time.monotonic()
    network.isolate(hosts.db)
    pass_time(AWAY_SECONDS)
    network.rejoin(hosts.db)
    assert felt(hosts, f"the database cut for {AWAY_SECONDS} s", began).longest < AWAY_SECONDS + PAUSE_SECONDS
    began, primary = time.monotonic(), hosts.primary()
    network.isolate(network[primary])
    pass_time(CUT_SECONDS)
    network.rejoin(network[primary])
    waited = felt(hosts, f"the primary's host, {primary}, isolated for {CUT_SECONDS} s", began)
    assert waited.by_the_undisturbed < PAUSE_SECONDS
    assert waited.longest < CUT_SECONDS + HOST_SECONDS
    hosts.conversation.settle()
    assert hosts.violations() == []


@pytest.mark.timeout(240)
def test_hosts_die(hosts: Hosts) -> None:
    """One without the primary, and the one that has it; each comes back.

    Users of other hosts feel nothing, those of the dead one go elsewhere, and newcomers are placed.
    """
    for kind in ("another", "the primary's"):
        primary = hosts.primary()
        victim = primary if kind == "the primary's" else next(name for name in NAMES if name != primary)
        began = hosts.kill(victim)
        waited = felt(hosts, f"{kind} host, {victim}, killed", began)
        assert waited.by_the_undisturbed < PAUSE_SECONDS
        assert waited.longest < HOST_SECONDS
        assert waited.placing < PRIMARY_SECONDS
        began = time.monotonic()
        hosts.revive(victim)
        assert felt(hosts, f"{victim} booted", began).longest < PAUSE_SECONDS
    hosts.conversation.settle()
    assert len(hosts.reigns()) >= 2
    assert hosts.violations() == []
