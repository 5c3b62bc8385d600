"""A toy protocol for clients, in lines of text: everything that a front must be, over the real core of a
worker.

A client sends a tag that begins with a digit, and a command; the answer has that tag, in any order: ``OK …``,
perhaps after lines ``HAS ENTRY``, or ``NO CODE SENTENCE``::

    7 LOGIN NAME SECRET     OK LOG TICKET       JOIN KEY ROOM           OK SEQ ROOM
         [DEVICE]
    7 RESUME TICKET         OK LOG              LEAVE KEY ROOM          OK SEQ ROOM
    7 POST KEY TEXT         OK SEQ              SECRET KEY OLD SECRET   OK SEQ TICKET
    7 SAY KEY ROOM TEXT     OK SEQ
    7 ROOMS PREFIX          OK ROOM …           HISTORY ROOM [BEFORE]   OK
    7 CHAT [SEQ CHECK]      OK SEQ CHECK        UNCHAT                  OK

Without a tag the worker sends ``HEAR PLACE ENTRY``, ``MOVED``, ``REWOUND SEQ CHECK``, ``ENDED CODE
SENTENCE``; as a sign of life ``AT SEQ CHECK``, up to where everything was sent, or ``ALIVE``, which the
client sends too; and ``NO CODE SENTENCE`` to a client without TLS from another machine. Bytes are in
hexadecimal; in a text, ``\\n`` is a new line, and a backslash is doubled.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from chatnet.addresses import Address
from chatnet.cursor import Cursor
from chatnet.entries import Entry, More, Ref, of_row, packed_more
from chatnet.errors import ChatnetError, NotAllowed, TlsRequired
from chatnet.kinds import EVENTS, SAID, KindName
from chatnet.net.outbox import Outbox, Outboxes
from chatnet.stays import CHANGES
from chatnet.worker.entrance import Entrance
from chatnet.worker.front import Shared
from chatnet.worker.logins import Shown
from chatnet.worker.peer import Hearing
from chatnet.worker.session import Session

MOST_LINES = 64
"""How many lines may wait while a client is held; then it is not read."""


def escaped(text: str) -> str:
    """Return ``text`` in one line."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def unescaped(line: str) -> str:
    """Return the text that was made one line."""
    return "\\".join(part.replace("\\n", "\n") for part in line.split("\\\\"))


def entry_words(one: Entry) -> str:
    """Return an entry in the words of this protocol."""
    more = (packed_more(one.more) or b"").hex() or "-"
    words = (one.seq, one.kind, one.user, one.room or "-", one.time, one.key.hex(), more, escaped(one.text))
    return " ".join(map(str, words))


def read_entry(words: str) -> Entry:
    """Return the entry in these words."""
    seq, kind, user, room, time, key, more, text = words.split(" ", 7)
    row = (int(seq), int(time), kind, user, "" if room == "-" else room, unescaped(text), bytes.fromhex(key))
    return of_row((*row, None if more == "-" else bytes.fromhex(more), ""))


class Toy:
    """What a worker's port offers to clients that speak in lines: a :class:`~chatnet.worker.front.Front`."""

    begins = b"0123456789"
    in_plain = f"NO {TlsRequired.code.decode()} {TlsRequired.sentence}\n".encode()

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._channel = ToyChannel(shows_stays=False)

    def connection(self, entrance: Entrance) -> ToyFront:
        return ToyFront(entrance, self._channel, self._shared.outboxes, self._shared)


class ToyChannel:
    """Delivers to all toy connections; ``runs`` are the seqs that were encoded together, by place."""

    def __init__(self, shows_stays: bool = True) -> None:
        self.runs: list[tuple[str, list[int]]] = []
        self._shows_stays = shows_stays

    def shows(self, kind: KindName) -> bool:
        return kind in SAID or kind in EVENTS or (self._shows_stays and kind in CHANGES)

    def fan(self, entries: Sequence[Entry], hearing: Sequence[Hearing]) -> None:
        for place, outboxes in hearing:
            self.runs.append((place, [one.seq for one in entries]))
            chunk = _heard(place, entries)
            for outbox in outboxes:
                outbox.put(chunk)


@implementer(IPushProducer)
class ToyFront(LineOnlyReceiver):
    """One connection, before and after it has logged in: a :class:`chatnet.worker.peer.Peer`."""

    delimiter = b"\n"
    shared = passing = False
    lingers: float | None = 0.0
    transport: Any
    session: Session | None = None

    def __init__(
        self, entrance: Entrance, channel: ToyChannel, outboxes: Outboxes, shared: Shared | None = None
    ) -> None:
        self.channel = channel
        self.full = False
        self.silent = 0.0
        self.is_paused = False
        self._entrance = entrance
        self._outboxes = outboxes
        self._shared = shared
        self._holds = 0
        self._aborted = False
        self._lines: list[bytes] = []
        self._when_lost: list[Deferred[None]] = []

    # ---- the connection ----

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self.ear = Outbox(self.transport, self._outboxes)
        self.transport.registerProducer(self, True)
        if self._shared is not None:
            self._shared.pulse.add(self)
            self._arrival = self._entrance.arrival(self, self._shared.visitors.seconds_left(self))
        else:
            self._arrival = self._entrance.arrival(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ear.lost()
        self._known()
        if self._shared is not None:
            self._shared.pulse.discard(self)
        if self.session is None:
            self._arrival.lost()
        else:
            self.session.lost("it was closed")
        self.transport = None
        self._lines.clear()
        lost, self._when_lost = self._when_lost, []
        for one in lost:
            one.callback(None)

    def _known(self) -> None:
        if self._shared is not None:
            self._shared.visitors.known(self)

    def when_lost(self) -> Deferred[None]:
        lost: Deferred[None] = Deferred()
        self._when_lost.append(lost)
        return lost

    def pauseProducing(self) -> None:
        if not self.full:
            self.full = True
            self.hold()
            if self.session is not None:
                self.session.filled()

    def resumeProducing(self) -> None:
        self.full = False
        self.release()
        if self.session is not None:
            self.session.drained()

    def stopProducing(self) -> None:
        """Do nothing: the transport is closing."""

    # ---- who is there: see Watched, and Stranger ----

    @property
    def is_idle(self) -> bool:
        return self.session is None and self._arrival.is_idle

    def ping(self) -> None:
        cursor = None if self.session is None else self.session.cursor
        self._say("ALIVE" if cursor is None else f"AT {cursor.seq} {cursor.check.hex()}")

    def fell_silent(self) -> None:
        self.abort()

    # ---- lines ----

    def dataReceived(self, data: bytes) -> None:
        self.silent = 0.0
        if not self._aborted:
            super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        if line != b"ALIVE" and not self._aborted:
            self._lines.append(line)
            self._go_on()

    def _go_on(self) -> None:
        while self._lines and not (self._holds or self._aborted):
            Deferred.fromCoroutine(self._obey(self._lines.pop(0).decode()))
        is_paused = bool(self._holds) and len(self._lines) >= MOST_LINES
        if self.transport is not None and is_paused != self.is_paused:
            self.is_paused = is_paused
            (self.transport.pauseProducing if is_paused else self.transport.resumeProducing)()

    async def _obey(self, line: str) -> None:
        tag, command, *rest = line.split(" ", 2)
        known = ToyFront.BEFORE if self.session is None else ToyFront.AFTER
        try:
            if command not in known:
                raise NotAllowed(f"such command: {command}")
            answer = await known[command](self, tag, "".join(rest))
        except ChatnetError as why:
            answer = f"NO {why.code.decode()} {why}"
        self._say(f"{tag} {answer}")

    def _say(self, line: str) -> None:
        if self.transport is not None:
            self.ear.put(f"{line}\n".encode())

    async def _login(self, tag: str, rest: str) -> str:
        name, secret, *device = rest.split(" ")
        shown = Shown(bytes.fromhex(secret), True, More(device="".join(device)))
        session = self._begin(await self._arrival.login(name, shown))
        return f"OK {session.log_id} {session.ticket().hex()}"

    async def _resume(self, tag: str, ticket: str) -> str:
        return f"OK {self._begin(await self._arrival.resume(bytes.fromhex(ticket))).log_id}"

    def _begin(self, session: Session) -> Session:
        self.session = session
        self._known()
        return session

    async def _post(self, tag: str, rest: str) -> str:
        key, text = rest.split(" ", 1)
        return f"OK {await self._its.drafts.post(bytes.fromhex(key), unescaped(text))}"

    async def _say_in(self, tag: str, rest: str) -> str:
        key, room, text = rest.split(" ", 2)
        return f"OK {await self._its.drafts.post(bytes.fromhex(key), unescaped(text), room)}"

    async def _join(self, tag: str, rest: str) -> str:
        key, room = rest.split(" ", 1)
        change = await self._its.drafts.join(bytes.fromhex(key), room)
        return f"OK {change.seq} {change.room}"

    async def _leave(self, tag: str, rest: str) -> str:
        key, room = rest.split(" ", 1)
        change = await self._its.drafts.leave(bytes.fromhex(key), room)
        return f"OK {change.seq} {change.room}"

    async def _order(self, tag: str, rest: str) -> str:
        """Append what is neither a post nor a join or leave; "-" stands for what is not there, and "*" for
        the whole cluster."""
        key, kind, room, to, seq, check, text = rest.split(" ", 6)
        if kind == "create":
            return f"OK {(await self._its.drafts.create(bytes.fromhex(key), room, text)).seq}"
        ref = None if seq == "-" else Ref(int(seq), bytes.fromhex(check))
        more = More(to="" if to == "-" else to, ref=ref)
        where = None if room == "-" else "" if room == "*" else room
        return f"OK {await self._its.drafts.order(bytes.fromhex(key), kind, where, unescaped(text), more)}"

    async def _secret(self, tag: str, rest: str) -> str:
        change = await self._its.secret.set(*map(bytes.fromhex, rest.split(" ")))
        return f"OK {change.seq} {change.ticket.hex()}"

    async def _forget(self, tag: str, rest: str) -> str:
        await self._its.secret.forget(*map(bytes.fromhex, rest.split(" ")))
        return "OK"

    async def _rooms(self, tag: str, prefix: str) -> str:
        return " ".join(["OK", *(await self._its.reads.rooms(prefix, "")).names])

    async def _history(self, tag: str, rest: str) -> str:
        room, _, before = rest.partition(" ")
        return self._has(tag, await self._its.reads.history(room, int(before) if before else None))

    async def _chat(self, tag: str, rest: str) -> str:
        seq, _, check = rest.partition(" ")
        begun = await self._its.chat(Cursor(int(seq), bytes.fromhex(check)) if rest else None)
        return f"{self._has(tag, begun.posts)} {begun.cursor.seq} {begun.cursor.check.hex()}"

    async def _unchat(self, tag: str, _: str) -> str:
        self._its.unchat()
        return "OK"

    def _has(self, tag: str, posts: Sequence[Entry]) -> str:
        for post in posts:
            self._say(f"{tag} HAS {entry_words(post)}")
        return "OK"

    BEFORE: dict[str, Callable[[Any, str, str], Coroutine[Any, Any, str]]] = {
        "LOGIN": _login,
        "RESUME": _resume,
    }
    AFTER: dict[str, Callable[[Any, str, str], Coroutine[Any, Any, str]]] = {
        "POST": _post,
        "SAY": _say_in,
        "JOIN": _join,
        "LEAVE": _leave,
        "ORDER": _order,
        "SECRET": _secret,
        "FORGET": _forget,
        "ROOMS": _rooms,
        "HISTORY": _history,
        "CHAT": _chat,
        "UNCHAT": _unchat,
    }

    @property
    def _its(self) -> Session:
        assert self.session is not None
        return self.session

    # ---- what the session says: see Peer ----

    @property
    def address(self) -> str:
        return getattr(self.transport.getPeer(), "host", "")

    @property
    def name(self) -> str:
        return str(Address(self.address, getattr(self.transport.getPeer(), "port", 0)))

    def hold(self) -> None:
        self._holds += 1

    def release(self) -> None:
        self._holds -= 1
        if not self._holds:
            self._outboxes.next_turn(self._go_on)

    def put(self, posts: Sequence[Entry]) -> None:
        self.ear.put(b"".join(_heard(post.room, [post]) for post in posts))
        self.ear.flush()

    def marked(self, room: str, seq: int) -> None:
        """Do nothing: this protocol has no marks."""

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        """Do nothing: who wants to see joins and leaves sees those of all."""

    def moved(self) -> None:
        self._say("MOVED")

    def rewound(self, to: Cursor) -> None:
        self._say(f"REWOUND {to.seq} {to.check.hex()}")

    def ended(self, code: str, sentence: str) -> None:
        self._say(f"ENDED {code} {sentence}")

    def hang_up(self) -> None:
        if self.transport is not None:
            self.ear.close()

    def abort(self) -> None:
        self._aborted = True
        if self.transport is not None:
            self.transport.abortConnection()


def _heard(place: str, entries: Sequence[Entry]) -> bytes:
    return b"".join(f"HEAR {place} {entry_words(one)}\n".encode() for one in entries)
