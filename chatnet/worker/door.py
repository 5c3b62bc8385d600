"""A client's connection before it has logged in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatnet.auth import Token
from chatnet.errors import BadTicket, ChatnetError, NotAllowed, WrongSecret
from chatnet.lanes import Lane, Visitor
from chatnet.log import Log
from chatnet.names import fold_name
from chatnet.net.gate import PROOF_SECONDS, check_version
from chatnet.net.link import Link, Locator
from chatnet.reads import Snapshot, SnapshotOf
from chatnet.wire import session as wire
from chatnet.wire.table import Speaker
from chatnet.worker.hashing import Claimant
from chatnet.worker.logins import Logins
from chatnet.worker.router import LocalUser, Router
from chatnet.worker.session import Session, Sessions


class Door(Locator):
    """Lets in who logs in or resumes; closes after ten seconds in which nobody tries."""

    speaker = Speaker.VISITOR
    hint = "log in first"

    _deadline: IDelayedCall | None = None
    _gone = False

    def __init__(self, sessions: Sessions, logins: Logins, token: Token) -> None:
        self._sessions = sessions
        self._logins = logins
        self._token = token
        self._visitor = Visitor("")

    @property
    def is_idle(self) -> bool:
        return self._deadline is not None

    def connected(self, link: Link) -> None:
        super().connected(link)
        self._wait()

    def lost(self, reason: Failure) -> None:
        self._gone = True
        self._visitor.leave()
        self._stop_waiting()

    @wire.Login.responder
    async def login(self, version: int, name: str, secret: bytes, new: int) -> dict[str, Any]:
        check_version(version)
        with self._attempt("Login"):
            user = fold_name(name)
            self._visitor = claimant = Claimant(user, getattr(self.link.transport.getPeer(), "host", ""))
            secret_seq = await self._logins.login(claimant, secret, bool(new))
            await self._let_in(user, secret_seq, WrongSecret.of(name=user))
            ticket = self._sessions.ticket(user, secret_seq)
            return {"name": user, "ticket": ticket, "log": self._sessions.log.log_id}

    @wire.Resume.responder
    async def resume(self, version: int, ticket: bytes) -> dict[str, Any]:
        check_version(version)
        with self._attempt("Resume"):
            user, secret_seq = self._token.check_ticket(self._sessions.log.log_id, ticket)
            self._visitor = Visitor(user)
            await self._let_in(user, secret_seq, BadTicket(BadTicket.sentence))
            return {"name": user, "log": self._sessions.log.log_id}

    @contextmanager
    def _attempt(self, command: str) -> Iterator[None]:
        """While an attempt is under way, the connection stays, and there is no other."""
        if self._deadline is None:
            raise NotAllowed.of(command=command, hint="an attempt to log in is under way")
        self._stop_waiting()
        try:
            yield
        except Exception:
            if not self._gone:
                self._wait()
            raise

    async def _let_in(self, user: str, by: int, wrong: ChatnetError) -> None:
        """Who has shown the secret at ``by``.

        :raises ChatnetError: ``wrong``, if that is not the newest.
        :raises TryLater: the user has too many sessions here.
        """
        sessions = self._sessions
        local_user, newest = await arrive(sessions.log, sessions.router, user, sessions.logins, self._visitor)
        try:
            if by != newest:
                raise wrong
            sessions.users.check_room(user)
        except ChatnetError:
            sessions.router.depart(local_user)
            raise
        if self._gone:
            sessions.router.depart(local_user)
        else:
            self.link.become(Session(sessions, local_user, by))

    def _wait(self) -> None:
        self._deadline = self._sessions.clock.callLater(PROOF_SECONDS, self.link.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            if self._deadline.active():
                self._deadline.cancel()
            self._deadline = None


async def arrive(log: Log, router: Router, user: str, lane: Lane, visitor: Visitor) -> tuple[LocalUser, int]:
    """One more session of ``user``; and the seq of their newest secret, as of the window's head or later.

    The memberships are read as they stood at some seq that the window still holds, brought to its head and
    from there on kept in step, without the reactor turning in between.
    """
    window = log.window
    while True:
        # What the window holds is all that sessions see through memberships; the log filters what is older.
        since = window.start - 1
        snapshot = await _whole_snapshot(log, user, since, window.head, lane, visitor)
        if window.holds(snapshot.at):
            behind = window.after(snapshot.at)
            secrets = [entry.seq for entry in behind if entry.kind == "secret" and entry.user == user]
            return router.arrive(user, snapshot, since, behind), max(snapshot.secret_seq, *secrets, 0)


async def _whole_snapshot(
    log: Log, user: str, after: int, upto: int, lane: Lane, visitor: Visitor
) -> Snapshot:
    """All pages of it as one. Once the visitor has left, the next is not asked for."""
    page = await lane.run(visitor, log.read, SnapshotOf(user, after, upto))
    stays = dict.fromkeys(page.intervals)  # one that ends meanwhile may come twice
    while page.behind is not None:
        page = await lane.run(visitor, log.read, SnapshotOf(user, after, upto, page.behind))
        stays |= dict.fromkeys(page.intervals)
    return Snapshot(page.at, page.secret_seq, page.registered, list(stays))
