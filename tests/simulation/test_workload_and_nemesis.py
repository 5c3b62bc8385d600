"""What users do and what goes wrong is drawn from the seed, and all of it takes place."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import Acknowledged, ChatBegun, LoggedIn, Lost, PageRead, Refused, Sent
from simulator import Simulation, nemesis, people, workload
from simulator.nemesis import KINDS, Nemesis
from simulator.people import Crowd, Person
from simulator.run import Run, Scale, run
from simulator.workload import ARRIVAL_SECONDS

USERS = workload.names(20)


def test_a_plan_is_the_seeds() -> None:
    """The same seed gives the same steps and faults, another seed gives others."""
    first, again, other = (
        (
            workload.plan(random.Random(seed), USERS, 100, 0.0, 10.0),
            nemesis.plan(random.Random(seed), 10, 0.0, 10.0),
        )
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_some_users_have_a_second_device() -> None:
    """What is done at the device, its user does."""
    drawn = [workload.devices(random.Random(seed), USERS) for seed in range(20)]
    assert {len(devices) for devices in drawn} == {20, 21, 23}
    assert all(devices[:20] == USERS for devices in drawn)
    assert all(workload.owner(device) in USERS for devices in drawn for device in devices)
    assert Lost(time=0, client="bob+/2").user == "bob"


@pytest.mark.parametrize("seed", range(5))
def test_everybody_arrives_and_all_posts_are_made(seed: int) -> None:
    """Each user arrives before they act, and together they make exactly the planned number of posts."""
    steps = workload.plan(random.Random(seed), USERS, 100, 5.0, 10.0)
    assert [step.time for step in steps] == sorted(step.time for step in steps)
    assert 5.0 <= steps[0].time <= steps[-1].time <= 5.0 + ARRIVAL_SECONDS + 10.0
    assert {
        user: next(step.does for step in steps if step.device == user) for user in USERS
    } == dict.fromkeys(USERS, "arrive")
    assert Counter(step.does for step in steps)["post"] == 100


def test_every_step_and_fault_is_drawn_some_time_and_can_be_done() -> None:
    """Over many seeds every step is drawn, and none is drawn that cannot be done."""
    steps = {
        step.does for seed in range(30) for step in workload.plan(random.Random(seed), USERS, 100, 0.0, 10.0)
    }
    assert steps == {
        "arrive", "begin_anew", "chat", "chat_anew", "chat_anew_twice", "hang_up", "join", "lag", "leave",
        "list_rooms", "look_back", "order", "post", "redact", "set_password", "unchat",
    }  # fmt: skip
    assert all(hasattr(Person, does) for does in steps)
    faults = [fault for seed in range(100) for fault in nemesis.plan(random.Random(seed), 15, 0.0, 10.0)]
    assert {fault.kind for fault in faults} == set(KINDS)
    assert all(hasattr(Nemesis, kind) for kind in KINDS)


@pytest.mark.parametrize("kind", [*KINDS, *nemesis.OF_FRONTS])
def test_each_kind_of_fault_strikes_and_is_survived(kind: str) -> None:
    """Each test uses one kind of fault, often."""
    irc = kind in nemesis.OF_FRONTS
    scale = Scale(users=6, posts=40, faults=4, seconds=8.0, laptops=2, kinds=(kind,), irc=irc)
    verdict = run(3, replace(scale, encrypted=True) if kind == "relay" else scale)
    assert verdict.violations == []
    assert verdict.faults[kind] >= 1


def test_a_run_has_what_users_do() -> None:
    """They post, join, are refused, read, look back, lose their connection and come back."""
    with Simulation(0) as simulation:
        story = Run(simulation, Scale(users=8, posts=120, faults=0, seconds=10.0, laptops=2))
        story.go()
        assert simulation.verdict() == []
        assert story.violations == []
        counts = Counter(type(event) for event in story.history)
        # Some want to post while their client is not running, or where they may not.
        assert 60 < sum(entry.kind == "post" for entry in story.log) <= 120
        assert counts[Sent] >= counts[Acknowledged] + counts[Refused] > 120
        assert min(counts[kind] for kind in (Refused, ChatBegun, PageRead, Lost)) > 0
        logins = Counter(event.how for event in story.history if isinstance(event, LoggedIn))
        registered = sum(entry.kind in ("register", "session") for entry in story.log)
        assert 8 < logins["first"] == registered
        assert logins["resumed"] > 0
        assert check(Evidence(story.history, story.log)) == []


def test_a_client_that_found_nobody_is_started_again() -> None:
    """A person would do so. What the client sent before it gave up is not waited for."""
    with Simulation(0) as simulation:
        simulation.programs["users"] = people.crowd(lambda _: None, lambda: simulation.now)
        process = simulation.host("laptop").start("users", "server", "alice")
        simulation.run(1)
        crowd = process.service
        assert isinstance(crowd, Crowd)
        process.soon(crowd.does, workload.Step(1.0, "alice", "arrive"))
        process.soon(crowd.does, workload.Step(1.0, "alice", "post", ("anybody there?",)))
        simulation.run(12)
        simulation.host("server").start("chat-master")
        simulation.run(10)
        alice = crowd.people["alice"]
        assert alice.is_settled
        assert simulation.verdict() == []


def test_who_loses_a_secret_has_made_recovery_codes_before() -> None:
    """Sometimes new ones later, of which others are good then."""
    seeds = [workload.losing(random.Random(seed), USERS, 5, 10) for seed in range(20)]
    assert {step.does for steps in seeds for step in steps} == {"make_recoveries", "recover"}
    for steps in seeds:
        for user in {step.device for step in steps}:
            its = sorted((step for step in steps if step.device == user), key=lambda step: step.time)
            assert its[0].does == "make_recoveries"
            assert its[-1].does == "recover" or its[-1].time < 5 + 2 + 0.8 * 10


def test_guests_come_by_a_code_and_are_gone_in_the_end() -> None:
    """Each does something only after it came, and is ended behind all that it does."""
    steps = [step for seed in range(20) for step in workload.pairing(random.Random(seed), USERS, 5, 10)]
    assert {step.does for step in steps} == {
        *("pair", "arrive_by_code", "chat", "post", "hang_up", "revoke_others", "go"),
    }
    for seed in range(20):
        drawn = workload.pairing(random.Random(seed), USERS, 5, 10)
        for user in USERS:
            its = sorted(
                (step for step in drawn if step.device == workload.guest(user)), key=lambda s: s.time
            )
            assert not its or (its[0].does, its[-1].does) == ("arrive_by_code", "go")
