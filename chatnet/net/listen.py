"""The only place that opens ports: how many may wait there, how many are accepted in one turn."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory

from chatnet.addresses import Address

BACKLOG = 1024
"""How many connections may wait to be accepted: after a process's death, all clients come back at once."""
ACCEPTED = 16
"""How many connections are accepted in one turn of the reactor: one takes some 200 µs, and to be closed again
as much. Twisted takes 100, and 20 more each time that there were as many."""


def listen(
    reactor: Any, address: Address, factory: Factory, send_buffer: int | None = None
) -> IListeningPort:
    """A port at which ``factory`` answers from now on.

    ``send_buffer`` is how many bytes the kernel keeps for one who does not read; its own choice would be
    megabytes.

    :raises CannotListenError: it cannot be had; see :func:`why_not_had`.
    """
    port = reactor.listenTCP(address.port, factory, backlog=BACKLOG, interface=address.host)
    if send_buffer is not None:
        limit_send_buffer(port, send_buffer)
    accept_in_turns(port)
    listening: IListeningPort = port
    return listening


def why_not_had(error: CannotListenError) -> str:
    """Why a port could not be had, in the system's words, without the full stop."""
    return str(getattr(error.socketError, "strerror", None) or error.socketError)


def is_taken(error: CannotListenError) -> bool:
    """Does another process have that port? Else the address is none of this machine, or not ours to use."""
    return getattr(error.socketError, "errno", None) == errno.EADDRINUSE


def limit_send_buffer(port: Any, size: int) -> None:
    """Have the kernel keep ``size`` bytes for each connection that ``port`` accepts from now on."""
    listening = getattr(port, "socket", None)
    if listening is not None:  # a port in memory has none
        # The connections that it accepts inherit it.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


def accept_in_turns(port: Any) -> None:
    """Have ``port`` accept no more than :data:`ACCEPTED` connections in one turn; the others wait in its
    backlog."""
    accept = getattr(port, "doRead", None)
    if accept is None:
        return  # a port in memory

    def accept_some() -> None:
        port.numberAccepts = min(port.numberAccepts, ACCEPTED)
        accept()

    port.doRead = accept_some
