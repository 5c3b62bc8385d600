"""INVITE, KICK, and MODE of channels: orders in the log, as IRC shows them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from chatnet.entries import Entry, More
from chatnet.errors import (
    AlreadyThere,
    ChatnetError,
    NoSuchUser,
    NotModerator,
    NotOwner,
    NotThere,
)
from chatnet.irc import isupport, masks, numerics, texts, writer
from chatnet.kinds import KindName
from chatnet.names import fold_name
from chatnet.reads import Ban
from chatnet.rules import FOR_EVER
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.command import Command, Pace
from chatnet.worker.fronts.irc.finding import find
from chatnet.worker.fronts.irc.people import CHANGES, asks_for_modes, own_modes
from chatnet.worker.fronts.irc.roster import is_users, moderates, owns, prefix_of, reason_of, role_in

if TYPE_CHECKING:
    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient

_May = Callable[["IrcClient", str], Awaitable[bool]]
BANS = "A ban is of one user: say +b nick, or +b nick!*@*. Nobody has an address here."
WITH_NICK = "ob"
"""The modes of a channel that are for somebody."""
OF_OTHER_SERVERS = "ahqv"
"""Modes that are for somebody where they are."""


class _Meant(NamedTuple):
    """Whom an order is about: the user with this name; if that is a guest, who was here at the seq ``at``."""

    name: str
    at: int


async def _order(
    client: IrcClient, kind: KindName, room: str, to: _Meant, text: str = ""
) -> tuple[Entry | None, str]:
    more, drafts = More(to=to.name), client.session.drafts
    return await client.drafts.append(lambda key: drafts.order(key, kind, room, text, more, to.at))


def _meant(client: IrcClient, nick: str) -> _Meant:
    """Return the user who is meant.

    :raises NoSuchUser: nobody can be.
    """
    faces = client.front.faces
    try:
        name = faces.user_of(fold_name(nick))
        return _Meant(name, faces.here_at(name))
    except ChatnetError as why:
        raise NoSuchUser.of(name=nick) from why


async def invite(client: IrcClient, slot: Slot, line: Line) -> None:
    """Let somebody into a private room; all other channels are open to all."""
    nick, channel = line.params[:2]
    room = events.room_in(channel)
    if room is None:
        slot.say(client.numeric(numerics.ERR_NOSUCHCHANNEL, writer.word(channel)))
        return
    if room[0] != "&":
        try:
            await client.session.reads.facts_of(room)
        except ChatnetError as why:
            client.refuse(slot, "INVITE", writer.word(channel), why)
            return
        sentence = "That channel is open to all: nobody needs an invitation. Send them a message."
        client.fail(slot, "INVITE", "NOT_DONE", sentence, writer.word(nick), events.channel(room))
        return
    try:
        meant = _meant(client, nick)
        await _order(client, "invite", room, meant)
    except NoSuchUser:
        slot.say(client.numeric(numerics.ERR_NOSUCHNICK, writer.word(nick)))
    except AlreadyThere:
        words = client.front.faces.nick(meant.name), events.channel(room)
        slot.say(client.numeric(numerics.ERR_USERONCHANNEL, *words))
    except ChatnetError as why:
        client.refuse(slot, "INVITE", writer.word(channel), why)
    else:
        nick = client.front.faces.nick(meant.name)
        slot.say(client.numeric(numerics.RPL_INVITING, nick, events.channel(room)))


async def kick(client: IrcClient, slot: Slot, line: Line) -> None:
    """Remove somebody from a channel."""
    channel, nick = line.params[:2]
    if "," in channel + nick:
        sentence = "KICK is for one user, in one channel."
        slot.say(client.numeric(numerics.ERR_TOOMANYTARGETS, writer.word(line.params["," in nick]), sentence))
        return
    reason = texts.in_passing(line.params[2], isupport.MOST_REASON) if len(line.params) > 2 else ""
    room = events.room_in(channel)
    if room is None:
        slot.say(client.numeric(numerics.ERR_NOSUCHCHANNEL, writer.word(channel)))
        return
    try:
        entry, place = await _order(client, "remove", room, _meant(client, nick), reason)
    except ChatnetError as why:
        await _refuse(client, slot, "KICK", room, nick, why, moderates)
    else:
        _say_event(client, slot, entry, place or room)


async def _refuse(
    client: IrcClient, slot: Slot, command: str, room: str, whose: str, why: ChatnetError, may: _May
) -> None:
    """Answer that an order about somebody, whom the client has named so, is not done. Who may not give it is
    told that, whoever it was about."""
    channel, said = events.channel(room), writer.word(whose)
    if isinstance(why, NoSuchUser):
        try:
            await _check_may(client, room, may)
        except ChatnetError as no:
            why = no
    if isinstance(why, NoSuchUser):
        slot.say(client.numeric(numerics.ERR_NOSUCHNICK, said))
    elif isinstance(why, NotThere):
        slot.say(client.numeric(numerics.ERR_USERNOTINCHANNEL, said, channel))
    else:
        client.refuse(slot, command, channel, await reason_of(client, room, why))


async def _check_may(client: IrcClient, room: str, may: _May) -> None:
    """Check that the client's user gives orders in a channel.

    :raises NotModerator: they do not. :raises NotOwner: as owners do. :raises NoSuchRoom: they are not there.
    """
    if not await may(client, room):
        raise NotOwner.of(room=events.channel(room)) if may is owns else NotModerator.of()


def _say_event(client: IrcClient, slot: Slot, entry: Entry | None, place: str) -> None:
    if entry is not None and (line := client.channel.lines(entry, place)):
        slot.now(line)


# ---- MODE ----


async def mode(client: IrcClient, slot: Slot, line: Line) -> None:
    """See or change modes, of a channel or of oneself."""
    target = line.params[0]
    if target[:1] not in ("#", "&"):
        await own_modes(client, slot, line)
        return
    room = events.room_in(target)
    if room is None:
        slot.say(client.numeric(numerics.ERR_NOSUCHCHANNEL, writer.word(target)))
        return
    facts = await client.session.reads.facts_of(room)  # or there is no such room for this user
    if asks_for_modes(line):
        channel = events.channel(room)
        slot.say(client.numeric(numerics.RPL_CHANNELMODEIS, channel, modes_of(room)))
        if facts.since:
            slot.say(client.numeric(numerics.RPL_CREATIONTIME, channel, str(facts.since // 1000)))
    else:
        await _change(client, slot, room, line.params[1], list(line.params[2:]))


def modes_of(room: str) -> str:
    """Return the modes of a channel, which follow from what it is."""
    if room[0] == "&":
        return "+int"
    return "+mnt" if is_users(room) else "+nt"


async def _change(client: IrcClient, slot: Slot, room: str, letters: str, nicks: list[str]) -> None:
    sign, changes, told = "+", 0, set[str]()  # of letters that change nothing it is said once
    if sum(letter not in CHANGES for letter in letters) > 1:
        slot.begin_now()
    for letter in letters:
        if letter in CHANGES:
            sign = letter
        elif letter in WITH_NICK and nicks and changes < isupport.MOST_MODES:
            changes += 1
            await _change_one(client, slot, room, sign + letter, nicks.pop(0))
        elif letter in OF_OTHER_SERVERS and nicks:
            nicks.pop(0)  # or the next letter would be for whom this one was meant
            slot.say(client.numeric(numerics.ERR_UNKNOWNMODE, letter))
        elif letter not in told:
            told.add(letter)
            await _change_nothing(client, slot, room, sign + letter, bool(nicks))


async def _change_nothing(client: IrcClient, slot: Slot, room: str, change: str, has_nicks: bool) -> None:
    """Answer to a letter that changes nothing: it asks for bans, or cannot be."""
    letter, channel = change[1], events.channel(room)
    if letter not in isupport.CHANNEL_MODES:
        slot.say(client.numeric(numerics.ERR_UNKNOWNMODE, writer.word(letter)))
    elif letter not in WITH_NICK:
        sentence = "What this channel is follows from its name: nobody changes that."
        client.fail(slot, "MODE", "NOT_DONE", sentence, channel, change)
    elif has_nicks:
        sentence = f"A line makes at most {isupport.MOST_MODES} changes."
        client.fail(slot, "MODE", "NOT_DONE", sentence, channel, change)
    elif letter == "b":
        await _say_bans(client, slot, room)
    else:
        slot.say(client.numeric(numerics.ERR_NEEDMOREPARAMS, "MODE"))


async def _say_bans(client: IrcClient, slot: Slot, room: str) -> None:
    """List who is banned. Only moderators may know of bans: for others the list is empty, since clients ask
    for it at each JOIN, and take a refusal for an error."""
    channel = events.channel(room)
    after, has_more = "", await moderates(client, room)
    while has_more:
        page = await client.session.reads.bans(room, after)
        for ban in page.bans:
            mask = events.banned(client.front.faces.nick(ban.user))
            slot.say(client.numeric(numerics.RPL_BANLIST, channel, mask))
        has_more = page.more and bool(page.bans)
        after = page.bans[-1].user if page.bans else after
    slot.say(client.numeric(numerics.RPL_ENDOFBANLIST, channel))


_KINDS: dict[str, tuple[KindName, str]] = {
    "+o": ("role", "moderator"),
    "-o": ("role", "none"),
    "+b": ("ban", ""),
    "-b": ("unban", ""),
}


async def _change_one(client: IrcClient, slot: Slot, room: str, change: str, whose: str) -> None:
    kind, text = _KINDS[change]
    may, nick = (owns, whose) if kind == "role" else (moderates, masks.banned(whose))
    try:
        if nick is None:
            await _check_may(client, room, moderates)
            channel, said = events.channel(room), writer.word(whose)
            slot.say(client.numeric(numerics.ERR_INVALIDMODEPARAM, channel, "b", said, BANS))
            return
        meant = _meant(client, nick)
        if await _is_so_already(client, room, change, meant.name):
            return
        entry, place = await _order(client, kind, room, meant, text)
    except ChatnetError as why:
        await _refuse(client, slot, "MODE", room, whose, why, may)
    else:
        _say_event(client, slot, entry, place or room)


async def _is_so_already(client: IrcClient, room: str, change: str, name: str) -> bool:
    """Return whether a change of somebody's modes changes nothing, if the client's user is one who says that:
    else the log says why it is refused. IRC has one mark for owners and moderators: so ``+o`` makes no
    moderator of an owner. ``-o`` takes either role: owners are of one rank. Bans of IRC have no end. The log
    lifts a ban and a mute by one entry: so ``-b`` of who is muted alone, as IRC does not show, lifts nothing.

    :raises NotThere: they are not in that channel. :raises NoSuchUser: there is no such user.
    """
    sets, is_role = change[0] == "+", change[1] == "o"
    if is_users(room) or not await (owns if is_role else moderates)(client, room):
        return False
    if is_role:
        role = await role_in(client, room, name)
        if role is None:
            await client.session.reads.who_is(name)
            raise NotThere.of(to=name, room=room)
        return bool(prefix_of(role)) is sets
    ban = await _ban_of(client, room, name)
    if sets:
        return ban is not None and ban.until == FOR_EVER
    if ban is None:
        await client.session.reads.who_is(name)
    return ban is None


async def _ban_of(client: IrcClient, room: str, name: str) -> Ban | None:
    async def ask(after: str) -> tuple[list[Ban], bool]:
        page = await client.session.reads.bans(room, after)
        return page.bans, page.more

    return await find(name, ask, lambda ban: ban.user)


COMMANDS = {
    "INVITE": Command(invite, 2, Pace.ALONE),
    "KICK": Command(kick, 2, Pace.ALONE),
    "MODE": Command(mode, 1, Pace.ALONE, price=2),
}
