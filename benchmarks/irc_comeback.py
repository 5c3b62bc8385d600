"""Rows: a front of 3,000 connections is killed: how long until all that come back at once have caught up:
clients that ask by CHATHISTORY; and devices, each with a name, that are sent what they have missed.

Two fronts share the port, with so many connections that chance gives each about 3,000; each is of another
user, in a channel of a hundred, where somebody at a worker says a numbered line each second, without a pause.
Who loses the connection dials within 50 ms, logs in, is told who is in the channel, and asks, if it does, for
what is behind the last id. It has caught up when it has every number that had been said when it was welcomed.
The other front has to take them all, until the dead one is replaced. At the end all have every number. What
does not come ends the bench, and what comes twice: but live and in the history that was asked for; and to a
device, at first, what it had not said yet that it has. The clients are one process on the same processors.
"""

from __future__ import annotations

import contextlib
import dataclasses
import heapq
import itertools
import os
import random
import re
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from benchmarks import cluster, irc_daemons, wire
from benchmarks.irc_clients import Client, Clients
from benchmarks.irc_daemons import secret
from benchmarks.irc_feed import IrcServer
from benchmarks.processes import TooSlow, cpu_seconds, scratch
from benchmarks.sessions import register
from benchmarks.table import Row, median, percentile

CHANNEL_SIZE = 100
SAID_EVERY = 1.0
JITTER_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 10.0
SETTLE_SECONDS = 3.0
PATIENCE_SECONDS = 120.0
PAGE = 1000
ASKING, NAMED = "by CHATHISTORY", "by the name of a device"
CAPABILITIES = {ASKING: "draft/chathistory batch message-tags server-time", NAMED: "server-time"}
_ID = re.compile(rb"[@;]msgid=([^; ]+)")


@dataclass(eq=False, slots=True)
class Member:
    """One user. ``had``: up to which number they have all; ``ahead`` are those beyond it; ``came``: whether
    each came in a history, of those that came on this connection. ``goal``: the number with which they have
    caught up; ``lost`` and ``back``: when the connection was lost, and when they had it; 0 before that."""

    place: int
    had: int = 0
    ahead: set[int] = field(default_factory=set)
    came: dict[int, bool] = field(default_factory=dict)
    newest: int = 0
    newest_id: bytes = b""
    goal: int = 0
    lost: float = 0.0
    back: float = 0.0
    dials: int = 0


class Members(Clients):
    """The members of all channels, and those who speak there. ``repeats``: how often a device got at first
    what it had."""

    def __init__(
        self, server: IrcServer, nicks: Sequence[str], speakers: Sequence[socket.socket], how: str
    ) -> None:
        super().__init__(server, CAPABILITIES[how])
        self._asks = how == ASKING
        self.repeats = 0
        self._speakers = speakers
        self.members = {nick: Member(number // CHANNEL_SIZE) for number, nick in enumerate(nicks)}
        self._tags = itertools.count(1)
        self._due: list[tuple[float, str]] = []
        self.said = 0
        self._is_saying, self._says_at = False, time.monotonic()
        for speaker in speakers:
            self.watch(speaker.fileno(), partial(speaker.recv, 1 << 16))
        self.log_in(nicks, PATIENCE_SECONDS)
        self._is_saying = True

    # ---- what is said ----

    def turn(self, wait: float) -> None:
        now = time.monotonic()
        if now >= self._says_at:
            self._says_at += SAID_EVERY
            self._say()
        while self._due and self._due[0][0] <= now:
            self.dial(heapq.heappop(self._due)[1])
        super().turn(min(wait, 0.005) if self._due else min(wait, 0.05))

    def _say(self) -> None:
        """Say the next number in all channels; or nothing, but that one is there."""
        self.said += self._is_saying
        for place, speaker in enumerate(self._speakers):
            text = f"{self.said} {wire.TEXT}"
            said = wire.post(next(self._tags), text, room=channel(place)) if self._is_saying else wire.PING
            speaker.sendall(said)

    def hush(self) -> None:
        """Say no more, and wait until all have everything."""
        self._is_saying = False
        with contextlib.suppress(TooSlow):
            self.until(lambda: all(one.had == self.said for one in self.members.values()), "", 30.0)
            return
        missing = [f"{nick} has {one.had}" for nick, one in self.members.items() if one.had < self.said]
        raise TooSlow(f"of {self.said} numbers {len(missing)} do not have all: {', '.join(missing[:5])}")

    # ---- what is heard ----

    def welcomed(self, client: Client) -> None:
        member = self.members[client.nick]
        if member.lost and not member.back:
            member.goal, member.dials = self.said, 0
            if self._asks:
                room, after = channel(member.place), member.newest_id.decode()
                client.say(f"CHATHISTORY AFTER {room} msgid={after} {PAGE}")
            self._look(member, client.welcomed)

    def heard(self, client: Client, words: list[bytes], tags: bytes, now: float) -> None:
        if words[1] != b"PRIVMSG":
            return
        member = self.members[client.nick]
        number = int(words[2].partition(b" :")[2].split(b" ", 1)[0])
        if not self._asks and not member.came and number <= member.had:
            self.repeats += 1
            return
        is_history = b"batch=" in tags
        if member.came.setdefault(number, is_history) != is_history:
            return  # it came live, and in the history that was asked for: with one id
        if number <= member.had or number in member.ahead:
            raise TooSlow(f"{client.nick} has {number} twice")
        member.ahead.add(number)
        while member.had + 1 in member.ahead:
            member.had += 1
            member.ahead.remove(member.had)
        if number > member.newest and (found := _ID.search(tags)):
            member.newest, member.newest_id = number, found[1]
        self._look(member, now)

    def _look(self, member: Member, now: float) -> None:
        if member.goal and not member.back and member.had >= member.goal:
            member.back = now

    # ---- the loss of connections ----

    def lost(self, client: Client) -> None:
        member = self.members[client.nick]
        if client.welcomed:
            member.lost, member.back, member.goal = time.monotonic(), 0.0, 0
            member.came.clear()
        pause = min(LONGEST_PAUSE_SECONDS, JITTER_SECONDS * 2**member.dials)
        member.dials += 1
        heapq.heappush(self._due, (time.monotonic() + random.random() * pause, client.nick))

    def forget(self) -> None:
        """Nobody has lost a connection."""
        for member in self.members.values():
            member.lost = member.back = 0.0

    @property
    def gone(self) -> list[Member]:
        """Those who lost their connection."""
        return [member for member in self.members.values() if member.lost]


@dataclass(frozen=True)
class Comeback:
    """One death: seconds from the kill until each had caught up; the share of a core of the other front, and
    of the clients; and how many lines came to devices again."""

    waits: list[float]
    front: float
    clients: float
    repeats: int


def channel(place: int) -> str:
    """Return the channel at this place."""
    return f"#channel{place}"


def rows(quick: bool) -> Iterator[Row]:
    """Yield the rows."""
    count, deaths = (200, 1) if quick else (3000, 3)
    for how in CAPABILITIES:
        yield _row(count, how, [_comeback(count, how) for _ in range(deaths)])


def _row(count: int, how: str, found: Sequence[Comeback]) -> Row:
    last = [max(one.waits) for one in found]
    again = f"; {found[-1].repeats:,} lines again" if how == NAMED else ""
    return Row(
        f"{count:,} connections of IRC back after their front's death, {how}: the last has caught up",
        f"{median(last):.2f} s (the worst of {len(last)}: {max(last):.2f} s; half of them in "
        f"{median(percentile(one.waits, 0.5) for one in found):.2f} s; {len(found[-1].waits):,} connections; "
        f"other front {median(one.front for one in found):.0%}; "
        f"clients {median(one.clients for one in found):.0%}{again})",
    )


def _comeback(count: int, how: str) -> Comeback:
    nicks = [f"member{number}" for number in range(2 * count)]
    channels = len(nicks) // CHANNEL_SIZE
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(scratch())
        register(directory, nicks, [channel(at // CHANNEL_SIZE) for at in range(len(nicks))])
        running = stack.enter_context(cluster.running(directory, 1, fronts=2))
        speakers = running.connect([f"speaker{place}" for place in range(channels)])
        wire.exchange(speakers, [wire.join(channel(place)) for place in range(channels)])
        for speaker in speakers:
            stack.callback(speaker.close)
        server = irc_daemons.ours(running)
        if how == NAMED:
            server = dataclasses.replace(server, password=lambda nick: f"{nick}@phone:{secret(nick)}")
        members = Members(server, nicks, speakers, how)
        stack.callback(members.close)
        members.rest(SETTLE_SECONDS)
        members.until(lambda: all(one.had for one in members.members.values()), "the first line", 60.0)
        found = _kill(running, members)
        members.hush()
        return found


def _kill(running: cluster.Cluster, members: Members) -> Comeback:
    killed, other = running.fronts
    members.forget()
    cpu, own, begun = cpu_seconds(other), time.process_time(), time.monotonic()
    os.kill(killed, signal.SIGKILL)
    members.until(
        lambda: bool(members.gone) and all(one.back for one in members.gone), "the comeback", PATIENCE_SECONDS
    )
    elapsed = time.monotonic() - begun
    return Comeback(
        [one.back - begun for one in members.gone],
        (cpu_seconds(other) - cpu) / elapsed,
        (time.process_time() - own) / elapsed,
        members.repeats,
    )
