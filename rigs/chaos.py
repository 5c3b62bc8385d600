"""``python -m rigs.chaos --kills N``: a real cluster, real users, real SIGKILL and SIGSTOP.

One process of users (see talkers) keeps talking, whatever happens to the cluster; the checker judges what
they saw, with the final log. Nothing that was started remains, whatever happens.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from chatnet.entries import Entry
from chatnet.kinds import SAID
from chatnet.reads import PageOf
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite.schema import set_up_reader
from chatnet.testing import history
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import LoggedIn, Sent, Took
from rigs.processes import Cluster, Lines, NotInTime, runs, send, wait_until

WORKERS = 3
PAUSE_SECONDS, LONGEST_PAUSE = 1.5, 6.0
"""Seconds between two faults, on average and at most: some strike while others are being repaired."""
STOP_SECONDS = (1.0, 5.0)
"""Seconds after which a stopped process continues: between these. After three, others take it for dead."""
WHOLE_SECONDS = 60.0
"""Seconds after the last fault within which everything must be whole again."""
TRACEBACK = "Traceback (most recent call last)"

Say = Callable[[str], object]


@dataclass
class Verdict:
    """The result: good if there are no ``violations``. Times are in seconds."""

    violations: list[str]
    struck: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    whole_after: float = 0.0
    posts: int = 0
    deliveries: int = 0
    resumed: int = 0

    def __str__(self) -> str:
        kills = self.struck.total()
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.struck.items()))
        return (
            f"{kills} faults ({kinds}), {self.seconds / max(1, kills):.2f} s each; "
            f"whole {self.whole_after:.1f} s after the last. "
            f"{self.posts:,} posts, {self.deliveries:,} deliveries, {self.resumed:,} logins by ticket."
        )


class Nemesis:
    """Kills and stops processes of ``cluster``, but not ``talkers``; also the operator, who repairs."""

    KINDS = {
        "kill a worker": 4,
        "kill the primary": 3,
        "kill a replica": 2,
        "kill the primary and another": 2,
        "kill all masters": 1,
        "kill all workers": 1,
        "kill all": 1,
        "stop a worker": 3,
        "stop the primary": 2,
        "stop a replica": 2,
        "stop the primary and kill a worker": 2,
    }
    """What it does, and with which weight."""

    def __init__(self, cluster: Cluster, talkers: int, chance: random.Random, say: Say) -> None:
        self._cluster = cluster
        self._talkers = talkers
        self._chance = chance
        self._say = say
        self._output = (cluster.root / "master.log").open("ab")
        self._stopped: dict[int, float] = {}
        self._unseen = list(self.KINDS)
        chance.shuffle(self._unseen)
        self.struck: Counter[str] = Counter()

    def strike(self) -> None:
        """Do one thing, if there is a process to do it to, and let some time pass."""
        kind = self._kind()
        killed, stopped = self._victims(kind)
        for pid in killed:
            send(pid, signal.SIGKILL)
        for pid in stopped:
            self._stopped[pid] = time.monotonic() + self._chance.uniform(*STOP_SECONDS)
            send(pid, signal.SIGSTOP)
        victims = killed + stopped
        if not victims:
            self.mended()  # until there are some again
            return
        self.struck[kind] += 1
        self._say(f"{kind}: {', '.join(map(str, victims))}")
        end = time.monotonic() + min(LONGEST_PAUSE, self._chance.expovariate(1 / PAUSE_SECONDS))
        wait_until("the pause is over", lambda: self.mended() and time.monotonic() > end)

    def mended(self) -> bool:
        """Continue those stopped long enough; start a master if all are dead. Returns true: it is done."""
        due = [pid for pid, end in self._stopped.items() if end < time.monotonic()]
        for pid in due:
            del self._stopped[pid]
            if pid in self._cluster.alive():  # not another process that has this pid now
                send(pid, signal.SIGCONT)
        if not self._masters():
            self._say(f"the operator starts a master: pid {self._cluster.launch(self._output).pid}")
        return True

    def heal(self) -> None:
        """Continue the last stopped processes."""
        wait_until("all go on", lambda: self.mended() and not self._stopped)

    def close(self) -> None:
        """Close the file for the masters' output."""
        self._output.close()

    def _kind(self) -> str:
        """Return a kind that has not been used yet; after that, a random one."""
        unseen = [kind for kind in self._unseen if not self.struck[kind]]
        return unseen[0] if unseen else self._chance.choices(list(self.KINDS), list(self.KINDS.values()))[0]

    def _victims(self, kind: str) -> tuple[list[int], list[int]]:
        """Return the pids to kill, and those to stop."""
        primary = self._cluster.primary()
        masters = self._masters()
        replicas = [pid for pid in masters if pid != primary]
        workers = [pid for pid in self._cluster.alive() if pid not in (*masters, self._talkers)]
        if "the primary" in kind and not (primary and workers):
            return [], []
        leader = [primary]
        worker, replica = self._any(workers), self._any(replicas)
        victims: dict[str, tuple[list[int], list[int]]] = {
            "kill a worker": (worker, []),
            "kill the primary": (leader, []),
            "kill a replica": (replica, []),
            "kill the primary and another": (leader + self._any(replicas + workers), []),
            "kill all masters": (masters, []),
            "kill all workers": (workers, []),
            "kill all": (masters + workers, []),
            "stop a worker": ([], worker),
            "stop the primary": ([], leader),
            "stop a replica": ([], replica),
            "stop the primary and kill a worker": (worker, leader),
        }
        return victims[kind]

    def _any(self, pids: list[int]) -> list[int]:
        """Return one of them, if there are any."""
        return [self._chance.choice(pids)] if pids else []

    def _masters(self) -> list[int]:
        return [pid for pid in self._cluster.alive() if runs(pid, "chat-master")]


class Chaos:
    """One run: ``users`` who make ``rate`` posts a second, and ``kills`` faults drawn from ``seed``."""

    def __init__(self, cluster: Cluster, users: int, rate: float, kills: int, seed: int, say: Say) -> None:
        self._cluster = cluster
        self._kills = kills
        self._say = say
        self._history = cluster.root / "history"
        self._log = cluster.root / "talkers.log"
        self._seed = seed
        self._violations: list[str] = []
        self._options = ("--users", str(users), "--rate", str(rate))

    def run(self) -> Verdict:
        """Do the whole run. Nothing is left running."""
        self._cluster.root.mkdir(parents=True, exist_ok=True)
        try:
            return self._run()
        finally:
            self._cluster.close()

    def _run(self) -> Verdict:
        talkers = self._start_talkers()
        nemesis = Nemesis(self._cluster, talkers.pid, random.Random(self._seed), self._say)
        try:
            nemesis.mended()
            lines = Lines(talkers)
            lines.find("ready", WHOLE_SECONDS)
            began = time.monotonic()
            while nemesis.struck.total() < self._kills:
                nemesis.strike()
            nemesis.heal()
            verdict = Verdict(self._violations, nemesis.struck, time.monotonic() - began)
            verdict.whole_after = self._until_whole(talkers, lines)
        finally:
            nemesis.close()
        self._stop(talkers)
        self._judge(verdict)
        return verdict

    # ---- the users ----

    def _start_talkers(self) -> subprocess.Popen[bytes]:
        return self._cluster.popen(
            "python", "-m", "rigs.talkers", "--master", self._cluster.address, *self._options,
            "--history", str(self._history), "--log", str(self._log), "--mark", self._cluster.mark,
            stdin=subprocess.PIPE,
        )  # fmt: skip

    def _until_whole(self, talkers: subprocess.Popen[bytes], lines: Lines) -> float:
        """Return how long it takes until everything is answered and read, with as many workers as before."""
        began = time.monotonic()
        _tell(talkers, "hush")
        try:
            lines.find("settled", WHOLE_SECONDS)
            self._cluster.workers(WORKERS, WHOLE_SECONDS)
            self._cluster.masters(deadline=WHOLE_SECONDS)
        except NotInTime as late:
            _tell(talkers, "lacking")
            self._violations.append(f"whole: {late}; {lines.find('lacking: .*')}")
        return time.monotonic() - began

    # ---- the end ----

    def _stop(self, talkers: subprocess.Popen[bytes]) -> None:
        """Let the users leave, and stop the cluster as an operator would."""
        _tell(talkers, "end")
        talkers.wait(WHOLE_SECONDS)
        where = ("--master", self._cluster.address, "--data", str(self._cluster.data))
        status, said = self._cluster.run("chatnet", "stop", *where)
        if status:
            self._violations.append(f"stopping: {said}")
        try:
            wait_until("no process left", lambda: not self._cluster.alive())
        except NotInTime as late:
            self._violations.append(f"stopping: {late}")

    def _judge(self, verdict: Verdict) -> None:
        events = history.read(self._history.read_bytes().splitlines(keepends=True))
        log = final_log(self._cluster.data / "log.sqlite", self._cluster.root / "copy")
        settled = not self._violations
        self._violations += check(Evidence(events, log, settled))
        logs = [self._log, self._cluster.root / "master.log", *(self._cluster.data / "log").glob("*.log")]
        self._violations += (f"errors: see {path}" for path in logs if TRACEBACK in path.read_text())
        verdict.posts = sum(isinstance(event, Sent) and event.kind in SAID for event in events)
        verdict.deliveries = sum(isinstance(event, Took) for event in events)
        verdict.resumed = sum(isinstance(event, LoggedIn) and event.how == "resumed" for event in events)


def _tell(talkers: subprocess.Popen[bytes], word: str) -> None:
    assert talkers.stdin is not None
    talkers.stdin.write(f"{word}\n".encode())
    talkers.stdin.flush()


def final_log(store: Path, directory: Path) -> list[Entry]:
    """Return all entries of a copy of ``store``, made in ``directory``, with the reads of the primary."""
    directory.mkdir()
    for path in store.parent.glob(f"{store.name}*"):
        shutil.copy(path, directory)
    connection = apsw.Connection(str(directory / store.name))
    try:
        set_up_reader(connection)
        entries: list[Entry] = []
        while page := sqlite_reads.answer(connection, PageOf(len(entries))):
            entries += page
        return entries
    finally:
        connection.close()


def _exit(*_: object) -> None:
    sys.exit(143)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m rigs.chaos", description="Kill real processes.")
    parser.add_argument("--kills", type=int, default=200, help="how many faults")
    parser.add_argument("--users", type=int, default=12, help="how many users")
    parser.add_argument("--rate", type=float, default=30.0, help="posts a second, of all together")
    parser.add_argument("--seed", type=int, default=None, help="what the faults are drawn from")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _exit)
    seed = random.SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    root = Path(tempfile.mkdtemp(prefix="chatnet-chaos-"))
    print(f"Seed {seed}; all is in {root}", flush=True)
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:8.2f}  {what}", flush=True)

    verdict = Chaos(Cluster(root), chosen.users, chosen.rate, chosen.kills, seed, say).run()
    print(verdict)
    return conclude(verdict.violations, root, "The history, the store and the logs")


def conclude(violations: Sequence[str], root: Path, what: str) -> int:
    """Say which promises were broken; return the exit status. If any was, ``root`` with ``what`` is kept."""
    for violation in violations:
        print(f"BROKEN  {violation}")
    if violations:
        print(f"{what} are kept in {root}")
        return 1
    print("All promises were kept.")
    shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
