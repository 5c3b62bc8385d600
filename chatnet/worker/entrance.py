"""How clients of any protocol get in: from a new connection to a session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from chatnet.auth import Token
from chatnet.entries import Entry
from chatnet.errors import BadTicket, Barred, ChatnetError, NotAllowed, WrongSecret
from chatnet.lanes import Lane, Visitor
from chatnet.log import Log
from chatnet.names import fold_name
from chatnet.reads import Snapshot, SnapshotOf
from chatnet.rules import FOR_EVER
from chatnet.telemetry import LoggedIn, Resumed
from chatnet.worker.hashing import Claimant
from chatnet.worker.logins import Logins
from chatnet.worker.peer import Peer
from chatnet.worker.router import LocalUser, Router
from chatnet.worker.session import Session
from chatnet.worker.sessions import Sessions

LOGIN_SECONDS = 10.0
"""Seconds after which a connection is closed if nobody tries to log in."""
ALL_SECONDS = 60.0
"""Seconds after which a connection whose attempts all failed is closed; one under way is still answered."""
ANSWER_SECONDS = 1.0
"""Seconds that sending this last answer may take."""


class Entrance:
    """What the fronts of a worker need to let clients in."""

    def __init__(self, sessions: Sessions, logins: Logins, token: Token) -> None:
        self.sessions = sessions
        self.logins = logins
        self.token = token

    def arrival(self, peer: Peer, seconds: float = LOGIN_SECONDS) -> Arrival:
        """Return the arrival of a client that has just connected, and has ``seconds`` to try to log in."""
        return Arrival(self, peer, seconds)


class Arrival:
    """A connection that has not logged in; closed after ``seconds`` without an attempt.

    After a failed attempt, it has :data:`LOGIN_SECONDS` for the next.

    After :data:`ALL_SECONDS` it is closed in any case, unless an attempt is under way. Only one attempt runs
    at a time. When one succeeds, the session takes over the connection, and this object is finished.
    """

    _deadline: IDelayedCall | None = None
    _gone = False

    def __init__(self, entrance: Entrance, peer: Peer, seconds: float) -> None:
        self._entrance = entrance
        self._peer = peer
        self._visitor = Visitor("")
        self._clock = entrance.sessions.clock
        self._until = self._clock.seconds() + ALL_SECONDS
        self._wait(seconds)

    @property
    def is_idle(self) -> bool:
        """Whether no attempt is under way."""
        return self._deadline is not None

    def lost(self) -> None:
        """The connection was lost before it logged in."""
        self._gone = True
        self._visitor.leave()
        self._stop_waiting()

    async def login(self, name: str, secret: bytes, new: bool) -> Session:
        """Log in by name and secret; register a free name if ``new``.

        Never answers if the connection is lost meanwhile.

        :raises BadName: this cannot be a name. :raises BadSecret: no name can be registered with this secret.
        :raises NoSuchUser: the name is free, and ``new`` is false.
        :raises WrongSecret: the name is taken. :raises TryLater: too many attempts, or sessions of the user.
        :raises NotAllowed: another attempt is under way.
        """
        with self._attempt("Login"):
            user = fold_name(name)
            self._visitor = claimant = Claimant(user, self._peer.address)
            secret_seq = await self._entrance.logins.login(claimant, secret, new)
            session = await self._let_in(user, secret_seq, WrongSecret.of(name=user))
            self._entrance.sessions.tell(LoggedIn(user, self._peer.name))
            return session

    async def resume(self, ticket: bytes) -> Session:
        """Log in by a ticket of an earlier session. Never answers if the connection is lost meanwhile.

        :raises BadTicket: it is not a valid ticket, or there is a newer secret.
        :raises TryLater: too many sessions of the user. :raises NotAllowed: another attempt is under way.
        """
        with self._attempt("Resume"):
            entrance = self._entrance
            user, secret_seq = entrance.token.check_ticket(entrance.sessions.log.log_id, ticket)
            self._visitor = Visitor(user)
            session = await self._let_in(user, secret_seq, BadTicket(BadTicket.sentence))
            entrance.sessions.tell(Resumed(user, self._peer.name))
            return session

    @contextmanager
    def _attempt(self, command: str) -> Iterator[None]:
        """During an attempt, keep the connection open and refuse other attempts."""
        if self._deadline is None:
            raise NotAllowed.of(command=command, hint="an attempt to log in is under way")
        if self._clock.seconds() >= self._until:
            raise NotAllowed.of(command=command, hint="too much was tried on this connection: make another")
        self._stop_waiting()
        try:
            yield
        except Exception:
            if not self._gone:
                self._wait()
            raise

    async def _let_in(self, user: str, by: int, wrong: ChatnetError) -> Session:
        """Return a session for the user who has shown the secret at the seq ``by``.

        :raises ChatnetError: ``wrong``, if that is not the newest secret.
        :raises Barred: they are banned from the cluster.
        :raises TryLater: the user has too many sessions here.
        """
        sessions = self._entrance.sessions
        arrived = await arrive(sessions.log, sessions.router, user, sessions.logins, self._visitor)
        local_user = arrived.local_user
        try:
            if by != arrived.newest:
                raise wrong
            if arrived.barred > sessions.wall() * 1000:
                raise Barred.of(name=user)
            sessions.users.check_room(user)
        except ChatnetError:
            sessions.router.depart(local_user)
            raise
        if self._gone:
            sessions.router.depart(local_user)
            await Deferred()  # forever: nobody is left to answer
        return Session(sessions, local_user, by, self._peer)

    def _wait(self, seconds: float = LOGIN_SECONDS) -> None:
        left = max(ANSWER_SECONDS, self._until - self._clock.seconds())
        self._deadline = self._clock.callLater(min(seconds, left), self._peer.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            if self._deadline.active():
                self._deadline.cancel()
            self._deadline = None


class Arrived(NamedTuple):
    """A session that was added; the seq of its user's newest secret, 0 if there is no such user; and until
    when they are banned from the cluster, in milliseconds since 1970. All are as of the window's head
    or later."""

    local_user: LocalUser
    newest: int
    barred: int


async def arrive(log: Log, router: Router, user: str, lane: Lane, visitor: Visitor) -> Arrived:
    """Add a session of ``user``.

    The memberships are read as of some seq that the window still holds, then brought to the window's head,
    and followed from there, all in one turn of the reactor.
    """
    window = log.window
    while True:
        # Sessions filter by memberships only what the window holds; the log filters what is older.
        since = window.start - 1
        snapshot = await _whole_snapshot(log, user, since, window.head, lane, visitor)
        if window.holds(snapshot.at):
            behind = window.after(snapshot.at)
            secrets = [entry.seq for entry in behind if entry.kind == "secret" and entry.user == user]
            newest = max(snapshot.secret_seq, *secrets, 0)
            if any(entry.kind == "forget" and entry.to == user for entry in behind):
                newest = 0
            local_user = router.arrive(user, snapshot, since, behind)
            return Arrived(local_user, newest, _barred(snapshot, user, behind))


def _barred(snapshot: Snapshot, user: str, behind: Sequence[Entry]) -> int:
    """Return until when a user is banned from the cluster; 0 if they are not."""
    barred = snapshot.barred
    for entry in behind:
        if not entry.room and entry.to == user and entry.more is not None:
            if entry.kind == "ban":
                barred = entry.more.until or FOR_EVER
            elif entry.kind == "unban":
                barred = 0
    return barred


async def _whole_snapshot(
    log: Log, user: str, after: int, upto: int, lane: Lane, visitor: Visitor
) -> Snapshot:
    """Return all pages of the snapshot as one. Once the visitor has left, no more pages are read."""
    page = await lane.run(visitor, log.read, SnapshotOf(user, after, upto))
    stays = dict.fromkeys(page.intervals)  # a stay that ends meanwhile may come twice
    while page.behind is not None:
        page = await lane.run(visitor, log.read, SnapshotOf(user, after, upto, page.behind))
        stays |= dict.fromkeys(page.intervals)
    return Snapshot(page.at, page.secret_seq, page.registered, list(stays), None, page.barred)
