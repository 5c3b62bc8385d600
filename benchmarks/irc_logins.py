"""Rows: logins per second by IRC, with a password that the front has not seen since it began, and with one
that it has; beside InspIRCd and ngIRCd, which know no passwords of users, and check nothing.

One cluster registers the users, each with a password. A second cluster on the same data lets them in: so each
password is hashed once more, the first time. The users come in groups, and the servers take turns with each
group; after all have been there, they come again. A login is from the begin of the connection to the end of
the message of the day; so many are under way, and whoever is in leaves, for the next to come.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks import cluster, irc_daemons
from benchmarks.irc_clients import Client, Clients
from benchmarks.irc_feed import IrcServer
from benchmarks.processes import cpu_seconds, scratch
from benchmarks.table import Row, median, percentile

UNDER_WAY = 50
GROUP = 50
AGAIN = 5
"""How often all come again."""
SECONDS = 120.0
COLD, CACHED = "a password not seen before", "a password seen before"


@dataclass
class Figures:
    """What was measured of one server: logins per second, the processor time of each, and how long each took;
    in seconds."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def shown(self) -> str:
        """Return them as words."""
        cost, wait = median(self.costs) * 1e3, percentile(self.waits, 0.99)
        return f"{median(self.rates):,.0f} ({cost:.2f} ms each; p99 {wait:.2f} s)"


class Arrivals(Clients):
    """Lets users log in and leave, one after the other, with some under way."""

    def __init__(self, server: IrcServer) -> None:
        super().__init__(server)
        self._left: list[str] = []
        self._in: list[Client] = []

    def come(self, nicks: Sequence[str], figures: Figures | None = None) -> None:
        """Let all of these log in once; add what it takes to ``figures``."""
        self._left, self._in = list(reversed(nicks)), []
        before = sum(map(cpu_seconds, self.server.pids))
        first = [self.dial(self._left.pop()) for _ in range(min(UNDER_WAY, self.server.at_once, len(nicks)))]
        self.until(lambda: len(self._in) == len(nicks), f"the login of {len(nicks)}", SECONDS)
        if figures is not None:
            elapsed = max(one.welcomed for one in self._in) - min(one.dialed for one in first)
            figures.rates.append(len(nicks) / elapsed)
            figures.costs.append((sum(map(cpu_seconds, self.server.pids)) - before) / len(nicks))
            figures.waits += [one.welcomed - one.dialed for one in self._in]

    def welcomed(self, client: Client) -> None:
        self._in.append(client)
        client.say("QUIT")
        self.drop(client)
        if self._left:
            self.dial(self._left.pop())


def rows(quick: bool) -> Iterator[Row]:
    """Yield the rows."""
    nicks = [f"comes{number}" for number in range(20 if quick else 200)]
    groups = [nicks[at : at + GROUP] for at in range(0, len(nicks), GROUP)]
    with scratch() as directory:
        with cluster.running(directory, 1, fronts=1) as running:
            _arrivals(irc_daemons.ours(running)).come(nicks)
        with cluster.running(directory, 1, fronts=1) as running, irc_daemons.beside(directory) as others:
            arrivals = [_arrivals(irc_daemons.ours(running)), *map(Arrivals, others)]
            yield from _rows(COLD, arrivals, groups)
            yield from _rows(CACHED, arrivals, [nicks] * AGAIN)
            for one in arrivals:
                one.close()


def _arrivals(server: IrcServer) -> Arrivals:
    return Arrivals(dataclasses.replace(server, password=_password))


def _password(nick: str) -> str:
    return f"{nick}-likes-green-tea"


def _rows(what: str, arrivals: Sequence[Arrivals], rounds: Sequence[Sequence[str]]) -> Iterator[Row]:
    """Let the servers take turns."""
    figures = [Figures() for _ in arrivals]
    for nicks in rounds:
        for one, kept in zip(arrivals, figures, strict=True):
            one.come(nicks, kept)
    ours, *theirs = figures
    for one, kept in zip(arrivals[1:], theirs, strict=True):
        ratio = median(mine / other for mine, other in zip(ours.rates, kept.rates, strict=True))
        yield Row(f"logins/s by IRC, {what}", ours.shown(), f"{one.server.name}: {kept.shown()}", ratio)
    if not theirs:
        yield Row(f"logins/s by IRC, {what}", ours.shown())
