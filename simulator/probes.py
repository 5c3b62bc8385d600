"""What is observed while the real code runs: who is taken for dead, and how readers catch up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from chatnet.addresses import Address
from chatnet.net.pulse import Pulse
from chatnet.telemetry import (
    CatchUpBegun,
    FeedRead,
    FellSilent,
    Left,
    LogRewound,
    ReadBegun,
    ReadEnded,
    WentLive,
)
from chatnet.telemetry import Event as Happened
from chatnet.testing.history import Event, Sample
from chatnet.worker.frontend import Frontend
from chatnet.worker.service import Worker
from simulator.process import SimProcess
from simulator.squatter import SQUATTER

if TYPE_CHECKING:
    from simulator.simulation import Simulation
    from simulator.sockets import SimSocket


MOST_PAGES = 8
"""How many pages a session may read to their end although the window held the rest: each time doubles how
many entries it takes from the window at once, and the log does not grow by 256 in between."""

MOST_AT_ONCE = 2
"""How many reads of the log one session may have at once: one in its turn, and one for a new secret."""
CATCHING_UP = "pages read by one session that the window held"
AT_ONCE = "reads at once for one session"

LATE = Pulse.LATE
"""A process stopped this many seconds longer than between two looks must not judge, but count anew."""

Connection = tuple[SimProcess, str, str]
"""A user's connection on a worker; the last part is its HOST:PORT."""


class SessionReads:
    """How sessions read the log. Samples go to ``keep``."""

    def __init__(self, simulation: Simulation, keep: Callable[[Event], object]) -> None:
        self._simulation = simulation
        self._keep = keep
        self._pages: Counter[Connection] = Counter()
        self._reads: Counter[Connection] = Counter()

    def told(self, process: SimProcess, event: Happened) -> None:
        match event:
            case ReadBegun(user, peer):
                self._reads[process, user, peer] += 1
                self._sample(process, AT_ONCE, self._reads[process, user, peer], MOST_AT_ONCE)
            case ReadEnded(user, peer) if (process, user, peer) in self._reads:
                self._reads[process, user, peer] -= 1
            case FeedRead(user, peer, _, cursor, upto, True) if cursor == upto:
                self._pages[process, user, peer] += 1
                self._sample(process, CATCHING_UP, self._pages[process, user, peer], MOST_PAGES)
            case CatchUpBegun(user, peer) | WentLive(user, peer):
                del self._pages[process, user, peer]
            case Left(user, peer):
                del self._pages[process, user, peer]
                del self._reads[process, user, peer]

    def _sample(self, process: SimProcess, measure: str, value: int, most: int) -> None:
        if value > most:
            now = self._simulation.now
            self._keep(Sample(time=now, client=process.name, measure=measure, value=value, most=most))


class Silence:
    """Checks who is taken for dead: if that process lives, the run fails."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def told(self, process: SimProcess, event: Happened) -> None:
        if isinstance(event, FellSilent) and (why := self._lives(process, event)):
            self._simulation.fail(why)

    def _lives(self, judge: SimProcess, event: FellSilent) -> str:
        """Return why the other end must not be taken for dead; empty if there is no reason."""
        ours = socket_of(judge, event.here, event.peer)
        if ours is None or ours.connection is None:
            return ""
        ends = (ours.connection.client, ours.connection.server)
        theirs = ends[1] if ours is ends[0] else ends[0]
        rhythm, network, now = event.rhythm, self._simulation.network, self._simulation.now
        # There is some time between two pings, and a process that was stopped skips one.
        since = now - rhythm.patience - rhythm.every - 1.0
        ways = [network.link(theirs.host, ours.host), network.link(ours.host, theirs.host)]
        if (
            theirs.is_closed
            or any(end.inbound is None or end.inbound.is_lost for end in ends)
            or any(way.cut or way.open_since > since for way in ways)
        ):
            return ""
        slept = judge.stood_still > rhythm.tick + LATE
        if slept and judge.runs_since > now - rhythm.patience + rhythm.tick:
            return f"{theirs.owner} was taken for dead by one who had not run itself"
        if not theirs.process.runs or theirs.process.runs_since > since:
            return ""
        if theirs.process.program == SQUATTER:
            return ""  # a squatter may be silent on purpose
        return f"{theirs.owner} was taken for dead, and lives"


class Stale:
    """Finds workers that give a session what is left of their window while they cannot follow the log: some
    of that may be taken back. ``found`` says which."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def told(self, process: SimProcess, event: Happened) -> None:
        if isinstance(event, WentLive):
            state = cast(Worker, process.service)._state
            if isinstance(state, Frontend) and state.store.log.window.is_stale():
                what = f"gave {event.user} what is left of its window, and cannot follow the log"
                self.found.append(f"taken_back: {process} {what}")


class PutBack:
    """Fails the run if a process takes the log for one that was put back: in a run none ever is, whatever
    was taken back of it."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def told(self, process: SimProcess, event: Happened) -> None:
        if isinstance(event, LogRewound):
            self._simulation.fail(f"{process} takes the log for another one behind {event.common}")


def socket_of(process: SimProcess, here: Address, peer: Address) -> SimSocket | None:
    """Return the socket of ``process`` between these addresses."""
    ends = tuple(here), tuple(peer)
    return next((one for one in process.sockets.values() if (one.local, one.peer) == ends), None)
