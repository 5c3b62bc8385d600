"""The port between a session and its connection: what a session asks of it, whatever protocol it speaks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.kinds import KindName

Ear = Any
"""What a channel knows a connection by, hashable: where it puts what this one hears."""
Hearing = tuple[str, Collection[Ear]]
"""A place, and the ears that are to hear something there."""


class Channel(Protocol):
    """What shares one encoding and one way out: the connections of a worker that speak one protocol."""

    def shows(self, kind: KindName) -> bool:
        """Are entries of this kind shown? Posts are heard at their places, joins and leaves in their room.
        It is never asked of kinds that hold a credential."""

    def fan(self, entries: Sequence[Entry], hearing: Sequence[Hearing]) -> None:
        """Hand each ear ``entries``, which are of one kind and were heard at the same places.

        An ear stands at one place alone, the first of those where it hears them, in the order in which the
        first entry names them. Called once for a run of entries: encode them once. Put them, and send them
        after this call: no session may go live, or stop being so, in the middle of it.
        """


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
    def name(self) -> str:
        """HOST:PORT of the client's end, for the log; still told when the connection has just been lost."""

    @property
    def full(self) -> bool:
        """True while the client does not read what is sent: then all that is sent waits in our memory."""

    @property
    def channel(self) -> Channel:
        """The channel by which new posts reach it."""

    @property
    def ear(self) -> Ear:
        """What that channel knows it by; never changes."""

    def hold(self) -> None:
        """Do no command of the client until :meth:`release` was called as often: enough is under way."""

    def release(self) -> None:
        """Undo one :meth:`hold`."""

    def put(self, posts: Sequence[Entry]) -> None:
        """Send posts with which the client catches up: now, so that :attr:`full` tells whether to go on."""

    def moved(self) -> None:
        """Tell the client to go to another worker."""

    def rewound(self, to: Cursor) -> None:
        """Tell the client that the log was put back to ``to``, and that it no longer hears posts here."""

    def ended(self, code: str, sentence: str) -> None:
        """Tell the client that its session is over, by an error's code and sentence."""

    def hang_up(self) -> None:
        """Close, after what was put has been sent; a few seconds later in any case, as
        :meth:`chatnet.net.outbox.Outbox.close` does. Called again, it does nothing."""

    def abort(self) -> None:
        """Close now; what was not sent is dropped, and what came is not done."""
