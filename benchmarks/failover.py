"""``python -m benchmarks.failover [--kills N] [KIND …]``: how long users wait when processes die.

One cluster of real processes (a primary, two replicas, three workers), and fifty users in one process
(``rigs.talkers``), who together post 200 times a second, on time whatever happens, and each follow four
others. Round after round, each kind has its turn: kill or stop a process, wait until the cluster is whole,
and until the log has grown by a second's posts. What each user sent and received is recorded, with times of
the clock that all processes of the machine share; at the end the checker judges it, with the final log.
*Whole* means three masters and three workers in the status, with living pids, and all users' sessions.

**What is measured.** A kill's time is taken just before the signal is sent; if all processes are killed, just
before the operator starts a master again. A kill *touches* a post that was made before the cluster was whole
again, and was not acknowledged (or not received by that reader) at the kill. Its wait counts from its making
or from the kill, whichever is later. Two figures are kept of each kill:

- ``acknowledged``: the longest wait of any touched post of any client until its author is told that it is
  durable;
- ``received``: the longest wait of any touched post until any one of its readers has it.

So each figure is that of the slowest post of the unluckiest client, including retries, the reading of what
was missed, and the noise of the machine; nothing is averaged within a kill. p50 and p99 are over the kills:
of thirty, the 99th percentile is the worst. A kind in which nothing is killed shows the noise alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import plot
from benchmarks.processes import exit_on_sigterm, scratch
from benchmarks.table import aligned, percentile
from chatnet.addresses import parse_masters
from chatnet.auth import Token
from chatnet.testing import history
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import Acknowledged, Event, Sent, Took
from chatnet.wire.cluster import CHAT
from chatnet.wire.operate import ClusterStatus
from rigs.chaos import final_log
from rigs.processes import Cluster, Lines, NotInTime, kill_marked, send, wait_until
from rigs.status import ask_status

USERS, RATE, FOLLOW = 50, 200, 4
WORKERS, MASTERS = 3, 3
SECONDS = 60.0
"""Seconds that anything may take: to start, to become whole, to settle."""


class Struck(NamedTuple):
    """The time from which waits count, and the pids that must be gone before the cluster is whole again."""

    at: float
    pids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Span:
    """One kill: the time from which waits count, and when the cluster was whole again. Monotonic seconds."""

    killed: float
    whole: float


@dataclass
class Waits:
    """The figures of one kind, in seconds, one for each kill."""

    acknowledged: list[float]
    received: list[float]


@dataclass(frozen=True)
class Kind:
    """A way to hurt a cluster, done by ``strike``.

    ``figure`` is the one to which the aims ``limit`` (for p99) and ``median`` (for p50) apply, in seconds.
    """

    name: str
    title: str
    strike: Callable[[Run], Struck]
    figure: str = "received"
    limit: float | None = None
    median: float | None = None


class Run:
    """A cluster and its users, for as long as the ``with`` lasts; ``workers``: how many it has, with the
    fronts."""

    users, workers = USERS, WORKERS
    options: Sequence[str] = ("--irc", "none")

    def __init__(self, root: Path) -> None:
        self._root = root
        self._cluster = Cluster(root, *self.options)
        self._output = (root / "master.log").open("ab")

    def __enter__(self) -> Run:
        try:
            self._cluster.launch(self._output)
            token = self._cluster.data / "cluster.token"
            wait_until("a token", token.exists)
            self._token = Token(bytes.fromhex(token.read_text()))
            self.whole(users=0)
            self._talkers = self._start_talkers()
            self._lines = Lines(self._talkers)
            self._lines.find("ready", SECONDS)
            self.calm()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.close()
        self._output.close()

    def _start_talkers(self) -> subprocess.Popen[bytes]:
        return self._cluster.popen(
            "python", "-m", "rigs.talkers", "--master", self._cluster.address,
            "--users", str(USERS), "--rate", str(RATE), "--follow", str(FOLLOW),
            "--history", "history", "--log", "talkers.log", "--mark", self._cluster.mark,
            stdin=subprocess.PIPE,
        )  # fmt: skip

    # ---- looking ----

    def status(self) -> ClusterStatus | None:
        """Return the primary's status; None while nobody answers."""
        return ask_status(parse_masters(self._cluster.address)[0], self._token, patience=1.0)

    def whole(self, gone: Sequence[int] = (), users: int | None = None) -> ClusterStatus:
        """Wait until there are as many processes as there should be, with all ``users`` on the workers.

        All are alive, and none is one of those that must be ``gone``: a signal takes a moment to kill.

        :raises NotInTime: this took longer than a minute.
        """
        least = self.users if users is None else users

        def is_whole() -> ClusterStatus | None:
            status = self.status()
            if status is None or (len(status.masters), len(status.workers)) != (MASTERS, self.workers):
                return None
            pids = [one.pid for one in status.masters] + [one.pid for one in status.workers]
            sessions = sum(worker.sessions for worker in status.workers)
            alive = all(map(runs, pids)) and not set(pids) & set(gone)
            return status if alive and sessions >= least else None

        try:
            status: ClusterStatus = wait_until("the cluster is whole", is_whole, SECONDS)
        except NotInTime as late:
            raise NotInTime(f"{late}; the status is {self.status()}") from late
        return status

    def calm(self) -> None:
        """Wait until a second's posts are in the log."""
        head = self.whole().head
        wait_until("posts go on", lambda: (self.status() or self.whole()).head >= head + RATE, SECONDS)

    # ---- striking ----

    def nothing(self) -> Struck:
        """Do no harm, for a second."""
        now = time.monotonic()
        self.calm()
        return Struck(now)

    def primary(self, number: int) -> Struck:
        """Send the primary a signal."""
        return _signal(self.whole().masters[0].pid, number)

    def worker(self, number: int) -> Struck:
        """Send a signal to the worker with the most sessions; to none that is a front."""
        workers = [worker for worker in self.whole().workers if worker.serves == CHAT]
        return _signal(max(workers, key=lambda worker: worker.sessions).pid, number)

    def everybody(self) -> Struck:
        """Kill all processes except the users', and start a master again, as an operator would by hand."""
        wait_until("all dead", lambda: not kill_marked(self._cluster.mark, but=self._talkers.pid))
        now = time.monotonic()
        self._cluster.launch(self._output)
        return Struck(now)

    # ---- the end ----

    def finish(self) -> Talk:
        """Let everything be sent and read, and stop; return what was recorded."""
        self._tell("hush")
        self._lines.find("settled", 2 * SECONDS)
        self._tell("end")
        self._talkers.wait(SECONDS)
        self._cluster.kill_everything()
        return self._recorded()

    def _recorded(self) -> Talk:
        events = history.read((self._root / "history").read_bytes().splitlines(keepends=True))
        log = final_log(self._cluster.data / "log.sqlite", self._root / "copy")
        return talk(events, check(Evidence(events, log)))

    def _tell(self, word: str) -> None:
        assert self._talkers.stdin is not None
        self._talkers.stdin.write(f"{word}\n".encode())
        self._talkers.stdin.flush()


def _signal(pid: int, number: int) -> Struck:
    now = time.monotonic()
    send(pid, number)
    return Struck(now, (pid,))


def runs(pid: int) -> bool:
    """Return whether this process lives and is not stopped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZTX"


class Talk(NamedTuple):
    """What was said: how many posts; when each that was acknowledged was made and told; when each that was
    received was made and read; and which promises were broken."""

    posts: int
    told: Sequence[tuple[float, float]]
    read: Sequence[tuple[float, float]]
    broken: Sequence[str] = ()

    def waits(self, spans: Sequence[Span]) -> Waits:
        """Return the waits of each span."""
        return Waits(_longest(self.told, spans), _longest(self.read, spans))


def talk(events: Iterable[Event], broken: Sequence[str] = ()) -> Talk:
    """Return what was said, from the recorded history. Pure.

    If a client has a post from before it was lost, and gets it again, the first time counts.
    """
    made: dict[bytes, float] = {}
    told: list[tuple[float, float]] = []
    read: list[tuple[float, float]] = []
    for event in events:
        match event:
            case Sent(kind="post"):
                made[event.key] = event.time
            case Acknowledged() if event.key in made:
                told.append((made[event.key], event.time))
            case Took() if event.entry.key in made:
                read.append((made[event.entry.key], event.time))
    return Talk(len(made), told, read, broken)


def _longest(posts: Sequence[tuple[float, float]], spans: Sequence[Span]) -> list[float]:
    """Return for each span the longest wait of a post that it touched; posts are (made, done)."""
    return [
        max(
            (
                done - max(made, span.killed)
                for made, done in posts
                if made <= span.whole and done > span.killed
            )
        )
        for span in spans
    ]


KINDS = (
    Kind("nothing", "nothing is killed", Run.nothing),
    Kind(
        "primary", "the primary is killed", lambda run: run.primary(signal.SIGKILL), "acknowledged", 0.5, 0.2
    ),
    Kind("worker", "a worker is killed", lambda run: run.worker(signal.SIGKILL), "received", 1.0),
    Kind(
        "stop-primary", "the primary is stopped", lambda run: run.primary(signal.SIGSTOP), "acknowledged", 5.0
    ),
    Kind("stop-worker", "a worker is stopped", lambda run: run.worker(signal.SIGSTOP), "received", 5.0),
    Kind("all", "all are killed, and started by hand", Run.everybody, "acknowledged", 5.0),
)


def suffer(
    kinds: Sequence[Kind], rounds: int, users: type[Run] = Run
) -> tuple[list[Waits], int, Sequence[str]]:
    """Run each kind in turn; return its figures, the number of all posts, and the broken promises."""
    spans: dict[str, list[Span]] = {kind.name: [] for kind in kinds}
    with scratch() as root, users(root) as run:
        for number in range(1, rounds + 1):
            for kind in kinds:
                struck = kind.strike(run)
                run.whole(struck.pids)
                span = Span(struck.at, time.monotonic())
                spans[kind.name].append(span)
                run.calm()
                _say(f"{number}/{rounds} {kind.title}: whole after {span.whole - span.killed:.2f} s")
        found = run.finish()
    return [found.waits(spans[kind.name]) for kind in kinds], found.posts, found.broken


# ---- output ----


def row(kind: Kind, waits: Waits) -> tuple[str, ...]:
    """Return the kind's line of the table."""
    return kind.title, seconds(waits.acknowledged), seconds(waits.received), aim(kind, waits)


HEADINGS = ("what happens", "acknowledged, p50 / p99", "received, p50 / p99", "aim")


def seconds(waits: Sequence[float]) -> str:
    """Return p50 and p99."""
    return f"{percentile(waits, 0.5):.2f} / {percentile(waits, 0.99):.2f} s"


def aim(kind: Kind, waits: Waits) -> str:
    """Return the aim, and whether it was reached."""
    if kind.limit is None:
        return ""
    found: list[float] = getattr(waits, kind.figure)
    reached = percentile(found, 0.99) < kind.limit
    median = "" if kind.median is None else f"p50 < {kind.median:g} s, "
    if kind.median is not None:
        reached &= percentile(found, 0.5) < kind.median
    return f"{kind.figure}: {median}p99 < {kind.limit:g} s{'' if reached else ' (missed)'}"


def draw(found: Sequence[tuple[Kind, Waits]], kills: int) -> str:
    """Return the picture of the distributions."""
    strips = [
        plot.Strip(kind.title, name, getattr(waits, name), kind.limit if kind.figure == name else None)
        for kind, waits in found
        for name in ("acknowledged", "received")
    ]
    return plot.svg(
        f"The longest wait of any post, {kills} times each",
        f"{USERS} users who post {RATE} times a second; primary, 2 replicas and 3 workers on one machine",
        strips,
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> int:
    """Measure, print the table, draw the picture; return exit status 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.failover", description="Measure failover.")
    parser.add_argument("--kills", type=int, default=30, help="how many of each kind")
    parser.add_argument("--picture", type=Path, help="the file to draw the distributions to")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(kind.name for kind in KINDS))
    chosen = parser.parse_args()
    if unknown := set(chosen.kinds) - {kind.name for kind in KINDS}:
        parser.error(f"there is no kind {', '.join(sorted(unknown))}")
    exit_on_sigterm()
    kinds = [kind for kind in KINDS if not chosen.kinds or kind.name in chosen.kinds]
    waits, posts, violations = suffer(kinds, chosen.kills)
    found = list(zip(kinds, waits, strict=True))
    print(aligned([HEADINGS, *(row(kind, figures) for kind, figures in found)]))
    print(f"Load average of the last 15 minutes: {os.getloadavg()[2]:.2f} on {os.cpu_count()} cores.")
    if chosen.picture is not None:
        chosen.picture.write_text(draw(found, chosen.kills))
    for violation in violations:
        print(f"BROKEN  {violation}")
    if not violations:
        print(f"Of {posts:,} posts none was lost, repeated or reordered.")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
