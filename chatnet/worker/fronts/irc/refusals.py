"""What a client is told when something of theirs is refused: a number of IRC's, or FAIL. Pure."""

from __future__ import annotations

from chatnet.errors import (
    BadName,
    BadRoom,
    BadText,
    Banned,
    ChatnetError,
    NoSuchRoom,
    NoSuchUser,
    NotForGuests,
    NotJoined,
    NotModerator,
    NotOwner,
    NotYours,
    OutOfReach,
    TooManyRooms,
    TooManyTopics,
)
from chatnet.irc import numerics
from chatnet.irc.numerics import Numeric

_Numbers = dict[type[ChatnetError], Numeric]
_ROOMS: _Numbers = {
    NoSuchRoom: numerics.ERR_NOSUCHCHANNEL,
    BadRoom: numerics.ERR_NOSUCHCHANNEL,
    BadName: numerics.ERR_NOSUCHNICK,
    NoSuchUser: numerics.ERR_NOSUCHNICK,
    NotJoined: numerics.ERR_NOTONCHANNEL,
    NotModerator: numerics.ERR_CHANOPRIVSNEEDED,
    NotOwner: numerics.ERR_CHANOPRIVSNEEDED,
    OutOfReach: numerics.ERR_CHANOPRIVSNEEDED,
    NotForGuests: numerics.ERR_CHANOPRIVSNEEDED,
    Banned: numerics.ERR_BANNEDFROMCHAN,
}
_SAID: _Numbers = {
    NoSuchRoom: numerics.ERR_NOSUCHCHANNEL,
    BadRoom: numerics.ERR_NOSUCHCHANNEL,
    BadName: numerics.ERR_NOSUCHNICK,
    NoSuchUser: numerics.ERR_NOSUCHNICK,
}
_OF: dict[str, _Numbers] = {
    "PRIVMSG": _SAID,
    "NOTICE": _SAID,
    "TAGMSG": _SAID,
    "JOIN": {
        **_ROOMS,
        NoSuchUser: numerics.ERR_NOSUCHCHANNEL,
        BadName: numerics.ERR_NOSUCHCHANNEL,
        NotForGuests: numerics.ERR_NEEDREGGEDNICK,
        TooManyRooms: numerics.ERR_TOOMANYCHANNELS,
        TooManyTopics: numerics.ERR_TOOMANYCHANNELS,
    },
    "PART": {**_ROOMS, NotForGuests: numerics.ERR_NOTONCHANNEL},
}
_SPECIFIED = frozenset({"BATCH", "CHATHISTORY", "MARKREAD", "REDACT", "REGISTER", "SETNAME"})
"""The commands whose own specifications say by which FAIL they are refused."""
NOT_YOURS = "only {name} speaks here; mention @{name}, or send them a message"


def numeric_of(command: str, why: ChatnetError) -> Numeric | None:
    """Return the number with which ``command`` is refused for this reason; None: FAIL says it."""
    number = _OF.get(command, _ROOMS).get(type(why))
    if number is None and command in ("PRIVMSG", "NOTICE", "TAGMSG"):
        return numerics.ERR_CANNOTSENDTOCHAN
    return number


def sentence_of(why: ChatnetError, target: str) -> str:
    """Return the words for ``why``, where a number has none of its own."""
    if isinstance(why, NotYours):
        return NOT_YOURS.format(name=target.removeprefix("#@"))
    return str(why)


def code_of(why: ChatnetError) -> str:
    """Return the word for ``why`` that programs read."""
    return "INVALID_TEXT" if isinstance(why, BadText) else why.code.decode("ascii")


def is_specified(command: str, code: str) -> bool:
    """Return whether another specification than ``standard-replies`` has this FAIL: then it is sent to
    everybody. ``INVALID_UTF8`` is that of ``UTF8ONLY``, ``INVALID_KEY`` that of ``chatnet/key``."""
    return command in _SPECIFIED or code in ("INVALID_UTF8", "INVALID_KEY")
