"""The commands about rooms and the people in them, and about posts that are taken back.

Each is a draft: it is sent until it is answered, and done once.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from chatnet.blanking import Blanking
from chatnet.client.connection import Connection
from chatnet.client.events import EVERYWHERE, ROLES
from chatnet.client.refused import Misused, split
from chatnet.client.terminal import Terminal
from chatnet.form import check_words
from chatnet.names import Where, fold_room, fold_user, where
from chatnet.options import a_time
from chatnet.policies import parted, wrong_policy
from chatnet.wire.arguments import Command
from chatnet.wire.session import (
    Ban,
    Block,
    Create,
    Describe,
    Invite,
    Policies,
    Purge,
    Redact,
    Remove,
    ReportPost,
    SetPolicy,
    SetRole,
    Unban,
    Unblock,
)

CLUSTER = "*"
"""How the whole cluster is typed, where a room could be."""
ROOM_ROLES, CLUSTER_ROLES = ("owner", "moderator", "none"), ("admin", "moderator", "none")
_TIME = re.compile(r"([1-9]\d{0,4})([mhd])", re.ASCII | re.IGNORECASE)
_SEQ = re.compile(r"\d{1,18}", re.ASCII)

_CREATE = (
    "CREATE takes the name of a private room: CREATE &ROOM, or CREATE &ROOM all: then newcomers may read "
    "what was said before."
)
_INVITE = "INVITE takes a private room and a name: INVITE &ROOM NAME."
_REMOVE = "REMOVE takes a room, a name, and perhaps a reason: REMOVE &ROOM NAME REASON."
_DESCRIBE = "DESCRIBE takes a room and a text: DESCRIBE &ROOM TEXT."
_ROLE = (
    "ROLE takes a room, a name, and owner, moderator or none; for all of this server: ROLE * NAME and admin, "
    "moderator or none."
)
_BAN = (
    "{word} takes a room, or * for all of this server, a name, perhaps for how long (30m, 12h or 7d), and "
    "perhaps a reason: {word} #TOPIC NAME 7d REASON."
)
_UNBAN = "UNBAN takes a room, or * for all of this server, and a name: UNBAN #TOPIC NAME."
_POLICY = (
    "POLICY takes a room, or * for all of this server, and a policy with its value: POLICY &ROOM invite "
    "members. Without a value it shows what holds there."
)
_BLOCK = "{word} takes a name: {word} NAME."
_PURGE = (
    "PURGE takes a room, or * for all of this server, and the name of somebody, all of whose posts there go: "
    "PURGE #TOPIC NAME REASON."
)
_REDACT = (
    "REDACT takes the number of a post, which HISTORY ROOM shows, and perhaps a reason: REDACT NUMBER REASON."
)

_REPORT = (
    "REPORT takes the number of a post, which HISTORY ROOM shows, and what is wrong: REPORT NUMBER TEXT."
)
BLOCKED = (
    "Blocked {to}: no conversation, mention or invitation of {to}'s reaches you. What {to} says in rooms "
    "you still see: LEAVE such a room, or ask its moderators to MUTE {to}. UNBLOCK {to} undoes the block."
)
"""What somebody is told who blocks ``to``."""
USAGES = {
    "CREATE": _CREATE,
    "INVITE": _INVITE,
    "REMOVE": _REMOVE,
    "DESCRIBE": _DESCRIBE,
    "ROLE": _ROLE,
    "BAN": _BAN.format(word="BAN"),
    "MUTE": _BAN.format(word="MUTE"),
    "UNBAN": _UNBAN,
    "POLICY": _POLICY,
    "BLOCK": _BLOCK.format(word="BLOCK"),
    "UNBLOCK": _BLOCK.format(word="UNBLOCK"),
    "REDACT": _REDACT,
    "PURGE": _PURGE,
    "REPORT": _REPORT,
}
"""How each is typed."""


class Orders:
    """Runs these commands on one terminal; ``tell_how`` shows a sentence that names commands; ``now`` returns
    the server's time in milliseconds since 1970.

    A command that is mistyped raises one of :data:`~.refused.REFUSED`, and nothing is sent.
    """

    def __init__(
        self,
        connection: Connection,
        terminal: Terminal,
        tell_how: Callable[[str], None],
        now: Callable[[], int],
    ) -> None:
        self._connection, self._terminal = connection, terminal
        self._tell_how, self._now = tell_how, now
        self.commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "CREATE": self._create,
            "INVITE": self._invite,
            "REMOVE": self._remove,
            "DESCRIBE": self._describe,
            "ROLE": self._role,
            "BAN": self._ban,
            "MUTE": self._mute,
            "UNBAN": self._unban,
            "POLICY": self._policy,
            "BLOCK": self._block,
            "UNBLOCK": self._unblock,
            "REDACT": self._redact,
            "PURGE": self._purge,
            "REPORT": self._report,
        }

    async def _create(self, rest: str) -> None:
        word, history = split(rest, 1, _CREATE, more=True)
        room = fold_room(word)
        if room[0] != "&" or history.lower() not in ("", "all"):
            raise Misused(_CREATE)
        answer = await self._connection.draft(Create, room=room, history=history.lower() or "joined")
        self._terminal.learn([answer["room"]], is_member=True)
        self._tell_how(f"Created {answer['room']}. INVITE {answer['room']} NAME lets somebody join it.")

    async def _invite(self, rest: str) -> None:
        room, to, _ = split(rest, 2, _INVITE)
        room, to = fold_room(room), _name(to)
        await self._connection.draft(Invite, room=room, to=to)
        self._terminal.show(f"Invited {to} to {room}.")

    async def _remove(self, rest: str) -> None:
        to, where = await self._order(Remove, rest, _REMOVE, fold_room)
        self._terminal.show(f"Removed {to} from {where}.")

    async def _describe(self, rest: str) -> None:
        room, text = split(rest, 1, _DESCRIBE, more=True)
        if not text:
            raise Misused(_DESCRIBE)
        room = fold_room(room)
        await self._connection.draft(Describe, room=room, text=check_words(text))
        self._terminal.show(f"Described {room}.")

    async def _role(self, rest: str) -> None:
        word, to, role, _ = split(rest, 3, _ROLE)
        room, to, role = _room(word), _name(to), role.lower()
        if role not in (CLUSTER_ROLES if room is None else ROOM_ROLES):
            raise Misused(_ROLE)
        await self._connection.draft(SetRole, room=room, to=to, role=role)
        has = "has no role in" if role == "none" else f"is {ROLES[role]} of"
        self._terminal.show(f"{to} {has} {_shown(room)} now.")

    async def _ban(self, rest: str) -> None:
        self._terminal.show("Banned {} from {}{}.".format(*await self._keep_out(rest, "BAN")))

    async def _mute(self, rest: str) -> None:
        self._terminal.show("Muted {} in {}{}.".format(*await self._keep_out(rest, "MUTE")))

    async def _keep_out(self, rest: str, word: str) -> tuple[str, str, str]:
        """Ban or mute somebody; return whom, where, and for how long."""
        usage = _BAN.format(word=word)
        typed, to, reason = split(rest, 2, usage, more=True)
        room, to = _room(typed), _name(to)
        lasts, reason = _lasting(reason, usage)
        until = None if not lasts else self._now() + 1000 * a_time(lasts.lower())
        asked: dict[str, Any] = {"until": until, "mute": word == "MUTE", "reason": _reason(reason)}
        await self._connection.draft(Ban, room=room, to=to, **asked)
        return to, _shown(room), f" for {lasts.lower()}" if lasts else ""

    async def _unban(self, rest: str) -> None:
        to, where = await self._order(Unban, rest, _UNBAN, _room)
        self._terminal.show(f"Lifted every ban and mute of {to} in {where}.")

    async def _policy(self, rest: str) -> None:
        word, decided = split(rest or CLUSTER, 1, _POLICY, more=True)
        room = _room(word)
        if not decided:
            answer = await self._connection.ask(Policies, room=room)
            self._terminal.show(f"The policies of {_shown(room)}:")
            for name, value in answer["policies"]:
                self._terminal.show(f"\t{name}: {value}")
            return
        if room is not None and room[0] not in "#&":
            raise Misused(_POLICY)
        name, value = parted(" ".join(decided.lower().split()))
        if why := wrong_policy(f"{name} {value}", Where.CLUSTER if room is None else where(room, "")):
            raise Misused(why)
        await self._connection.draft(SetPolicy, room=room, name=name, value=value)
        self._terminal.show(f"In {_shown(room)}, {name} is {value} now.")

    async def _block(self, rest: str) -> None:
        to = _name(split(rest, 1, _BLOCK.format(word="BLOCK"))[0])
        await self._connection.draft(Block, to=to)
        self._tell_how(BLOCKED.format(to=to))

    async def _unblock(self, rest: str) -> None:
        to = _name(split(rest, 1, _BLOCK.format(word="UNBLOCK"))[0])
        await self._connection.draft(Unblock, to=to)
        self._terminal.show(f"Unblocked {to}.")

    async def _redact(self, rest: str) -> None:
        number, reason = split(rest, 1, _REDACT, more=True)
        seq, check = self._seen(number, _REDACT)
        await self._connection.draft(Redact, seq=seq, check=check, reason=_reason(reason))
        self._terminal.taken_back(seq, f"Took post {seq} back.")

    async def _purge(self, rest: str) -> None:
        word, to, reason = split(rest, 2, _PURGE, more=True)
        room, to = _room(word), _name(to)
        answer = await self._connection.draft(Purge, room=room, to=to, reason=_reason(reason))
        taken = Blanking(to, room or "", answer["seq"], answer["seq"])
        self._terminal.all_taken_back(taken)
        self._terminal.show(f"Took back all that {to} said in {_shown(room)}.")

    async def _order(
        self, order: type[Command], rest: str, usage: str, a_room: Callable[[str], str | None]
    ) -> tuple[str, str]:
        """Give an order about somebody in a room, perhaps with a reason; return whom, and where."""
        word, to, reason = split(rest, 2, usage, more=True)
        room, to = a_room(word), _name(to)
        await self._connection.draft(order, room=room, to=to, reason=_reason(reason))
        return to, _shown(room)

    async def _report(self, rest: str) -> None:
        number, reason = split(rest, 1, _REPORT, more=True)
        if not reason:
            raise Misused(_REPORT)
        seq, check = self._seen(number, _REPORT)
        await self._connection.draft(ReportPost, seq=seq, check=check, reason=_reason(reason))
        self._terminal.show(f"Reported post {seq}: moderators are told, and can read it.")

    def _seen(self, number: str, usage: str) -> tuple[int, bytes]:
        """Return the seq of a post that was seen here, and its check."""
        if not _SEQ.fullmatch(number):
            raise Misused(usage)
        check = self._connection.check_of(int(number))
        if check is None:
            raise Misused(
                f"No post {int(number)} was seen here: HISTORY ROOM shows posts with their numbers."
            )
        return int(number), check


def _name(word: str) -> str:
    return fold_user(word.removeprefix("@"))


def _room(word: str) -> str | None:
    """Return the room; None for the whole cluster."""
    return None if word == CLUSTER else fold_room(word)


def _shown(room: str | None) -> str:
    return room or EVERYWHERE


def _reason(words: str) -> str | None:
    return check_words(words) or None


def _lasting(words: str, usage: str) -> tuple[str, str]:
    """Return for how long, as it was typed, and the reason; both may be empty.

    :raises Misused: the first word begins as a time does, and is none: it could be a mistyped one.
    """
    first, reason = [*words.split(None, 1), "", ""][:2]
    if _TIME.fullmatch(first):
        return first, reason
    if first[:1].isdigit():
        raise Misused(usage)
    return "", words
