"""What to send on a connection, gathered and sent once per turn of the reactor.

Twisted's ``transport.write`` waits for the reactor to say that the socket is writable: two system calls and
one more turn for each message. A TCP connection without TLS and with nothing buffered can be written
directly; what the kernel does not take goes to ``transport.write``, so order and back-pressure stay
Twisted's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.tcp import Connection

CLOSE_SECONDS = 5.0
"""Seconds that the other end of a closing connection has to read what it was sent; then it is cut off."""


class Outboxes:
    """All outboxes of a process, flushed together once per reactor turn."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.dirty: list[Outbox] = []
        self._scheduled = False

    def seconds(self) -> float:
        """Return the time, by the clock of the reactor."""
        return self._clock.seconds()

    def schedule(self) -> None:
        """Flush in the next turn. Call this after adding to ``dirty``."""
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self.flush)

    def next_turn(self, do: Callable[[], object]) -> None:
        """Call ``do`` in the reactor's next turn."""
        self._clock.callLater(0, do)

    def later(self, seconds: float, do: Callable[[], object]) -> IDelayedCall:
        """Call ``do`` in ``seconds``."""
        return self._clock.callLater(seconds, do)

    def flush(self) -> None:
        """Send everything that waits, now."""
        self._scheduled = False
        dirty, self.dirty = self.dirty, []
        _send(dirty)


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
        """Close the connection after sending what was put; after :data:`CLOSE_SECONDS` in any case.

        A peer that does not read would keep it open forever: a transport that waits to close does not read
        either, and so does not notice the other end's death.
        """
        if self._cutting_off is None:
            self._cutting_off = self._outboxes.later(CLOSE_SECONDS, self._transport.abortConnection)
            self.flush()
            # A transport waits for its producer before it closes; we produce nothing after this.
            self._transport.unregisterProducer()
            self._transport.loseConnection()

    def lost(self) -> None:
        """Note that the connection is gone."""
        if self._cutting_off is not None and self._cutting_off.active():
            self._cutting_off.cancel()

    def put(self, data: bytes) -> None:
        """Send ``data`` at the end of this turn, after everything that was put before."""
        if not self.parts:
            self._outboxes.dirty.append(self)
            self._outboxes.schedule()
        self.parts.append(data)

    def flush(self) -> None:
        """Send what waits."""
        _send((self,))


def _send(outboxes: Iterable[Outbox]) -> None:
    """Send what waits in each. It is one loop, since a post is for hundreds: see benchmarks/README.md."""
    for outbox in outboxes:
        parts = outbox.parts
        if not parts:
            continue
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        transport = outbox._transport
        # After startTLS the same object would send plaintext past the cipher: TLS is checked each time.
        if (
            outbox._plain
            and transport.connected
            and not transport.disconnecting
            and not transport.TLS
            and not transport._tempDataLen
            and not transport.dataBuffer
        ):
            try:
                sent = transport.socket.send(data)
            except OSError:  # not ready, or lost: the transport finds out which, and reports it
                sent = 0
            if sent == len(data):
                continue
            data = data[sent:]
        transport.write(data)
