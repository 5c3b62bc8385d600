"""``python -m browser.kills --kills N``: people at browsers and at terminals, and a bot, on one cluster.

Meanwhile processes are killed and stopped (see rigs.chaos), and tabs right after something was said in
them. The checker judges.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from browser.people import WHOLE_SECONDS, Person, mentions, settle, verdict
from browser.stage import browser
from e2e.programs import OVER, Follower, Program
from msgspec.structs import replace
from playwright.sync_api import Browser

from chatnet.entries import Entry
from chatnet.keys import key_text
from chatnet.testing.history import Acknowledged, ChatBegun, Event, LoggedIn, Sent, Started, Took
from rigs.chaos import TRACEBACK, Nemesis, conclude, final_log
from rigs.conversation import Conversation
from rigs.processes import Cluster, free_port, wait_until

TERMINALS, RATE = 4, 4.0
"""How many people are at terminals, and how many posts a second they make together."""
BOT_SECONDS, TAB_SECONDS = 1.0, 15.0
"""Seconds between two posts of the bot, and between two deaths of tabs."""
NAMES = ("alice", "bob", "carol")


class Robot:
    """A program that posts by HTTP, and follows its stream; ``spoken`` is what it recorded of its posts."""

    NAME = "robot"
    CLIENT = f"{NAME}/1"

    def __init__(self, port: int, mentioned: str) -> None:
        self._program = Program(port, self.NAME)
        self._began = time.monotonic()
        self._mentioned = mentioned
        self._is_over = threading.Event()
        self.follower = Follower(self._program)
        self.follower.start()
        wait_until("the robot hears", lambda: self.follower.told)
        self.spoken: list[Event] = []

    def talk(self) -> None:
        """Post until it is over."""
        number = 0
        while not self._is_over.wait(BOT_SECONDS):
            self._say(f"robot {number} {self._mentioned}")
            number += 1
        self._say(OVER)

    def end(self) -> None:
        """Stop talking."""
        self._is_over.set()

    def history(self, log: Sequence[Entry]) -> Iterator[Event]:
        """Yield what happened to it, by the final log."""
        at: Any = {"time": self._began, "client": self.CLIENT}
        yield Started(**at)
        yield LoggedIn(**at, how="first", asked=self._began)
        yield from self.spoken
        began, first = self.follower.told[0]
        cursor = int(first["cursor"].partition(".")[0])
        yield ChatBegun(time=began, client=self.CLIENT, reader=1, cursor=cursor, newest=[])
        for when, told in self.follower.told:
            if told["t"] in ("post", "entry"):
                yield Took(time=when, client=self.CLIENT, reader=1, entry=_entry(told[told["t"]], log))

    def _say(self, text: str) -> None:
        key = os.urandom(16)
        sent = Sent(time=time.monotonic(), client=self.CLIENT, key=key, kind="post", room="", text=text)
        self.spoken.append(sent)
        answer = self._program.ask("POST", "/posts", {"text": text}, **{"Idempotency-Key": key_text(key)})
        told = Acknowledged(time=time.monotonic(), client=self.CLIENT, key=key, seq=answer["seq"])
        self.spoken.append(told)


def _entry(told: dict[str, Any], log: Sequence[Entry]) -> Entry:
    """Return what a stream told; what it does not tell is as the log has it."""
    seq = told["seq"]
    there = log[seq - 1] if seq <= len(log) else Entry(seq, 0, "post", "", "", "", b"")
    key = urlsafe_b64decode(f"{told['key']}==")
    named = {name: told[name] for name in ("time", "kind", "user", "room", "text")}
    return replace(there, key=key, **named)


def run(chromium: Browser, cluster: Cluster, port: int, kills: int, seed: int) -> list[str]:
    """Return how promises were broken."""
    chance = random.Random(seed)
    cluster.start_logged(cluster.root / "first.log")
    people = [Person(chromium, f"http://localhost:{port}/", name) for name in NAMES]
    robot = Robot(port, mentions(people, ""))
    conversation = Conversation.on(cluster, TERMINALS, RATE)
    nemesis = Nemesis(cluster, conversation.pid, random.Random(seed), _say)

    is_over = threading.Event()

    def strike() -> None:
        while nemesis.struck.total() < kills and not is_over.is_set():
            nemesis.strike()
        nemesis.heal()

    with ThreadPoolExecutor(2) as threads:
        talking = threads.submit(robot.talk)
        try:
            striking = threads.submit(strike)
            _talk(people, chance, striking.done)
            striking.result()
            settle(people)
        finally:
            is_over.set()
            robot.end()
        talking.result()
    robot.follower.join(WHOLE_SECONDS)
    conversation.settle()
    nemesis.close()
    for person in people:
        person.context.close()
    cluster.kill_everything()
    log = final_log(cluster.data / "log.sqlite", cluster.root / "copy")
    wrong = verdict(people, log, [*conversation.history(), *robot.history(log)])
    logs = [conversation.log, *cluster.root.glob("*.log"), *(cluster.data / "log").glob("*.log")]
    wrong += (f"errors: see {path}" for path in logs if TRACEBACK in path.read_text())
    tabs = sum(len(person.tabs) for person in people)
    _say(f"{nemesis.struck.total()} faults, {len(log)} entries; {tabs} tabs were opened")
    return wrong


def _talk(people: Sequence[Person], chance: random.Random, is_over: Any) -> None:
    """Let people at browsers talk, and now and then kill a tab right after they have said something."""
    names = {person.name: mentions(people, person.name, Robot.NAME) for person in people}
    number, next_death = 0, time.monotonic() + TAB_SECONDS
    while not is_over():
        person = chance.choice(people)
        for _ in range(chance.choice((1, 1, 3))):
            person.tab.say(f"{names[person.name]} {number}")
            number += 1
        if time.monotonic() > next_death:
            person.tab.kill()
            _say(f"kill the tab {person.tab.client}")
            person.open()
            next_death = time.monotonic() + TAB_SECONDS
        person.tab.page.wait_for_timeout(chance.uniform(100, 900))


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {what}", flush=True)


def main() -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m browser.kills", description="Kill what pages are of.")
    parser.add_argument("--kills", type=int, default=200, help="how many faults")
    parser.add_argument("--seed", type=int, default=None, help="what the faults are drawn from")
    chosen = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    root = Path(tempfile.mkdtemp(prefix="chatnet-kills-"))
    _say(f"Seed {seed}; all is in {root}")
    port = free_port()
    cluster = Cluster(root, "--web", f"127.0.0.1:{port}")
    try:
        with browser() as chromium:
            wrong = run(chromium, cluster, port, chosen.kills, seed)
    finally:
        cluster.close()
    return conclude(wrong, root, "The store and the logs")


if __name__ == "__main__":
    sys.exit(main())
