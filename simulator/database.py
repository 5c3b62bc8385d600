"""A process's connections to a simulated database: see :class:`chatnet.store.postgres.database.Database`.

Each is a real connection of the simulated network, to the server of :mod:`.database_server`. A thread that
asks stands still until the answer has come or the connection is lost, so that every fault of hosts, processes
and links can fall between the question, the commit and the answer.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from chatnet.entries import Draft
from chatnet.errors import CannotStart
from chatnet.log import Outcome
from chatnet.marks import UserMark
from chatnet.reads import Question
from chatnet.store.blanking import Freed, Overdue
from chatnet.store.postgres.database import LeaseRow, Opened, Unavailable
from simulator.threads import Interrupted, SimThread

if TYPE_CHECKING:
    from simulator.process import SimProcess
    from simulator.simulation import Simulation
    from simulator.sockets import SimSocket

T = TypeVar("T")
PORT = 5432
CONNECT_SECONDS = 3.0
"""Seconds to wait until the server has accepted the connection and let us in."""
LOOK_SECONDS, LOST_AFTER = 1.5, 3
"""Seconds between the kernel's checks of the other end, and how many must fail until it is lost."""
PARCEL = 8
"""Bytes that stand for a message on the wire: the network does not care about its contents."""


class Query(NamedTuple):
    """A method of the database, and its arguments."""

    method: str
    arguments: tuple[Any, ...]


class Answer(NamedTuple):
    """What a query returned, or raised."""

    result: Any
    error: BaseException | None


class Rung(NamedTuple):
    """Says that something was appended."""


Message = Query | Answer | Rung


def packed(simulation: Simulation, message: Message) -> bytes:
    """Return ``message`` as bytes of the wire."""
    number = len(simulation.parcels)
    simulation.parcels.append(message)
    return number.to_bytes(PARCEL, "big")


class Unpacking:
    """Turns the bytes of the wire, as they come, into messages."""

    def __init__(self, simulation: Simulation) -> None:
        self._parcels = simulation.parcels
        self._torn = b""

    def messages(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are complete now."""
        data = self._torn + data
        whole = len(data) - len(data) % PARCEL
        self._torn = data[whole:]
        for at in range(0, whole, PARCEL):
            number = int.from_bytes(data[at : at + PARCEL], "big")
            message, self._parcels[number] = self._parcels[number], None
            yield message


def is_reachable(socket: SimSocket) -> bool:
    """Return whether what is sent through ``socket`` arrives, and what comes back."""
    inbound, out = socket.inbound, socket.out
    return (
        inbound is not None
        and out is not None
        and inbound.link.is_open
        and out.link.is_open
        and not (inbound.is_lost or out.is_lost)
    )


class SimDatabases:
    """The databases that ``process`` can reach: see :class:`chatnet.store.postgres.database.Databases`."""

    def __init__(self, process: SimProcess) -> None:
        self._process = process

    def connect(self, url: str) -> SimDatabase:
        parts = urlsplit(url)
        if parts.scheme not in ("postgresql", "postgres"):
            raise CannotStart("The store's URL cannot be read: it is like postgresql://HOST/DATABASE.")
        name = parts.hostname or "localhost"
        address = self._process.host.network.resolve(name)
        if address is None:
            raise Unavailable(f"could not translate host name {name}")
        return SimDatabase(Line(self._process, (address, PORT)), self._process.level)


class Line:
    """The client's end of a connection: a socket on which one thread at a time waits.

    ``rung`` and ``lost`` are called in the reactor's thread, if they are set.

    :raises Unavailable: nobody answers, or the server refuses the connection.
    """

    def __init__(self, process: SimProcess, address: tuple[str, int]) -> None:
        self._process = process
        self._socket: SimSocket = process.reactor.new_socket()
        self._unpacking = Unpacking(process.simulation)
        self._waiter: SimThread | None = None
        self._answer: Answer | None = None
        self._trouble = ""
        self._is_connected = self._is_let_in = False
        self._unreachable = 0
        self.rung: Callable[[], None] | None = None
        self.lost: Callable[[], None] | None = None
        self._connect(address)

    def _connect(self, address: tuple[str, int]) -> None:
        self._socket.reader = self._socket.writer = self
        self._process.later(CONNECT_SECONDS, self._connects_no_more)
        number = self._socket.connect_ex(address)
        if number != errno.EINPROGRESS:
            self.lose(os.strerror(number).lower())
        self._wait_for(lambda: self._is_connected)
        self.ask(Query("let_in", ()))
        self._is_let_in = True
        self._look()

    @property
    def is_lost(self) -> bool:
        """Whether it has become useless."""
        return bool(self._trouble)

    def ask(self, question: Query) -> Any:
        """Return the answer to ``question``.

        :raises Unavailable: the connection is lost, before or after the question took effect.
        """
        if not self._trouble:
            self._send(packed(self._process.simulation, question))
        self._wait_for(lambda: self._answer is not None)
        answer, self._answer = self._answer, None
        if answer is None:
            raise Unavailable(self._trouble)
        if answer.error is not None:
            raise answer.error
        return answer.result

    def lose(self, why: str) -> None:
        """Make the connection useless, for the reason ``why``."""
        if self._trouble:
            return
        self._trouble = why
        self._socket.reader = self._socket.writer = None
        self._socket.close()
        if self.lost is not None:
            lost, self.rung, self.lost = self.lost, None, None
            lost()
        self._wake()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError as error:
            self.lose(str(error.strerror).lower())

    # ---- standing still ----

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds, or the connection is lost."""
        while not self._trouble and not condition():
            self._waiter = SimThread.current()
            try:
                self._waiter.wait()
            except Interrupted:
                self.lose("the process ends")
            finally:
                self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None:
            self._process.soon(self._waiter.go)
            self._waiter = None

    def _connects_no_more(self) -> None:
        if not self._is_let_in:
            self.lose("connection timeout expired")

    def _look(self) -> None:
        """Check, as the kernel does, whether the other end is there, while nothing comes from it."""
        out = self._socket.out
        if self._trouble or out is None:
            return
        is_reached = is_reachable(self._socket)
        self._unreachable = 0 if is_reached else self._unreachable + 1
        if is_reached and out.target.is_closed and not self._socket.readable:
            self.lose("connection reset by peer")
        elif self._unreachable >= LOST_AFTER:
            out.abandon()  # what did not get through is not sent again
            self.lose("connection timed out")
        else:
            self._process.later(LOOK_SECONDS, self._look)

    # ---- what the reactor says of the socket ----

    def fileno(self) -> int:
        return self._socket.fileno()

    def doWrite(self) -> None:
        """Note that it is connected."""
        self._is_connected = True
        self._socket.writer = None
        self._wake()

    def doRead(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(str(error.strerror).lower())
            return
        if not data:
            self.lose("the server closed the connection unexpectedly")
        for message in self._unpacking.messages(data):
            self._heard(message)

    def _heard(self, message: Message) -> None:
        if isinstance(message, Answer):
            self._answer = message
            self._wake()
        elif self.rung is not None:
            self.rung()


class SimDatabase:
    """One connection: see :class:`chatnet.store.postgres.database.Database`."""

    def __init__(self, line: Line, level: int) -> None:
        self._line, self._level = line, level

    def open(self, fresh_id: str) -> Opened:
        return self._ask("open", fresh_id, self._level)

    def append(
        self, drafts: list[Draft], now: int, epoch: int = 0
    ) -> tuple[list[Outcome], list[tuple[Draft, Exception]]]:
        return self._ask("append", drafts, now, self._level, epoch)

    def keep_marks(self, marks: Sequence[UserMark]) -> list[UserMark]:
        kept: list[UserMark] = self._ask("keep_marks", marks)
        return kept

    def free(self) -> Freed:
        freed: Freed = self._ask("free")
        return freed

    def overdue(self, now: int, day: int) -> list[Overdue]:
        found: list[Overdue] = self._ask("overdue", now, day)
        return found

    def heirs(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = self._ask("heirs")
        return found

    def outdate(self, level: int) -> None:
        """Do nothing: there are no functions here."""

    def read(self, question: Question[T]) -> T:
        found: T = self._ask("read", question)
        return found

    def listen(self) -> None:
        self._ask("listen")

    def watch(self, reactor: Any, rung: Callable[[], None], lost: Callable[[], None]) -> None:
        if self._line.is_lost:
            reactor.callLater(0, lost)
        self._line.rung, self._line.lost = rung, lost

    def lease(self) -> LeaseRow:
        return self._ask("lease")

    def take_lease(self, seen: int, holder: str) -> int | None:
        return self._ask("take_lease", seen, holder, self._level)

    def renew_lease(self, epoch: int, holder: str) -> bool:
        return self._ask("renew_lease", epoch, holder)

    def release_lease(self, epoch: int) -> None:
        self._ask("release_lease", epoch)

    def token_fingerprint(self, fingerprint: str) -> str:
        return self._ask("token_fingerprint", fingerprint)

    def close(self) -> None:
        self._line.rung = self._line.lost = None
        self._line.lose("the connection is closed")

    def _ask(self, method: str, *arguments: Any) -> Any:
        return self._line.ask(Query(method, arguments))
