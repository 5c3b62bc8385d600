"""Make visits: ``python -m hostile.fuzz.speaker --help``. The last line printed is the tally, as JSON."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostile.fuzz.states import Guise
from hostile.fuzz.visits import Outcome, Plan, Visits
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

from chatnet.auth import Token
from chatnet.world import World
from chatnet.world.real import real_world

GUISES = 6
"""How many users the hostile clients pretend to be: new names are rationed."""
PASSWORDS = (b"a password of some length", b"another password")


@dataclass
class Tally:
    """What a speaker did: ``next`` is the next visit's number; ``wrong`` has the forbidden answers."""

    visits: int = 0
    inputs: int = 0
    next: int = 0
    closed: int = 0
    states: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Add the outcome of a visit."""
        self.visits += 1
        self.inputs += outcome.said
        self.closed += outcome.closed
        name = outcome.plan.state.name
        if outcome.failed:
            self.failed[f"{name}: {outcome.failed}"] += 1
        else:
            self.states[name] += 1
        if outcome.heard is not None:
            self.codes.update(outcome.heard.codes)
            self.wrong += [f"visit {outcome.plan.number}, {name}: {wrong}" for wrong in outcome.heard.wrong]


def guises(seed: int) -> list[Guise]:
    """Return the users of hostile clients. Their secrets follow from the seed: the next speaker has them."""
    names = [f"mallory{number}" for number in range(GUISES)]
    secrets = [hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in names]
    made = [Guise(name, (secret,)) for name, secret in zip(names, secrets, strict=True)]
    made[-1].secrets = (secrets[-1], *PASSWORDS)
    return made


class Speaker:
    """Makes visits, ``at_once`` at a time and at most ``rate`` a second, until the time has passed."""

    def __init__(self, world: World, visits: Visits, seed: int, first: int, rate: float) -> None:
        self._world = world
        self._visits = visits
        self._seed = seed
        self._rate = rate
        self._began = world.monotonic()
        self._until = 0.0
        self._most = 0
        self._begun = 0
        self.tally = Tally(next=first)

    async def speak(self, at_once: int, seconds: float, visits: int) -> None:
        """Make visits for ``seconds``, or ``visits`` of them."""
        self._until = self._began + seconds
        self._most = visits
        await gatherResults([Deferred.fromCoroutine(self._one_by_one()) for _ in range(at_once)])

    async def _one_by_one(self) -> None:
        while self._begun < self._most and self._world.monotonic() < self._until:
            number, self.tally.next = self.tally.next, self.tally.next + 1
            self._begun += 1
            due = self._began + self._begun / self._rate
            await deferLater(self._world.reactor, max(0.0, due - self._world.monotonic()))
            self.tally.add(await self._visits.make(Plan.of(self._seed, number)))


async def _main(world: World, chosen: argparse.Namespace) -> None:
    token = Token(bytes.fromhex(Path(chosen.token_file).read_text().strip()))
    ports = {"master": chosen.master, "worker": chosen.worker}
    visits = Visits(world.reactor, ports, guises(chosen.seed), token)
    await visits.introduce()
    speaker = Speaker(world, visits, chosen.seed, chosen.first, chosen.rate)
    await speaker.speak(chosen.at_once, chosen.seconds, chosen.visits)
    print(json.dumps(vars(speaker.tally)), flush=True)


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m hostile.fuzz.speaker", description=__doc__)
    parser.add_argument("--master", type=int, action="append", required=True, help="a master's port")
    parser.add_argument("--worker", type=int, action="append", required=True, help="a worker's port")
    parser.add_argument("--token-file", required=True, help="the cluster's token")
    parser.add_argument("--seed", type=int, required=True, help="what visits are drawn from")
    parser.add_argument("--first", type=int, default=0, help="the number of the first visit")
    parser.add_argument("--visits", type=int, default=1 << 62, help="how many")
    parser.add_argument("--seconds", type=float, default=1e9, help="for how long")
    parser.add_argument("--rate", type=float, default=60.0, help="visits a second, at most")
    parser.add_argument("--at-once", type=int, default=24, help="how many at a time")
    chosen = parser.parse_args()
    world = real_world()
    world.processes.raise_file_limit()

    def begin(_: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(_main(world, chosen))

    react(begin, (), _reactor=world.reactor)


if __name__ == "__main__":
    main()
