"""The same checker holds users of all protocols to the same promises, on the same workers."""

from __future__ import annotations

import random

import pytest

from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    CursorMoved,
    LoggedIn,
    Lost,
    Moved,
    PageRead,
    Refused,
    Took,
)
from chatnet.worker.fronts import FRONTS
from simulator import Simulation
from simulator.run import Run, Scale, run
from simulator.users.offers import (
    OTHERS,
    USUAL,
    WITH_IRC,
    drawn,
    heard,
    needs_fronts,
    offers,
    speakers,
    told,
    with_irc,
)

DEVICES = [f"user{number}" for number in range(40)]


def test_in_some_runs_some_users_speak_something_else() -> None:
    """In other runs none do, so what only these users find can be told apart."""
    runs = [set(drawn(random.Random(seed), DEVICES).values()) for seed in range(100)]
    assert set().union(*runs) == {name for name in speakers() if not needs_fronts(name)}
    assert 50 * OTHERS < sum(spoken != {USUAL} for spoken in runs) < 150 * OTHERS
    assert set(drawn(random.Random(1), DEVICES, "toy").values()) == {"toy"}


def test_some_speak_irc_where_there_are_fronts() -> None:
    """In some runs, which have them for that; whatever the others speak."""
    usual = drawn(random.Random(3), DEVICES)
    runs = [with_irc(random.Random(seed), usual, False) for seed in range(100)]
    on_irc = [spoken for spoken in runs if spoken != usual]
    assert 50 * WITH_IRC < len(on_irc) < 150 * WITH_IRC
    assert all({spoken[device] for device in DEVICES} - {*usual.values()} == {"irc"} for spoken in on_irc)
    assert with_irc(random.Random(0), usual, True) != usual


def test_what_is_said_of_a_device_is_understood() -> None:
    """A device that speaks the usual protocol is described by its name alone."""
    assert told("ann+", USUAL) == "ann+"
    for spoken, make in speakers().items():
        assert heard(told("ann+", spoken)) == ("ann+", make)


def test_workers_offer_what_is_spoken_beside_what_they_always_do(simulation: Simulation) -> None:
    """Real fronts are there in every run, and a protocol for simulated users only needs a single module
    here."""
    offered = offers(simulation.host("alpha").start("chat-worker").world)
    assert offered[: len(FRONTS)] == FRONTS
    assert len(offered) == len([one for one in speakers() if not needs_fronts(one)]) > len(FRONTS)


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
@pytest.mark.parametrize("spoken", sorted(speakers()))
def test_promises_are_kept_to_all(spoken: str, store: str) -> None:
    """Promises are kept whatever all users speak, and whatever faults come."""
    scale = Scale(users=10, posts=120, faults=8, seconds=12.0, store=store, spoken=spoken)
    for seed in range(2):
        assert run(seed, scale).violations == []


@pytest.mark.parametrize("spoken", ["toy", "web"])
def test_a_run_of_simple_clients_has_all_that_users_do(spoken: str) -> None:
    """They are refused, read, look back, are moved, lose their connection and come back by ticket."""
    with Simulation(7) as simulation:
        kinds = ("kill_worker", "reset_connection")
        scale = Scale(posts=150, faults=8, seconds=15.0, spoken=spoken, kinds=kinds)
        it = Run(simulation, scale)
        it.go()
        assert it.violations + simulation.verdict() == []
        assert check(Evidence(it.history, it.log)) == []
        happened = {type(event) for event in it.history}
        assert {Acknowledged, Refused, ChatBegun, Took, CursorMoved, PageRead, Lost, Moved} <= happened
        assert {event.how for event in it.history if isinstance(event, LoggedIn)} >= {
            "first",
            "resumed",
            "moved",
        }
