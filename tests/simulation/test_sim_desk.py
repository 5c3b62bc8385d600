"""An operator insists: each order is given again until it is done, one after the other."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from chatnet.entries import Entry, More
from simulator import Simulation, workload
from simulator.desk import Desk
from simulator.process import Status

SEED = 1
DONE, FAILED = Status(0, None), Status(1, None)
CODE = "0123-4567-89AB"


@dataclass
class Command:
    """A command that ends as it is told, when it is looked at."""

    status: Status
    lines: list[str]
    is_dead: bool = True

    @property
    def terminal(self) -> Command:
        return self


@dataclass
class Machines:
    """A cluster whose commands end as ``ends`` says, one after the other."""

    ends: list[Status | None]
    entries: list[Entry] = field(default_factory=list)
    given: list[str] = field(default_factory=list)

    def order(self, words: Sequence[str]) -> Command | None:
        self.given.append(" ".join(words))
        status = self.ends.pop(0)
        return None if status is None else Command(status, ["Take this.", f"{CODE} is good once."])

    def log(self) -> list[Entry]:
        return self.entries


def test_an_order_is_given_until_it_is_done(simulation: Simulation) -> None:
    """Also while the host is down; the next one waits meanwhile. What is printed goes to whom it is for."""
    letters: dict[str, str] = {}
    machines = Machines([FAILED, None, DONE, DONE, DONE])
    machines.entries = [Entry(1, 0, "register", name, name, "", b"1" * 16) for name in ("alice", "bob")]
    desk = Desk(simulation, cast(Any, machines), letters)
    desk.insist(("user", "disable", "bob"))
    desk.insist(("user", "reset", "alice"))
    simulation.run(1.5)
    assert not desk.is_done
    simulation.run(10.0)
    assert desk.is_done
    desk.insist(("invite", "--uses", "3"))
    assert machines.given == [*["user disable bob"] * 3, "user reset alice", "invite --uses 3"]
    assert letters == {"alice": CODE, "": CODE}


@pytest.mark.parametrize(
    ("action", "entries"),
    [
        ("reset", []),
        ("add", [Entry(1, 0, "register", "bob", "bob", "", b"1" * 16)]),
        (
            "enable",
            [
                Entry(1, 0, "register", "bob", "bob", "", b"1" * 16),
                Entry(2, 0, "forget", "bob", "bob", "", b"2" * 16, More(to="bob")),
            ],
        ),
    ],
)
def test_what_can_never_be_is_dropped(simulation: Simulation, action: str, entries: list[Entry]) -> None:
    """The user is not there, or there already, or is forgotten."""
    machines = Machines([FAILED], entries)
    desk = Desk(simulation, cast(Any, machines), {})
    desk.insist(("user", action, "bob"))
    assert desk.is_done


def test_in_the_end_everybody_may_come_in() -> None:
    """Who is shut out is let in again, and names are free; codes are for those who can type them."""
    names = workload.names(8)
    done: set[str] = set()
    for seed in range(60):
        drawn = workload.doors(random.Random(seed), [*names, "bob+"], names, 5.0, 10.0)
        steps = [step.arguments for step in sorted(drawn, key=lambda step: step.time)]
        done |= {" ".join(words[:2]) for words in steps}
        ended, begun = (
            {words[2] for words in steps if words[1] in actions}
            for actions in (("disable", "ban"), ("enable", "unban"))
        )
        assert ended == begun
        assert not any(words[1:] in (("reset", "bob"), ("add", "bob")) for words in steps)
        signups = [words for words in steps if words[0] == "signup"]
        assert not signups or signups[-1][1] == "open"
    assert done == {
        *("signup open", "signup code", "signup closed", "invite --uses"),
        *(f"user {action}" for action in ("add", "reset", "disable", "enable", "ban", "unban")),
    }
