"""What a client is told when something of theirs is refused: a number of IRC's, or FAIL. Pure."""

from __future__ import annotations

from chatnet.errors import (
    REFUSALS,
    BadName,
    BadRoom,
    BadText,
    Banned,
    ChatnetError,
    CodeNeeded,
    LastOwner,
    LastWay,
    NoSuchRoom,
    NoSuchSession,
    NoSuchUser,
    NotForGuests,
    NotJoined,
    NotModerator,
    NotOwner,
    NotYours,
    OutOfReach,
    SecretChanged,
    SessionEnded,
    TheyAreBanned,
    TooManyRooms,
    TooManySessions,
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


_WORDS: dict[type[ChatnetError], str] = {
    LastOwner: "That is its only owner: name another one first, in the page or the terminal.",
    TheyAreBanned: "They are banned there: lift that first, by MODE and -b.",
    SessionEnded: "This session was ended, on another device or by who runs this server: log in again.",
    SecretChanged: (
        "Your password was changed elsewhere: log in again with the new one. If that was not you, tell who "
        "runs this server."
    ),
    NoSuchSession: "You have no such session.",
    TooManySessions: (
        "You are logged in on 50 devices, as many as one may have: end one, in the page or the terminal."
    ),
    LastWay: "Nothing else lets you in: set a password first, in the page or the terminal.",
    CodeNeeded: (
        "A new name needs a code here, from who runs this server: register it in the page or the terminal."
    ),
}
"""What is said where the log's own sentence names commands and options that IRC does not have."""


def words_for(why: ChatnetError) -> str:
    """Return the sentence that says why."""
    sentence = str(why)
    is_usual = sentence.endswith(why.sentence.rpartition("}")[2])  # else it was worded for what is done here
    return _WORDS.get(type(why), sentence) if is_usual else sentence


def words_at_end(code: str, sentence: str) -> str:
    """Return the sentence with which a session is over that has ended by ``code``."""
    return words_for(REFUSALS.get(code.encode(), ChatnetError)(sentence))


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
    return words_for(why)


def code_of(why: ChatnetError) -> str:
    """Return the word for ``why`` that programs read."""
    return "INVALID_TEXT" if isinstance(why, BadText) else why.code.decode("ascii")


def is_specified(command: str, code: str) -> bool:
    """Return whether another specification than ``standard-replies`` has this FAIL: then it is sent to
    everybody. ``INVALID_UTF8`` is that of ``UTF8ONLY``, ``INVALID_KEY`` that of ``chatnet/key``."""
    return command in _SPECIFIED or code in ("INVALID_UTF8", "INVALID_KEY")
