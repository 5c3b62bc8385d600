"""``chatnet admin``, ``role``, ``user``, ``purge``, ``policy``: orders in the cluster's own name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.python import usage

from chatnet.errors import CannotStart, Refusal
from chatnet.names import MAX_ROOM, MAX_SPELLED, Where
from chatnet.net.link import Link
from chatnet.policies import FOR_EVER, wrong_policy
from chatnet.rules import ROLES
from chatnet.text import is_text, legible, meant
from chatnet.wire.operate import Order, RoomPolicies

ACTIONS = ("ban", "mute", "unban", "forget")


class Wanted(NamedTuple):
    """An order as it was typed; ``seconds`` is for how long it holds, 0 for ever."""

    kind: str
    room: str
    to: str
    text: str
    seconds: int = 0


class Listed(NamedTuple):
    """The policies of a topic are asked for, or for an empty ``room`` those of the cluster."""

    room: str


async def give(link: Link, orders: Sequence[Wanted], wall: Callable[[], float]) -> str:
    """Have the primary give the orders, one after the other; return a sentence.

    :raises CannotStart: the log does not take it.
    """
    seqs = [await _give(link, wanted, wall) for wanted in orders]
    return f"Done, at seq {' and '.join(f'{seq:,}' for seq in seqs)}."


async def _give(link: Link, wanted: Wanted, wall: Callable[[], float]) -> int:
    until = int((wall() + wanted.seconds) * 1000) if wanted.seconds else 0
    try:
        answer = await link.callRemote(
            Order, kind=wanted.kind, room=wanted.room, to=wanted.to, text=wanted.text, until=until
        )
    except Refusal as no:
        raise CannotStart(str(no)) from no
    seq: int = answer["seq"]
    return seq


def role(words: tuple[str, ...]) -> list[Wanted]:
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
    return [Wanted("role", room, name, what)]


def admin(words: tuple[str, ...]) -> list[Wanted]:
    """Return the order of ``chatnet admin NAME``."""
    if len(words) != 1:
        raise usage.UsageError("admin takes one user: chatnet admin NAME.")
    return [Wanted("role", "", _short(words)[0], "admin")]


def purge(words: tuple[str, ...], options: Any) -> list[Wanted]:
    """Return the order of ``chatnet purge ROOM NAME``."""
    if len(words) != 2:
        raise usage.UsageError("purge takes a room and a user: chatnet purge '#tea' NAME.")
    room, name = _short(words)
    return [Wanted("purge", room, name, options["reason"])]


def user(words: tuple[str, ...], options: Any) -> list[Wanted]:
    """Return the orders of ``chatnet user ban|mute|unban|forget NAME [ROOM]``."""
    if len(words) not in (2, 3) or words[0] not in ACTIONS:
        raise usage.UsageError(
            "user takes what to do, a user, and perhaps a room: chatnet user ban NAME, or mute, unban, "
            "forget." + (meant(words[0], ACTIONS) if words and words[0] not in ACTIONS else "")
        )
    what, name, room = (*_short(words), "")[:3]
    if what in ("unban", "forget") and options["for"]:
        raise usage.UsageError("--for is for ban and mute.")
    if options["purge"] and what != "ban":
        raise usage.UsageError(
            "--purge is for ban; “chatnet purge ROOM NAME” takes back what was said in a room."
        )
    if what == "forget":
        return [_forget(name, room, options)]
    orders = [Wanted(what, room, name, options["reason"], options["for"] or 0)]
    return [*orders, Wanted("purge", room, name, options["reason"])] if options["purge"] else orders


def _forget(name: str, room: str, options: Any) -> Wanted:
    if room or options["reason"]:
        raise usage.UsageError(
            "forget takes a user alone: it is about all of this cluster, and says no reason."
        )
    if not options["yes"]:
        raise usage.UsageError(
            f"This takes back all that {legible(name, 40)} ever said, and ends the account; it cannot be "
            "undone, and the name is not used again. “chatnet user export” prints what there is; with --yes "
            "it is done."
        )
    return Wanted("forget", "", name, "")


def policy(words: tuple[str, ...]) -> list[Wanted] | Listed:
    """Return the order of ``chatnet policy NAME VALUE [ROOM]``, or what ``chatnet policy [ROOM]`` asks."""
    words = _short(words)
    if len(words) < 2:
        return Listed(_decided_about(words[0] if words else ""))
    name, *values = words
    last = values.pop() if len(values) > 1 and " ".join(values) != FOR_EVER else ""
    room = _decided_about(last)
    text = f"{name} {' '.join(values)}"
    if why := wrong_policy(text, Where.TOPIC if room else Where.CLUSTER):
        raise usage.UsageError(why)
    return [Wanted("policy", room, "", text)]


def _decided_about(room: str) -> str:
    if room[:1] == "&":
        raise usage.UsageError("The policies of a private room are its owners' alone: POLICY is theirs.")
    if room[:1] not in ("", "#"):
        raise usage.UsageError(
            "policy takes a name, a value, and perhaps a topic: chatnet policy keep 90d '#tea'; or nothing, "
            "or a topic, and shows what holds."
        )
    return room


async def policies(link: Link, listed: Listed) -> str:
    """Return the policies of a topic, or of the cluster, as lines.

    :raises CannotStart: there is no such topic.
    """
    try:
        answer = await link.callRemote(RoomPolicies, room=listed.room)
    except Refusal as no:
        raise CannotStart(str(no)) from no
    return "\n".join(f"{name:7} {value}" for name, value in answer["policies"])


def _short(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if not is_text(word) or len(word) > min(MAX_SPELLED, 4 * MAX_ROOM):
            raise usage.UsageError(f"{legible(word, 40)} is neither a name nor a room.")
    return words
