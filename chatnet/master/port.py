"""The port of a master, its connections, and who speaks on them.

Links            all connections, and how they end
MasterPort       where a primary is found
RedirectingPort  where a replica redirects to the primary
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from twisted.internet.defer import DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import Logger

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.errors import CannotStart, NoWorkers
from chatnet.master.browsers import Pages, answer
from chatnet.master.settings import Settings
from chatnet.net.first_byte import AMP, HTTP
from chatnet.net.gate import Gate, check_version
from chatnet.net.link import Link
from chatnet.net.listen import address_of, is_taken, listen, why_not_had
from chatnet.net.locator import Locator
from chatnet.net.one_answer import OneAnswer
from chatnet.net.outbox import Outboxes
from chatnet.net.security import Security
from chatnet.net.timer import Timer
from chatnet.net.visitors import A_MASTERS_TURN, ENOUGH, Room, Visitors, find_room
from chatnet.wire.locate import Locate
from chatnet.wire.operate import Page
from chatnet.wire.table import Speaker
from chatnet.world import World

CLOSE_SECONDS = 1.0
"""Seconds that the other ends have to close when the master hangs up."""
TRY_SECONDS = 0.25
"""Seconds between two attempts to open a port that another master of this host has; its loss is urgent."""
PORT_SECONDS, PATIENT_ATTEMPTS = 0.02, 100
"""Seconds between two attempts of a new primary to open the last one's port; after this many it logs that."""

_logger = Logger()


def no_page(reached: str) -> Sequence[Page]:
    """Return where the page is: nowhere, as far as is known."""
    return ()


class Links(Factory):
    """All connections to this master. Until it is opened nobody can answer: they are closed. ``pages`` is
    what browsers are told that come to its port."""

    noisy = False

    def __init__(self, outboxes: Outboxes, clock: IReactorTime, room: Room = ENOUGH) -> None:
        self.outboxes = outboxes
        self._clock = clock
        self.visitors = Visitors(clock, room, A_MASTERS_TURN)
        self.pages: Pages = no_page
        self._unproven: Callable[[], Locator] | None = None
        self._links: dict[Link, None] = {}

    def open(self, unproven: Callable[[], Locator], pages: Pages = no_page) -> None:
        """Answer new connections from now on; ``unproven()`` makes the locator of each."""
        self._unproven, self.pages = unproven, pages

    @property
    def is_open(self) -> bool:
        """Whether new connections are answered."""
        return self._unproven is not None

    def buildProtocol(self, addr: Any) -> Link | None:
        if self._unproven is None:
            return None
        link = Link(self._unproven(), self.outboxes, visitors=self.visitors)
        self.visitors.came(link, getattr(addr, "host", ""))
        self._links[link] = None
        link.when_lost().addCallback(lambda _: self._links.pop(link))
        return link

    async def close(self) -> None:
        """Hang up on everybody, and cut off those that do not close."""
        links = list(self._links)
        for link in links:
            link.hang_up()
        if not await all_gone(links, CLOSE_SECONDS, self._clock):
            for link in links:
                link.abort()


async def all_gone(links: Iterable[Link], seconds: float, clock: IReactorTime) -> bool:
    """Wait until all ``links`` are lost; return False if some remain after ``seconds``."""
    gone = DeferredList([link.when_lost() for link in links], consumeErrors=True)
    return all(lost for lost, _ in await gone.addTimeout(seconds, clock))


@dataclass(frozen=True)
class MasterPort:
    """Where a primary is found; opened without waiting, so that an error is reported at the start.

    ``address`` is where it listens; as long as a primary ends, it is where it listened.
    """

    links: Links
    listening: IListeningPort
    security: Security
    address: Address

    @property
    def number(self) -> int:
        """The port's number."""
        return self.address.port

    @property
    def key(self) -> str:
        """The fingerprint of the public key that is presented there."""
        return self.security.key


def open_port(settings: Settings, world: World, security: Security) -> MasterPort:
    """Open the port; nobody is answered there yet.

    :raises CannotStart: it cannot be opened.
    """
    room = find_room(world.processes.raise_file_limit())
    links = Links(Outboxes(world.reactor), world.reactor, room)
    browsers = OneAnswer(
        lambda asked: answer(links.pages(asked.host), asked.is_here), links.visitors, world.reactor
    )
    http = dict.fromkeys(HTTP, browsers)
    answering = security.port(
        {AMP: links, **http}, links.outboxes, links.visitors, lambda: links.is_open, from_afar=http
    )
    try:
        listening = listen(world.reactor, settings.listen, answering)
    except CannotListenError as error:
        why = why_not_had(error)
        what = "stop what does, or choose another" if is_taken(error) else "choose an address of this machine"
        raise CannotStart(f"Cannot listen on {settings.listen} ({why}): {what} by --listen.") from error
    return MasterPort(links, listening, security, address_of(listening))


async def wait_for_port(
    settings: Settings, world: World, security: Security, given_up: Callable[[], bool]
) -> MasterPort:
    """Open the port as :func:`open_port`, but wait for it: the kernel may still be cleaning up after the last
    one.

    A stranger may have the port, too. Then the wait has no end: if this master gave up, the next one would
    wait as well, until no master is left.

    :raises CannotStart: it could not be opened before ``given_up()``.
    """
    for attempt in count():
        try:
            return open_port(settings, world, security)
        except CannotStart as error:
            if given_up():
                raise
            if attempt == PATIENT_ATTEMPTS:
                _logger.critical("{sentence} Trying again", sentence=error)
        await deferLater(world.reactor, PORT_SECONDS)
    raise AssertionError("not reached")


class KnownPrimary(NamedTuple):
    """Where a replica knows the primary to be, and the fingerprint of its key; either may be empty."""

    address: str = ""
    key: str = ""


class Redirect(Gate):
    """A stranger at a replica; ``primary()`` is what the replica knows of the primary."""

    speaker = Speaker.STRANGER

    def __init__(
        self,
        primary: Callable[[], KnownPrimary],
        token: Token,
        entropy: Callable[[int], bytes],
        clock: IReactorTime,
    ) -> None:
        super().__init__(token, lambda role: primary().address, entropy, clock)
        self._where = primary

    @Locate.responder
    def locate(self, version: int) -> dict[str, Any]:
        check_version(version)
        primary = self._where()
        if not primary.address:
            raise NoWorkers(NoWorkers.sentence)
        return {"primary": primary.address, "primary_key": primary.key or None, "log": "", "epoch": 0}


class RedirectingPort:
    """Listens as soon as the port is free, and answers by ``unproven``, and browsers by ``pages``. Only one
    of a host's masters can listen: that one may take the lease.
    """

    def __init__(
        self,
        listen: Callable[[], MasterPort],
        unproven: Callable[[], Locator],
        clock: IReactorTime,
        pages: Pages = no_page,
    ) -> None:
        self._listen = listen
        self._unproven = unproven
        self._pages = pages
        self._trying = Timer(clock, TRY_SECONDS, self._try, "Cannot try to listen")
        self.port: MasterPort | None = None

    def start(self) -> None:
        """Start listening."""
        self._trying.start(now=True)

    def give(self) -> MasterPort:
        """Hand the port to the primary that this process becomes.

        :raises ValueError: we do not have it.
        """
        self._end()
        port, self.port = self.port, None
        if port is None:
            raise ValueError("The port is not ours to give")
        return port

    async def stop(self) -> None:
        """Stop listening."""
        self._end()
        port, self.port = self.port, None
        if port is not None:
            await maybeDeferred(port.listening.stopListening)
            await port.links.close()

    def _try(self) -> None:
        try:
            self.port = self._listen()
        except CannotStart:
            return  # another master of this host has it
        self.port.links.open(self._unproven, self._pages)
        self._trying.stop()

    def _end(self) -> None:
        self._trying.stop()
