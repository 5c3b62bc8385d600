"""Three hosts around a PostgreSQL: links are cut, hosts isolated, killed and drained, while users talk on.

All of it uses TLS: traffic between hosts is recorded from the first byte to the last.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from a_pair import DAY, new_authority, of_server

from chatnet.addresses import MASTER_PORT
from chatnet.testing.history import Event, LoggedIn, Lost, Moved
from rigs.hosts import Hosts
from rigs.impact import Felt
from rigs.machines import Network, NoMachines
from rigs.postgres import NoPostgres
from rigs.processes import wait_until
from rigs.tap import Tap

NAMES = ("alpha", "beta", "gamma")
CUT_SECONDS = 5.0
"""Longer than the patience of a lease, of a link between processes, of a connection to the database."""
LONG_CUT_SECONDS = 16.0
"""Longer than anybody may wait for a database that only their own host cannot reach."""
AWAY_SECONDS = 11.0
"""For how long nobody reaches the database."""

BUSY_SECONDS = 4.0
"""How much later everything may be because the machine is busy, in seconds."""
PAUSE_SECONDS = 1.0 + BUSY_SECONDS
"""How long users may wait that a fault does not affect: without faults, some hundredths of a second."""
ELSEWHERE_SECONDS = 9.0 + BUSY_SECONDS
"""How long users may wait whose host cannot reach the database: three seconds until that is known, three of
patience, and up to two until they are told to move, and are closed."""
HOST_SECONDS = 5.0 + BUSY_SECONDS
"""How long users may wait whose host died: another host serves them."""
PRIMARY_SECONDS = 6.0 + BUSY_SECONDS
"""How long a newcomer may wait when the primary's host has died."""


@pytest.fixture
def network() -> Iterator[Network]:
    """Yield hosts for a cluster, its database, and its users."""
    try:
        with Network(*NAMES, "db", "users") as network:
            yield network
    except NoMachines as lack:
        pytest.fail(str(lack), pytrace=False)


@pytest.fixture
def hosts(network: Network, tap: Tap, tmp_path: Path) -> Iterator[Hosts]:
    """Yield a running cluster, with users who talk. Its database has to prove its name."""
    today = datetime.now(UTC)
    authority = new_authority(today - DAY, today + DAY)
    identity = of_server(authority, network["db"].address, today)
    try:
        hosts = Hosts(network, tmp_path, *NAMES, identity=identity)
    except NoPostgres as lack:
        pytest.fail(str(lack), pytrace=False)
    try:
        hosts.start()
        hosts.talk("--users", "9", "--rate", "30", "--newcomers", "2")
        yield hosts
    finally:
        hosts.close()


def pass_time(seconds: float) -> None:
    """Let a fault last for ``seconds``."""
    end = time.monotonic() + seconds
    wait_until("the fault lasts", lambda: time.monotonic() > end, seconds + 5)


def felt(hosts: Hosts, what: str, since: float) -> Felt:
    """Wait until everything is whole again; return what users felt of the fault."""
    hosts.conversation.wait_until_answered()
    whole = hosts.wait_until_whole()
    # Users who lost their connection are back as well.
    hosts.conversation.wait_until_answered()
    felt = Felt(hosts.conversation.history(), since)
    print(f"{what}: whole {whole:.1f} s after; {felt}")
    return felt


def judge(hosts: Hosts, tap: Tap) -> None:
    """Check that no promise was broken, nothing broke, and all traffic between hosts was encrypted."""
    assert hosts.violations() == []
    heard = tap.end()
    assert {MASTER_PORT, hosts.server.port} <= heard.ports()
    assert heard.in_plain() == []


def hosts_in_use(hosts: Hosts, primary: str) -> list[str]:
    """Return the hosts other than the primary's that have sessions, the one with the most first."""
    sessions: Counter[str] = Counter()
    for worker in hosts.status().get("workers", []):
        sessions[worker["host"]] += worker["sessions"]
    return [name for name, count in sessions.most_common() if count and name != primary]


def drain(hosts: Hosts, name: str) -> list[Event]:
    """Empty a host, check that nothing is left there and no user notices; return what users recorded."""
    began = time.monotonic()
    code, said = hosts.operate("drain", name)
    assert code == 0, said
    # Everything of the cluster there has ended, also what was started by hand.
    wait_until(f"nothing runs on {name}", lambda: not hosts.network[name].processes())
    hosts.conversation.wait_until_answered()
    waited = Felt(hosts.conversation.history(), began)
    print(f"{name} drained after {time.monotonic() - began:.1f} s; {waited}")
    assert waited.longest < PAUSE_SECONDS
    assert waited.placing < PRIMARY_SECONDS
    status = hosts.status()
    assert name not in {one["host"] for one in [*status["masters"], *status["workers"]]}
    events = [event for event in hosts.conversation.history() if event.time >= began]
    of_talkers = [event for event in events if event.client.startswith("user")]
    assert not any(isinstance(event, Lost) for event in of_talkers)
    assert {event.how for event in of_talkers if isinstance(event, LoggedIn)} <= {"moved"}
    return of_talkers


@pytest.mark.timeout(240)
def test_links_are_cut(hosts: Hosts, tap: Tap) -> None:
    """Between two hosts, between each and the database, between it and all, between the primary and all.

    A user whose worker cannot reach the database waits until the cut is healed, or until it is clear that
    another worker can reach it. An operator elsewhere stops the cluster on all hosts.
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
    code, said = hosts.operate("stop")
    assert code == 0, said
    wait_until("all ended", lambda: not any(network[name].processes() for name in NAMES))
    judge(hosts, tap)


@pytest.mark.timeout(240)
def test_hosts_die_and_are_drained(hosts: Hosts, tap: Tap) -> None:
    """A host without the primary, and the primary's host, die and come back. Then they are drained.

    Users of other hosts feel nothing, those of the dead one go elsewhere, and newcomers are placed. Nobody
    feels a drain, though one of them takes a takeover.
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
    primary = hosts.primary()
    another = wait_until("another host has sessions", lambda: hosts_in_use(hosts, primary))[0]
    assert any(isinstance(event, Moved) for event in drain(hosts, another))
    drain(hosts, primary)
    assert hosts.primary() not in (another, primary)
    hosts.conversation.settle()
    logins = Counter(event.how for event in hosts.conversation.history() if isinstance(event, LoggedIn))
    assert logins["again"] == 0
    assert len(hosts.reigns()) >= 3
    judge(hosts, tap)
