"""``chatnet stepdown``: has the primary hand over to a replica, and waits until one has taken over."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater

from chatnet.addresses import Address
from chatnet.errors import CannotStart, NoReplica, NoReplicaElsewhere, NoReplicaKept
from chatnet.net.approach import Approach
from chatnet.net.link import Link
from chatnet.operator.primary_link import reach
from chatnet.operator.status import ask_status
from chatnet.wire.operate import StepDown
from chatnet.world import World

HANDOVER_SECONDS = 30.0
"""Seconds that a handover may take."""
ASK_EVERY = 0.1


async def step_down(
    masters: Sequence[Address], approach: Approach, link: Link, world: World, away: bool = False
) -> str:
    """Have the primary at the other end of ``link`` hand over; return a sentence that names the new primary.

    ``away``: to a replica on another host.

    :raises CannotStart: there is no replica, or none has taken over after half a minute.
    """
    began = world.monotonic()
    deadline = began + HANDOVER_SECONDS
    try:
        before = (await ask_status(link)).epoch
        await link.callRemote(StepDown, away=away)
    except (NoReplica, NoReplicaKept, NoReplicaElsewhere) as error:
        raise CannotStart(str(error)) from error
    except ConnectionClosed as error:
        raise CannotStart("The primary is gone; look at “chatnet status”.") from error
    await link.when_lost().addTimeout(HANDOVER_SECONDS, world.reactor, lambda *_: None)
    while world.monotonic() < deadline:
        try:
            _, link = await reach(masters, approach, world)
            status = await ask_status(link)
            link.abort()
        except (CannotStart, ConnectionClosed):
            await deferLater(world.reactor, ASK_EVERY)
            continue
        if status.epoch > before:
            primary = status.masters[0]
            return (
                f"The primary is now pid {primary.pid} on {primary.host}, in epoch {status.epoch}; "
                f"that took {world.monotonic() - began:.2f} s."
            )
        await deferLater(world.reactor, ASK_EVERY)
    raise CannotStart("The primary was told to hand over, and no replica has; see its log.")
