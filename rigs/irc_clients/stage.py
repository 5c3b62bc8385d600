"""All clients on one cluster: they talk while processes are killed; then what they have heard is judged."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from chatnet.kinds import SAID
from rigs.chaos import TRACEBACK, final_log
from rigs.irc_clients.client import TOPIC, Client, Speaker
from rigs.irc_clients.terminal import Attended
from rigs.irc_clients.transcript import Heard
from rigs.irc_clients.verdict import begins, wrongs
from rigs.processes import Cluster, NotInTime, free_port, send, wait_until
from rigs.sockets import Connection, other_end

LOOK_SECONDS = 0.01
"""Seconds between two looks at what clients write down: so exactly is it known when."""
STEP_SECONDS = 0.1
"""Seconds between two posts at the terminals, one of which talks all the time."""
TALK_STEPS, PING_STEPS, JOIN_STEPS = 3, 12, 10
"""After so many of them each client says something, bots are asked, and who is not in the topic joins."""
ROUND_STEPS, STRIKE_STEP = 20, 5
"""How many of them a round has, and in which one processes are killed."""
READ_BACK = 3
"""So many posts, and one more, are read back."""
MOST_HEARD = 2000
"""More than these are not heard in a round."""
WAIT_SECONDS = 60.0
"""Seconds until all must be there, or be back. When they come back is up to them: sopel waits for twenty."""

LATE_TIMES = 2
"""A client is late that waits for so many times as long as others."""

PING, PONG = "!ping", "pong"
_CONTROL = "replica killed"


class LostConnection(AssertionError):
    """A client lost its connection, though its front lives; what it said then may be lost, too."""


@dataclass
class Round:
    """What was said while something happened, and when. ``is_felt`` by clients: they come, or lose their
    connection. ``waits``: how long each waited for what was said at the terminals, and these for what each
    client said; in seconds."""

    kind: str
    is_felt: bool
    said: dict[str, float] = field(default_factory=dict)
    waits: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, speakers: Iterable[Speaker], terminals: Sequence[Speaker]) -> None:
        """Note how long all waited."""
        at_terminals = {one.name for one in terminals}
        self.waits = {one.name: [] for one in speakers}
        for one in speakers:
            lines = [line for line in one.heard[-MOST_HEARD:] if line.text in self.said]
            for line in lines:
                if line.author in at_terminals:
                    self._note(one.name, line)
                elif one.name in at_terminals:
                    self._note(line.author, line)

    def _note(self, name: str, line: Heard) -> None:
        self.waits.setdefault(name, []).append(line.at - self.said[line.text])

    def longest(self, name: str) -> float:
        """The longest wait of somebody."""
        return max(self.waits.get(name, []), default=0.0)

    def __str__(self) -> str:
        longest = ", ".join(f"{name} {self.longest(name):.2f}" for name in self.waits)
        return f"{self.kind}: {len(self.said)} posts" + (longest and f"; longest waits (s): {longest}")


class Stage:
    """Clients of these ``kinds`` on a cluster of their own, under ``root``. Rounds are told by ``say``."""

    def __init__(self, root: Path, kinds: Sequence[type[Client]], say: Callable[[str], object]) -> None:
        port = free_port()
        self.cluster = Cluster(root, "--irc", f"localhost:{port}", "--workers", "2", "--replicas", "1")
        self.cluster.root.mkdir(parents=True)
        self.clients = [kind(self.cluster, port) for kind in kinds]
        self.rounds: list[Round] = []
        self._tell = say
        self._speakers: list[Speaker] = []
        self._said: list[str] = []
        self._wrong: list[str] = []
        self._unanswered: set[tuple[str, str]] = set()
        self._losses = 0
        self._is_over = threading.Event()

    @contextmanager
    def open(self) -> Iterator[Self]:
        """Start everything, and wait until all hear each other; end it."""
        try:
            with (self.cluster.root / "master.log").open("wb") as log:
                self.cluster.launch(log)
            self._arrive()
            yield self
        finally:
            self._is_over.set()
            self.cluster.close()

    def connections(self) -> dict[str, Connection | None]:
        """Return the TCP connection of each client."""
        return {client.name: client.connection() for client in self.clients}

    def kill(self, *kinds: str) -> Round:
        """Kill a ``worker``, the ``primary``, a ``replica``, or several at once, while all talk.

        :raises LostConnection: a client felt it.
        """
        workers = [worker["pid"] for worker in self.cluster.workers(2)]
        primary, replica = [master["pid"] for master in self.cluster.masters(2)]
        victims = {"worker": workers[len(self.rounds) % 2], "primary": primary, "replica": replica}
        before = self.connections()
        this = self._begin(f"{' and '.join(kinds)} killed")
        for step in range(ROUND_STEPS):
            if step == STRIKE_STEP:
                for kind in kinds:
                    send(victims[kind], signal.SIGKILL)
            self._step(step, self.clients)
        self._check_connections(this, before)
        self._end(self.clients)
        self._check_connections(this, before)
        return this

    def kill_fronts(self) -> Round:
        """Kill both fronts, one after the other, while others talk: all clients come back. Those of the
        second feel nothing of the first one's death."""
        this = self._begin("fronts killed", is_felt=True)
        fronts = [front["pid"] for front in self.cluster.workers(2, serves="irc")]
        before = self.connections()
        at = {name: other_end(fronts, one.local, one.remote) for name, one in before.items() if one}
        for front in fronts:
            theirs = {name for name in at if at[name] == front}
            os.kill(front, signal.SIGKILL)
            self._talk_until("its clients feel it", partial(self._all_changed, theirs, before))
            if front == fronts[0]:
                felt = self._changed(before) - theirs
                self._wrong += (f"{this.kind}: {name}, at the other, lost its connection" for name in felt)
        self._ask_who_is_away()
        now = len(self._said)

        def all_are_back() -> bool:
            fresh = set(self._said[now:])
            heard = (any(one.text in fresh for one in client.heard[-20:]) for client in self.clients)
            return all(heard) and None not in self.connections().values()

        self._talk_until("all are back", all_are_back)
        self._losses += len(fronts)
        self._end([])
        self._wrong += (
            f"{this.kind}: {name} did not feel it" for name in set(before) - self._changed(before)
        )
        return this

    def read_back(self) -> None:
        """Let each client that is no bot ask for what was said last, and get it, in this order."""
        self._begin("read back", is_felt=True)
        asked = [self._say(self._writer) for _ in range(READ_BACK)]
        self._end([])
        for client in self.clients:
            if not client.IS_BOT:
                self._read_back(client, [(self._writer.name, text) for text in (*asked, self._said[-1])])

    def _read_back(self, client: Client, asked: list[tuple[str, str]]) -> None:
        whole = len(client.heard) + len(asked)
        client.quote(f"CHATHISTORY LATEST {TOPIC} * {len(asked)}")
        wait_until(f"{client.name} reads", lambda: len(client.heard) >= whole, WAIT_SECONDS)
        read = [(line.author, line.text) for line in client.heard[-len(asked) :]]
        if read != asked:
            self._wrong.append(f"{client.name} read {read}, and not {asked}")
        # What was asked for is no part of what was told.
        client.transcript.heard[-len(asked) :] = []

    def judge(self) -> list[str]:
        """End the cluster; return what was wrong, by its log and by what each has heard."""
        self._is_over.set()
        self.cluster.kill_everything()
        log = final_log(self.cluster.data / "log.sqlite", self.cluster.root / "copy")
        there = [entry for entry in log if entry.room == TOPIC]
        joins = {entry.user: entry.seq for entry in reversed(there) if entry.kind == "join"}
        posts = {(entry.user, entry.text): entry.seq for entry in there if entry.kind in SAID}
        wrong = list(self._wrong)
        said = Counter((entry.user, entry.text) for entry in there if entry.kind in SAID)
        wrong += (f"said {count} times: {post}" for post, count in said.items() if count > 1)
        texts = {text for _, text in posts}
        wrong += (f"not in the log: {text}" for text in self._said if text not in texts)
        wrong += (f"answered from before it came: {post}" for post in self._unanswered & set(posts))
        wrong += self._late()
        for one in self._speakers:
            others = {post: seq for post, seq in posts.items() if post[0] != one.name}
            losses, first = 0, set[int]()
            if isinstance(one, Client):
                losses = self._losses
                # With those before the join if it has server-time, which is up to its version.
                first = {begins(joins[one.name], list(others.values()), sees) for sees in (True, False)}
            wrong += (f"{one.name}: {what}" for what in wrongs(one.heard, list(others), losses, first))
        logs = [self.cluster.root / "master.log", *(self.cluster.data / "log").glob("*.log")]
        wrong += (f"errors: see {path}" for path in logs if TRACEBACK in path.read_text())
        return wrong

    def _late(self) -> Iterator[str]:
        """Yield who waited longer for a post than the terminals in that round, and anybody while a replica
        was replaced: nobody feels its death, and the machine is as busy with it."""
        quiet = [one for one in self.rounds if one.kind == _CONTROL]
        load = max((one.longest(name) for one in quiet for name in one.waits), default=0.0)
        for one in self.rounds:
            terminals = max(one.longest(name) for name in (self._writer.name, self._listener.name))
            for name in (client.name for client in self.clients if not one.is_felt):
                if one.longest(name) > LATE_TIMES * (terminals + load):
                    yield f"{name} waited {one.longest(name):.2f} s: {one}"

    # ---- the course of a round ----

    def _arrive(self) -> None:
        self.cluster.workers(2)
        self.cluster.workers(2, serves="irc")
        self._writer, self._listener = (Attended(self.cluster, name) for name in ("writer", "listener"))
        self._speakers += [self._writer, self._listener]
        threading.Thread(target=self._look, daemon=True).start()
        this = self._begin("all come", is_felt=True)
        self._ask_who_is_away()
        for client in self.clients:
            client.start()
            self._speakers.append(client)

        def all_are_there() -> bool:
            missing = [client for client in self.clients if not client.heard]
            if len(this.said) % JOIN_STEPS == 0:
                for client in missing:
                    client.join()
            return not missing

        self._talk_until("all are there", all_are_there)
        self._end([])

    def _look(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            now = time.monotonic()
            for one in list(self._speakers):
                one.look(now)

    def _begin(self, kind: str, is_felt: bool = False) -> Round:
        self.rounds.append(Round(kind, is_felt))
        return self.rounds[-1]

    def _step(self, step: int, clients: Sequence[Client]) -> None:
        """Let somebody at a terminal say something, and now and then these clients; let some time pass."""
        until = time.monotonic() + STEP_SECONDS
        self._say((self._writer, self._listener)[step % 2])
        if step % TALK_STEPS == 0:
            for client in clients:
                if not client.IS_BOT:
                    self._say(client)
        if clients and step % PING_STEPS == 0:
            self._say(self._writer, PING)
        wait_until("the next step", lambda: time.monotonic() > until)

    def _talk_until(self, what: str, true: Callable[[], bool]) -> None:
        """Let those at the terminals talk until it is true."""
        end = time.monotonic() + WAIT_SECONDS
        while not true():
            if time.monotonic() > end:
                heard = {one.name: len(one.heard) for one in self._speakers}
                raise NotInTime(f"{what}: not within {WAIT_SECONDS} s; heard were {heard}")
            self._step(len(self._said), [])

    def _say(self, speaker: Speaker, what: str = "post") -> str:
        text = f"{what} {len(self._said)}"
        self._said.append(text)
        self.rounds[-1].said[text] = time.monotonic()
        speaker.say(text)
        return text

    def _ask_who_is_away(self) -> None:
        """Ask bots that have no connection now: they are not to answer this later."""
        asked = self._say(self._writer, PING)
        self._wait_until_told("it is said", {asked})
        away = [client.name for client in self.clients if client.IS_BOT and client.connection() is None]
        self._unanswered |= {(name, asked.replace(PING, PONG)) for name in away}

    def _end(self, clients: Sequence[Client]) -> None:
        """Wait until all have heard all, and bots among these clients have answered."""
        this = self.rounds[-1]
        asked = [text.replace(PING, PONG) for text in this.said if text.startswith(PING)]
        answers = {(client.name, text) for client in clients if client.IS_BOT for text in asked}

        def all_is_answered() -> bool:
            return answers <= {(one.author, one.text) for one in self._listener.heard}

        self._wait_until_told("all is said", set(this.said))
        wait_until("bots answer", all_is_answered, WAIT_SECONDS)
        last = self._say(self._writer, "end")
        for one in self._speakers:
            if one is not self._writer:
                wait_until(f"{one.name} hears the end", partial(_has_heard, one, last), WAIT_SECONDS)
        this.measure(self._speakers, (self._writer, self._listener))
        self._tell(str(this))

    def _wait_until_told(self, what: str, texts: set[str]) -> None:
        """Wait until one of the terminals has heard each of these: none hears itself."""

        def are_told() -> bool:
            return texts <= {line.text for one in (self._writer, self._listener) for line in one.heard}

        wait_until(what, are_told, WAIT_SECONDS)

    def _check_connections(self, this: Round, before: dict[str, Connection | None]) -> None:
        if lost := self._changed(before):
            raise LostConnection(f"{this.kind}: {', '.join(sorted(lost))} lost the connection")

    def _all_changed(self, names: set[str], before: dict[str, Connection | None]) -> bool:
        return names <= self._changed(before)

    def _changed(self, before: dict[str, Connection | None]) -> set[str]:
        """Return who does not have the same connection any more."""
        now = self.connections()
        return {name for name, connection in before.items() if connection is None or now[name] != connection}


def _has_heard(one: Speaker, text: str) -> bool:
    return any(line.text == text for line in one.heard[-50:])
