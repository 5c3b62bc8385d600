"""The port between a session and its connection: what a session asks of it, whatever protocol it speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.net.outbox import Outbox


class Peer(Protocol):
    """A client at the other end of a connection. Each protocol that clients speak has a class of its own.

    It calls its :class:`~chatnet.worker.session.Session` in turn: the client's commands; ``filled`` and
    ``drained`` when :attr:`full` changes; ``lost`` once, when the connection is gone. Signs of life are its
    own affair: it sends them when its protocol wants them, with the session's ``cursor`` if it can say that.
    """

    @property
    def address(self) -> str:
        """The host that the client comes from; empty if that is not known."""

    @property
    def full(self) -> bool:
        """Does the client not read what is sent? Then all that is sent now waits in our memory."""

    @property
    def ear(self) -> Outbox:
        """Where posts are put as they come."""

    def hold(self) -> None:
        """Do none of the client's commands until as many calls of :meth:`release`: enough is under way."""

    def release(self) -> None:
        """Undo one :meth:`hold`."""

    def put(self, posts: Sequence[Entry]) -> None:
        """Send posts with which the client catches up: now, so that :attr:`full` tells whether to go on."""

    def moved(self) -> None:
        """Tell the client to go to another worker."""

    def rewound(self, to: Cursor) -> None:
        """Tell the client that the log was put back to ``to``, and that it hears nothing more here."""

    def ended(self, code: str, sentence: str) -> None:
        """Tell the client that its session is over, by an error's code and sentence."""

    def hang_up(self) -> None:
        """Close, after what was put has been sent."""

    def abort(self) -> None:
        """Close now; what was not sent is dropped, and what came is not done."""
