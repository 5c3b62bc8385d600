"""One process of recorded users who talk to each other, on the real reactor, while others kill the cluster.

``python -m rigs.talkers --help`` lists its options. It prints ``ready`` once each user has joined all others
(``--follow``: that many of them) and reads; then it posts at a steady rate. On its standard input it is told
to ``hush``: then it stops posting, and prints ``settled`` as soon as everything posted is acknowledged and
has been read by all. Told ``lacking``, it says who is not settled; told ``end``, it ends. If its input ends
before that, the process that started it is dead: then it kills all that have the cluster's mark.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater, react
from twisted.logger import Logger, globalLogBeginner, textFileLogObserver
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from chatnet.addresses import Address, parse_masters
from chatnet.client.identity import config_directory
from chatnet.client.known_masters import KnownMasters
from chatnet.client.trust import Trust
from chatnet.kinds import SAID
from chatnet.testing import history
from chatnet.testing.history import Acknowledged, Event, Sent
from chatnet.testing.recorded import Recorder
from chatnet.testing.user import User
from chatnet.world import World
from chatnet.world.real import real_world
from rigs.processes import kill_marked

LOOK_SECONDS = 0.05
"""Seconds between two checks whether something has come true."""
GUESTS = 6
"""How many visitors there are: they come again and again."""

TOPIC = "#numbers"
"""Some posts name it, and some are said in it. Where all follow all, all are in it, so that all hear all;
elsewhere every second user."""


class Talkers:
    """Users by the given names; together they make ``rate`` posts a second. ``say`` prints a line.

    Each follows the ``follow`` users after them in the list. While they post, ``newcomers`` others a second
    come for the first time, and ``visitors`` a second come again, with their ticket and with their secret in
    turns; all of these leave as soon as they are logged in.
    """

    def __init__(
        self,
        world: World,
        masters: Sequence[Address],
        names: Sequence[str],
        rate: float,
        follow: int,
        newcomers: float,
        visitors: float,
        keep: Callable[[Event], object],
        say: Callable[[str], object],
    ) -> None:
        self._world = world
        directory = config_directory(world.environ)
        self._trust = Trust(world.tls, KnownMasters(world.files, directory, world.reactor))
        self._rate = rate
        self._follow = follow
        self._masters = masters
        self._newcomers = newcomers
        self._visitors = visitors
        self._visits: list[Deferred[None]] = []
        self._keep = keep
        self._say = say
        self._posts: dict[bytes, None] = {}
        self._newest = 0
        self._words: list[str] = []
        self.users = [self._user(name) for name in names]

    def tell(self, word: str) -> None:
        """Obey ``hush`` or ``end``; or ``lacking``: say who is not settled."""
        self._words.append(word)
        if word == "lacking":
            self._say(f"lacking: {self._lacking()}")

    async def talk(self) -> None:
        """Do everything, until told to end."""
        for user in self.users:
            user.start()
        await self._until(lambda: all(user.is_connected for user in self.users))
        for number in range(GUESTS if self._visitors else 0):
            await self._visit(f"guest{number}")
        for place, user in enumerate(self.users):
            for step in range(1, self._follow + 1):
                user.join(self._next(place, step).name)
            if self._is_in_topic(place):
                user.join(TOPIC)
            user.chat()
        await self._until(self._is_settled)
        self._say("ready")
        coming = [
            Deferred.fromCoroutine(self._let_come(self._newcomers, self._newcomer)),
            Deferred.fromCoroutine(self._let_come(self._visitors, self._visitor)),
        ]
        await self._post_until_hushed()
        await gatherResults(coming)
        await gatherResults(self._visits)
        await self._until(lambda: all(not user.waiting for user in self.users))
        # A mention reaches all, so that all have something to read after the last post.
        self.users[0].post("that is all " + " ".join(f"@{user.name}" for user in self.users))
        await self._until(self._is_settled)
        self._say("settled")
        await self._until(lambda: "end" in self._words)
        for user in self.users:
            await user.stop()

    async def _post_until_hushed(self) -> None:
        """Make each post when it is due, whatever happened to those before it."""
        began, number = self._world.monotonic(), 0
        while "hush" not in self._words:
            author, other = self._next(number, 0), self._next(number, 1)
            # Mentions and topics are heard at several places at once, and still only once.
            text = f"number {number}" + ("", f" @{other.name}", f" {TOPIC}")[number % 3]
            said_there = number % 4 == 0 and self._is_in_topic(number % len(self.users))
            author.post(text, TOPIC if said_there else None)
            number += 1
            due = began + number / self._rate
            await deferLater(self._world.reactor, max(0.0, due - self._world.monotonic()))

    async def _let_come(self, rate: float, come: Callable[[int], Deferred[None]]) -> None:
        number = 0
        while rate and "hush" not in self._words:
            self._visits.append(come(number))
            number += 1
            await deferLater(self._world.reactor, 1 / rate)

    def _newcomer(self, number: int) -> Deferred[None]:
        return Deferred.fromCoroutine(self._visit(f"new{number}"))

    def _visitor(self, number: int) -> Deferred[None]:
        turn, guest = divmod(number, GUESTS)
        return Deferred.fromCoroutine(self._visit(f"guest{guest}", number + 2, (turn + guest) % 2 == 0))

    async def _visit(self, name: str, run: int = 1, keeps_ticket: bool = True) -> None:
        user = self._user(name, run, keeps_ticket)
        user.start()
        await self._until(lambda: user.is_connected or user.has_given_up)
        await user.stop()

    def _user(self, name: str, run: int = 1, keeps_ticket: bool = True) -> User:
        record = Recorder(f"{name}/{run}", self._kept, self._world.monotonic)
        return User(name, self._masters, self._world, record, keeps_ticket, self._trust)

    def _is_in_topic(self, place: int) -> bool:
        return self._follow >= len(self.users) - 1 or place % 2 == 0

    def _next(self, place: int, step: int) -> User:
        return self.users[(place + step) % len(self.users)]

    async def _until(self, true: Callable[[], object]) -> None:
        while not true():
            await deferLater(self._world.reactor, LOOK_SECONDS)

    def _is_settled(self) -> bool:
        return not self._lacking()

    def _lacking(self) -> str:
        """Return who is not settled, and why."""
        return "; ".join(filter(None, map(self._lacks, self.users)))

    def _lacks(self, user: User) -> str:
        if not user.is_connected:
            return f"{user.name} is not connected"
        if user.waiting:
            return f"{user.name} waits for {user.waiting} answers"
        if user.cursor is None or user.cursor < self._newest:
            return f"{user.name} has read up to {user.cursor} of {self._newest}"
        return ""

    def _kept(self, event: Event) -> None:
        self._keep(event)
        match event:
            case Sent() if event.kind in SAID:
                self._posts[event.key] = None
            case Acknowledged() if event.key in self._posts:
                self._newest = max(self._newest, event.seq)


class Commands(LineOnlyReceiver):
    """The standard input. ``abandoned`` is called when it ends before ``end`` was said."""

    delimiter = b"\n"

    def __init__(self, talkers: Talkers, abandoned: Callable[[], None]) -> None:
        self._talkers = talkers
        self._abandoned = abandoned
        self._is_over = False

    def lineReceived(self, line: bytes) -> None:
        self._is_over = line == b"end"
        self._talkers.tell(line.decode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._is_over:
            self._abandoned()


def _end_all(mark: str) -> None:
    while kill_marked(mark, but=os.getpid()):
        pass
    os._exit(1)


def _say(line: str) -> None:
    print(line, flush=True)


async def _main(world: World, chosen: argparse.Namespace, lines: BinaryIO) -> None:
    def keep(event: Event) -> None:
        lines.write(history.line(event))

    names = [f"user{number}" for number in range(chosen.users)]
    follow = chosen.users - 1 if chosen.follow is None else chosen.follow
    coming = (chosen.newcomers, chosen.visitors)
    talkers = Talkers(world, parse_masters(chosen.master), names, chosen.rate, follow, *coming, keep, _say)
    StandardIO(Commands(talkers, lambda: _end_all(chosen.mark)), reactor=world.reactor)
    try:
        await talkers.talk()
    except Exception:
        Logger().failure("The talkers fell silent")
        raise


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m rigs.talkers", description=__doc__)
    parser.add_argument("--master", required=True, help="the master's address")
    parser.add_argument("--users", type=int, default=12, help="how many there are")
    parser.add_argument("--rate", type=float, default=30.0, help="posts a second, of all together")
    parser.add_argument("--follow", type=int, help="how many others each follows; without it, all")
    parser.add_argument("--newcomers", type=float, default=0.0, help="how many others come a second")
    parser.add_argument("--visitors", type=float, default=0.0, help="how many others come again a second")
    parser.add_argument("--history", type=Path, required=True, help="the file to record to")
    parser.add_argument("--log", type=Path, required=True, help="the file for what goes wrong")
    parser.add_argument("--mark", required=True, help="NAME=VALUE in the environment of what is to be killed")
    chosen = parser.parse_args()
    with chosen.log.open("w") as log, chosen.history.open("wb", buffering=0) as lines:
        globalLogBeginner.beginLoggingTo([textFileLogObserver(log)], redirectStandardIO=False)
        world = real_world()
        react(lambda _: Deferred.fromCoroutine(_main(world, chosen, lines)), (), _reactor=world.reactor)


if __name__ == "__main__":
    main()
