"""Users: WHO, WHOIS, WHOWAS, USERHOST, ISON, AWAY, MONITOR, SETNAME, and the modes of oneself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from chatnet.errors import BadName, BadRequest, ChatnetError, NoSuchRoom, NoSuchUser
from chatnet.irc import isupport, masks, numerics, texts, writer
from chatnet.irc.masks import Whox
from chatnet.irc.targets import nick_of
from chatnet.kinds import SAID
from chatnet.names import fold, fold_name, is_guest, is_name, is_public
from chatnet.net.tls import is_encrypted
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.command import Command, Pace
from chatnet.worker.fronts.irc.faces import host
from chatnet.worker.fronts.irc.presence import NOBODY_IS_AT_IT
from chatnet.worker.fronts.irc.refusals import words_for
from chatnet.worker.fronts.irc.roster import OPERATOR, Roster, prefix_of

if TYPE_CHECKING:
    from chatnet.entries import Entry
    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient

NO_ADDRESS = "255.255.255.255"
"""What a WHOX says for an address: nobody's is shown."""
A_TURN = 100
"""How many users are looked at in one turn of the reactor."""
MOST_LOOKED_UP = 100
"""Of how many who are invisible one WHO looks whether a room is shared."""
LOOKED_BACK = 2_000
"""How many of the newest entries are looked at for when somebody last said something."""
AWAY = "away"
"""What is said of who is away without a word that can be seen."""
INVISIBLE = "i"
OPERATORS = "o"
"""The option of WHO that asks for operators alone."""
CHANGES = ("+", "-")


# ---- WHO ----


async def who(client: IrcClient, slot: Slot, line: Line) -> None:
    """List the members of a channel, or the users who are here and match a mask; of operators alone, none, as
    there are none here."""
    mask, options = (*(line.params or ("*",)), "")[:2]
    asked = masks.whox(options)
    if OPERATORS not in options.partition("%")[0]:
        found = _who_is_in if mask[:1] in ("#", "&") else _who_matches
        try:
            await found(client, slot, mask, asked)
        except ChatnetError as why:
            client.refuse(slot, "WHO", writer.word(mask), why)
    slot.say(client.numeric(numerics.RPL_ENDOFWHO, writer.word(mask)))


async def _who_is_in(client: IrcClient, slot: Slot, channel: str, asked: Whox | None) -> None:
    room = events.room_in(channel)
    if room is None:
        return
    roster, spoken = Roster(client, room, has_first=True), _spoken(client, asked)
    try:
        while (members := await roster.next()) is not None:
            for name, role in members.items():
                prefix = prefix_of(role)
                slot.say(_who_line(client, events.channel(room), name, prefix, asked, spoken))
    except NoSuchRoom:
        return  # not for this client


async def _who_matches(client: IrcClient, slot: Slot, mask: str, asked: Whox | None) -> None:
    if mask in ("", "0"):
        mask = "*"
    matches = masks.matcher(mask)
    presence, spoken = client.front.presence, _spoken(client, asked)
    is_named, left = not masks.is_mask(mask), MOST_LOOKED_UP
    faces = client.front.faces
    named = [faces.user_of(fold(mask))] if is_named else presence.users()
    for number, name in enumerate(named, 1):
        is_found = presence.is_here(name) and (
            is_named or matches(nick_of(name)) or matches(fold(faces.source(name)))
        )
        if is_found and not is_named and INVISIBLE in presence.modes(name):
            is_found = left > 0 and await _shares_a_room(client, name)
            left -= 1
        if is_found:
            slot.say(_who_line(client, "*", name, "", asked, spoken))
        if number % A_TURN == 0:
            await client.breathe()


async def _shares_a_room(client: IrcClient, name: str) -> bool:
    """Return whether masks find somebody who is invisible: who shares a room."""
    try:
        return name == client.user or bool((await client.session.reads.who_is(name)).rooms)
    except (BadName, NoSuchUser):
        return False


def _spoken(client: IrcClient, asked: Whox | None) -> Mapping[str, float]:
    """Return when users last said something, if that is asked for, in seconds since 1970: to this front
    anything; else what everybody may read, as far as the newest entries of the log tell."""
    if asked is None or "l" not in asked.fields:
        return {}
    spoken = {post.user: post.time / 1000 for post in _said_last(client)}
    for own in client.front.presence.everybody():
        spoken[own.user] = max(own.spoke_at, spoken.get(own.user, 0))
    return spoken


def _said_last(client: IrcClient) -> Iterable[Entry]:
    window = client.window
    newest = window.after(max(window.start - 1, window.head - LOOKED_BACK))
    return (entry for entry in newest if entry.kind in SAID and is_public(entry.room))


def _spoke_last(client: IrcClient, name: str) -> Mapping[str, float]:
    """Return when this user last said something: see :func:`_spoken`."""
    spoken = [post.time / 1000 for post in _said_last(client) if post.user == name]
    own = [one.spoke_at for one in client.front.crowd.of_user.get(name, ())]
    return {name: max(spoken + own, default=0)}


def _idle(client: IrcClient, name: str, spoken: Mapping[str, float]) -> int:
    """Return for how many seconds a user who is here has said nothing."""
    since = client.front.presence.since(name) / 1000
    return max(0, int(client.front.settings.clocks.wall() - max(since, spoken.get(name, 0))))


def _who_line(
    client: IrcClient, channel: str, name: str, prefix: str, asked: Whox | None, spoken: Mapping[str, float]
) -> bytes:
    presence, server = client.front.presence, client.front.settings.name
    faces = client.front.faces
    nick, real_name = faces.nick(name), _real_name(client, name)
    flags = ("G" if presence.is_away(name) else "H") + prefix + ("B" if presence.is_bot(name) else "")
    if asked is None:
        words = (channel, faces.ident(name), host(name), server, nick, flags, f"0 {real_name}")
        return client.numeric(numerics.RPL_WHOREPLY, *words)
    idle = _idle(client, name, spoken) if presence.is_here(name) else 0
    values = {
        "t": asked.token or "0",
        "c": channel,
        "u": faces.ident(name),
        "i": NO_ADDRESS,
        "h": host(name),
        "s": server,
        "n": nick,
        "f": flags,
        "d": "0",
        "l": str(idle),
        "a": "0" if is_guest(name) else name,
        "o": "n/a",
        "r": real_name,
    }
    return client.numeric(numerics.RPL_WHOSPCRPL, *(values[field] for field in asked.fields))


def _real_name(client: IrcClient, name: str) -> str:
    """Return what a user is called: what is kept of them, or what a connection of theirs to this front has
    said, or their nick."""
    faces, one = client.front.faces, client.front.presence.one_of(name)
    said = "" if one is None or name in faces else one.real_name
    return said or faces.real_name(name)


# ---- WHOIS, WHOWAS ----


async def whois(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say who somebody is, wherever they are."""
    nick = (line.params[1] if len(line.params) > 1 else line.params[0]) if line.params else ""
    nick = nick.partition(",")[0]
    if not nick:
        slot.say(client.numeric(numerics.ERR_NONICKNAMEGIVEN))
        return
    try:
        name = client.front.faces.user_of(fold_name(nick))
        person = await client.session.reads.who_is(name)
        rooms = client.rooms() if name == client.user else person.rooms
        led = () if is_guest(name) else {name, *await _led_by(client, name, rooms)}
        slot.say(*_whois(client, name, {room: room in led for room in rooms}))
    except (BadName, NoSuchUser):
        slot.say(client.numeric(numerics.ERR_NOSUCHNICK, writer.word(nick)))
    except ChatnetError as why:
        client.refuse(slot, "WHOIS", writer.word(nick), why)
    slot.say(client.numeric(numerics.RPL_ENDOFWHOIS, writer.word(nick)))


async def _led_by(client: IrcClient, name: str, rooms: Sequence[str]) -> Sequence[str]:
    """Return in which of these rooms somebody is shown as an operator; an older primary does not know."""
    try:
        return await client.session.reads.led_by(name, rooms)
    except BadRequest:
        return ()


def _whois(client: IrcClient, name: str, rooms: Mapping[str, bool]) -> Iterator[bytes]:
    presence, settings, say = client.front.presence, client.front.settings, client.numeric
    faces = client.front.faces
    nick, ident = faces.nick(name), faces.ident(name)
    yield say(numerics.RPL_WHOISUSER, nick, ident, host(name), "*", _real_name(client, name))
    channels = [(OPERATOR if leads else "") + events.channel(room) for room, leads in rooms.items()]
    yield from client.listed(channels, " ", numerics.RPL_WHOISCHANNELS, nick)
    yield say(numerics.RPL_WHOISSERVER, nick, settings.name, "chatnet")
    if words := presence.words(name):
        yield say(numerics.RPL_AWAY, nick, words)
    if presence.is_here(name) and not is_guest(name):
        yield say(numerics.RPL_WHOISACCOUNT, nick, name)
    theirs = [other for other in client.front.crowd.of_user.get(name, ()) if other.shows]
    if theirs and all(is_encrypted(other.connection.transport) for other in theirs):
        yield say(numerics.RPL_WHOISSECURE, nick)
    if presence.is_bot(name):
        yield say(numerics.RPL_WHOISBOT, nick)
    if presence.is_here(name):
        idle = _idle(client, name, _spoke_last(client, name))
        yield say(numerics.RPL_WHOISIDLE, nick, str(idle), str(presence.since(name) // 1000))


def whowas(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say that nobody was: a name is somebody's for good."""
    if not line.params or not line.params[0]:
        slot.say(client.numeric(numerics.ERR_NONICKNAMEGIVEN))
        return
    nick = writer.word(line.params[0])
    slot.say(client.numeric(numerics.ERR_WASNOSUCHNICK, nick))
    slot.say(client.numeric(numerics.RPL_ENDOFWHOWAS, nick))


# ---- USERHOST, ISON, AWAY ----


def userhost(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say of at most five who are here whether they are away."""
    presence = client.front.presence
    faces = client.front.faces
    names = [faces.user_of(fold(nick)) for nick in line.params[:5]]
    here = [
        f"{faces.nick(name)}={'-' if presence.is_away(name) else '+'}{faces.ident(name)}@{host(name)}"
        for name in names
        if presence.is_here(name)
    ]
    slot.say(client.numeric(numerics.RPL_USERHOST, " ".join(here)))


def ison(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say which of these are here: as RFC 2812 has it, in one line, of as many as it has room for."""
    nicks = [nick for param in line.params for nick in param.split(" ")]
    faces = client.front.faces
    users = [faces.user_of(fold(nick)) for nick in nicks]
    here = [faces.nick(user) for user in users if client.front.presence.is_here(user)]
    lines = list(client.listed(dict.fromkeys(here), " ", numerics.RPL_ISON))
    slot.say(lines[0] if lines else client.numeric(numerics.RPL_ISON, ""))


async def away(client: IrcClient, slot: Slot, line: Line) -> None:
    """Be away, with a word on why; without one, be back."""
    words = await words_told(client, away_words(line))
    client.front.presence.set_away(client, words)
    slot.say(client.numeric(numerics.RPL_NOWAWAY if words else numerics.RPL_UNAWAY))


def away_words(line: Line) -> str:
    """Return the words of an AWAY; empty for who is back. Who says something of which nothing can be seen is
    away: there are clients that would show others no words as being back."""
    said = line.params[0] if line.params else ""
    words = texts.harmless(said)[: isupport.MOST_AWAY]
    return words if words.strip() or not said else AWAY


async def words_told(client: IrcClient, words: str) -> str:
    """Return what others are told of who is away with these words: of who is muted in the whole server, no
    more than that."""
    if words in ("", AWAY, NOBODY_IS_AT_IT) or await client.session.reads.may_speak():
        return words
    return AWAY


# ---- MONITOR ----


def monitor(client: IrcClient, slot: Slot, line: Line) -> None:
    """Watch who comes and goes."""
    match line.params[0].upper():
        case "+" if len(line.params) > 1:
            _monitor_more(client, slot, line.params[1].split(","))
        case "-" if len(line.params) > 1:
            for nick in line.params[1].split(","):
                client.front.presence.unwatch(client, fold(nick))
        case "C":
            for name in list(client.monitors):
                client.front.presence.unwatch(client, name)
        case "L":
            slot.say(*client.listed(client.monitors, ",", numerics.RPL_MONLIST))
            slot.say(client.numeric(numerics.RPL_ENDOFMONLIST))
        case "S":
            slot.say(*states(client, client.monitors))
        case _:
            slot.say(client.numeric(numerics.ERR_NEEDMOREPARAMS, "MONITOR"))


def _monitor_more(client: IrcClient, slot: Slot, nicks: list[str]) -> None:
    named = {name: nick for nick in nicks if is_name(name := fold(nick))}
    left_out: list[str] = []
    for name, nick in list(named.items()):
        if name in client.monitors:
            continue
        if len(client.monitors) < isupport.MOST_MONITORED:
            client.front.presence.watch(client, name)
        else:
            left_out.append(nick)
            del named[name]
    slot.say(*states(client, named))
    slot.say(*client.listed(left_out, ",", numerics.ERR_MONLISTFULL, str(isupport.MOST_MONITORED)))


def states(client: IrcClient, names: Iterable[str]) -> Iterator[bytes]:
    """Yield the lines that say who of these is here, and who is not."""
    presence, faces = client.front.presence, client.front.faces
    users = [faces.user_of(name) for name in names]
    here = [faces.source(user) for user in users if presence.is_here(user)]
    others = [faces.nick(user) for user in users if not presence.is_here(user)]
    yield from client.listed(here, ",", numerics.RPL_MONONLINE)
    yield from client.listed(others, ",", numerics.RPL_MONOFFLINE)


# ---- oneself ----


async def setname(client: IrcClient, slot: Slot, line: Line) -> None:
    """Change one's real name: it is kept, and shown to those who share a room."""
    name = texts.words(line.params[0])
    if not name.strip() or len(name) > isupport.MOST_REAL_NAME:
        client.fail(slot, "SETNAME", "INVALID_REALNAME", "That is too long for a name, or none.")
        return
    try:
        await client.spell(client.front.faces.face(client.user)._replace(real_name=name.strip()))
    except ChatnetError as why:
        client.fail(slot, "SETNAME", "CANNOT_CHANGE_REALNAME", words_for(why))
        return
    if client.has("setname"):
        slot.say(writer.line(client.source, "SETNAME", name.strip(), trailing=True))


def asks_for_modes(line: Line) -> bool:
    """Return whether a MODE names no mode: then it asks which there are."""
    return not "".join(line.params[1:2]).strip("".join(CHANGES))


async def own_modes(client: IrcClient, slot: Slot, line: Line) -> None:
    """See or change the modes of oneself: ``B``, a bot, and ``i``, invisible to masks."""
    asked = client.front.faces.user_of(fold(line.params[0]))
    if asked != client.user:
        await client.session.reads.who_is(asked)  # or there is no such user
        slot.say(client.numeric(numerics.ERR_USERSDONTMATCH))
        return
    if asks_for_modes(line):
        slot.say(client.numeric(numerics.RPL_UMODEIS, "+" + "".join(sorted(client.modes))))
        return
    sign, before, modes = "+", client.modes, set(client.modes)
    for letter in line.params[1]:
        if letter in CHANGES:
            sign = letter
        elif letter in isupport.USER_MODES:
            (modes.add if sign == "+" else modes.discard)(letter)
    if not {*CHANGES, *isupport.USER_MODES}.issuperset(line.params[1]):
        slot.say(client.numeric(numerics.ERR_UMODEUNKNOWNFLAG))
    if modes == before:
        return
    client.modes = frozenset(modes)
    client.front.presence.modes_changed(client)
    changed = {"+": sorted(modes - before), "-": sorted(before - modes)}
    if said := "".join(sign + "".join(letters) for sign, letters in changed.items() if letters):
        slot.say(writer.line(client.source, "MODE", client.nick, said))


COMMANDS = {
    "WHO": Command(who, 0, Pace.ALONE, price=4),
    "WHOIS": Command(whois, 0, Pace.ALONE, price=2),
    "WHOWAS": Command(whowas),
    "USERHOST": Command(userhost, 1, Pace.ALONE),
    "ISON": Command(ison, 1, Pace.ALONE),
    "AWAY": Command(away, 0, Pace.ALONE, price=10),
    "MONITOR": Command(monitor, 1, Pace.ALONE, price=2),
    "SETNAME": Command(setname, 1, Pace.ALONE, price=10),
}
