"""Who may append what, judged by the log so far. Pure.

The stores apply these rules, each with its own facts; PostgreSQL, which judges under the lock of the log's
head, repeats them in its own language. A test compares all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from chatnet.entries import Draft
from chatnet.errors import (
    AlreadyJoined,
    LevelReached,
    NameTaken,
    NoSuchRoom,
    NoSuchUser,
    NotJoined,
    NotYet,
    OwnRoom,
    SecretChanged,
    TooManyRooms,
    TooManyTopics,
)
from chatnet.kinds import KINDS, Kind, Stay
from chatnet.names import is_topic, named

MOST_ROOMS = 2_000
"""How many rooms a user may be in at a time: each login reads all of them, and each page searches them."""
MOST_TOPICS = 100
"""How many topics a user may make in a day."""
DAY_MS = 86_400_000
"""A day of the log's time, from midnight to midnight in UTC."""


class Facts(Protocol):
    """What the log has so far. Each fact is looked up when a rule asks for it."""

    @property
    def level(self) -> int:
        """The log's level."""

    @property
    def own_level(self) -> int:
        """The level that the appending program understands."""

    def secret_seq(self, user: str) -> int | None:
        """Return the seq of the user's newest secret; None if there is no such user."""

    def is_member(self, user: str, room: str) -> bool:
        """Return whether the user is in the room."""

    def rooms_of(self, user: str) -> int:
        """Return how many rooms the user is in."""

    def has_topic(self, topic: str) -> bool:
        """Return whether this topic was ever used."""

    def topics_made(self, user: str, day: int) -> int:
        """Return how many topics the user has made on that ``day``, counted from 1970."""


def judge(draft: Draft, facts: Facts, now: int) -> Sequence[str]:
    """Check a draft that is well formed and has a new key; return the topics that it makes.

    ``now`` is the log's time, in milliseconds since 1970.

    :raises Refusal: it may not be in the log.
    """
    kind = KINDS.get(draft.kind)
    if kind is None or kind.level > facts.level:
        raise NotYet.of()
    if not kind.is_the_clusters and draft.kind != "register":
        newest = facts.secret_seq(draft.user)
        if newest is None:
            raise NoSuchUser.of(name=draft.user)
        if 0 < draft.by < newest:
            raise SecretChanged.of(name=draft.user)
    rule = RULES.get(draft.kind)
    if rule is not None:
        rule(draft, facts)
    rooms = _named(draft, kind)
    return _made(draft.user, rooms, facts, now) if rooms else ()


def _named(draft: Draft, kind: Kind) -> Sequence[str]:
    """Return the rooms of which the draft makes those topics that nobody has used so far."""
    if kind.is_heard:
        # Most posts name no topic, and are not searched for one. In a topic no other is spoken to.
        return named(draft.text) if "#" in draft.text and draft.room == draft.user else ()
    return (draft.room,) if kind.stay is Stay.BEGINS else ()


def _register(draft: Draft, facts: Facts) -> None:
    if facts.secret_seq(draft.user) is not None:
        raise NameTaken.of(name=draft.user)


def _level(draft: Draft, facts: Facts) -> None:
    if int(draft.text) <= facts.level:
        raise LevelReached.of()
    if int(draft.text) > facts.own_level:
        raise NotYet.of()


def _join(draft: Draft, facts: Facts) -> None:
    user, room = draft.user, draft.room
    if room == user:
        raise OwnRoom.of()
    if not is_topic(room) and facts.secret_seq(room) is None:
        raise NoSuchRoom.of(room=room)
    if facts.is_member(user, room):
        raise AlreadyJoined.of(room=room)
    if facts.rooms_of(user) >= MOST_ROOMS:
        raise TooManyRooms.of()


def _post(draft: Draft, facts: Facts) -> None:
    if draft.room != draft.user and not facts.is_member(draft.user, draft.room):
        raise NotJoined.of(room=draft.room)


def _leave(draft: Draft, facts: Facts) -> None:
    if not facts.is_member(draft.user, draft.room):
        raise NotJoined.of(room=draft.room)


def _made(user: str, rooms: Sequence[str], facts: Facts, now: int) -> Sequence[str]:
    """Return the topics among ``rooms`` that nobody has used so far."""
    topics = [room for room in rooms if is_topic(room) and not facts.has_topic(room)]
    if topics and len(topics) + facts.topics_made(user, now // DAY_MS) > MOST_TOPICS:
        raise TooManyTopics.of()
    return topics


Rule = Callable[[Draft, Facts], None]

RULES: dict[str, Rule] = {
    "register": _register,
    "join": _join,
    "leave": _leave,
    "post": _post,
    "level": _level,
}
"""The rules by kind, in addition to those for all kinds; a kind without one is taken from every user.

Each raises a :class:`~chatnet.errors.Refusal`, or returns. Which topics a draft makes, and whether its user
may make so many, follows from the kind's row.
"""
if not set(RULES) <= set(KINDS):
    raise TypeError("there is a rule for what is no kind")
