"""The port for clients: who is let in, where it is, and how much the kernel keeps for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.net.link import Link
from chatnet.net.listen import is_taken, listen, why_not_had
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.net.visitors import Visitors, find_room
from chatnet.worker.frontend import Frontend
from chatnet.worker.fronts.amp import AmpChannel, AmpLogin

SEND_BUFFER = 128 * 1024
"""What the kernel keeps for a client that does not read, in bytes; its own choice would be megabytes."""


class Clients(Factory):
    """Takes clients' connections while the worker is ``serving`` and has room for their sessions.

    Otherwise closes them, and they ask the master again.
    """

    noisy = False

    def __init__(self, outboxes: Outboxes, pulse: Pulse, visitors: Visitors) -> None:
        self._outboxes = outboxes
        self._channel = AmpChannel(outboxes)
        self._pulse = pulse
        self._visitors = visitors
        self.frontend: Frontend | None = None

    def buildProtocol(self, addr: IAddress | None) -> Link | None:
        if self.frontend is None or not self.frontend.is_open or self.is_full:
            return None
        link = Link(
            AmpLogin(self.frontend.entrance, self._channel), self._outboxes, self._pulse, self._visitors
        )
        self._visitors.came(link, getattr(addr, "host", ""))
        return link

    def make_room(self, files: int) -> None:
        """So many files may be open."""
        self._visitors.room = find_room(files)

    @property
    def is_full(self) -> bool:
        """Are there as many sessions as the limit of open files leaves room for?"""
        return len(self._pulse) - self._visitors.strangers >= self._visitors.room.users

    def hang_up(self) -> list[Link]:
        """Stop taking connections, and hang up on those there are."""
        self.frontend = None
        links = self._pulse.links()
        for link in links:
            link.hang_up()
        return links


def open_port(reactor: Any, clients: Clients, host: str, numbers: Sequence[int]) -> Any:
    """The first free port of ``numbers``, listening on ``host`` for ``clients``.

    :raises CannotStart: none is free.
    """
    for number in numbers:
        try:
            return listen(reactor, Address(host, number), clients, SEND_BUFFER)
        except CannotListenError as error:
            why = error
    raise CannotStart(_cannot_listen(host, numbers, why))


def _cannot_listen(host: str, numbers: Sequence[int], error: CannotListenError) -> str:
    first, last = Address(host, numbers[0]), numbers[-1]
    where = first if len(numbers) == 1 else f"{first} to {last}"
    what = "another port" if is_taken(error) else "an address here"
    return (
        f"The worker cannot listen on {where} ({why_not_had(error)}): choose {what} with --listen or --ports."
    )
