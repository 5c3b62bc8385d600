"""What is to be sent on a connection, gathered and flushed once per reactor turn.

Twisted's ``transport.write`` waits for the reactor to say that the socket is writable: two system calls and
a turn more for each message. A plain TCP connection with nothing buffered can be sent to directly; what the
kernel does not take goes to ``transport.write``, so order and back-pressure stay Twisted's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.tcp import Connection

CLOSE_SECONDS = 5.0
"""How long the other end of a connection that is closed may take to read what it was sent, until it is cut
off."""


class Outboxes:
    """All outboxes of a process, flushed together once per reactor turn."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.dirty: list[Outbox] = []
        self._scheduled = False

    def schedule(self) -> None:
        """Flush in the next turn. Call after adding to ``dirty``."""
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self.flush)

    def next_turn(self, do: Callable[[], object]) -> None:
        """Call ``do`` in the reactor's next turn."""
        self._clock.callLater(0, do)

    def later(self, seconds: float, do: Callable[[], object]) -> IDelayedCall:
        """Call ``do`` in so many seconds."""
        return self._clock.callLater(seconds, do)

    def flush(self) -> None:
        """Send everything that is waiting, now."""
        self._scheduled = False
        dirty, self.dirty = self.dirty, []
        for outbox in dirty:
            outbox.flush()


class Outbox:
    """One connection's unsent bytes. Fan-out appends to ``parts`` itself, for speed; see the router."""

    __slots__ = ("_cutting_off", "_outboxes", "_plain", "_transport", "parts")

    def __init__(self, transport: Any, outboxes: Outboxes) -> None:
        self._transport = transport
        self._outboxes = outboxes
        self._plain = isinstance(transport, Connection)
        self._cutting_off: IDelayedCall | None = None
        self.parts: list[bytes] = []

    def close(self) -> None:
        """Close the connection, after what was put has been sent; in any case after :data:`CLOSE_SECONDS`.

        Who does not read would keep it open for ever: a transport reads nothing either while it waits to
        close, and so hears nothing of the other end's death.
        """
        if self._cutting_off is None:
            self._cutting_off = self._outboxes.later(CLOSE_SECONDS, self._transport.abortConnection)
            self.flush()
            # A transport with a producer waits for it before it closes; we have nothing more to produce.
            self._transport.unregisterProducer()
            self._transport.loseConnection()

    def lost(self) -> None:
        """The connection is gone."""
        if self._cutting_off is not None and self._cutting_off.active():
            self._cutting_off.cancel()

    def put(self, data: bytes) -> None:
        """Send ``data`` after everything put before it, at the end of this turn."""
        if not self.parts:
            self._outboxes.dirty.append(self)
            self._outboxes.schedule()
        self.parts.append(data)

    def flush(self) -> None:
        """Send what is waiting."""
        parts = self.parts
        if not parts:
            return
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self.parts = []
        transport = self._transport
        # After startTLS the same object would send plaintext past the cipher: TLS is checked each time.
        if (
            self._plain
            and transport.connected
            and not transport.disconnecting
            and not transport.TLS
            and not transport._tempDataLen
            and len(transport.dataBuffer) == transport.offset
        ):
            try:
                sent = transport.socket.send(data)
            except OSError:  # not ready, or lost: the transport finds out which, and says so
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        transport.write(data)
