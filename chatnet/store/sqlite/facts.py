"""What the cases of :mod:`chatnet.rules` ask about a draft, as the writer asks the tables.

What each draft of a user asks for is remembered, until the writer says that it may have changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from chatnet.entries import Draft, Entry
from chatnet.names import is_guest
from chatnet.policies import POLICIES
from chatnet.rules import Author
from chatnet.store import facts
from chatnet.store.pages import OPEN
from chatnet.store.sqlite.binding import bound, values

KNOWN_USERS = 100_000
"""Of how many users something is remembered; beyond that all are forgotten, and looked up again."""


class Known(NamedTuple):
    """Of a user: what each draft of theirs asks for (None: there is no such user), and whether anybody ever
    banned or muted them, and blocks them; and until when they are a newcomer."""

    author: Author | None
    is_ordered: bool
    is_blocked: bool
    fresh: int


ACCOUNTS = frozenset(
    {
        *("register", "secret", "session", "revoke", "ban", "mute", "block", "disable", "forget"),
        *("guest", "nick", "gone"),
    }
)
"""The kinds that change what is remembered of users."""


HOLDS = {fact: f"SELECT {bound(sql)}" for fact, sql in facts.SQL.items()}
MEMBER = f"SELECT 1 FROM membership WHERE user = ? AND left = {OPEN} AND room = ?"
"""The fact of this name, which most posts in a room ask for."""


class SqliteFacts:
    """The facts about a draft that comes as the seq ``next``: :class:`chatnet.rules.Facts`.

    ``execute`` runs a statement in the writer's transaction. ``users`` is what is remembered of users.
    """

    def __init__(self, execute: Callable[..., Any], own_level: int) -> None:
        self._execute = execute
        self.own_level = own_level
        self.level = self.next = 0
        self.users: dict[str, Known] = {}
        self._direct = ""  # the policy of this name; empty if it has to be looked up

    def follow(self, entry: Entry) -> None:
        """Take an entry that is written, and is not said."""
        if entry.kind in ACCOUNTS:
            self.users.pop(entry.user, None)
            self.users.pop(entry.to, None)
        elif entry.kind == "level":
            self.level = int(entry.text)
        elif entry.kind == "policy":
            self._direct = ""

    def forget_all(self) -> None:
        """Forget what was remembered: it may not be so any more."""
        self.users.clear()
        self._direct = ""

    def author(self, user: str) -> Author | None:
        return (self.users.get(user) or self.known(user)).author

    def is_forgotten(self, user: str) -> bool:
        return bool(self._execute("SELECT 1 FROM forgotten WHERE user = ?", (user,)).get)

    def is_disabled(self, user: str) -> bool:
        disabled = "SELECT disabled FROM standing WHERE room = '' AND user = ?"
        return bool(self._execute(disabled, (user,)).get)

    def is_barred(self, user: str, now: int) -> bool:
        barred = "SELECT 1 FROM standing WHERE room = '' AND user = ? AND banned > ?"
        return bool(self._execute(barred, (user, now)).get)

    def holds(self, fact: str, draft: Draft, now: int) -> bool:
        if fact == "guest":
            return is_guest(draft.user)
        if fact == "newcomer":
            return self.known(draft.user).fresh > now
        if fact == "to_known":
            return self.author(draft.to) is not None
        if fact == "member":
            return bool(self._execute(MEMBER, (draft.user, draft.room)).get)
        if fact == "direct_off" and self._direct_policy() == "all":
            return False
        if fact == "blocked" and not self.known(draft.user).is_blocked:
            return False
        asked = values(draft, now)
        if asked["ref"] >= self.next:  # its own row is there already, and nothing may refer to itself
            asked["ref"] = OPEN
        return bool(self._execute(HOLDS[fact], asked).get)

    def _direct_policy(self) -> str:
        if not self._direct:
            direct = "SELECT value FROM policy WHERE room = '' AND name = 'direct'"
            self._direct = self._execute(direct).get or POLICIES["direct"].default
        return self._direct

    def came(self, user: str) -> int:
        return int(self._execute("SELECT registered FROM account WHERE user = ?", (user,)).get or 0)

    def has_topic(self, topic: str) -> bool:
        return bool(self._execute("SELECT 1 FROM room WHERE name = ?", (topic,)).get)

    def topics_made(self, user: str, day: int) -> int:
        its_day, made = next(self._execute("SELECT day, topics FROM account WHERE user = ?", (user,)))
        return int(made) if its_day == day else 0

    def known(self, user: str) -> Known:
        """Return what each draft of a user asks for first; remembered until it may change."""
        if user in self.users:
            return self.users[user]
        account = self._execute(
            "SELECT secret_seq, credential <> '', fresh FROM account WHERE user = ?", (user,)
        ).fetchone()
        ordered, blocked = next(
            self._execute("SELECT max(ordered), max(blocked) FROM standing WHERE user = ?", (user,))
        )
        sessions = self._execute("SELECT seq, scope FROM session WHERE user = ?", (user,))
        scopes: dict[int, str] = dict(sessions)
        author = None if account is None else Author(account[0], bool(account[1]), bool(ordered), scopes)
        fresh = 0 if account is None else account[2]
        if len(self.users) >= KNOWN_USERS:
            self.users.clear()
        known = self.users[user] = Known(author, bool(ordered), bool(blocked), fresh)
        return known
