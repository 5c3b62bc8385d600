"""What kinds of entries there are: one row for each, and the level from which a cluster may write it. Pure.

Who may append what is in :mod:`chatnet.rules`, and where a post is heard in :func:`chatnet.entries.places`.
What a store has to write beside an entry stands in each store, by its kind.

A *level* is a number: of the log, which kinds may stand in it; of a program, which it understands. The log's
is raised by an entry of the kind ``level``, once all processes of the cluster understand what may come then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

KindName = str
"""What a kind is called. An entry of a newer program may have one that has no row here."""

CLUSTER = "chatnet"
"""The author of what no user says. Nobody can have that name."""
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

    ``level`` is that from which the log takes it. ``is_of_room``: it names its room; otherwise that is its
    author's own. ``is_heard``: who listens at its places hears it. ``stay``: from then on it is different who
    hears what. ``is_the_clusters``: its author is :data:`CLUSTER`, and no user; the primary itself appends
    it, and no worker may bring it.
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
    Kind("post", Text.POST, is_heard=True),
    Kind("level", Text.LEVEL, is_the_clusters=True),
)
KINDS: dict[str, Kind] = {}
HEARD: set[str] = set()
STAYS: set[str] = set()


def add(kind: Kind) -> Callable[[], None]:
    """Add a row, before anything is opened; what is returned takes it out again. For tests of new kinds.

    :raises ValueError: its name is none, or another's.
    """
    if not _NAME.fullmatch(kind.name) or kind.name in KINDS:
        raise ValueError(f"{kind.name!r} cannot be the name of a new kind")
    KINDS[kind.name] = kind
    if kind.is_heard:
        HEARD.add(kind.name)
    if kind.stay is not None:
        STAYS.add(kind.name)

    def remove() -> None:
        del KINDS[kind.name]
        HEARD.discard(kind.name)
        STAYS.discard(kind.name)

    return remove


for _row in _ROWS:
    add(_row)


def own_level() -> int:
    """The level that this program understands: that of its newest kind."""
    return max(kind.level for kind in KINDS.values())


def understood(level: int) -> frozenset[str]:
    """The kinds that a program of ``level`` understands."""
    return frozenset(kind.name for kind in KINDS.values() if kind.level <= level)


def stay_of(kind: KindName) -> Stay | None:
    """What an entry of this kind does to a stay; nothing, if the kind is not known."""
    row = KINDS.get(kind)
    return None if row is None else row.stay


def is_level(text: str) -> bool:
    """Is ``text`` a level that a log can be raised to, as it is written?"""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_LEVEL)) and text[0] != "0"
    return is_number and FIRST_LEVEL < int(text) <= MOST_LEVEL
