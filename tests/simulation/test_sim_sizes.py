"""Small sizes: a run draws other limits, and its processes go by them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from typing import Any, cast

import pytest
from simulation.talking import a_whole_cluster, primary

from chatnet.limits import LIMITS, Limits, PageSize
from simulator import Simulation
from simulator.sizes import PAGE_BYTES, SIZES, Size, draw_sizes, limited


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    """Fails the test on whatever no run may have."""
    with Simulation(5) as made:
        yield made
        assert not made.verdict(), made.failures[0]


def test_each_process_goes_by_the_limits_of_its_world(simulation: Simulation) -> None:
    """The primary, whose window and batches they bound, and each worker with its sessions."""
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


def test_a_seed_draws_its_own() -> None:
    """Every second seed has some; and nothing is left of them for the next run."""
    drawn: list[Limits] = []
    for seed in range(12):
        with Simulation(seed) as simulation:
            usual = simulation.limits
            draw_sizes(simulation)
            drawn.append(simulation.limits)
    assert 2 < sum(limits == usual for limits in drawn) < 10
    assert len(set(drawn)) > 2


@pytest.mark.parametrize("size", [*SIZES, PAGE_BYTES])
def test_what_is_drawn_is_a_limit(size: Size) -> None:
    """The name of each is one that the limits, or their page, have."""
    for choice in size.choices:
        assert attrgetter(size.name)(limited(LIMITS, {size.name: choice})) == choice
