"""A worker's sessions on a log in memory, and clients that talk to them over loop-backs."""

from __future__ import annotations

import random
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from chatnet.auth import Token
from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry
from chatnet.limits import Cost
from chatnet.listeners import tell_all
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.net.visitors import Visitors
from chatnet.telemetry import Event
from chatnet.testing.loopback import Loopback
from chatnet.testing.memory_log import MemoryLog
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION, Ping
from chatnet.worker.elsewhere import OtherPlaces
from chatnet.worker.entrance import Entrance
from chatnet.worker.fronts.amp import AmpChannel, AmpLogin
from chatnet.worker.hashing import Hashing
from chatnet.worker.logins import Logins
from chatnet.worker.new_names import NewNames
from chatnet.worker.router import Router
from chatnet.worker.secrets import Secrets
from chatnet.worker.session_lines import SessionLines
from chatnet.worker.sessions import Sessions
from chatnet.world import Clocks

CHEAP = Cost(1, 8, 1)
"""A cheap hash: the test decides how long it takes, by when it lets a thread work."""


class Threads:
    """A thread pool that does its work when the test says so; also the reactor that it answers to."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []

    def callFromThread(self, f: Any, *args: Any) -> None:
        f(*args)

    def callInThreadWithCallback(self, done: Any, f: Any, *args: Any) -> None:
        self.waiting.append((done, f, args))

    def work(self) -> None:
        """Do the first task that waits."""
        done, f, args = self.waiting.pop(0)
        try:
            result = f(*args)
        except Exception:
            done(False, Failure())
        else:
            done(True, result)


class Hears(Locator):
    """A client's side: keeps what the client was told."""

    def __init__(self) -> None:
        self.posts: list[Entry] = []
        self.pings: list[Cursor | None] = []
        self.moved = 0
        self.rewound: list[Cursor] = []
        self.ended: list[str] = []
        self.marked: list[tuple[str, int]] = []
        self.stays: list[tuple[str, int, bool]] = []

    @wire.Ended.responder
    def told_the_end(self, code: str, sentence: str) -> dict[str, Any]:
        self.ended.append(code)
        return {}

    @wire.Rewound.responder
    def put_back(self, seq: int, check: bytes) -> dict[str, Any]:
        self.rewound.append(Cursor(seq, check))
        return {}

    @wire.Marked.responder
    def told_of_a_mark(self, room: str, seq: int) -> dict[str, Any]:
        self.marked.append((room, seq))
        return {}

    @wire.Membership.responder
    def told_of_a_stay(self, room: str, seq: int, joined: bool) -> dict[str, Any]:
        self.stays.append((room, seq, joined))
        return {}

    @wire.Moved.responder
    def told_to_move(self) -> dict[str, Any]:
        self.moved += 1
        return {}

    @wire.Deliver.responder
    def deliver(self, entry: Entry) -> dict[str, Any]:
        self.posts.append(entry)
        return {}

    @Ping.responder
    def pinged(self, seq: int | None, check: bytes | None) -> dict[str, Any]:
        self.pings.append(Cursor.received(seq, check))
        return {}


class Client:
    """A connection of a client."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.hears = Hears()
        self.link = Link(self.hears, worker.outboxes)
        self.server = Link(
            AmpLogin(worker.entrance, worker.channel, worker.others),
            worker.outboxes,
            worker.pulse,
            worker.visitors,
        )
        self.wire = Loopback(self.link, self.server)
        self.keys = 0

    def begin(self, command: Any, **arguments: Any) -> list[Any]:
        """Send the command; return a list that gets its answer or its failure."""
        found: list[Any] = []
        asked: Deferred[Any] = self.link.callRemote(command, **arguments)
        asked.addBoth(found.append)
        self._worker.settle()
        return found

    def ask(self, command: Any, **arguments: Any) -> Any:
        """Send the command; return its answer, or raise its error."""
        return answered(self.begin(command, **arguments))

    def login(self, name: str = "alice", secret: bytes = b"s" * 32, new: bool = True) -> Any:
        return self.ask(wire.Login, version=VERSION, name=name, secret=secret, new=new)

    def resume(self, ticket: bytes) -> Any:
        return self.ask(wire.Resume, version=VERSION, ticket=ticket)

    def key(self) -> bytes:
        self.keys += 1
        return b"%08d%08d" % (id(self) % 10**8, self.keys)

    def post(self, text: str, room: str | None = None) -> int:
        seq: int = self.ask(wire.Post, key=self.key(), text=text, room=room)["seq"]
        return seq

    def join(self, room: str) -> Any:
        return self.ask(wire.Join, key=self.key(), room=room)

    def leave(self, room: str) -> Any:
        return self.ask(wire.Leave, key=self.key(), room=room)

    def chat(self, cursor: int | None = None, check: bytes | None = None) -> Any:
        """Send Chat, with the right check unless another is given."""
        if cursor is not None and check is None:
            check = self._worker.at(cursor).check
        return self.ask(wire.Chat, cursor=cursor, check=check)

    def heard(self) -> list[str]:
        """Return the texts delivered so far."""
        return [post.text for post in self.hears.posts]

    def raw(self, data: bytes) -> None:
        """Send bytes as a stranger would."""
        self.wire.client_transport.write(data)
        self._worker.settle()

    @property
    def connected(self) -> bool:
        return self.server.transport is not None

    def cut(self) -> None:
        """Lose the connection."""
        self.wire.cut()
        self._worker.clients.remove(self)


def answered(found: list[Any]) -> Any:
    """Return the answer that came, or raise its error."""
    assert found, "no answer came"
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]


class Worker:
    """Sessions on a log in memory. Time passes by :meth:`pass_time`, unless another ``clock`` is given, and
    ``threads`` do nothing by themselves, unless there are others. The ``log`` may be shared."""

    def __init__(
        self,
        rate: int = 0,
        names: int = 0,
        clock: Any = None,
        threads: Any = None,
        log: MemoryLog | None = None,
    ) -> None:
        self.clock: Any = Clock() if clock is None else clock
        self.more = 0
        self.token = Token(b"t" * 32)
        self.outboxes = Outboxes(self.clock)
        self.channel = AmpChannel(self.outboxes)
        self.visitors = Visitors(self.clock)
        self.log = MemoryLog(clock=self.clock.seconds) if log is None else log
        self.threads: Any = threads or Threads()
        self.told: list[Event] = []
        tell = tell_all(self.told.append, SessionLines(self.clock).told)
        self.router = Router(tell)
        hashing = Hashing(self.threads, self.threads)  # type: ignore[arg-type]
        secrets = Secrets(hashing, CHEAP, self.clock, self.clock.seconds, b"k" * 32)
        clocks = Clocks(self.clock, self.clock.seconds, self.clock.seconds)
        self.sessions = Sessions(self.log, self.router, secrets, self.token, rate, clocks, tell)
        self.log.window.watch(self.sessions.apply)
        self.log.window.watch(lambda _: self.router.forget(self.log.window.start - 1))
        self.new_names = NewNames(names)
        self.log.window.watch(lambda entries: self.new_names.apply(self.clock.seconds(), entries))
        self.logins = Logins(
            self.log, self.sessions.logins, secrets, self.new_names, self.entropy, self.clock.seconds
        )
        self.log.window.watch(self.logins.admission.apply)
        self.entrance = Entrance(self.sessions, self.logins, self.token)
        self.others = OtherPlaces(random.Random(1))
        self.pulse = Pulse(self.clock, self.clock.seconds, 5, 15, 45)
        self.clients: list[Client] = []

    def entropy(self, size: int) -> bytes:
        self.more += 1
        return b"%0*d" % (size, self.more)

    def client(self, name: str | None = None) -> Client:
        """Return a connection, logged in if a name is given."""
        client = Client(self)
        self.clients.append(client)
        if name is not None:
            client.login(name)
        return client

    def pings(self) -> list[bytes]:
        """Return the box with which each client would be pinged now."""
        return [client.server.locator.ping() for client in self.clients]

    def work(self) -> None:
        """Let the threads do everything that waits."""
        self.settle()
        while self.threads.waiting:
            self.threads.work()
            self.settle()

    def at(self, seq: int) -> Cursor:
        """Return the cursor of a reader of everything up to ``seq``, even if there is no such entry."""
        if 0 < seq <= len(self.log.entries):
            return Cursor.at(self.log.log_id, self.log.entries[seq - 1])
        return Cursor(seq, Cursor.beginning(self.log.log_id).check)

    def settle(self) -> None:
        """Let everything that waits arrive."""
        self.clock.advance(0)
        moved = True
        while moved:
            moved = sum(client.wire.pump() for client in self.clients) > 0
            self.clock.advance(0)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in steps of a tenth of a second."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.settle()

    def commit(self, *drafts: Draft) -> None:
        """Append what other workers' users did."""
        self.log.append(drafts)
        self.settle()

    def said(self, user: str, text: str) -> Draft:
        """Return a post of a user of another worker."""
        self.more += 1
        return Draft("post", user, user, text, b"%016d" % self.more)


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def slow_worker() -> Worker:
    """Return a worker where a client may post 10 a second, 50 at once."""
    return Worker(rate=10)
