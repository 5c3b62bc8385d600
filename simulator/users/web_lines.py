"""A web user's connections: requests of HTTP on each, and, behind the one that asks for it, a WebSocket.

The frames are made here, as a browser makes them: masked, and now and then in two parts.
"""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple

import h11
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, Pong, TextMessage

from chatnet.addresses import Address
from chatnet.client.race import Unreachable
from chatnet.cursor import Cursor
from chatnet.errors import BadTicket, ChatnetError
from chatnet.net.pulse import Pulse
from chatnet.wire.session import Login
from chatnet.worker.fronts.web.dialect import MOST_NUMBER, packed, unpacked
from chatnet.worker.fronts.web.origins import secret_cookie, ticket_cookie
from simulator.users.bare_line import BareLine
from simulator.users.unanswered import ERRORS

IN_PARTS = 0.1
"""How often a message is sent in two frames."""
IDLE_SECONDS = 1.0
"""Seconds after which a proxy closes a connection that was used once; of a busy one, often sooner."""
ANSWER_SECONDS = 9.0
"""Seconds after which a proxy waits for an answer no more."""
_TEXT, _MORE, _CLOSE, _PING, _PONG, _WHOLE, _MASKED = 0x1, 0x0, 0x8, 0x9, 0xA, 0x80, 0x80

Message = dict[str, Any]
Aside = Callable[[], Deferred[Any]]
"""Asks what is no command of the socket, on another connection; fires with the answer."""


class Answered(NamedTuple):
    """The answer to a request; the names of ``headers`` are in small letters, and each may come often."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def said(self) -> Message:
        """What the body says."""
        said: Message = json.loads(self.body) if self.body else {}
        return said


class Who(NamedTuple):
    """What a request shows of who asks: a ticket, and perhaps the secret; by cookies, or as a program."""

    log_id: str
    ticket: bytes
    secret: bytes | None = None
    by_cookie: bool = False


class Requests(BareLine, Protocol):
    """One connection, on which one request is asked after the other.

    It is :class:`~chatnet.net.pulse.Watched`.
    """

    _logger = Logger()

    def __init__(self) -> None:
        super().__init__()
        self._http = h11.Connection(h11.CLIENT)
        self._asked: Deferred[Answered] | None = None
        self._head: h11.Response | h11.InformationalResponse | None = None
        self._body = b""

    # ---- its life ----

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.transport = None
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.errback(reason)
        self._tell_lost()

    def ping(self) -> None:
        """Do nothing: HTTP has no signs of life."""

    @property
    def scheme(self) -> str:
        """How the URLs of the worker begin."""
        return "https" if hasattr(self.transport, "getPeerCertificate") else "http"

    # ---- requests ----

    def request(
        self, method: str, target: str, who: Who | None, body: Message | None = None, **headers: str
    ) -> Deferred[Answered]:
        """Fires with the answer; fails when the connection is lost, or is being closed after an answer."""
        if self.transport is None or self._http.our_state is not h11.IDLE:
            return fail(ConnectionDone())
        named = {"Host": self.address, **self._shown(who), **headers}
        named = {name.replace("_", "-"): value for name, value in named.items()}
        content = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            named |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        asked: Deferred[Answered] = Deferred()
        self._asked = asked
        events: list[h11.Event] = [h11.Request(method=method, target=target, headers=list(named.items()))]
        if content:
            events.append(h11.Data(data=content))
        for event in (*events, h11.EndOfMessage()):
            self.transport.write(self._http.send(event))
        return asked

    def _shown(self, who: Who | None) -> Mapping[str, str]:
        if who is None:
            return {}
        if not who.by_cookie:
            return {"Authorization": f"Bearer {packed(who.ticket)}"}
        cookies = [f"{ticket_cookie(who.log_id, self.scheme).name}={packed(who.ticket)}"]
        if who.secret is not None:
            cookies.append(f"{secret_cookie(who.log_id, self.scheme).name}={packed(who.secret)}")
        return {"Cookie": "; ".join(cookies), "Origin": f"{self.scheme}://{self.address}"}

    def dataReceived(self, data: bytes) -> None:
        self.silent = 0.0
        self._http.receive_data(data)
        while (event := self._http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if not self._answers(event):
                return

    def _answers(self, event: Any) -> bool:
        """Take a part of the answer; return False if nothing of HTTP follows."""
        match event:
            case h11.Response():
                self._head, self._body = event, b""
            case h11.InformationalResponse(status_code=101):
                self._head, self._body = event, b""
                rest, _ = self._http.trailing_data
                self._switched()
                self._answered()
                if rest:
                    self.dataReceived(rest)
                return False
            case h11.Data():
                self._body += bytes(event.data)
            case h11.EndOfMessage():
                if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
                    self._http.start_next_cycle()
                else:
                    self.hang_up()
                self._answered()
            case h11.ConnectionClosed():
                return False
        return True

    def _answered(self) -> None:
        asked, self._asked, head = self._asked, None, self._head
        if asked is not None and head is not None:
            named = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
            asked.callback(Answered(head.status_code, named, self._body))

    def _switched(self) -> None:
        """From here on another protocol is spoken."""


class Proxy:
    """Keeps connections of HTTP for a while, and sends on each whatever request comes next, of whichever
    user: as a proxy in front of the workers does. ``clock`` keeps time."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._idle: dict[Address, list[Requests]] = {}

    async def request(
        self,
        worker: Address,
        dial: Callable[[Callable[[], Requests]], Coroutine[Any, Any, Any]],
        who: Who,
        method: str,
        target: str,
        body: Message,
        **headers: str,
    ) -> Answered:
        """Return the answer of ``worker``, to which ``dial`` opens a connection if none is idle.

        :raises ConnectionClosed: it was lost meanwhile, or while it was idle.
        :raises Unreachable: none could be opened.
        """
        idle = self._idle.setdefault(worker, [])
        line = idle.pop() if idle else await dial(Requests)
        try:
            answer = await line.request(method, target, who, body, **headers).addTimeout(
                ANSWER_SECONDS, self._clock
            )
        except BaseException:
            line.abort()
            raise
        if line.transport is not None:
            idle.append(line)
            self._clock.callLater(IDLE_SECONDS, self._close, line, idle)
        return answer

    def _close(self, line: Requests, idle: list[Requests]) -> None:
        if line in idle:
            idle.remove(line)
            line.hang_up()


def good(answer: Answered) -> Answered:
    """Return the answer to a request, if it is what was asked for.

    :raises ChatnetError: it is a refusal.
    :raises Unreachable: the worker cannot answer now.
    """
    if answer.status < 400:
        return answer
    said = answer.said
    if said["code"] in ERRORS:
        raise ERRORS[said["code"]](said["detail"])
    raise Unreachable(f"{answer.status}: {said['detail']}")


class WebLine(Requests):
    """One connection, which becomes a socket: commands with numbers, and answers. ``hears`` gets what comes
    without a number. ``randoms`` returns the secrets that nobody typed.

    An :data:`Aside` is asked on another connection, between which and this one there is no order: so it waits
    for what was said before it, and what is said after it waits for its answer. If that does not come, this
    connection is at an end, too: all is asked again, in the old order, on the next one.
    """

    def __init__(
        self,
        hears: Callable[[Message], object],
        pulse: Pulse,
        entropy: Callable[[int], bytes],
        chance: random.Random,
    ) -> None:
        super().__init__()
        self.log_id = ""
        self.randoms: Callable[[], Sequence[bytes | None]] = lambda: ()
        self.by_cookie = chance.random() < 0.5
        self._hears, self._pulse, self._entropy, self._chance = hears, pulse, entropy, chance
        self._frames: Connection | None = None
        self._text = ""
        self._numbers = 0
        self._open: dict[int, Deferred[Message]] = {}
        self._waiting: deque[tuple[Message | Aside, Deferred[Any]]] = deque()
        self._aside: Deferred[Any] | None = None
        self._greeting: Deferred[Message] | None = None
        self._is_closing = False

    def connectionMade(self) -> None:
        self._pulse.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._pulse.discard(self)
        super().connectionLost(reason)
        waiting, self._waiting = self._waiting, deque()
        unanswered, self._open = list(self._open.values()), {}
        unanswered += (answer for _, answer in waiting)
        for one in (self._greeting, self._aside, *unanswered):
            if one is not None:
                one.errback(reason)
        self._greeting = self._aside = None

    @property
    def is_socket(self) -> bool:
        """Whether a socket is spoken."""
        return self._frames is not None

    # ---- before there is a socket ----

    async def callRemote(self, command: type[Any], **arguments: Any) -> dict[str, Any]:
        """Ask as the real client's login does, by secret or by ticket."""
        if command is not Login:
            await self.open(arguments["ticket"])
            return {"name": "resumed", "log": self.log_id, "workers": [], "now": None}
        secret = arguments["secret"]
        proof = {"secret": packed(secret)} if secret in self.randoms() else {"password": secret.decode()}
        body = {
            "name": arguments["name"],
            **proof,
            "new": arguments["new"],
            "device": packed(arguments["device"]),
            "label": arguments["label"],
            "code": arguments["code"],
            "cookie": False,
        }
        said = good(await self.request("POST", "/api/v1/session", None, body)).said
        return {**said, "ticket": unpacked(said["ticket"]), "workers": [], "now": None}

    async def open(self, ticket: bytes) -> None:
        """Make a socket of the connection.

        :raises ChatnetError: the ticket is not good.
        """
        if self.is_socket:
            raise BadTicket("there is a socket")
        key = b64encode(self._entropy(16)).decode()
        who = Who(self.log_id, ticket, by_cookie=self.by_cookie)
        asks = {"Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13"}
        good(await self.request("GET", "/ws", who, None, **asks, **{"Sec-WebSocket-Key": key}))

    def _switched(self) -> None:
        self._frames = Connection(ConnectionType.CLIENT)

    # ---- sending ----

    def hello(self, cursor: Cursor | None, most: int) -> Deferred[Message]:
        """Fires with the welcome; fails with the refusal, or when the connection is lost."""
        if self.transport is None:
            return fail(ConnectionDone())
        said: Message = {"t": "hello", "v": 1, "log": self.log_id, "most": min(most, MOST_NUMBER)}
        if cursor is not None:
            said["cursor"] = {"seq": cursor.seq, "check": packed(cursor.check)}
        greeting: Deferred[Message] = Deferred()
        self._greeting = greeting
        self.say(said)
        return greeting

    def ask(self, said: Message | Aside) -> Deferred[Any]:
        """Fires with the answer; fails with the refusal, or when the connection is lost."""
        answer: Deferred[Any] = Deferred()
        if self.transport is None:
            return fail(ConnectionDone())
        self._waiting.append((said, answer))
        self._go_on()
        return answer

    def _go_on(self) -> None:
        while self._waiting and self._aside is None:
            said, answer = self._waiting[0]
            if isinstance(said, dict):
                self._numbers += 1
                self._open[self._numbers] = answer
                self._waiting.popleft()
                self.say({**said, "id": self._numbers})
            elif self._open:
                return  # what was said before comes first in the log
            else:
                self._waiting.popleft()
                self._aside = answer
                said().addBoth(self._aside_done, answer)

    def _aside_done(self, result: Any, answer: Deferred[Any]) -> None:
        if self._aside is not answer:
            return  # the connection was lost meanwhile
        if isinstance(result, Failure) and result.check(ConnectionClosed):
            self.abort()
            return  # nobody knows whether it was done: nothing may be asked that comes behind it
        self._aside = None
        answer.callback(result)
        self._go_on()

    def say(self, message: Message) -> None:
        """Say a message."""
        payload = json.dumps(message, ensure_ascii=False).encode()
        if len(payload) > 1 and self._chance.random() < IN_PARTS:
            at = self._chance.randrange(1, len(payload))  # perhaps in the middle of a letter
            self._put(_TEXT, payload[:at])
            self._put(_MORE | _WHOLE, payload[at:])
        else:
            self._put(_TEXT | _WHOLE, payload)

    def _put(self, first: int, payload: bytes) -> None:
        if self.transport is not None:
            self.transport.write(masked(first, payload, self._entropy(4)))

    def ping(self) -> None:
        if self.is_socket:
            self._put(_PING | _WHOLE, b"")

    def hang_up(self) -> None:
        if self.is_socket and not self._is_closing:
            self._is_closing = True
            self._put(_CLOSE | _WHOLE, (1000).to_bytes(2, "big"))
        super().hang_up()

    # ---- receiving ----

    def dataReceived(self, data: bytes) -> None:
        if self._frames is None:
            super().dataReceived(data)
            return
        self.silent = 0.0
        self._frames.receive_data(data)
        for event in self._frames.events():
            if self.transport is None or self._is_closing:
                return
            self._takes(event)

    def _takes(self, event: Event) -> None:
        match event:
            case TextMessage():
                self._text += event.data
                if event.message_finished:
                    text, self._text = self._text, ""
                    self._said(text)
            case Ping():
                self._put(_PONG | _WHOLE, bytes(event.payload))
            case CloseConnection() if self._frames is not None:
                if self._frames.state is not ConnectionState.REMOTE_CLOSING:
                    self._logger.error("The worker sends no frame: {why}", why=event.reason)
                self.hang_up()
            case Pong():
                pass
            case _:
                self._logger.error("The worker sends {what}", what=type(event).__name__)

    def _said(self, text: str) -> None:
        try:
            message: Message = json.loads(text)
        except ValueError:
            self._logger.error("The worker says what is no JSON: {text}", text=text[:100])
            self.abort()
            return
        greeting, self._greeting = self._greeting, None
        match message:
            case {"t": "welcome"} if greeting is not None:
                greeting.callback(message)
            case {"t": "error", "id": None} if greeting is not None:
                greeting.errback(Failure(_error(message)))
            case {"t": "ok", "id": int(number)}:
                self._greeting = greeting
                self._open.pop(number).callback(message)
                self._go_on()
            case {"t": "error", "id": int(number)}:
                self._greeting = greeting
                self._open.pop(number).errback(Failure(_error(message)))
                self._go_on()
            case {"t": "error"}:
                self._logger.error("The worker does not understand: {text}", text=message["text"])
            case _:
                self._greeting = greeting
                self._hears(message)


def _error(message: Message) -> ChatnetError:
    return ERRORS[message["code"]](message["text"])


def masked(first: int, payload: bytes, mask: bytes) -> bytes:
    """Return a frame of a client, with these first eight bits."""
    size = len(payload)
    if size < 126:
        head = bytes((first, _MASKED | size))
    elif size < 1 << 16:
        head = bytes((first, _MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, _MASKED | 127)) + size.to_bytes(8, "big")
    over = (mask * (size // 4 + 1))[:size]
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(over, "big")
    return head + mask + hidden.to_bytes(size, "big")
