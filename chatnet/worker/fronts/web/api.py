"""What programs ask by HTTP, one request at a time: to post, to join, and to read.

A post has a key, as in every protocol: with ``Idempotency-Key`` a program says it, and may then ask as often
as it likes. Whether it was there before follows from its seq: an entry that this worker had when it passed
the draft on cannot be the draft's own. (Of two that race, through workers of which one is behind, both may be
told that theirs was the first. It is there once, in any case.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from chatnet.errors import AlreadyJoined, BadRequest, BadTicket, NotInScope, NotJoined
from chatnet.store.window import Window
from chatnet.text import legible
from chatnet.worker.fronts.web import openapi, slack
from chatnet.worker.fronts.web.bodies import Me, Membership, NewPost, Posted, Posts
from chatnet.worker.fronts.web.dialect import Message, number_as, packed, shown, unpacked
from chatnet.worker.fronts.web.exchange import Answer
from chatnet.worker.fronts.web.kept import Kept, said
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.worker.fronts.web.site import API, JSON, NOT_KEPT, Refused, Request, Route, answer_json, key_of
from chatnet.worker.session import Session

TEXT = "text/plain"
MOST_PAGE = 1_000
"""How many posts may be asked for at once; a page has fewer, if they are long."""
T = TypeVar("T")


class Api:
    """Answers what programs ask; its sessions are those that are ``kept`` between requests."""

    def __init__(self, settings: WebSettings, kept: Kept) -> None:
        self._settings = settings
        self._kept = kept

    def routes(self) -> list[Route]:
        """Return where all this is asked."""
        room = f"{API}/rooms/{{room}}"
        return [
            Route("POST", f"{API}/posts", self.post),
            Route("POST", f"{API}/hooks/{{token}}", self.hook, is_open=True),
            Route("GET", f"{API}/rooms", self.rooms),
            Route("PUT", f"{room}/membership", self.join),
            Route("DELETE", f"{room}/membership", self.leave),
            Route("GET", f"{room}/posts", self.history),
            Route("GET", f"{room}/members", self.members),
            Route("GET", f"{API}/unread", self.unread),
            Route("GET", f"{API}/me", self.me),
            Route("GET", f"{API}/openapi.json", self.document, is_open=True),
        ]

    # ---- what is said ----

    async def post(self, request: Request) -> Answer:
        """Post a text: in JSON, with what else a post has, or as it is."""
        new, key = _new_post(request), key_of(request, self._settings)
        window = request.entrance.sessions.log.window
        return await self._in_session(request, lambda session: _posted(session, window, new, key))

    async def hook(self, request: Request) -> Answer:
        """Post what a webhook says, as the user of the token in its path."""
        kind = _kind(request)
        new = NewPost(slack.text_of(kind, request.asked.body), request.query.get("room"), form="notice")
        key, ticket = key_of(request, self._settings), _ticket_in(request.rest["token"])
        window = request.entrance.sessions.log.window

        async def post(session: Session) -> Answer:
            if session.device.scope != "post":  # what stands in a URL is read by many
                raise NotInScope("A token in a URL may only post: make one for “post” alone.")
            return await _posted(session, window, new, key)

        await self._kept.ask(request.entrance, ticket, request.seen.address, post)
        return Answer(200, (("Content-Type", TEXT), NOT_KEPT), b"ok")

    async def join(self, request: Request) -> Answer:
        """Follow a room; being there already is as good."""
        room, key = request.rest["room"], key_of(request, self._settings)

        async def join(session: Session) -> Membership:
            try:
                done = await session.drafts.join(key, room)
            except AlreadyJoined:
                return Membership(session.reads.fold(room))
            return Membership(done.room, done.seq)

        return answer_json(200, await self._in_session(request, join))

    async def leave(self, request: Request) -> Answer:
        """Stop following a room; not being there is as good."""
        room, key = request.rest["room"], key_of(request, self._settings)

        async def leave(session: Session) -> Answer:
            with suppress(NotJoined):
                await session.drafts.leave(key, room)
            return Answer(204, (NOT_KEPT,))

        return await self._in_session(request, leave)

    # ---- what is read ----

    async def rooms(self, request: Request) -> Answer:
        """List rooms; with ``?mine`` only those that one is in, and private ones, too."""
        query = request.query
        arguments: Message = {"prefix": query.get("prefix", ""), "after": query.get("after", "")}
        return await self._said(request, "list", arguments | {"mine": "mine" in query})

    async def history(self, request: Request) -> Answer:
        """Return a page of the posts of a room."""
        room, before = request.rest["room"], _number(request, "before")
        limit = _number(request, "limit")
        if limit is not None and not 0 < limit <= MOST_PAGE:
            raise BadRequest.of(why=f"a page has 1 to {MOST_PAGE:,} posts (“limit”).")

        async def read(session: Session) -> Posts:
            posts = await session.reads.history(room, before)
            some = posts[-limit:] if limit is not None else posts
            page = [shown(session.log_id, post) for post in some]
            return Posts(page, page[0].seq if page else None)

        return answer_json(200, await self._in_session(request, read))

    async def members(self, request: Request) -> Answer:
        """List the members of a room."""
        arguments = {"room": request.rest["room"], "after": request.query.get("after", "")}
        return await self._said(request, "members", arguments)

    async def unread(self, request: Request) -> Answer:
        """List one's rooms, and how much is unread in each."""
        return await self._said(request, "unread", {"after": request.query.get("after", "")})

    async def me(self, request: Request) -> Answer:
        """Say who asks."""
        return answer_json(200, await self._in_session(request, _me))

    async def document(self, request: Request) -> Answer:
        """Return the description of this API."""
        return Answer(200, (("Content-Type", JSON), ("Cache-Control", "max-age=3600")), openapi.encoded())

    # ---- what all of them do ----

    async def _said(self, request: Request, command: str, arguments: Message) -> Answer:
        return answer_json(
            200, await self._in_session(request, lambda session: said(session, command, arguments))
        )

    async def _in_session(self, request: Request, do: Callable[[Session], Awaitable[T]]) -> T:
        ticket = request.shows().ticket
        if ticket is None:
            raise BadTicket(BadTicket.sentence)
        return await self._kept.ask(request.entrance, ticket, request.seen.address, do)


async def _posted(session: Session, window: Window, new: NewPost, key: bytes) -> Answer:
    had = window.head
    ref, check = (None, None) if new.ref is None else (new.ref.seq, new.ref.check)
    arguments: dict[str, Any] = {"key": packed(key), "text": new.text, "room": new.room}
    done = await said(session, "post", arguments | {"ref": ref, "check": check, "form": new.form})
    posted = Posted(done["seq"], packed(key))
    await session.reads.own_followed()
    if window.holds(posted.seq - 1) and posted.seq <= window.head:
        [entry] = window.after(posted.seq - 1, 1)
        whole = shown(session.log_id, entry)
        posted.check, posted.time = whole.check, whole.time
    if posted.seq > had:
        return answer_json(201, posted)
    return answer_json(200, posted, (("Idempotency-Replayed", "true"),))


async def _me(session: Session) -> Me:
    return Me(session.user, session.log_id, session.by, session.device.scope)


def _new_post(request: Request) -> NewPost:
    room = request.query.get("room")
    match _kind(request):
        case kind if kind == JSON:
            new = _read(request.asked.body)
            if room is not None:
                new.room = room
            return new
        case kind if kind == TEXT:
            try:
                return NewPost(request.asked.body.decode().replace("\r\n", "\n").rstrip("\r\n"), room)
            except UnicodeDecodeError as error:
                raise BadRequest.of(why="a text is UTF-8.") from error
    raise Refused(
        415, f"Send a text or JSON, and say so: Content-Type: {TEXT} or {JSON}.", BadRequest.code.decode()
    )


_decoded = msgspec.json.Decoder(NewPost).decode


def _read(body: bytes) -> NewPost:
    try:
        return _decoded(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequest.of(why=f"it is no post ({legible(str(error), 100)}).") from error


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _number(request: Request, name: str) -> int | None:
    said = request.query.get(name)
    return None if said is None else number_as(name, said)


def _ticket_in(token: str) -> bytes:
    try:
        return unpacked(token)
    except ValueError as error:
        raise BadTicket(BadTicket.sentence) from error
