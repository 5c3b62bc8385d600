"""Bugs of a worker that cannot follow the log: caught where the machine of some is cut off."""

from __future__ import annotations

from simulation.mutants.planting import Mutant, Put

from chatnet.lanes import Visitor
from chatnet.worker.subscription import Subscription
from simulator.run import Scale

SCALE = Scale(users=12, posts=400, faults=4, kinds=("cut_annex",), annex=True, narrow=True)
"""The link between the two machines is cut again and again, while users on both do not read for a while."""


def a_window_that_is_behind_is_given(put: Put) -> None:
    """A worker that could not follow the log for seconds gives what stands in its window, as always."""

    async def turn(self: Subscription) -> None:
        self._waits = Visitor(self._local_user.user)
        await self._pace.wait(self._waits)
        self._waits = None

    put(Subscription, "turn", turn)


MUTANTS: tuple[Mutant, ...] = (a_window_that_is_behind_is_given,)
