"""One seed: a cluster, its users, its faults; then peace, and the verdict."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.logger import globalLogBeginner

from chatnet.addresses import Address
from chatnet.entries import Entry, visible
from chatnet.kinds import EVENTS, SAID
from chatnet.limits import AGING
from chatnet.master.balance import GAP, SHARE
from chatnet.names import GUEST
from chatnet.stays import Memberships
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import Event, Held, Moved
from chatnet.web_options import WEB_PORT
from chatnet.worker.frontend import Frontend
from chatnet.worker.fronts.irc.client import IrcClient
from chatnet.worker.fronts.irc.connection import ANSWER_SECONDS, PING_SECONDS
from chatnet.worker.fronts.irc.front import Irc
from chatnet.worker.service import Worker
from simulator import nemesis, outages, workload
from simulator.clusters import cluster
from simulator.desk import Desk
from simulator.people import Crowd, Person, crowd
from simulator.probes import PutBack, SessionReads, Silence, Stale
from simulator.process import SimProcess
from simulator.simulation import NotInTime, Simulation, collect_quietly
from simulator.sizes import draw_sizes
from simulator.takeover_probe import Successions
from simulator.users import offers
from simulator.watch import Vitals
from simulator.workload import Step

ON_IRC = "irc"
"""What guests speak."""
GUESTS = ("passer-by", "stranger", "tourist")
PAGES = 0.5
"""How often the workers have the page's port."""
UP_SECONDS = 5.0
"""When the first user comes; the cluster is started at 0."""
WHOLE_SECONDS = 90.0
"""Seconds of virtual time after the last fault is healed, within which the cluster must be whole again.

A client notices that its connection was forgotten after 45 s of silence.
"""
SILENCE_SECONDS = 60.0
"""Seconds of silence after which either end of a forgotten connection has noticed."""
FRONTS_SILENCE_SECONDS = PING_SECONDS + ANSWER_SECONDS + 30.0
"""The same where one end is an IRC front, which has more patience, looks every fifteen seconds, and then
marks what was used."""
CALM_LOOK_SECONDS = 0.23
"""Seconds between two looks whether all is calm: no part of a second, at which processes look themselves.
Else what they do for a millisecond of each second is seen in each look."""
FIRST_LOOKS = 5
"""In how many looks, before the first user comes, timers are counted: what a process does every so often has
no timer while it is doing it."""
REPORTED_SECONDS = 2.5
"""Seconds after which all workers have reported their load, and the primary has looked at it."""
REST_SECONDS = 10.0
"""Seconds for which a whole cluster is watched at rest."""
REST_EVENTS = (12, 6)
"""How many events a second each process of a cluster at rest may have (mostly pings), and each client."""
LOOKS = 25
"""How many more for each process that looks at a database."""
STOP_SECONDS = 20.0
"""Seconds that a cluster may take to stop."""
ENCRYPTED = 0.5
"""How often hosts use TLS between each other."""
LOOK_SECONDS = 0.25
"""Seconds between two looks."""


@dataclass(frozen=True)
class Scale:
    """How much happens. ``seconds`` is how long users are active and faults strike.

    ``store`` is "sqlite", for a cluster on one machine, or "postgresql", for one on many. ``kinds`` are the
    kinds of faults, all by default; ``only`` are the numbers of the faults that strike, None for all.
    ``spoken`` is the protocol of all users; drawn if empty. ``encrypted``: hosts use TLS between each other;
    drawn if None. ``annex``: the one machine surely has another one beside it. ``narrow``: who does not read
    is soon full. ``irc``: each machine with workers has IRC fronts, and some users speak IRC; without it they
    do in some runs.
    """

    users: int = 20
    posts: int = 300
    faults: int = 15
    seconds: float = 25.0
    laptops: int = 4
    kinds: tuple[str, ...] = ()
    only: tuple[int, ...] | None = None
    store: str = "sqlite"
    spoken: str = ""
    encrypted: bool | None = None
    annex: bool = False
    narrow: bool = False
    irc: bool = False

    @property
    def all_kinds(self) -> tuple[str, ...]:
        """The kinds to draw from."""
        usual = outages.KINDS if self.store == "postgresql" else nemesis.KINDS
        return self.kinds or (*usual, *(nemesis.OF_FRONTS if self.irc else ()))


@dataclass
class Verdict:
    """The result of the run of ``seed``: good if there are no ``violations``.

    ``virtual`` is in seconds, ``real`` in seconds of a processor; ``whole_after`` is how long the cluster
    took to recover.
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
        self._ended = 0
        keep = self.history.append
        letters: dict[str, str] = {}
        drawn = simulation.chance("encrypted").random() < ENCRYPTED
        if drawn if scale.encrypted is None else scale.encrypted:
            simulation.encrypt()
        simulation.programs["users"] = cast(
            Any, crowd(keep, lambda: simulation.now, simulation.is_encrypted, letters)
        )
        self.cluster = cluster(simulation, scale.laptops, scale.store, keep, scale.annex)
        if simulation.chance("page").random() < PAGES:
            self.cluster.with_page()
        users = workload.names(scale.users)
        self._devices = workload.devices(simulation.chance("devices"), users)
        spoken = offers.drawn(simulation.chance("spoken"), self._devices, scale.spoken)
        if not scale.spoken:
            spoken = offers.with_irc(simulation.chance("irc"), spoken, scale.irc)
        self._spoken = spoken
        self._guests = [f"{GUEST}{name}" for name in GUESTS] if self._on_irc else []
        if scale.irc or self._on_irc:
            self.cluster.with_irc()
        self.desk = Desk(simulation, self.cluster, letters)
        self.nemesis = self.cluster.nemesis
        self._laptops = self.cluster.laptops
        self._vitals = Vitals(simulation, self.cluster.hosts, keep)
        self._crowds: dict[str, SimProcess] = {}
        successions = Successions(simulation, scale.store == "postgresql")
        self.stale = Stale()
        probes = SessionReads(simulation, keep), Silence(simulation), PutBack(simulation), successions
        listeners = *probes, self.stale, self.cluster
        simulation.listeners += (listener.told for listener in listeners)

    @property
    def _on_irc(self) -> list[str]:
        """The devices at which IRC is spoken."""
        return [device for device, spoken in self._spoken.items() if offers.needs_fronts(spoken)]

    def go(self) -> None:
        """Do the whole run.

        :raises NotInTime: the cluster did not start, or time stood still.
        """
        before = self._start()
        self._plan()
        end = UP_SECONDS + workload.ARRIVAL_SECONDS + self._scale.seconds
        while self._simulation.now < max(end, self.nemesis.healed_at):
            self._simulation.run(LOOK_SECONDS)
            self._vitals.look()
        self._until_whole()
        if not self.violations:
            self._at_rest(before)
            self._look_into_windows()
            if primary := self.cluster.primary:
                self._ended = int(primary.host.clock.wall() * 1000)
            self._stop()
        self.log = self.cluster.log()

    def evidence(self) -> Evidence:
        """Return what the run has left."""
        struck = self.nemesis.counted
        return Evidence(
            self.history,
            self.log,
            settled=not self.violations,
            alone="hostile_client" not in struck,
            relayed="relay" in struck,
            # The database syncs what it is told; the file for marks beside an embedded log is not synced.
            unsynced="lose_power" in struck and self._scale.store == "sqlite",
            aging=self._simulation.limits.aging,
            stepped=struck["step_clock"] * nemesis.LONGEST_STEP,
            ended=self._ended,
        )

    # ---- the cluster and its users ----

    def _start(self) -> dict[str, int]:
        """Start everything; return for each program the most timers that one process has at rest."""
        users, devices, spoken = workload.names(self._scale.users), self._devices, self._spoken
        self.cluster.start()
        for at, laptop in enumerate(self._laptops):
            owners = users[at :: len(self._laptops)]
            here = [device for device in devices if workload.owner(device) in owners]
            told = [offers.told(device, spoken[device]) for device in here]
            guests = self._guests[at :: len(self._laptops)]
            told += (offers.told(device, ON_IRC) for device in guests)
            crowd = laptop.start("users", self.cluster.masters_at, *told)
            self._crowds |= dict.fromkeys((*here, *guests), crowd)
        self._simulation.run_until(UP_SECONDS - FIRST_LOOKS * CALM_LOOK_SECONDS)
        timers = Counter[str]()
        for _ in range(FIRST_LOOKS):
            self._simulation.run(CALM_LOOK_SECONDS)
            self._see_timers(timers)
        self._simulation.run_until(UP_SECONDS)
        self._simulation.run_while(lambda: list(self.cluster.lacking()), UP_SECONDS)
        self._see_timers(timers)
        return timers

    def _see_timers(self, most: Counter[str]) -> None:
        for program, (timers, _) in self._vitals.at_rest().items():
            most[program] = max(most[program], timers)

    def _plan(self) -> None:
        simulation, scale, now = self._simulation, self._scale, self._simulation.now
        devices = [device for device in self._crowds if device not in self._guests]
        steps = workload.plan(simulation.chance("workload"), devices, scale.posts, now, scale.seconds)
        steps += workload.marking(simulation.chance("marks"), devices, now, scale.seconds)
        steps += workload.taking_back(simulation.chance("taking back"), devices, now, scale.seconds)
        if simulation.limits.aging != AGING:
            steps += workload.keeping(simulation.chance("keeping"), steps, devices, now, scale.seconds)
        steps += workload.ruling(simulation.chance("policies"), steps, devices, now, scale.seconds)
        paired = [device for device in devices if self._spoken[device] == offers.USUAL]
        elsewhere = {workload.owner(device) for device in self._on_irc}
        # Who ends all sessions but one would have to let their IRC client in again, as people do.
        alone = [device for device in paired if workload.owner(device) not in elsewhere]
        steps += workload.pairing(simulation.chance("guests"), alone, now, scale.seconds)
        steps += workload.losing(simulation.chance("recoveries"), paired, now, scale.seconds)
        steps += workload.doors(simulation.chance("doors"), devices, paired, now, scale.seconds)
        steps += workload.in_channels(
            simulation.chance("in channels"), devices, self._on_irc, now, scale.seconds
        )
        steps += workload.visiting(simulation.chance("visiting"), self._guests, devices, now, scale.seconds)
        steps += workload.succeeding(
            simulation.chance("succeeding"), self._guests, self._on_irc, now, scale.seconds
        )
        for step in steps:
            if step.device == workload.OPERATOR:
                order = self.desk.insist if step.does == "insist" else self.cluster.order
                simulation.at(step.time, order, step.arguments)
                continue
            simulation.schedule(step.time, self._crowds[self._host_of(step)], self._does, (step,))
        chance = simulation.chance("nemesis")
        kinds = scale.all_kinds
        if self._on_irc and not scale.irc and not scale.kinds:
            kinds = (*kinds, *nemesis.OF_FRONTS)
        for fault in nemesis.plan(chance, scale.faults, now, scale.seconds, kinds):
            if scale.only is None or fault.number in scale.only:
                simulation.at(fault.time, self.nemesis.strike, fault)

    def _does(self, step: Step) -> None:
        self._crowd(self._host_of(step)).does(step)

    def _host_of(self, step: Step) -> str:
        """Return the device on whose host it is done: a guest's is its owner's."""
        return step.device if step.device in self._crowds else workload.owner(step.device)

    def _crowd(self, device: str) -> Crowd:
        return cast(Crowd, self._crowds[device].service)

    def _people(self) -> list[Person]:
        return list(self._by_device().values())

    def _by_device(self) -> dict[str, Person]:
        return {device: self._crowd(device).people[device] for device in self._crowds}

    # ---- peace ----

    def _until_whole(self) -> None:
        healed = self._simulation.now
        while lacking := self._lacking():
            if self._simulation.now - healed > WHOLE_SECONDS:
                self.violations += (f"whole: not after {WHOLE_SECONDS} s: {what}" for what in lacking)
                break
            self._simulation.run(LOOK_SECONDS)
            self._vitals.look()
        self.whole_after = self._simulation.now - healed
        self._simulation.note("the world", "is in peace since {:.2f} s", self.whole_after)

    def _lacking(self) -> list[str]:
        """Return what this cluster lacks to be whole."""
        lacking = list(self.cluster.lacking())
        people = self._people()
        lacking += self._uneven(people)
        if not self.desk.is_done:
            lacking.append("an order of the operator's is not done")
        lacking += (f"{person.name} is not settled" for person in people if not person.is_settled)
        if not lacking:
            last = _last_visible(self.cluster.log(), [person.name for person in people])
            behind = [person.name for person in people if not person.has_read(last[person.name])]
            lacking += (f"{name} has not read up to {last[name]}" for name in behind)
        return lacking

    def _look_into_windows(self) -> None:
        """Record the texts that each worker holds."""
        for process in self.cluster.living("chat-worker"):
            worker = _worker(process)
            state = None if worker is None else worker._state
            if isinstance(state, Frontend):
                window = state.store.log.window
                seqs = [entry.seq for entry in window.after(window.start - 1) if entry.text]
                now, name = self._simulation.now, process.name
                self.history.append(Held(time=now, client=name, head=window.head, seqs=seqs))

    def _uneven(self, people: Sequence[Person]) -> Iterator[str]:
        """Yield a sentence if sessions are spread less evenly over the workers than the design says: those
        that came by a port which a host's workers share among these, and those that masters placed over all,
        so that they make up for the others."""
        users = [person.user for person in people if person.is_settled and person.user]
        seats = [seat for user in users for seat in self._seats(user.worker)]
        workers = self.cluster.living("chat-worker")
        shared = Counter(worker for worker, is_shared in seats if is_shared)
        placed = Counter(worker for worker, is_shared in seats if not is_shared)
        for host in self.cluster.hosts:
            loads = [shared[worker] for worker in workers if worker.host is host]
            if loads and _differ(loads):
                yield f"the workers of {host} have {', '.join(map(str, loads))} sessions by their shared port"
        loads = [shared[worker] + placed[worker] for worker in workers]
        most = max(loads, default=0)
        fullest = [worker for worker, load in zip(workers, loads, strict=True) if load == most]
        if _differ(loads) and any(placed[worker] for worker in fullest):
            yield f"the workers have {', '.join(map(str, sorted(loads)))} sessions"

    def _seats(self, at: str) -> Iterator[tuple[SimProcess, bool]]:
        """Yield which worker a user is at, and whether they came by the page's port, from the address where
        they are connected and, if several share that, the worker's name behind it."""
        place, _, name = at.partition(" ")
        address = Address.read(place)
        for host in self.cluster.hosts if address is not None else ():
            if address is not None and address.host in (host.address, host.name):
                for process in host.listeners(address.port):
                    if name in ("", process.name):
                        yield process, address.port == WEB_PORT

    def _at_rest(self, before: Mapping[str, int]) -> None:
        """Check that nothing has grown since ``before`` except through users, and that little happens."""
        simulation = self._simulation
        if unrest := self._until_calm(before):
            self.violations += unrest
        before_rest, moves = simulation.steps - simulation.idle, self._moves()
        simulation.run(REST_SECONDS)
        if self._moves() > moves:
            self.violations.append(f"growth: {self._moves() - moves} sessions were moved at rest")
        events = simulation.steps - simulation.idle - before_rest
        each = REST_EVENTS[0] + (LOOKS if self._scale.store == "postgresql" else 0)
        most = each * len(self._vitals.living()) + REST_EVENTS[1] * len(self._crowds)
        if events > most * REST_SECONDS:
            self.violations.append(f"growth: {events} events in {REST_SECONDS} s of rest")

    def _until_calm(self, before: Mapping[str, int]) -> list[str]:
        """Wait until all have noticed lost ends and moved because of them; return what is still wrong after a
        time that is long enough."""
        simulation, since, moves = self._simulation, self._simulation.now, self._moves()
        end = since + (FRONTS_SILENCE_SECONDS if self._on_irc else SILENCE_SECONDS)
        while (now := simulation.now) < end:
            uneven, grown = list(self._uneven(self._people())), list(self._grown(before))
            grown += self._misshown()
            if uneven or grown or simulation.network.any_forgotten() or self._moves() > moves:
                since, moves = now, self._moves()  # what was noticed just now is reported later
            elif now - since >= REPORTED_SECONDS:
                return []
            simulation.run(CALM_LOOK_SECONDS)
        return uneven + grown

    def _misshown(self) -> Iterator[str]:
        """Yield a sentence for each IRC front that shows somebody as here who is not, or the other way
        round. One that nobody has come to since it began asks nobody."""
        fronts, here, leaving = dict[str, Irc](), set[str](), set[str]()
        for process in (*self.cluster.living("chat-worker"), *self.cluster.living("chat-front")):
            worker = _worker(process)
            if worker is None or not isinstance(worker._state, Frontend):
                return
            leaving |= worker._state.presence._leaving.keys()
            for session in worker._state._sessions.open:
                peer = session.peer
                if peer.shows if isinstance(peer, IrcClient) else peer.lingers is not None:
                    here.add(session.user)
            for front in worker._clients._fronts:
                if isinstance(front, Irc) and front._window is not None:
                    fronts[process.name] = front
        for name, front in fronts.items():
            shown = set(front.presence.users())
            if wrong := here - shown | shown - here - leaving:
                yield f"presence: {name} is wrong of {', '.join(sorted(wrong))}"

    def _moves(self) -> int:
        return sum(isinstance(event, Moved) for event in self.history)

    def _grown(self, before: Mapping[str, int]) -> Iterator[str]:
        workers, replicas = self.cluster.workers, self.cluster.masters - 1
        connected = [device for device, person in self._by_device().items() if not person.is_forgotten]
        on_irc = len({*self._on_irc, *self._guests}.intersection(connected))
        fronts = self.cluster.fronts
        needed = {
            "chat-worker": workers + len(connected) - on_irc,
            "chat-master": workers + fronts + 2 * replicas,
            "chat-front": fronts + on_irc,
        }
        for program, (timers, connections) in self._vitals.at_rest().items():
            if program not in needed:  # an operator's command
                continue
            if timers > before[program]:
                yield f"growth: a {program} has {timers} timers, and had {before[program]}"
            if connections != needed[program]:
                yield f"growth: {program} has {connections} connections, and needs {needed[program]}"

    def _stop(self) -> None:
        """Let the operators stop the cluster; nothing of it may remain."""
        self.cluster.stop()
        try:
            self._simulation.run_while(self.cluster.living, STOP_SECONDS)
        except NotInTime:
            left = ", ".join(process.name for process in self.cluster.living())
            self.violations.append(f"stopping: after {STOP_SECONDS} s there was still {left}")


def _differ(loads: Sequence[int]) -> bool:
    """Return whether loads differ by more than the design lets them."""
    return bool(loads) and max(loads) - min(loads) > max(GAP, SHARE * max(loads))


def _last_visible(log: Sequence[Entry], users: Sequence[str]) -> dict[str, int]:
    """Return the seq of the newest post that each user may see."""
    stays = {user: Memberships() for user in users}
    for entry in log:
        for user, its in stays.items():
            its.apply(entry, user)
    posts = [entry for entry in reversed(log) if entry.kind in SAID or entry.kind in EVENTS]
    return {user: next((post.seq for post in posts if visible(post, user, stays[user])), 0) for user in users}


def hush() -> None:
    """Log nothing, in a process for runs alone: each run hears its own log, and what it leaves behind says
    nothing when it is collected."""
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False)


def _worker(process: SimProcess) -> Worker | None:
    """Return the worker, or front, that runs in a process; None if it has not begun yet."""
    return cast(Worker, process.service) if process.reactor.running else None


def run(seed: int, scale: Scale | None = None, detailed: bool = False, story: bool = False) -> Verdict:
    """Run ``seed``; ``story``: tell it, in all detail if ``detailed``."""
    with Simulation(seed, detailed) as simulation:
        verdict = _run(simulation, scale or Scale(), story)
    del simulation
    collect_quietly()
    return verdict


def _run(simulation: Simulation, scale: Scale, story: bool) -> Verdict:
    began = time.process_time()
    it = Run(simulation, scale)
    try:
        simulation.note("the world", "sizes: {}", str(draw_sizes(simulation, it._scale.narrow)))
        it.go()
    except NotInTime as late:
        it.violations.append(str(late))
    except Exception:
        it.violations.append(f"the simulator failed: {traceback.format_exc()}")
    violations = it.violations + it.stale.found + simulation.verdict()
    violations += check(it.evidence())
    return Verdict(
        seed=simulation.seed,
        violations=violations,
        events=simulation.steps,
        entries=len(it.log),
        virtual=simulation.now,
        real=time.process_time() - began,
        whole_after=it.whole_after,
        faults=it.nemesis.counted,
        story=simulation.trace.text() if story or violations else "",
    )
