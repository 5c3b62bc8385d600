"""Names and rooms in their one spelling, the kinds of rooms, and which places a text names. Pure.

Every name of a room, in a command or in a text, goes through :func:`fold`. So two spellings that fold to the
same are one room everywhere.

A room's spelling says what it is: ``alice`` is a user's room, ``#tea`` a topic, ``&ops`` a private room, and
``alice=bob`` a conversation of two, its names in order. A conversation is spelled ``@bob`` where alice takes
part in it, and by that name alone commands and people know it.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from unicodedata import normalize

from chatnet.errors import BadName, BadRoom, OwnRoom
from chatnet.ignorable import bare
from chatnet.letters import MARKS, OTHER_NUMBERS

MAX_NAME = 32
MAX_TOPIC = 64
"""The longest name and topic, in characters, in their one spelling; a topic's ``#`` is not counted."""
MAX_ROOM = len("#") + MAX_TOPIC
"""The longest room."""
MAX_SPELLED = 2_000
"""The longest name or topic as typed, in characters; this is checked first."""
GUEST = "~"
"""With this begins what a guest is called. It sorts behind every name."""
MAX_USER = len(GUEST) + MAX_NAME
"""The longest of what users and guests are called, in characters."""
MAX_MARKS = 30
"""How many marks may follow one another: sorting them takes the square of their number."""


class Where(Enum):
    """What a room is, for a certain user."""

    OWN = "the user's own room"
    USER = "another user's room"
    TOPIC = "a topic"
    PRIVATE = "a private room"
    TALK = "a conversation"
    CLUSTER = "the whole cluster: no room"

    __hash__ = object.__hash__  # looked up for each draft: Enum's own costs ten times as much


_OWN, _TOPIC = Where.OWN, Where.TOPIC
"""Where most is said: an Enum takes ten times as long to find its own."""

RESERVED = frozenset(
    {
        *("all", "here", "everyone", "everybody", "anybody", "somebody", "nobody", "channel", "you"),
        *("admin", "moderator", "moderators", "mods", "operator", "owner", "root", "system", "chatnet"),
    }
)
"""Names that nobody may have: they would be read as everybody, as the reader, or as who has a say here.

Our own sentences have such words where the name of a user stands: “bob banned you”, “The operator …”.
"""

SERVICES = frozenset({"global", "services", "service", "server", "irc", "ircd"})
"""Names that nobody new may have, nor one that :func:`looks` so, nor any that ends in ``serv``, as NickServ
does: networks of IRC call their services and servers so, and clients tell these their passwords unasked. Who
has one of old keeps it."""

_NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{MAX_NAME - 1}}}")
# Each begins with a quick check for what most letters are.
_MARK = rf"(?:(?=[^\w\s\x00-\x7f])[{MARKS}])"
_LETTER = rf"(?:(?=\w)(?![{OTHER_NUMBERS}])\w)"
_BEGINS = rf"(?!_){_LETTER}"
_GOES_ON = rf"(?:{_LETTER}|-|{_MARK})"
_TOPIC_WORD = re.compile(rf"{_BEGINS}{_GOES_ON}{{0,{MAX_TOPIC - 1}}}")
# Each word after a mark (# or @), if the mark does not follow a word; the longest ones with one letter too
# many.
_ASCII_WORDS = re.compile(r"(?<![a-z0-9_@#&/])([@#])([a-z0-9][a-z0-9_-]*)")
_WORDS = re.compile(
    rf"(?=[@#])(?<![@#&/])(?<!{_LETTER})(?<!{_MARK})([@#])({_BEGINS}{_GOES_ON}{{0,{MAX_TOPIC}}})"
)
_DOTTED = re.compile("i\u0307+")
_ROWS_OF_MARKS = re.compile(rf"{_MARK}+")
_MOST_BARE = 4 * MAX_TOPIC
"""How many visible letters a name or room may have as typed: at most four become one."""


def fold(word: str) -> str:
    """Return ``word`` without invisible characters, and without differences of case and composition.

    That is ``NFC(casefold(NFC(word)))``, and a dotted i becomes i. Its cost is limited only if the length of
    ``word`` is, or if it does not have :func:`too_many_marks`.
    """
    if word.isascii():
        return word.lower()
    folded = normalize("NFC", normalize("NFC", bare(word)).casefold())
    return normalize("NFC", _DOTTED.sub("i", folded)) if "\u0307" in folded else folded


def too_many_marks(text: str) -> bool:
    """Return whether a :func:`~.ignorable.bare` text has more than :data:`MAX_MARKS` marks in a row."""
    # All runs, each read once: a search for a run that is too long would start again at each mark.
    return any(len(row) > MAX_MARKS for row in _ROWS_OF_MARKS.findall(text))


def is_name(word: str) -> bool:
    """Return whether this is a user's name in its one spelling."""
    return len(word) <= MAX_NAME and _is_name(word)


@lru_cache(maxsize=10_000)
def _is_name(word: str) -> bool:
    return _NAME.fullmatch(word) is not None and word not in RESERVED


def is_guest(word: str) -> bool:
    """Return whether this is what a guest is called: no name, mention or topic begins so."""
    return word[:1] == GUEST and is_name(word[1:])


def is_user(word: str) -> bool:
    """Return whether this is a user's name, or a guest's."""
    return is_name(word) or is_guest(word)


def looks(name: str) -> str:
    """Return how a name looks at first sight: two that look the same are easily taken for one another."""
    return name.replace("0", "o").replace("1", "l").replace("_", "").replace("-", "")


def check_new(user: str) -> str:
    """Return what a new user is to be called, or a guest, unchanged, or raise :class:`BadName`: who says so
    may be taken for a service, or the server."""
    shown = looks(user.removeprefix(GUEST))
    if shown in SERVICES or shown.endswith("serv"):
        raise BadName.of(name=quoted(user.removeprefix(GUEST)))
    return user


def is_room(room: str) -> bool:
    """Return whether this is a room of any kind in its one spelling."""
    return len(room) <= MAX_ROOM and _is_room(room)


@lru_cache(maxsize=10_000)
def _is_room(room: str) -> bool:
    try:
        return fold_room(room) == room
    except BadRoom:
        return False


def is_topic(room: str) -> bool:
    """Return whether this (folded) room is a topic."""
    return room.startswith("#")


def is_private(room: str) -> bool:
    """Return whether this (folded) room is a private room."""
    return room.startswith("&")


def is_talk(room: str) -> bool:
    """Return whether this (folded) room is a conversation of two."""
    return "=" in room


def is_public(room: str) -> bool:
    """Return whether everybody may read what is said in this (folded) room."""
    return not (room.startswith("&") or "=" in room)


def where(room: str, user: str) -> Where:
    """Return what this (folded) room is for ``user``."""
    if room == user:
        return _OWN
    if room.startswith("#"):
        return _TOPIC
    if not room:
        return Where.CLUSTER
    if is_private(room):
        return Where.PRIVATE
    return Where.TALK if is_talk(room) else Where.USER


def talk(user: str, other: str) -> str:
    """Return the conversation of two users."""
    return f"{user}={other}" if user < other else f"{other}={user}"


def sides(room: str) -> tuple[str, ...]:
    """Return the two users of a conversation; nobody for another room."""
    return tuple(room.split("=")) if "=" in room else ()


def spelled_for(room: str, user: str) -> str:
    """Return how ``user`` knows the room: a conversation of theirs by the other's name."""
    if "=" in room:
        first, _, second = room.partition("=")
        if user in (first, second):
            return "@" + (second if user == first else first)
    return room


def fold_name(name: str) -> str:
    """Return a user's name in its one spelling, or raise :class:`BadName`."""
    folded = fold(name).strip() if _may_be_folded(name) else ""
    if not is_name(folded):
        raise BadName.of(name=quoted(name))
    return folded


def fold_user(name: str) -> str:
    """Return a user's name, or a guest's, in its one spelling, or raise :class:`BadName`."""
    return GUEST + fold_name(name[1:]) if name[:1] == GUEST else fold_name(name)


def fold_room(room: str) -> str:
    """Return a room in its one spelling, or raise :class:`BadRoom`."""
    folded = fold(room).strip() if _may_be_folded(room) else ""
    if folded[:1] in ("#", "&"):
        is_good = _is_topic_word(folded[1:])
    elif "=" in folded:
        first, _, second = folded.partition("=")
        is_good = is_user(first) and is_user(second) and first < second and len(folded) <= MAX_ROOM
    else:
        is_good = is_name(folded)
    if not is_good and folded[:1] == "@" and is_user(folded[1:]):
        raise BadRoom(f"{quoted(room)} is a conversation, and that is not done in one.")
    if not is_good:
        raise BadRoom.of(room=quoted(room))
    return folded


def fold_for(room: str, user: str) -> str:
    """Return a room as ``user`` spells it in its one spelling: ``@bob`` is their conversation with bob.

    :raises BadRoom: it is not a room; nor is a conversation with a guest if both are called too long.
    :raises OwnRoom: it is a conversation with oneself.
    """
    if room[:1] != "@":
        return room if is_room(room) else fold_room(room)  # most spell it as it is, again and again
    other = fold_user(room[1:])
    if other == user:
        raise OwnRoom("That would be a conversation with yourself.")
    found = talk(user, other)
    if len(found) > MAX_ROOM:
        raise BadRoom(f"{quoted(other)} and “{user}” are too long together for a conversation.")
    return found


def fold_prefix(prefix: str) -> str:
    """Return the beginning of the rooms that are looked for, in its one spelling."""
    # No room is longer, and this is short enough to fold whatever it is.
    return fold(prefix[: 4 * MAX_TOPIC]).strip()


def named(text: str) -> tuple[str, ...]:
    """Return the ``#topics`` and ``@names`` in a text, in their one spelling, each once."""
    return _named(text) if "#" in text or "@" in text else ()


def mentioned(text: str) -> tuple[str, ...]:
    """Return the users whom a text names, in their one spelling, each once."""
    return tuple(word[1:] for word in named(text) if word[0] == "@") if "@" in text else ()


@lru_cache(maxsize=2_048)
def _named(text: str) -> tuple[str, ...]:
    # Cached: a post is judged once for each reader who catches up with it.
    folded = fold(text)
    words = (_ASCII_WORDS if folded.isascii() else _WORDS).findall(folded)
    found = {
        mark + word: None
        for mark, word in words
        if (len(word) <= MAX_TOPIC if mark == "#" else is_name(word))
    }
    return tuple(found)


def quoted(word: str) -> str:
    """Return ``word`` as a sentence can show it: short, and without invisible characters."""
    shown = "".join(letter if letter.isprintable() and bare(letter) else "?" for letter in word[:40])
    return f"“{shown}…”" if len(word) > 40 else f"“{shown}”"


def _may_be_folded(word: str) -> bool:
    if len(word) > MAX_SPELLED:
        return False
    seen = bare(word)
    return len(seen) <= _MOST_BARE and not too_many_marks(seen)


def _is_topic_word(word: str) -> bool:
    return _TOPIC_WORD.fullmatch(word) is not None
