"""What is looked at inside the real code while it runs: who is taken for dead, and how readers catch up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chatnet.entries import Entry
from chatnet.net.link import Link
from chatnet.testing.history import Event, Sample
from chatnet.worker.peer import Peer
from chatnet.worker.subscription import Subscription
from simulator.squatter import SQUATTER
from simulator.takeover_probe import Probe, Successions

if TYPE_CHECKING:
    from simulator.simulation import Simulation
    from simulator.sockets import SimSocket


MOST_PAGES = 8
"""How many pages a session may read to their end, though the window held the rest: that doubles each time how
many entries it takes from the window at once, and the log does not grow by 256 meanwhile."""

MOST_AT_ONCE = 2
"""How many pages are read for one session at once: that of the chat before may not have come yet."""
CATCHING_UP = "pages read by one session that the window held"
AT_ONCE = "pages read at once for one session"

LATE = 1.0
"""Who stood still for so many seconds more than between two looks must not judge, but begin anew to count."""


@contextmanager
def probes(
    simulation: Simulation, keep: Callable[[Event], object], more: Sequence[Probe] = ()
) -> Iterator[None]:
    """While it is open, one looks, and so do ``more``; what was seen goes to ``keep``, or fails the run."""
    catching_up: dict[Subscription, int] = {}
    reading: dict[Peer, int] = {}

    async def read(self: Subscription, after: int, upto: int) -> tuple[list[Entry], int]:
        held = self._log.window.holds(after)
        reading[self._peer] = reading.get(self._peer, 0) + 1
        sample(AT_ONCE, reading[self._peer], MOST_AT_ONCE)
        try:
            page, cursor = await real_read(self, after, upto)
        finally:
            reading[self._peer] -= 1
        if held and cursor == upto:
            catching_up[self] = pages = catching_up.get(self, 0) + 1
            sample(CATCHING_UP, pages, MOST_PAGES)
        return page, cursor

    def sample(measure: str, value: int, most: int) -> None:
        if value > most and simulation.running is not None:
            who = simulation.running.name
            keep(Sample(time=simulation.now, client=who, measure=measure, value=value, most=most))

    def go_live(self: Subscription) -> None:
        catching_up.pop(self, None)
        real_go_live(self)

    def fell_silent(self: Link) -> None:
        if self.transport is not None and (why := _lives(simulation, self)):
            simulation.fail(why)
        real_fell_silent(self)

    real_read, real_go_live, real_fell_silent = Subscription.read, Subscription.go_live, Link.fell_silent
    put: list[Probe] = [
        (Subscription, "read", read),
        (Subscription, "go_live", go_live),
        (Link, "fell_silent", fell_silent),
        *more,
    ]
    with _put(put), _put(Successions(simulation).probes()):
        yield


@contextmanager
def _put(probes: list[Probe]) -> Iterator[None]:
    real = [(owner, name, getattr(owner, name)) for owner, name, _ in probes]
    for owner, name, probe in probes:
        setattr(owner, name, probe)
    try:
        yield
    finally:
        for owner, name, before in real:
            setattr(owner, name, before)


def _lives(simulation: Simulation, link: Link) -> str:
    """Why the other end of ``link`` must not be taken for dead; empty if there is no reason."""
    ours: SimSocket = link.transport.socket
    if ours.connection is None or link.pulse is None:
        return ""
    ends = (ours.connection.client, ours.connection.server)
    theirs = ends[1] if ours is ends[0] else ends[0]
    pulse, now = link.pulse, simulation.now
    # Between two pings passes some time, and a process that was stopped skips one.
    since = now - pulse._patience - pulse._every - 1.0
    ways = [simulation.network.link(theirs.host, ours.host), simulation.network.link(ours.host, theirs.host)]
    if (
        theirs.is_closed
        or any(end.inbound is None or end.inbound.is_lost for end in ends)
        or any(way.cut or way.open_since > since for way in ways)
    ):
        return ""
    judge = ours.process
    if judge.stood_still > pulse._tick + LATE and judge.runs_since > now - pulse._patience + pulse._tick:
        return f"{theirs.owner} was taken for dead by one who had not run itself"
    if not theirs.process.runs or theirs.process.runs_since > since:
        return ""
    if theirs.process.program == SQUATTER:
        return ""  # it may well be silent
    return f"{theirs.owner} was taken for dead, and lives"
