"""Bugs that only a stranger on the port of a primary finds: who is obeyed, and what is believed."""

from __future__ import annotations

from typing import Any

from simulation.mutants.planting import Mutant, Put

from chatnet.errors import NotAllowed
from chatnet.master.epoch import Epoch
from chatnet.net.gate import Unregistered
from chatnet.net.link import Link
from chatnet.wire.cluster import Shed
from chatnet.worker import uplink
from chatnet.worker.commands import FromPrimary
from chatnet.worker.uplink import Uplink


def orders_before_the_proof(put: Put) -> None:
    """A worker takes orders from whoever it reaches, before anything is proven."""

    class Obeying(FromPrimary):
        def check(self, epoch: int) -> None:
            """Any will do."""

    async def prove(self: Uplink, link: Link) -> None:
        link.become(Obeying(self._worker, 0))
        await real(self, link)

    real = put(Uplink, "_prove", prove)


def a_believed_epoch(put: Put) -> None:
    """Who dials keeps the greatest epoch it ever heard, from whomever; and a primary that is told it ends."""

    class Hearing(Unregistered):
        @Shed.responder
        def shed(self, epoch: int, count: int, soon: int) -> dict[str, Any]:
            heard.append(epoch)
            raise NotAllowed.of(command="Shed", hint="but the epoch is kept")

    async def serve(self: Uplink, master: Any) -> None:
        self._seen = max([self._seen, *heard])
        await real(self, master)

    async def hold(self: Epoch, seen: int, who: str) -> None:
        if seen > self.number:
            self._over(seen)

    heard: list[int] = []
    put(uplink, "Unregistered", Hearing)
    real = put(Uplink, "_serve", serve)
    put(Epoch, "hold", hold)


MUTANTS: tuple[Mutant, ...] = (orders_before_the_proof, a_believed_epoch)
