"""What a worker's port offers to browsers and bots."""

from __future__ import annotations

from collections.abc import Callable

from chatnet.worker.entrance import Entrance
from chatnet.worker.front import Shared
from chatnet.worker.fronts.web.account import Account
from chatnet.worker.fronts.web.api import Api
from chatnet.worker.fronts.web.connection import WebConnection
from chatnet.worker.fronts.web.exchange import Exchange
from chatnet.worker.fronts.web.kept import Kept
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.worker.fronts.web.site import Site
from chatnet.worker.fronts.web.socket import Sockets
from chatnet.worker.fronts.web.stream import Streams

LetIn = Callable[[], Entrance | None]
"""Returns where clients come in now; None while nobody is served."""


def nobody() -> None:
    """Let nobody in."""


class Web:
    """Speaks HTTP, and what requests make of it: a :class:`~chatnet.worker.front.Front`.

    ``let_in`` is asked at each request: while it returns None, the page's files are answered, and what needs
    the log is put off. While ``is_full()``, only who stays on a connection is put off: by a socket, a stream
    or a long request.
    """

    begins = frozenset(b"CDGHOPT")
    """The first letters of the methods of HTTP."""
    in_plain = b""  # its own port answers who comes so: see worker/web_port.py

    def __init__(
        self,
        shared: Shared,
        settings: WebSettings,
        let_in: LetIn = nobody,
        is_full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._shared = shared
        self._settings = settings
        self._is_full = is_full
        self._kept = Kept(shared.outboxes)
        self._site = self._made(let_in)
        self._of: tuple[Entrance, Site] | None = None

    def connection(self, entrance: Entrance) -> WebConnection:
        """Return a connection of a port that is no other worker's, whose clients all come in through
        ``entrance``."""
        if self._of is None or self._of[0] is not entrance:
            self._of = entrance, self._made(lambda: entrance)
        connection = self._connection(self._of[1])
        connection.by_shared_port = False
        return connection

    def visitor(self) -> WebConnection:
        """Return a connection of a port that is open whether anybody is let in or not."""
        return self._connection(self._site)

    def stop(self) -> None:
        """End what is kept between requests."""
        self._kept.stop()

    def _made(self, let_in: LetIn) -> Site:
        outboxes = self._shared.outboxes
        account, api = Account(self._settings, self._kept), Api(self._settings, self._kept)
        parts = Sockets(outboxes, self._is_full), Streams(outboxes, self._is_full), account, api
        routes = [route for part in parts for route in part.routes()]
        return Site(self._settings, let_in, self._shared.visitors.may_be_logged, routes)

    def _connection(self, site: Site) -> WebConnection:
        connection = WebConnection(self._shared)
        connection.speech = Exchange(connection, site)
        return connection
