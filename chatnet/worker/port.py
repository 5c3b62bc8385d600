"""The port for clients: which connections are accepted, where, and how much the kernel keeps for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.net.listen import is_taken, listen, why_not_had
from chatnet.net.pulse import Watched
from chatnet.net.security import Security
from chatnet.net.visitors import find_room
from chatnet.worker.entrance import Entrance
from chatnet.worker.front import Front, Offer, Shared
from chatnet.worker.frontend import Frontend

SEND_BUFFER = 128 * 1024
"""Bytes that the kernel keeps for a client that does not read; its own choice would be megabytes."""


class Clients:
    """Accepts clients' connections while the worker serves, is not being emptied, and has room for sessions.

    Otherwise closes them: the clients try another worker that they know, or ask a master again. ``offers``
    are the protocols that they may speak. With ``waits`` clients are let in, and wait, while the store is
    away: they know no other worker.

    :raises ValueError: two of these begin with the same byte.
    """

    def __init__(self, offers: Sequence[Offer], shared: Shared, waits: bool = False) -> None:
        self._waits = waits
        self._fronts = [offer(shared) for offer in offers]
        _check_apart(self._fronts)
        self._pulse = shared.pulse
        self._visitors = shared.visitors
        self.others = shared.others
        self._outboxes = shared.outboxes
        self._unwatched: list[Callable[[], int]] = []
        self.frontend: Frontend | None = None

    def port(
        self, security: Security, others: Mapping[int, Factory] | None = None, asks: bool = False
    ) -> Factory:
        """Return the factory for the port. The first byte of a connection tells its protocol; ``others`` are
        spoken there besides, from anywhere without TLS. ``asks``: see :meth:`.Security.port`."""
        others = others or {}
        spoken = {byte: _Speaking(self, front) for front in self._fronts for byte in front.begins}
        in_plain = {byte: front.in_plain for front in self._fronts for byte in front.begins if front.in_plain}
        port = security.port(
            {**spoken, **others},
            self._outboxes,
            self._visitors,
            # Where others are spoken, these must be answered even if nobody is let in: see _Speaking.
            (lambda: True) if others else (lambda: self.takes),
            self._pulse,
            in_plain,
            others,
            asks,
        )
        self.beside(lambda: port.undecided)
        return port

    def beside(self, strangers: Callable[[], int]) -> None:
        """Strangers are connected to this worker that are in no pulse: so many."""
        self._unwatched.append(strangers)

    def entrance(self) -> Entrance | None:
        """Return where those come in who need no room of their own; None if nobody is let in."""
        return self.frontend.entrance if self.frontend is not None and self._lets_in else None

    @property
    def takes(self) -> bool:
        """Whether more clients are let in now."""
        return self._lets_in and not self.is_full

    @property
    def _lets_in(self) -> bool:
        if self.frontend is None or self.others.is_emptied:
            return False
        return self.frontend.is_ready if self._waits else self.frontend.is_open

    def connection(self, front: Front, host: str) -> Any:
        """Return a connection for one more client, from ``host``; None if there is no room."""
        if self.frontend is None or not self.takes:
            return None
        connection = front.connection(self.frontend.entrance)
        self._visitors.came(connection, host)
        return connection

    def make_room(self, files: int) -> None:
        """Allow as many sessions as fit into a limit of ``files`` open files."""
        self._visitors.room = find_room(files)

    @property
    def is_full(self) -> bool:
        """Whether there are as many sessions as the limit of open files permits."""
        unwatched = sum(strangers() for strangers in self._unwatched)
        strangers = self._visitors.strangers - unwatched  # those in the pulse
        return len(self._pulse) - strangers >= self._visitors.room.users

    def hang_up(self) -> list[Watched]:
        """Stop accepting connections, and close the present ones."""
        self.frontend = None
        links = self._pulse.links()
        for link in links:
            link.hang_up()
        return links


def _check_apart(fronts: Sequence[Front]) -> None:
    of_byte: dict[int, Front] = {}
    for front in fronts:
        for byte in sorted(set(front.begins)):
            other = of_byte.setdefault(byte, front)
            if other is not front:
                names = f"{type(other).__name__} and {type(front).__name__}"
                raise ValueError(f"Connections of {names} would both begin with the byte {byte:#04x}.")


class _Speaking(Factory):
    """Makes the connections of one protocol."""

    noisy = False

    def __init__(self, clients: Clients, front: Front) -> None:
        self._clients = clients
        self._front = front

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._clients.connection(self._front, getattr(addr, "host", ""))


def open_port(reactor: Any, clients: Clients, security: Security, host: str, numbers: Sequence[int]) -> Any:
    """Listen for ``clients`` on ``host``, at the first free port of ``numbers``.

    :raises CannotStart: none is free.
    """
    factory = clients.port(security)
    for number in numbers:
        try:
            return listen(reactor, Address(host, number), factory, SEND_BUFFER)
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
