"""Where a master is found: its port, and who may come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.logger import Logger

from chatnet.errors import CannotStart
from chatnet.master.links import Links
from chatnet.master.settings import Settings
from chatnet.net.listen import is_taken, listen, why_not_had
from chatnet.net.outbox import Outboxes
from chatnet.net.visitors import find_room
from chatnet.world import World

PORT_SECONDS, PATIENT_ATTEMPTS = 0.02, 100
"""How often who takes over tries to get the port of who had it, and how many times before it says so."""

_logger = Logger()


@dataclass(frozen=True)
class MasterPort:
    """Where a primary is found; got without waiting, so that what is wrong with it is said at the start."""

    links: Links
    listening: IListeningPort

    @property
    def port(self) -> int:
        """Where it listens."""
        address: Any = self.listening.getHost()
        return int(address.port)


def open_port(settings: Settings, world: World) -> MasterPort:
    """The port; nobody is answered there yet.

    :raises CannotStart: it cannot be had.
    """
    room = find_room(world.processes.raise_file_limit())
    links = Links(Outboxes(world.reactor), world.reactor, room)
    try:
        return MasterPort(links, listen(world.reactor, settings.listen, links))
    except CannotListenError as error:
        why = why_not_had(error)
        what = "stop what does, or choose another" if is_taken(error) else "choose an address of this machine"
        raise CannotStart(f"Cannot listen on {settings.listen} ({why}): {what} by --listen.") from error


async def wait_for_port(settings: Settings, world: World, given_up: Callable[[], bool]) -> MasterPort:
    """Likewise, but wait for it: the kernel may still be clearing up after who had it before.

    Or a stranger has it. Then there is no end to it: whoever takes over next would wait as well, until no
    master is left.

    :raises CannotStart: it could not be had until ``given_up()``.
    """
    for attempt in count():
        try:
            return open_port(settings, world)
        except CannotStart as error:
            if given_up():
                raise
            if attempt == PATIENT_ATTEMPTS:
                _logger.critical("{sentence} Trying on", sentence=error)
        await deferLater(world.reactor, PORT_SECONDS)
    raise AssertionError("not reached")
