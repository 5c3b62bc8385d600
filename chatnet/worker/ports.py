"""Where a worker listens, and what it says of that to the primary.

WorkerPorts  a port of its own for clients that a master sends, and the one of the page, which it shares
FrontPorts   those for IRC, which it shares: nobody is sent to a front
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.irc_options import IrcOptions
from chatnet.net.listen import address_of
from chatnet.net.security import Security
from chatnet.net.shared_port import Passport, settle
from chatnet.web_options import Web
from chatnet.wire.cluster import CHAT, IRC, Load
from chatnet.worker.front import WebFront
from chatnet.worker.port import Clients, open_port
from chatnet.worker.shared_port import SharedPort
from chatnet.world import World

Settled = Callable[[str, bool], None]
"""Called once the ports are open, or it is known that some will not be: with what to tell a person, if there
is something to say, and whether the worker can go on."""


class Ports(Protocol):
    """The ports of a worker, or of a front."""

    @property
    def serves(self) -> str:
        """What the process serves there: see :class:`~chatnet.wire.cluster.WorkerIdentity`."""

    @property
    def address(self) -> str:
        """Where it is, as its identity says."""

    def open(self) -> None:
        """Open what must be open when the process has started.

        :raises CannotStart: it cannot be opened.
        """

    def start(self, settled: Settled) -> None:
        """Open the others, while they are wanted."""

    def want(self, wanted: bool, serves: bool) -> None:
        """Clients may come from now on, or not; ``serves``: the log is known."""

    def told(self, load: Load) -> Load:
        """Return ``load`` with what is to be said of the ports."""

    def hang_up(self) -> None:
        """End what is kept between connections: the sessions of all clients end."""

    async def stop(self) -> None:
        """Close them."""


class _Looking:
    """Finds out, for a person who starts a process, whether ports can be had that others will open."""

    _logger = Logger()

    def __init__(self, passport: Passport, world: World) -> None:
        self._passport = passport
        self._world = world
        self._doing: Deferred[None] | None = None

    def look(self, irc: IrcOptions, found: Callable[[IrcOptions, str, bool], None]) -> None:
        """Call ``found`` with what can be had, a sentence for the person, and whether the process goes on."""

        async def looking() -> None:
            try:
                found(*await settle(irc, self._passport, self._world), True)
            except CannotStart as cannot:
                found(irc, str(cannot), False)

        self._doing = Deferred.fromCoroutine(looking()).addErrback(self._failed)

    def stop(self) -> None:
        """Stop looking."""
        if self._doing is not None:
            self._doing.cancel()

    def _failed(self, why: Failure) -> None:
        if not why.check(CancelledError):
            self._logger.failure("It is not known whether there can be IRC", why)


class WorkerPorts:
    """The ports of a worker: by its ``options`` for ``clients``, and for ``pages``; ``irc`` is what the
    fronts of its host, which it may have to keep, will open."""

    serves = CHAT

    def __init__(
        self,
        options: Mapping[str, Any],
        clients: Clients,
        security: Security,
        web_port: SharedPort[Web],
        pages: WebFront,
        irc: IrcOptions,
        passport: Passport,
        world: World,
    ) -> None:
        self._options = options
        self._clients = clients
        self._security = security
        self._web_port = web_port
        self._pages = pages
        self.irc = irc
        self._is_known = bool(options["spawned"])
        self._looking = _Looking(passport, world)
        self._world = world
        self._port: Any = None
        self._number = 0

    @property
    def web(self) -> Web:
        """What holds for the page here."""
        return self._web_port.wanted

    @property
    def address(self) -> str:
        return str(Address(self._options["advertise"] or self._options["listen"].host, self._number))

    def open(self) -> None:
        host, number = self._options["listen"]
        numbers = self._options["ports"] or (number,)
        self._port = open_port(self._world.reactor, self._clients, self._security, host, numbers)
        self._number = address_of(self._port).port

    def start(self, settled: Settled) -> None:
        def about_the_page(said: str, goes_on: bool) -> None:
            if self._is_known or not goes_on:
                settled(said, goes_on)
                return

            def about_irc(irc: IrcOptions, more: str, goes_on: bool) -> None:
                self.irc, self._is_known = irc, True
                if goes_on and more:
                    self._world.stdio.say(more)
                settled(" ".join(filter(None, (said, more))) if goes_on else more, goes_on)

            self._looking.look(self.irc, about_irc)

        self._web_port.start(about_the_page)

    def want(self, wanted: bool, serves: bool) -> None:
        self._web_port.want(wanted)

    def told(self, load: Load) -> Load:
        port = self._web_port
        fronts = self.irc.kept if self._is_known else 0
        return replace(load, web=port.place, web_taken=port.taken, fronts=fronts)

    def hang_up(self) -> None:
        self._pages.stop()

    async def stop(self) -> None:
        self._looking.stop()
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        await self._web_port.stop()


class FrontPorts:
    """The ports of an IRC front: ``port`` is open only while there is a log to serve, so that until then the
    host's other fronts get all who come. ``by_hand``: a person starts it."""

    serves = IRC

    def __init__(self, port: SharedPort[IrcOptions], passport: Passport, by_hand: bool, world: World) -> None:
        self._port = port
        self._looking = _Looking(passport, world)
        self._by_hand = by_hand

    @property
    def address(self) -> str:
        return str(self._port.wanted.ports[0])

    def open(self) -> None:
        """Nothing has to be open yet."""

    def start(self, settled: Settled) -> None:
        self._port.warn_of_resets()
        if self._by_hand:
            self._looking.look(self._port.wanted, lambda irc, said, goes_on: settled(said, goes_on))
        else:
            settled("", True)

    def want(self, wanted: bool, serves: bool) -> None:
        self._port.want(wanted and serves)

    def told(self, load: Load) -> Load:
        return replace(load, irc=self._port.place, irc_taken=self._port.taken)

    def hang_up(self) -> None:
        """Nobody comes before there is a log again."""
        self._port.want(False)

    async def stop(self) -> None:
        self._looking.stop()
        await self._port.stop()
