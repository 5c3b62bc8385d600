"""The terminal of scripts: plain lines in, plain lines out, no prompt.

If it writes to a terminal nonetheless, what is too long for one row goes on in indented ones, as on the
screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from chatnet.blanking import Blanking
from chatnet.client.calendar import Calendar
from chatnet.client.entered import Entered
from chatnet.client.said import Said
from chatnet.client.terminal import Unreadable
from chatnet.client.text import on_terminal, one_line
from chatnet.client.typed import Typed
from chatnet.world import Stdio

MAX_LINE = 65_535
"""The longest line that is accepted, in bytes."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Some editors begin a file with this; it is not part of the first line."""
READER_GONE = "Standard output was closed by its reader: left, once what was typed was acknowledged."
OUTPUT_FULL = (
    "Standard output cannot be written (is its disk full?): left, once what was typed was acknowledged."
)
MANY, FEW = 1_000, 500
"""This many waiting lines stop the reading of input, and this few continue it."""


class Lines:
    """Turns bytes into lines. Pure. A line that cannot be used does not harm its neighbours."""

    def __init__(self) -> None:
        self._rest = b""
        self._overlong = False
        self._is_first = True

    @property
    def has_begun(self) -> bool:
        """Whether there is an incomplete line."""
        return self._overlong or bool(self._rest.strip())

    def take(self, received: bytes) -> list[str | Unreadable]:
        """Return the lines that ``received`` completes."""
        *complete, rest = (self._rest + received).split(b"\n")
        lines = [self._line(line) for line in complete]
        self._overlong = self._overlong or len(rest) > MAX_LINE
        self._rest = b"" if self._overlong else rest
        return lines

    def end(self) -> list[str | Unreadable]:
        """Return what came after the last line break."""
        return [self._line(self._rest)] if self._rest or self._overlong else []

    def _line(self, line: bytes) -> str | Unreadable:
        if self._is_first:
            self._is_first, line = False, line.removeprefix(BYTE_ORDER_MARK)
        overlong, self._overlong, self._rest = self._overlong, False, b""
        if overlong or len(line) > MAX_LINE:
            return Unreadable("That line is longer than 64 KB; it was left out.")
        try:
            return line.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError:
            return Unreadable("That line is not UTF-8; it was left out.")


@implementer(IHalfCloseableProtocol, IPushProducer)
class LineTerminal(Protocol):
    """Standard input and output. ``hold`` and ``release`` are called when its reader stops and continues.

    With a ``calendar``, each post begins with its time.
    """

    transport: Any

    def __init__(
        self,
        reactor: Any,
        hold: Callable[[], None],
        release: Callable[[], None],
        calendar: Calendar | None = None,
    ) -> None:
        self._reactor = reactor
        self._calendar = calendar
        self._hold, self._release = hold, release
        self._lines = Lines()
        self._entered = Entered()
        self._paused = False
        self._ended = False
        self._open = False
        self._trouble: str | None = None
        self._closing: list[Deferred[None]] = []

    def open(self, stdio: Stdio) -> None:
        self._stdio = stdio
        stdio.attach(self._reactor, self)

    # ---- for the interpreter ----

    async def read(self) -> Typed | Unreadable | None:
        line = await self._entered.read()
        if line is not None and self._paused and len(self._entered) <= FEW:
            self._paused = False
            self.transport.resumeProducing()
        return line

    async def answer(self) -> str | None:
        return await self._entered.answer()

    def show(self, text: str) -> None:
        if self._open and not self._closing:
            rows = on_terminal(one_line(text), self._stdio.width())
            self.transport.write("".join(f"{row}\n" for row in rows).encode("utf-8"))

    def heard(self, said: Said, is_new: bool = True) -> None:
        self.show(said.line if self._calendar is None else f"{self._calendar.stamp(said.time)} {said.line}")

    def posted(self, said: Said, answer: Deferred[Any]) -> None:
        """Do nothing: the person who typed it has seen it."""

    def numbered(self, said: Said) -> None:
        time = "" if self._calendar is None else f"{self._calendar.stamp(said.time)} "
        self.show(f"{said.seq} {time}{said.line}")

    def taken_back(self, seq: int, sentence: str) -> None:
        """Show the sentence: what was shown is out of reach."""
        self.show(sentence)

    def all_taken_back(self, taken: Blanking) -> None:
        """Do nothing: what was shown is out of reach."""

    def offer(self, commands: Sequence[str]) -> None:
        """Do nothing: no line is completed."""

    def learn(self, rooms: Sequence[str], is_member: bool | None = None, since: int = 0) -> None:
        """Do nothing, either."""

    def recount(self) -> None:
        """Do nothing, either."""

    shows_all = True

    def has_read(self, room: str, upto: int) -> None:
        """Do nothing: nothing is counted here."""

    def moved(self, sentence: str) -> None:
        self.show(sentence)

    def expect(self, what: str, room: str = "") -> None:
        """Show no prompt; but a terminal must not show a password."""
        self._entered.expect(what)
        self._echo()

    def _echo(self) -> None:
        self._stdio.echo(self._entered.next != "password")

    @property
    def is_attended(self) -> bool:
        return self._stdio.is_terminal()

    def linked(self, name: str | None) -> None:
        """Do nothing: the interpreter shows a line about it."""

    def leaving(self, drafts: int) -> None:
        """Show nothing."""

    def ahead(self) -> int:
        return len(self._entered) + self._lines.has_begun

    def undone(self) -> int:
        self.dataReceived(self._stdio.unread())
        return self._entered.undone + self._lines.has_begun

    def trouble(self) -> str | None:
        return self._trouble

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
            self._typed(line)
        if len(self._entered) >= MANY and not self._paused and self._open:
            self._paused = True
            self.transport.pauseProducing()

    def readConnectionLost(self) -> None:
        for line in self._lines.end():
            self._typed(line)
        self._end()

    def writeConnectionLost(self) -> None:
        """Leave once what was typed is acknowledged: nobody sees what we show."""
        if self._open and not self._closing:
            self._trouble = OUTPUT_FULL if self._stdio.is_file() else READER_GONE
            self.dataReceived(self._stdio.unread())
        self._open = False
        self._end()
        closing, self._closing = self._closing, []
        for closed in closing:
            closed.callback(None)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.writeConnectionLost()

    def _typed(self, line: str | Unreadable) -> None:
        self._entered.add(line)
        self._echo()  # at once, even if the command has to wait

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._entered.end()

    def pauseProducing(self) -> None:
        self._hold()

    def resumeProducing(self) -> None:
        self._release()

    def stopProducing(self) -> None:
        """Do nothing: standard output is gone."""
