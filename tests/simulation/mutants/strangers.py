"""Bugs that only a stranger on the port of a primary finds: what is obeyed, and what is believed."""

from __future__ import annotations

from typing import Any

from simulation.mutants.planting import Mutant, Put

from chatnet.errors import NotAllowed
from chatnet.master.epoch import Epoch
from chatnet.net import approach
from chatnet.net.approach import Approach
from chatnet.net.gate import Unregistered
from chatnet.net.link import Link
from chatnet.wire.cluster import Shed
from chatnet.worker.commands import FromPrimary, Linked
from chatnet.worker.uplink import Uplink


def orders_before_the_proof(put: Put) -> None:
    """A worker obeys whatever process it reaches, before that has proven anything."""

    class Obeying(FromPrimary):
        def check(self, epoch: int) -> None:
            """Accept any epoch."""

    async def connect(self: Uplink, master: Any) -> Link:
        workers[id(self._approach)] = self._worker
        return await really_connect(self, master)

    async def proven(self: Approach, link: Link, seconds: float) -> Link:
        if id(self) in workers:
            link.become(Obeying(workers[id(self)], 0))
        return await really_prove(self, link, seconds)

    workers: dict[int, Linked] = {}
    really_connect = put(Uplink, "_connect", connect)
    really_prove = put(Approach, "_proven", proven)


def a_believed_epoch(put: Put) -> None:
    """A process that dials keeps the greatest epoch that anybody said; a primary that is told of one ends."""

    class Hearing(Unregistered):
        @Shed.responder
        def shed(self, epoch: int, count: int, shared: int, soon: int) -> dict[str, Any]:
            heard.append(epoch)
            raise NotAllowed.of(command="Shed", hint="but the epoch is kept")

    async def serve(self: Uplink, master: Any) -> None:
        self._seen = max([self._seen, *heard])
        await real(self, master)

    async def hold(self: Epoch, seen: int, who: str) -> None:
        if seen > self.number:
            self._over(seen)

    heard: list[int] = []
    put(approach, "Unregistered", Hearing)
    real = put(Uplink, "_serve", serve)
    put(Epoch, "hold", hold)


MUTANTS: tuple[Mutant, ...] = (orders_before_the_proof, a_believed_epoch)
