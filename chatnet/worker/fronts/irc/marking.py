"""How far one has read: MARKREAD; and which targets a client may ask such things about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatnet.entries import other_side
from chatnet.errors import UNREAD, ChatnetError, TryLater
from chatnet.irc import targets, times, writer
from chatnet.irc.targets import Nick
from chatnet.names import GUEST, is_guest, is_talk, sides, talk
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.command import Command, Pace
from chatnet.worker.fronts.irc.finding import find

if TYPE_CHECKING:
    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient


MOST_TOLD = 1_000
"""Of how many rooms it is known how far a client was told that its user has read them."""


class Params(Exception):
    """The parameters of a CHATHISTORY make no sense; the text is the sentence."""


class NoTarget(Exception):
    """There is no such target, or not for this client: nobody is told which."""


def known_room(client: IrcClient, target: str) -> str:
    """Return the room of a target whose history the client may read over IRC: one that its user is in.
    ``~nick`` is whatever guests with that nick have said to it, and have heard, also when they are gone.

    :raises NoTarget: it is none.
    """
    is_of_guests = target[:1] == GUEST
    meant = targets.room_of(target[1:] if is_of_guests else target)
    other = ""
    if isinstance(meant, Nick):
        other = GUEST + meant.name if is_of_guests else client.front.faces.user_of(meant.name)
    elif is_of_guests:
        raise NoTarget
    if meant is None or other == client.user:
        raise NoTarget
    room = talk(client.user, other) if isinstance(meant, Nick) else meant.room
    if not (is_talk(room) or room == client.user or client.session.local_user.memberships.has(room)):
        raise NoTarget
    return room


def spelled_for(client: IrcClient, room: str) -> str:
    """Return the target by which the client knows a room: the nick of who is there, but ``~nick`` of a guest
    who is gone, as by then a user may be called so."""
    other = next((side for side in sides(room) if side != client.user), "")
    faces = client.front.faces
    if is_guest(other) and other not in faces:
        return other
    return faces.nick(other) if other else events.channel(room)


def shown_as(client: IrcClient, target: str, room: str) -> str:
    """Return the target of an answer about the room that the client asked for by ``target``."""
    return other_side(room, client.user) if target[:1] == GUEST else spelled_for(client, room)


def room_of_guests(client: IrcClient, target: str) -> str:
    """Return the room of ``target`` if that is the nick of a guest who is gone, when there is no user who is
    called so.

    :raises NoTarget: it is no nick.
    """
    if not isinstance(targets.room_of(target), Nick):
        raise NoTarget
    return known_room(client, GUEST + target)


async def time_of(client: IrcClient, room: str, seq: int) -> int | None:
    """Return the time of the newest message of a room up to ``seq``; None if there is none."""
    if (entry := client.entry_at(seq)) is not None:
        return entry.time
    page = await client.session.reads.history(room, seq + 1)
    return page[-1].time if page else None


async def markread(client: IrcClient, slot: Slot, line: Line) -> None:
    """Say how far one has read, or ask it: it only rises."""
    if not line.params:
        client.fail(slot, "MARKREAD", "NEED_MORE_PARAMS", "MARKREAD needs a target.")
        return
    target = writer.word(line.params[0])
    try:
        room = known_room(client, line.params[0])
        if len(line.params) > 1:
            await _mark(client, room, line.params[1])
        shown = shown_as(client, line.params[0], room)
        slot.say(await mark_line(client, room, await mark_in(client, room), shown))
    except Params as why:
        client.fail(slot, "MARKREAD", "INVALID_PARAMS", str(why), target)
    except (*UNREAD, TryLater) as why:
        client.fail(slot, "MARKREAD", "INTERNAL_ERROR", str(why), target)
    except (NoTarget, ChatnetError):
        client.fail(slot, "MARKREAD", "INVALID_TARGET", "There is no such target for you.", target)


def _spelled(client: IrcClient, room: str) -> str:
    """Return a room as the session of this user spells it."""
    return "@" + other_side(room, client.user) if is_talk(room) else room


async def _mark(client: IrcClient, room: str, said: str) -> None:
    time = times.read(said.removeprefix("timestamp="))
    if time is None or not said.startswith("timestamp="):
        raise Params("How far is timestamp=TIME.")
    seq = await client.session.reads.seq_before(time + 1)
    await client.session.marks.mark(_spelled(client, room), seq)


async def mark_in(client: IrcClient, room: str) -> int:
    """Return how far the user has read in a room; 0: they have not said it."""

    async def ask(after: str) -> tuple[list[tuple[str, int]], bool]:
        page = await client.session.marks.page(after)
        return page.marks, page.more

    found = await find(room, ask, lambda mark: client.sessions_room(mark[0]))
    return 0 if found is None else found[1]


async def all_marks(client: IrcClient) -> dict[str, int]:
    """Return how far the user has read, by room as the session spells it."""
    found: dict[str, int] = {}
    after, has_more = "", True
    while has_more:
        page = await client.session.marks.page(after)
        found |= dict(page.marks)
        has_more = page.more and bool(page.marks)
        after = page.marks[-1][0] if page.marks else after
    return found


async def mark_line(client: IrcClient, room: str, seq: int, target: str = "") -> bytes:
    """Return the line that says how far the user has read in a room, which is never less than the client was
    told, whatever is read late; ``target``: as this."""
    told, at, time = client.marks_told, 0, None
    if seq:
        told[room] = max(seq, told.pop(room, 0))  # it is forgotten last
        if len(told) > MOST_TOLD:
            del told[next(iter(told))]
    while (newest := max(seq, told.get(room, 0))) > at:
        at, time = newest, await time_of(client, room, newest)
    shown = "*" if time is None else f"timestamp={times.shown(time)}"
    return writer.line(client.front.settings.name, "MARKREAD", target or spelled_for(client, room), shown)


async def tell_marked(client: IrcClient, room: str, seq: int) -> None:
    """Tell the client that its user has read a room up to ``seq``, elsewhere; not if it is told of more."""
    line = await mark_line(client, room, seq)
    if client.marks_told.get(room, 0) <= seq:
        client.put_line(line)


COMMANDS = {"MARKREAD": Command(markread, 0, Pace.ALONE)}
