"""A worker's web in memory, and clients of it that send bytes as browsers, bots and strangers do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import h11
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from worker.conftest import Worker
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, Pong, TextMessage

from chatnet.testing.loopback import Loopback
from chatnet.worker.entrance import Entrance
from chatnet.worker.front import Shared
from chatnet.worker.fronts.web.assets import Assets, assets_of
from chatnet.worker.fronts.web.dialect import packed
from chatnet.worker.fronts.web.front import Web
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.world import Clocks

HOST = "localhost:8080"
ORIGIN = f"http://{HOST}"
PAGE = assets_of(
    {
        "index.html": b"<!doctype html><script type=module src=/page.js></script>",
        "loader.js": b'import("/a/__HASH__/main.js")',
        "main.js": b"export const text = 1;\n" * 100,
        "view/view.js": b"// a view",
    }
)


class Answered(NamedTuple):
    """An answer; the names of ``headers`` are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WebStage:
    """The web of ``worker``, which lets people in as long as ``serves``."""

    def __init__(self, worker: Worker, assets: Assets = PAGE, **said: Any) -> None:
        self.worker = worker
        self.serves, self.is_full = True, False
        self._tickets: dict[str, bytes] = {}
        clocks = Clocks(worker.clock, worker.clock.seconds, worker.clock.seconds)
        shared = Shared(worker.outboxes, worker.pulse, worker.visitors, worker.others)
        self.settings = WebSettings(clocks, worker.entropy, assets, **said)
        self.web = Web(shared, self.settings, self._let_in, lambda: self.is_full)

    def _let_in(self) -> Entrance | None:
        return self.worker.entrance if self.serves else None

    def ticket(self, name: str) -> bytes:
        """Return a ticket of a user, who is registered if they are not."""
        if name not in self._tickets:
            client = self.worker.client()
            self._tickets[name] = client.login(name)["ticket"]
            client.cut()
        return self._tickets[name]

    def socket(self, name: str, **hello: Any) -> WebSocket:
        """Return a socket of a user, who has said hello."""
        socket = WebSocket(self, self.ticket(name))
        assert socket.hello(**hello)["t"] == "welcome"
        return socket

    def line(self) -> Line:
        """Return a new connection."""
        return Line(self)

    def ask(self, method: str, target: str, body: object = None, **headers: str) -> Answered:
        """Ask on a connection of its own."""
        line = self.line()
        answer = line.ask(method, target, body, **headers)
        line.cut()
        return answer


class Line(Protocol):
    """A client's end of one connection: what came is in ``came``."""

    def __init__(self, stage: WebStage) -> None:
        self.stage = stage
        self.came = b""
        self.is_open = True
        self.server: Any = stage.web.visitor()
        stage.worker.visitors.came(self.server, "127.0.0.1")
        self.wire = Loopback(self, self.server)
        stage.worker.clients.append(self)  # type: ignore[arg-type]

    def dataReceived(self, data: bytes) -> None:
        self.came += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_open = False

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.wire.client_transport.write(data)
        self.stage.worker.settle()

    def ask(self, method: str, target: str, body: object = None, **headers: str) -> Answered:
        """Send a request of our own page; return the answer."""
        self.send(request(method, target, body, headers))
        return self.answer(method)

    def answer(self, method: str = "GET") -> Answered:
        """Take out the first answer that came."""
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        reader.send(h11.EndOfMessage())
        reader.receive_data(self.came)
        body = b""
        head: h11.Response | None = None
        while not isinstance(event := reader.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                assert isinstance(event, h11.InformationalResponse), f"no whole answer: {self.came!r}"
        assert head is not None
        self.came = reader.trailing_data[0]
        cookies = [value.decode() for name, value in head.headers if name == b"set-cookie"]
        named = {name.decode(): value.decode() for name, value in head.headers}
        return Answered(head.status_code, named, body, cookies)

    def cut(self) -> None:
        """Lose the connection."""
        if self.is_open:
            self.wire.cut()
        self.stage.worker.clients.remove(self)  # type: ignore[arg-type]


def request(
    method: str, target: str, body: object = None, headers: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """Return the bytes of a request; underscores in the names of headers stand for hyphens, and a header with
    the value "-" is left out."""
    named = {"host": HOST} | {name.replace("_", "-"): value for name, value in headers.items()}
    content = b""
    if body is not None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named.setdefault("content-type", "application/json")
        named.setdefault("content-length", str(len(content)))
    if method not in ("GET", "HEAD"):
        named.setdefault("origin", ORIGIN)
    lines = [f"{name}: {value}" for name, value in named.items() if value != "-"]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "\r\n"]).encode("latin-1") + content


class WebSocket(Line):
    """A client's end of a socket. ``told`` is what the worker said, ``closed`` the code of its close, and
    ``raw`` all its bytes."""

    def __init__(self, stage: WebStage, ticket: bytes, **headers: str) -> None:
        super().__init__(stage)
        self.frames = Connection(ConnectionType.CLIENT)
        self.told: list[dict[str, Any]] = []
        self.pings = 0
        self.pongs: list[bytes] = []
        self.closed: int | None = None
        self.raw = b""
        self.reason = ""
        self._text = ""
        self._numbers = 0
        self._upgraded = False
        self.send(upgrade(ticket, **headers))
        if self.came.startswith(b"HTTP/1.1 101 "):
            _, _, rest = self.came.partition(b"\r\n\r\n")
            self._upgraded = True
            self.dataReceived(rest)

    def dataReceived(self, data: bytes) -> None:
        if not self._upgraded:
            super().dataReceived(data)
            return
        self.raw += data
        self.frames.receive_data(data)
        for event in self.frames.events():
            if isinstance(event, TextMessage):
                self._text += event.data
                if event.message_finished:
                    self.told.append(json.loads(self._text))
                    self._text = ""
            elif isinstance(event, Ping):
                self.pings += 1
            elif isinstance(event, Pong):
                self.pongs.append(bytes(event.payload))
            elif isinstance(event, CloseConnection):
                self.closed, self.reason = event.code, event.reason or ""

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.say_text(json.dumps(message))

    def say_text(self, text: str) -> None:
        """Send a text in one frame."""
        self.send(self.frames.send(Message(text)))

    def hello(self, **said: Any) -> dict[str, Any]:
        """Say hello; return what is answered."""
        before = len(self.told)
        self.say(t="hello", v=1, **said)
        return self.told[before]

    def begin(self, command: str, **arguments: Any) -> int:
        """Ask something; return its number."""
        self._numbers += 1
        self.say(t=command, id=self._numbers, **arguments)
        return self._numbers

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:  # type: ignore[override]
        """Ask something, and return its answer."""
        number = self.begin(command, **arguments)
        [answer] = [one for one in self.told if one.get("id") == number and one["t"] in ("ok", "error")]
        return answer

    def key(self) -> str:
        """Return a new key."""
        return packed(self.stage.worker.entropy(16))

    def post(self, text: str, **more: Any) -> dict[str, Any]:
        """Post a text."""
        return self.ask("post", key=self.key(), text=text, **more)

    def heard(self) -> list[str]:
        """Return the texts that were delivered, behind the welcome."""
        return [post["text"] for one in self.told if one["t"] == "posts" for post in one["posts"]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return what was said of this kind."""
        return [one for one in self.told if one["t"] == kind]


def upgrade(ticket: bytes, **headers: str) -> bytes:
    """Return the request that asks for a socket, as a page of ours does."""
    named = {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "origin": ORIGIN,
        "cookie": f"other=1; chatnet-memory={packed(ticket)}",
    }
    return request("GET", "/ws", None, named | {name.replace("_", "-"): one for name, one in headers.items()})


def read_late(stage: WebStage, monkeypatch: pytest.MonkeyPatch, kind: type = object) -> Deferred[None]:
    """Let no read of this kind be answered by the log before the Deferred fires that is returned."""
    late: Deferred[None] = Deferred()
    real = stage.worker.log.read

    async def slow(question: Any) -> Any:
        if isinstance(question, kind):
            await late
        return await real(question)

    monkeypatch.setattr(stage.worker.log, "read", slow)
    return late
