"""The kinds of entries: one row for each, and the level from which a cluster may write it. Pure.

:mod:`chatnet.rules` says who may append what, and :func:`chatnet.entries.places` where a post is heard. What
a store writes besides an entry is defined in each store, by kind.

A *level* is a number: a log's level says which kinds it may hold; a program's level says which it
understands. An entry of the kind ``level`` raises the log's, once all processes of the cluster understand the
new kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

KindName = str
"""The name of a kind. An entry of a newer program may have one that has no row here."""

CLUSTER = "chatnet"
"""The author of entries that no user writes. Nobody can have that name."""
FIRST_LEVEL = 1
MOST_LEVEL = (1 << 63) - 1
_NAME = re.compile("[a-z]{1,16}")


class Text(Enum):
    """What the text of an entry is."""

    POST = "what somebody says"
    CREDENTIAL = "what is kept of a secret"
    LEVEL = "a level, in decimal digits"
    NOTHING = "empty"


class Stay(Enum):
    """What an entry does to its author's stay in its room."""

    BEGINS = "they are a member from then on"
    ENDS = "they are none from then on"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entry.

    ``level``: from this level on the log takes it. ``is_of_room``: it names its room; otherwise the room is
    its author's own. ``is_heard``: listeners at its places hear it. ``stay``: it changes who hears what from
    then on. ``is_the_clusters``: its author is :data:`CLUSTER`, not a user; the primary itself appends it,
    and no worker may.
    """

    name: KindName
    text: Text
    level: int = FIRST_LEVEL
    is_of_room: bool = False
    is_heard: bool = False
    stay: Stay | None = None
    is_the_clusters: bool = False


_ROWS = (
    Kind("register", Text.CREDENTIAL),
    Kind("secret", Text.CREDENTIAL),
    Kind("join", Text.NOTHING, is_of_room=True, stay=Stay.BEGINS),
    Kind("leave", Text.NOTHING, is_of_room=True, stay=Stay.ENDS),
    Kind("post", Text.POST, is_of_room=True, is_heard=True),
    Kind("level", Text.LEVEL, is_the_clusters=True),
)
KINDS: dict[str, Kind] = {}
HEARD: set[str] = set()
STAYS: set[str] = set()
PRIMARYS: set[str] = set()


def add(kind: Kind) -> Callable[[], None]:
    """Add a row, before anything is opened; return a function that removes it. For tests of new kinds.

    :raises ValueError: its name is not one, or is taken.
    """
    if not _NAME.fullmatch(kind.name) or kind.name in KINDS:
        raise ValueError(f"{kind.name!r} cannot be the name of a new kind")
    KINDS[kind.name] = kind
    if kind.is_heard:
        HEARD.add(kind.name)
    if kind.stay is not None:
        STAYS.add(kind.name)
    if kind.is_the_clusters:
        PRIMARYS.add(kind.name)

    def remove() -> None:
        del KINDS[kind.name]
        HEARD.discard(kind.name)
        STAYS.discard(kind.name)
        PRIMARYS.discard(kind.name)

    return remove


for _row in _ROWS:
    add(_row)


def own_level() -> int:
    """Return the level that this program understands: that of its newest kind."""
    return max(kind.level for kind in KINDS.values())


def understood(level: int) -> frozenset[str]:
    """Return the kinds that a program of ``level`` understands."""
    return frozenset(kind.name for kind in KINDS.values() if kind.level <= level)


def stay_of(kind: KindName) -> Stay | None:
    """Return what an entry of this kind does to a stay; None also if the kind is unknown."""
    row = KINDS.get(kind)
    return None if row is None else row.stay


def is_level(text: str) -> bool:
    """Return whether ``text`` is a level to which a log can be raised, as it is written in an entry."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_LEVEL)) and text[0] != "0"
    return is_number and FIRST_LEVEL < int(text) <= MOST_LEVEL
