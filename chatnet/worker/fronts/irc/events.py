"""What is no post, as lines of IRC: who joins and leaves, what a channel is about, who moderates it, what is
taken back. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection

from chatnet.entries import Entry
from chatnet.faces import face_of
from chatnet.irc import msgids, targets, writer
from chatnet.irc.targets import Nick
from chatnet.names import is_talk, sides
from chatnet.worker.fronts.irc.faces import account
from chatnet.worker.fronts.irc.said import tags_of
from chatnet.worker.fronts.irc.sees import Sees

REMOVED = "removed"
BANNED = "banned"


def told(log_id: str, entry: Entry, place: str, sees: Sees, is_bot: bool = False) -> bytes:
    """Return what those are told of an entry who hear it at ``place``; nothing of most kinds. ``is_bot``: its
    author has said that they are a bot."""
    tell = _TOLD.get(entry.kind)
    line = b"" if tell is None else tell(entry, place, sees)
    return _tagged(log_id, entry, sees, line, is_bot, entry.to if entry.kind in _OF_OTHERS else "")


def past(log_id: str, entry: Entry, place: str, sees: Sees, bots: Collection[str]) -> bytes:
    """Return how an event stands in the history of a room: as it was told there, live."""
    whose = entry.to if entry.kind == "ban" or entry.kind in _OF_OTHERS else entry.user
    return _tagged(log_id, entry, sees, PLAYED[entry.kind](entry, place, sees), whose in bots, whose)


def own_stay(log_id: str, entry: Entry, sees: Sees, is_bot: bool = False) -> bytes:
    """Return what the user is told whose stay in the entry's room begins or ends with it."""
    match entry.kind:
        case "join" | "create":
            line = _join(entry, entry.room, sees)
        case "leave":
            line = _leave(entry, entry.room, sees)
        case _:
            line = _remove(entry, entry.room, sees)
    return _tagged(log_id, entry, sees, line, is_bot)


def _tagged(log_id: str, entry: Entry, sees: Sees, line: bytes, is_bot: bool, whose: str = "") -> bytes:
    tags = tags_of(log_id, entry, sees.tags, is_bot, whose=whose) if line else ""
    return writer.tagged(tags, line) if tags else line


def channel(room: str) -> str:
    """Return the channel of a room that is no conversation; empty for the whole cluster."""
    return targets.channel_of(room, "") or ""


def room_in(channel: str) -> str | None:
    """Return the room of a channel; None if no room can be called so."""
    target = targets.room_of(channel)
    return None if target is None or isinstance(target, Nick) else target.room


def joined(user: str, room: str, sees: Sees) -> bytes:
    """Return the line with which ``user`` is in a channel."""
    faces = sees.faces
    more = (account(user), faces.real_name(user)) if "extended-join" in sees.tags.showing else ()
    return writer.line(faces.source(user), "JOIN", channel(room), *more)


def parted(source: str, room: str, why: str = "") -> bytes:
    """Return the line with which who is shown as ``source`` is no longer in a channel."""
    return writer.line(source, "PART", channel(room), *((why,) if why else ()), trailing=bool(why))


def away(source: str, words: str) -> bytes:
    """Return the line with which who is shown as ``source`` is away; back, without words."""
    return writer.line(source, "AWAY", *((words,) if words else ()), trailing=bool(words))


def _join(entry: Entry, place: str, sees: Sees) -> bytes:
    return joined(entry.user, entry.room, sees)


def _leave(entry: Entry, place: str, sees: Sees) -> bytes:
    return parted(sees.faces.source(entry.user), entry.room, entry.text)


def _remove(entry: Entry, place: str, sees: Sees) -> bytes:
    """Return the KICK for those in the room; whom it is for hears it by their own stay."""
    reason = entry.text or (BANNED if entry.kind == "ban" else REMOVED)
    return writer.line(
        sees.faces.source(entry.user),
        "KICK",
        channel(entry.room),
        sees.faces.nick(entry.to),
        reason,
        trailing=True,
    )


def _removed(entry: Entry, place: str, sees: Sees) -> bytes:
    return b"" if place[0] == "@" else _remove(entry, place, sees)


def _banned(entry: Entry, place: str, sees: Sees) -> bytes:
    """Return the PART for those in the room: of a ban they are told what it ended."""
    return parted(sees.faces.source(entry.to), entry.room)


def _describe(entry: Entry, place: str, sees: Sees) -> bytes:
    return writer.line(sees.faces.source(entry.user), "TOPIC", channel(entry.room), entry.text, trailing=True)


def _role(entry: Entry, place: str, sees: Sees) -> bytes:
    if not entry.room or place[0] == "@":
        return b""
    mode = "-o" if entry.text == "none" else "+o"
    return writer.line(
        sees.faces.source(entry.user), "MODE", channel(entry.room), mode, sees.faces.nick(entry.to)
    )


def _invite(entry: Entry, place: str, sees: Sees) -> bytes:
    """Return the INVITE for whom it is for; others who hear of it are told if they asked for that."""
    if place != "@" + entry.to and "invite-notify" not in sees.tags.showing:
        return b""
    return writer.line(
        sees.faces.source(entry.user), "INVITE", sees.faces.nick(entry.to), channel(entry.room)
    )


def _ban(entry: Entry, place: str, sees: Sees) -> bytes:
    if not entry.room or place[0] == "@":
        return b""
    mode = "-b" if entry.kind == "unban" else "+b"
    return writer.line(
        sees.faces.source(entry.user), "MODE", channel(entry.room), mode, banned(sees.faces.nick(entry.to))
    )


def banned(user: str) -> str:
    """Return the mask of a ban."""
    return f"{user}!*@*"


def _redact(entry: Entry, place: str, sees: Sees) -> bytes:
    if "draft/message-redaction" not in sees.tags.showing or entry.ref is None or place[0] == "!":
        return b""
    room = next((at for at in entry.at if is_talk(at)), place)
    if is_talk(room):
        first, second = sides(room)
        target = sees.faces.nick(second if entry.user == first else first)
    else:
        target = sees.faces.nick(place[1:]) if place[0] == "@" else channel(room)
    said = (entry.text,) if entry.text else ()
    return writer.line(sees.faces.source(entry.user), "REDACT", target, msgids.shown(entry.ref), *said)


def _forget(entry: Entry, place: str, sees: Sees) -> bytes:
    return writer.line(sees.faces.source(entry.to), "QUIT", "forgotten", trailing=True)


def _nick(entry: Entry, place: str, sees: Sees) -> bytes:
    return writer.line(sees.faces.source(entry.user), "NICK", face_of(entry.text).spelled)


def _gone(entry: Entry, place: str, sees: Sees) -> bytes:
    return quitted(sees.faces.source(entry.to), entry.text)


def quitted(source: str, why: str) -> bytes:
    """Return the line with which who is shown as ``source`` is gone."""
    return writer.line(source, "QUIT", why or "Quit", trailing=True)


_TOLD: dict[str, Callable[[Entry, str, Sees], bytes]] = {
    "join": _join,
    "leave": _leave,
    "remove": _removed,
    "describe": _describe,
    "role": _role,
    "invite": _invite,
    "ban": _ban,
    "unban": _ban,
    "redact": _redact,
    "forget": _forget,
    "nick": _nick,
    "gone": _gone,
}
"""The kinds of which something is told, and what."""
PLAYED: dict[str, Callable[[Entry, str, Sees], bytes]] = {
    **{kind: _TOLD[kind] for kind in ("join", "leave", "remove", "describe", "role", "nick", "gone")},
    "ban": _banned,
}
"""The kinds that histories of a room have as well, of what is heard there and of those with which somebody
came or went, and how they stand there."""
_OF_OTHERS = frozenset({"gone", "forget"})
"""The kinds that are told as what somebody does whom they are for, whoever is their author."""
TOLD = frozenset({*_TOLD, "create"})
"""The kinds that are shown, beside posts."""
