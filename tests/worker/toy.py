"""A toy protocol for clients, in lines of text: all that a front has to be, over the real core of a worker.

A client says ``LOGIN name secret``, ``RESUME ticket``, ``POST text``, ``JOIN room``, ``LEAVE room``,
``SECRET old new``, ``ROOMS prefix``, ``HISTORY room``, ``CHAT``, ``CHAT seq check`` or ``UNCHAT``, and is
answered by ``OK …`` or ``NO`` and a sentence. What it hears is ``HEAR place seq kind user text``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from worker.conftest import Worker
from zope.interface import implementer

from chatnet.cursor import Cursor
from chatnet.entries import Entry, fresh_key
from chatnet.errors import ChatnetError
from chatnet.kinds import HEARD, STAYS, KindName
from chatnet.net.outbox import Outbox, Outboxes
from chatnet.testing.loopback import Loopback
from chatnet.worker.entrance import Entrance
from chatnet.worker.peer import Hearing
from chatnet.worker.session import Session


def heard(place: str, one: Entry) -> bytes:
    return f"HEAR {place} {one.seq} {one.kind} {one.user} {one.text}\n".encode()


class ToyChannel:
    """Delivers to all toy connections; ``runs`` are the seqs that were encoded together, by place."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, list[int]]] = []

    def shows(self, kind: KindName) -> bool:
        return kind in HEARD or kind in STAYS

    def fan(self, entries: Sequence[Entry], hearing: Sequence[Hearing]) -> None:
        for place, outboxes in hearing:
            self.runs.append((place, [one.seq for one in entries]))
            chunk = b"".join(heard(place, one) for one in entries)
            for outbox in outboxes:
                outbox.put(chunk)


@implementer(IPushProducer)
class ToyFront(LineOnlyReceiver):
    """One connection, before and after it has logged in: a :class:`chatnet.worker.peer.Peer`."""

    delimiter = b"\n"
    transport: Any
    session: Session | None = None

    def __init__(
        self,
        entrance: Entrance,
        channel: ToyChannel,
        outboxes: Outboxes,
        entropy: Callable[[int], bytes],
    ) -> None:
        self.channel = channel
        self.full = False
        self._entrance = entrance
        self._outboxes = outboxes
        self._entropy = entropy
        self._holds = 0
        self._lines: list[bytes] = []

    # ---- the connection ----

    def connectionMade(self) -> None:
        self.ear = Outbox(self.transport, self._outboxes)
        self.transport.registerProducer(self, True)
        self._arrival = self._entrance.arrival(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ear.lost()
        (self._arrival if self.session is None else self.session).lost()

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
        """The transport is closing."""

    # ---- lines ----

    def lineReceived(self, line: bytes) -> None:
        self._lines.append(line)
        self._go_on()

    def _go_on(self) -> None:
        while self._lines and not self._holds:
            Deferred.fromCoroutine(self._obey(self._lines.pop(0).decode()))

    async def _obey(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        known = ToyFront.BEFORE if self.session is None else ToyFront.AFTER
        try:
            answer = await known[command](self, rest) if command in known else f"NO such command: {command}"
        except ChatnetError as why:
            answer = f"NO {why}"
        self.ear.put(f"{answer}\n".encode())

    async def _login(self, rest: str) -> str:
        name, secret = rest.split()
        self.session = await self._arrival.login(name, secret.encode(), new=True)
        return f"OK {self.session.user} {self.session.ticket().hex()}"

    async def _resume(self, rest: str) -> str:
        self.session = await self._arrival.resume(bytes.fromhex(rest))
        return f"OK {self.session.user}"

    async def _post(self, text: str) -> str:
        return f"OK {await self._its.post(self._key(), text)}"

    async def _join(self, room: str) -> str:
        change = await self._its.join(self._key(), room)
        return f"OK {change.seq} {change.room}"

    async def _leave(self, room: str) -> str:
        change = await self._its.leave(self._key(), room)
        return f"OK {change.seq} {change.room}"

    async def _secret(self, rest: str) -> str:
        old, new = rest.encode().split()
        return f"OK {(await self._its.set_secret(self._key(), old, new)).ticket.hex()}"

    async def _rooms(self, prefix: str) -> str:
        return f"OK {' '.join((await self._its.rooms(prefix, '')).names)}"

    async def _history(self, room: str) -> str:
        return f"OK {' '.join(post.text for post in await self._its.history(room, None))}"

    async def _chat(self, rest: str) -> str:
        seq, _, check = rest.partition(" ")
        begun = await self._its.chat(Cursor(int(seq), bytes.fromhex(check)) if rest else None)
        first = b"".join(heard(post.room, post) for post in begun.posts).decode()
        return f"OK {begun.cursor.seq} {begun.cursor.check.hex()}\n{first}".rstrip()

    async def _unchat(self, _: str) -> str:
        self._its.unchat()
        return "OK"

    BEFORE: dict[str, Any] = {"LOGIN": _login, "RESUME": _resume}
    AFTER: dict[str, Any] = {
        "POST": _post,
        "JOIN": _join,
        "LEAVE": _leave,
        "SECRET": _secret,
        "ROOMS": _rooms,
        "HISTORY": _history,
        "CHAT": _chat,
        "UNCHAT": _unchat,
    }

    @property
    def _its(self) -> Session:
        assert self.session is not None
        return self.session

    def _key(self) -> bytes:
        return fresh_key(0, self._entropy)

    # ---- what the session says: see Peer ----

    @property
    def address(self) -> str:
        return getattr(self.transport.getPeer(), "host", "")

    def hold(self) -> None:
        self._holds += 1

    def release(self) -> None:
        self._holds -= 1
        if not self._holds:
            self._outboxes.next_turn(self._go_on)

    def put(self, posts: Sequence[Entry]) -> None:
        self.ear.put(b"".join(heard(post.room, post) for post in posts))
        self.ear.flush()

    def moved(self) -> None:
        self.ear.put(b"MOVED\n")

    def rewound(self, to: Cursor) -> None:
        self.ear.put(b"REWOUND %d\n" % to.seq)

    def ended(self, code: str, sentence: str) -> None:
        self.ear.put(f"ENDED {code} {sentence}\n".encode())

    def hang_up(self) -> None:
        self.ear.close()

    def abort(self) -> None:
        self.transport.abortConnection()


class _Lines(LineOnlyReceiver):
    delimiter = b"\n"

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.connected = True

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = False

    def lineReceived(self, line: bytes) -> None:
        self.lines.append(line.decode())


class ToyClient:
    """A client's end of one toy connection to ``worker``: logged in, if a name is given."""

    def __init__(self, worker: Worker, channel: ToyChannel, name: str = "") -> None:
        self._worker = worker
        self._end = _Lines()
        self.server = ToyFront(worker.entrance, channel, worker.outboxes, worker.entropy)
        self.wire = Loopback(self._end, self.server)
        worker.clients.append(self)  # type: ignore[arg-type]
        if name:
            assert self.ask(f"LOGIN {name} {'s' * 32}").startswith(f"OK {name}")

    @property
    def connected(self) -> bool:
        return bool(self._end.connected)

    def begin(self, line: str) -> None:
        """Say a line."""
        self.wire.client_transport.write(f"{line}\n".encode())
        self._worker.settle()

    def ask(self, line: str) -> str:
        """The first answer that comes to it, apart from what is heard meanwhile."""
        before = len(self.said())
        self.begin(line)
        return self.said()[before]

    def said(self) -> list[str]:
        """All answers."""
        return [line for line in self._end.lines if not line.startswith("HEAR ")]

    def heard(self) -> list[str]:
        """All that it was shown."""
        return [line.removeprefix("HEAR ") for line in self._end.lines if line.startswith("HEAR ")]

    def cut(self) -> None:
        """Lose the connection."""
        self.wire.cut()
        self._worker.clients.remove(self)  # type: ignore[arg-type]
