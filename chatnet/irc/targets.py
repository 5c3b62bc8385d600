"""Rooms as IRC names them: ``alice`` is ``#@alice`` there, and a conversation is a nick. Pure.

Names are folded by :mod:`chatnet.names`, so a room has one spelling in every line of ours.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from chatnet.entries import other_side
from chatnet.errors import BadName, BadRoom
from chatnet.names import fold_name, fold_room, is_private, is_talk, is_topic

CHANTYPES = "#&"
OWN = "#@"
"""How the channel of a user's room begins."""
GUEST = "~"
"""How the name of a guest begins; nobody else's does, and their nick does without."""


class Topic(msgspec.Struct, frozen=True, gc=False):
    """A topic, as its room is called."""

    room: str


class UsersRoom(msgspec.Struct, frozen=True, gc=False):
    """The room of a user, who has the same name."""

    room: str


class Private(msgspec.Struct, frozen=True, gc=False):
    """A private room."""

    room: str


class Nick(msgspec.Struct, frozen=True, gc=False):
    """A user, or a guest: who that is, only the log knows."""

    name: str


Channel = Topic | UsersRoom | Private
Target = Channel | Nick


def listed(said: str) -> list[str]:
    """Return the names in a list with commas; those that are empty are passed over."""
    return list(filter(None, said.split(",")))


def channel_of(room: str, me: str) -> str | None:
    """Return what ``me`` knows a (folded) room by: its channel, or the nick of a conversation's other side.
    None: it is nothing of theirs."""
    if is_topic(room) or is_private(room):
        return room
    if is_talk(room):
        return nick_of(other_side(room, me)) or None
    return OWN + room if room else None


def is_nick(said: str) -> bool:
    """Return whether this is the name of a user or guest in capitals of their choice: no other spelling is
    ever shown."""
    try:
        return said.isascii() and said.lower() == fold_name(said)
    except BadName:
        return False


def nick_of(name: str) -> str:
    """Return the nick of a user or guest, in the one spelling of their name."""
    return name.removeprefix(GUEST)


@lru_cache(maxsize=2_000)
def room_of(target: str) -> Target | None:
    """Return what a client means by a target; None if nothing can be called so."""
    try:
        if target.startswith(OWN):
            return UsersRoom(fold_name(target[len(OWN) :]))
        if target[:1] not in CHANTYPES:
            return Nick(fold_name(target))
        room = fold_room(target)
    except (BadName, BadRoom):
        return None
    return Topic(room) if is_topic(room) else Private(room)
