"""What kinds of entries there are: one row for each. Pure.

Who may append what is in :mod:`chatnet.rules`, and where a post is heard in :func:`chatnet.entries.places`.
What a store has to write beside an entry stands in each store, by its kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, get_args

KindName = Literal["register", "secret", "join", "leave", "post"]


class Text(Enum):
    """What the text of an entry is."""

    POST = "what somebody says"
    CREDENTIAL = "what is kept of a secret"
    NOTHING = "empty"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entry.

    ``is_of_room``: it names its room; otherwise that is its author's own. ``is_heard``: who listens at its
    places hears it. ``changes_stays``: from then on it is different who hears what.
    """

    name: KindName
    text: Text
    is_of_room: bool = False
    is_heard: bool = False
    changes_stays: bool = False


_ROWS = (
    Kind("register", Text.CREDENTIAL),
    Kind("secret", Text.CREDENTIAL),
    Kind("join", Text.NOTHING, is_of_room=True, changes_stays=True),
    Kind("leave", Text.NOTHING, is_of_room=True, changes_stays=True),
    Kind("post", Text.POST, is_heard=True),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ROWS}
HEARD = frozenset(kind.name for kind in _ROWS if kind.is_heard)
STAYS = frozenset(kind.name for kind in _ROWS if kind.changes_stays)

if set(get_args(KindName)) != set(KINDS):
    raise TypeError("a kind has a name and no row, or a row and no name")
