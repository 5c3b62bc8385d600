"""The interface between a session and its connection: what a session asks of it, in any protocol."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.kinds import KindName

Ear = Any
"""A connection's name in its channel, hashable: where the channel puts what this connection hears."""
Hearing = tuple[str, Collection[Ear]]
"""A place, and the ears that will hear something there."""


class Channel(Protocol):
    """The connections of a worker that speak one protocol: they share one encoding and one way out."""

    def shows(self, kind: KindName) -> bool:
        """Return whether entries of this kind are shown: posts at their places, joins and leaves in their
        room. Never called for kinds that hold a credential."""

    def fan(self, entries: Sequence[Entry], hearing: Sequence[Hearing]) -> None:
        """Give ``entries``, which are of one kind and were heard at the same places, to each ear.

        Each ear stands at one place: the first where it hears them, in the order of the first entry. Called
        once for a run of entries: encode them once. Put them now, but send them after this call: no session
        may go live, or stop being live, in the middle of it.
        """


class Peer(Protocol):
    """A client at the other end of a connection. Each protocol that clients speak has its own class.

    It calls its :class:`~chatnet.worker.session.Session` too: the client's commands; ``filled`` and
    ``drained`` when :attr:`full` changes; ``lost`` once, when the connection is gone. It sends signs of life
    by itself, when its protocol wants them, with the session's ``cursor`` if the protocol can carry that.
    """

    @property
    def address(self) -> str:
        """The host that the client comes from; empty if it is unknown."""

    @property
    def name(self) -> str:
        """HOST:PORT of the client's end, for the log; also known when the connection was just lost."""

    @property
    def shared(self) -> bool:
        """Whether it came by a port that the workers of this host share: chance sent it here, no master."""

    @property
    def passing(self) -> bool:
        """Whether it is here for single requests, and goes by itself: it is neither counted nor moved."""

    @property
    def lingers(self) -> float | None:
        """For how many seconds its user is still shown as being here once it is gone; None: it does not show
        that its user is here, or says so itself."""

    @property
    def full(self) -> bool:
        """True while the client does not read what is sent: then everything sent waits in our memory."""

    @property
    def channel(self) -> Channel:
        """The channel through which new posts reach it."""

    @property
    def ear(self) -> Ear:
        """Its name in that channel; never changes."""

    def hold(self) -> None:
        """Run no command of the client until :meth:`release` was called as often: enough is under way."""

    def release(self) -> None:
        """Undo one :meth:`hold`."""

    def put(self, posts: Sequence[Entry]) -> None:
        """Send posts of a catch-up, at once, so that :attr:`full` then tells whether to continue."""

    def marked(self, room: str, seq: int) -> None:
        """Tell the client that another session of its user has read ``room`` up to ``seq``."""

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        """Tell the client that its user has ``joined`` a room, or left it, by the entry ``seq``, in any
        session; no room: that several may have changed."""

    def moved(self) -> None:
        """Tell the client to go to another worker."""

    def rewound(self, to: Cursor) -> None:
        """Tell the client that the log was put back to ``to``, and that it no longer hears posts here."""

    def ended(self, code: str, sentence: str) -> None:
        """Tell the client that its session has ended, with an error's code and sentence."""

    def hang_up(self) -> None:
        """Close after sending what was put; a few seconds later in any case, as
        :meth:`chatnet.net.outbox.Outbox.close` does. Another call does nothing."""

    def abort(self) -> None:
        """Close now. What was not sent is dropped, and commands that came are not run."""
