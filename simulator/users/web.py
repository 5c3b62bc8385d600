"""Users who speak as browsers do: they log in by HTTP, and chat over a WebSocket.

A socket is greeted before anything is asked on it, and whoever is greeted hears posts: who does not chat lets
them pass. Where it continues is told by ``welcome``, ``posts`` and ``upto`` alone. What carries a secret is
asked by POST, on another connection, between what is said before and after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as NotInTime
from twisted.internet.error import ConnectionClosed
from twisted.protocols import amp

from chatnet.addresses import Address
from chatnet.client.feed import Beginning, Following
from chatnet.client.login import keep_ticket
from chatnet.client.race import Unreachable
from chatnet.client.states import Found
from chatnet.cursor import Cursor
from chatnet.entries import Entry, More, Ref
from chatnet.errors import (
    BadTicket,
    Barred,
    ChatnetError,
    CursorAhead,
    Disabled,
    SecretChanged,
    SessionEnded,
    TryLater,
)
from chatnet.keys import key_text
from chatnet.kinds import KindName
from chatnet.names import spelled_for
from chatnet.testing import history
from chatnet.testing.recorded import RecordedIdentity, Recorder
from chatnet.testing.user import ORDERS, Choice, Chosen
from chatnet.web_options import WEB_PORT
from chatnet.wire.session import (
    Forget,
    History,
    Invitations,
    Join,
    Leave,
    List,
    Mark,
    Marks,
    Post,
    Redact,
    Reported,
    ReportPost,
    Revoke,
    Sessions,
    SetSecret,
)
from chatnet.worker.front import Front, Offer, Shared
from chatnet.worker.fronts.web.assets import assets_of
from chatnet.worker.fronts.web.dialect import MOST_NUMBER, RENAMED, packed, said_as, unpacked
from chatnet.worker.fronts.web.front import Web
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.world import World
from simulator.users.port import Home, MakeUser
from simulator.users.simple import SimpleClient, SimpleLine
from simulator.users.unanswered import Question
from simulator.users.web_lines import Aside, Message, Proxy, WebLine, Who, good

MOSTS = (MOST_NUMBER, MOST_NUMBER, 40)
"""How many missed entries a client wants to be given; if there are more, it begins anew."""

_NOT_NOW = (BadTicket, Barred, Disabled, SecretChanged, SessionEnded, TryLater)
"""Refusals that say nothing about what is asked: it is asked again once one is logged in again."""

BY_POST = 0.1
"""How often a post is posted by HTTP, as programs do, and not on the socket."""

BY_SHARED_PORT = 0.7
"""How many users come by the page's port, where there is one."""
TRIES = 4
"""How often one host is tried in a row before a master is asked for another."""


def offered(world: World) -> Offer:
    """Return what a worker in ``world`` offers to these users: its web, at the port that masters name."""

    def offer(shared: Shared) -> Front:
        return Web(shared, WebSettings(world.clocks, world.entropy, assets_of({})))

    return offer


class WebUser(SimpleClient):
    """One client of ``home``: a :class:`~simulator.users.port.User`."""

    def __init__(self, home: Home, record: Recorder) -> None:
        super().__init__(home, record)
        self._proxy: Proxy = home.shared.setdefault("proxy", Proxy(self._reactor))
        self._most = self._chance.choice(MOSTS)
        self._comes_by_page = self._chance.random() < BY_SHARED_PORT
        self._home, self._tries = "", TRIES
        self._is_greeting = False
        self._found: Found | None = None
        self._heard: dict[str, int] = {}

    # ---- logging in ----

    def _make_line(self) -> WebLine:
        return WebLine(self._hears, self._pulse, self._entropy, self._chance)

    async def _reach(self, found: Found) -> SimpleLine:
        """Return a connection to the port that the workers of a host share, if it has one: again of the same
        host, as long as that lets somebody in. Some come where a master sends them."""
        if self._comes_by_page:
            host, self._tries = self._home or found.worker.host, self._tries - 1
            self._home = host if self._tries > 0 else ""
            try:
                return await self._dial(replace(found, worker=Address(host, WEB_PORT)), self._make_line)
            except Unreachable as error:
                self._home = ""
                self._logger.info("There is no page on {host} ({why})", host=host, why=str(error))
        return await super()._reach(found)

    async def _log_in(self, line: Any, found: Found, identity: RecordedIdentity) -> None:
        # A login that was refused makes a fresh one, and tries that.
        line.log_id, line.randoms = identity.log_id, lambda: (identity.secret, identity.fresh)
        await super()._log_in(line, found, identity)
        self._tries = TRIES
        self._found = replace(found, worker=Address.parse(line.address))
        if line.is_socket:
            return
        try:
            if identity.ticket is None:
                raise BadTicket("another client has set a password")
            await line.open(identity.ticket)
        except BadTicket as error:
            raise Unreachable(str(error)) from error

    def _begin(self, line: Any) -> None:
        Deferred.fromCoroutine(self._greet(line)).addErrback(self._failed)

    async def _greet(self, line: WebLine) -> None:
        """Say hello; then ask everything again. If the log was put back, begin anew."""
        try:
            await self._hello(line, self._feed.cursor)
        except (ConnectionClosed, ChatnetError) as error:
            self._logger.info("Not greeted ({why})", why=str(error))
            line.abort()
            return
        if line is self._line and not self._is_moving:
            self._unanswered.attached(line)

    async def _hello(self, line: WebLine, cursor: Cursor | None) -> None:
        self._is_greeting = True
        try:
            while True:
                try:
                    welcome = await line.hello(cursor, self._most)
                except CursorAhead as error:
                    if isinstance(self._feed.state, Following):
                        self._record(history.Told, sentence=str(error))
                    cursor = None
                    continue
                if welcome["log"] != self._feed.log_id:
                    raise BadTicket("the worker is of another log")
                self._welcomed(welcome)
                if not isinstance(self._feed.state, Beginning):
                    return
                cursor = None  # it was begun anew meanwhile
        finally:
            self._is_greeting = False

    def _welcomed(self, welcome: Message) -> None:
        """Begin where the worker says; without its newest posts, go on from the cursor."""
        if "posts" not in welcome:
            return
        if isinstance(self._feed.state, Following):
            self._feed.begin()  # too much was missed
        if isinstance(self._feed.state, Beginning):
            self._feed.newest = [self._read(post) for post in welcome["posts"]]
            for post in self._feed.began(_cursor(welcome["cursor"])):
                self._listen(post)

    # ---- what it can be told ----

    def post(self, text: str, room: str | None = None) -> None:
        if self._chance.random() > BY_POST:
            self._draft(Post, text=text, room=room)
            return
        arguments = {"key": self._fresh_key(), "text": text, "room": room}
        body = {"text": text, "room": room}
        self._own(self._by_post(Post, arguments, "/api/v1/posts", body))

    def join(self, room: str) -> None:
        self._draft(Join, room=room)

    def leave(self, room: str) -> None:
        self._draft(Leave, room=room)

    def order(self, kind: KindName, room: str, to: str = "", text: str = "") -> None:
        command, arguments = ORDERS[kind](room, to, text)
        self._draft(command, **arguments)

    def redact(self, choice: Choice) -> None:
        self._about(Redact, choice)

    def report(self, choice: Choice) -> None:
        self._about(ReportPost, choice)

    def _about(self, command: type[amp.Command], choice: Choice) -> None:
        chosen = Chosen.by(choice, self._feed, self.name)
        if chosen is not None:
            self._draft(command, chosen.check_of, seq=chosen.seq, check=chosen.check)

    def set_password(self, old: str | None, password: str) -> None:
        if self._secret is None and old is None:
            return
        body = {"password": password, "old": None if self._secret is not None else old}
        arguments = {"key": self._fresh_key(), "old": b"", "secret": password.encode()}
        asked = self._by_post(SetSecret, arguments, "/api/v1/password", body, password)
        self._own(asked.addCallback(self._has_set, password))

    def _has_set(self, answer: Message, password: str) -> None:
        self._password = password.encode()
        if self._identity is not None:
            keep_ticket(self._identity, unpacked(answer["ticket"]), forget_secret=True)
            self._identity.how()  # that was no login

    def forget(self, password: str | None) -> None:
        if self._secret is None and password is None:
            return
        body = {"password": None if self._secret is not None else password}
        self._own(self._by_post(Forget, {"key": self._fresh_key()}, "/api/v1/forget", body))

    @property
    def _secret(self) -> bytes | None:
        return None if self._identity is None else self._identity.secret

    def pair(self, keep: Callable[[str], None], password: str | None) -> None:
        """Do nothing: the worker makes the code, and its key, so that nobody can ask again."""

    def recovery(self, keep: Callable[[list[str]], None], password: str | None) -> None:
        """Do nothing: as for :meth:`pair`."""

    def revoke_others(self) -> None:
        self._own(Deferred.fromCoroutine(self._revoke_others()))

    async def _revoke_others(self) -> None:
        for one in (await self._ask(Sessions))["sessions"]:
            if not one["is_this"]:
                self._draft(Revoke, id=one["id"], to=None)

    def chat(self) -> None:
        self._feed.begin()
        line: Any = self._line
        if line is not None and not self._is_greeting and not self._is_moving:
            self._own(Deferred.fromCoroutine(self._chat_on(line)))

    async def _chat_on(self, line: WebLine) -> None:
        try:
            await self._hello(line, None)
        except (ConnectionClosed, ChatnetError):
            line.abort()  # it is said again on the next one

    def unchat(self) -> None:
        self._feed.end()

    def look_back(self, room: str, pages: int) -> None:
        self._own(Deferred.fromCoroutine(self._look_back(room, pages)))

    async def _look_back(self, room: str, pages: int) -> None:
        before = None
        for _ in range(pages):
            page = (await self._ask(History, room=room, before=before))["posts"]
            posts = [self._read(post) for post in page]
            self._record(history.PageRead, room=room, before=before, posts=posts)
            self._feed.note(posts)
            if not posts:
                return
            before = posts[0].seq

    def list_rooms(self, prefix: str) -> None:
        self._own(self._ask(List, prefix=prefix, after=""))

    def list_invitations(self) -> None:
        self._own(Deferred.fromCoroutine(self._list_invitations()))

    async def _list_invitations(self) -> None:
        found = (await self._ask(Invitations, after=""))["invitations"]
        self._record(history.InvitationsRead, rooms=[(one["room"], one["by"]) for one in found])

    def mark(self) -> None:
        self._own(Deferred.fromCoroutine(self._mark()))

    async def _mark(self) -> None:
        line: Any = None if self._is_greeting else self._line
        for room, seq in self._heard.items():
            if line is not None:
                marked = line.ask(said(Mark, {"room": spelled_for(room, self.name), "seq": seq}))
                marked.addErrback(lambda why: why.trap(ConnectionClosed, ChatnetError))
        asked, marks, after, more = self._record.now, list[tuple[str, int]](), "", True
        while more:
            page = await self._ask(Marks, after=after)
            marks += ((one["room"], one["seq"]) for one in page["marks"])
            after, more = (marks[-1][0] if page["marks"] else ""), page["more"]
        self._record(history.MarksRead, asked=asked, marks=marks)

    # ---- how it asks ----

    def _ask(self, command: type[amp.Command], **arguments: Any) -> Deferred[Message]:
        return self._unanswered.ask(Question(said(command, arguments)))

    def _draft(self, command: type[amp.Command], meant: int = 0, **arguments: Any) -> None:
        arguments["key"] = self._fresh_key()
        self._record.sent(command, arguments, self.name, meant)
        self._own(self._drafted(said(command, arguments), arguments["key"]))

    def _by_post(
        self,
        command: type[amp.Command],
        arguments: dict[str, Any],
        target: str,
        body: Message,
        secret: str = "",
    ) -> Deferred[Message]:
        self._record.sent(command, arguments, self.name)
        # A browser has the secret in a cookie; posts may be of programs.
        key, shown = arguments["key"], None if command is Post else self._secret

        def aside() -> Deferred[Message]:
            return Deferred.fromCoroutine(self._post(target, key, body, shown))

        return self._drafted(aside, key, secret)

    def _drafted(self, asks: Message | Aside, key: bytes, secret: str = "") -> Deferred[Message]:
        self._feed.sent(key)
        asked = self._unanswered.ask(Question(asks, secret))
        return asked.addCallbacks(self.acknowledged, self._record.refused, (key,), {}, (key,))

    def acknowledged(self, answer: Message, key: bytes) -> Message:
        """A draft is durable. That says nothing about earlier posts of others: no cursor moves."""
        if "seq" in answer:  # who is forgotten learns it in another way
            self._record(history.Acknowledged, key=key, seq=answer["seq"])
        return answer

    async def _post(self, target: str, key: bytes, body: Message, secret: bytes | None) -> Message:
        """Ask for what carries a secret, on a connection of its own.

        :raises ConnectionClosed: it could not be asked now.
        """
        identity, found = self._identity, self._found
        if identity is None or found is None or identity.ticket is None:
            raise ConnectionClosed("nobody is logged in")
        who = Who(identity.log_id, identity.ticket, secret, secret is not None)
        dial = partial(self._dial, found)
        named = key_text(key)
        asking = self._proxy.request(found.worker, dial, who, "POST", target, body, Idempotency_Key=named)
        try:
            answer = good(await asking)
        except (Unreachable, NotInTime, ConnectionClosed, *_NOT_NOW) as error:
            raise ConnectionClosed(str(error)) from error
        cookies = [value for name, value in answer.headers if name == "set-cookie"]
        tickets = [value.partition("=")[2].partition(";")[0] for value in cookies if "-key=" not in value]
        return {**answer.said, **({"ticket": tickets[0]} if tickets and "seq" in answer.said else {})}

    # ---- what it hears ----

    def _hears(self, message: Message) -> None:
        match message["t"]:
            case "posts":
                for post in message["posts"]:
                    entry = self._read(post)
                    if self._feed.take(entry):
                        self._listen(entry)
            case "upto":
                self._feed.nothing_up_to(_cursor(message["cursor"]))
            case "marked":
                self._record(history.MarkTold, room=message["room"], seq=message["seq"])
            case "rewound":
                if self._feed.rewound(_cursor(message["cursor"])):
                    self._record(history.Told, sentence=f"The log was put back: {message['cursor']}")
            case "moved":
                self._move()
            case "bye":
                self._ended = message["text"]

    def _listen(self, entry: Entry) -> None:
        if entry.kind == "report" and entry.user != self.name:
            self._own(Deferred.fromCoroutine(self._read_report(entry.seq)))
        self._heard[entry.room] = max(entry.seq, self._heard.get(entry.room, 0))

    async def _read_report(self, seq: int) -> None:
        post = self._read((await self._ask(Reported, seq=seq))["post"])
        self._record(history.ReportRead, report=seq, post=post)

    def _read(self, post: Message) -> Entry:
        entry = _entry(post)
        if unpacked(post["check"]) != Cursor.at(self._feed.log_id, entry).check:
            self._logger.error("The worker shows {seq} with a check that is not its own", seq=entry.seq)
        return entry

    def _move(self) -> None:
        if self._is_greeting and self._line is not None and not self._is_moving:
            self._is_moving = True
            self._record(history.Moved)
            self._line.hang_up()
        else:
            super()._move()


def said(command: type[amp.Command], arguments: Mapping[str, Any]) -> Message:
    """Return how a command is said in the dialect."""
    message: Message = {"t": said_as(cast(Any, command))}
    for name, value in arguments.items():
        if value is not None:
            message[RENAMED.get((cast(Any, command), name), name)] = (
                packed(value) if isinstance(value, bytes) else value
            )
    return message


def _cursor(shown: Message) -> Cursor:
    return Cursor(shown["seq"], unpacked(shown["check"]))


def _entry(shown: Message) -> Entry:
    """Return the entry that is shown so."""
    ref = shown.get("ref")
    more = More(
        to=shown.get("to", ""),
        ref=None if ref is None else Ref(ref["seq"], unpacked(ref["check"])),
        form=shown.get("form", ""),
        until=shown.get("until", 0),
    )
    return Entry(
        shown["seq"],
        shown["time"],
        shown["kind"],
        shown["user"],
        shown["room"],
        shown["text"],
        unpacked(shown["key"]),
        None if more == More() else more,
    )


make: MakeUser = WebUser
