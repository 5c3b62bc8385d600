"""The commands that show what there is: LIST, HISTORY, MEMBERS, ROOMS, INVITATIONS and WHOIS."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from chatnet.client.connection import Connection
from chatnet.client.events import EVERYWHERE, named
from chatnet.client.feed import Unbelievable, is_shown
from chatnet.client.past import beginning_of
from chatnet.client.refused import Misused, split
from chatnet.client.said import Said
from chatnet.client.terminal import Terminal
from chatnet.entries import Entry
from chatnet.names import fold_for, fold_prefix, fold_user, spelled_for
from chatnet.reads import NEWEST, Talk
from chatnet.rules import MOST_ROOMS
from chatnet.wire.session import Conversations, Invitations, List, Members, WhoIs

_HISTORY = "HISTORY takes a room, and perhaps the number of a post before which to begin: HISTORY #TOPIC 123."
_MEMBERS = "MEMBERS takes a room: MEMBERS &ROOM."
_ROOMS = "ROOMS takes nothing after it; nothing was done."
_WHOIS = "WHOIS takes a name: WHOIS NAME."
_ROLES = {"admin": "an admin", "moderator": "a moderator"}
_INVITATIONS = "INVITATIONS takes nothing after it; nothing was done."
USAGES = {"HISTORY": _HISTORY, "MEMBERS": _MEMBERS, "WHOIS": _WHOIS}
"""How each is typed that takes something."""
GREETED = 5
"""How many invitations are shown at the login."""
_SEQ = re.compile(r"\d{1,18}", re.ASCII)


class Lookups:
    """Runs these commands on one terminal; each asks for ``most_pages`` at most. ``tell_how`` shows a
    sentence that names commands; ``moment`` returns a time in milliseconds as people read it; ``has_read``
    hears of each page of history that is shown."""

    def __init__(
        self,
        connection: Connection,
        terminal: Terminal,
        tell_how: Callable[[str], None],
        most_pages: int,
        moment: Callable[[int], str],
        has_read: Callable[[Sequence[Entry]], None],
    ) -> None:
        self._connection, self._terminal, self._most_pages = connection, terminal, most_pages
        self._tell_how, self._moment, self._has_read = tell_how, moment, has_read
        self.commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "HISTORY": self._history,
            "MEMBERS": self._members,
            "ROOMS": self._rooms,
            "INVITATIONS": self._invitations,
            "WHOIS": self._who_is,
        }

    async def list_rooms(self, prefix: str) -> None:
        """Do LIST: show the rooms that begin with ``prefix``, and those of them that the user has joined."""
        joined: list[str] = []
        prefix, after, more, pages = fold_prefix(prefix), "", True, 0
        self._terminal.show("All rooms:")
        while more and pages < self._most_pages:
            page = await self._connection.ask(List, prefix=prefix, after=after)
            rooms = page["rooms"]
            self._show_rooms(rooms)
            joined += page["joined"]
            more = page["more"] and bool(rooms)
            if len(joined) > MOST_ROOMS or (more and rooms[-1] <= after):
                raise Unbelievable("a list of rooms that does not go on")
            after = rooms[-1] if rooms else ""
            pages += 1
        if more:
            self._tell_how("There are more: LIST PREFIX shows those that begin with PREFIX.")
        self._terminal.show("Rooms you have joined:")
        self._show_rooms(joined)
        self._terminal.learn(joined, is_member=True)

    def _show_rooms(self, rooms: Sequence[str]) -> None:
        for room in rooms:
            self._terminal.show("\t" + room)
        self._terminal.learn(rooms)

    async def _history(self, rest: str) -> None:
        room, number = split(rest, 1, _HISTORY, more=True)
        if number and not _SEQ.fullmatch(number):
            raise Misused(_HISTORY)
        where = spelled_for(fold_for(room, self._connection.name), self._connection.name)
        page = await self._connection.history(room, int(number) if number else None)
        posts = [post for post in page if is_shown(post)][-NEWEST:]
        for post in posts:
            self._terminal.numbered(Said.by(post, self._connection.name, self._connection.author_of))
        self._has_read(posts)
        if not posts:
            self._terminal.show(beginning_of(where) if number else f"Nothing was said in {where}.")

    async def _members(self, rest: str) -> None:
        typed, _ = split(rest, 1, _MEMBERS)
        room = spelled_for(fold_for(typed, self._connection.name), self._connection.name)
        after, more, pages = "", True, 0
        while more and pages < self._most_pages:
            page = await self._connection.ask(Members, room=room, after=after)
            if not pages:
                about = f" ({page['about']})" if page["about"] else ""
                self._terminal.show(f"Members of {room}{about}:")
            for member in page["members"]:
                self._terminal.show(f"\t{member.name}" + (f" ({member.role})" if member.role else ""))
            after, more = _next([member.name for member in page["members"]], after, page["more"])
            pages += 1
        if more:
            self._terminal.show("There are more.")

    async def _who_is(self, rest: str) -> None:
        typed, _ = split(rest, 1, _WHOIS)
        name = fold_user(typed.removeprefix("@"))
        found = await self._connection.ask(WhoIs, name=name)
        role = f", and is {_ROLES.get(found['role'], found['role'])} of {EVERYWHERE}" if found["role"] else ""
        self._terminal.show(f"{name} is known here since {self._moment(found['since'])}{role}.")
        if found["blocked"]:
            self._terminal.show(f"You block {name}.")
        if name != self._connection.name:
            self._terminal.show("Rooms you share:" if found["rooms"] else "You share no room.")
            self._show_rooms(found["rooms"])
            if found["more"]:
                self._terminal.show("There are more.")

    async def _invitations(self, rest: str) -> None:
        if rest:
            raise Misused(_INVITATIONS)
        after, more, pages, shown = "", True, 0, 0
        while more and pages < self._most_pages:
            page = await self._connection.ask(Invitations, after=after)
            for one in page["invitations"]:
                self._terminal.show(
                    f"{named(one.by)} invites you to {one.room}, until {self._moment(one.until)}."
                )
            rooms = [one.room for one in page["invitations"]]
            after, more = _next(rooms, after, page["more"])
            pages, shown = pages + 1, shown + len(rooms)
        if not shown:
            self._tell_how("No invitation is open. Who is in a private room invites by INVITE.")
        elif more:
            self._terminal.show("There are more.")

    async def greet(self) -> None:
        """Show the first few open invitations: they came while this client was away."""
        page = await self._connection.ask(Invitations, after="")
        for one in page["invitations"][:GREETED]:
            self._tell_how(f"{named(one.by)} invites you to {one.room}: JOIN {one.room}.")
        if len(page["invitations"]) > GREETED:
            self._tell_how("There are more invitations: INVITATIONS shows them.")

    async def _rooms(self, rest: str) -> None:
        if rest:
            raise Misused(_ROOMS)
        self._terminal.show("Rooms you have joined:")
        joined = await self._joined()
        self._show_rooms(joined)
        self._terminal.learn(joined, is_member=True)
        self._terminal.show("Your conversations, the newest first:")
        talks = await self._talks()
        for talk in sorted(talks, key=lambda talk: -talk.newest):
            self._terminal.show(f"\t{talk.room}")

    async def _joined(self) -> list[str]:
        joined: list[str] = []
        after, more, pages = "", True, 0
        while more and pages < self._most_pages:
            page = await self._connection.ask(List, prefix="", after=after, mine=True)
            joined += page["joined"]
            if len(joined) > MOST_ROOMS:
                raise Unbelievable("a list of rooms that does not go on")
            after, more = _next(page["rooms"], after, page["more"])
            pages += 1
        return joined

    async def _talks(self) -> list[Talk]:
        talks: list[Talk] = []
        after, more = "", True
        while more and len(talks) < MOST_ROOMS:
            page = await self._connection.ask(Conversations, after=after)
            talks += page["conversations"]
            more = page["more"]
            if more and not page["conversations"]:
                raise Unbelievable("a list that does not go on")
            after = page["conversations"][-1].room if more else ""
        return talks


def _next(names: Sequence[str], after: str, more: bool) -> tuple[str, bool]:
    """Return after which name the next page begins, and whether there is one.

    :raises Unbelievable: the list does not go on.
    """
    if more and (not names or names[-1] <= after):
        raise Unbelievable("a list that does not go on")
    return names[-1] if names else after, more
