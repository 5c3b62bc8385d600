"""Small sizes: a run draws other limits, and its processes go by them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, cast

import pytest
from simulation.talking import a_whole_cluster, primary

from chatnet import log
from chatnet.limits import LIMITS, Limits
from chatnet.log import PAGE_BYTES
from simulator import Simulation
from simulator.sizes import SIZES, small_sizes


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    """Fails the test on whatever no run may have."""
    with Simulation(5) as made:
        yield made
        assert not made.verdict(), made.failures[0]


def test_what_nobody_varies_is_no_limit() -> None:
    """It stays a constant of the module that uses it."""
    drawn = {size.name for size in SIZES if not size.modules} | {"client_pulse", "window_bytes"}
    assert {field.name for field in fields(Limits)} == drawn


def test_each_process_goes_by_the_limits_of_its_world(simulation: Simulation) -> None:
    """The primary, whose window and batches they bound, and each worker with its sessions."""
    simulation.limits = replace(
        LIMITS, window_bytes=5_000, batch_drafts=3, drafts=2, reads=4, worker_drafts=1
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


def test_a_seed_draws_its_own_and_nothing_is_left_of_them() -> None:
    """Every second seed has some; the constants that pages still are, are as they were."""
    drawn: list[Limits] = []
    for seed in range(12):
        with Simulation(seed) as simulation, small_sizes(simulation):
            drawn.append(simulation.limits)
    assert 2 < sum(limits == LIMITS for limits in drawn) < 10
    assert len(set(drawn)) > 2
    assert log.PAGE_BYTES == PAGE_BYTES == 60_000
