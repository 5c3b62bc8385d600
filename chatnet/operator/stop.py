"""``chatnet stop``: stops the whole cluster, and waits until it is down."""

from __future__ import annotations

from twisted.internet.task import deferLater

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.net.dial import CANNOT_CONNECT
from chatnet.net.link import Link
from chatnet.operator.primary_link import connect
from chatnet.wire.operate import Stop
from chatnet.world import World

STOP_SECONDS = 60.0
"""Seconds that a cluster may take to stop."""
ASK_EVERY = 0.1


async def stop(master: Address, link: Link, world: World) -> None:
    """Stop the cluster whose primary is at the other end of ``link``; wait until nobody answers there.

    :raises CannotStart: somebody still answers after a minute.
    """
    deadline = world.monotonic() + STOP_SECONDS
    await link.callRemote(Stop)
    await link.when_lost().addTimeout(STOP_SECONDS, world.reactor, lambda *_: None)
    while await _somebody_is_at(master, world):
        if world.monotonic() > deadline:
            raise CannotStart(f"The master at {master} was told to stop, and is still there; see its log.")
        await deferLater(world.reactor, ASK_EVERY)


async def _somebody_is_at(master: Address, world: World) -> bool:
    try:
        link = await connect(master, world)
    except CANNOT_CONNECT:
        return False
    link.abort()
    return True
