"""What the server says in sentences: MOTD, INFO and HELP. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MOTD = (
    "Your name, your channels and your history are kept here: leaving IRC is not leaving a channel.",
    "#topic is what is talked about, #@name is what a user says, &name is a private room.",
    "HELP lists the commands; HELP CHANNELS and HELP ACCOUNTS say what is different here.",
)
"""The message of the day, unless the operator has another."""
INFO = (
    "This is chatnet, a chat service that does not lose a message.",
    "A message whose echo you have, or a PONG that came after it, is on disk.",
)
_INDEX = "INDEX"
_HELP: Mapping[str, Sequence[str]] = {
    "ACCOUNTS": (
        "A nick is an account. Log in by SASL PLAIN, or by PASS. Who uses a free name first with a password",
        "registers it. NICK alone makes you a guest, if the operator allows guests: a guest's name is free",
        "again when the guest leaves. Name each device for a history of its own: alice@phone, as the name in",
        "SASL, in PASS alice@phone:password, or as the user name.",
    ),
    "AUTHENTICATE": ("AUTHENTICATE PLAIN: begin to log in by SASL.",),
    "AWAY": ("AWAY [:why]: say that you are away; without why, that you are back.",),
    "BATCH": ("BATCH +name draft/multiline target, lines, BATCH -name: say something long.",),
    "CAP": ("CAP LS 302, CAP REQ :names, CAP LIST, CAP END: ask for capabilities of IRCv3.",),
    "CHANNELS": (
        "#topic is a topic: whoever is in it hears what is said there, and what users say in their own rooms",
        "with #topic in it. #@alice is alice's room: JOIN it to follow her; she alone speaks there.",
        "&name is a private room: one needs an invitation. A JOIN is kept until PART: if you are away,",
        "you are still in the channel, and get what you have missed.",
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
    "MONITOR": ("MONITOR + nick[,nick …] | - nicks | C | L | S: be told when somebody comes or goes.",),
    "MOTD": ("MOTD: the message of the day.",),
    "NAMES": ("NAMES channel: who is in it, present or not.",),
    "NICK": ("NICK name: call yourself so. Who is logged in has the name of the account.",),
    "NOTICE": ("NOTICE target[,target …] :text: say it so that no program answers.",),
    "PART": ("PART channel[,channel …] [:why]: leave for good.",),
    "PASS": ("PASS password, or PASS name@device:password: log in, before NICK and USER.",),
    "PING": ("PING token: the PONG comes when all that you said before is on disk.",),
    "PRIVMSG": (
        "PRIVMSG target[,target …] :text: say it in a channel, or to somebody; they get it later if away.",
        "What does not fit into one line is refused whole. Formatting is left out.",
    ),
    "QUIT": ("QUIT [:why]: disconnect. Only guests leave their channels by it.",),
    "REDACT": ("REDACT target msgid [:why]: take back what was said.",),
    "REGISTER": ("REGISTER * * password: make your nick an account.",),
    "SETNAME": ("SETNAME :name: change your real name.",),
    "TAGMSG": ("TAGMSG target, with tags: react to a message.",),
    "TIME": ("TIME: the server's time.",),
    "TOPIC": ("TOPIC channel [:text]: see or set what a channel is about.",),
    "USER": ("USER name 0 * :real name: say who you are, once.",),
    "USERHOST": ("USERHOST nick …: are they here, are they away?",),
    "VERSION": ("VERSION: what runs here.",),
    "WHO": ("WHO channel|mask [%fields[,token]]: who is there; the fields are those of WHOX.",),
    "WHOIS": ("WHOIS nick: who is that, in which channels, since when?",),
    "WHOWAS": ("WHOWAS nick [count]: who was that?",),
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
