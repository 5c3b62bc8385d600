"""The only place that opens ports; it sets how many connections may wait, and how many a turn accepts."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory

from chatnet.addresses import Address

BACKLOG = 1024
"""How many connections may wait to be accepted: after a process's death all its clients return at once."""
ACCEPTED = 8
"""How many connections are accepted in one turn of the reactor: accepting one takes some 200 µs, and closing
it as much. Twisted accepts 100, and 20 more each time that there were as many.

Half as many delay posts no less, but leave more of each turn to handshakes (see
:mod:`~chatnet.net.first_byte`): then honest clients wait longer in a full backlog.
"""


def listen(
    reactor: Any, address: Address, factory: Factory, send_buffer: int | None = None
) -> IListeningPort:
    """Open a port at which ``factory`` answers from now on.

    ``send_buffer`` is how many bytes the kernel keeps for a peer that does not read; the kernel's own choice
    would be megabytes.

    :raises CannotListenError: the port cannot be opened; see :func:`why_not_had`.
    """
    port = reactor.listenTCP(address.port, factory, backlog=BACKLOG, interface=address.host)
    if send_buffer is not None:
        limit_send_buffer(port, send_buffer)
    accept_in_turns(port)
    listening: IListeningPort = port
    return listening


def address_of(listening: IListeningPort) -> Address:
    """Return where a port that is open listens; a closed one does not know it."""
    address: Any = listening.getHost()
    return Address(address.host, address.port)


def why_not_had(error: CannotListenError) -> str:
    """Return why a port could not be opened, in the system's words, without the full stop."""
    return str(getattr(error.socketError, "strerror", None) or error.socketError)


def is_taken(error: CannotListenError) -> bool:
    """Return whether another process has the port. Else the address is not this machine's, or not allowed."""
    return getattr(error.socketError, "errno", None) == errno.EADDRINUSE


def limit_send_buffer(port: Any, size: int) -> None:
    """Have the kernel keep ``size`` bytes for each connection that ``port`` accepts from now on."""
    listening = getattr(port, "socket", None)
    if listening is not None:  # a port in memory has none
        # The connections that it accepts inherit it.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


def accept_in_turns(port: Any) -> None:
    """Have ``port`` accept at most :data:`ACCEPTED` connections in one turn; the others wait in its
    backlog."""
    accept = getattr(port, "doRead", None)
    if accept is None:
        return  # a port in memory

    def accept_some() -> None:
        port.numberAccepts = min(port.numberAccepts, ACCEPTED)
        accept()

    port.doRead = accept_some
