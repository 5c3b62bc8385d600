"""``python -m rigs.demo``: two users chat for thirty seconds while processes are killed.

The cluster is a real one, in a directory that is removed afterwards. The verdict at the end is the checker's,
on what the two recorded and the final log; the exit status is 1 if a promise was broken.
"""

from __future__ import annotations

import dataclasses
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.logger import globalLogBeginner, textFileLogObserver

from chatnet.addresses import parse_masters
from chatnet.kinds import SAID
from chatnet.testing.checker import check
from chatnet.testing.evidence import Evidence
from chatnet.testing.history import Acknowledged, Event, LoggedIn, Lost, Sent, Took
from chatnet.testing.recorded import Recorder
from chatnet.testing.user import User
from chatnet.world import World
from chatnet.world.real import real_world
from rigs.chaos import final_log
from rigs.processes import Cluster, NotInTime, send

PAUSE = 1.5
"""Seconds between two lines of the chat: long enough to read along."""
SECONDS = 30.0
"""Seconds that anything may take."""
LOOK_SECONDS = 0.01

BEFORE = ("Hello Bob!", "Hi Alice. Is this thing reliable?", "They say so. Watch.", "I am watching …")
AFTER_WORKER = (
    "Still here. Did I miss anything?",
    "Not a word.",
    "And if the primary dies, which does all the writing?",
    "Let us see.",
)
AFTER_PRIMARY = (
    "Did you notice anything?",
    "No. Did you?",
    "A short pause, if I had typed fast.",
    "So nothing happened.",
    "Good night, Bob.",
    "Good night!",
)


class Stage:
    """Prints what happens, each line with the seconds since the beginning."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours
        self._began = time.monotonic()

    def tell(self, text: str) -> None:
        """Tell that something happened."""
        self._print(text, "2")

    def strike(self, text: str) -> None:
        """Tell that a process is killed."""
        self._print(text, "1;31")

    def say(self, name: str, text: str) -> None:
        """Show a post that was heard."""
        self._print(f"{name:>7}: {text}", "36" if name == "alice" else "33")

    def end(self, text: str, is_well: bool) -> None:
        """Tell the result."""
        self._print(text, "1;32" if is_well else "1;31")

    def _print(self, text: str, colour: str) -> None:
        line = f"{time.monotonic() - self._began:6.2f}  {text}"
        print(f"\x1b[{colour}m{line}\x1b[0m" if self._colours else line, flush=True)


class Demo:
    """The two users, and what is done to their cluster. ``violations`` are the checker's, at the end.

    Between two lines of the chat there is a ``pause``, in seconds.
    """

    def __init__(self, cluster: Cluster, stage: Stage, world: World, pause: float = PAUSE) -> None:
        self._pause = pause
        self._cluster = cluster
        self._stage = stage
        self._world = world
        self._events: list[Event] = []
        self._answered: dict[bytes, float] = {}
        masters = parse_masters(cluster.address)
        self.alice, self.bob = self._users = [
            User(name, masters, world, Recorder(f"{name}/1", self._keep, world.monotonic))
            for name in ("alice", "bob")
        ]
        self.violations: list[str] | None = None

    async def play(self) -> None:
        """Play everything.

        :raises NotInTime: something did not happen at all.
        """
        await self._begin()
        await self._chat(BEFORE)
        await self._kill_worker()
        await self._chat(AFTER_WORKER)
        await self._kill_primary()
        await self._chat(AFTER_PRIMARY)
        await self._until("everything is answered and read", self._is_settled)
        await self._stop()
        self._judge()

    # ---- the chat ----

    async def _begin(self) -> None:
        self._stage.tell(
            "A real cluster starts here: three masters, and three workers to which clients connect."
        )
        with (self._cluster.root / "master.log").open("wb") as output:
            self._cluster.launch(output)
        for user in self._users:
            user.start()
        await self._until("the users are connected", lambda: all(user.is_connected for user in self._users))
        masters, workers = self._cluster.masters(), self._cluster.workers(3)
        primary, standby, working = masters[0]["pid"], _pids(masters[1:]), _pids(workers)
        self._stage.tell(f"Process {primary} is the primary, which commits each post; {standby} stand by.")
        self._stage.tell(f"Processes {working} are the workers. Alice and Bob follow each other.")
        self._stage.tell("Each line that they say is shown when the other one has heard it.")
        self.alice.join("bob")
        self.bob.join("alice")
        for user in self._users:
            user.chat()
        await self._until("they have joined", self._is_settled)

    async def _chat(self, lines: Sequence[str]) -> None:
        """Let the two post in turns."""
        for number, line in enumerate(lines):
            self._users[number % 2].post(line)
            await deferLater(self._world.reactor, self._pause)

    # ---- the kills ----

    async def _kill_worker(self) -> None:
        [worker] = [one for one in self._cluster.workers(3) if one["address"] == self.alice.worker]
        self._stage.strike(f"kill -9 {worker['pid']}: the worker to which Alice is connected")
        await self._strike(worker["pid"], ("Now?", "Now."))

    async def _kill_primary(self) -> None:
        dead, lost = self._cluster.primary(), self._count(Lost)
        self._stage.strike(f"kill -9 {dead}: the primary")
        await self._strike(dead, ("And now?", "Fine here."))
        if self._count(Lost) == lost:
            self._stage.tell("Neither lost the connection.")
        masters = self._cluster.masters()
        self._stage.tell(f"Process {masters[0]['pid']}, which stood by, is primary now.")

    async def _strike(self, pid: int, lines: Sequence[str]) -> None:
        """Kill a process; both users post at once; tell how long it took until both were answered."""
        killed = self._world.monotonic()
        send(pid, signal.SIGKILL)
        keys = []
        for user, line in zip(self._users, lines, strict=True):
            user.post(line)
            keys += [event.key for event in self._events[-1:] if isinstance(event, Sent)]
        await self._until("posts are acknowledged again", lambda: self._answered.keys() >= set(keys))
        await self._until("both have read all", self._is_settled)
        seconds = max(self._answered[key] for key in keys) - killed
        self._stage.tell(
            f"What both said at that moment was acknowledged within {seconds:.2f} s of the kill."
        )

    # ---- the end ----

    async def _stop(self) -> None:
        for user in self._users:
            await user.stop()
        where = ("--master", self._cluster.address, "--data", str(self._cluster.data))
        self._cluster.run("chatnet", "stop", *where)

    def _judge(self) -> None:
        log = final_log(self._cluster.data / "log.sqlite", self._cluster.root / "copy")
        self.violations = check(Evidence(self._events, log))
        for violation in self.violations:
            self._stage.end(f"BROKEN  {violation}", False)
        if not self.violations:
            posts, heard = sum(entry.kind in SAID for entry in log), self._count(Took)
            self._stage.end(
                f"All {posts} posts are in the log, and both heard them: {heard} deliveries.", True
            )
            self._stage.end("Nothing was lost, repeated or reordered, and nobody logged in again.", True)

    # ---- what is known ----

    def _keep(self, event: Event) -> None:
        self._events.append(event)
        match event:
            case Acknowledged():
                self._answered[event.key] = event.time
            case Took() if event.entry.user != event.user:
                self._stage.say(event.entry.user, event.entry.text)
            case Lost():
                self._stage.tell(f"{event.user.title()} lost the connection.")
            case LoggedIn(how="resumed"):
                self._stage.tell(f"{event.user.title()} is back, on another worker.")

    def _count(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in self._events)

    def _is_settled(self) -> bool:
        """Return whether everything is answered, and everybody has read what is known to exist."""
        posts = {event.key for event in self._events if isinstance(event, Sent) and event.kind in SAID}
        acknowledged = (event for event in self._events if isinstance(event, Acknowledged))
        newest = max((event.seq for event in acknowledged if event.key in posts), default=0)
        return all(
            user.is_connected and not user.waiting and user.cursor is not None and user.cursor >= newest
            for user in self._users
        )

    async def _until(self, what: str, true: Callable[[], object]) -> None:
        deadline = self._world.monotonic() + SECONDS
        while not true():
            if self._world.monotonic() > deadline:
                raise NotInTime(f"{what}: not within {SECONDS:g} s")
            await deferLater(self._world.reactor, LOOK_SECONDS)


def _pids(listed: Sequence[dict[str, int]]) -> str:
    *others, last = (str(one["pid"]) for one in listed)
    return f"{', '.join(others)} and {last}"


def main() -> int:
    """Run the program; return 0 if the checker found nothing, 130 if it was interrupted."""
    root = Path(tempfile.mkdtemp(prefix="chatnet-demo-"))
    real = real_world()
    world = dataclasses.replace(real, environ={**real.environ, "XDG_CONFIG_HOME": str(root / "config")})
    cluster = Cluster(root)
    stage = Stage(sys.stdout.isatty())
    demo = Demo(cluster, stage, world)
    try:
        with (root / "users.log").open("w") as log:
            globalLogBeginner.beginLoggingTo([textFileLogObserver(log)], redirectStandardIO=False)
            react(lambda _: Deferred.fromCoroutine(_played(demo, stage)), (), _reactor=world.reactor)
    except SystemExit as ended:
        if ended.code:
            return 1
    finally:
        cluster.close()
        shutil.rmtree(root)
    if demo.violations == []:
        stage.tell("All of it is removed again. “make run” starts a cluster to keep, and says how to chat.")
    if demo.violations is None:
        stage.tell("Interrupted; nothing is left.")
        return 130
    return int(bool(demo.violations))


async def _played(demo: Demo, stage: Stage) -> None:
    try:
        await demo.play()
    except NotInTime as late:
        stage.end(f"BROKEN  {late}", False)
        raise SystemExit(1) from late


if __name__ == "__main__":
    sys.exit(main())
