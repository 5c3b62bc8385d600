"""The ports for IRC of a front: shared with the other fronts of its host, open while it can serve."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from chatnet.auth import Token
from chatnet.irc_options import IrcOptions, is_server_name
from chatnet.net.security import Security
from chatnet.net.shared_port import Identifying, irc_passport
from chatnet.worker.front import Offer, Shared
from chatnet.worker.fronts.irc.front import Irc
from chatnet.worker.fronts.irc.motd import Motd
from chatnet.worker.fronts.irc.settings import IrcSettings
from chatnet.worker.port import Clients
from chatnet.worker.shared_port import SharedPort
from chatnet.world import World

UNNAMED = "irc.chatnet"
"""The server's name on a machine whose own can be none."""


def irc_offers(irc: IrcOptions, world: World) -> Sequence[Offer]:
    """Return what a front offers."""
    settings = IrcSettings(
        world.clocks,
        world.entropy,
        name=irc.name or server_name(world.hostname),
        registers=irc.register,
        guests=irc.lets_guests_in,
        motd=Motd(irc.motd, world.reactor.seconds),
        sts=irc.sts,
        strangers=irc.strangers,
        most=irc.most,
        missed=irc.missed,
    )
    return [partial(Irc, settings=settings)]


def server_name(hostname: str) -> str:
    """Return the name of the server on the machine of this name."""
    names = (hostname, f"{hostname}.chatnet")
    return next((name for name in names if is_server_name(name)), UNNAMED)


def make_irc_port(
    irc: IrcOptions, clients: Clients, shared: Shared, token: Token, security: Security, world: World
) -> SharedPort[IrcOptions]:
    """Return the ports of a front, closed: there ``clients`` connect."""
    passport = irc_passport(token)
    asked = Identifying(passport, shared.visitors, world.reactor)
    clients.beside(lambda: asked.open)
    factory = clients.port(security, {passport.first_byte: asked}, asks=True)
    # Whoever started it has looked whether the port is free: if it is not any more, it will be again.
    return SharedPort(irc, factory, passport, persists=True, world=world)
