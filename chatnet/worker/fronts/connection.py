"""One connection of a protocol other than AMP, whatever is spoken on it.

It is limited as a link of AMP is (:mod:`chatnet.net.link`): little of it waits in our memory, a turn of the
reactor does what is fair to all visitors, and what does not read our answers is not read either.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from chatnet.addresses import Address
from chatnet.net.link import STRANGERS_READ
from chatnet.net.outbox import Outbox
from chatnet.net.visitors import STRANGERS_SHARE, USERS_SHARE
from chatnet.worker.front import Shared

MOST_WAITING = 16 * 1024
"""Bytes that may wait while a connection is held; then it is not read."""


class Speech(Protocol):
    """What is spoken on a connection: requests, a WebSocket, a stream, or IRC."""

    is_stranger: bool
    """Whether nobody has logged in on it."""

    @property
    def is_answering(self) -> bool:
        """Whether the client has nothing to say: it waits for us, and its silence means nothing."""

    @property
    def is_idle(self) -> bool:
        """Whether a stranger does nothing at this moment."""

    def begin(self) -> None:
        """The connection is spoken so from now on."""

    def receive(self, data: bytes) -> None:
        """Take what arrived; do nothing yet."""

    def step(self) -> bool:
        """Do the next thing that has arrived; return False if nothing has that is whole."""

    def filled(self) -> None:
        """What is sent from now on waits in our memory."""

    def drained(self) -> None:
        """There is room again."""

    def ping(self) -> None:
        """Send a sign of life, if there is one."""

    def fell_silent(self) -> None:
        """Nothing came for as long as a client may be silent."""

    def hang_up(self) -> None:
        """Say why, if that can be said, and close."""

    def lost(self, why: str) -> None:
        """The connection is gone; ``why`` is a phrase for the log."""


@implementer(IPushProducer)
class Connection(TwistedProtocol):
    """One connection: it is :class:`~chatnet.net.pulse.Watched`, and until a login a
    :class:`~chatnet.net.visitors.Stranger`.

    ``is_paused``: we do not read, because enough waits already, or the client waits for us. ``full``: the
    other end does not read.
    """

    _logger = Logger()
    share = USERS_SHARE
    """How many things are done for a user in one turn of the reactor."""
    transport: Any
    outbox: Outbox
    speech: Speech
    full = False
    silent = 0.0
    # Few connections ever change these: only those that do pay memory for them.
    _due = False
    _aborted = False
    _is_paused = False
    _waiting = 0
    _was_at = ("", 0)
    _when_lost: list[Deferred[None]] | None = None

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self._holds = 0

    # ---- its life ----

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)  # an outbox writes once per turn already
        self.outbox = Outbox(self.transport, self.shared.outboxes)
        self.transport.registerProducer(self, True)
        self.shared.pulse.add(self)
        self._speak(self.speech)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.shared.pulse.discard(self)
        self.shared.visitors.known(self)
        self.outbox.lost()
        self._was_at = self.peer
        self.transport = None
        self._is_lost(_phrase(reason))
        waiting, self._when_lost = self._when_lost or [], None
        for deferred in waiting:
            deferred.callback(None)

    def _is_lost(self, why: str) -> None:
        """The transport is gone already."""
        self.speech.lost(why)

    def when_lost(self) -> Deferred[None]:
        """Return a Deferred that fires when the connection is gone; at once if it is gone already."""
        if self.transport is None:
            return succeed(None)
        lost: Deferred[None] = Deferred()
        if self._when_lost is None:
            self._when_lost = []
        self._when_lost.append(lost)
        return lost

    def _speak(self, speech: Speech) -> None:
        self.speech = speech
        if not speech.is_stranger:
            self.known(True)
        socket = getattr(self.transport, "transport", self.transport)  # under TLS there is another transport
        socket.bufferSize = STRANGERS_READ if speech.is_stranger else type(socket).bufferSize
        speech.begin()

    def known(self, is_known: bool) -> None:
        """Count it as a user's from now on; or again as a stranger's, as each is between two requests."""
        self.shared.visitors.known(self)
        if not is_known and self.transport is not None:
            self.shared.visitors.came(self, self.peer[0])

    @property
    def peer(self) -> tuple[str, int]:
        """The address of the other end; also after the connection was lost."""
        if self.transport is None:
            return self._was_at
        address = self.transport.getPeer()
        return getattr(address, "host", ""), getattr(address, "port", 0)

    @property
    def is_idle(self) -> bool:
        """Whether a stranger does nothing at this moment."""
        return self.speech.is_idle

    @property
    def seconds_left(self) -> float:
        """How long it may stay without a request."""
        return self.shared.visitors.seconds_left(self)

    # ---- who watches it: see Watched ----

    @property
    def is_paused(self) -> bool:
        return self._is_paused or self.speech.is_answering

    def ping(self) -> None:
        if self.transport is not None and not self.full:  # else pings would gather in our memory
            self.speech.ping()

    def fell_silent(self) -> None:
        self.speech.fell_silent()

    def hang_up(self) -> None:
        if self.transport is not None:
            self.speech.hang_up()

    def close(self) -> None:
        """Close after sending what was put, without another word."""
        if self.transport is not None:
            self.outbox.close()

    def said(self, line: str, **fields: Any) -> None:
        """Log a line about the other end, unless there are many: they must not fill the disk."""
        if self.shared.visitors.may_be_logged(line):
            self._logger.info(line, peer=str(Address(*self.peer)), **fields)

    def abort(self) -> None:
        """Close now. What was not sent is dropped, and what arrived is not looked at."""
        self._aborted = True
        if self.transport is not None:
            self.transport.abortConnection()

    # ---- back-pressure; the names are IPushProducer's ----

    def pauseProducing(self) -> None:
        if not self.full:  # a full transport repeats this at each write
            self.full = True
            self.hold()
            self.speech.filled()

    def resumeProducing(self) -> None:
        if self.full:
            self.full = False
            self.release()
            self.speech.drained()

    def stopProducing(self) -> None:
        """Do nothing: the transport is closing."""

    def hold(self) -> None:
        """Do nothing that arrives until as many calls of :meth:`release`."""
        self._holds += 1

    def release(self) -> None:
        """Undo one :meth:`hold`."""
        self._holds -= 1
        if not self._holds and (self._has_more or self._is_paused):
            self._go_on_soon()  # not now: the caller may be in the middle of something

    # ---- what arrives ----

    def dataReceived(self, data: bytes) -> None:
        self.silent = 0.0
        if self._aborted:
            return
        self.speech.receive(data)
        self._waiting += len(data)
        if not (self._holds or self._due):
            self._obey(sys.maxsize)
        self._pause()

    def go_on(self, share: int) -> None:
        """Do what waits, at most ``share`` things in this turn of the reactor."""
        self._due = False
        if self.transport is None or self._aborted:
            return
        if not self._holds:
            self._obey(share)
        self._pause()

    @property
    def _has_more(self) -> bool:
        """Whether something may wait that was not done yet."""
        return self._waiting > 0

    def _obey(self, share: int) -> None:
        visitors = self.shared.visitors
        usual = STRANGERS_SHARE if self.speech.is_stranger else self.share
        left = share = min(share, usual, visitors.left)
        visitors.begin()
        while left > 0 and not (self._holds or self._aborted):
            if not self._step():
                self._waiting = 0
                break
            left -= visitors.price()
        visitors.spend(share - left)
        if left <= 0 and self._has_more:
            self._go_on_soon()

    def _step(self) -> bool:
        try:
            return self.speech.step()
        except Exception:
            self.broken(Failure())
            return False

    def broken(self, failure: Failure) -> None:
        """Close: our own code failed, and nobody knows what the other end was told."""
        line = "What {peer} sent made the server fail; closing"
        if self.shared.visitors.may_be_logged(line):
            self._logger.failure(line, failure, peer=str(Address(*self.peer)))
        self.abort()

    def _go_on_soon(self) -> None:
        if not self._due:
            self._due = True
            self.shared.visitors.wait(self)

    def _pause(self) -> None:
        paused = self._due or (self._holds > 0 and self._waiting >= MOST_WAITING)
        if paused != self._is_paused and self.transport is not None:
            self._is_paused = paused
            if paused:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()


def _phrase(reason: Failure) -> str:
    """Return why a connection was lost, as a phrase."""
    return "it was closed" if reason.check(ConnectionDone) else reason.getErrorMessage().rstrip(".")


class ConnectionPeer:
    """The part of a :class:`~chatnet.worker.peer.Peer` that any such connection is, whatever it speaks.

    ``address`` is the client's, which may be behind a proxy.
    """

    __slots__ = ("_name", "address", "channel", "connection")

    passing = False
    lingers: float | None = 0.0
    connection: Connection
    _name: str

    @property
    def name(self) -> str:
        return self._name

    @property
    def full(self) -> bool:
        return self.connection.full

    @property
    def ear(self) -> Outbox:
        return self.connection.outbox

    def hold(self) -> None:
        self.connection.hold()

    def release(self) -> None:
        self.connection.release()
