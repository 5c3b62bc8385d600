"""The web of a worker at a real port of loopback, over a log in memory: for clients that open sockets."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as real
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory
from web.browser import PAGE
from worker.conftest import Threads, Worker

from chatnet.credentials import as_typed
from chatnet.entries import Draft, Entry, More
from chatnet.errors import SessionEnded
from chatnet.keys import key_text
from chatnet.worker.front import Shared
from chatnet.worker.fronts.web.connection import WebConnection
from chatnet.worker.fronts.web.front import Web
from chatnet.worker.fronts.web.kept import RequestPeer
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.worker.logins import Shown
from chatnet.world import Clocks

reactor: Any = real


class AtOnce(Threads):
    """A thread pool that has done its work in the next turn of the reactor."""

    def callInThreadWithCallback(self, done: Any, f: Any, *args: Any) -> None:
        super().callInThreadWithCallback(done, f, *args)
        reactor.callLater(0, self.work)


class RealFront(Worker):
    """A worker whose web listens, until :meth:`stop`."""

    def __init__(self) -> None:
        super().__init__(clock=reactor, threads=AtOnce())
        clocks = Clocks(reactor, reactor.seconds, reactor.seconds)
        shared = Shared(self.outboxes, self.pulse, self.visitors, self.others)
        self.web = Web(shared, WebSettings(clocks, self.entropy, PAGE), lambda: self.entrance)
        self.connections: list[WebConnection] = []
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = self._connection  # type: ignore[method-assign,assignment]
        self._port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}"
        self._waiting: list[tuple[Any, Deferred[Entry]]] = []
        self.log.window.watch(self._grown)

    def _connection(self, address: IPv4Address) -> WebConnection:
        connection = self.web.visitor()
        self.visitors.came(connection, address.host)
        self.connections.append(connection)
        return connection

    def settle(self) -> None:
        """Do nothing: the reactor does."""

    def token_of(self, name: str, *follows: str) -> str:
        """Register a user, who follows these; return a token."""
        self.commit(self._draft("register", name, name, "argon2id"))
        by = self.log.window.head
        self.commit(*(self._draft("join", name, room, "") for room in follows))
        return key_text(self.sessions.ticket(name, by))

    async def login(self, name: str, scope: Any = "", password: str = "") -> str:
        """Register a user, with a password if one is given; return a token of this scope."""
        peer = RequestPeer(None, "", lambda _: None)
        more = More(device=self.entropy(16).hex(), scope=scope)
        session = await self.entrance.arrival(peer).login(name, Shown(b"s" * 32, True, more))
        ticket = session.ticket()
        if password:
            ticket = (await session.secret.set(self.entropy(16), b"s" * 32, as_typed(password))).ticket
        session.lost("it is there")
        return key_text(ticket)

    def _draft(self, kind: Any, user: str, room: str, text: str) -> Draft:
        return Draft(kind, user, room, text, self.entropy(16))

    def say(self, user: str, text: str) -> int:
        """Let a user say something elsewhere; return its seq."""
        self.commit(self.said(user, text))
        return self.log.window.head

    async def until(self, wanted: Any) -> Entry:
        """Return the first entry that comes and is ``wanted``."""
        waiting: Deferred[Entry] = Deferred()
        self._waiting.append((wanted, waiting))
        return await waiting

    def _grown(self, entries: list[Entry]) -> None:
        for one in list(self._waiting):
            found = [entry for entry in entries if one[0](entry)]
            if found:
                self._waiting.remove(one)
                reactor.callLater(0, one[1].callback, found[0])

    def is_heard(self, name: str) -> bool:
        """Return whether a session of this user hears what is said."""
        return any(one.cursor is not None for one in self.sessions.open if one.user == name)

    def a_moment(self) -> Deferred[None]:
        """Return a Deferred that fires after other things had their turn."""
        moment: Deferred[None] = Deferred()
        reactor.callLater(0.01, moment.callback, None)
        return moment

    def cut(self) -> None:
        """Lose all connections."""
        for connection in self.connections:
            connection.abort()

    def move(self) -> None:
        """Send all clients to another worker, which is this one."""
        for session in list(self.sessions.open):
            session.peer.moved()

    def end_once_heard(self, name: str) -> None:
        """End the sessions of a user, as soon as one of them hears what is said."""
        if not self.is_heard(name):
            reactor.callLater(0.01, self.end_once_heard, name)
            return
        for session in list(self.sessions.open):
            session.end(SessionEnded.of(name=session.user))

    async def stop(self) -> None:
        """Close the port and all connections."""
        await self._port.stopListening()
        open_ones = [one for one in self.connections if one.transport is not None]
        gone = [one.when_lost() for one in open_ones]
        for one in open_ones:
            one.abort()
        await gatherResults(gone)
