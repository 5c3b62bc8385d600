"""Row: NAMES of a channel of 5,000, from the question to the end of the answer; beside InspIRCd and ngIRCd.

All of them are connected, to each server. One asks, four times a second, and the servers take turns.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from benchmarks import cluster, irc_daemons
from benchmarks.irc_clients import Client, Clients
from benchmarks.irc_feed import IrcServer
from benchmarks.processes import TooSlow, scratch
from benchmarks.sessions import register
from benchmarks.table import Row, median, milliseconds

ROOM = "#crowd"
PAUSE_SECONDS = 0.25
SECONDS = 180.0
QUIETLY = "no-implicit-names"
"""With this capability the members of our channel are not told its names as they log in, 25 million."""


class Members(Clients):
    """The members of a channel; the last of them asks who is there.

    It takes minutes until all are there: meanwhile those of the servers ``beside`` answer their PINGs, too.
    """

    def __init__(
        self,
        server: IrcServer,
        nicks: Sequence[str],
        join: bool,
        capabilities: str = "",
        beside: Sequence[Clients] = (),
    ) -> None:
        super().__init__(server, capabilities)
        self.beside = beside
        self._join = join
        self._joined = 0
        self._names = 0
        self._ended = 0.0
        self._asker: Client | None = None
        self.log_in(nicks[:-1], SECONDS)
        self._capabilities = ""
        [self._asker] = self.log_in(nicks[-1:], SECONDS)
        if join:
            self.until(lambda: self._joined == len(nicks), "the JOIN of all", SECONDS)
        self.rest(1.0)  # so that what was said of the last ones has come

    def turn(self, wait: float) -> None:
        super().turn(wait)
        for other in self.beside:
            other.turn(0.0)

    def welcomed(self, client: Client) -> None:
        if self._join:
            client.say(f"JOIN {ROOM}")

    def heard(self, client: Client, words: list[bytes], tags: bytes, now: float) -> None:
        if words[1] == b"366" and words[2].split()[1] == ROOM.encode():
            self._joined += 1
            self._ended = now
        elif client is self._asker and words[1] == b"353":
            self._names += len(words[2].partition(b" :")[2].split())

    def ask(self, count: int) -> float:
        """Return how long the answer took, in seconds.

        :raises TooSlow: it has another number of names.
        """
        assert self._asker is not None
        self._names, self._ended, begun = 0, 0.0, time.monotonic()
        self._asker.say(f"NAMES {ROOM}")
        self.until(lambda: bool(self._ended), "the end of NAMES")
        if self._names != count:
            raise TooSlow(f"{self.server.name} tells {self._names} names of {count}")
        return self._ended - begun


def rows(quick: bool) -> Iterator[Row]:
    """Yield the row."""
    count, rounds = (500, 5) if quick else (5000, 40)
    nicks = [f"member{number}" for number in range(count)]
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(scratch())
        register(directory, nicks, [ROOM] * count)
        running = stack.enter_context(cluster.running(directory, 1, fronts=1))
        crowds = [Members(irc_daemons.ours(running), nicks, False, QUIETLY)]
        for one in stack.enter_context(irc_daemons.beside(directory)):
            crowds.append(Members(one, nicks, True, beside=tuple(crowds)))
        for crowd in crowds:
            crowd.beside = ()  # each reads in its own turn, and nothing else while it is timed
        waits: list[list[float]] = [[] for _ in crowds]
        for _ in range(rounds):
            for crowd, found in zip(crowds, waits, strict=True):
                found.append(crowd.ask(count))
            crowds[0].rest(PAUSE_SECONDS)
        for crowd in crowds:
            crowd.close()
    ours, *theirs = waits
    what = f"NAMES of {count:,}, p50 / p99"
    for crowd, found in zip(crowds[1:], theirs, strict=True):
        beside = f"{crowd.server.name}: {milliseconds(found)}"
        yield Row(what, milliseconds(ours), beside, median(ours) / median(found))
    if not theirs:
        yield Row(what, milliseconds(ours))
