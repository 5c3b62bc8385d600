"""Who commanded when, on a shared store: by the masters' own logs, and by the lease in the database.

All times are in seconds of the monotonic clock, which the hosts of :mod:`rigs.machines` share.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from chatnet.errors import CannotStart
from chatnet.store.lease import Holder, parse_holder
from chatnet.store.postgres.connection import connect
from chatnet.store.postgres.database import LeaseRow, Unavailable
from chatnet.store.postgres.real import PostgresDatabase
from chatnet.testing.history import EpochBegun, EpochEnded, Event, LeaseLost, LeaseTaken
from rigs.processes import DEADLINE

LOOK_SECONDS = 0.005
"""Seconds between two looks at the lease."""

_LINE = re.compile(r"Epoch (\d+) (begins|ends): this master .*\(at ([\d.]+) s of")


@dataclass(frozen=True)
class Reign:
    """A master of ``host`` commanded in ``epoch``; ``ended`` is None if it never logged the end."""

    host: str
    epoch: int
    begun: float
    ended: float | None = None


def reigns(logs: Iterable[tuple[str, str]]) -> list[Reign]:
    """Return the reigns in the logs of masters, each given with its host, in the order of their beginning."""
    found: dict[tuple[str, int], Reign] = {}
    for host, text in logs:
        for epoch, verb, when in _LINE.findall(text):
            if verb == "begins":
                found[host, int(epoch)] = Reign(host, int(epoch), float(when))
            else:
                found[host, int(epoch)] = replace(found[host, int(epoch)], ended=float(when))
    return sorted(found.values(), key=lambda reign: reign.begun)


def ended_by(reigns: Sequence[Reign], kills: Iterable[tuple[str, float]]) -> list[Reign]:
    """Return the reigns, ended by the given kills: each is a host and a time."""
    kills = list(kills)

    def end(reign: Reign) -> float | None:
        if reign.ended is not None:
            return reign.ended
        return min((at for host, at in kills if host == reign.host and at >= reign.begun), default=None)

    return [replace(reign, ended=end(reign)) for reign in reigns]


def events(reigns: Iterable[Reign]) -> list[Event]:
    """Return the reigns as events for the checker's promise of one commander."""
    found: list[Event] = []
    for reign in reigns:
        who = f"{reign.host}/{reign.epoch}"
        found += [
            LeaseTaken(time=reign.begun, client=who),
            EpochBegun(time=reign.begun, client=who, epoch=reign.epoch),
        ]
        if reign.ended is not None:
            found += [
                EpochEnded(time=reign.ended, client=who, epoch=reign.epoch),
                LeaseLost(time=reign.ended, client=who),
            ]
    return found


@dataclass(frozen=True)
class Look:
    """The lease at some moment between ``asked`` and ``answered``."""

    asked: float
    answered: float
    row: LeaseRow

    @property
    def holder(self) -> Holder | None:
        """Who held it then."""
        return parse_holder(self.row.holder)

    @property
    def host(self) -> str:
        """The holder's host; empty if nobody held it."""
        return "" if self.holder is None else self.holder.host


class LeaseWatch:
    """Watches the lease of the store at ``url``, in a thread, from :meth:`start` to :meth:`stop`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._looks: list[Look] = []

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; harmless if it never began."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(DEADLINE)

    def look(self) -> Look:
        """Return the lease as it is now.

        :raises Unavailable: the database is away.
        """
        database = PostgresDatabase(connect(self._url))
        try:
            return _look(database)
        finally:
            database.close()

    def handovers(self) -> Iterator[tuple[Look, Look]]:
        """Yield for each time that it was taken: the last look before, and the first after."""
        yield from ((old, new) for old, new in pairwise(self._looks) if old.row.epoch != new.row.epoch)

    def contradictions(self, reigns: Sequence[Reign]) -> list[str]:
        """Return where a master commanded although the lease was not its own, or not any longer."""
        found = []
        for old, new in self.handovers():
            for reign in reigns:
                if reign.epoch == old.row.epoch and (reign.ended is None or reign.ended > new.answered):
                    found.append(f"{reign} was not over when {new} was seen")
                if reign.epoch == new.row.epoch and (reign.begun < old.asked or reign.host != new.host):
                    found.append(f"{reign} began while {old} was seen, before {new}")
        return found

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                database = PostgresDatabase(connect(self._url))
            except (Unavailable, CannotStart):
                self._stopping.wait(LOOK_SECONDS)
                continue
            try:
                while not self._stopping.wait(LOOK_SECONDS):
                    self._saw(_look(database))
            except Unavailable:
                continue
            finally:
                database.close()

    def _saw(self, look: Look) -> None:
        """Keep the first and the last look of each epoch."""
        if len(self._looks) > 1 and self._looks[-2].row.epoch == look.row.epoch:
            self._looks.pop()
        self._looks.append(look)


def _look(database: PostgresDatabase) -> Look:
    asked = time.monotonic()
    row = database.lease()
    return Look(asked, time.monotonic(), row)
