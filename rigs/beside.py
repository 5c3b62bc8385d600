"""Honest users during an attack: a real cluster, people who talk on it, and whether they notice anything.

They post at a steady rate, and others come and log in, each on their own connection. First there is no
attack: so the delays of this machine today are known. Then comes the attack, which the test brings; and some
time after it. Whatever exceeds the limits, in any few seconds, is reported.
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
"""Seconds that a post may take to be acknowledged, and to reach each reader; and seconds for a login."""
UNTOLD_SECONDS = 0.05
"""Seconds that a machine with busy processors adds to either, beyond what can be measured. A server that
stands still for half a second is still noticed."""
USERS, FOLLOW, RATE, VISITORS = 12, 4, 40.0, 4.0
"""How many users there are; how many others each follows; posts a second; logins of visitors a second."""
QUIET_SECONDS, AFTER_SECONDS = 3.0, 2.0
"""Seconds for which they are watched before an attack, and right after it."""
SLICE_SECONDS = 5.0
"""The length of the slices of time by which the waits are judged, in seconds."""
SHARE = 0.98
"""The share of posts in a slice that must be in time. A worker that stands still for half a second makes more
than the rest late."""
QUIET_MOST = 0.1
"""How many seconds, at most, are allowed for what the quiet phase showed."""
GROWN_BYTES, GROWN_DESCRIPTORS, GROWN_THREADS = 32 * 1024 * 1024, 8, 12
"""By how much a process may have grown after an attack. Pools start threads when they need them."""
LOG_BYTES, LOG_RATE = 64 * 1024 + 3 * 5 * LINES * 200, 2 * 1024
"""By how many bytes all logs together may grow through an attack, and by how many a second. Most of it is
what three workers log about sessions in a minute, in five kinds of lines."""
REST_SECONDS = 30.0
"""Seconds that the cluster may take to drop an attack's connections."""


@dataclass(frozen=True)
class Phase:
    """The time from ``began`` to ``ended``, in monotonic seconds."""

    name: str
    began: float
    ended: float

    def slices(self) -> Iterator[Phase]:
        """Yield its pieces, none much shorter than a slice unless the phase itself is."""
        count = max(1, int((self.ended - self.began) / SLICE_SECONDS))
        step = (self.ended - self.began) / count
        for number in range(count):
            began = self.began + number * step
            yield Phase(f"{self.name}, {began - self.began:.0f} s on", began, began + step)

    def has(self, wait: Wait) -> bool:
        """Return whether the wait began here."""
        return self.began <= wait.since < self.ended


class Beside:
    """The users of ``cluster``, and the cluster while they are there. ``read_log`` reads the final log."""

    def __init__(self, cluster: Cluster, read_log: Callable[[], list[Entry]]) -> None:
        self.cluster = cluster
        self.violations: list[str] = []
        self._read_log = read_log
        self._quiet: Phase | None = None

    def start(self) -> None:
        """Start the cluster and the users, and watch them for a while."""
        cluster = self.cluster
        cluster.start_logged(cluster.root / "master.log")
        cluster.masters(3)
        self.pids = cluster.alive()
        self._logs = self._written()
        options = ("--follow", str(FOLLOW), "--visitors", str(VISITORS))
        self._conversation = Conversation.on(cluster, USERS, RATE, *options)
        self._waiting = Waiting(lambda: self._together)
        self._together = cluster.alive()
        self._waiting.start()
        self._quiet = self._lasting("before", QUIET_SECONDS)

    @property
    def watchers(self) -> int:
        """The pid of those that watch the machine itself."""
        return self._waiting.watchers

    @property
    def master(self) -> int:
        """The master's port."""
        return self.cluster.port

    @property
    def web(self) -> int:
        """The port of the page, which an option of the cluster names."""
        return self._named("--web")

    @property
    def irc(self) -> int:
        """The port for IRC, which an option of the cluster names."""
        return self._named("--irc")

    def _named(self, option: str) -> int:
        options = self.cluster.options
        return int(options[options.index(option) + 1].rpartition(":")[2])

    def workers(self) -> list[int]:
        """The workers' ports."""
        return [int(worker["address"].rpartition(":")[2]) for worker in self.cluster.workers(3)]

    @contextmanager
    def attacked(self, name: str = "the attack") -> Iterator[None]:
        """Wrap an attack. What the users felt, and what happened to the processes, is then in ``violations``.

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
        """Drop what was noticed so far: it was intended."""
        self.violations.clear()
        self.pids = [pid for pid in self.pids if pid in self.cluster.alive()]
        self._logs = self._written()

    def close(self) -> None:
        """Let the users leave. Every promise to them was kept, and nothing unexpected was logged.

        :raises AssertionError: that is not true.
        """
        self.look_no_more()
        try:
            self._conversation.settle()
        except NotInTime as late:
            self.violations.append(str(late))
        self.violations += self._died()
        evidence = Evidence(self._conversation.history(), self._read_log(), not self.violations, alone=False)
        self.violations += check(evidence)
        self.violations += self._logs.complaints()
        self.raise_violations()

    def look_no_more(self) -> None:
        """Stop measuring, whatever has happened."""
        self._waiting.stop()

    # ---- what the users felt ----

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
                        f"{usual:.3f} s (of {sum(map(part.has, waits))}); the machine took "
                        f"{self._waiting.between(part.began, part.ended):.3f} s in all"
                    )

    def _worst(self, waits: Sequence[Wait], phase: Phase, share: float) -> float:
        """Return the longest wait of the ``share`` of the phase's waits that were the shortest, without what
        the machine added."""
        found = sorted(self._own(wait) for wait in waits if phase.has(wait))
        return found[min(len(found) - 1, int(len(found) * share))] if found else 0.0

    def _own(self, wait: Wait) -> float:
        machine = self._waiting.between(wait.since, wait.since + wait.seconds)
        # A wait's time is known only to within two looks: its cause may be just outside of it.
        return max(0.0, wait.seconds - machine - min(machine, 2 * LOOK_SECONDS))

    # ---- what happened to processes ----

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
        return  # its loss is reported
    for what, grown, most in (
        ("bytes of memory", now.resident - before.resident, GROWN_BYTES),
        ("descriptors", now.descriptors - before.descriptors, GROWN_DESCRIPTORS),
        ("threads", now.threads - before.threads, GROWN_THREADS),
    ):
        if grown > most:
            yield f"process {pid} has {grown:,} more {what} than before, and may have {most:,}"
