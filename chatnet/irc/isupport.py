"""What a server says of itself with 005: its limits, and what it can do. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from chatnet.irc.numerics import RPL_ISUPPORT
from chatnet.irc.targets import CHANTYPES
from chatnet.names import MAX_NAME, MAX_ROOM

MOST_TOKENS = 13
"""How many tokens a line has: with the nick and the text behind them, these are its fifteen parameters."""
MOST_TARGETS = 4
"""To how many one PRIVMSG, NOTICE or TAGMSG may go."""
MOST_MONITORED = 100
MOST_HISTORY = 1_000
"""How many messages one CHATHISTORY asks for at most."""
MOST_MODES = 4
MOST_TOPIC, MOST_REASON, MOST_AWAY, MOST_REAL_NAME = 300, 300, 200, 100
"""How long those are at most, in characters: what a channel is about, and why somebody is removed, leaves or
is away, is cut there, as clients understand 005; a longer real name is refused."""
BOT = "B"
"""The mode of users who are bots, and their flag in WHO."""
USER_MODES = "Bi"
CHANNEL_MODES = "bimnot"
"""Banned are ``b``; it takes an invitation (i); only some speak (m), of members alone (n); operators are
``o``, and they alone set what it is about (t)."""
TYPING = "+typing"
"""The tag that says whether somebody is typing."""
RELAYED = ("+reply", "+draft/reply", "+draft/react", TYPING)
"""The tags of clients that go on to others."""
_MOST_BYTES = 400


def tokens(network: str, has_guests: bool = False) -> list[str]:
    """Return all tokens; ``network`` is what users call it. Without guests everybody needs an account."""
    denied = ",".join(["*", *(f"-{tag[1:]}" for tag in RELAYED)])
    targets = ",".join(f"{command}:{MOST_TARGETS}" for command in ("PRIVMSG", "NOTICE", "TAGMSG"))
    return [
        f"AWAYLEN={MOST_AWAY}",
        f"BOT={BOT}",
        "CASEMAPPING=ascii",
        "CHANMODES=b,,,imnt",
        f"CHANNELLEN={MAX_ROOM}",
        f"CHANTYPES={CHANTYPES}",
        f"CHATHISTORY={MOST_HISTORY}",
        f"CLIENTTAGDENY={denied}",
        "ELIST=MNU",
        f"KICKLEN={MOST_REASON}",
        f"MODES={MOST_MODES}",
        f"MONITOR={MOST_MONITORED}",
        "MSGREFTYPES=msgid,timestamp",
        f"NAMELEN={MOST_REAL_NAME}",
        f"NETWORK={_escaped(network)}",
        f"NICKLEN={MAX_NAME}",
        "PREFIX=(o)@",
        "SAFELIST",
        f"TARGMAX={targets},JOIN:,PART:,KICK:1,NAMES:{MOST_TARGETS},WHOIS:1",
        f"TOPICLEN={MOST_TOPIC}",
        f"USERLEN={MAX_NAME}",
        "UTF8ONLY",
        "WHOX",
        *([] if has_guests else ["draft/ACCOUNTREQUIRED"]),
        "soju.im/SAFERATE",
    ]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\x5C").replace(" ", r"\x20").replace("=", r"\x3D")


def in_lines(to: str, said: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield the lines with these tokens, from their command on."""
    some: list[str] = []
    for token in said:
        if some and (len(some) == MOST_TOKENS or sum(map(len, some)) + len(token) > _MOST_BYTES):
            yield (RPL_ISUPPORT.code, to, *some, RPL_ISUPPORT.text)
            some = []
        some.append(token)
    if some:
        yield (RPL_ISUPPORT.code, to, *some, RPL_ISUPPORT.text)
