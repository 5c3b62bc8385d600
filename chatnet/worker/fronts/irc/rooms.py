"""Channels: JOIN, PART, NAMES, TOPIC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, DeferredQueue
from twisted.python.failure import Failure

from chatnet.entries import Entry
from chatnet.errors import AlreadyJoined, ChatnetError, Muted, NoSuchRoom, NotYet
from chatnet.irc import isupport, numerics, texts, writer
from chatnet.irc.targets import CHANTYPES, listed
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.command import Command, Pace
from chatnet.worker.fronts.irc.histories import say_newest, sees_newest
from chatnet.worker.fronts.irc.roster import (
    Roster,
    end_of_names,
    first_in,
    introduce_one,
    marks_of,
    moderates,
    reason_of,
    say_names,
    topic_lines,
)

if TYPE_CHECKING:
    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient

_Told = DeferredQueue[tuple[str, int | Failure]]
"""The rooms in which a client was told to be, or not, each with what :func:`_join` says."""

# ---- JOIN and PART ----


async def join(client: IrcClient, slot: Slot, line: Line) -> None:
    """Follow rooms. One that the user is in is passed over; nothing is left by ``JOIN 0``."""
    if line.params[0] == "0":
        client.charge()
        sentence = "That would leave everything that you follow: PART what you mean."
        client.fail(slot, "JOIN", "NOT_DONE", sentence)
        return
    told: _Told = DeferredQueue()
    asked: set[str] = set()
    channels = {channel: events.room_in(channel) for channel in listed(line.params[0])}
    if not channels:
        client.charge()
        slot.say(client.numeric(numerics.ERR_NEEDMOREPARAMS, "JOIN"))
        return
    if any(room not in client.joined for room in channels.values()):
        client.charge()  # who comes back, and joins again what it is in, has its lines for what it says
    for channel, room in channels.items():
        if room is None:
            is_misspelled = channel.startswith(tuple(CHANTYPES))
            number = numerics.ERR_BADCHANMASK if is_misspelled else numerics.ERR_NOSUCHCHANNEL
            slot.say(client.numeric(number, writer.word(channel)))
        elif room not in client.joined and room not in asked:
            asked.add(room)
            Deferred.fromCoroutine(_begin(client, slot, room, channel, told))
    marks, failed = None, None
    for left in reversed(range(len(asked))):
        # As they are told: meanwhile what the others wait for may be kept.
        room, since = await told.get()
        has_names = client.has("no-implicit-names")
        try:
            if isinstance(since, Failure):
                since.raiseException()
            if since:
                if marks is None:
                    marks = await marks_of(client, asked)
                await introduce_one(client, slot.say, room, marks)
                has_names = True
                await say_newest(client, slot, room, since)
        except ChatnetError:  # it was left meanwhile, or cannot be read now
            if not has_names:
                slot.say(end_of_names(client, events.channel(room)))
        except Exception:
            failed = Failure()
        if not told.pending:
            slot.settle(goes_on=left > 0 or failed is not None)
            client.tell_kept()  # whatever comes: nobody else does
    if failed is not None:
        failed.raiseException()


async def _begin(client: IrcClient, slot: Slot, room: str, channel: str, told: _Told) -> None:
    since: int | Failure
    try:
        since = await _join(client, slot, room, channel)
    except Exception:
        since = Failure()
    told.put((room, since))


async def _join(client: IrcClient, slot: Slot, room: str, channel: str) -> int:
    """Join a room; return the seq from which on what is said there is heard. 0: the client was not told that
    it is there now."""
    stays, head = client.session.local_user.memberships, client.window.head
    try:
        entry, seq = await client.drafts.move(lambda key: client.session.drafts.join(key, room))
        head = seq
    except AlreadyJoined:  # by another connection, a moment ago
        entry, seq = None, stays.since(room) or client.session.reached + 1
    except ChatnetError as why:
        client.refuse(slot, "JOIN", writer.word(channel), await reason_of(client, room, why))
        return 0
    has_left = stays.changed_at(room) > head and not stays.has(room)  # elsewhere, and it was told that
    if room in client.joined or has_left:
        return 0
    client.note_stay(room, True)
    joined = events.joined(client.user, room, client.channel.sees)
    told = joined if entry is None else client.channel.own_stay(entry)
    if slot.label and _may_be_all(client):
        client.keep()  # whether it needs a batch is known once that is read which may follow it
        slot.say(told)
    else:
        slot.begin_now()
        slot.now(told)
    if sees_newest(client):
        client.keep()
    return seq


def _may_be_all(client: IrcClient) -> bool:
    """Return whether a client may be told nothing of a room that it joins but that it is there."""
    return client.has("no-implicit-names") and not client.has("draft/read-marker")


async def part(client: IrcClient, slot: Slot, line: Line) -> None:
    """Follow rooms no longer."""
    channels = listed(line.params[0])
    if not channels:
        slot.say(client.numeric(numerics.ERR_NEEDMOREPARAMS, "PART"))
    if len(channels) > 1:
        slot.begin_now()
    why = texts.in_passing(line.params[1], isupport.MOST_REASON) if len(line.params) > 1 else ""
    leaving = [Deferred.fromCoroutine(_part(client, slot, channel, why)) for channel in channels]
    for one in leaving:
        await one


async def _part(client: IrcClient, slot: Slot, channel: str, why: str) -> None:
    room = events.room_in(channel)
    if room is None:
        slot.say(client.numeric(numerics.ERR_NOSUCHCHANNEL, writer.word(channel)))
        return
    if room == client.user:
        client.fail(slot, "PART", "OWN_ROOM", "Your own channel is always yours.", writer.word(channel))
        return
    try:
        entry, seq = await _leave(client, room, why)
    except ChatnetError as no:
        client.refuse(slot, "PART", writer.word(channel), await reason_of(client, room, no))
        return
    stays = client.session.local_user.memberships
    if room in client.joined and stays.since(room) < seq:  # else it has joined again elsewhere
        client.note_stay(room, False)
        slot.now(events.parted(client.source, room, why) if entry is None else client.channel.own_stay(entry))


async def _leave(client: IrcClient, room: str, why: str) -> tuple[Entry | None, int]:
    drafts = client.session.drafts
    try:
        return await client.drafts.move(lambda key: drafts.leave(key, room, why))
    except (Muted, NotYet):  # they are to say nothing; or the log is of an older release, and takes no reason
        return await client.drafts.move(lambda key: drafts.leave(key, room))


# ---- NAMES and TOPIC ----


async def names(client: IrcClient, slot: Slot, line: Line) -> None:
    """List who is in channels, present or not."""
    channels = listed(line.params[0]) if line.params else []
    if not channels:
        slot.say(end_of_names(client, "*"))
    for channel in channels[isupport.MOST_TARGETS :][:1]:
        sentence = f"NAMES is for at most {isupport.MOST_TARGETS} channels."
        slot.say(client.numeric(numerics.ERR_TOOMANYTARGETS, writer.word(channel), sentence))
    for channel in channels[: isupport.MOST_TARGETS]:
        room = events.room_in(channel)
        try:
            if room is None:
                slot.say(end_of_names(client, channel))
            else:
                await say_names(client, slot.say, room, channel)
        except ChatnetError as why:
            if not isinstance(why, NoSuchRoom):
                client.refuse(slot, "NAMES", writer.word(channel), why)
            slot.say(end_of_names(client, channel))


async def topic(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say what a channel is about, or set it."""
    channel = line.params[0]
    room = events.room_in(channel)
    if room is None:
        slot.say(client.numeric(numerics.ERR_NOSUCHCHANNEL, writer.word(channel)))
    elif len(line.params) == 1:
        await _say_topic(client, slot, room)
    elif (text := texts.words(line.params[1])[: isupport.MOST_TOPIC]).strip() or not line.params[1]:
        await _set_topic(client, slot, room, text)
    else:  # there is nothing to be seen in it: that is not meant to take away what there is
        slot.say(client.numeric(numerics.ERR_NOTEXTTOSEND))


async def _say_topic(client: IrcClient, slot: Slot, room: str) -> None:
    roster, channel = Roster(client, room), events.channel(room)
    await roster.next()
    if lines := topic_lines(client, room, roster):
        slot.say(*lines)
    else:
        slot.say(client.numeric(numerics.RPL_NOTOPIC, channel))


async def _set_topic(client: IrcClient, slot: Slot, room: str, text: str) -> None:
    first = await first_in(client, room)
    if first not in ("", client.user) and room in client.joined and not await moderates(client, room):
        sentence = f"It has no owner yet: {client.front.faces.nick(first)} sets it, who is there for longest."
        slot.say(client.numeric(numerics.ERR_CHANOPRIVSNEEDED, events.channel(room), sentence))
        return
    drafts = client.session.drafts
    try:
        entry, place = await client.drafts.append(lambda key: drafts.order(key, "describe", room, text))
    except ChatnetError as why:
        raise await reason_of(client, room, why) from None
    slot.now(_described(client, room, text, entry, place))


def _described(client: IrcClient, room: str, text: str, entry: Entry | None, place: str) -> bytes:
    if entry is not None:
        return client.channel.lines(entry, place or room)
    return writer.line(client.source, "TOPIC", events.channel(room), text, trailing=True)


COMMANDS = {
    "JOIN": Command(join, 1, Pace.ALONE, price=0),
    "PART": Command(part, 1, Pace.ALONE),
    "NAMES": Command(names, 0, Pace.ALONE, price=4),
    "TOPIC": Command(topic, 1, Pace.ALONE, price=2),
}
