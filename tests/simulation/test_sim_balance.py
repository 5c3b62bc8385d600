"""Sessions are spread over the workers after every change, and then stay where they are."""

from __future__ import annotations

import pytest
from simulation.populated import Place

from chatnet.testing.history import Ended, LoggedIn, Lost, Moved
from simulator import Simulation

SEED = 5


@pytest.fixture
def place(simulation: Simulation) -> Place:
    return Place(simulation)


def test_a_worker_that_replaces_another_gets_its_share(simulation: Simulation, place: Place) -> None:
    """Each session moves once; and while nothing changes, none moves again."""
    assert place.loads() == [8, 8, 8]
    place.alpha.living("chat-worker")[0].kill(9)
    simulation.run(20)
    place.settle()
    assert place.loads() == [8, 8, 8]
    moved = place.count(Moved)
    assert 0 < moved <= 8
    simulation.run(120)
    assert place.count(Moved) == moved


def test_a_worker_that_joins_gets_its_share_without_a_lost_connection(
    simulation: Simulation, place: Place
) -> None:
    """No client reports a lost connection or logs in without its ticket; few move twice.

    The first worker of another host starts two more, which get their share of its sessions.

    The first worker of another host starts two more, which get their share of what it got.
    """
    place.elsewhere("gamma")
    simulation.run(30)
    assert place.loads() == [4, 4, 4, 4, 4, 4]
    assert 12 <= place.count(Moved) <= 16
    assert place.count(Lost) == 0
    assert place.count(Ended) == 0
    assert {event.how for event in place.history if isinstance(event, LoggedIn)} == {"first", "moved"}


def test_the_next_primary_evens_out_too(simulation: Simulation, place: Place) -> None:
    """A primary and a worker die together, and the next primary balances the sessions."""
    place.alpha.living("chat-worker")[0].kill(9)
    place.primary().kill(9)
    simulation.run(20)
    place.settle()
    assert place.loads() == [8, 8, 8]
