"""Answers one request of HTTP on each connection, and closes it: where browsers only lose their way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import h11
from twisted.internet.interfaces import IReactorTime

from chatnet.addresses import both_on_loopback
from chatnet.net.request_target import Target
from chatnet.net.short_visit import ShortVisit, ShortVisits
from chatnet.net.visitors import Visitors

MOST_BYTES = 8 * 1024
"""How much of a request is read."""
TEXT = "text/plain; charset=utf-8"
_HOST = re.compile(r"[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\]", re.IGNORECASE)
_TARGET = re.compile(r"/(?![/\\])[!-~]{0,2000}")


@dataclass(frozen=True)
class Asked:
    """A request: for the path and query ``target``, ``/`` if that is none that can be asked again elsewhere;
    at the ``host`` that the client names, or where it reached us. ``is_here``: it is on this machine."""

    target: str
    host: str
    is_here: bool


@dataclass(frozen=True)
class Said:
    """An answer: where to go, or why nowhere."""

    status: int
    text: str
    location: str = ""
    kind: str = TEXT


class OneAnswer(ShortVisits):
    """Gives ``answers`` at a port."""

    def __init__(self, answers: Callable[[Asked], Said], visitors: Visitors, clock: IReactorTime) -> None:
        super().__init__(visitors, clock)
        self.answers = answers

    def visit(self) -> _Answering:
        return _Answering(self)


class _Answering(ShortVisit):
    """One connection."""

    def __init__(self, port: OneAnswer) -> None:
        super().__init__(port)
        self._port = port
        self._http = h11.Connection(h11.SERVER, MOST_BYTES)
        self._is_answered = False

    def dataReceived(self, data: bytes) -> None:
        if self._is_answered:
            return
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self._say(Said(error.error_status_hint, "This is no request that is understood here."))
            return
        if isinstance(event, h11.Request):
            self._say(self._port.answers(self._asked(event)), has_body=event.method != b"HEAD")
        elif event is not h11.NEED_DATA:
            self.abort()

    def _asked(self, request: h11.Request) -> Asked:
        target = Target.of(request.target.decode("latin-1"))
        named = next((value for name, value in request.headers if name == b"host"), b"").decode("latin-1")
        host = re.sub(r":\d{1,5}$", "", target.host or named.rstrip())
        return Asked(
            target.path if _TARGET.fullmatch(target.path) else "/",
            host.strip("[]") if _HOST.fullmatch(host) else getattr(self.transport.getHost(), "host", ""),
            both_on_loopback(self.transport),
        )

    def _say(self, said: Said, has_body: bool = True) -> None:
        self._is_answered = True
        body = f"{said.text}\n".encode()
        headers = [
            ("Content-Type", said.kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if said.location:
            headers.append(("Location", said.location))
        reason = HTTPStatus(said.status).phrase
        written = self._http.send(h11.Response(status_code=said.status, headers=headers, reason=reason))
        self.transport.write((written or b"") + (body if has_body else b""))
        self.transport.loseConnection()
