"""Who somebody is, by HTTP: logging in and out, sessions, and what shows the secret again.

A browser keeps nothing that opens an account: its ticket is in a cookie that no page can read, and so is the
secret of who has set no password. A program asks for the ticket itself, and shows it in ``Authorization``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from chatnet.aging import NEVER, day_of
from chatnet.codes import code_text, fresh_code, fresh_recoveries, kept, recovery_text
from chatnet.credentials import SECRET_BYTES, as_typed
from chatnet.entries import More, fresh_key
from chatnet.errors import (
    BadRequest,
    BadTicket,
    Forgotten,
    SecretChanged,
    SessionEnded,
)
from chatnet.form import check_label
from chatnet.lanes import Visitor
from chatnet.names import Where
from chatnet.options import own_version
from chatnet.policies import in_force
from chatnet.reads import PoliciesIn
from chatnet.wire.session import DEVICE_BYTES
from chatnet.worker.entrance import Entrance
from chatnet.worker.fronts.commands import scope_of
from chatnet.worker.fronts.web.dialect import number_as, packed, unpacked
from chatnet.worker.fronts.web.exchange import Answer, Headers
from chatnet.worker.fronts.web.kept import Kept, said
from chatnet.worker.fronts.web.origins import secret_cookie, ticket_cookie
from chatnet.worker.fronts.web.peer import limits_of
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.worker.fronts.web.site import API, NOT_KEPT, Request, Route, answer_json, key_of, other_origin
from chatnet.worker.logins import Shown
from chatnet.worker.session import Session
from chatnet.worker.whose import check_whole

COOKIE_SECONDS = 365 * 24 * 3600
"""Seconds for which a browser keeps the cookies, which most keep for little longer: their session may end
earlier."""
SIGNUP_SECONDS = 5.0
"""Seconds for which it is not looked again who may register a name."""
_OVER = (BadTicket, SessionEnded, SecretChanged)
"""Why a session that was to be ended is none any more."""


class Account:
    """Answers what is asked of accounts; its sessions are those that are ``kept`` between requests."""

    def __init__(self, settings: WebSettings, kept: Kept) -> None:
        self._settings = settings
        self._kept = kept
        self._version = own_version()
        self._signup: tuple[Entrance, float, str] | None = None

    def routes(self) -> list[Route]:
        """Return where all this is asked."""
        return [
            Route("GET", f"{API}/about", self.about),
            Route("POST", f"{API}/session", self.login, may_lack_origin=True),
            Route("DELETE", f"{API}/session", self.logout),
            Route("GET", f"{API}/sessions", self.sessions),
            Route("DELETE", f"{API}/sessions/{{id}}", self.revoke),
            Route("POST", f"{API}/tokens", self.token),
            Route("POST", f"{API}/password", self.password),
            Route("POST", f"{API}/pair", self.pair),
            Route("POST", f"{API}/recovery", self.recovery),
            Route("POST", f"{API}/forget", self.forget),
        ]

    # ---- who is there ----

    async def about(self, request: Request) -> Answer:
        """Say which log this is, who may register, and who asks; nobody needs to be logged in."""
        entrance = request.entrance
        signup = await self._who_may_register(request)
        # At last, with nothing to wait for: another tab may have got a newer cookie meanwhile.
        user, kept_longer = await self._known(request)
        about = {
            "log": request.log_id,
            "signup": signup,
            "user": user,
            "version": self._version,
            "limits": limits_of(entrance.sessions),
        }
        return answer_json(200, about, kept_longer)

    async def _known(self, request: Request) -> tuple[str | None, Headers]:
        """Return who asks, and what has their browser keep for another year the secret that it has shown, and
        the ticket: they may be all that its user has. Whoever has a password, and a ticket of before any
        aged, gets one that does."""
        ticket, by_cookie, secret = request.shows()
        if ticket is None:
            return None, ()
        try:
            user, has_password = await self._in_session(request, _name)
        except _OVER:
            return None, ()
        if not by_cookie:
            return user, ()
        if secret:
            return user, self._cookies(request, ticket, secret)
        entrance = request.entrance
        _, by, day = entrance.token.check_ticket(request.log_id, ticket)
        if not has_password or day:
            return user, ()
        today = day_of(NEVER, int(entrance.sessions.wall() * 1000))
        aging = entrance.sessions.ticket(user, by, today)
        return user, () if aging == ticket else self._cookies(request, aging, None)

    async def _who_may_register(self, request: Request) -> str:
        entrance, now = request.entrance, self._settings.clocks.monotonic()
        if self._signup is not None and self._signup[0] is entrance and now < self._signup[1]:
            return self._signup[2]
        lane, log = entrance.sessions.logins, entrance.sessions.log
        found = await lane.run(Visitor(request.seen.address), log.read, PoliciesIn(""))
        signup = dict(in_force(Where.CLUSTER, found))["signup"]
        self._signup = entrance, now + SIGNUP_SECONDS, signup
        return signup

    # ---- in and out ----

    async def login(self, request: Request) -> Answer:
        """Log in, and set cookies; or answer with the ticket, if the body says so."""
        body = _Body(request.json())
        by_cookie = body.flag("cookie", True)
        if by_cookie and "origin" not in request.headers:
            raise other_origin()  # a page of somebody else's would log its reader in as whom it likes
        name = body.text("name")
        secret = body.raw("secret", SECRET_BYTES)
        is_typed = body.maybe_text("password") is not None
        shown = Shown(body.proof(secret), body.flag("new", False), self._device(body), is_typed)
        session = await self._kept.begin(request, name, shown)
        answer = {"name": session.user, "log": session.log_id}
        if not by_cookie:
            return answer_json(201, answer | {"ticket": packed(session.ticket())})
        return answer_json(201, answer, self._cookies(request, session.ticket(), secret))

    def _device(self, body: _Body) -> More:
        device = body.raw("device", DEVICE_BYTES) or self._settings.entropy(DEVICE_BYTES)
        code = body.maybe_text("code")
        return More(
            device=device.hex(),
            label=check_label(body.maybe_text("label") or ""),
            scope=scope_of(body.maybe_text("scope")),
            code="" if code is None else kept(code),
        )

    async def logout(self, request: Request) -> Answer:
        """End this session, and remove the cookies; with ``?anyway`` only remove them."""
        if "anyway" not in request.query:
            with suppress(*_OVER):  # that is what was wanted
                await self._in_session(request, self._end)
        return Answer(204, (NOT_KEPT, *self._no_cookies(request)))

    async def _end(self, session: Session) -> None:
        more = More(to=session.user)
        await session.drafts.order(self._key(), "revoke", None, str(session.by), more)

    async def sessions(self, request: Request) -> Answer:
        """List the user's sessions."""
        return answer_json(200, await self._in_session(request, lambda one: said(one, "sessions", {})))

    async def revoke(self, request: Request) -> Answer:
        """End one of them."""
        arguments = {"key": packed(self._key()), "session": number_as("id", request.rest["id"])}
        with suppress(SessionEnded):  # it was this one
            await self._in_session(request, lambda one: said(one, "revoke", arguments))
        return Answer(204, (NOT_KEPT,))

    # ---- what shows the secret again ----

    async def token(self, request: Request) -> Answer:
        """Begin a session on a device of its own, for a program; answer with its ticket."""
        body = _Body(request.json())
        secret = body.proof(request.shows().secret)
        more = More(
            device=self._settings.entropy(DEVICE_BYTES).hex(),
            label=check_label(body.text("label")),
            scope=scope_of(body.maybe_text("scope")),
        )
        user = await self._in_session(request, _whole)
        shown = Shown(secret, False, more, is_kept=False)
        session = await self._kept.begin(request, user, shown)
        return answer_json(201, {"token": packed(session.ticket()), "id": session.by})

    async def password(self, request: Request) -> Answer:
        """Set a password: all other sessions of the user end."""
        body = _Body(request.json())
        shows = request.shows()
        old = body.typed("old") or shows.secret
        if old is None:
            raise BadRequest.of(why="the key “old” is missing.")
        new = as_typed(body.text("password"))

        async def set_it(session: Session) -> tuple[int, bytes]:
            done = await session.secret.set(key_of(request, self._settings), old, new)
            return done.seq, done.ticket

        seq, ticket = await self._in_session(request, set_it)
        if not shows.by_cookie:
            return answer_json(200, {"seq": seq, "ticket": packed(ticket)})
        return answer_json(200, {"seq": seq}, self._cookies(request, ticket, None))

    async def pair(self, request: Request) -> Answer:
        """Make a code for another device of the user."""
        secret = _Body(request.json()).proof(request.shows().secret)
        code = fresh_code(self._settings.entropy)

        async def let_in(session: Session) -> None:
            await session.secret.pair(self._key(), code_text(kept(code), 1), secret)

        await self._in_session(request, let_in)
        return answer_json(200, {"code": code})

    async def recovery(self, request: Request) -> Answer:
        """Make the user's recovery codes: nobody can ever show them again."""
        secret = _Body(request.json()).proof(request.shows().secret)
        codes = fresh_recoveries(self._settings.entropy)

        async def make(session: Session) -> None:
            await session.secret.recovery(self._key(), recovery_text(map(kept, codes)), secret)

        await self._in_session(request, make)
        return answer_json(200, {"codes": codes})

    async def forget(self, request: Request) -> Answer:
        """Forget the user, and all that they ever said."""
        secret = _Body(request.json()).proof(request.shows().secret)

        async def forget(session: Session) -> None:
            await session.secret.forget(key_of(request, self._settings), secret)

        with suppress(Forgotten):  # the session tells it so
            await self._in_session(request, forget)
        return Answer(204, (NOT_KEPT, *self._no_cookies(request)))

    # ---- what all of them do ----

    async def _in_session(self, request: Request, do: Callable[[Session], Any]) -> Any:
        """Return what ``do`` returns of the session of who asks.

        :raises BadTicket: the request shows no ticket, or one that is not good.
        """
        ticket = request.shows().ticket
        if ticket is None:
            raise BadTicket(BadTicket.sentence)
        return await self._kept.ask(request.entrance, ticket, request.seen.address, do)

    def _key(self) -> bytes:
        return fresh_key(self._settings.clocks.wall(), self._settings.entropy)

    def _cookies(self, request: Request, ticket: bytes, secret: bytes | None) -> Headers:
        log_id, scheme = request.log_id, request.seen.scheme
        of_ticket = ticket_cookie(log_id, scheme).set_to(packed(ticket), COOKIE_SECONDS)
        secret_kept = secret_cookie(log_id, scheme)
        of_secret = (
            secret_kept.set_to(packed(secret), COOKIE_SECONDS) if secret else secret_kept.set_to("", 0)
        )
        return (("Set-Cookie", of_ticket), ("Set-Cookie", of_secret))

    def _no_cookies(self, request: Request) -> Headers:
        if not request.shows().by_cookie:
            return ()
        log_id, scheme = request.log_id, request.seen.scheme
        cookies = ticket_cookie(log_id, scheme), secret_cookie(log_id, scheme)
        return tuple(("Set-Cookie", one.set_to("", 0)) for one in cookies)


class _Body:
    """The values in the body of a request."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def maybe_text(self, name: str) -> str | None:
        """Return a text; None if it is left out."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise BadRequest.of(why=f"the value of “{name}” is wrong (not a text).")
        return value

    def text(self, name: str) -> str:
        """Return a text, which must be there."""
        value = self.maybe_text(name)
        if value is None:
            raise BadRequest.of(why=f"the key “{name}” is missing.")
        return value

    def flag(self, name: str, otherwise: bool) -> bool:
        """Return a flag."""
        value = self._values.get(name)
        if value is None:
            return otherwise
        if not isinstance(value, bool):
            raise BadRequest.of(why=f"the value of “{name}” is wrong (neither true nor false).")
        return value

    def raw(self, name: str, size: int) -> bytes | None:
        """Return bytes of this length; None if they are left out."""
        value = self.maybe_text(name)
        if value is None:
            return None
        try:
            raw = unpacked(value)
        except ValueError as error:
            raise BadRequest.of(why=f"the value of “{name}” is wrong ({error}).") from error
        if len(raw) != size:
            raise BadRequest.of(why=f"the value of “{name}” is wrong ({len(raw)} bytes instead of {size}).")
        return raw

    def typed(self, name: str) -> bytes | None:
        """Return a password that somebody typed; None if it is left out."""
        value = self.maybe_text(name)
        return None if value is None else value.encode("utf-8")

    def proof(self, secret: bytes | None) -> bytes:
        """Return what shows who somebody is: the password, or else the secret that the browser has."""
        proof = self.typed("password") or secret
        if proof is None:
            raise BadRequest.of(why="the key “password” is missing.")
        return proof


async def _name(session: Session) -> tuple[str, bool]:
    return session.user, session.has_password


async def _whole(session: Session) -> str:
    check_whole(session)
    return session.user
