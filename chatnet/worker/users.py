"""The users that have sessions on this worker: how many, and what ends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chatnet.entries import Entry
from chatnet.errors import Barred, ChatnetError, Forgotten, SecretChanged, TryLater
from chatnet.marks import UserMark

MOST_SESSIONS = 100
"""How many sessions a user may have on one worker."""
FULL_SECONDS = 5
"""Seconds that a user with this many sessions is told to wait."""


class UsersSession(Protocol):
    """A session of a user that has shown the secret at the seq ``by``."""

    @property
    def by(self) -> int: ...

    def is_setting(self, key: bytes) -> bool:
        """Return whether it is setting the secret with the draft of this key, and has no answer yet."""

    def goes_by(self, seq: int) -> None:
        """Use the secret at ``seq`` from now on: the session has set it itself."""

    def marked(self, room: str, seq: int) -> None:
        """Another session of the user has read ``room`` up to ``seq``."""

    def end(self, why: ChatnetError) -> None:
        """Tell the client why, and close."""


class Users:
    """The sessions of all users. A new secret in the window ends those that have not shown it; a ban from the
    cluster ends all of its user, and so does forgetting them. Pure."""

    def __init__(self) -> None:
        # Almost every user has one session: a tuple takes a quarter of a dict's memory.
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
        """Count one session of ``user`` less."""
        others = tuple(other for other in self._sessions[user] if other is not session)
        if others:
            self._sessions[user] = others
        else:
            del self._sessions[user]

    def marked(self, mark: UserMark, by: object) -> None:
        """Tell the user's sessions of ``mark``, but the one that has set it."""
        for session in self._sessions.get(mark.user, ()):
            if session is not by:
                session.marked(mark.room, mark.seq)

    def apply(self, entries: Sequence[Entry]) -> None:
        """Follow the window."""
        for entry in entries:
            if entry.kind == "secret" and entry.user in self._sessions:
                self._secret(entry)
            elif entry.kind == "ban" and not entry.room:
                self._end(entry.to, Barred)
            elif entry.kind == "forget":
                self._end(entry.to, Forgotten)

    def _end(self, user: str, why: type[ChatnetError]) -> None:
        for session in self._sessions.get(user, ()):
            session.end(why.of(name=user))

    def _secret(self, entry: Entry) -> None:
        for session in self._sessions[entry.user]:
            if session.is_setting(entry.key):
                session.goes_by(entry.seq)
            elif session.by < entry.seq:
                session.end(SecretChanged.of(name=entry.user))
