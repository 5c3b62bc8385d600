"""One seed: a cluster, its users, its faults; then peace, and the verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import apsw
import msgspec

from chatnet.entries import Entry, Memberships, visible
from chatnet.testing import history
from chatnet.testing.checker import Evidence, check
from chatnet.testing.history import Event
from chatnet.testing.simulation import nemesis, workload
from chatnet.testing.simulation.host import HOME
from chatnet.testing.simulation.nemesis import Nemesis, Operator
from chatnet.testing.simulation.process import SimProcess
from chatnet.testing.simulation.simulation import NotInTime, Simulation
from chatnet.testing.simulation.workload import Crowd, Step

WORKERS = 3
UP_SECONDS = 5.0
"""When the users come: the cluster has been started just before."""
WHOLE_SECONDS = 90.0
"""After the last fault is healed, the cluster must be whole again within so many seconds of virtual time.

A client notices that its connection was forgotten after 45 s of silence.
"""
REST_SECONDS = 20.0
"""How long a whole cluster is watched at rest, for what grows."""
LOOK_SECONDS = 0.25
"""How often one looks."""
DATA = HOME / "chatnet-data"


@dataclass(frozen=True)
class Scale:
    """How much happens. ``seconds`` is how long users are active and faults strike."""

    users: int = 20
    posts: int = 300
    faults: int = 15
    seconds: float = 25.0
    laptops: int = 4
    kinds: tuple[str, ...] = nemesis.KINDS


@dataclass
class Verdict:
    """How the run of ``seed`` went: well if there are no ``violations``.

    ``virtual`` is in seconds, ``real`` in seconds of a processor; ``whole_after`` is how long the cluster took to recover.
    """

    seed: int
    violations: list[str]
    events: int
    entries: int
    virtual: float
    real: float
    whole_after: float
    faults: Counter[str] = field(default_factory=Counter)
    story: str = ""


class Run:
    """One run, from its seed."""

    def __init__(self, simulation: Simulation, scale: Scale) -> None:
        self._simulation = simulation
        self._scale = scale
        self.history: list[Event] = []
        self.violations: list[str] = []
        self.log: list[Entry] = []
        self.whole_after = 0.0
        simulation.programs["users"] = cast(Any, workload.crowd(self.history.append, lambda: simulation.now))
        self._server = simulation.host("server")
        self._laptops = [simulation.host(f"laptop-{at}") for at in range(1, scale.laptops + 1)]
        self._operator = Operator(self._server)
        self.nemesis = Nemesis(simulation, self._operator, self._laptops)
        self._crowds: list[SimProcess] = []

    def go(self) -> None:
        """All of it."""
        simulation, scale = self._simulation, self._scale
        self._watch_lease()
        self._operator.start()
        users = workload.names(scale.users)
        for at, laptop in enumerate(self._laptops):
            self._crowds.append(laptop.start("users", "server", *users[at :: len(self._laptops)]))
        steps = workload.plan(simulation.chance("workload"), users, scale.posts, UP_SECONDS, scale.seconds)
        for step in steps:
            simulation.schedule(step.time, self._crowd_of(step.user), self._does, (step,))
        faults = nemesis.plan(
            simulation.chance("nemesis"), scale.faults, UP_SECONDS, scale.seconds, scale.kinds
        )
        for fault in faults:
            simulation.at(fault.time, self.nemesis.strike, fault)
        simulation.run_until(UP_SECONDS + workload.ARRIVAL_SECONDS + scale.seconds)
        simulation.run_until(max(simulation.now, self.nemesis.healed_at))
        self._until_whole()
        self._at_rest()
        self._stop()

    # ---- the users ----

    def _crowd_of(self, user: str) -> SimProcess:
        return next(process for process in self._crowds if user in process.arguments)

    def _does(self, step: Step) -> None:
        process = self._crowd_of(step.user)
        cast(Crowd, process.service).does(step)

    # ---- peace ----

    def _until_whole(self) -> None:
        healed = self._simulation.now
        while lacking := self._lacking():
            if self._simulation.now - healed > WHOLE_SECONDS:
                self.violations += (f"not whole after {WHOLE_SECONDS} s: {what}" for what in lacking)
                break
            self._simulation.run(LOOK_SECONDS)
        self.whole_after = self._simulation.now - healed
        self._simulation.note("the world", "whole after {:.2f} s", self.whole_after)

    def _lacking(self) -> list[str]:
        lacking = []
        living = len(self._server.living("chat-worker"))
        if living != WORKERS:
            lacking.append(f"there are {living} workers")
        people = [
            person for process in self._crowds for person in cast(Crowd, process.service).people.values()
        ]
        lacking += (f"{person.name} is not settled" for person in people if not person.is_settled)
        if not lacking:
            last = self._last_visible([person.name for person in people])
            lacking += (
                f"{person.name} has not read {last[person.name]}"
                for person in people
                if not person.has_read(last[person.name])
            )
        return lacking

    def _last_visible(self, users: Sequence[str]) -> dict[str, int]:
        log = self._read_log()
        stays = {user: Memberships() for user in users}
        for entry in log:
            if entry.kind in ("join", "leave"):
                stays[entry.user].apply(entry)
        return {
            user: max(
                (entry.seq for entry in log if entry.kind == "post" and visible(entry, user, stays[user])),
                default=0,
            )
            for user in users
        }

    def _at_rest(self) -> None:
        self._simulation.run(REST_SECONDS)

    def _stop(self) -> None:
        """The operator stops the cluster; nothing may be left of it."""
        self.log = self._read_log()

    def _read_log(self) -> list[Entry]:
        connection = apsw.Connection(
            self._server.disk.real(DATA / "log.sqlite"), flags=apsw.SQLITE_OPEN_READWRITE, vfs="unix-excl"
        )
        try:
            rows = connection.execute("SELECT seq, time, kind, user, room, text, key FROM entry ORDER BY seq")
            return [msgspec.convert(row, Entry) for row in rows]
        finally:
            connection.close()

    # ---- the lease ----

    def _watch_lease(self) -> None:
        self._server.disk.locks = WatchedLocks(self)

    def record(self, kind: type[Event], process: SimProcess, **fields: Any) -> None:
        """Something happens to a process of the cluster."""
        self.history.append(kind(time=self._simulation.now, client=process.name, **fields))


class WatchedLocks(dict[Path, SimProcess]):
    """The locks of the server, each a lease."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def __setitem__(self, directory: Path, process: SimProcess) -> None:
        super().__setitem__(directory, process)
        self._run.record(history.LeaseTaken, process)

    def __delitem__(self, directory: Path) -> None:
        self._run.record(history.LeaseLost, self[directory])
        super().__delitem__(directory)


def run(seed: int, scale: Scale | None = None, detailed: bool = False, story: bool = False) -> Verdict:
    """Run ``seed``; ``story``: tell it, in all detail if ``detailed``."""
    began = time.process_time()
    with Simulation(seed, detailed) as simulation:
        it = Run(simulation, scale or Scale())
        try:
            it.go()
        except NotInTime as late:
            it.violations.append(str(late))
        violations = it.violations + simulation.failures
        violations += check(Evidence(it.history, it.log, settled=not it.violations))
        return Verdict(
            seed=seed,
            violations=violations,
            events=simulation.steps,
            entries=len(it.log),
            virtual=simulation.now,
            real=time.process_time() - began,
            whole_after=it.whole_after,
            faults=it.nemesis.counted,
            story=simulation.trace.text() if story or violations else "",
        )
