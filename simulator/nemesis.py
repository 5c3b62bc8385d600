"""Faults of every kind, drawn from the seed; and the operator who repairs what only people can."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from simulator import squatter
from simulator.host import Host
from simulator.hostile import TACTICS
from simulator.operators import OPERATOR_SECONDS, Operator
from simulator.process import SimProcess
from simulator.relay import PORT, RELAY

if TYPE_CHECKING:
    from simulator.simulation import Simulation

LONGEST_FAULT = 8.0
"""The longest time of a fault that passes, in seconds."""
SHORTEST_REIGN = 1.0
"""Seconds that a master that took over lives at least, also after the old one continued."""
SLOWEST = 25.0
"""The greatest factor by which a link is slowed: late data must come before its sender is taken for dead."""
STOP_SECONDS = (1.0, 5.0)
"""Seconds that a process is stopped: between these. After three, others take it for dead."""
STRANGER = "stranger"
"""The name of the machine of a hostile client, and of a relay."""
RELAY_SECONDS = 0.5
"""Seconds until a relay is ready."""
LONGEST_STEP = 3.0
"""The greatest step of a wall clock, in seconds."""


class Fault(NamedTuple):
    """At ``time``, ``kind``: a method of :class:`Nemesis`. ``number`` gives it its own random stream."""

    number: int
    time: float
    kind: str


class Nemesis:
    """Injects faults: into the cluster on the host of the ``master``, a worker on another host, if there is
    an ``annex``, and the ``laptops`` of users.

    ``counted`` is how many of each kind took effect. A fault that passes is healed after its time.
    """

    def __init__(
        self, simulation: Simulation, master: Operator, annex: Operator | None, laptops: list[Host]
    ) -> None:
        self._simulation = simulation
        self._operators = [master] if annex is None else [master, annex]
        self._master = master
        self._server = master.host
        self._laptops = laptops
        self._masters_at = master.host.name
        self._others = [*laptops, *(operator.host for operator in self._operators[1:])]
        self.counted: Counter[str] = Counter()
        self.healed_at = 0.0
        self._chance = random.Random()

    def strike(self, fault: Fault) -> None:
        """Do ``fault`` now."""
        self._chance = self._simulation.chance(f"fault {fault.number}")
        self._simulation.note("nemesis", "fault {}: {}", fault.number, fault.kind)
        strike: Callable[[], bool] = getattr(self, fault.kind)
        if strike():
            self.counted[fault.kind] += 1

    # ---- processes ----

    def kill_worker(self) -> bool:
        """Send SIGKILL."""
        return self._signal(self._worker(), signal.SIGKILL)

    def stop_worker(self) -> bool:
        """Send SIGSTOP, and SIGCONT after a while, if the process still exists."""
        return self._pause(self._worker())

    def terminate_worker(self) -> bool:
        """Send SIGTERM."""
        return self._signal(self._worker(), signal.SIGTERM)

    def kill_primary(self) -> bool:
        """Send SIGKILL."""
        return self._signal(self._primary(), signal.SIGKILL)

    def kill_primary_and_worker(self) -> bool:
        """Send SIGKILL to both at once."""
        return self._signal(self._worker(), signal.SIGKILL) and self.kill_primary()

    def kill_primary_and_replica(self) -> bool:
        """Send SIGKILL to both at once."""
        return self.kill_replica() and self.kill_primary()

    def stop_primary(self) -> bool:
        """Send SIGSTOP, and SIGCONT after a while, if the process still exists."""
        return self._pause(self._primary())

    def stop_primary_and_kill_worker(self) -> bool:
        """Stop the primary and kill a worker: the next primary finds a death it was not told of."""
        return self._signal(self._worker(), signal.SIGKILL) and self.stop_primary()

    def terminate_primary(self) -> bool:
        """Send SIGTERM: it stops its replicas and workers, and ends."""
        return self._signal(self._primary(), signal.SIGTERM)

    def kill_replica(self) -> bool:
        """Send SIGKILL."""
        return self._signal(self._replica(), signal.SIGKILL)

    def stop_replica(self) -> bool:
        """Send SIGSTOP, and SIGCONT after a while, if the process still exists."""
        return self._pause(self._replica())

    def terminate_replica(self) -> bool:
        """Send SIGTERM."""
        return self._signal(self._replica(), signal.SIGTERM)

    def kill_front(self) -> bool:
        """Send SIGKILL to an IRC front."""
        return self._signal(self._front(), signal.SIGKILL)

    def stop_front(self) -> bool:
        """Send SIGSTOP, and SIGCONT after a while, if the process still exists."""
        return self._pause(self._front())

    def terminate_front(self) -> bool:
        """Send SIGTERM."""
        return self._signal(self._front(), signal.SIGTERM)

    def kill_front_and_worker(self) -> bool:
        """Send SIGKILL to both at once: the front may be the worker's child."""
        return self._signal(self._front(), signal.SIGKILL) and self.kill_worker()

    def stop_all(self) -> bool:
        """Send SIGSTOP to every process of the cluster, and SIGCONT to each after a while."""
        for process in self._server.living():
            self._pause(process)
        return True

    def step_down(self) -> bool:
        """An operator has the primary hand over."""
        if not self._server.is_up:
            return False
        self._server.start("chatnet", "stepdown")
        return True

    def kill_all(self) -> bool:
        """Send SIGKILL to every process of the cluster."""
        for process in self._server.living():
            process.kill(signal.SIGKILL)
        return True

    def kill_masters(self) -> bool:
        """Send SIGKILL to all masters; the workers are alone until somebody starts one."""
        for process in self._server.living("chat-master"):
            process.kill(signal.SIGKILL)
        return True

    def kill_workers(self) -> bool:
        """Send SIGKILL to all workers on the server."""
        for process in self._server.living("chat-worker"):
            process.kill(signal.SIGKILL)
        return True

    def lose_power(self) -> bool:
        """Cut the power of a machine of the cluster for a while."""
        operator = self._chance.choice(self._operators)
        if not operator.host.is_up:
            return False
        operator.host.power_off()
        return self._until(operator.power_on)

    def start_second_master(self) -> bool:
        """Somebody starts another master by hand."""
        if not self._server.is_up:
            return False
        self._server.start("chat-master")
        return True

    def depose_primary(self) -> bool:
        """Stop the primary, and let its disk forget who holds the lease, as a disk on a network may; a
        replica takes the lease. The first primary continues, and finds out. In the end somebody sees it, and
        kills it."""
        first = self._primary()
        # A master that is deposed before it has begun to command cannot find out.
        if not _commands(first) or not self._signal(first, signal.SIGSTOP):
            return False
        self._server.disk.forget_locks()
        hangs = self._chance.uniform(SHORTEST_REIGN, LONGEST_FAULT)
        reigns = hangs + self._chance.uniform(SHORTEST_REIGN, OPERATOR_SECONDS[1])
        self._after(hangs, lambda: self._signal(first, signal.SIGCONT))
        return self._after(reigns, lambda: self._signal(first, signal.SIGKILL))

    def slow_start(self) -> bool:
        """Make programs take long to start."""
        server = self._server
        server.slow_start = self._chance.uniform(2, 20)
        return self._until(lambda: setattr(server, "slow_start", 1.0))

    # ---- the network ----

    def cut_link(self) -> bool:
        """Cut the link between the server and another machine, in both directions."""
        server, other = self._server, self._chance.choice(self._others)
        self._simulation.network.cut(server, other)
        return self._until(lambda: self._simulation.network.heal(server, other))

    def cut_annex(self) -> bool:
        """Cut the link between the server and the annex, for so long that the workers there fall behind."""
        if len(self._operators) < 2:
            return False
        network, annex = self._simulation.network, self._operators[1].host
        network.cut(self._server, annex)
        seconds = self._chance.uniform(LONGEST_FAULT / 2, LONGEST_FAULT)
        return self._after(seconds, lambda: network.heal(self._server, annex))

    def cut_one_way(self) -> bool:
        """Cut a link in one direction only."""
        ends = [self._server, self._chance.choice(self._others)]
        self._chance.shuffle(ends)
        source, target = ends
        self._simulation.network.cut(source, target, both=False)
        return self._until(lambda: self._simulation.network.heal(source, target, both=False))

    def slow_link(self) -> bool:
        """Slow the link between the server and another machine, in both directions."""
        other = self._chance.choice(self._others)
        network, slow = self._simulation.network, self._chance.uniform(2, SLOWEST)
        ways = [network.link(self._server, other), network.link(other, self._server)]
        for way in ways:
            way.slow = slow

        def heal() -> None:
            for way in ways:
                way.slow = 1.0

        return self._until(heal)

    def reset_connection(self) -> bool:
        """Reset a connection between any two processes."""
        connections = self._simulation.network.connections()
        if not connections:
            return False
        connection = self._chance.choice(connections)
        self._simulation.note("network", "{} is reset", str(connection))
        connection.reset()
        return True

    def forget_connection(self) -> bool:
        """Make something between its ends forget a connection: each end finds the other silent."""
        connections = self._simulation.network.connections()
        if not connections:
            return False
        connection = self._chance.choice(connections)
        self._simulation.note("network", "{} is forgotten", str(connection))
        connection.forget()
        return True

    # ---- disks, clocks, laptops ----

    def fill_disk(self) -> bool:
        """Fill the server's disk for a while."""
        disk = self._server.disk
        disk.room = self._chance.randrange(20_000)
        self._simulation.note("nemesis", "{} bytes of room are left", disk.room)
        return self._until(lambda: setattr(disk, "room", None))

    def slow_disk(self) -> bool:
        """Make each sync take long."""
        disk = self._server.disk
        disk.sync_seconds = self._chance.uniform(0.01, 0.5)
        return self._until(lambda: setattr(disk, "sync_seconds", 0.0))

    def step_clock(self) -> bool:
        """Step a wall clock, as a person would."""
        host = self._chance.choice([self._server, *self._others])
        host.clock.step(self._chance.uniform(-LONGEST_STEP, LONGEST_STEP))
        return True

    def sleep_laptop(self) -> bool:
        """Let some users close their laptop."""
        return self._suspend(self._chance.choice(self._laptops))

    def suspend_machine(self) -> bool:
        """Suspend a machine of the cluster, with everything that runs on it, for a while."""
        return self._suspend(self._chance.choice(self._operators).host)

    # ---- strangers ----

    def hostile_client(self) -> bool:
        """Start a hostile client, which does what everybody can do who knows where the cluster is."""
        seconds = min(LONGEST_FAULT, self._chance.expovariate(0.3))
        tactic = self._chance.choice(TACTICS)
        stranger = self._simulation.host(STRANGER)
        stranger.start("hostile", self._masters_at, tactic, str(seconds))
        return self._after(seconds, lambda: None)

    def squat(self) -> bool:
        """Kill the primary; a stranger on its machine takes its port before the next primary does."""
        primary = self._primary()
        if primary is None or primary.is_dead or primary.host.living(squatter.SQUATTER):
            return False  # a squatter replays what it saw: a second one on the port would take that as true
        seconds = min(LONGEST_FAULT, self._chance.expovariate(0.3))
        primary.host.start(squatter.SQUATTER, self._chance.choice(squatter.TACTICS), str(seconds))
        self._after(squatter.LURK_SECONDS / 2, lambda: self._signal(primary, signal.SIGKILL))
        return self._after(squatter.LURK_SECONDS + seconds, lambda: None)

    def relay(self) -> bool:
        """Put a relay between two machines with encrypted links: whoever dials the one from the other reaches
        the relay, and through it the other end. All connections between them are reset."""
        stranger = self._simulation.host(STRANGER)
        if not self._simulation.is_encrypted or stranger.living(RELAY):
            return False
        target, source = self._server, self._chance.choice(self._others)
        network, process = self._simulation.network, stranger.start(RELAY)

        def heal() -> None:
            network.divert_no_more(source, target)
            process.kill(signal.SIGKILL)

        self._after(RELAY_SECONDS, lambda: network.divert(source, target, stranger, PORT))
        return self._after(RELAY_SECONDS + min(LONGEST_FAULT, self._chance.expovariate(0.3)), heal)

    # ---- how ----

    def _primary(self) -> SimProcess | None:
        return self._master.primary

    def _worker(self) -> SimProcess | None:
        workers = [worker for operator in self._operators for worker in operator.host.living("chat-worker")]
        return self._chance.choice(workers) if workers else None

    def _front(self) -> SimProcess | None:
        fronts = [front for operator in self._operators for front in operator.host.living("chat-front")]
        return self._chance.choice(fronts) if fronts else None

    def _replica(self) -> SimProcess | None:
        replicas = [one for one in self._server.living("chat-master") if one is not self._primary()]
        return self._chance.choice(replicas) if replicas else None

    def _signal(self, process: SimProcess | None, number: int) -> bool:
        if process is None or process.is_dead:
            return False
        process.kill(number)
        return True

    def _pause(self, process: SimProcess | None) -> bool:
        if not self._signal(process, signal.SIGSTOP):
            return False
        return self._after(self._chance.uniform(*STOP_SECONDS), lambda: self._signal(process, signal.SIGCONT))

    def _suspend(self, host: Host) -> bool:
        if host.is_asleep or not host.is_up:
            return False
        host.sleep()
        return self._until(host.awake)

    def _until(self, heal: Callable[[], object]) -> bool:
        return self._after(min(LONGEST_FAULT, self._chance.expovariate(0.5)), heal)

    def _after(self, seconds: float, heal: Callable[[], object]) -> bool:
        self.healed_at = max(self.healed_at, self._simulation.now + seconds)
        self._simulation.later(seconds, heal)
        return True


KINDS = (
    "kill_worker",
    "stop_worker",
    "terminate_worker",
    "kill_primary",
    "kill_primary_and_worker",
    "kill_primary_and_replica",
    "stop_primary",
    "stop_primary_and_kill_worker",
    "terminate_primary",
    "kill_replica",
    "stop_replica",
    "terminate_replica",
    "stop_all",
    "step_down",
    "kill_all",
    "kill_masters",
    "kill_workers",
    "lose_power",
    "start_second_master",
    "depose_primary",
    "slow_start",
    "cut_link",
    "cut_one_way",
    "slow_link",
    "reset_connection",
    "forget_connection",
    "fill_disk",
    "slow_disk",
    "step_clock",
    "sleep_laptop",
    "suspend_machine",
    "hostile_client",
    "squat",
    "relay",
)
"""All kinds of faults that are drawn where none are chosen."""
OF_FRONTS = ("kill_front", "stop_front", "terminate_front", "kill_front_and_worker")
"""Those that are drawn, too, where there are IRC fronts."""


def _commands(master: SimProcess | None) -> bool:
    return getattr(getattr(master, "service", None), "_primary", None) is not None


def plan(
    chance: random.Random, count: int, start: float, seconds: float, kinds: tuple[str, ...] = KINDS
) -> list[Fault]:
    """Return ``count`` faults from ``start`` on, within ``seconds``. Each seed prefers some kinds. Pure."""
    weights = [chance.random() ** 3 for _ in kinds]
    times = sorted(start + chance.random() * seconds for _ in range(count))
    return [Fault(number, time, chance.choices(kinds, weights)[0]) for number, time in enumerate(times, 1)]
