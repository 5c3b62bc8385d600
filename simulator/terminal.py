"""The person at a simulated terminal: what they type and what they see, in plain lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from simulator.process import SimProcess

FULL = 64 * 1024
"""Bytes that a program may show without a reader before it is told to wait."""


class Terminal:
    """What a person types and sees: ``lines`` so far, and ``errors`` on standard error. Always usable."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.errors: list[str] = []
        self.password = ""
        self.is_over = False
        self._typed = b""
        self._hung_up = False
        self._reads = True
        self._transport: TerminalTransport | None = None

    # ---- the person ----

    def type(self, *lines: str) -> None:
        """Type lines, each with its line end."""
        self._typed += "".join(f"{line}\n" for line in lines).encode()
        self._typing()

    def hang_up(self) -> None:
        """End the input."""
        self._hung_up = True
        self._typing()

    def stop_reading(self) -> None:
        """Stop reading: what is shown piles up, and then the program is paused."""
        self._reads = False

    def read_on(self) -> None:
        """Read again."""
        self._reads = True
        if self._transport is not None:
            self._transport.process.soon(self._transport.drain)

    # ---- the program ----

    def attached(self, transport: TerminalTransport) -> None:
        self._transport = transport
        self._typing()

    def show(self, text: bytes) -> bool:
        """Show whole lines; return False if nobody reads them."""
        if self._reads:
            self.lines += text.decode("utf-8", "replace").splitlines()
        return self._reads

    def ended(self) -> None:
        """Note that the program has ended."""
        self.is_over = True
        self._transport = None

    def _typing(self) -> None:
        if self._transport is not None:
            self._transport.process.soon(self._transport.deliver)

    def take(self) -> tuple[bytes, bool]:
        """Return what was typed since the last call, and whether the input ended."""
        typed, self._typed = self._typed, b""
        return typed, self._hung_up


@implementer(ITransport)
class TerminalTransport:
    """The transport between ``terminal`` and the program's ``protocol``."""

    def __init__(self, terminal: Terminal, process: SimProcess, protocol: Any) -> None:
        self.terminal, self.process, self.protocol = terminal, process, protocol
        self.disconnecting = False
        self._lost = self._paused = self._ended = False
        self._reading = True
        self._waiting = b""
        self._producer: Any = None

    def deliver(self) -> None:
        """Give the program what was typed."""
        if self._lost or not self._reading:
            return
        typed, ended = self.terminal.take()
        if typed:
            self._note("reads: {}", typed)
            self.protocol.dataReceived(typed)
        if ended and not self._ended and not self._lost:
            self._ended = True
            half = IHalfCloseableProtocol(self.protocol, None)
            if half is not None:
                half.readConnectionLost()
            else:
                self._lose()

    def drain(self) -> None:
        """Show what waits, if somebody reads."""
        if not self.terminal.show(self._waiting):
            return
        self._note("shows: {}", self._waiting)
        self._waiting = b""
        if self._paused:
            self._paused = False
            self._producer.resumeProducing()
        if self.disconnecting:
            self._lose()

    def write(self, data: bytes) -> None:
        if self._lost or self.disconnecting:
            return
        self._waiting += data
        if self._producer is not None and len(self._waiting) > FULL:
            self._paused = True
            self._producer.pauseProducing()
        self.process.soon(self.drain)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self.process.soon(self.drain)

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def _note(self, template: str, text: bytes) -> None:
        for line in text.decode("utf-8", "replace").splitlines():
            self.process.simulation.note(self.process.name, template, line)

    def getPeer(self) -> Any:
        return "the terminal"

    def getHost(self) -> Any:
        return "the program"

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer, self._paused = None, False

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        self._reading = True
        self.process.soon(self.deliver)

    def stopProducing(self) -> None:
        self.loseConnection()


class SimStdio:
    """The terminal as :class:`chatnet.world.Stdio`."""

    def __init__(self, terminal: Terminal, process: SimProcess) -> None:
        self._terminal, self._process = terminal, process

    def is_terminal(self) -> bool:
        return False

    def is_keyboard(self) -> bool:
        return False

    def height(self) -> int | None:
        return None

    def width(self) -> int | None:
        return None

    def encoding(self) -> str:
        return "utf-8"

    def is_file(self) -> bool:
        return False

    def unread(self) -> bytes:
        return b""

    def attach(self, reactor: Any, protocol: Any) -> None:
        transport = TerminalTransport(self._terminal, self._process, protocol)
        protocol.makeConnection(transport)
        self._terminal.attached(transport)

    def streams(self) -> tuple[TextIO, TextIO]:
        raise OSError("a simulated terminal has plain lines alone")

    def echo(self, on: bool) -> None:
        """Do nothing: typed text is never shown."""

    def restore(self) -> None:
        """Do nothing: nothing was changed."""

    def ask_password(self, prompt: str) -> str:
        return self._terminal.password

    def error(self, line: str) -> None:
        if not self._process.is_dead:
            self._terminal.errors.append(line)
            self._process.simulation.note(self._process.name, "says on standard error: {}", line)

    def say(self, line: str) -> None:
        if not self._process.is_dead:
            self._terminal.lines.append(line)
            self._process.simulation.note(self._process.name, "shows: {}", line)
