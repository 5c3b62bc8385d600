"""Clients that speak AMP: a connection before and after the login. Commands: :mod:`chatnet.wire.session`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from chatnet.codes import kept
from chatnet.cursor import Cursor
from chatnet.entries import Entry, More
from chatnet.form import check_label
from chatnet.net.first_byte import AMP
from chatnet.net.gate import check_version
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outbox
from chatnet.wire import encode
from chatnet.wire import session as wire
from chatnet.wire.table import Speaker
from chatnet.worker.elsewhere import OtherPlaces
from chatnet.worker.entrance import Arrival, Entrance
from chatnet.worker.front import Shared
from chatnet.worker.fronts.channel import OutboxChannel
from chatnet.worker.fronts.commands import UserCommands, scope_of
from chatnet.worker.logins import Shown
from chatnet.worker.session import Session


class Amp:
    """What a worker's port offers to clients that speak AMP: a :class:`~chatnet.worker.front.Front`."""

    begins = (AMP,)
    in_plain = b""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._channel = AmpChannel(shared.outboxes)

    def connection(self, entrance: Entrance) -> Link:
        shared = self._shared
        login = AmpLogin(entrance, self._channel, shared.others)
        return Link(login, shared.outboxes, shared.pulse, shared.visitors)


class AmpChannel(OutboxChannel):
    """Delivers to all AMP connections of a worker."""

    def posts(self, entries: Sequence[Entry]) -> bytes:
        """Return the boxes that deliver ``entries``."""
        return encode.deliver(entries)


class AmpLogin(Locator):
    """A connection that has not logged in."""

    speaker = Speaker.VISITOR
    hint = "log in first"

    _front: AmpFront
    _arrival: Arrival

    def __init__(self, entrance: Entrance, channel: AmpChannel, others: OtherPlaces) -> None:
        self._entrance = entrance
        self._channel = channel
        self._others = others

    @property
    def is_idle(self) -> bool:
        return self._arrival.is_idle

    def connected(self, link: Link) -> None:
        super().connected(link)
        self._front = AmpFront(link, self._channel)
        self._arrival = self._entrance.arrival(self._front, link.seconds_left)

    def lost(self, reason: Failure) -> None:
        self._arrival.lost()

    @wire.Login.responder
    async def login(
        self,
        version: int,
        name: str,
        secret: bytes,
        new: bool,
        device: bytes | None,
        label: str | None,
        scope: str | None,
        code: str | None,
    ) -> dict[str, Any]:
        check_version(version)
        more = More(
            device=(device or b"").hex(),
            label=check_label(label or ""),
            scope=scope_of(scope),
            code="" if code is None else kept(code),
        )
        session = self._begin(await self._arrival.login(name, Shown(secret, new, more)))
        return {"ticket": session.ticket(), **self._welcome(session)}

    @wire.Resume.responder
    async def resume(self, version: int, ticket: bytes) -> dict[str, Any]:
        check_version(version)
        return self._welcome(self._begin(await self._arrival.resume(ticket)))

    def _welcome(self, session: Session) -> dict[str, Any]:
        others = self._others.some(getattr(self.link.transport.getHost(), "host", ""))
        whose = {"name": session.user, "log": session.log_id}
        return {**whose, "workers": others or None, "now": session.now}

    def _begin(self, session: Session) -> Session:
        self._front.session = session
        self.link.become(self._front)
        return session


class AmpFront(UserCommands):
    """The commands of a logged-in user, and what the user's session tells the client.

    It is a :class:`~chatnet.worker.peer.Peer`.
    """

    shared = passing = False
    lingers: float | None = 0.0

    def __init__(self, link: Link, channel: AmpChannel) -> None:
        self.link = link
        self.channel = channel

    # ---- what the link says ----

    def lost(self, reason: Failure) -> None:
        self.session.lost("it was silent" if self.link.hung else _phrase(reason))

    def filled(self) -> None:
        self.session.filled()

    def drained(self) -> None:
        self.session.drained()

    def ping(self) -> bytes:
        cursor = self.session.cursor
        return encode.PING if cursor is None else encode.ping(cursor)

    # ---- what the session says: see Peer ----

    @property
    def address(self) -> str:
        return getattr(self.link.transport.getPeer(), "host", "")

    @property
    def name(self) -> str:
        return self.link.peer()

    @property
    def full(self) -> bool:
        return self.link.full

    @property
    def ear(self) -> Outbox:
        return self.link.outbox

    def hold(self) -> None:
        self.link.hold()

    def release(self) -> None:
        self.link.release()

    def put(self, posts: Sequence[Entry]) -> None:
        outbox = self.link.outbox
        outbox.put(encode.deliver(posts))
        outbox.flush()

    def marked(self, room: str, seq: int) -> None:
        self.link.callRemote(wire.Marked, room=room, seq=seq)

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        self.link.callRemote(wire.Membership, room=room, seq=seq, joined=joined)

    def moved(self) -> None:
        self.link.callRemote(wire.Moved)

    def rewound(self, to: Cursor) -> None:
        self.link.callRemote(wire.Rewound, seq=to.seq, check=to.check)

    def ended(self, code: str, sentence: str) -> None:
        self.link.callRemote(wire.Ended, code=code, sentence=sentence)

    def hang_up(self) -> None:
        self.link.hang_up()

    def abort(self) -> None:
        self.link.abort()


def _phrase(reason: Failure) -> str:
    """Return why a connection was lost, as a phrase."""
    return "it was closed" if reason.check(ConnectionDone) else reason.getErrorMessage().rstrip(".")
