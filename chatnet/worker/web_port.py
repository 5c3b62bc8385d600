"""The web port of a worker: open from its start until it is emptied or stops, shared with others of its host.

::

    Closed ── wanted ─▶ Joining ── asked who has it ─▶ Open
      ▲                    │ taken                      │
      │                    ├── a person asked for it: the worker ends with the sentence
      │                    ├── a default: left out, for good
      │                    └── a supervisor started us: said once, and tried again each 5 s
      └──── emptied, or the worker stops ───────────────┘
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.errors import TlsRequired
from chatnet.net.listen import limit_send_buffer
from chatnet.net.one_answer import Asked, OneAnswer, Said
from chatnet.net.security import Security
from chatnet.net.shared_port import FIRST_BYTE, Had, Identifying, Passport, join
from chatnet.net.visitors import Visitors
from chatnet.web_options import Web
from chatnet.worker.front import Shared, WebFront
from chatnet.worker.fronts.web import problems
from chatnet.worker.fronts.web.assets import Assets
from chatnet.worker.fronts.web.front import Web as WebPages
from chatnet.worker.fronts.web.origins import Trusted
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.worker.port import SEND_BUFFER, Clients
from chatnet.world import World

AGAIN_SECONDS = 5.0
"""Seconds until the next attempt to open a port that another program has."""
MIGRATION = Path("/proc/sys/net/ipv4/tcp_migrate_req")


@dataclass(frozen=True)
class Closed:
    """Nobody is answered: there is to be no port now, or the next attempt to open it is due later."""

    again: IDelayedCall | None = None


@dataclass(frozen=True)
class Joining:
    """The port is being asked who has it, and opened."""

    asking: Deferred[Had]


@dataclass(frozen=True)
class Open:
    """It is open."""

    had: Had


class WebPort:
    """The port that ``web`` names, where ``factory`` makes connections, of which ``front`` has the most.

    ``persists``: if another program has it, try again for ever; else, give up.
    """

    _logger = Logger()

    def __init__(
        self, web: Web, front: WebFront, factory: Factory, passport: Passport, persists: bool, world: World
    ) -> None:
        self._web = web
        self._front = front
        self._factory = factory
        self._passport = passport
        self._persists = persists
        self._world = world
        self._state: Closed | Joining | Open = Closed()
        self._is_wanted = False
        self._settled: Callable[[str, bool], None] | None = None
        self._said = ""
        self._closing: Deferred[None] = succeed(None)

    @property
    def place(self) -> str:
        """Where the page is now, as HOST:PORT; empty if it is nowhere."""
        return str(self._web.port) if isinstance(self._state, Open) else ""

    @property
    def taken(self) -> str:
        """Where it should be, as HOST:PORT, while another program has that port; empty otherwise."""
        return str(self._web.port) if self._is_wanted and isinstance(self._state, Closed) else ""

    @property
    def web(self) -> Web:
        """The options for other workers of this host."""
        return self._web

    def start(self, settled: Callable[[str, bool], None]) -> None:
        """Open the port. ``settled`` is called once, when it is open or will not be: with what to tell a
        person, if there is something to say, and whether the worker can go on."""
        self._settled = settled
        if self._web.port is None:
            self._settle()
            return
        self._warn_of_resets()
        self.want(True)

    def want(self, wanted: bool) -> None:
        """Have it open from now on, or closed."""
        self._is_wanted = wanted and self._web.port is not None
        match self._state:
            case Closed(again) if self._is_wanted and again is None:
                self._join()
            case Closed(again) if not self._is_wanted:
                if again is not None:
                    again.cancel()
                self._state = Closed()
            case Joining(asking) if not self._is_wanted:
                asking.cancel()
            case Open(had) if not self._is_wanted:
                self._state = Closed()
                self._closing = Deferred.fromCoroutine(had.close())
                self._closing.addErrback(lambda why: self._logger.failure("The port was not closed", why))

    def hang_up(self) -> None:
        """End what the front keeps between connections: the sessions of all clients end."""
        self._front.stop()

    async def stop(self) -> None:
        """Close it; its connections are in the pulse, and closed with all others."""
        self.want(False)
        await self._closing

    # ---- opening ----

    def _join(self) -> None:
        assert self._web.port is not None
        asking = Deferred.fromCoroutine(join(self._web.port, self._factory, self._passport, self._world))
        self._state = Joining(asking)
        asking.addCallbacks(self._opened, self._failed)

    def _opened(self, had: Had) -> None:
        for port in had.ports:
            limit_send_buffer(port, SEND_BUFFER)
        self._state = Open(had)
        self._said = ""
        self._logger.info("The page is at {place}", place=self._web.port)
        self._settle()

    def _failed(self, failure: Failure) -> None:
        self._state = Closed()
        why = failure.getErrorMessage()
        if failure.check(CancelledError) or not self._is_wanted:
            self.want(self._is_wanted)
        elif self._persists:
            self._try_again(why)
        elif self._web.asked_for:
            self._settle(self._web.cannot_be(why), goes_on=False)
        else:
            self._leave_out(why)

    def _try_again(self, why: str) -> None:
        if self._said != why:
            self._said = why
            self._logger.error("{sentence} Trying again", sentence=self._web.cannot_be(why))
        self._state = Closed(self._world.reactor.callLater(AGAIN_SECONDS, self._join))
        self._settle()

    def _leave_out(self, why: str) -> None:
        sentence = self._web.is_left_out(why)
        self._logger.warn("{sentence}", sentence=sentence)
        self._world.stdio.say(sentence)
        self._web = self._web.left_out()
        self._is_wanted = False
        self._settle(sentence)

    def _settle(self, sentence: str = "", goes_on: bool = True) -> None:
        settled, self._settled = self._settled, None
        if settled is not None:
            settled(sentence, goes_on)

    def _warn_of_resets(self) -> None:
        try:
            migrates = self._world.files.read(MIGRATION).strip() != b"0"
        except OSError:
            return  # not this system's
        if not migrates:
            self._logger.info(
                "When a worker of this host ends, the kernel resets the connections that wait for it; it "
                "hands them to the others after: sysctl -w net.ipv4.tcp_migrate_req=1"
            )


class _Connections(Factory):
    """Makes the connections of the web port."""

    noisy = False

    def __init__(self, front: WebFront, visitors: Visitors) -> None:
        self._front = front
        self._visitors = visitors

    def buildProtocol(self, addr: IAddress | None) -> Any:
        connection = self._front.visitor()
        self._visitors.came(connection, getattr(addr, "host", ""))
        return connection


def in_plain(asked: Asked, web: Web) -> Said:
    """Return the answer to another machine that asks without TLS: a page it may ask again by TLS. A program
    is refused, since it has sent its secrets in plain: it has to learn that at the first time."""
    if asked.target.startswith(("/api/", "/ws")) or web.port is None:
        body = problems.body(403, TlsRequired.sentence, TlsRequired.code.decode("ascii"))
        return Said(403, body.decode(), kind=problems.TYPE)
    here = f"https://{Address(asked.host, web.port.port)}"
    there = here if web.public_url is None else web.public_url.origin
    return Said(308, f"Come by TLS: {there}", there + asked.target)


def make_web_port(
    options: Mapping[str, Any],
    clients: Clients,
    shared: Shared,
    token: Token,
    security: Security,
    assets: Assets,
    world: World,
) -> WebPort:
    """Return the web port of a worker with these options, closed. ``assets`` are what browsers load.

    :raises CannotStart: there can be no such page.
    """
    web = Web.of(options, world.environ)
    settings = WebSettings(
        world.clocks,
        world.entropy,
        assets,
        web.public_url,
        Trusted(web.trusted_proxies),
        world.hostname,
    )
    front, passport = WebPages(shared, settings, clients.entrance, lambda: clients.is_full), Passport(token)
    visitors, clock = shared.visitors, world.reactor
    asked = Identifying(passport, visitors, clock)
    refusing = OneAnswer(lambda request: in_plain(request, web), visitors, clock)
    factory = security.port(
        {**dict.fromkeys(front.begins, _Connections(front, visitors)), FIRST_BYTE: asked},
        shared.outboxes,
        visitors,
        takes=lambda: True,
        from_afar={**dict.fromkeys(front.begins, refusing), FIRST_BYTE: asked},
    )
    clients.beside(lambda: factory.undecided + asked.open + refusing.open)
    return WebPort(web, front, factory, passport, bool(options["spawned"]), world)
