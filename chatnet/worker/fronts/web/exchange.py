"""HTTP on one connection: one request at a time, read within bounds, and its answer (RFC 9112, by h11)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Protocol

import h11
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.net.request_target import Target
from chatnet.text import legible
from chatnet.worker.fronts.web.origins import Came

if TYPE_CHECKING:
    from chatnet.worker.fronts.connection import Speech
    from chatnet.worker.fronts.web.connection import WebConnection

MOST_HEADERS = 16 * 1024
"""Bytes of the first line and the headers of a request, at most."""
MOST_BODY = 64 * 1024
"""Bytes of a request's body, at most."""
HEADERS_SECONDS, BODY_SECONDS = 10.0, 30.0
"""Seconds that the headers of a request may take to arrive, from their first byte on; and then its body."""
ANSWER_SECONDS = 60.0
"""Seconds after which a request is answered that it took too long; what it asked may still be done."""
SEND_SECONDS = 30.0
"""Seconds in which the other end must have read what waits of an answer in our memory."""
LINGER_SECONDS = 1.0
"""Seconds for which what still arrives is thrown away behind a refusal: if it stayed unread, the system would
tell the other end of a broken connection, and not of the refusal."""
_CLOSING = (b"connection", b"close")
_BARE = (204, 304)

Headers = Sequence[tuple[str, str]]


class Asked(NamedTuple):
    """A request as it arrived. The names of ``headers`` are in small letters; of one that came twice the
    values are joined, as RFC 9110 has it. Of who asked for a whole URL, ``target`` is its path and query,
    the header ``host`` is its host, and ``scheme`` its scheme."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    came: Came
    is_old: bool
    """Whether it is of HTTP/1.0."""
    scheme: str


class Answer(NamedTuple):
    """An answer to a request."""

    status: int
    headers: Headers
    body: bytes = b""
    is_last: bool = False
    """Whether the connection is closed after it."""


class Switch(NamedTuple):
    """An answer behind whose headers the connection speaks something else: a WebSocket, or a stream."""

    status: int
    headers: Headers
    speech: Speech


class Answers(Protocol):
    """Whoever answers requests."""

    async def answer(self, asked: Asked, connection: WebConnection) -> Answer | Switch:
        """Return the answer to a request that came on ``connection``."""

    def refusal(self, status: int, why: str, came: Came) -> Answer:
        """Return the answer to what cannot be read, or is not answered otherwise."""


class Exchange:
    """The requests of one connection: a :class:`~chatnet.worker.fronts.web.connection.Speech`.

    While a request is answered, nothing that came behind it is read.
    """

    __slots__ = (
        *("_answers", "_body", "_connection", "_deadline", "_headers", "_http", "_is_closing", "_is_head"),
        *("_request", "_turn"),
    )

    _logger = Logger()
    is_stranger = True

    def __init__(self, connection: WebConnection, answers: Answers) -> None:
        self._connection, self._answers = connection, answers
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEADERS)
        self._request: h11.Request | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._deadline: IDelayedCall | None = None
        self._turn: object | None = None
        """Of the request that is being answered."""
        self._is_closing = False
        self._is_head = False

    # ---- what the connection says: see Speech ----

    @property
    def is_idle(self) -> bool:
        return self._turn is None

    def begin(self) -> None:
        self._wait(self._connection.seconds_left)

    def receive(self, data: bytes) -> None:
        if self._turn is None and self._request is None and self._deadline is None:
            self._wait(HEADERS_SECONDS)
        if not self._is_closing:
            self._http.receive_data(data)

    def step(self) -> bool:
        if self._turn is not None or self._is_closing:
            return False
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError as why:
            what, _, _ = str(why).partition(": bytearray")  # behind it stands, in Python, what came
            self._refuse(why.error_status_hint, what)
            return False
        match event:
            case h11.Request():
                self._asked(event)
            case h11.Data():
                self._data(bytes(event.data))
            case h11.EndOfMessage():
                self._whole()
            case h11.ConnectionClosed():
                self._close()
            case _:  # nothing whole has arrived
                return False
        return True

    def filled(self) -> None:
        if self._is_between:
            self._wait(SEND_SECONDS)

    def drained(self) -> None:
        if self._is_between:
            self._stop_waiting()

    @property
    def _is_between(self) -> bool:
        """Whether no request is under way, each part of which has a deadline of its own."""
        return self._turn is None and self._request is None and not self._is_closing

    def ping(self) -> None:
        """Do nothing: HTTP has no signs of life."""

    @property
    def is_answering(self) -> bool:
        return self._turn is not None

    def fell_silent(self) -> None:
        self._connection.abort()

    def hang_up(self) -> None:
        if self._turn is None:
            self._close()
        else:
            self._is_closing = True  # after the answer

    def lost(self, why: str) -> None:
        self._stop_waiting()
        self._turn = None

    # ---- a request ----

    def _asked(self, request: h11.Request) -> None:
        self._stop_waiting()
        self._is_head = request.method == b"HEAD"
        headers = self._headers = _joined(request.headers.raw_items())
        length, is_chunked = headers.get("content-length"), "transfer-encoding" in headers
        if request.http_version not in (b"1.0", b"1.1"):
            self._refuse(505, "here one speaks HTTP/1.1")
        elif request.method == b"CONNECT":
            # Behind a success h11, as whoever asks, takes all that follows for what comes through the tunnel.
            self._refuse(501, "this is no proxy")
        elif is_chunked and request.http_version < b"1.1":
            # What is in front of us, and speaks 1.0, has taken the body for requests (RFC 9112, 6.1).
            self._refuse(400, "HTTP/1.0 has no chunks")
        elif length is not None and is_chunked:
            # What is in front of us may have read the other one: then the rest of the body is a request.
            self._refuse(400, "a body has a length or is chunked, not both")
        elif length is not None and int(length) > MOST_BODY:
            self._refuse(413, f"a body has at most {MOST_BODY:,} bytes")
        else:
            self._request = request
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
            if length is not None or is_chunked:  # else it ends here
                self._wait(BODY_SECONDS)

    def _data(self, data: bytes) -> None:
        self._body.append(data)
        if sum(map(len, self._body)) > MOST_BODY:
            self._refuse(413, f"a body has at most {MOST_BODY:,} bytes")
        elif len(self._body) > 64:
            self._body = [b"".join(self._body)]  # pieces of one byte would take many times as much memory

    def _whole(self) -> None:
        self._stop_waiting()
        request, headers, body = self._request, self._headers, b"".join(self._body)
        assert request is not None
        self._request, self._headers, self._body = None, {}, []
        target = Target.of(request.target.decode("ascii", "replace"))
        if target.host:
            headers["host"] = target.host
        asked = Asked(
            request.method.decode("ascii"),
            target.path,
            headers,
            body,
            self._came,
            request.http_version < b"1.1",
            target.scheme,
        )
        turn = self._turn = object()
        self._connection.hold()
        self._wait(ANSWER_SECONDS)
        answered = Deferred.fromCoroutine(self._answers.answer(asked, self._connection))
        answered.addCallbacks(self._answered, self._failed, (turn,), {}, (turn,))
        answered.addErrback(self._connection.broken)

    @property
    def _came(self) -> Came:
        transport = self._connection.transport
        is_tls = hasattr(transport, "getPeerCertificate")
        return Came(self._connection.peer[0], is_tls)

    def _answered(self, answer: Answer | Switch, turn: object) -> None:
        if turn is not self._turn:
            if isinstance(answer, Switch):
                answer.speech.lost("nobody waits for it any more")
            return
        self._turn = None
        self._stop_waiting()
        if isinstance(answer, Switch):
            self._switch(answer)
        else:
            self._say(answer)
            self._connection.release()

    def _failed(self, failure: Failure, turn: object) -> None:
        self._logger.failure(
            "A request of {peer} failed; it was told so", failure, peer=self._connection.peer
        )
        self._answered(self._refused(500, "The server failed at this request; its log says why."), turn)

    # ---- the answer ----

    def _say(self, answer: Answer, lingers: bool = False) -> None:
        is_last = answer.is_last or self._is_closing
        headers = _raw(answer.headers)
        if answer.status not in _BARE:
            headers.append((b"content-length", b"%d" % len(answer.body)))
        if is_last:
            headers.append(_CLOSING)
        reason = _reason(answer.status).encode()
        self._send(h11.Response(status_code=answer.status, headers=headers, reason=reason))
        if answer.body and not self._is_head:
            self._send(h11.Data(data=answer.body))
        self._send(h11.EndOfMessage())
        self._is_head = False
        if is_last or self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self._close(lingers)
        else:
            self._http.start_next_cycle()
            if self._connection.full:
                self.filled()

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._connection.outbox.put(data)

    def _switch(self, answer: Switch) -> None:
        lines = [f"HTTP/1.1 {answer.status} {_reason(answer.status)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        self._connection.outbox.put("\r\n".join([*lines, "\r\n"]).encode("latin-1"))
        rest, _ = self._http.trailing_data
        self._connection.release()
        self._connection.become(answer.speech, rest)
        if self._is_closing:
            answer.speech.hang_up()

    def _refuse(self, status: int, why: str) -> None:
        """Answer what cannot be read, and close: nobody knows where the next request begins."""
        self._stop_waiting()
        self._request, self._body = None, []
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._is_closing = True
            refused = self._refused(status, f"This request cannot be read: {legible(why, 100)}.")
            self._say(refused, lingers=True)
        else:
            self._connection.abort()

    def _refused(self, status: int, why: str) -> Answer:
        return self._answers.refusal(status, why, self._came)

    # ---- time ----

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._deadline = self._connection.shared.outboxes.later(seconds, self._too_late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            if self._deadline.active():
                self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self._turn is not None:
            self._answered(self._refused(503, "This takes too long; ask again later."), self._turn)
        elif self._request is not None:
            self._refuse(408, "it took too long to arrive")
        else:
            self._connection.abort()

    def _close(self, lingers: bool = False) -> None:
        self._is_closing = True
        self._stop_waiting()
        if lingers:
            later = self._connection.shared.outboxes.later
            self._deadline = later(LINGER_SECONDS, self._connection.close)
        else:
            self._connection.close()


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in headers:
        name, said = raw.decode("latin-1").lower(), value.decode("latin-1")
        joint = "; " if name == "cookie" else ", "
        found[name] = found[name] + joint + said if name in found else said
    return found


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "-"
