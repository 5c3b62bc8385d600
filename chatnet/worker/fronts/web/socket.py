"""A WebSocket: a session of a logged-in user, who speaks the dialect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import BadRequest, BadTicket, ChatnetError, InternalFailure, WrongVersion
from chatnet.net.outbox import Outboxes
from chatnet.worker.fronts.commands import UserCommands
from chatnet.worker.fronts.web import dialect, frames
from chatnet.worker.fronts.web.connection import WebConnection
from chatnet.worker.fronts.web.dialect import Form, Hello, Message
from chatnet.worker.fronts.web.exchange import Switch
from chatnet.worker.fronts.web.frames import Closed, Code, Incoming, Pinged, Said
from chatnet.worker.fronts.web.peer import (
    MOST_UNANSWERED,
    SocketChannel,
    WebPeer,
    limits_of,
    resumed,
)
from chatnet.worker.fronts.web.site import Refused, Request, Route, check_room, not_serving
from chatnet.worker.session import Session
from chatnet.worker.sessions import Sessions
from chatnet.worker.whose import hears

ELSEWHERE = "Other workers of this host have fewer sessions: ask again, and chance leads you to one."
HELLO_SECONDS = 10.0
"""Seconds that a client has for its first message."""
CLOSE_SECONDS = 1.0
"""Seconds that the other end has to answer a close; meanwhile what it sends is thrown away."""


class Sockets:
    """Makes sockets of the requests that ask for one."""

    def __init__(self, outboxes: Outboxes, is_full: Callable[[], bool]) -> None:
        self._outboxes = outboxes
        self._is_full = is_full
        self._channel = SocketChannel(outboxes, "")

    def routes(self) -> list[Route]:
        """Return where a socket is asked for."""
        return [Route("GET", "/ws", self.open, is_guarded=True)]

    async def open(self, request: Request) -> Switch:
        """Return the answer behind which a socket is spoken, for a session that goes on.

        :raises Refused: the request is no handshake, or nobody is let in.
        :raises ChatnetError: it shows no ticket that is good.
        """
        accept = _accepted(request)
        ticket = request.shows().ticket
        if ticket is None:
            raise BadTicket(BadTicket.sentence)
        connection, entrance = request.connection, request.entrance
        if connection.by_shared_port and (moving := connection.shared.others.sent_elsewhere()):
            user, *_ = entrance.token.check_ticket(request.log_id, ticket)
            if user in moving:
                raise not_serving(ELSEWHERE, 0)
        check_room(self._is_full())
        sessions = entrance.sessions
        socket = Socket(connection, self._channel_of(request), request.seen.address, sessions)
        socket.commands.session = await resumed(request, socket, ticket)
        return Switch(
            101,
            (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)),
            socket,
        )

    def _channel_of(self, request: Request) -> SocketChannel:
        log = request.entrance.sessions.log
        if self._channel.log_id != log.log_id:
            self._channel = SocketChannel(self._outboxes, log.log_id, log.window.limits.message_bytes)
        return self._channel


def _accepted(request: Request) -> str:
    """Return the answer to the key of a handshake.

    :raises Refused: it is none.
    """
    headers = request.headers
    upgrade = headers.get("upgrade", "").lower()
    connection = [word.strip() for word in headers.get("connection", "").lower().split(",")]
    if upgrade != "websocket" or "upgrade" not in connection or request.asked.is_old:
        raise Refused(
            426,
            "Here one speaks WebSocket.",
            "BAD_REQUEST",
            (("Upgrade", "websocket"), ("Sec-WebSocket-Version", frames.VERSION)),
        )
    if headers.get("sec-websocket-version") != frames.VERSION:
        raise Refused(
            426,
            f"This end speaks version {frames.VERSION} of WebSocket.",
            "WRONG_VERSION",
            (("Sec-WebSocket-Version", frames.VERSION),),
        )
    accept = frames.accepted(headers.get("sec-websocket-key", ""))
    if accept is None:
        raise Refused(400, "Sec-WebSocket-Key is 16 bytes in base64.", "BAD_REQUEST")
    return accept


class Socket(WebPeer):
    """One socket: what its client says, and what the session tells the client.

    It is a :class:`~chatnet.worker.peer.Peer`, and a :class:`~chatnet.worker.fronts.web.connection.Speech`.
    """

    __slots__ = (
        *("_closes_by", "_deadline", "_greeted", "_greeting", "_incoming", "_is_closing", "_is_held"),
        *("_sessions", "_told", "_unanswered", "_was_silent", "commands"),
    )

    _logger = Logger()
    channel: SocketChannel
    is_stranger = False
    is_idle = True
    is_answering = False

    def __init__(
        self, connection: WebConnection, channel: SocketChannel, address: str, sessions: Sessions
    ) -> None:
        super().__init__(connection, channel, address)
        self.commands = UserCommands()
        self._sessions = sessions
        self._incoming = Incoming()
        self._deadline: IDelayedCall | None = None
        self._greeting = self._greeted = self._is_closing = self._is_held = self._was_silent = False
        self._unanswered = self._told = 0
        self._closes_by = Code.STOPPING

    @property
    def session(self) -> Session:
        """The session."""
        return self.commands.session

    # ---- what the connection says: see Speech ----

    def begin(self) -> None:
        self._wait(HELLO_SECONDS, self._no_hello)

    def receive(self, data: bytes) -> None:
        self._incoming.feed(data)

    def step(self) -> bool:
        received = self._incoming.next()
        if received is None:
            return False
        match received:
            case Closed():
                self._closed(received)
            case Said(text) if not self._is_closing:
                self._said(text)
            case Pinged(payload) if not self._is_closing:
                self._put(frames.pong(payload))
        return True

    def filled(self) -> None:
        self.session.filled()

    def drained(self) -> None:
        self.session.drained()

    def ping(self) -> None:
        if self._is_closing:
            return
        cursor = self.session.cursor
        if cursor is not None and cursor.seq != self._told:
            self._told = cursor.seq
            self._put(self.channel.upto(cursor))
        self._put(frames.PING)

    def fell_silent(self) -> None:
        self.connection.said(
            "{peer} has been silent for {silent:.1f} s; closing", silent=self.connection.silent
        )
        self._was_silent = True
        self.abort()

    def lost(self, why: str) -> None:
        self._stop_waiting()
        self.session.lost("it was silent" if self._was_silent else why)

    # ---- what the client says ----

    def _said(self, text: str) -> None:
        try:
            message = dialect.read(text)
        except BadRequest as why:
            self._say(dialect.error(None, why))
            return
        match message.get("t"):
            case "ping":
                self._say(dialect.pong(message.get("n")))
            case "pong":
                pass
            case name if name == "hello" or not self._greeted:
                self._hello(message)
            case name:
                self._command(name, message)

    def _hello(self, message: Message) -> None:
        try:
            hello = dialect.hello(message)
            if hello.version != dialect.VERSION:
                raise WrongVersion.of(ours=dialect.VERSION, theirs=hello.version)
            if self._greeting:
                raise BadRequest.of(why="a hello is being answered.")
        except ChatnetError as why:
            self._say(dialect.error(None, why))
            if not self._greeted and not self._greeting:
                is_other = isinstance(why, WrongVersion)
                self._close(Code.OTHER_VERSION if is_other else Code.NOT_ALLOWED, str(why))
            return
        self._stop_waiting()
        self._greeting = True
        Deferred.fromCoroutine(self._welcome(hello)).addCallbacks(self._greet, self._not_welcome)

    async def _welcome(self, hello: Hello) -> Message:
        session = self.session
        welcome: Message = {
            "t": "welcome",
            "v": dialect.VERSION,
            "user": session.user,
            "log": session.log_id,
            "session": session.by,
            "scope": session.device.scope,
            "limits": limits_of(self._sessions),
        }
        if session.device.scope == "all":
            welcome["password"] = session.has_password
        if not hears(session):
            return welcome
        cursor = hello.cursor if hello.log in ("", session.log_id) else None
        begun = await session.chat(cursor)
        if cursor is not None and session.head - cursor.seq > hello.most:
            begun = await session.chat(None)
            welcome["gap"] = {"from": cursor.seq, "to": begun.cursor.seq}
            cursor = None
        if cursor is None:
            welcome["posts"] = [dialect.shown(session.log_id, post) for post in begun.posts]
        welcome["cursor"] = dialect.shown_cursor(begun.cursor)
        self._told = begun.cursor.seq
        return welcome

    def _greet(self, welcome: Message) -> None:
        self._greeting, self._greeted = False, True
        self._say(dialect.encode({**welcome, "now": self.session.now}))

    def _not_welcome(self, failure: Failure) -> None:
        self._greeting = False
        self._say(dialect.error(None, self._to_sentence(failure)))
        if not self._greeted:
            self._wait(HELLO_SECONDS, self._no_hello)

    def _command(self, name: object, message: Message) -> None:
        number: int | None = None
        try:
            number = dialect.id_of(message)
            form = dialect.form_of(name)
            arguments = form.arguments(message)
            answer = self.commands.responder(form.command.commandName)[1](self.commands, **arguments)
        except Exception:
            self._say(dialect.error(number, self._to_sentence(Failure())))
            return
        if isinstance(answer, dict):
            self._say(dialect.ok(number, form.results(self.channel.log_id, answer)))
            return
        answered = answer if isinstance(answer, Deferred) else Deferred.fromCoroutine(answer)
        self._unanswered += 1
        if self._unanswered >= MOST_UNANSWERED and not self._is_held:
            self._is_held = True
            self.hold()
        answered.addCallbacks(self._answered, self._refused, (number, form), {}, (number,))

    def _answered(self, answer: dict[str, Any], number: int, form: Form) -> None:
        try:
            said = dialect.ok(number, form.results(self.channel.log_id, answer))
        except Exception:
            said = dialect.error(number, self._to_sentence(Failure()))
        self._say_one(said)

    def _refused(self, failure: Failure, number: int) -> None:
        self._say_one(dialect.error(number, self._to_sentence(failure)))

    def _say_one(self, message: bytes) -> None:
        """Say the answer to a command that was not answered at once."""
        self._unanswered -= 1
        if self._is_held and self._unanswered <= MOST_UNANSWERED // 2:
            self._is_held = False
            self.release()
        self._say(message)

    def _to_sentence(self, failure: Failure) -> ChatnetError:
        if isinstance(failure.value, ChatnetError):
            return failure.value
        line = "A command of {peer} failed; it was told so"
        if self.connection.shared.visitors.may_be_logged(line):
            self._logger.failure(line, failure, peer=self.name)
        return InternalFailure(InternalFailure.sentence)

    # ---- what is sent ----

    def _put(self, frame: bytes) -> None:
        if self.connection.transport is not None:
            self.connection.outbox.put(frame)

    def _say(self, message: bytes) -> None:
        if not self._is_closing:
            self._put(frames.text(message))

    # ---- the end ----

    def _closed(self, closed: Closed) -> None:
        if self._is_closing:
            if closed.by_client:
                self.connection.close()
        elif closed.by_client:
            self._is_closing = True
            self._stop_waiting()
            self.session.unchat()
            # Who gave no code gets none of the reserved ones back.
            self._put(frames.close(closed.code if closed.code != _NO_CODE else Code.NORMAL))
            self.connection.close()
        else:
            self.connection.said("{peer} was hung up on: {why}", why=closed.reason)
            self._close(closed.code, closed.reason)

    def _close(self, code: int, reason: str) -> None:
        """Say why, and close once the other end has heard it."""
        if not self._is_closing:
            self._is_closing = True
            self.session.unchat()  # nothing may follow that frame
            self._put(frames.close(code, reason))
            self._wait(CLOSE_SECONDS, self.connection.close)

    def _no_hello(self) -> None:
        self._deadline = None
        self._close(Code.NOT_ALLOWED, "no hello came")

    def _wait(self, seconds: float, then: Callable[[], object]) -> None:
        self._stop_waiting()
        self._deadline = self.connection.shared.outboxes.later(seconds, then)

    def _stop_waiting(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()

    # ---- what the session says: see Peer ----

    def put(self, posts: Sequence[Entry]) -> None:
        outbox = self.connection.outbox
        outbox.put(self.channel.posts(posts))
        outbox.flush()

    def marked(self, room: str, seq: int) -> None:
        self._say(dialect.marked(room, seq))

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        self._say(dialect.membership(room, seq, joined))

    def moved(self) -> None:
        self._closes_by = Code.MOVED
        self._say(dialect.MOVED)

    def rewound(self, to: Cursor) -> None:
        self._say(dialect.rewound(to))

    def ended(self, code: str, sentence: str) -> None:
        self._closes_by = Code.ENDED
        self._say(dialect.bye(code, sentence))

    def hang_up(self) -> None:
        self._close(self._closes_by, _REASONS.get(self._closes_by, ""))


_NO_CODE = 1005
_REASONS = {
    Code.STOPPING: "the worker stops: come again",
    Code.MOVED: "another worker takes over: come again",
    Code.ENDED: "the session has ended: log in again",
}
