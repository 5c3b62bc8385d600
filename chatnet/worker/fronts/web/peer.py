"""What sessions of the web ask of their connections: sockets and streams are such peers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chatnet.addresses import Address
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.form import MAX_TEXT
from chatnet.limits import LIMITS
from chatnet.net.outbox import Outboxes
from chatnet.worker.fronts.channel import OutboxChannel
from chatnet.worker.fronts.connection import ConnectionPeer
from chatnet.worker.fronts.web import dialect, frames
from chatnet.worker.fronts.web.connection import WebConnection
from chatnet.worker.fronts.web.site import Request
from chatnet.worker.peer import Channel
from chatnet.worker.rates import BURST_SECONDS
from chatnet.worker.session import Session
from chatnet.worker.sessions import Sessions

MOST_UNANSWERED = 64
"""How many commands of a client may be unanswered; then it is not read."""


def limits_of(sessions: Sessions) -> dict[str, int]:
    """Return the limits that clients are told: of a text in characters, of drafts a second in the long run
    (0: none) and at once, and of unanswered commands."""
    rate = sessions.rates.rate
    return {"text": MAX_TEXT, "rate": rate, "burst": rate * BURST_SECONDS, "unanswered": MOST_UNANSWERED}


class SocketChannel(OutboxChannel):
    """Delivers to all sockets of a worker, ``most`` bytes in one message."""

    def __init__(self, outboxes: Outboxes, log_id: str, most: int = LIMITS.message_bytes) -> None:
        super().__init__(outboxes)
        self.log_id = log_id
        self._most = most
        self._upto: tuple[Cursor | None, bytes] = None, b""

    def posts(self, entries: Sequence[Entry]) -> bytes:
        """Return the frames that deliver ``entries``."""
        return b"".join(map(frames.text, dialect.posts(self.log_id, entries, self._most)))

    def upto(self, cursor: Cursor) -> bytes:
        """Return what says: nothing for you up to ``cursor``. Many are told the same."""
        if self._upto[0] != cursor:
            self._upto = cursor, self._says_upto(cursor)
        return self._upto[1]

    def _says_upto(self, cursor: Cursor) -> bytes:
        return frames.text(dialect.upto(cursor))


class WebPeer(ConnectionPeer):
    """A peer on a connection of the web, whatever it speaks."""

    __slots__ = ()

    connection: WebConnection

    def __init__(self, connection: WebConnection, channel: Channel, address: str) -> None:
        self.connection = connection
        self.channel = channel
        self.address = address
        self._name = str(Address(address, connection.peer[1]))

    @property
    def shared(self) -> bool:
        return self.connection.by_shared_port

    def abort(self) -> None:
        self.connection.abort()


async def resumed(request: Request, peer: Any, ticket: bytes) -> Session:
    """Return the session of who shows ``ticket``, on the request's connection; never, if that is lost.

    :raises ChatnetError: the ticket is not good, or its user may not come in.
    """
    connection = request.connection
    arrival = connection.arriving = request.entrance.arrival(peer)
    try:
        return await arrival.resume(ticket)
    except Exception:
        arrival.lost()
        raise
    finally:
        connection.arriving = None
