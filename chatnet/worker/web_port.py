"""The web port of a worker: open from its start until it is emptied or stops; others of its host share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.errors import TlsRequired
from chatnet.net.one_answer import Asked, OneAnswer, Said
from chatnet.net.security import Security
from chatnet.net.shared_port import Identifying, Passport
from chatnet.net.visitors import Visitors
from chatnet.web_options import Web
from chatnet.worker.front import Shared, WebFront
from chatnet.worker.fronts.web import problems
from chatnet.worker.fronts.web.assets import Assets
from chatnet.worker.fronts.web.front import Web as WebPages
from chatnet.worker.fronts.web.origins import Trusted
from chatnet.worker.fronts.web.settings import WebSettings
from chatnet.worker.port import Clients
from chatnet.worker.shared_port import SharedPort
from chatnet.world import World


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
) -> tuple[SharedPort[Web], WebFront]:
    """Return the web port of a worker with these options, closed, and what speaks HTTP there. ``assets`` are
    what browsers load.

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
        {**dict.fromkeys(front.begins, _Connections(front, visitors)), passport.first_byte: asked},
        shared.outboxes,
        visitors,
        takes=lambda: True,
        from_afar={**dict.fromkeys(front.begins, refusing), passport.first_byte: asked},
    )
    clients.beside(lambda: factory.undecided + asked.open + refusing.open)
    return SharedPort(web, factory, passport, bool(options["spawned"]), world), front
