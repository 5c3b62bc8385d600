"""Who is in a room, as of now, in lines of IRC.

The log answers as of a moment ago; who joined or left since then was told to the client already. So each page
is brought up to date in the turn in which it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from chatnet.entries import Entry
from chatnet.errors import (
    UNREAD,
    BadRequest,
    BadRoom,
    ChatnetError,
    NoSuchRoom,
    NotForGuests,
    NotJoined,
    NotModerator,
    NotOwner,
)
from chatnet.irc import numerics, writer
from chatnet.names import is_topic
from chatnet.reads import Member, MemberPage
from chatnet.stays import changes
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.finding import find
from chatnet.worker.fronts.irc.marking import all_marks, mark_in, mark_line

if TYPE_CHECKING:
    from chatnet.worker.fronts.irc.client import IrcClient

Say = Callable[[bytes], None]
OPERATOR = "@"
FIRST = "first"
"""What is shown as a role of who has been in a topic for longest, while it has no owner."""
NO_OWNER = (
    "It has no owner yet, and who has been there for longest is shown as @ for its text alone: who runs this "
    "server can name an owner."
)
_OPERATORS = ("owner", "moderator", FIRST)


def prefix_of(role: str) -> str:
    """Return what stands before the nick of who has this role in a channel."""
    return OPERATOR if role in _OPERATORS else ""


def is_users(room: str) -> bool:
    """Return whether this is a user's room: it is theirs, and they are no member of it as others are."""
    return room[:1] not in ("#", "&") and "=" not in room


def up_to_date(page: MemberPage, room: str, after: str, since: Sequence[Entry]) -> dict[str, str]:
    """Return the members of a page that begins behind ``after``, each with their role, once the entries
    ``since`` it was read are applied. Those may have been in it already."""
    members = {member.name: member.role for member in page.members}
    last = page.members[-1].name if page.more and page.members else None
    for entry in since:
        if entry.room != room and room not in entry.at:
            continue
        if entry.kind == "role" and entry.to in members:
            members[entry.to] = "" if entry.text == "none" else entry.text
        for change in changes(entry):
            if change.place != room or change.user <= after or (last is not None and change.user > last):
                continue
            if change.begins:
                members.setdefault(change.user, "")
            else:
                members.pop(change.user, None)
    return dict(sorted(members.items()))


class Roster:
    """Reads the members of a room, page by page: :meth:`next` until it returns None. ``about`` is what the
    room is about, ``by`` who has said so, and ``since`` when, in milliseconds since 1970. ``has_first``: of a
    topic without an owner, the one who has been in it for longest has the role :data:`FIRST`."""

    def __init__(self, client: IrcClient, room: str, has_first: bool = False) -> None:
        self._client = client
        self._has_first = has_first and is_topic(room)
        self._first = ""
        self._room = room
        self._after = ""
        self._has_more = True
        self.about = self.by = ""
        self.since = 0

    async def next(self) -> dict[str, str] | None:
        """Return the next members, each with their role; None behind the last page.

        :raises NoSuchRoom: there is no such room for this user.
        """
        if not self._has_more:
            return None
        window, before = self._client.window, self._client.session.head
        page = await self._client.session.reads.members(self._room, self._after)
        if self._has_first and not self._after and all(one.role != "owner" for one in page.members):
            self._first = await first_in(self._client, self._room)
        since = window.after(before) if window.holds(before) else []
        members = up_to_date(page, self._room, self._after, since)
        if members.get(self._first) == "":
            members[self._first] = FIRST
        if not self._after:
            self.about, self.by, self.since = page.about, page.by, page.since
            if is_users(self._room):
                members = {self._room: "owner", **members}
        self._has_more = page.more and bool(page.members)
        if page.members:
            self._after = page.members[-1].name
        return members


async def first_in(client: IrcClient, room: str) -> str:
    """Return who has been in a topic for longest, while it has no owner; empty: nobody, or an older primary
    does not know."""
    try:
        return await client.session.reads.first_in(room) if is_topic(room) else ""
    except BadRequest:
        return ""


async def role_in(client: IrcClient, room: str, user: str) -> str | None:
    """Return the role of a user in a channel, empty if they have none; None: they are not in it.

    :raises NoSuchRoom: there is no such room for the client's user.
    """

    async def ask(after: str) -> tuple[list[Member], bool]:
        page = await client.session.reads.members(room, after)
        return page.members, page.more

    found = await find(user, ask, lambda member: member.name)
    return None if found is None else found.role


async def moderates(client: IrcClient, room: str) -> bool:
    """Return whether the client's user is an operator of a channel, or moderates the cluster.

    :raises NoSuchRoom: there is no such room for this user.
    """
    return await _leads(client, room, ("owner", "moderator"), ("moderator", "admin"))


async def owns(client: IrcClient, room: str) -> bool:
    """Return whether the client's user says who is an operator of a channel: its owners do, and of a topic
    the admins of the cluster.

    :raises NoSuchRoom: there is no such room for this user.
    """
    return await _leads(client, room, ("owner",), ("admin",))


async def _leads(client: IrcClient, room: str, there: Collection[str], everywhere: Collection[str]) -> bool:
    user = client.user
    if room == user or await role_in(client, room, user) in there:
        return True
    return room[0] != "&" and (await client.session.reads.who_is(user)).role in everywhere


async def reason_of(client: IrcClient, room: str, why: ChatnetError) -> ChatnetError:
    """Return why something is refused in a channel: of one that does not exist, that it does not, and not
    that one is not in it, or does not moderate it; of one without an owner, that it has none, since its first
    member is shown as an operator. Of a user's, for which the log knows no such orders, it is not that there
    is none."""
    if not isinstance(why, (BadRoom, NotForGuests, NotJoined, NotModerator, NotOwner)):
        return why
    try:
        await client.session.reads.facts_of(room)
        if isinstance(why, NotModerator | NotOwner) and await first_in(client, room):
            return type(why)(NO_OWNER)
    except NoSuchRoom as none:
        return none
    except UNREAD:
        return why
    if not isinstance(why, BadRoom):
        return why
    if room == client.user:
        return BadRequest("In a user's channel nobody is removed or banned, and nobody else is an operator.")
    return NotModerator.of() if room in client.joined else NotJoined.of(room=events.channel(room))


async def introduce(client: IrcClient, rooms: Sequence[str]) -> None:
    """Tell the client what rooms are about that it has just been told it is in, and who is there."""
    marks = await marks_of(client, rooms)
    for room in rooms:
        if room in client.joined:
            try:
                await introduce_one(client, client.put_line, room, marks)
            except ChatnetError:  # it was left meanwhile, or cannot be read now
                if not client.has("no-implicit-names"):
                    client.put_line(end_of_names(client, events.channel(room)))


async def marks_of(client: IrcClient, rooms: Collection[str]) -> Mapping[str, int] | None:
    """Return how far the user has read in these rooms, and maybe in others; None if the client does not want
    to know, or the log cannot tell it now: who is there is told all the same."""
    if not client.has("draft/read-marker"):
        return None
    try:
        if len(rooms) > 1:
            return await all_marks(client)
        return {room: await mark_in(client, room) for room in rooms}
    except UNREAD:
        return None


async def introduce_one(
    client: IrcClient, say: Say, room: str, marks: Mapping[str, int] | None = None
) -> None:
    """Say what a room is about, how far the user has read there, and who is there."""
    roster = Roster(client, room, has_first=not client.has("no-implicit-names"))
    members = await roster.next()
    for line in topic_lines(client, room, roster):
        say(line)
    if marks is not None:
        say(await mark_line(client, room, marks.get(room, 0)))
    if not client.has("no-implicit-names"):
        await _say_names(client, say, room, roster, members)
        say(end_of_names(client, events.channel(room)))


def topic_lines(client: IrcClient, room: str, roster: Roster) -> list[bytes]:
    """Return the lines that say what a room is about; none if nobody has said that."""
    if not roster.about:
        return []
    channel = events.channel(room)
    lines = [client.numeric(numerics.RPL_TOPIC, channel, roster.about)]
    if roster.by:  # an older primary does not say it
        by, since = client.front.faces.nick(roster.by), str(roster.since // 1000)
        lines.append(client.numeric(numerics.RPL_TOPICWHOTIME, channel, by, since))
    return lines


async def say_names(client: IrcClient, say: Say, room: str, asked: str) -> None:
    """Say who is in a room, which the client has ``asked`` for by this name.

    :raises NoSuchRoom: there is no such room for this user.
    """
    roster = Roster(client, room, has_first=True)
    await _say_names(client, say, room, roster, await roster.next())
    say(end_of_names(client, asked))


async def _say_names(
    client: IrcClient, say: Say, room: str, roster: Roster, members: dict[str, str] | None
) -> None:
    channel = events.channel(room)
    while members is not None:
        for line in _name_lines(client, channel, members):
            say(line)
        members = await roster.next()


def _name_lines(client: IrcClient, channel: str, members: dict[str, str]) -> Iterator[bytes]:
    faces = client.front.faces
    shown = faces.source if client.has("userhost-in-names") else faces.nick
    words = (prefix_of(role) + shown(name) for name, role in members.items())
    return client.listed(words, " ", numerics.RPL_NAMREPLY, "=", channel)


def end_of_names(client: IrcClient, channel: str) -> bytes:
    """Return the line behind the names of a channel, spelled as the client did."""
    return client.numeric(numerics.RPL_ENDOFNAMES, writer.word(channel))
