"""Rows: how long a device takes that is 10,000 posts behind, from its welcome to the newest post: one that
asks by CHATHISTORY; one that has a name, and is sent them by itself; beside InspIRCd, which keeps them in
memory for who joins.

Round after round, somebody says so many in a channel while nobody else is there; then the device comes. Each
post has its number: what comes twice, or in another order, ends the bench.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks import cluster, inspircd, irc_daemons
from benchmarks.irc_clients import Client, Clients
from benchmarks.irc_feed import IrcServer
from benchmarks.processes import TooSlow, scratch
from benchmarks.table import Row, median
from benchmarks.wire import TEXT

ROOM = "#tea"
PAGE = 1000
"""How many posts are asked for at once: as many as there may be."""
BATCH = 200
"""How many lines are said at once."""
SECONDS = 120.0
_ID = re.compile(rb"[@;]msgid=([^; ]+)")


class Speaker(Clients):
    """Says numbered lines in the channel."""

    def __init__(self, server: IrcServer, mode: str = "") -> None:
        super().__init__(server)
        self._ponged = False
        self.said = 0
        [self._client] = self.log_in(["speaker"])
        self._client.say(f"JOIN {ROOM}", *([f"MODE {ROOM} {mode}"] if mode else []))
        self._wait()

    def heard(self, client: Client, words: list[bytes], tags: bytes, now: float) -> None:
        self._ponged |= words[1] == b"PONG"

    def say(self, count: int) -> None:
        """Say so many more, and wait until all are there."""
        until = self.said + count
        while self.said < until:
            some = range(self.said + 1, min(self.said + BATCH, until) + 1)
            self._client.say(*(f"PRIVMSG {ROOM} :{number} {TEXT}" for number in some))
            self.said = some[-1]
            self._wait()

    def _wait(self) -> None:
        self._ponged = False
        self._client.say("PING end")
        self.until(lambda: self._ponged, "the PONG")


class Device(Clients):
    """A client that was away, and reads what it has missed: it is sent that by itself, and is asked by PING
    whether it has it."""

    is_asked = True

    def __init__(self, server: IrcServer, had: int, name: str, capabilities: str = "") -> None:
        if server.password is not None:
            shown = f"reader@{name.split()[-1]}:{server.password('reader')}"
            server = dataclasses.replace(server, password=lambda _: shown)
        super().__init__(server, capabilities)
        self.name = name
        self._waits: list[float] = []
        self._had = self._told = had
        self._read, self._at = 0, 0.0
        self._newest_id = b""
        self._is_new = True
        self._client = self.dial("reader")
        self.until(lambda: bool(self._client.welcomed), "the welcome")
        self._client.say(f"JOIN {ROOM}")
        self.rest(0.5)

    def heard(self, client: Client, words: list[bytes], tags: bytes, now: float) -> None:
        if words[1] != b"PRIVMSG":
            return
        number = int(words[2].partition(b" :")[2].split()[0])
        if number <= self._had and self._is_new:
            return  # it was said before this device was there
        if number != self._had + 1:
            raise TooSlow(f"{self.server.name}, {self.name}: {number} came behind {self._had}")
        self._had, self._at = number, now
        self._read += 1
        if found := _ID.search(tags):
            self._newest_id = found[1]

    def asked(self, client: Client) -> None:
        self._told = self._had

    def leave(self, newest: int) -> None:
        """Read until the newest post, and leave."""
        self.until(lambda: self._had == newest, f"{self.name}: {newest}, behind {self._had},", SECONDS)
        self._is_new = False
        if self.is_asked:
            self.until(lambda: self._told == newest, f"{self.name}: the PING")
        self._client.say("QUIT")
        self.drop(self._client)

    def come(self, newest: int) -> None:
        """Log in, read until the newest post, and leave."""
        self._read = 0
        self._client = self.dial("reader")
        self.leave(newest)
        self._waits.append(self._at - self._client.welcomed)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return median(self._waits)

    def figure(self) -> str:
        """Return what was measured."""
        rate = self._read / self.seconds
        middle, worst = self.seconds * 1e3, max(self._waits) * 1e3
        return f"{middle:,.0f} ms ({self._read:,} lines, {rate:,.0f}/s; worst {worst:,.0f} ms)"


class Asking(Device):
    """Asks for what is behind the last id that it has, page by page."""

    is_asked = False

    def welcomed(self, client: Client) -> None:
        self._ask(client)

    def heard(self, client: Client, words: list[bytes], tags: bytes, now: float) -> None:
        super().heard(client, words, tags, now)
        if words[1] == b"BATCH" and words[2][:1] == b"-" and self._read and self._read % PAGE == 0:
            self._ask(client)

    def _ask(self, client: Client) -> None:
        if self._newest_id:
            client.say(f"CHATHISTORY AFTER {ROOM} msgid={self._newest_id.decode()} {PAGE}")


class Joining(Device):
    """Gets it by joining."""

    is_asked = False

    def welcomed(self, client: Client) -> None:
        client.say(f"JOIN {ROOM}")


def rows(quick: bool) -> Iterator[Row]:
    """Yield the rows."""
    count, rounds = (1000, 1) if quick else (10_000, 5)
    asking = "draft/chathistory batch message-tags server-time"
    yield _row(count, rounds, partial(Asking, name="by CHATHISTORY", capabilities=asking))
    named = partial(Device, name="by the name phone", capabilities="server-time")
    yield _row(count, rounds, named, ["--irc-missed", "0"])


def _row(count: int, rounds: int, kind: Callable[..., Device], options: Sequence[str] = ()) -> Row:
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(scratch())
        running = stack.enter_context(cluster.running(directory, 1, fronts=1, options=options))
        speaker = Speaker(irc_daemons.ours(running))
        turns = [(speaker, kind(speaker.server, speaker.said))]
        if inspircd.program():
            daemon = inspircd.running(directory, inspircd.HISTORY.format(lines=count))
            speaker = Speaker(stack.enter_context(daemon), f"+H {count}:1d")
            turns.append((speaker, Joining(speaker.server, speaker.said, f"{inspircd.NAME}, by JOIN")))
        for speaker, device in turns:
            speaker.say(1)
            device.leave(speaker.said)
        for _ in range(rounds):
            for speaker, device in turns:
                speaker.say(count)
                device.come(speaker.said)
    ours, *theirs = (device for _, device in turns)
    what = f"{count:,} posts behind, {ours.name}, until the newest"
    beside = "; ".join(f"{one.name}: {one.figure()}" for one in theirs)
    return Row(what, ours.figure(), beside, ours.seconds / theirs[0].seconds if theirs else None)
