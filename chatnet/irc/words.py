"""What the server says in sentences: INFO and HELP. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

INFO = (
    "This is chatnet, a chat service that does not lose a message.",
    "A message whose echo you have, or a PONG that came after it, is on disk.",
)
_INDEX = "INDEX"
_HELP: Mapping[str, Sequence[str]] = {
    "ACCOUNTS": (
        "A nick is an account. Log in by SASL PLAIN, or by PASS. Who uses a free name first with a password",
        "registers it, if the operator allows that. Without a password you are a guest, if those are let in,",
        "until you disconnect. You may name your device, which is then sent what it has missed: alice@phone,",
        "as the name in SASL, as the user name, or in PASS alice@phone:password.",
    ),
    "ADMIN": ("ADMIN: who runs this server; nothing is told of that.",),
    "AUTHENTICATE": (
        "AUTHENTICATE PLAIN, or EXTERNAL with a certificate (see CERT): begin to log in by SASL.",
    ),
    "AWAY": ("AWAY [:why]: say that you are away; without why, that you are back.",),
    "BATCH": ("BATCH +name draft/multiline target, lines, BATCH -name: say something long.",),
    "CAP": ("CAP LS 302, CAP REQ :names, CAP LIST, CAP END: ask for capabilities of IRCv3.",),
    "CERT": (
        "CERT ADD: the certificate with which you have connected by TLS is yours from now on: SASL EXTERNAL",
        "logs you in by it. CERT LIST shows those that you have; CERT DEL digits removes one.",
    ),
    "CHANNELS": (
        "#topic is a topic: whoever is in it hears what is said there, and what users say in their own rooms",
        "with #topic in it. #@alice is alice's room: JOIN it to follow her; she alone speaks there.",
        "&name is a private room: one needs an invitation. A JOIN is kept until PART: if you are away,",
        "you are still in the channel. What was said meanwhile is in the history: CHATHISTORY reads it.",
    ),
    "CHATHISTORY": ("CHATHISTORY LATEST|BEFORE|AFTER|AROUND|BETWEEN|TARGETS …: read what was said before.",),
    "HELP": ("HELP [topic]: explain a command.",),
    "INFO": ("INFO: say what runs here.",),
    "INVITE": ("INVITE nick channel: let somebody into a private room.",),
    "ISON": ("ISON nick …: which of these are here?",),
    "JOIN": (
        "JOIN channel[,channel …]: hear what is said there, from now on until you PART.",
        "It lasts when you disconnect. JOIN 0 is refused: it would leave everything.",
    ),
    "KICK": ("KICK channel nick [:why]: remove somebody from a channel that you moderate.",),
    "LIST": ("LIST [masks, !mask, >n, <n]: the channels, how many are in them and what they are about.",),
    "LUSERS": ("LUSERS: how many are here?",),
    "MARKREAD": ("MARKREAD target [timestamp=…]: how far you have read, on all your devices.",),
    "MODE": ("MODE channel|nick [changes [nicks]]: see or change modes.",),
    "MONITOR": ("MONITOR + nick[,nick …] | - nicks | C | L | S: be told when these come and go.",),
    "MOTD": ("MOTD: the message of the day, if the operator has written one.",),
    "NAMES": ("NAMES channel: who is in it, present or not.",),
    "NICK": (
        "NICK name: say who you are. Of whoever is logged in it changes the capitals; guests take another.",
    ),
    "NOTICE": ("NOTICE target[,target …] :text: say it so that no program answers.",),
    "PART": ("PART channel[,channel …] [:why]: leave for good.",),
    "PASS": ("PASS password, or PASS name@device:password: log in, before NICK and USER.",),
    "PING": ("PING token: the PONG comes when all that you said before is on disk.",),
    "PRIVMSG": (
        "PRIVMSG target[,target …] :text: say it in a channel, or to somebody; it is kept if they are away.",
        "What does not fit into one line is refused whole. Formatting is left out.",
    ),
    "QUIT": ("QUIT [:why]: disconnect. You stay in your channels; guests leave theirs.",),
    "REDACT": ("REDACT target msgid [:why]: take back what was said.",),
    "REGISTER": ("REGISTER * * password: register the name that you have as your nick, if that may be.",),
    "SETNAME": ("SETNAME :name: change your real name, which is kept.",),
    "TAGMSG": (
        "TAGMSG target, with the tags +draft/react=… and +draft/reply=msgid: react to a message.",
        "With +typing=active, paused or done: show whether you are typing.",
    ),
    "TIME": ("TIME: the server's time.",),
    "TOPIC": ("TOPIC channel [:text]: see or set what a channel is about.",),
    "USER": ("USER name 0 * :real name: say who you are, once.",),
    "USERHOST": ("USERHOST nick …: are they here, and are they away?",),
    "VERSION": ("VERSION: what runs here.",),
    "WHO": ("WHO channel|mask [%fields[,token]]: who is there; the fields are those of WHOX.",),
    "WHOIS": ("WHOIS nick: who is that, in which channels, since when?",),
    "WHOWAS": ("WHOWAS nick: finds nobody, as a name is somebody's for good.",),
}
_LINE = 70


def topic_of_help(asked: str) -> tuple[str, tuple[str, ...]] | None:
    """Return what is explained, and the lines that do; None if there is no help on that."""
    topic = asked.upper() or _INDEX
    if topic == _INDEX:
        return topic, ("There is help on:", *_listed())
    lines = _HELP.get(topic)
    return None if lines is None else (topic, tuple(lines))


def _listed() -> list[str]:
    rows = [""]
    for topic in _HELP:
        if len(rows[-1]) + len(topic) >= _LINE:
            rows.append("")
        rows[-1] = f"{rows[-1]} {topic}".strip()
    return rows
