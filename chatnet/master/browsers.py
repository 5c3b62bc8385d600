"""What browsers are told at a master's port: where the page is, or how to open it.

Nothing here is secret, so it is said without TLS to other machines, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import h11
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from chatnet.addresses import both_on_loopback
from chatnet.net.visitors import Visitors
from chatnet.wire.operate import Page

MOST_BYTES = 8 * 1024
"""How much of a request is read."""
_HOST = re.compile(r"[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\]", re.IGNORECASE)

Pages = Callable[[str], Sequence[Page]]
"""Returns where the page is, for somebody who reached this host at the host that is given."""


@dataclass(frozen=True)
class Said:
    """An answer: where to go, or why nowhere."""

    status: int
    text: str
    location: str = ""


def answer(pages: Sequence[Page], is_here: bool) -> Said:
    """Return what a browser is told; ``is_here``: it is on this machine."""
    for page in pages:
        if is_here or not page.only_on:
            return Said(302, f"The page is at {page.url}", page.url + "/")
    for page in pages:
        port = page.url.rpartition(":")[2]
        return Said(
            404,
            f"The page is open on {page.only_on} alone, at {page.url}. To open it to others, start chatnet "
            f"with --web 0.0.0.0:{port}; or go there by: ssh -L {port}:localhost:{port} {page.only_on}",
        )
    return Said(
        404, "This is a chatnet master, for twistd chat-client. There is no page: see its option --web."
    )


class Browsers(Factory):
    """Answers HTTP at a master's port. ``pages`` says what it knows of the page."""

    noisy = False

    def __init__(self, pages: Pages, visitors: Visitors, clock: IReactorTime) -> None:
        self.pages = pages
        self.visitors = visitors
        self.clock = clock

    def buildProtocol(self, addr: Any) -> _Browser:
        browser = _Browser(self)
        self.visitors.came(browser, getattr(addr, "host", ""))
        return browser


class _Browser(Protocol):
    """One connection, which gets one answer."""

    transport: Any
    is_idle = True
    """It may be closed to make room for others."""

    def __init__(self, port: Browsers) -> None:
        self._port = port
        self._http = h11.Connection(h11.SERVER, MOST_BYTES)
        self._is_answered = False
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._deadline = self._port.clock.callLater(self._port.visitors.seconds_left(self), self.abort)

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
            reached = _reached(event, self.transport)
            self._say(
                answer(self._port.pages(reached), both_on_loopback(self.transport)),
                has_body=event.method != b"HEAD",
            )
        elif event is not h11.NEED_DATA:
            self.abort()

    def _say(self, said: Said, has_body: bool = True) -> None:
        self._is_answered = True
        body = f"{said.text}\n".encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
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

    def abort(self) -> None:
        """Close now."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._port.visitors.known(self)
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()


def _reached(request: h11.Request, transport: Any) -> str:
    """Return the host where this machine was reached, as the browser says, or as the transport does."""
    for name, value in request.headers:
        if name == b"host":
            host = value.decode("latin-1").rstrip()
            named = re.sub(r":\d{1,5}$", "", host)
            if _HOST.fullmatch(named):
                return named.strip("[]")
    return getattr(transport.getHost(), "host", "")
