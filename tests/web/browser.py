"""A worker's web in memory, and clients of it that send bytes as browsers, bots and strangers do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import h11
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from worker.conftest import Worker

from chatnet.testing.loopback import Loopback
from chatnet.worker.entrance import Entrance
from chatnet.worker.front import Shared
from chatnet.worker.fronts.web.assets import Assets, assets_of
from chatnet.worker.fronts.web.front import Web
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.world import Clocks

HOST = "127.0.0.1:8080"
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
        self.serves = True
        clocks = Clocks(worker.clock, worker.clock.seconds, worker.clock.seconds)
        shared = Shared(worker.outboxes, worker.pulse, worker.visitors, worker.others)
        self.web = Web(shared, WebSettings(clocks, worker.entropy, assets, **said), self._let_in)

    def _let_in(self) -> Entrance | None:
        return self.worker.entrance if self.serves else None

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
