"""Presence: who is connected, and what they have said of being away. It is no part of the log: nobody keeps
it, and what a process knows of others may be some moments old. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from chatnet.names import MAX_USER

MOST_AWAY = 200
"""The longest text of who is away, in characters."""
GATHER_SECONDS = 0.25
"""Seconds that is gathered who comes and goes before others are told."""
GRACE_SECONDS = 10.0
"""Seconds that users are still taken for present whose process, or whose state, was lost without a word: they
come back elsewhere."""
MOST_TOLD = 500
"""How many users travel together at most; and in :data:`PIECE_BYTES`, so that AMP can carry them."""
PIECE_BYTES = 60_000
MOST_PIECES = 4
"""How many such pieces one process sends another at a time."""


class Present(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The presence of ``user``: on how many connections, none if they are not here; ``since`` when, in
    milliseconds since 1970; what they have said of being ``away``, empty if they are not, and at what time
    they last said so or took it back, 0 if never; and the modes that they have set for themselves."""

    user: Annotated[str, Meta(min_length=1, max_length=MAX_USER)]
    sessions: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    since: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
    away: Annotated[str, Meta(max_length=MOST_AWAY)] = ""
    away_at: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
    modes: Annotated[str, Meta(max_length=8)] = ""


def merged(user: str, said: Iterable[Present]) -> Present:
    """Return the presence of a user of whom several processes have ``said`` something: what they said last of
    being away counts."""
    sessions, since, away, away_at, modes = 0, 0, "", 0, ""
    for one in said:
        sessions += one.sessions
        since = min(since or one.since, one.since)
        if (one.away_at, one.away) > (away_at, away):  # at one time, the same for all who look
            away, away_at = one.away, one.away_at
        if one.modes not in modes:
            modes = "".join(sorted({*modes, *one.modes}))
    return Present(user, min(sessions, 1_000_000), since, away, away_at, modes)
