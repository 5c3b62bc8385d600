"""What is heard, over plain HTTP: as Server-Sent Events, as lines of JSON, or by one long request at a time.

All three go on from a cursor, ``SEQ.CHECK``. A stream says where it begins, and then every entry that is
heard, each once and in order; every fifteen seconds it says up to where that was all. It has no chunks and
ends with its connection, so that its bytes are the same for HTTP/1.0 and 1.1, and are encoded once for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatnet.cursor import CHECK_BYTES, Cursor
from chatnet.entries import Entry
from chatnet.errors import REFUSALS, BadRequest, BadTicket, SessionEnded, TryLater
from chatnet.kinds import SAID
from chatnet.net.outbox import Outboxes
from chatnet.presence import GRACE_SECONDS
from chatnet.worker.fronts.channel import HeardChannel
from chatnet.worker.fronts.web import dialect
from chatnet.worker.fronts.web.connection import WebConnection
from chatnet.worker.fronts.web.dialect import encode, number_in, packed, shown, unpacked
from chatnet.worker.fronts.web.exchange import Answer, Switch
from chatnet.worker.fronts.web.peer import SocketChannel, WebPeer, resumed
from chatnet.worker.fronts.web.problems import LATER_SECONDS
from chatnet.worker.fronts.web.site import API, NOT_KEPT, Request, Route, answer_json, check_room
from chatnet.worker.peer import Hearing
from chatnet.worker.session import Session

EVENT_STREAM, LINES = "text/event-stream", "application/x-ndjson"
MOST_WAIT = 45
"""Seconds for which a long request may wait; the answer is due before any proxy gives it up."""
_LOOK_SECONDS, _LOOKS = 0.1, 50
"""How often, and how many times, a long request whose time is over looks whether all is read that was missed:
until then, nobody knows that there is nothing."""


# ---- cursors ----


def cursor_text(cursor: Cursor) -> str:
    """Return a cursor as it stands in a URL."""
    return f"{cursor.seq}.{packed(cursor.check)}"


def cursor_in(text: str) -> Cursor:
    """Return the cursor that stands so in a URL.

    :raises BadRequest: it is none.
    """
    seq, _, check = text.partition(".")
    try:
        found = Cursor(number_in(seq), unpacked(check))
        if len(found.check) == CHECK_BYTES:
            return found
    except ValueError:
        pass
    raise BadRequest.of(why="a cursor is SEQ.CHECK, as it was given.")


# ---- how it is said ----


def _lines(name: str, cursor: str, said: bytes) -> bytes:
    return said + b"\n"


def _events(name: str, cursor: str, said: bytes) -> bytes:
    # A line feed in a text is escaped in JSON: so each is one line.
    place = f"id: {cursor}\n" if cursor else ""
    return f"{place}event: {name}\ndata: ".encode() + said + b"\n\n"


Form = Callable[[str, str, bytes], bytes]
FORMS: dict[str, Form] = {EVENT_STREAM: _events, LINES: _lines}
"""How the kinds of streams say a message: its name, the cursor behind it (or nothing), and its JSON."""
_BEGINS = {EVENT_STREAM: b"retry: 1000\n\n", LINES: b""}


class StreamChannel(SocketChannel):
    """Delivers to all streams of a worker that are of one kind, as :class:`.SocketChannel` does."""

    def __init__(self, outboxes: Outboxes, log_id: str, kind: str) -> None:
        super().__init__(outboxes, log_id)
        self.begins = _BEGINS[kind]
        self._form = FORMS[kind]

    def posts(self, entries: Sequence[Entry]) -> bytes:
        """Return the messages that deliver ``entries``."""
        return b"".join(map(self._entry, entries))

    def _entry(self, entry: Entry) -> bytes:
        one = shown(self.log_id, entry)
        name, cursor = "post" if entry.kind in SAID else "entry", f"{one.seq}.{one.check}"
        said = f'{{"t":"{name}","cursor":"{cursor}","{name}":'.encode() + encode(one) + b"}"
        return self._form(name, cursor, said)

    def _says_upto(self, cursor: Cursor) -> bytes:
        return self._at("upto", cursor)

    def rewound(self, to: Cursor) -> bytes:
        """Return the message that says: the log was put back; come again with this cursor."""
        return self._at("rewound", to)

    def _at(self, name: str, cursor: Cursor) -> bytes:
        text = cursor_text(cursor)
        return self._form(name, text, encode({"t": name, "cursor": text}))

    def alive(self) -> bytes:
        """Return a message that is only a sign of life."""
        return self._form("ping", "", encode({"t": "ping"}))

    def moved(self) -> bytes:
        """Return the message that says: come again."""
        return self._form("moved", "", encode({"t": "moved"}))

    def bye(self, code: str, sentence: str) -> bytes:
        """Return the message that says: the session has ended."""
        return self._form("bye", "", dialect.bye(code, sentence))


# ---- who hears ----


class _Hearer(WebPeer):
    """What a stream and a long request have in common: the session of a client that only hears.

    Until it has its ``cursor`` nothing can be said: the request is not answered yet.
    """

    __slots__ = ("_cursor", "_is_lost", "session")

    session: Session

    def __init__(self, connection: WebConnection, channel: Any, address: str) -> None:
        super().__init__(connection, channel, address)
        self._cursor: Cursor | None = None
        self._is_lost = False

    async def chat(self, request: Request, start: Cursor | None) -> None:
        """Log in by the request's ticket, and hear from ``start``, or from now on. Never returns if the
        session ends meanwhile.

        :raises ChatnetError: one of them is not good.
        """
        ticket = request.shows().ticket
        if ticket is None:
            raise BadTicket(BadTicket.sentence)
        self.session = await resumed(request, self, ticket)
        self.connection.arriving = self
        try:
            self._cursor = (await self.session.chat(start)).cursor
        except Exception:
            self.lost("it was refused")
            raise

    def lost(self, why: str = "it was closed") -> None:
        """The connection is gone, or the request is answered."""
        if not self._is_lost:
            self._is_lost = True
            self.connection.arriving = None
            self.session.lost(why)

    def marked(self, room: str, seq: int) -> None:
        """Do nothing: who hears so reads no rooms."""

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        """Do nothing, either."""


class Stream(_Hearer):
    """A connection on which everything is said that is heard.

    It is a :class:`~chatnet.worker.peer.Peer`, and a :class:`~chatnet.worker.fronts.web.connection.Speech`.
    """

    __slots__ = ()

    channel: StreamChannel
    is_stranger = False
    is_idle = True
    is_answering = True  # its client says nothing, ever; if it is gone, TCP finds out

    # ---- what the connection says: see Speech ----

    def begin(self) -> None:
        assert self._cursor is not None
        self._put(self.channel.begins + self.channel.upto(self._cursor))

    def receive(self, data: bytes) -> None:
        """Do nothing: a client says nothing more."""

    def step(self) -> bool:
        return False

    def filled(self) -> None:
        self.session.filled()

    def drained(self) -> None:
        self.session.drained()

    def ping(self) -> None:
        cursor = self.session.cursor
        self._put(self.channel.alive() if cursor is None else self.channel.upto(cursor))

    def fell_silent(self) -> None:
        """Do nothing: a client has nothing to say."""

    # ---- what the session says: see Peer ----

    def put(self, posts: Sequence[Entry]) -> None:
        outbox = self.connection.outbox
        outbox.put(self.channel.posts(posts))
        outbox.flush()

    def moved(self) -> None:
        self._end(self.channel.moved())

    def rewound(self, to: Cursor) -> None:
        self._end(self.channel.rewound(to))

    def ended(self, code: str, sentence: str) -> None:
        self._put(self.channel.bye(code, sentence))

    def hang_up(self) -> None:
        self._end(b"")

    def _end(self, last: bytes) -> None:
        self.session.unchat()  # nothing may follow it
        if last:
            self._put(last)
        self.connection.close()

    def _put(self, data: bytes) -> None:
        if self.connection.transport is not None and self._cursor is not None:
            self.connection.outbox.put(data)


class PollChannel(HeardChannel):
    """Delivers to the long requests of a worker, which are answered all in one."""

    def fan(self, entries: Sequence[Entry], hearing: Iterable[Hearing]) -> None:
        """Give ``entries`` to each request."""
        for _, polls in hearing:
            for poll in polls:
                poll.heard(entries)


class Poll(_Hearer):
    """A request that waits until something is heard: a :class:`~chatnet.worker.peer.Peer`. Another follows
    it: until then its user is shown as being here."""

    lingers = GRACE_SECONDS
    __slots__ = (
        *("_deadline", "_entries", "_error", "_full", "_is_due", "_looks", "_outboxes"),
        "answered",
    )

    def __init__(
        self, connection: WebConnection, channel: PollChannel, address: str, outboxes: Outboxes
    ) -> None:
        super().__init__(connection, channel, address)
        self._outboxes = outboxes
        self._entries: list[Entry] = []
        self._error: BaseException | None = None
        self._full = self._is_due = False
        self._looks = 0
        self._deadline: IDelayedCall | None = None
        self.answered: Deferred[None] = Deferred()

    async def answer(self, request: Request, start: Cursor | None, seconds: int) -> Answer:
        """Return the answer: what was heard, and the cursor behind it.

        :raises ChatnetError: the session has ended, or cannot hear.
        """
        chatting = Deferred.fromCoroutine(self.chat(request, start))
        chatting.addCallbacks(lambda _: self._wait(seconds), self._refused)
        await self.answered
        if self._error is not None:
            raise self._error
        if self._cursor is None:  # before it could begin, another worker took over
            raise TryLater.of(seconds=LATER_SECONDS)
        posts = [shown(self.session.log_id, entry) for entry in self._entries]
        return answer_json(200, {"posts": posts, "cursor": cursor_text(self._cursor)})

    def _refused(self, failure: Failure) -> None:
        self._error = failure.value
        if not self.answered.called:
            self.answered.callback(None)

    def heard(self, entries: Sequence[Entry]) -> None:
        """Answer with these, and what else is heard in this turn of the reactor."""
        self._entries += entries
        self._answer_soon()

    def _wait(self, seconds: float) -> None:
        self._deadline = self._outboxes.later(seconds, self._time_is_over)

    def _time_is_over(self) -> None:
        cursor = self.session.cursor
        if (cursor is None or cursor.seq < self.session.head) and self._looks < _LOOKS:
            self._looks += 1
            self._wait(_LOOK_SECONDS)
        else:
            self._answer()

    async def chat(self, request: Request, start: Cursor | None) -> None:
        await super().chat(request, start)
        if not self._is_lost:
            self.connection.known(True)

    def lost(self, why: str = "it was closed") -> None:
        if not self._is_lost:
            self.connection.known(False)
        super().lost(why)
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()

    def _answer_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._outboxes.next_turn(self._answer)

    def _answer(self) -> None:
        if self.answered.called or self._is_lost:
            return
        last = Cursor.at(self.session.log_id, self._entries[-1]) if self._entries else self._cursor
        if self._cursor is not None:
            self._cursor = self.session.cursor or last
        self.lost("it was answered")
        self.answered.callback(None)

    # ---- what the session says: see Peer ----

    @property
    def ear(self) -> Any:
        return self

    @property
    def full(self) -> bool:
        return self._full

    def put(self, posts: Sequence[Entry]) -> None:
        self._full = True  # one page of what was missed is enough for one answer
        self.heard(posts)
        self.session.filled()

    def moved(self) -> None:
        self._answer_soon()

    def rewound(self, to: Cursor) -> None:
        self._entries, self._cursor = [], to
        self._answer_soon()

    def ended(self, code: str, sentence: str) -> None:
        self._error = REFUSALS.get(code.encode(), SessionEnded)(sentence)
        self._answer_soon()

    def hang_up(self) -> None:
        self._answer_soon()


# ---- where it is asked for ----


class Streams:
    """Makes streams of the requests that ask for one."""

    def __init__(self, outboxes: Outboxes, is_full: Callable[[], bool]) -> None:
        self._outboxes = outboxes
        self._is_full = is_full
        self._channels: dict[str, StreamChannel] = {}
        self._polls = PollChannel()

    def routes(self) -> list[Route]:
        """Return where a stream is asked for."""
        return [Route("GET", f"{API}/stream", self.open)]

    async def open(self, request: Request) -> Answer | Switch:
        """Return the answer behind which everything is said that is heard; or, to a long request, what is
        heard next.

        :raises ChatnetError: the ticket or the cursor is not good.
        """
        query = request.query
        said = request.headers.get("last-event-id") or query.get("cursor") or ""
        start = cursor_in(said) if said else None
        check_room(self._is_full())
        is_head = request.asked.method == "HEAD"  # answered as a GET would be, and at once
        if "wait" in query:
            seconds = _seconds(query["wait"])
            poll = Poll(request.connection, self._polls, request.seen.address, self._outboxes)
            return await poll.answer(request, start, 0 if is_head else seconds)
        kind = EVENT_STREAM if EVENT_STREAM in request.headers.get("accept", "") else LINES
        named = f"{kind}; charset=utf-8" if kind == EVENT_STREAM else kind
        headers = (("Content-Type", named), NOT_KEPT, ("X-Accel-Buffering", "no"))
        channel = self._channel(request.log_id, kind)
        stream = Stream(request.connection, channel, request.seen.address)
        await stream.chat(request, start)
        if is_head:
            stream.lost("it was asked by HEAD")
            return Answer(200, headers, is_last=True)
        return Switch(200, (*headers, ("Connection", "close")), stream)

    def _channel(self, log_id: str, kind: str) -> StreamChannel:
        channel = self._channels.get(kind)
        if channel is None or channel.log_id != log_id:
            channel = self._channels[kind] = StreamChannel(self._outboxes, log_id, kind)
        return channel


def _seconds(text: str) -> int:
    try:
        return number_in(text, MOST_WAIT)
    except ValueError as error:
        raise BadRequest.of(why=f"one may wait for 0 to {MOST_WAIT} seconds.") from error
