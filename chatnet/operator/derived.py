"""What follows from the entries of a log, computed again. Pure: entries go in, differences come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import Any

from chatnet.entries import Entry, places
from chatnet.form import MAX_CREDENTIAL, MAX_TEXT
from chatnet.kinds import FIRST_LEVEL, HEARD, KINDS, MOST_LEVEL, Stay, Text, is_level
from chatnet.names import is_topic
from chatnet.rules import DAY_MS
from chatnet.store.pages import OPEN

Row = tuple[Any, ...]

_LONGEST = {
    Text.POST: MAX_TEXT,
    Text.CREDENTIAL: MAX_CREDENTIAL,
    Text.LEVEL: len(str(MOST_LEVEL)),
    Text.NOTHING: 0,
}


@dataclass(slots=True)
class Account:
    """The columns of a user's account."""

    credential: str
    secret_seq: int
    registered: int
    rooms: int = 0
    day: int = 0
    topics: int = 0


class Derived:
    """What the tables other than the entries must hold, after the last entry that was taken."""

    def __init__(self) -> None:
        self.head = self.places = 0
        self.level = FIRST_LEVEL
        self._time = 0
        self._accounts: dict[str, Account] = {}
        self._open: dict[tuple[str, str], int] = {}
        self._ended: list[tuple[str, int, str, int]] = []
        self._rooms: set[str] = set()

    def take(self, entry: Entry) -> Iterator[str]:
        """Take the next entry; yield what is wrong with it."""
        if entry.seq != self.head + 1:
            yield f"behind seq {self.head:,} comes {entry.seq:,}"
        if entry.time < self._time:
            yield f"the time of seq {entry.seq:,} is before that of the one before it"
        self.head, self._time = entry.seq, entry.time
        why = self._apply(entry)
        if is_too_long(entry):
            yield f"the text of seq {entry.seq:,} has {len(entry.text):,} characters, more than there may be"
        if why:
            yield f"seq {entry.seq:,}, a {entry.kind} of {entry.user}, cannot be: {why}"

    def heard_at(self, entry: Entry) -> list[str]:
        """Return its rows in the index of places. An overlong text is skipped: the search would take long."""
        if entry.kind not in HEARD or is_too_long(entry):
            return []
        found = list(places(entry.user, entry.room, entry.text))
        self.places += len(found)
        self._use(entry, found)
        return found

    def has(self, user: str) -> bool:
        """Return whether there is such a user."""
        return user in self._accounts

    def accounts(self) -> set[Row]:
        """Return for each user: name, credential, its seq, seq of the registration, number of rooms, the day
        on which they last made a topic, and how many topics on that day."""
        return {(user, *astuple(account)) for user, account in self._accounts.items()}

    def memberships(self) -> set[Row]:
        """Return user, left, room, joined of each stay."""
        lasting = {(user, OPEN, room, joined) for (user, room), joined in self._open.items()}
        return lasting.union(self._ended)

    def rooms(self) -> set[Row]:
        """Return each name."""
        return {(room,) for room in self._rooms}

    def _use(self, entry: Entry, rooms: Iterable[str]) -> None:
        """Add the topics among ``rooms``; the author of ``entry`` made the new ones."""
        topics = {room for room in rooms if is_topic(room)} - self._rooms
        author = self._accounts.get(entry.user)
        if topics and author is not None:
            day = entry.time // DAY_MS
            author.topics = len(topics) + (author.topics if author.day == day else 0)
            author.day = day
        self._rooms |= topics

    def _apply(self, entry: Entry) -> str:
        kind = KINDS.get(entry.kind)
        if kind is None:
            return "there is no such kind"
        account = self._accounts.get(entry.user)
        if entry.kind == "register":
            self._accounts[entry.user] = Account(entry.text, entry.seq, entry.seq)
            self._rooms.add(entry.user)
            return "the name is taken" if account else ""
        if kind.is_the_clusters:
            account = Account("", 0, 0)
        if account is None:
            return "there is no such user"
        why = FOLLOWS[entry.kind](self, entry, account)
        if kind.stay is Stay.BEGINS:
            self._use(entry, [entry.room])
        return f"the log is at level {self.level} there" if kind.level > self.level else why

    def _secret(self, entry: Entry, account: Account) -> str:
        account.credential, account.secret_seq = entry.text, entry.seq
        return ""

    def _post(self, entry: Entry, account: Account) -> str:
        if entry.room == entry.user or (is_topic(entry.room) and (entry.user, entry.room) in self._open):
            return ""
        return f"they are not in {entry.room}" if is_topic(entry.room) else "that is not their room"

    def _raise(self, entry: Entry, account: Account) -> str:
        if not is_level(entry.text) or int(entry.text) <= self.level:
            return "that is no higher level"
        self.level = int(entry.text)
        return ""

    def _join(self, entry: Entry, account: Account) -> str:
        user, room = entry.user, entry.room
        joined = (user, room) in self._open
        self._open[user, room] = entry.seq
        account.rooms += not joined
        if not is_topic(room) and room not in self._accounts:
            return f"there is no room {room}"
        return f"they are in {room} already" if joined else ""

    def _leave(self, entry: Entry, account: Account) -> str:
        joined = self._open.pop((entry.user, entry.room), None)
        if joined is None:
            return f"they are not in {entry.room}"
        account.rooms -= 1
        self._ended.append((entry.user, entry.seq, entry.room, joined))
        return ""


FOLLOWS: dict[str, Callable[[Derived, Entry, Account], str]] = {
    "secret": Derived._secret,
    "join": Derived._join,
    "leave": Derived._leave,
    "post": Derived._post,
    "level": Derived._raise,
}
"""What follows from an entry of a user, by its kind; each returns why the entry cannot be, or empty."""


def is_too_long(entry: Entry) -> bool:
    """Return whether its text is longer than the rules allow."""
    kind = KINDS.get(entry.kind)
    return len(entry.text) > (MAX_TEXT if kind is None else _LONGEST[kind.text])


def difference(what: str, should: set[Row], there: Iterable[Row]) -> str:
    """Return the first difference between the rows that should be and those that are; empty if none."""
    left = set(should)
    for row in there:
        if row not in left:
            return f"{what} has a row that follows from no entry: {row[0]!r}, {row[1:]!r}"
        left.discard(row)
    return f"{what} lacks a row: {min(left, key=repr)!r}" if left else ""
