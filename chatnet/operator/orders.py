"""``chatnet admin``, ``chatnet role`` and ``chatnet user``: roles and bans, in the cluster's own name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.python import usage

from chatnet.errors import CannotStart, Refusal
from chatnet.names import MAX_ROOM, MAX_SPELLED
from chatnet.net.link import Link
from chatnet.rules import ROLES
from chatnet.text import is_text, legible, meant
from chatnet.wire.operate import Order

ACTIONS = ("ban", "mute", "unban")


class Wanted(NamedTuple):
    """An order as it was typed; ``seconds`` is for how long it holds, 0 for ever."""

    kind: str
    room: str
    to: str
    text: str
    seconds: int = 0


async def give(link: Link, wanted: Wanted, wall: Callable[[], float]) -> str:
    """Have the primary give the order; return a sentence.

    :raises CannotStart: the log does not take it.
    """
    until = int((wall() + wanted.seconds) * 1000) if wanted.seconds else 0
    try:
        answer = await link.callRemote(
            Order, kind=wanted.kind, room=wanted.room, to=wanted.to, text=wanted.text, until=until
        )
    except Refusal as no:
        raise CannotStart(str(no)) from no
    return f"Done, at seq {answer['seq']:,}."


def role(words: tuple[str, ...]) -> Wanted:
    """Return the order of ``chatnet role NAME ROLE [ROOM]``."""
    if len(words) not in (2, 3):
        raise usage.UsageError(
            "role takes a user, a role, and perhaps a room: chatnet role NAME moderator '#tea'."
        )
    name, what, room = (*_short(words), "")[:3]
    if what not in ROLES:
        raise usage.UsageError(f"A role is {', '.join(ROLES[1:])} or none.{meant(what, ROLES)}")
    if (what == "admin") is bool(room) and what in ("admin", "owner"):
        raise usage.UsageError("An admin is one of the whole cluster, and an owner is one of a room.")
    return Wanted("role", room, name, what)


def admin(words: tuple[str, ...]) -> Wanted:
    """Return the order of ``chatnet admin NAME``."""
    if len(words) != 1:
        raise usage.UsageError("admin takes one user: chatnet admin NAME.")
    return Wanted("role", "", _short(words)[0], "admin")


def user(words: tuple[str, ...], options: Any) -> Wanted:
    """Return the order of ``chatnet user ban|mute|unban NAME [ROOM]``."""
    if len(words) not in (2, 3) or words[0] not in ACTIONS:
        raise usage.UsageError(
            "user takes what to do, a user, and perhaps a room: chatnet user ban NAME, or mute, or unban."
            + (meant(words[0], ACTIONS) if words and words[0] not in ACTIONS else "")
        )
    what, name, room = (*_short(words), "")[:3]
    if what == "unban" and options["for"]:
        raise usage.UsageError("--for is for ban and mute.")
    return Wanted(what, room, name, options["reason"], options["for"] or 0)


def _short(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if not is_text(word) or len(word) > min(MAX_SPELLED, 4 * MAX_ROOM):
            raise usage.UsageError(f"{legible(word, 40)} is neither a name nor a room.")
    return words
