"""The connection and the server: the welcome, CAP, PING, QUIT, MOTD, LUSERS."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from chatnet.errors import BadName, ChatnetError, NameTaken
from chatnet.faces import guest
from chatnet.irc import isupport, numerics, times, words, writer
from chatnet.irc.lines import MOST_BYTES
from chatnet.irc.targets import is_nick, nick_of
from chatnet.names import fold, is_guest
from chatnet.worker.fronts.irc import guests
from chatnet.worker.fronts.irc.command import Command, Pace

if TYPE_CHECKING:
    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient
    from chatnet.worker.fronts.irc.faces import Faces

VERSION = f"chatnet-{version('chatnet')}"
NETWORK = "chatnet"
NO_NICK = (
    "A name has 1 to 32 of the letters a-z, digits, - and _, and begins with a letter or digit; some words, "
    "and what services are called, are nobody's."
)
CHANGED = 9
"""For so many lines more counts one that changes how one is called."""


def welcome(client: IrcClient) -> list[bytes]:
    """Return what a client is told first."""
    server, say = client.front.settings.name, client.numeric
    return [
        say(numerics.RPL_WELCOME, f"Welcome to chatnet, {client.nick}!"),
        say(numerics.RPL_YOURHOST, f"Your host is {server}, running {VERSION}."),
        say(numerics.RPL_CREATED, "What was said here before you came is in the history."),
        say(numerics.RPL_MYINFO, server, VERSION, isupport.USER_MODES, isupport.CHANNEL_MODES),
        *supported(client),
        *users(client),
        *message_of_the_day(client),
    ]


def supported(client: IrcClient) -> list[bytes]:
    """Return what this server does, in tokens."""
    settings = client.front.settings
    tokens = isupport.tokens(NETWORK, settings.guests)
    return [
        writer.line(settings.name, code, *words, trailing=True)
        for code, *words in isupport.in_lines(client.nick, tokens)
    ]


def users(client: IrcClient) -> list[bytes]:
    """Return how many are here: of the channels and strangers, those of this process."""
    here, front = len(client.sessions.users), client.front
    strangers, most = front.shared.visitors.strangers, front.most_users
    everywhere = len(front.presence)
    front.most_everywhere = most_everywhere = max(front.most_everywhere, everywhere)
    say, they = client.numeric, (str(everywhere), str(most_everywhere))
    return [
        say(numerics.RPL_LUSERCLIENT, f"There are {everywhere} users and 0 invisible on 1 servers"),
        say(numerics.RPL_LUSEROP, "0"),
        *([say(numerics.RPL_LUSERUNKNOWN, str(strangers))] if strangers else []),
        say(numerics.RPL_LUSERCHANNELS, str(front.rooms)),
        say(numerics.RPL_LUSERME, f"I have {here} clients and 0 servers"),
        say(numerics.RPL_LOCALUSERS, str(here), str(most), f"Current local users {here}, max {most}"),
        say(numerics.RPL_GLOBALUSERS, *they, f"Current global users {they[0]}, max {they[1]}"),
    ]


def message_of_the_day(client: IrcClient) -> list[bytes]:
    """Return the message of the day, or that there is none."""
    settings, say = client.front.settings, client.numeric
    lines = settings.motd()
    if not lines:
        return [say(numerics.ERR_NOMOTD)]
    return [
        say(numerics.RPL_MOTDSTART, f"- {settings.name} Message of the day - "),
        *(say(numerics.RPL_MOTD, f"- {line}") for line in lines),
        say(numerics.RPL_ENDOFMOTD),
    ]


def cap(client: IrcClient, slot: Slot, line: Line) -> None:
    """Negotiate capabilities, at any time: what changes begins at the answer, and not at lines before it."""
    before = client.caps.on
    for command, *params in client.caps.answer(client.nick, line.params):
        slot.say(writer.line(client.front.settings.name, command, *params, trailing=True))
    if client.caps.on != before:
        client.capabilities_changed()


def ping(client: IrcClient, slot: Slot, line: Line) -> None:
    """Give back the token, once everything before is answered."""
    if not line.params or not line.params[0]:
        slot.say(client.numeric(numerics.ERR_NOORIGIN))
        return
    pong = pong_to(client.front.settings.name, line.params[0])
    slot.say(pong or client.numeric(numerics.ERR_INPUTTOOLONG))


def pong_to(server: str, token: str) -> bytes:
    """Return the answer to a PING; empty if it has no room for the whole token, by which it is known."""
    has_room = len(f":{server} PONG {server} :{token}".encode()) <= MOST_BYTES
    return writer.line(server, "PONG", server, token, trailing=True) if has_room else b""


def pong(client: IrcClient, slot: Slot, line: Line) -> None:
    """Take a sign of life, and what its device has heard; it is never answered."""
    client.device.answered(line.params)


def leave(client: IrcClient, slot: Slot, line: Line) -> None:
    """Close, once everything before is answered."""
    client.quit(slot, line.params[0] if line.params else "")


def registered_already(client: IrcClient, slot: Slot, line: Line) -> None:
    """Refuse what belongs before the login."""
    slot.say(client.numeric(numerics.ERR_ALREADYREGISTERED))


async def nick(client: IrcClient, slot: Slot, line: Line) -> None:
    """Spell one's name in other capitals; only a guest takes another one."""
    wanted = line.params[0] if line.params else ""
    if not wanted:
        slot.say(client.numeric(numerics.ERR_NONICKNAMEGIVEN))
    elif not is_nick(wanted):
        slot.say(client.numeric(numerics.ERR_ERRONEUSNICKNAME, writer.word(wanted), NO_NICK))
    elif fold(wanted) == nick_of(client.user):
        await _respell(client, slot, wanted)
    elif is_guest(client.user):
        await _rename(client, slot, wanted)
    else:
        sentence = f"You are logged in as {client.user}, and that is your nick."
        slot.say(client.numeric(numerics.ERR_NICKNAMEINUSE, writer.word(wanted), sentence))


async def _respell(client: IrcClient, slot: Slot, wanted: str) -> None:
    before = client.source
    if wanted != client.nick:
        client.charge(CHANGED)
    try:
        changed = await client.spell(client.front.faces.face(client.user)._replace(spelled=wanted))
    except ChatnetError as why:
        client.refuse(slot, "NICK", writer.word(wanted), why)
    else:
        if changed:
            slot.say(writer.line(before, "NICK", wanted))


def taken(faces: Faces, nick: str) -> str:
    """Return why a guest cannot be called so. Of one who was lost with its server the log knows that only
    half a minute later."""
    if guest(fold(nick)) in faces:
        return (
            f"A guest is called {nick}, or was until a moment ago: choose another, or come back in a minute."
        )
    return f"The nick {nick} is somebody's, or looks like theirs: choose another, or log in."


async def _rename(client: IrcClient, slot: Slot, wanted: str) -> None:
    client.charge(CHANGED)
    before, face = client.source, client.front.faces.face(client.user)._replace(spelled=wanted)
    try:
        await guests.renamed(client, guest(fold(wanted)), face)
    except NameTaken:
        sentence = taken(client.front.faces, wanted)
        slot.say(client.numeric(numerics.ERR_NICKNAMEINUSE, writer.word(wanted), sentence))
    except BadName:
        slot.say(client.numeric(numerics.ERR_ERRONEUSNICKNAME, writer.word(wanted), NO_NICK))
    except ChatnetError as why:
        client.refuse(slot, "NICK", writer.word(wanted), why)
    else:
        slot.say(writer.line(before, "NICK", wanted))


def motd(client: IrcClient, slot: Slot, line: Line) -> None:
    slot.say(*message_of_the_day(client))


def time(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say what time it is here."""
    settings = client.front.settings
    now = times.shown(int(settings.clocks.wall() * 1000))
    slot.say(client.numeric(numerics.RPL_TIME, settings.name, now))


def version_of_this(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say what runs here."""
    name = client.front.settings.name
    slot.say(client.numeric(numerics.RPL_VERSION, VERSION, name, "chatnet"), *supported(client))


def info(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say what this is."""
    slot.say(*(client.numeric(numerics.RPL_INFO, line) for line in words.INFO))
    slot.say(client.numeric(numerics.RPL_ENDOFINFO))


def help_on(client: IrcClient, slot: Slot, line: Line) -> None:
    """Explain a command."""
    asked = line.params[0] if line.params else ""
    found = words.topic_of_help(asked)
    if found is None:
        slot.say(client.numeric(numerics.ERR_HELPNOTFOUND, writer.word(asked)))
        return
    topic, (first, *others) = found
    slot.say(client.numeric(numerics.RPL_HELPSTART, topic, first))
    slot.say(*(client.numeric(numerics.RPL_HELPTXT, topic, text) for text in others))
    slot.say(client.numeric(numerics.RPL_ENDOFHELP, topic, f"End of HELP on {topic}."))


def links(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say that there is one server."""
    name = client.front.settings.name
    slot.say(client.numeric(numerics.RPL_LINKS, name, name, "0 chatnet"))
    slot.say(client.numeric(numerics.RPL_ENDOFLINKS, "*"))


def admin(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say that nothing is known of who runs this."""
    slot.say(client.numeric(numerics.ERR_NOADMININFO, client.front.settings.name))


def lusers(client: IrcClient, slot: Slot, line: Line) -> None:
    slot.say(*users(client))


COMMANDS = {
    "CAP": Command(cap, 0, Pace.ALONE),
    "PING": Command(ping),
    "PONG": Command(pong, price=0),
    "QUIT": Command(leave, 0, Pace.ALONE),
    "PASS": Command(registered_already),
    "USER": Command(registered_already),
    "NICK": Command(nick, 0, Pace.ALONE),
    "MOTD": Command(motd),
    "LUSERS": Command(lusers),
    "TIME": Command(time),
    "VERSION": Command(version_of_this),
    "INFO": Command(info),
    "HELP": Command(help_on),
    "HELPOP": Command(help_on),
    "LINKS": Command(links),
    "ADMIN": Command(admin),
}
