"""A client's connection before it has logged in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatnet.auth import Token
from chatnet.errors import BadTicket, NotAllowed
from chatnet.gate import PROOF_SECONDS, check_version
from chatnet.link import Link, Locator
from chatnet.store import Log
from chatnet.wire import session as wire
from chatnet.worker.logins import Logins
from chatnet.worker.router import Resident, Router
from chatnet.worker.session import Session, Sessions


class Door(Locator):
    """Lets in who logs in or resumes; closes after ten seconds in which nobody tries."""

    hint = "log in first"

    _deadline: IDelayedCall | None = None
    _gone = False

    def __init__(self, sessions: Sessions, logins: Logins, token: Token) -> None:
        self._sessions = sessions
        self._logins = logins
        self._token = token

    def connected(self, link: Link) -> None:
        super().connected(link)
        self._wait()

    def lost(self, reason: Failure) -> None:
        self._gone = True
        self._stop_waiting()

    @wire.Login.responder
    async def login(self, version: int, name: str, secret: bytes) -> dict[str, Any]:
        check_version(version)
        with self._attempt("Login"):
            address = getattr(self.link.transport.getPeer(), "host", "")
            user, secret_seq = await self._logins.login(name, secret, address)
            resident, _ = await arrive(self._sessions.log, self._sessions.router, user)
            self._let_in(resident)
            return {"name": user, "ticket": self._sessions.ticket(user, secret_seq)}

    @wire.Resume.responder
    async def resume(self, version: int, ticket: bytes) -> dict[str, Any]:
        check_version(version)
        with self._attempt("Resume"):
            user, secret_seq = self._token.check_ticket(self._sessions.log.log_id, ticket)
            resident, newest = await arrive(self._sessions.log, self._sessions.router, user)
            if secret_seq != newest:
                self._sessions.router.depart(resident)
                raise BadTicket(BadTicket.sentence)
            self._let_in(resident)
            return {"name": user}

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

    def _let_in(self, resident: Resident) -> None:
        if self._gone:
            self._sessions.router.depart(resident)
        else:
            self.link.become(Session(self._sessions, resident))

    def _wait(self) -> None:
        self._deadline = self._sessions.clock.callLater(PROOF_SECONDS, self.link.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            if self._deadline.active():
                self._deadline.cancel()
            self._deadline = None


async def arrive(log: Log, router: Router, user: str) -> tuple[Resident, int]:
    """One more session of ``user``; and the seq of the user's newest secret.

    The memberships are read as they stood at some seq that the window still holds, brought to its head and
    from there on kept in step, without the reactor turning in between.
    """
    window = log.window
    while True:
        # What the window holds is all that sessions see through memberships; the log filters what is older.
        since = window.start - 1
        snapshot = await log.snapshot(user, since, window.head)
        if window.holds(snapshot.at):
            behind = window.after(snapshot.at)
            return router.arrive(user, snapshot.intervals, since, behind), snapshot.secret_seq
