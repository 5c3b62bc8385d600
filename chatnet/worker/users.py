"""The users that have sessions on this worker: how many, and what ends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chatnet.entries import Entry
from chatnet.errors import SecretChanged, TryLater

MOST_SESSIONS = 100
"""How many sessions a user may have on a worker."""
FULL_SECONDS = 5
"""How long who has so many is told to wait."""


class UsersSession(Protocol):
    """A session of a user, which has shown the secret of the seq ``by``."""

    @property
    def by(self) -> int: ...

    def is_setting(self, key: bytes) -> bool:
        """Was this session asked to set the secret by the draft with this key, and not answered yet?"""

    def goes_by(self, seq: int) -> None:
        """Its new secret is at ``seq``, and counts as shown from now on."""

    def end(self, why: SecretChanged) -> None:
        """Tell the client, and hang up."""


class Users:
    """All of them. Watches the window: a new secret ends the user's sessions that have not shown it. Pure."""

    def __init__(self) -> None:
        # Almost all have one: a tuple takes a quarter of the memory that a dict does.
        self._sessions: dict[str, tuple[UsersSession, ...]] = {}

    def check_room(self, user: str) -> None:
        """:raises TryLater: this user has as many sessions here as one may have."""
        if len(self._sessions.get(user, ())) >= MOST_SESSIONS:
            raise TryLater(
                f"{user} has {MOST_SESSIONS} connections here already: close some, or try again in "
                f"{FULL_SECONDS} s."
            )

    def arrive(self, user: str, session: UsersSession) -> None:
        """Count one more session of ``user``."""
        self._sessions[user] = (*self._sessions.get(user, ()), session)

    def depart(self, user: str, session: UsersSession) -> None:
        """Count one less."""
        others = tuple(other for other in self._sessions[user] if other is not session)
        if others:
            self._sessions[user] = others
        else:
            del self._sessions[user]

    def apply(self, entries: Sequence[Entry]) -> None:
        """The window grew."""
        for entry in entries:
            if entry.kind == "secret" and entry.user in self._sessions:
                self._secret(entry)

    def _secret(self, entry: Entry) -> None:
        for session in self._sessions[entry.user]:
            if session.is_setting(entry.key):
                session.goes_by(entry.seq)
            elif session.by < entry.seq:
                session.end(SecretChanged.of(name=entry.user))
