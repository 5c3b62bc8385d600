"""A run may draw small limits, and its processes keep to them."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import Any, cast

import pytest
from simulation.talking import a_whole_cluster, primary

from chatnet.entries import Draft
from chatnet.limits import LIMITS, Limits, PageSize
from chatnet.reads import History
from simulator import Simulation
from simulator.database_server import Postgres
from simulator.sizes import MESSAGE_BYTES, PAGE_BYTES, SIZES, Size, draw_sizes, limited
from simulator.watch import connections_of

SEED = 5


def test_each_process_goes_by_the_limits_of_its_world(simulation: Simulation) -> None:
    """The primary keeps to them in its window and batches, and each worker in its sessions."""
    simulation.limits = replace(
        LIMITS,
        window_bytes=5_000,
        batch_drafts=3,
        drafts=2,
        reads=4,
        worker_drafts=1,
        page=PageSize(bytes=10_000, entries=7, stays=2),
    )
    alpha = a_whole_cluster(simulation)
    kept = cast(Any, primary(alpha).service)._primary.leadership.log
    assert (kept.window.limits, kept._appender._max_drafts) == (simulation.limits, 3)
    for worker in alpha.living("chat-worker"):
        frontend = cast(Any, worker.service)._state
        sessions = frontend.entrance.sessions
        assert frontend.store.log.window.limits == simulation.limits
        assert (sessions.drafts.most, sessions.reads.most) == (2, 4)
        assert frontend.store.log._appender._max_drafts == 1


def test_each_transport_is_full_at_what_the_network_says(simulation: Simulation) -> None:
    """This holds for both ends of a connection from its start, also for a link that knows its other end."""
    simulation.network.transport = 1_000
    alpha = a_whole_cluster(simulation)
    for process in alpha.living("chat-master") + alpha.living("chat-worker"):
        found = [type(transport).bufferSize for transport in connections_of(process)]
        assert found
        assert set(found) == {1_000}


def test_a_simulated_database_goes_by_the_limits_too(simulation: Simulation) -> None:
    """It cuts pages by the limits."""
    simulation.limits = replace(LIMITS, page=PageSize(bytes=10_000, entries=7, stays=2))
    postgres = Postgres(simulation)
    postgres.start()
    simulation.run_while(lambda: postgres.server is None)
    assert postgres.server is not None
    tables = postgres.server.tables
    tables.open("", "the log", 1)
    keys = [number.to_bytes(16, "big") for number in range(1, 12)]
    posts = [Draft("post", "ann", "ann", "hi", key) for key in keys[1:]]
    tables.append([Draft("register", "ann", "ann", "sha256:", keys[0]), *posts], 0, 1)
    assert [post.seq for post in tables.read(History("ann"))] == [5, 6, 7, 8, 9, 10, 11]


def test_a_seed_draws_its_own() -> None:
    """Every second seed draws some, and the next run is not affected."""
    drawn: list[Limits] = []
    for seed in range(12):
        with Simulation(seed) as simulation:
            usual = simulation.limits
            draw_sizes(simulation)
            drawn.append(simulation.limits)
    assert 2 < sum(limits == usual for limits in drawn) < 10
    assert len(set(drawn)) > 2


@pytest.mark.parametrize("size", [*SIZES, PAGE_BYTES, MESSAGE_BYTES])
def test_what_is_drawn_is_a_limit(size: Size) -> None:
    """Each name is one of the limits, or of the limits of pages."""
    for choice in size.choices:
        assert attrgetter(size.name)(limited(LIMITS, {size.name: choice})) == choice
