"""Honest users beside an attack: a real cluster, people who talk on it, and whether they notice anything.

They post at a steady rate, and others come and log in, on connections of their own. First nobody disturbs
them: so it is known what this machine adds today. Then comes the attack, which is the test's; and a while
after it. What is more than the bounds, in any few seconds, is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from chatnet.entries import Entry
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.worker.session_lines import LINES
from rigs import impact as felt
from rigs.conversation import Conversation
from rigs.impact import Wait
from rigs.processes import Cluster, NotInTime, wait_until
from rigs.vitals import LOOK_SECONDS, Logs, Vitals, Waiting

POST_SECONDS, LOGIN_SECONDS = 0.05, 0.5
"""So long a post may take until it is acknowledged, and until each reader has it; and a login."""
UNTOLD_SECONDS = 0.05
"""What a machine whose processors are all busy adds to either, beyond what can be told of it. A server that
stands still for half a second is still noticed."""
USERS, FOLLOW, RATE, VISITORS = 12, 4, 40.0, 4.0
"""So many users, each of whom follows some; their posts a second; and visitors a second, who log in."""
QUIET_SECONDS, AFTER_SECONDS = 3.0, 2.0
"""How long they are looked at before an attack, and at once after it."""
SLICE_SECONDS = 5.0
"""What is felt is judged by slices of so long."""
SHARE = 0.98
"""How many of the posts of a slice must be in time. A worker that stands still for half a second makes more
than the others late."""
QUIET_MOST = 0.1
"""How many seconds are allowed at most for what the quiet showed."""
GROWN_BYTES, GROWN_DESCRIPTORS, GROWN_THREADS = 32 * 1024 * 1024, 8, 12
"""By how much a process may have grown after an attack. Pools start their threads as they are needed."""
LOG_BYTES, LOG_RATE = 64 * 1024 + 3 * 5 * LINES * 200, 2 * 1024
"""By how many bytes all logs together may grow by an attack, and by how many more a second. Most of it is
what three workers say of sessions in a minute, in lines of five kinds."""
REST_SECONDS = 30.0
"""How long the cluster may take to let go of an attack's connections."""


@dataclass(frozen=True)
class Phase:
    """From ``began`` to ``ended``, in monotonic seconds."""

    name: str
    began: float
    ended: float

    def slices(self) -> Iterator[Phase]:
        """In pieces, none of them much shorter than a slice unless all of it is."""
        count = max(1, int((self.ended - self.began) / SLICE_SECONDS))
        step = (self.ended - self.began) / count
        for number in range(count):
            began = self.began + number * step
            yield Phase(f"{self.name}, {began - self.began:.0f} s on", began, began + step)

    def has(self, wait: Wait) -> bool:
        """Did it begin here?"""
        return self.began <= wait.since < self.ended


class Beside:
    """The users of ``cluster``, and the cluster while they are there. ``read_log`` reads the final log."""

    def __init__(self, cluster: Cluster, read_log: Callable[[], list[Entry]]) -> None:
        self.cluster = cluster
        self.violations: list[str] = []
        self._read_log = read_log
        self._quiet: Phase | None = None

    def start(self) -> None:
        """Start the cluster and the users, and look at them for a while."""
        cluster = self.cluster
        with (cluster.root / "master.log").open("wb") as output:
            cluster.launch(output)
        cluster.workers(3)
        cluster.masters(3)
        self.pids = cluster.alive()
        self._logs = self._written()
        options = (
            "--master", cluster.address, "--users", str(USERS), "--follow", str(FOLLOW), "--rate", str(RATE),
            "--visitors", str(VISITORS),
        )  # fmt: skip
        self._conversation = Conversation(cluster.popen_talking, cluster.root, *options, mark=cluster.mark)
        self._waiting = Waiting(lambda: self._together)
        self._together = cluster.alive()
        self._waiting.start()
        self._quiet = self._lasting("before", QUIET_SECONDS)

    @property
    def master(self) -> int:
        """The master's port."""
        return self.cluster.port

    def workers(self) -> list[int]:
        """The workers' ports."""
        return [int(worker["address"].rpartition(":")[2]) for worker in self.cluster.workers(3)]

    @contextmanager
    def attacked(self, name: str = "the attack") -> Iterator[None]:
        """Around an attack. What the users felt, and what became of the processes, is in ``violations`` then.

        :raises AssertionError: there are any.
        """
        before = {pid: Vitals.of(pid) for pid in self.pids}
        logs = self._written()
        began = time.monotonic()
        yield
        attack = Phase(name, began, time.monotonic())
        after = self._lasting("after it", AFTER_SECONDS)
        self.violations += self._felt([attack, after])
        self.violations += self._died()
        self.violations += self._grown(before)
        most = LOG_BYTES + LOG_RATE * (attack.ended - attack.began)
        if logs.grown() > most:
            self.violations.append(f"the logs grew by {logs.grown():,} bytes, and may by {most:,.0f}")
        self.violations += logs.complaints()
        self.raise_violations()

    def raise_violations(self) -> None:
        """:raises AssertionError: something was noticed."""
        assert not self.violations, "\n".join(self.violations[:20])

    def forget(self) -> None:
        """What was noticed so far was meant: it is not said again."""
        self.violations.clear()
        self.pids = [pid for pid in self.pids if pid in self.cluster.alive()]
        self._logs = self._written()

    def close(self) -> None:
        """The users go home. Every promise was kept to them, and nothing unexpected was logged.

        :raises AssertionError: or not.
        """
        self._waiting.stop()
        try:
            self._conversation.settle()
        except NotInTime as late:
            self.violations.append(str(late))
        self.violations += self._died()
        evidence = Evidence(self._conversation.history(), self._read_log(), not self.violations, alone=False)
        self.violations += check(evidence)
        self.violations += self._logs.complaints()
        self.raise_violations()

    # ---- what was felt ----

    def _lasting(self, name: str, seconds: float) -> Phase:
        began = time.monotonic()
        wait_until(f"{name}: {seconds} s", lambda: time.monotonic() > began + seconds, seconds + 30)
        return Phase(name, began, time.monotonic())

    def _felt(self, phases: Iterable[Phase]) -> Iterator[str]:
        assert self._quiet is not None
        try:
            self._conversation.wait_until_answered()
        except NotInTime as late:
            yield str(late)
        events = self._conversation.history()
        for what, waits, bound, share in (
            ("post", list(felt.posts(events)), POST_SECONDS, SHARE),
            ("login", list(felt.logins(events)), LOGIN_SECONDS, 1.0),
        ):
            usual = min(QUIET_MOST, self._worst(waits, self._quiet, share))
            for part in (part for phase in phases for part in phase.slices()):
                worst = self._worst(waits, part, share)
                if worst > bound + usual + UNTOLD_SECONDS:
                    yield (
                        f"{part.name}: a {what} took {worst:.3f} s; it may {bound} s, and before it took "
                        f"{usual:.3f} s (of {sum(map(part.has, waits))})"
                    )

    def _worst(self, waits: Sequence[Wait], phase: Phase, share: float) -> float:
        """The longest wait of that ``share`` of those of the phase that were the shortest, without what the
        machine added."""
        found = sorted(self._own(wait) for wait in waits if phase.has(wait))
        return found[min(len(found) - 1, int(len(found) * share))] if found else 0.0

    def _own(self, wait: Wait) -> float:
        machine = self._waiting.between(wait.since, wait.since + wait.seconds)
        # When a wait was is only known to within two looks: it may have been beside what it explains.
        return max(0.0, wait.seconds - machine - min(machine, 2 * LOOK_SECONDS))

    # ---- what became of processes ----

    def _written(self) -> Logs:
        return Logs(self.cluster.root, "master.log", "data/log/*.log")

    def _died(self) -> Iterator[str]:
        alive = set(self.cluster.alive())
        for pid in self.pids:
            if pid not in alive:
                yield f"process {pid} of the cluster is gone"

    def _grown(self, before: dict[int, Vitals]) -> list[str]:
        try:
            wait_until("the cluster is at rest", lambda: not self._too_large(before), REST_SECONDS)
        except NotInTime:
            return self._too_large(before)
        return []

    def _too_large(self, before: dict[int, Vitals]) -> list[str]:
        return [how for pid, vitals in before.items() for how in _growth(pid, vitals)]


def _growth(pid: int, before: Vitals) -> Iterator[str]:
    try:
        now = Vitals.of(pid)
    except OSError:
        return  # that it is gone is said
    for what, grown, most in (
        ("bytes of memory", now.resident - before.resident, GROWN_BYTES),
        ("descriptors", now.descriptors - before.descriptors, GROWN_DESCRIPTORS),
        ("threads", now.threads - before.threads, GROWN_THREADS),
    ):
        if grown > most:
            yield f"process {pid} has {grown:,} more {what} than before, and may have {most:,}"
