"""The users that have sessions on this worker: how many, and what ends them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from chatnet.entries import Entry, kinds_of
from chatnet.errors import Barred, ChatnetError, Disabled, Forgotten, SecretChanged, SessionEnded, TryLater
from chatnet.marks import UserMark
from chatnet.reads import Device
from chatnet.stays import Change

MOST_SESSIONS = 100
"""How many sessions a user may have on one worker."""
FULL_SECONDS = 5
"""Seconds that a user with this many sessions is told to wait."""


GONE = "Your connection was taken for lost, and you for gone: come again."
"""What a guest is told whose end somebody else has written."""
_BARS: dict[str, type[ChatnetError]] = {"ban": Barred, "disable": Disabled, "forget": Forgotten}
"""The orders that end all sessions of a user, and why these end."""
ENDS = frozenset({"secret", "session", "revoke", "gone", "nick", *_BARS})
"""The kinds of what may end a session, or what it hears."""


class UsersSession(Protocol):
    """A session of a user, which the entry at the seq ``by`` began, on a device. All that ends sessions, up
    to the seq ``known``, had been looked at when it was let in."""

    @property
    def by(self) -> int: ...

    @property
    def known(self) -> int: ...

    @property
    def device(self) -> Device: ...

    def is_setting(self, key: bytes) -> bool:
        """Return whether it is setting the secret with the draft of this key, and has no answer yet."""

    def is_leaving_by(self, key: bytes) -> bool:
        """Return whether the draft of this key is its guest's own, who is to be somebody else."""

    def goes_by(self, seq: int) -> None:
        """The session goes on as the one that the entry at ``seq`` began: the new secret that it has set."""

    def leaves(self, seq: int) -> None:
        """Its guest is somebody else behind the entry at ``seq``: it hears all up to there, and nothing
        behind that."""

    def marked(self, room: str, seq: int) -> None:
        """Another session of the user has read ``room`` up to ``seq``."""

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        """The user has joined ``room``, or left it, by the entry ``seq``, in any session; or was removed by
        somebody whom they block."""

    def end(self, why: ChatnetError) -> None:
        """Tell the client why, and close."""


def ends(entry: Entry, user: str, session: Device) -> bool:
    """Return whether the entry ends a session of ``user``: a newer secret, a newer session on its device, a
    ``revoke``; that they are forgotten; that the guest is gone, or is called otherwise."""
    match entry.kind:
        case "secret":
            return entry.user == user and entry.seq > session.seq
        case "session":
            device = "" if entry.more is None else entry.more.device
            return (entry.user, device) == (user, session.device) and entry.seq > session.seq
        case "forget":
            return entry.to == user
        case "gone":
            return entry.to == user and entry.seq > session.seq
        case "nick":
            return entry.user == user and entry.seq > session.seq
        case "revoke":
            return entry.to == user and entry.text in (str(session.seq), "0") and entry.seq > session.seq
    return False


def up_to_ends(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Yield the entries in pieces, each up to one that may end sessions."""
    begin = 0
    if not ENDS.isdisjoint(kinds_of(entries)):
        for at, entry in enumerate(entries, 1):
            if entry.kind in ENDS and at < len(entries):
                yield entries[begin:at]
                begin = at
    yield entries[begin:] if begin else entries


class Users:
    """The sessions of all users. What the window says of them ends them: a new secret that they have not set,
    a ``revoke``, a ban from the cluster, a disabled account, a user who is forgotten. Pure.

    A worker may be behind the log that it asked who may come in: it still has to follow a ban that was lifted
    since, or a ``revoke`` of all sessions, after which the user came in with a new secret. That ends nothing.
    """

    def __init__(self) -> None:
        # Almost every user has one session: a tuple takes a quarter of a dict's memory.
        self._sessions: dict[str, tuple[UsersSession, ...]] = {}

    def __len__(self) -> int:
        """How many users there are."""
        return len(self._sessions)

    def __contains__(self, user: str) -> bool:
        """Whether this user has a session here."""
        return user in self._sessions

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
        """Tell the user's sessions of ``mark``, if it is of a room, but the one that has set it."""
        if not mark.is_of_room:
            return
        for session in self._sessions.get(mark.user, ()):
            if session is not by:
                session.marked(mark.room, mark.seq)

    def stay_changed(self, change: Change, seq: int) -> None:
        """Tell the user's sessions of a join or leave, also the one that it came from: it may come from an
        answer that the client never got."""
        for session in self._sessions.get(change.user, ()):
            session.stay_changed(change.place, seq, change.begins)

    def apply(self, entries: Sequence[Entry]) -> None:
        """Follow the window."""
        for entry in entries:
            if entry.kind == "secret" and entry.user in self._sessions:
                self._secret(entry)
            elif entry.kind in ("session", "revoke", "gone", "nick"):
                user = entry.user if entry.kind == "nick" else entry.to or entry.user
                for session in self._sessions.get(user, ()):
                    if entry.seq > session.known and ends(entry, user, session.device):
                        if entry.kind == "nick" or session.is_leaving_by(entry.key):
                            session.leaves(entry.seq)
                        else:
                            is_gone = entry.kind == "gone"
                            session.end(SessionEnded(GONE) if is_gone else SessionEnded.of(name=user))
            elif entry.kind == "forget" or (not entry.room and entry.kind in _BARS):
                for session in self._sessions.get(entry.to, ()):
                    if entry.seq > session.known:
                        session.end(_BARS[entry.kind].of(name=entry.to))

    def _secret(self, entry: Entry) -> None:
        for session in self._sessions[entry.user]:
            if session.is_setting(entry.key):
                session.goes_by(entry.seq)
            elif session.by < entry.seq:
                session.end(SecretChanged.of(name=entry.user))
