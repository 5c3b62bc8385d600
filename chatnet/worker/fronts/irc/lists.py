"""LIST: the channels, how many are in them, and what they are about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from chatnet.errors import ChatnetError, NoSuchRoom
from chatnet.irc import masks, numerics
from chatnet.irc.masks import Wanted
from chatnet.irc.targets import OWN
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.command import Command, Pace
from chatnet.worker.fronts.irc.roster import is_users

if TYPE_CHECKING:
    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient


A_TURN = 1_000
"""How many masks are compared with names in one turn of the reactor."""


async def list_channels(client: IrcClient, slot: Slot, line: Line) -> None:
    """List topics, private rooms that one is in, and the rooms of users if those are asked for. A topic in
    which nobody is, and nothing was ever said, is none for anybody: whoever joins a channel makes such ones,
    guests too."""
    slot.say(client.numeric(numerics.RPL_LISTSTART, "Channel"))
    try:
        await _say_all(client, slot, masks.wanted(line.params[0] if line.params else ""))
    except ChatnetError as why:
        client.refuse(slot, "LIST", "*", why)
    slot.say(client.numeric(numerics.RPL_LISTEND))


async def _say_all(client: IrcClient, slot: Slot, wanted: Wanted) -> None:
    without_counts = Wanted(wanted.masks, wanted.but)
    a_turn = max(1, A_TURN // (1 + len(wanted.masks) + len(wanted.but)))
    looked_at = 0
    async for room in _rooms(client, wanted):
        channel = events.channel(room)
        looked_at += 1
        if looked_at % a_turn == 0:
            await client.breathe()
        if without_counts.has(channel, 0):  # before anybody is counted
            await _say_one(client, slot, wanted, room, channel)


async def _rooms(client: IrcClient, wanted: Wanted) -> AsyncIterator[str]:
    """Yield the rooms that may be wanted."""
    prefix = wanted.prefix
    for room in client.rooms():
        if room[0] == "&":
            yield room
    beginnings = [prefix] if prefix.startswith("#") and not prefix.startswith(OWN) else ["#"]
    if any(mask.startswith(OWN) for mask in wanted.masks):
        beginnings = [prefix.removeprefix(OWN)] if prefix.startswith(OWN) else ["#", ""]
    for beginning in beginnings:
        after, has_more = "", True
        while has_more:
            page = await client.session.reads.rooms(beginning, after)
            for room in page.names:
                if beginning or room[0] != "#":
                    yield room
            has_more = page.more and bool(page.names)
            after = page.names[-1] if page.names else after


async def _say_one(client: IrcClient, slot: Slot, wanted: Wanted, room: str, channel: str) -> None:
    try:
        facts = await client.session.reads.facts_of(room, counts=True)
    except NoSuchRoom:
        return
    count = facts.members + is_users(room)
    if not (count or facts.since or facts.about):
        return
    if wanted.has(channel, count):
        slot.say(client.numeric(numerics.RPL_LIST, channel, str(count), facts.about))


COMMANDS = {"LIST": Command(list_channels, 0, Pace.ALONE, price=10)}
