"""The kinds of entries: one row for each, and the level from which a cluster may write it. Pure.

:mod:`chatnet.rules` says who may append what, :mod:`chatnet.stays` whose stays an entry begins or ends, and
:func:`chatnet.entries.heard_at` where it is heard. What a store writes besides an entry is
:mod:`chatnet.store.follows`.

A *level* is a number: a log's level says which kinds it may hold; a program's level says which it
understands. An entry of the kind ``level`` raises the log's, once all processes of the cluster understand the
new kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from chatnet.names import Where

KindName = str
"""The name of a kind. An entry of a newer program may have one that has no row here."""

CLUSTER = "chatnet"
"""The author of entries that no user writes. Nobody can have that name."""
FIRST_LEVEL = 1
NEW_LEVEL = 2
"""The level at which a new log begins, if the program that makes it understands that. The logs of older
programs are at a lower one until ``chatnet level up``."""
MOST_LEVEL = (1 << 63) - 1
_NAME = re.compile("[a-z]{1,16}")


class Text(Enum):
    """What the text of an entry is."""

    POST = "what somebody says"
    WORDS = "a reason or a description, perhaps empty"
    ROLE = "owner, moderator, admin or none"
    HISTORY = "joined or all"
    CREDENTIAL = "what is kept of a secret"
    LEVEL = "a level, in decimal digits"
    POLICY = "the name and the value of a policy"
    DEVICE = "what is kept of a secret of one device alone; empty if it has none"
    CODE = "what is kept of a code, and how many may use it; or what is kept of recovery codes"
    SESSION = "the seq of a session, in decimal digits, or 0 for all of them"
    FACE = "how a name is spelled, a word that its user said of themselves (or -), and their real name"
    NOTHING = "empty"


HIDDEN = frozenset({Text.CREDENTIAL, Text.DEVICE, Text.CODE})
"""The texts that are shown to nobody, not even to operators."""


class Heard(Enum):
    """Where an entry is heard that is no post."""

    ROOM = "in its room"
    TO = "by whom it is for"
    AUTHOR = "by its author, on all devices"
    MODERATORS = "by the moderators of its room"
    ALL = "in its room; of the cluster, by everybody"
    EVERYBODY = "by everybody, wherever it is"
    READERS = "in its room, if that is private; otherwise by everybody"
    MODERATORS_OF_TARGET = (
        "by the moderators of where the entry is heard that it refers to, and the cluster's"
    )
    AS_TARGET = "wherever the entry is heard that it refers to, and by that one's author"
    STAYS = "in the rooms in which the guest is whom it is about"

    __hash__ = object.__hash__  # looked up for each entry that is heard, as Where's is


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entry.

    ``level``: from this level on the log takes it. ``rooms``: what its room may be, for its author.
    ``is_said``: it is what somebody says, and is heard at its places (:func:`chatnet.entries.places`); such
    places have a history. ``heard``: where else it is heard. ``has_to``: it is for another user, ``more.to``;
    ``has_ref``: it refers to an entry, ``more.ref``; ``may_have_ref``: it may, if the cluster itself appends
    it. ``keeps_refusals``: a refusal of it lasts; see
    :mod:`chatnet.store.refusals`. ``is_the_clusters``: its author is :data:`CLUSTER`, not a user, and the
    primary itself appends it, and no worker may. ``may_be_the_clusters``: the same, or a user's.
    ``may_have_to``: it may be for a user, or for nobody in particular. ``begins_session``: it begins a
    session of its author, on the device that it names, and may show a code. ``holds_until``: it may say until
    when. ``by_guests``: a guest may do it; ``of_guests``: nobody else may. ``to_guests``: it may be for one.
    """

    name: KindName
    text: Text
    level: int = FIRST_LEVEL
    rooms: frozenset[Where] = frozenset({Where.OWN})
    is_said: bool = False
    heard: tuple[Heard, ...] = ()
    has_to: bool = False
    may_have_to: bool = False
    has_ref: bool = False
    may_have_ref: bool = False
    keeps_refusals: bool = False
    is_the_clusters: bool = False
    may_be_the_clusters: bool = False
    begins_session: bool = False
    holds_until: bool = False
    by_guests: bool = False
    of_guests: bool = False
    to_guests: bool = False

    @property
    def ends_stays(self) -> bool:
        """Whether it is heard where a guest was, whose stays it ends."""
        return Heard.STAYS in self.heard

    @property
    def depends_on_target(self) -> bool:
        """Whether it depends on the entry to which it refers where it is heard."""
        return Heard.AS_TARGET in self.heard or Heard.MODERATORS_OF_TARGET in self.heard


def _in(*rooms: Where) -> frozenset[Where]:
    return frozenset(rooms)


_JOINED = _in(Where.OWN, Where.USER, Where.TOPIC, Where.PRIVATE)
_SAID = _in(*_JOINED, Where.TALK)
_KEPT = _in(Where.TOPIC, Where.PRIVATE)
_ORDERED = _in(Where.TOPIC, Where.PRIVATE, Where.CLUSTER)


def _order(
    name: KindName,
    rooms: frozenset[Where] = _ORDERED,
    holds_until: bool = False,
    heard: tuple[Heard, ...] = (),
    may_have_ref: bool = False,
    to_guests: bool = True,
) -> Kind:
    """Return the row of an order about a user in a room, or in the cluster; ``heard``: by whom beside that
    user and moderators."""
    return Kind(
        name,
        Text.WORDS,
        rooms=rooms,
        heard=(*heard, Heard.TO, Heard.MODERATORS),
        has_to=True,
        may_have_ref=may_have_ref,
        keeps_refusals=True,
        may_be_the_clusters=True,
        holds_until=holds_until,
        to_guests=to_guests,
    )


def _of_guests(name: KindName, text: Text, heard: tuple[Heard, ...] = (), is_clusters: bool = False) -> Kind:
    """Return the row of what guests do, and nobody else; or the cluster, if they do not."""
    return Kind(
        name,
        text,
        level=NEW_LEVEL,
        heard=heard,
        has_to=bool(heard),
        may_have_ref=is_clusters,
        may_be_the_clusters=is_clusters,
        by_guests=True,
        of_guests=True,
        to_guests=True,
    )


_ROWS = (
    Kind("register", Text.CREDENTIAL, begins_session=True),
    Kind("secret", Text.CREDENTIAL, begins_session=True),
    Kind("session", Text.DEVICE, begins_session=True),
    Kind("revoke", Text.SESSION, has_to=True, keeps_refusals=True, may_be_the_clusters=True),
    Kind(
        "code",
        Text.CODE,
        rooms=_in(Where.OWN, Where.PRIVATE, Where.CLUSTER),
        may_have_to=True,
        keeps_refusals=True,
        may_be_the_clusters=True,
        holds_until=True,
    ),
    Kind("join", Text.NOTHING, rooms=_JOINED, keeps_refusals=True, by_guests=True),
    # Words are of level 2: see chatnet.rules.
    Kind("leave", Text.WORDS, rooms=_JOINED, keeps_refusals=True, by_guests=True),
    Kind("post", Text.POST, rooms=_SAID, is_said=True, by_guests=True),
    Kind("level", Text.LEVEL, is_the_clusters=True),
    Kind(
        "create",
        Text.HISTORY,
        rooms=_in(Where.PRIVATE),
        heard=(Heard.AUTHOR,),
        keeps_refusals=True,
    ),
    Kind(
        "invite",
        Text.NOTHING,
        rooms=_in(Where.PRIVATE),
        heard=(Heard.TO, Heard.AUTHOR, Heard.MODERATORS),
        has_to=True,
        keeps_refusals=True,
    ),
    Kind(
        "remove",
        Text.WORDS,
        rooms=_KEPT,
        heard=(Heard.ROOM, Heard.TO),
        has_to=True,
        keeps_refusals=True,
        to_guests=True,
    ),
    Kind("describe", Text.WORDS, rooms=_in(Where.OWN, *_KEPT), heard=(Heard.ROOM,), keeps_refusals=True),
    Kind(
        "role",
        Text.ROLE,
        rooms=_ORDERED,
        heard=(Heard.ROOM, Heard.TO),
        has_to=True,
        keeps_refusals=True,
        may_be_the_clusters=True,
    ),
    _order("ban", holds_until=True),
    _order("mute", holds_until=True),
    _order("unban"),
    Kind(
        "policy",
        Text.POLICY,
        rooms=_ORDERED,
        heard=(Heard.ALL,),
        keeps_refusals=True,
        may_be_the_clusters=True,
    ),
    _order("disable", _in(Where.CLUSTER), to_guests=False),
    _order("enable", _in(Where.CLUSTER), to_guests=False),
    Kind("block", Text.NOTHING, heard=(Heard.AUTHOR,), has_to=True, keeps_refusals=True, to_guests=True),
    Kind("unblock", Text.NOTHING, heard=(Heard.AUTHOR,), has_to=True, keeps_refusals=True, to_guests=True),
    Kind(
        "redact",
        Text.WORDS,
        heard=(Heard.AS_TARGET,),
        has_ref=True,
        keeps_refusals=True,
        may_be_the_clusters=True,
    ),
    # What takes texts back together: see chatnet.blanking. Whoever may have the texts on a screen is told.
    Kind(
        "forget",
        Text.NOTHING,
        rooms=_in(Where.OWN, Where.CLUSTER),
        heard=(Heard.EVERYBODY,),
        has_to=True,
        keeps_refusals=True,
        may_be_the_clusters=True,
    ),
    # One that is repeated in a log that was put back says up to which entry: what is newer stays.
    _order("purge", heard=(Heard.READERS,), may_have_ref=True),
    Kind(
        "expire",
        Text.NOTHING,
        rooms=_ORDERED,
        heard=(Heard.READERS,),
        has_ref=True,
        is_the_clusters=True,
    ),
    Kind(
        "report",
        Text.WORDS,
        heard=(Heard.MODERATORS_OF_TARGET, Heard.AUTHOR),
        has_ref=True,
        keeps_refusals=True,
    ),
    # A guest comes, takes another name (more.to), and goes; who was shown how is in chatnet.faces.
    _of_guests("guest", Text.FACE),
    _of_guests("nick", Text.FACE, heard=(Heard.STAYS,)),
    _of_guests("gone", Text.WORDS, heard=(Heard.STAYS,), is_clusters=True),
    Kind("spelling", Text.FACE, level=NEW_LEVEL, by_guests=True),
)
KINDS: dict[str, Kind] = {}
SAID: set[str] = set()
"""The kinds of what people say: those that places have a history of."""
EVENTS: set[str] = set()
"""The kinds that are heard, and are not said."""
PRIMARYS: set[str] = set()
"""The kinds that no worker may append."""


def add(kind: Kind) -> Callable[[], None]:
    """Add a row, before anything is opened; return a function that removes it. For tests of new kinds.

    :raises ValueError: its name is not one, or is taken.
    """
    if not _NAME.fullmatch(kind.name) or kind.name in KINDS:
        raise ValueError(f"{kind.name!r} cannot be the name of a new kind")
    KINDS[kind.name] = kind
    sets = ((SAID, kind.is_said), (EVENTS, bool(kind.heard)), (PRIMARYS, kind.is_the_clusters))
    for names, belongs in sets:
        if belongs:
            names.add(kind.name)

    def remove() -> None:
        del KINDS[kind.name]
        for names, _ in sets:
            names.discard(kind.name)

    return remove


for _row in _ROWS:
    add(_row)


def own_level() -> int:
    """Return the level that this program understands: that of its newest kind."""
    return max(kind.level for kind in KINDS.values())


def understood(level: int) -> frozenset[str]:
    """Return the kinds that a program of ``level`` understands."""
    return frozenset(kind.name for kind in KINDS.values() if kind.level <= level)


def is_level(text: str) -> bool:
    """Return whether ``text`` is a level to which a log can be raised, as it is written in an entry."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_LEVEL)) and text[0] != "0"
    return is_number and FIRST_LEVEL < int(text) <= MOST_LEVEL
