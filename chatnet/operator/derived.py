"""What follows from the entries of a log, worked out anew. Pure: entries go in, differences come out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from chatnet.entries import Entry, places
from chatnet.kinds import HEARD
from chatnet.names import is_topic
from chatnet.store.sqlite.schema import OPEN

Row = tuple[Any, ...]


class Derived:
    """What the tables beside the entries must hold, behind the last entry that was taken."""

    def __init__(self) -> None:
        self.head = self.places = 0
        self._time = 0
        self._accounts: dict[str, tuple[str, int, int]] = {}
        self._open: dict[tuple[str, str], int] = {}
        self._ended: list[tuple[str, int, str, int]] = []
        self._rooms: set[str] = set()

    def take(self, entry: Entry) -> Iterator[str]:
        """The next entry; what is wrong with it."""
        if entry.seq != self.head + 1:
            yield f"behind seq {self.head:,} comes {entry.seq:,}"
        if entry.time < self._time:
            yield f"the time of seq {entry.seq:,} is before that of the one before it"
        self.head, self._time = entry.seq, entry.time
        why = self._apply(entry)
        if why:
            yield f"seq {entry.seq:,}, a {entry.kind} of {entry.user}, cannot be: {why}"

    def heard_at(self, entry: Entry) -> list[str]:
        """Where it must stand in the index of places."""
        found = list(places(entry.user, entry.text)) if entry.kind in HEARD else []
        self.places += len(found)
        self._rooms.update(place for place in found if is_topic(place))
        return found

    def accounts(self) -> set[Row]:
        """User, credential, seq of that, seq of the registration."""
        return {(user, *account) for user, account in self._accounts.items()}

    def memberships(self) -> set[Row]:
        """User, left, room, joined."""
        lasting = {(user, OPEN, room, joined) for (user, room), joined in self._open.items()}
        return lasting.union(self._ended)

    def rooms(self) -> set[Row]:
        """Each name."""
        return {(room,) for room in self._rooms}

    def _apply(self, entry: Entry) -> str:
        user, room, seq = entry.user, entry.room, entry.seq
        if entry.kind == "register":
            taken = user in self._accounts
            self._accounts[user] = entry.text, seq, seq
            self._rooms.add(user)
            return "the name is taken" if taken else ""
        if user not in self._accounts:
            return "there is no such user"
        if entry.kind == "secret":
            self._accounts[user] = entry.text, seq, self._accounts[user][2]
        elif entry.kind == "join":
            return self._join(user, room, seq)
        elif entry.kind == "leave":
            return self._leave(user, room, seq)
        return "" if entry.kind in ("secret", "post") else "there is no such kind"

    def _join(self, user: str, room: str, seq: int) -> str:
        joined = (user, room) in self._open
        self._open[user, room] = seq
        if is_topic(room):
            self._rooms.add(room)
        elif room not in self._accounts:
            return f"there is no room {room}"
        return f"they are in {room} already" if joined else ""

    def _leave(self, user: str, room: str, seq: int) -> str:
        joined = self._open.pop((user, room), None)
        if joined is None:
            return f"they are not in {room}"
        self._ended.append((user, seq, room, joined))
        return ""


def difference(what: str, should: set[Row], there: Iterable[Row]) -> str:
    """The first difference between what a table should hold and what is there; empty if there is none."""
    left = set(should)
    for row in there:
        if row not in left:
            return f"{what} has a row that follows from no entry: {row[0]!r}, {row[1:]!r}"
        left.discard(row)
    return f"{what} lacks a row: {min(left, key=repr)!r}" if left else ""
