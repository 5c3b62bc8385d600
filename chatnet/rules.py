"""Who may append what, by what the log has so far. Pure.

The stores ask these rules, each with its own facts; PostgreSQL, which judges under the lock of the log's
head, says them once more in its own language. A test holds all of them against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from chatnet.entries import Draft, places
from chatnet.errors import (
    AlreadyJoined,
    NameTaken,
    NoSuchRoom,
    NoSuchUser,
    NotJoined,
    OwnRoom,
    Refusal,
    SecretChanged,
    TooManyRooms,
    TooManyTopics,
)
from chatnet.kinds import HEARD, KINDS
from chatnet.names import is_topic

MOST_ROOMS = 2_000
"""How many rooms a user may be in at a time: all are read at each login, and searched for each page."""
MOST_TOPICS = 100
"""How many topics a user may make on a day."""
DAY_MS = 86_400_000
"""A day of the log's time, from midnight to midnight in UTC."""


class Facts(Protocol):
    """What the log has so far. Each is looked up when a rule asks for it."""

    def secret_seq(self, user: str) -> int | None:
        """The seq of the user's newest secret; None if there is no such user."""

    def is_member(self, user: str, room: str) -> bool:
        """Is the user in the room?"""

    def rooms_of(self, user: str) -> int:
        """How many rooms the user is in."""

    def has_topic(self, topic: str) -> bool:
        """Was it ever used?"""

    def topics_made(self, user: str, day: int) -> int:
        """How many topics the user has made on that ``day``, counted from 1970."""


def judge(draft: Draft, facts: Facts, now: int) -> Refusal | None:
    """Why a draft, well formed and with a new key, is refused; None if it is not.

    ``now`` is the log's time, in milliseconds since 1970.
    """
    newest = facts.secret_seq(draft.user)
    if draft.kind == "register":
        return None if newest is None else NameTaken.of(name=draft.user)
    if newest is None:
        return NoSuchUser.of(name=draft.user)
    if 0 < draft.by < newest:
        return SecretChanged.of(name=draft.user)
    rule = _RULES.get(draft.kind)
    return None if rule is None else rule(draft, facts, now)


def new_topics(draft: Draft, facts: Facts) -> list[str]:
    """The topics that are there from this draft on."""
    if draft.kind in HEARD:
        if "#" not in draft.text:
            return []
        named = places(draft.user, draft.text)
    else:
        named = (draft.room,) if draft.kind == "join" else ()
    return [topic for topic in named if is_topic(topic) and not facts.has_topic(topic)]


def _post(draft: Draft, facts: Facts, now: int) -> Refusal | None:
    new = len(new_topics(draft, facts))
    if new and new + facts.topics_made(draft.user, now // DAY_MS) > MOST_TOPICS:
        return TooManyTopics.of()
    return None


def _join(draft: Draft, facts: Facts, now: int) -> Refusal | None:
    user, room = draft.user, draft.room
    if room == user:
        return OwnRoom.of()
    if not is_topic(room) and facts.secret_seq(room) is None:
        return NoSuchRoom.of(room=room)
    if facts.is_member(user, room):
        return AlreadyJoined.of(room=room)
    if facts.rooms_of(user) >= MOST_ROOMS:
        return TooManyRooms.of()
    return _post(draft, facts, now)


def _leave(draft: Draft, facts: Facts, now: int) -> Refusal | None:
    return None if facts.is_member(draft.user, draft.room) else NotJoined.of(room=draft.room)


_RULES: dict[str, Callable[[Draft, Facts, int], Refusal | None]] = {
    "post": _post,
    "join": _join,
    "leave": _leave,
}
if not set(_RULES) <= set(KINDS):
    raise TypeError("there is a rule for what is no kind")
