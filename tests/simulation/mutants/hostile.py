"""Bugs that only hostile clients find: what waits, and should not have been accepted."""

from __future__ import annotations

from simulation.mutants.planting import Mutant, Put
from twisted.internet.defer import Deferred

from chatnet.net.intake import Intake
from chatnet.worker.drafts import DraftStream
from chatnet.worker.reads import ReadQueue
from simulator.run import Scale

SCALE = Scale(kinds=("hostile_client",))


def reads_wait_without_bound(put: Put) -> None:
    """A session's connection is read however many of its reads wait for their turn."""

    async def enter(self: ReadQueue) -> None:
        if not (self._busy or self._waiting or self._peer.full):
            self._busy = True
            return
        turn: Deferred[None] = Deferred()
        self._waiting = [*(self._waiting or ()), turn]
        await turn

    put(ReadQueue, "__aenter__", enter)


def reads_do_not_take_turns(put: Put) -> None:
    """All reads of a session are under way at once, each with a page in memory."""

    async def enter(self: ReadQueue) -> None:
        self._busy = True

    put(ReadQueue, "__aenter__", enter)


def drafts_wait_without_bound(put: Put) -> None:
    """A session's connection is read however many of its drafts are held."""

    def begin(self: DraftStream) -> None:
        self._outstanding += 1

    put(DraftStream, "_begin", begin)


def input_waits_without_bound(put: Put) -> None:
    """A held connection is read, and what comes is kept."""
    put(Intake, "is_full", property(lambda self: False))


MUTANTS: tuple[Mutant, ...] = (
    reads_wait_without_bound,
    reads_do_not_take_turns,
    drafts_wait_without_bound,
    input_waits_without_bound,
)
