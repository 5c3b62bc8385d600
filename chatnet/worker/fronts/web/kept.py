"""Sessions between requests: each request is one user's, and most users soon make another.

A session takes a read of the user's rooms to begin. So one is kept for a while after a request of its ticket,
whatever connection that came on; a request never uses what another user showed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import REFUSALS, ChatnetError, SessionEnded, TryLater
from chatnet.kinds import KindName
from chatnet.net.outbox import Outboxes
from chatnet.worker.entrance import Entrance
from chatnet.worker.fronts.commands import UserCommands
from chatnet.worker.fronts.web import dialect
from chatnet.worker.fronts.web.dialect import Message
from chatnet.worker.fronts.web.site import Request
from chatnet.worker.logins import Shown
from chatnet.worker.peer import Hearing
from chatnet.worker.session import Session

KEPT_SECONDS = 10.0
"""Seconds that a session is kept after a request."""
MOST_KEPT = 1_000
"""How many are kept in a worker, at most."""
MOST_OF_ONE = 10
"""How many of those are one user's: else twenty users with fifty devices each could keep all of them busy."""
MOST_ASKED = 64
"""How many requests of one session may be answered at a time."""

BUSY = "Too much is asked here at once; try again in {seconds} s."
T = TypeVar("T")
_Who = tuple[Entrance, str, int]
"""Where a user came in, their name, and the seq that began their session."""


class _Deaf:
    """The channel of who hears nothing: a :class:`~chatnet.worker.peer.Channel`."""

    def shows(self, kind: KindName) -> bool:
        return False

    def fan(self, entries: Sequence[Entry], hearing: Sequence[Hearing]) -> None:
        """Do nothing: nobody listens."""


class RequestPeer:
    """A client that makes requests: the :class:`~chatnet.worker.peer.Peer` of a session that hears nothing.

    When the session ends, whatever is asked of it is answered so.
    """

    full = False
    shared = passing = True
    lingers = None
    channel = _Deaf()
    ear: Any = None
    session: Session | None = None

    def __init__(self, who: _Who | None, address: str, gone: Callable[[RequestPeer], None]) -> None:
        self.who = who
        self.address = address
        self.name = f"{address}:web"
        self.ends: IDelayedCall | None = None
        self.is_over = False
        self._gone = gone
        self._holds = 0
        self._asked: dict[Deferred[Any], None] = {}
        self._begun: list[Deferred[Session]] = []

    @property
    def asked(self) -> int:
        """How much is asked of it now."""
        return len(self._asked) + len(self._begun)

    @property
    def is_busy(self) -> bool:
        """Whether enough is under way."""
        return self._holds > 0 or self.asked >= MOST_ASKED

    async def wait(self) -> Session:
        """Return the session once it has begun; or raise why it has not."""
        begun: Deferred[Session] = Deferred()
        self._begun.append(begun)
        return await begun

    def begin(self, session: Session | Failure) -> None:
        """The session has begun, or has not."""
        waiting, self._begun = self._begun, []
        if isinstance(session, Session):
            self.session = session
        for begun in waiting:
            begun.callback(session)

    async def ask(self, doing: Coroutine[Any, Any, T]) -> T:
        """Return what is done in the session; raise why that has ended, if it ends meanwhile."""
        answer: Deferred[T] = Deferred()
        self._asked[answer] = None

        def done(result: T | Failure) -> None:
            if answer in self._asked:
                del self._asked[answer]
                answer.callback(result)

        Deferred.fromCoroutine(doing).addBoth(done)
        return await answer

    def over(self, why: ChatnetError) -> None:
        """Answer all that is asked with the reason why the session is over."""
        self.is_over = True
        asked, self._asked = self._asked, {}
        for answer in asked:
            answer.errback(why)

    # ---- what the session says: see Peer ----

    def hold(self) -> None:
        self._holds += 1

    def release(self) -> None:
        self._holds -= 1

    def put(self, posts: Sequence[Entry]) -> None:
        """Do nothing: it hears nothing."""

    def marked(self, room: str, seq: int) -> None:
        """Do nothing."""

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        """Do nothing."""

    def rewound(self, to: Cursor) -> None:
        """Do nothing: it has no cursor."""

    def moved(self) -> None:
        self.is_over = True
        if not self.asked:
            self._gone(self)

    def ended(self, code: str, sentence: str) -> None:
        self.over(REFUSALS.get(code.encode(), SessionEnded)(sentence))

    def hang_up(self) -> None:
        self.over(TryLater.of(seconds=1))
        self._gone(self)

    def abort(self) -> None:
        self.hang_up()


class Kept:
    """The sessions that requests use, until :data:`KEPT_SECONDS` after the last; ``most`` of them, and
    :data:`MOST_OF_ONE` of a user."""

    def __init__(self, outboxes: Outboxes, most: int = MOST_KEPT) -> None:
        self._outboxes = outboxes
        self.most = most
        self._peers: dict[_Who, RequestPeer] = {}

    def __len__(self) -> int:
        return len(self._peers)

    async def ask(
        self,
        entrance: Entrance,
        ticket: bytes,
        address: str,
        do: Callable[[Session], Awaitable[T]],
    ) -> T:
        """Return what ``do`` returns of the session of who shows ``ticket``, from ``address``.

        :raises BadTicket: it is not good, or its session has ended. :raises TryLater: too much is asked.
        :raises ChatnetError: what ``do`` raises; or why the session has ended meanwhile.
        """
        user, by, _ = entrance.token.check_ticket(entrance.sessions.log.log_id, ticket)
        who = entrance, user, by
        peer = self._peers.pop(who, None)
        if peer is not None and (peer.is_over or (peer.session is not None and peer.session.by != by)):
            self._retire(peer)
            peer = None
        if peer is None:
            peer = self._come(who, address)
            await self._resume(who, peer, entrance, ticket)
        else:
            self._peers[who] = peer  # it is the last to be thrown out
            if peer.is_busy:
                raise TryLater(BUSY.format(seconds=1))
        self._stop_waiting(peer)
        try:
            session = peer.session or await peer.wait()
            return await peer.ask(_call(do, session))
        finally:
            self._rest(peer)

    async def begin(self, request: Request, name: str, shown: Shown) -> Session:
        """Log in, and keep the session, if there is room; never, if nobody is left to answer.

        :raises ChatnetError: see :meth:`.Arrival.login`.
        """
        entrance, connection = request.entrance, request.connection
        peer = RequestPeer(None, request.seen.address, self._gone)
        arrival = connection.arriving = entrance.arrival(peer)
        try:
            session = await arrival.login(name, shown)
        except Exception:
            arrival.lost()
            raise
        finally:
            connection.arriving = None
        peer.begin(session)
        who = entrance, session.user, session.by
        if who in self._peers or not self._make_room(session.user):
            self._leave(peer)  # what was asked for is done
        else:
            peer.who = who
            self._peers[who] = peer
            self._rest(peer)
        return session

    def stop(self) -> None:
        """End all of them."""
        for peer in list(self._peers.values()):
            peer.hang_up()

    # ---- one session ----

    def _come(self, who: _Who, address: str) -> RequestPeer:
        if not self._make_room(who[1]):
            raise TryLater(BUSY.format(seconds=1))
        peer = self._peers[who] = RequestPeer(who, address, self._gone)
        return peer

    def _make_room(self, user: str) -> bool:
        """Let the oldest idle one go, if there are too many, or that of the user's, if they have too many;
        return False if there is none."""
        theirs = [peer for (_, name, _), peer in self._peers.items() if name == user]
        if len(theirs) >= MOST_OF_ONE:
            return self._let_go(theirs)
        return len(self._peers) < self.most or self._let_go(self._peers.values())

    def _let_go(self, peers: Iterable[RequestPeer]) -> bool:
        idle = next((one for one in peers if not one.asked and one.session), None)
        if idle is None:
            return False
        self._leave(idle)
        return True

    async def _resume(self, who: _Who, peer: RequestPeer, entrance: Entrance, ticket: bytes) -> None:
        arrival = entrance.arrival(peer)
        try:
            peer.begin(await arrival.resume(ticket))
        except Exception:
            arrival.lost()
            if self._peers.get(who) is peer:
                del self._peers[who]
            peer.begin(Failure())
            raise

    def _rest(self, peer: RequestPeer) -> None:
        """Keep it for a while, if nothing more is asked of it."""
        if peer.asked:
            return
        if peer.is_over:
            self._leave(peer)
        elif peer.session is not None:
            self._stop_waiting(peer)
            peer.ends = self._outboxes.later(KEPT_SECONDS, lambda: self._leave(peer))

    def _retire(self, peer: RequestPeer) -> None:
        """Let it go once what is asked of it is answered."""
        peer.is_over = True
        if not peer.asked:
            self._leave(peer)

    def _gone(self, peer: RequestPeer) -> None:
        """Let it go soon: whoever says so may be looking at all sessions."""
        self._outboxes.next_turn(lambda: self._leave(peer))

    def _leave(self, peer: RequestPeer) -> None:
        self._stop_waiting(peer)
        if peer.who is not None and self._peers.get(peer.who) is peer:
            del self._peers[peer.who]
        session, peer.session, peer.is_over = peer.session, None, True
        if session is not None:
            session.lost("its requests are over")

    def _stop_waiting(self, peer: RequestPeer) -> None:
        if peer.ends is not None and peer.ends.active():
            peer.ends.cancel()
        peer.ends = None


async def _call(do: Callable[[Session], Awaitable[T]], session: Session) -> T:
    return await do(session)


async def said(session: Session, name: str, arguments: Mapping[str, object]) -> Message:
    """Return what the command ``name`` answers in the session, in the dialect.

    :raises ChatnetError: the command is refused, or an argument is wrong.
    """
    form = dialect.form_of(name)
    commands = UserCommands()
    commands.session = session
    answer = commands.responder(form.command.commandName)[1](commands, **form.arguments(arguments))
    return form.results(session.log_id, answer if isinstance(answer, dict) else await answer)
