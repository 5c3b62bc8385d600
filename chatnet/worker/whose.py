"""What the parts of a session know of it: whose it is, and what connection it is on."""

from __future__ import annotations

from typing import Protocol

from chatnet.errors import ChatnetError, NotInScope
from chatnet.reads import Device
from chatnet.worker.peer import Peer
from chatnet.worker.router import LocalUser


class Whose(Protocol):
    """A session, as its parts see it: its drafts, its reads, its marks, its secret."""

    @property
    def user(self) -> str:
        """The user whose session it is."""

    @property
    def local_user(self) -> LocalUser:
        """The same user, with the stays that all their sessions here share."""

    @property
    def peer(self) -> Peer:
        """The client."""

    @property
    def device(self) -> Device:
        """What it is on, and what it may do."""

    @property
    def by(self) -> int:
        """The seq of the entry that began it."""

    day: int
    """When they showed a secret, as their tickets say it; 0: these do not age."""

    def ticket(self) -> bytes:
        """Return a ticket with which the user can resume."""

    def goes_by(self, seq: int) -> None:
        """The session goes on as the one that the entry at ``seq`` began: the new secret that it has set."""

    def end(self, why: ChatnetError) -> None:
        """Tell the client that the session has ended."""


def hears(session: Whose) -> bool:
    """Return whether a session may be told anything of what its user can read."""
    return session.device.scope != "post"


def check_whole(session: Whose) -> None:
    """Check that a session may do everything: before anything is hashed for it, and for a mark, which never
    goes back.

    :raises NotInScope: it may only post, or only read.
    """
    if session.device.scope != "all":
        raise NotInScope.of()
