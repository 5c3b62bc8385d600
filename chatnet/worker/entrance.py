"""How clients of any protocol get in: from a new connection to a session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from chatnet.aging import MARKED, LastUse, day_of, has_aged, unused
from chatnet.auth import Token
from chatnet.entries import Entry
from chatnet.errors import BadTicket, Barred, ChatnetError, Disabled, NotAllowed, SessionEnded, WrongSecret
from chatnet.lanes import Lane, Visitor
from chatnet.log import Log
from chatnet.names import fold_name, is_guest
from chatnet.reads import Device, Snapshot, SnapshotOf
from chatnet.rules import FOR_EVER
from chatnet.telemetry import LoggedIn, Resumed
from chatnet.worker.hashing import Claimant
from chatnet.worker.logins import Logins, Shown
from chatnet.worker.peer import Peer
from chatnet.worker.router import LocalUser, Router
from chatnet.worker.session import Session
from chatnet.worker.sessions import Sessions
from chatnet.worker.users import ends

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

    async def login(self, name: str, shown: Shown) -> Session:
        """Log in by name and what is shown for it; register a free name if that says so.

        Never answers if the connection is lost meanwhile.

        :raises BadName: this cannot be a name. :raises BadSecret: no name can be registered with this secret.
        :raises NoSuchUser: the name is free, and not to be registered.
        :raises WrongSecret: the name is taken. :raises TryLater: too many attempts, or sessions of the user.
        :raises Refusal: see :meth:`.Logins.login`.
        :raises NotAllowed: another attempt is under way.
        """
        with self._attempt("Login"):
            user = fold_name(name)
            self._visitor = claimant = Claimant(user, self._peer.address)
            begun = await self._entrance.logins.login(claimant, shown)
            day = None if begun.ages else 0
            session = await self._let_in(user, begun.seq, day, WrongSecret.of(name=user))
            self._entrance.sessions.tell(LoggedIn(user, self._peer.name))
            return session

    async def resume(self, ticket: bytes) -> Session:
        """Log in by a ticket of an earlier session. Never answers if the connection is lost meanwhile.

        :raises BadTicket: it is not a valid ticket, or its session has ended.
        :raises TryLater: too many sessions of the user. :raises NotAllowed: another attempt is under way.
        """
        with self._attempt("Resume"):
            entrance = self._entrance
            user, by, day = entrance.token.check_ticket(entrance.sessions.log.log_id, ticket)
            self._visitor = Visitor(user)
            session = await self._let_in(user, by, day, BadTicket(BadTicket.sentence))
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

    async def _let_in(self, user: str, by: int, day: int | None, wrong: ChatnetError) -> Session:
        """Return a session for the user, whose session was begun by the entry at the seq ``by``. ``day`` is
        that of the ticket that they showed; None: they showed a secret that they do not keep.

        :raises ChatnetError: ``wrong``, if the session has ended, or the ticket has.
        :raises Barred: they are banned from the cluster. :raises Disabled: their account is disabled.
        :raises TryLater: the user has too many sessions here.
        """
        sessions = self._entrance.sessions
        arrived = await _arrived(sessions, user, by, day, self._visitor, wrong)
        if self._gone:
            sessions.router.depart(arrived.local_user)
            await Deferred()  # forever: nobody is left to answer
        return _session(sessions, arrived, self._peer, day)

    def _wait(self, seconds: float = LOGIN_SECONDS) -> None:
        left = max(ANSWER_SECONDS, self._until - self._clock.seconds())
        self._deadline = self._clock.callLater(min(seconds, left), self._peer.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            if self._deadline.active():
                self._deadline.cancel()
            self._deadline = None


async def admitted(sessions: Sessions, peer: Peer, user: str, by: int, ages: bool) -> Session:
    """Return a session for a user, which the entry at the seq ``by`` began, on a connection that is there;
    ``ages``: they do not keep the secret that they showed.

    :raises SessionEnded: that has ended. :raises Barred, Disabled, TryLater: see :meth:`Arrival.login`.
    """
    day = None if ages else 0
    arrived = await _arrived(sessions, user, by, day, Visitor(user), SessionEnded.of(name=user))
    return _session(sessions, arrived, peer, day)


async def _arrived(
    sessions: Sessions, user: str, by: int, day: int | None, visitor: Visitor, wrong: ChatnetError
) -> Arrived:
    arrived = await arrive(sessions.log, sessions.router, user, by, sessions.logins, visitor)
    last_use, wall = arrived.last_use, int(sessions.wall() * 1000)
    try:
        if arrived.device is None or has_aged(day or 0, last_use, wall):
            raise wrong
        if arrived.barred > wall:
            raise Barred.of(name=user)
        if arrived.disabled:
            raise Disabled.of(name=user)
        sessions.users.check_room(user)
    except ChatnetError:
        sessions.router.depart(arrived.local_user)
        raise
    return arrived


def _session(sessions: Sessions, arrived: Arrived, peer: Peer, day: int | None) -> Session:
    assert arrived.device is not None
    last_use, wall = arrived.last_use, int(sessions.wall() * 1000)
    session = Session(
        *(sessions, arrived.local_user, arrived.device, peer, arrived.fresh, arrived.has_password),
        known=arrived.known,
        day=day_of(last_use, wall) if day is None else day,
    )
    is_long_ago = unused(last_use, wall) > MARKED * 1000
    if (is_long_ago or not last_use.since) and not is_guest(session.user):
        session.marks.used(soon=is_long_ago)
    return session


class Arrived(NamedTuple):
    """A session that was added; its device, unless it has ended; until when its user is banned from the
    cluster, in milliseconds since 1970; whether their account is disabled; until when they are a newcomer;
    whether they have a password; and when the session was last used. All are as of the window's head or
    later: of ``known``."""

    local_user: LocalUser
    device: Device | None
    barred: int
    disabled: bool
    fresh: int
    has_password: bool
    last_use: LastUse
    known: int


async def arrive(log: Log, router: Router, user: str, by: int, lane: Lane, visitor: Visitor) -> Arrived:
    """Add a session of ``user``, which the entry at the seq ``by`` began.

    The memberships are read as of some seq that the window still holds, then brought to the window's head,
    and followed from there, all in one turn of the reactor.
    """
    window = log.window
    while True:
        # Sessions filter by memberships only what the window holds; the log filters what is older.
        since = window.start - 1
        asked = SnapshotOf(user, since, window.head, None, by)
        snapshot = await _whole_snapshot(log, asked, lane, visitor)
        if window.holds(snapshot.at):
            behind = window.after(snapshot.at)
            local_user = router.arrive(user, snapshot, since, behind)
            device, known = snapshot.session, max(snapshot.newest, window.head)
            news = [entry for entry in behind if entry.seq > snapshot.newest]
            if device is not None and any(ends(entry, user, device) for entry in news):
                device = None
            orders = _orders(snapshot, user, news)
            fresh, has_password = snapshot.fresh, snapshot.has_password
            return Arrived(local_user, device, *orders, fresh, has_password, snapshot.last_use, known)


def _orders(snapshot: Snapshot, user: str, news: Sequence[Entry]) -> tuple[int, bool]:
    """Return until when a user is banned from the cluster, 0 if they are not, and whether their account is
    disabled."""
    barred, disabled = snapshot.barred, snapshot.disabled
    for entry in news:
        if not entry.room and entry.to == user and entry.more is not None:
            if entry.kind == "ban":
                barred = entry.more.until or FOR_EVER
            elif entry.kind == "unban":
                barred = 0
            elif entry.kind in ("disable", "enable"):
                disabled = entry.kind == "disable"
    return barred, disabled


async def _whole_snapshot(log: Log, asked: SnapshotOf, lane: Lane, visitor: Visitor) -> Snapshot:
    """Return all pages of the snapshot as one. Once the visitor has left, no more pages are read."""
    page = await lane.run(visitor, log.read, asked)
    stays = dict.fromkeys(page.intervals)  # a stay that ends meanwhile may come twice
    while page.behind is not None:
        page = await lane.run(visitor, log.read, replace(asked, behind=page.behind))
        stays |= dict.fromkeys(page.intervals)
    return replace(page, intervals=list(stays), behind=None)
