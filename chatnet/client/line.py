"""The terminal of scripts: plain lines in, plain lines out, no prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue, succeed
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from chatnet.client.commands import Unreadable
from chatnet.world import Stdio

MAX_LINE = 65_535
"""The longest line that is taken, in bytes."""
MANY, FEW = 1_000, 500
"""So many lines waiting stop the reading of input, and so few let it go on."""


class Lines:
    """Bytes to lines. Pure. A line that cannot be taken does not harm its neighbours."""

    def __init__(self) -> None:
        self._rest = b""
        self._overlong = False

    def take(self, received: bytes) -> list[str | Unreadable]:
        """The lines that ``received`` completes."""
        *complete, rest = (self._rest + received).split(b"\n")
        lines = [self._line(line) for line in complete]
        self._overlong = self._overlong or len(rest) > MAX_LINE
        self._rest = b"" if self._overlong else rest
        return lines

    def end(self) -> list[str | Unreadable]:
        """What stood behind the last line break."""
        return [self._line(self._rest)] if self._rest or self._overlong else []

    def _line(self, line: bytes) -> str | Unreadable:
        overlong, self._overlong, self._rest = self._overlong, False, b""
        if overlong or len(line) > MAX_LINE:
            return Unreadable("That line is longer than 64 KB; it was left out.")
        try:
            return line.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError:
            return Unreadable("That line is not UTF-8; it was left out.")


@implementer(IHalfCloseableProtocol, IPushProducer)
class LineTerminal(Protocol):
    """``hold`` and ``release`` are called when nobody reads what we show, and when they do again."""

    transport: Any

    def __init__(self, reactor: Any, hold: Callable[[], None], release: Callable[[], None]) -> None:
        self._reactor = reactor
        self._hold, self._release = hold, release
        self._lines = Lines()
        self._queue: DeferredQueue[str | Unreadable | None] = DeferredQueue()
        self._paused = False
        self._ended = False
        self._open = False
        self._closing: list[Deferred[None]] = []

    def open(self, stdio: Stdio) -> None:
        stdio.attach(self._reactor, self)

    # ---- for the interpreter ----

    async def read(self) -> str | Unreadable | None:
        line = await self._queue.get()
        if line is None:
            self._queue.put(None)
        elif self._paused and len(self._queue.pending) <= FEW:
            self._paused = False
            self.transport.resumeProducing()
        return line

    def show(self, line: str) -> None:
        if self._open and not self._closing:
            self.transport.write(line.encode("utf-8") + b"\n")

    def posted(self, line: str, answer: Deferred[Any]) -> None:
        """Who typed it has seen it."""

    def expect(self, what: str) -> None:
        """No prompts."""

    def linked(self, name: str | None) -> None:
        """The interpreter says so in a line."""

    def leaving(self, drafts: int) -> None:
        """No words."""

    def close(self) -> Deferred[None]:
        if not self._open:
            return succeed(None)
        closed: Deferred[None] = Deferred()
        self._closing.append(closed)
        if len(self._closing) == 1:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
        return closed

    # ---- from the transport; the names are Twisted's ----

    def connectionMade(self) -> None:
        self._open = True
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        for line in self._lines.take(data):
            self._queue.put(line)
        if len(self._queue.pending) >= MANY and not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def readConnectionLost(self) -> None:
        for line in self._lines.end():
            self._queue.put(line)
        self._end()

    def writeConnectionLost(self) -> None:
        """Nobody reads any more: leave, once what was typed is acknowledged."""
        self._open = False
        self._end()
        closing, self._closing = self._closing, []
        for closed in closing:
            closed.callback(None)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.writeConnectionLost()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._queue.put(None)

    def pauseProducing(self) -> None:
        self._hold()

    def resumeProducing(self) -> None:
        self._release()

    def stopProducing(self) -> None:
        """Standard output is gone."""
