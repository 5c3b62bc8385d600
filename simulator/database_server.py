"""A simulated PostgreSQL: one server on its own host, with the tables of the embedded store.

So it answers and refuses what the embedded store does. The timing differs: questions of many connections are
answered as they come; a batch waits until earlier batches are committed, and others see it from its commit
on; and what is committed survives the server, even a power failure of its host.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw
from twisted.application.service import Service
from twisted.internet.protocol import Factory, Protocol

from chatnet import kinds
from chatnet.entries import Draft
from chatnet.errors import CannotStart, ChatnetError
from chatnet.limits import PageSize
from chatnet.log import Outcome
from chatnet.marks import UserMark
from chatnet.reads import Head, Question
from chatnet.store.blanking import Freed, Overdue, undone
from chatnet.store.postgres.database import Deposed, LeaseRow, Opened, Unavailable
from chatnet.store.sqlite import blanking as sqlite_blanking
from chatnet.store.sqlite import marks as sqlite_marks
from chatnet.store.sqlite import reads as sqlite_reads
from chatnet.store.sqlite.disk import DiskFull
from chatnet.store.sqlite.schema import migrate, refuse_level, set_up_writer
from chatnet.store.sqlite.writer import Writer
from chatnet.world import World
from simulator.database import (
    LOOK_SECONDS,
    LOST_AFTER,
    PORT,
    Answer,
    Message,
    Query,
    Rung,
    Unpacking,
    is_reachable,
    packed,
)
from simulator.network import LOOPBACK
from simulator.simulation import Simulation
from simulator.sockets import SimSocket

T = TypeVar("T")
PATH = Path("/home/user/postgres.sqlite")
WORK_SECONDS = (0.00005, 0.001)
"""The shortest and longest time that a question takes."""
SAY_SECONDS = (0.00005, 0.001)
"""The same, from a commit until those concerned are told: the server may be dead by then."""
LATE, LATENESS = 0.02, 50.0
"""How often any of that takes longer, and by what factor."""
STARTED_AGAIN_SECONDS = (0.2, 2.0)
"""Seconds until a server that is down is started again: between these."""
COPY_SECONDS = 0.2
"""Seconds between two copies to a standby that lags behind."""
COPIES = 100
LEASE = """
    CREATE TABLE IF NOT EXISTS lease (counter INTEGER NOT NULL, epoch INTEGER NOT NULL, holder TEXT NOT NULL,
        token TEXT NOT NULL);
    INSERT INTO lease SELECT 0, 0, '', '' WHERE NOT EXISTS (SELECT 1 FROM lease);
"""
_WRITES = (
    "open", "append", "free", "keep_marks", "take_lease", "renew_lease", "release_lease", "token_fingerprint",
)  # fmt: skip


class Tables:
    """What the server has on its disk. Each method is a transaction.

    :raises Unavailable: by all methods, in the cases that :class:`.Database` describes.
    """

    def __init__(
        self, connection: apsw.Connection, page: PageSize, on_lease: Callable[[LeaseRow, LeaseRow], None]
    ) -> None:
        self._connection = connection
        self._page = page
        self._on_lease = on_lease
        self._store: Writer | None = None

    def open(self, seen_as: str, fresh_id: str, own_level: int) -> Opened:
        migrate(self._connection, fresh_id, own_level)
        level = refuse_level(self._connection, own_level)
        for sql in (*LEASE.split(";"), sqlite_marks.TABLE):
            self._connection.execute(sql)
        log_id, head = next(self._connection.execute("SELECT id, head FROM log"))
        blankings = undone(self._connection.execute)
        return Opened(log_id, head, seen_as=seen_as, level=level, blankings=blankings)

    def append(
        self, drafts: list[Draft], now: int, own_level: int, epoch: int = 0
    ) -> tuple[list[Outcome], list[tuple[Draft, Exception]]]:
        refuse_level(self._connection, own_level)
        if epoch and epoch != self.lease().epoch:
            raise Deposed
        store = self._writer(own_level)
        batch = store.commit(drafts, now)
        return batch.outcomes, batch.poisoned

    def _writer(self, own_level: int) -> Writer:
        if self._store is None:
            # The epoch in the log's tables stays as it was made: the lease's epoch is in its own table.
            self._store = Writer(self._connection, 0, own_level)
        self._store.facts.own_level = own_level
        return self._store

    def free(self) -> Freed:
        found = sqlite_blanking.find(self._connection)
        if found is None:
            return Freed(None)
        texts, done = self._writer(kinds.own_level()).free(found, float)
        if done and found.blanking.whole:
            self._connection.execute("DELETE FROM mark WHERE user = ?", (found.blanking.user,))
        return Freed(found.blanking, texts, done)

    def overdue(self, now: int, day: int) -> list[Overdue]:
        return sqlite_blanking.too_old(self._connection, now, day)

    def heirs(self) -> list[tuple[str, str]]:
        return sqlite_blanking.heirs(self._connection)

    def read(self, question: Question[T]) -> T:
        marks = partial(sqlite_marks.of, self._connection.execute)
        return sqlite_reads.answer(self._connection, question, self._page, marks)

    def keep_marks(self, marks: Sequence[UserMark]) -> list[UserMark]:
        head, kept = self.read(Head()), list[UserMark]()
        forgotten = {user for (user,) in self._connection.execute("SELECT user FROM forgotten")}
        marks = [mark for mark in marks if mark.user not in forgotten]
        with self._connection:
            kept += sqlite_marks.keep(self._connection.execute, marks, head)
        return kept

    # ---- the lease ----

    def lease(self) -> LeaseRow:
        return LeaseRow(*next(self._connection.execute("SELECT counter, epoch, holder FROM lease")))

    def take_lease(self, seen: int, holder: str, own_level: int) -> int | None:
        refuse_level(self._connection, own_level)
        row = self.lease()
        if row.counter != seen:
            return None
        self._put(row, LeaseRow(row.counter + 1, row.epoch + 1, holder))
        return row.epoch + 1

    def renew_lease(self, epoch: int, holder: str) -> bool:
        row = self.lease()
        if row.epoch != epoch or not row.holder:
            return False
        self._put(row, LeaseRow(row.counter + 1, epoch, holder))
        return True

    def release_lease(self, epoch: int) -> None:
        row = self.lease()
        if row.epoch == epoch:
            self._put(row, LeaseRow(row.counter + 1, epoch, ""))

    def token_fingerprint(self, fingerprint: str) -> str:
        self._connection.execute("UPDATE lease SET token = ? WHERE token = ''", (fingerprint,))
        token: str = next(self._connection.execute("SELECT token FROM lease"))[0]
        return token

    def _put(self, before: LeaseRow, after: LeaseRow) -> None:
        values = (after.counter, after.epoch, after.holder)
        self._connection.execute("UPDATE lease SET counter = ?, epoch = ?, holder = ?", values)
        self._on_lease(before, after)

    # ---- copies ----

    def copied(self) -> apsw.Connection:
        """Return a copy of everything, in memory."""
        copy = apsw.Connection(":memory:")
        with copy.backup("main", self._connection, "main") as backup:
            backup.step()
        return copy


class Session(Protocol):
    """The server's end of a connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._unpacking = Unpacking(server.postgres.simulation)
        self.is_let_in = self.is_listening = self.is_over = False
        self._unreachable = 0

    def connectionMade(self) -> None:
        self._server.sessions[self] = None
        transport: Any = self.transport
        self._look(transport.socket)

    def _look(self, socket: SimSocket) -> None:
        """Check, as the server's kernel does where chatnet asks for it, whether the client is there: nothing
        comes from one whose host lost its power, and it would count for ever."""
        out = socket.out
        if socket.is_closed or out is None:
            return
        is_there = is_reachable(socket) and not out.target.is_closed
        self._unreachable = 0 if is_there else self._unreachable + 1
        if self._unreachable > LOST_AFTER:  # the client notices it first
            out.abandon()
            socket.reset_by_peer()
        else:
            socket.process.later(LOOK_SECONDS, self._look, socket)

    def dataReceived(self, data: bytes) -> None:
        for message in self._unpacking.messages(data):
            assert isinstance(message, Query)
            self._server.asked(self, message)

    @property
    def seen_as(self) -> str:
        """The address of the client's host; empty if it is the server's own."""
        address: Any = self.transport and self.transport.getPeer()
        return "" if address.host == LOOPBACK else str(address.host)

    def say(self, message: Message) -> None:
        """Tell the client, if it is still there."""
        if not self.is_over and self.transport is not None:
            self.transport.write(packed(self._server.postgres.simulation, message))

    def end(self) -> None:
        """Drop the client; what it asked and was not done yet is not done."""
        self.is_over = True
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: object = None) -> None:
        self._server.sessions.pop(self, None)
        # What it asked is done nevertheless: a backend notices the loss only when it answers.


class Server(Service):
    """One life of the server, as a program of its host."""

    def __init__(self, postgres: Postgres, world: World) -> None:
        self.postgres, self._world = postgres, world
        self._chance = world.chance
        self._reactor: Any = world.reactor
        self.sessions: dict[Session, None] = {}
        # Every append waits for the one row that all appends write; so do the lease's writes, for their row.
        self._waiting: dict[str, deque[Callable[[], None]]] = {}

    def startService(self) -> None:
        super().startService()
        connection = self._world.files.database(PATH)
        if self.postgres.restored is not None:
            with connection.backup("main", self.postgres.restored, "main") as backup:
                backup.step()
            self.postgres.restored = None
        set_up_writer(connection)
        page = self._world.limits.page
        self.tables = Tables(connection, page, lambda *rows: self.postgres.on_lease(*rows))
        factory = Factory.forProtocol(lambda: Session(self))
        factory.noisy = False
        self._reactor.listenTCP(PORT, factory, backlog=1000)

    # ---- questions ----

    def asked(self, session: Session, question: Query) -> None:
        """Receive a question of ``session``."""

        def do() -> None:
            if not session.is_over:
                self._after(SAY_SECONDS, partial(session.say, self._answer(session, question)))

        if question.method in ("append", "free"):
            self._in_turn("log", do)
        elif question.method == "keep_marks":
            self._in_turn("mark", do)
        elif question.method in _WRITES:
            self._in_turn("lease", do)
        else:
            self._after(WORK_SECONDS, do)

    def _in_turn(self, row: str, do: Callable[[], None]) -> None:
        """Call ``do`` after all earlier ones have had the lock of ``row``."""
        queue = self._waiting.setdefault(row, deque())
        queue.append(do)
        if len(queue) == 1:
            self._begin(queue)

    def _begin(self, queue: deque[Callable[[], None]]) -> None:
        def done() -> None:
            queue[0]()
            queue.popleft()
            if queue:
                self._begin(queue)

        self._after(WORK_SECONDS, done, self.postgres.host.disk.sync_seconds)

    def _answer(self, session: Session, question: Query) -> Answer:
        try:
            if self.postgres.is_read_only and question.method in (*_WRITES, "let_in"):
                raise Unavailable("cannot execute in a read-only transaction")
            result = self._do(session, question)
        except (Unavailable, Deposed, CannotStart, ChatnetError) as error:
            return Answer(None, error.with_traceback(None))
        except (DiskFull, apsw.SQLError, apsw.FullError) as error:
            return Answer(None, Unavailable(str(error)))
        if question.method in _WRITES:
            self.postgres.written(self.tables)
        return Answer(result, None)

    def _do(self, session: Session, question: Query) -> Any:
        match question.method:
            case "let_in":
                return self._let_in(session)
            case "listen":
                session.is_listening = True
                return None
            case "open":
                return self.tables.open(session.seen_as, *question.arguments)
            case "append":
                return self._append(*question.arguments)
            case method:
                return getattr(self.tables, method)(*question.arguments)

    def _append(self, *arguments: Any) -> Any:
        before = self.tables.read(Head())
        result = self.tables.append(*arguments)
        if self.tables.read(Head()) > before:
            self._ring()
        return result

    def _let_in(self, session: Session) -> None:
        if sum(other.is_let_in for other in self.sessions) >= self.postgres.most_sessions:
            raise Unavailable("sorry, too many clients already")
        session.is_let_in = True

    def _ring(self) -> None:
        for session in self.sessions:
            if session.is_listening:
                self._after(SAY_SECONDS, partial(session.say, Rung()))

    def _after(self, between: tuple[float, float], do: Callable[[], None], more: float = 0.0) -> None:
        seconds = self._chance.uniform(*between)
        if self._chance.random() < LATE:
            seconds *= LATENESS
        self._reactor.callLater(seconds + more, do)


class Postgres:
    """The one database server of ``simulation``, on the host ``db``, and the operator who keeps it running.

    ``is_read_only``: it accepts nobody who would write, and writes nothing. ``most_sessions`` is how many
    connections it accepts. ``lags``: a standby is copied to from time to time, so that :meth:`fail_over`
    loses the newest commits. ``on_lease`` is called with the row of the lease before and after a change.
    """

    def __init__(self, simulation: Simulation, lags: bool = False) -> None:
        self.simulation = simulation
        self.host = simulation.host("db")
        self.url = f"postgresql://{self.host.name}/chatnet"
        self.is_read_only = False
        self.most_sessions = 100
        self.lags = lags
        self.on_lease: Callable[[LeaseRow, LeaseRow], None] = lambda before, after: None
        self.restored: apsw.Connection | None = None
        self._copies: deque[tuple[float, apsw.Connection]] = deque(maxlen=COPIES)
        self._chance = simulation.chance("postgres")
        simulation.programs["postgres"] = lambda arguments, world: Server(self, world)

    @property
    def server(self) -> Server | None:
        """The server, if it runs."""
        living = self.host.living("postgres")
        if not living or not living[0].reactor.running:
            return None
        service = living[0].service
        assert isinstance(service, Server)
        return service

    def start(self) -> None:
        """Start it, and start it again whenever it is down."""
        if self.host.is_up and not self.host.living("postgres"):
            self.host.start("postgres")
        self.simulation.later(self._chance.uniform(*STARTED_AGAIN_SECONDS), self.start)

    # ---- faults ----

    def kill(self) -> None:
        """Kill the server with SIGKILL, which stands for everything that stops a server at once."""
        for process in self.host.living("postgres"):
            process.kill()

    def pause(self, seconds: float) -> None:
        """Let it hang for ``seconds``."""
        for process in self.host.living("postgres"):
            process.kill(signal.SIGSTOP)
            self.simulation.later(seconds, process.kill, signal.SIGCONT)

    def end_sessions(self) -> None:
        """End all connections, as an administrator would."""
        server = self.server
        for session in list(server.sessions if server is not None else ()):
            self.host.living("postgres")[0].soon(session.end)

    def fail_over(self, lag: float) -> None:
        """Let a standby replace the server; it lacks the commits of the last ``lag`` seconds."""
        self.kill()
        then = self.simulation.now - lag
        copies = [copy for time, copy in self._copies if time <= then]
        self.restored = copies[-1] if copies else self._copies[0][1]
        self._copies.clear()

    def written(self, tables: Tables) -> None:
        """Note that something was committed."""
        now = self.simulation.now
        if self.lags and (not self._copies or now - self._copies[-1][0] >= COPY_SECONDS):
            self._copies.append((now, tables.copied()))
