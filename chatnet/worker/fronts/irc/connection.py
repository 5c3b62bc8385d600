"""One connection of IRC: what is different from those of other protocols.

A client may be silent for longer, and what came before the end of its stream is still done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IHalfCloseableProtocol
from zope.interface import implementer

from chatnet.irc.lines import Splitter
from chatnet.worker.fronts.connection import Connection, Speech
from chatnet.worker.fronts.irc.addresses import Addresses

if TYPE_CHECKING:
    from chatnet.worker.front import Shared

PING_SECONDS, ANSWER_SECONDS = 90.0, 60.0
"""A client that was silent for so long is pinged, and has so long to answer."""
LATE_SECONDS = 30.0
"""If so long passed since the last beat, this process was stopped: then silence means nothing."""


class IrcSpeech(Speech, Protocol):
    """What is spoken on a connection of IRC: before the login, or after it."""

    def beat(self) -> None:
        """Called every few seconds."""

    def too_many(self) -> None:
        """There are too many connections from this address: close it."""


@implementer(IHalfCloseableProtocol)
class IrcConnection(Connection):
    """A connection; ``lines`` are those that came. ``at_end``: no more will come. ``fingerprint``: that of
    the certificate which the other end has shown in its handshake; empty if there is none."""

    speech: IrcSpeech
    at_end = False
    fingerprint = b""

    def __init__(self, shared: Shared, addresses: Addresses) -> None:
        super().__init__(shared)
        self._addresses = addresses
        self._is_counted = self._is_known = False
        self.lines = Splitter()
        self._heard_at = self._beat_at = self._now()
        self._is_pinged = False

    def _now(self) -> float:
        return self.shared.outboxes.seconds()

    def connectionMade(self) -> None:
        super().connectionMade()
        self._is_counted = self._addresses.came(self.peer[0])
        if not self._is_counted:
            self.speech.too_many()

    def _is_lost(self, why: str) -> None:
        if self._is_counted:
            self._addresses.gone(self.peer[0], self._is_known)
        super()._is_lost(why)

    def dataReceived(self, data: bytes) -> None:
        self._heard_at, self._is_pinged = self._now(), False
        if not self.at_end:
            super().dataReceived(data)

    def goes_on_as(self, speech: IrcSpeech) -> None:
        """Speak ``speech`` from now on: the client has logged in. It goes on with the same lines."""
        self._is_known = True
        self._addresses.known(self.peer[0])
        self._speak(speech)

    # ---- the end of what the client sends ----

    def readConnectionLost(self) -> None:
        """The client says no more: do what it said, and then close."""
        if not self.at_end:
            self.at_end = True
            self._go_on_soon()

    def writeConnectionLost(self) -> None:
        """Do nothing: we never close one half."""

    @property
    def _has_more(self) -> bool:
        return super()._has_more or self.at_end

    def _pause(self) -> None:
        if not self.at_end:  # to read again would only find that end again
            super()._pause()

    # ---- silence ----

    @property
    def is_paused(self) -> bool:
        """True: what counts is :meth:`ping`'s own measure of silence, which is longer than others'."""
        return True

    def resumeProducing(self) -> None:
        if self.full:  # the client has read what waited: it lives, and was not pinged meanwhile
            self._heard_at, self._is_pinged = self._now(), False
        super().resumeProducing()

    def ping(self) -> None:
        """Called every few seconds, as signs of life are due."""
        now, before = self._now(), self._beat_at
        self._beat_at = now
        if self.transport is None:
            return
        if now - before > LATE_SECONDS or (self._is_paused and not self.full):
            self._heard_at = now  # what came meanwhile is still unread
        silent = now - self._heard_at
        if silent >= PING_SECONDS + ANSWER_SECONDS:
            self.speech.fell_silent()
        elif silent >= PING_SECONDS and not self._is_pinged:
            self._is_pinged = True
            if not self.full:  # who does not read would find more and more of them
                self.speech.ping()
        self.speech.beat()
