"""The only place that opens ports; it sets how many connections may wait, and how many a turn accepts."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import closing
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory

from chatnet.addresses import Address

BACKLOG = 4096
"""How many connections may wait to be accepted: after a process's death all its clients return at once. The
kernel allows no more than this itself (``net.core.somaxconn``); beyond it a client hears nothing, and tries
again after one second, then after two more.
"""
ACCEPTED = 8
"""How many connections are accepted in one turn of the reactor: accepting one takes some 200 µs, and closing
it as much. Twisted accepts 100, and 20 more each time that there were as many.

Half as many delay posts no less, but leave more of each turn to handshakes (see
:mod:`~chatnet.net.first_byte`): then honest clients wait longer in a full backlog.
"""

MOST_GONE = 4 * ACCEPTED
"""How many connections are closed in one turn of the reactor whose clients have hung up meanwhile."""
_ENDED = (7, 8)
"""The states of TCP in which the other end has reset a connection, or has closed it: CLOSE and CLOSE_WAIT."""


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


def listen_shared(reactor: Any, address: Address, factory: Factory, alone: bool) -> IListeningPort:
    """Open a port that other processes of this user may share; the kernel gives each connection to one of
    them, at random.

    ``address`` has an IP address. ``alone``: nobody may have it now. That holds for two who ask at once, too:
    other processes are allowed to share it only when this one listens. See :mod:`~chatnet.net.shared_port`.

    :raises CannotListenError: as :func:`listen`.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with closing(socket.socket(family, socket.SOCK_STREAM)) as made:
            made.setblocking(False)
            # Connections of processes that are gone keep nobody from it.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address.host != "::")
            if not alone:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind(address)
            made.listen(BACKLOG)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            port = reactor.adoptStreamPort(made.fileno(), family, factory)
    except OSError as error:
        raise CannotListenError(*address, error) from error
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


def is_elsewhere(error: CannotListenError) -> bool:
    """Return whether this machine has no such address, or no such kind of address."""
    return getattr(error.socketError, "errno", None) in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


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
    listening = getattr(port, "socket", None)
    backlog = None if listening is None else _Backlog(listening)
    if backlog is not None:
        port.socket = backlog

    def accept_some() -> None:
        port.numberAccepts = min(port.numberAccepts, ACCEPTED)
        if backlog is not None:
            backlog.begin_turn()
        accept()

    port.doRead = accept_some


class _Backlog:
    """A listening socket. While more wait than a turn accepts, those are closed unseen who have hung up.

    A client does not wait for ever: it hangs up, and comes again. To read its first request would take nearly
    as much as to answer it; so who came too late would make all behind them late, too, and again and again.
    """

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._accepted = self._gone = 0
        self._is_crowded = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listening, name)

    def begin_turn(self) -> None:
        """Begin to accept some."""
        self._is_crowded = self._accepted + self._gone >= ACCEPTED
        self._accepted = self._gone = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Do what a socket does.

        :raises BlockingIOError: nobody waits, or enough was done in this turn.
        """
        while self._gone < MOST_GONE:
            connection, address = self._listening.accept()
            if not (self._is_crowded and has_hung_up(connection)):
                self._accepted += 1
                return connection, address
            self._gone += 1
            connection.close()
        raise BlockingIOError(errno.EAGAIN, "enough was done in this turn")


def has_hung_up(connection: socket.socket | None) -> bool:
    """Return whether the other end has closed or reset a connection that is not read at the moment; None is
    one in memory."""
    if connection is None or sys.platform != "linux":
        return False  # reading it will tell
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _ENDED
