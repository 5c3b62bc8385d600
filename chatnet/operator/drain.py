"""``chatnet drain``: empties a host, and waits until nothing is left there."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater

from chatnet.addresses import Address
from chatnet.errors import CannotStart, NoSuchHost, OnlyHost, PrimaryThere
from chatnet.net.approach import Approach
from chatnet.net.link import Link
from chatnet.operator.primary_link import reach
from chatnet.operator.stepdown import step_down
from chatnet.wire.operate import Drain
from chatnet.world import World

ASK_EVERY = 1.0
PATIENCE_SECONDS = 60.0
"""Seconds without a change after which this gives up; moving a client takes at most half of that."""


async def drain(host: str, masters: Sequence[Address], approach: Approach, link: Link, world: World) -> str:
    """Have the primary, at the other end of ``link`` or the next one, empty ``host``; return a final
    sentence.

    :raises CannotStart: it cannot be emptied, or nothing changes.
    """
    last: tuple[int, int] | None = None
    deadline = world.monotonic() + PATIENCE_SECONDS
    while world.monotonic() < deadline:
        try:
            answer = await link.callRemote(Drain, host=host)
        except (NoSuchHost, OnlyHost) as error:
            raise CannotStart(str(error)) from error
        except PrimaryThere:
            world.stdio.say(await step_down(masters, approach, link, world, away=True))
            link = await _find_again(masters, approach, link, world)
            continue
        except ConnectionClosed:
            link = await _find_again(masters, approach, link, world)
            continue
        left = answer["workers"], answer["sessions"]
        if not left[0]:
            link.abort()
            return f"Nothing of the cluster is left on {host}."
        if left != last:
            last, deadline = left, world.monotonic() + PATIENCE_SECONDS
            world.stdio.say(f"{_many(left[1], 'session')} on {_many(left[0], 'worker')} left on {host}.")
        await deferLater(world.reactor, ASK_EVERY)
    raise CannotStart(
        f"For a minute nothing has changed on {host}; look at “chatnet status” and the logs there."
    )


async def _find_again(masters: Sequence[Address], approach: Approach, link: Link, world: World) -> Link:
    """Return a link to the present primary; while there is none, the old link."""
    await deferLater(world.reactor, ASK_EVERY)
    try:
        return (await reach(masters, approach, world))[1]
    except CannotStart:
        return link


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
