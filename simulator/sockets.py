"""A simulated kernel's TCP sockets, under Twisted's own transports.

They have the part of the interface of ``socket.socket`` that :mod:`twisted.internet.tcp` uses, and its
errors.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, Any

from simulator.network import LOOPBACK

if TYPE_CHECKING:
    from simulator.host import Host
    from simulator.network import Connection, Stream
    from simulator.process import SimProcess

TCP_ESTABLISHED, TCP_CLOSE, TCP_CLOSE_WAIT = 1, 7, 8
"""States of a connection, as the kernel numbers them."""
CUTS = 0.15
"""How often a piece of data is cut in two on its way."""

Address = tuple[str, int]


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class SimSocket:
    """One socket of ``process``. ``reader`` and ``writer`` are the descriptors that wait for it. ``handler``
    is the last that did: of a connection that is held, nothing is read, and there may be nothing to write.
    """

    def __init__(self, process: SimProcess, descriptor: int) -> None:
        self.process = process
        self.host: Host = process.host
        self.owner = process.name
        self.local: Address = ("0.0.0.0", 0)
        self.peer: Address = ("0.0.0.0", 0)
        self.reader: Any = None
        self.writer: Any = None
        self.handler: Any = None
        self.is_polled = False
        self.is_closed = False
        self.connection: Connection | None = None
        self.inbound: Stream | None = None
        self.out: Stream | None = None
        self.descriptor = descriptor
        self._state = "new"
        self._received: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._finished = False
        self._error = 0
        self._broken = False
        self._lingers = True
        self._options: dict[tuple[int, int], int] = {}
        self._backlog = 0
        self._offered: deque[SimSocket] = deque()
        self._lot: float | None = None

    # ---- what the kernel knows ----

    @property
    def readable(self) -> bool:
        """Whether reading, or accepting, would not block."""
        return bool(self._size or self._ended or self._error or self._offered)

    @property
    def writable(self) -> bool:
        """Whether writing would not block."""
        if self._error:
            return True
        return self._state == "connected" and self._room() > 0

    @property
    def is_listening(self) -> bool:
        """Whether it accepts connections."""
        return self._state == "listening"

    @property
    def shares(self) -> bool:
        """Whether it lets other sockets of its host have the same port."""
        return bool(self._options.get((socket.SOL_SOCKET, socket.SO_REUSEPORT)))

    def is_reached_at(self, address: str) -> bool:
        """Return whether it accepts connections to this address of its host."""
        interface = LOOPBACK if self.local[0] == "localhost" else self.local[0]
        return self.is_listening and interface in ("0.0.0.0", address)

    @property
    def far_end(self) -> str:
        """The name of the process at the other end."""
        return "" if self.out is None else self.out.target.process.name

    def lot(self) -> float:
        """Return the number, between 0 and 1, that decides which of a port's sharers accepts this client: the
        same each time that it asks, as with Linux, which hashes both ends' addresses and ports."""
        if self._lot is None:
            self._lot = self.host.chance.random()
        return self._lot

    @property
    def is_crowded(self) -> bool:
        """Whether the queue of connections that were not accepted yet is full."""
        return len(self._offered) > self._backlog

    def wake(self) -> None:
        """Tell the process that something changed, if it waits for this socket."""
        if not self.is_polled and (
            (self.reader is not None and self.readable) or (self.writer is not None and self.writable)
        ):
            self.process.wake(self)

    def _room(self) -> int:
        assert self.out is not None
        buffer = self.host.network.buffer
        sending = min(buffer, self._options.get((socket.SOL_SOCKET, socket.SO_SNDBUF), buffer))
        return sending + buffer - self.out.unread

    # ---- from the network ----

    def offered(self, client: SimSocket) -> SimSocket:
        """Return the socket for a client that asks to be accepted."""
        server = SimSocket(self.process, -1)
        server.local, server.peer = client.peer, client.local
        server._state = "connected"
        server._options = dict(self._options)
        self._offered.append(server)
        return server

    def connected(self) -> None:
        if self.is_closed:
            self._refuse()
        else:
            self._state = "connected"
            self.wake()

    def refused(self) -> None:
        self._fail(errno.ECONNREFUSED)

    def received(self, data: bytes) -> None:
        if self.is_closed:
            self._refuse()
            return
        self._received.append(data)
        self._size += len(data)
        self.wake()

    def ended(self) -> None:
        self._ended = True
        self.wake()

    def reset_by_peer(self) -> None:
        self._fail(errno.ECONNRESET)

    def _fail(self, number: int) -> None:
        if not self.is_closed:
            self._error = number
            self._ended = self._broken = True
            self.host.network.closed(self, os.strerror(number).lower())
            self.wake()

    def _refuse(self) -> None:
        """Answer data for a closed socket with a reset."""
        if self.out is not None:
            self.out.send_last(SimSocket.reset_by_peer)

    # ---- the interface of a socket ----

    def fileno(self) -> int:
        return self.descriptor

    def setblocking(self, flag: bool) -> None:
        """Do nothing: these sockets never block."""

    def getsockname(self) -> Address:
        return self.local

    def getpeername(self) -> Address:
        return self.peer

    def getsockopt(self, level: int, option: int, size: int = 0) -> Any:
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            number, self._error = self._error, 0
            return number
        if (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO):
            state = TCP_CLOSE if self._error else TCP_CLOSE_WAIT if self._ended else TCP_ESTABLISHED
            return bytes([state])[:size]
        return self._options.get((level, option), 0)

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            self._lingers = value != struct.pack("ii", 1, 0)
        else:
            self._options[level, option] = value

    def bind(self, address: Address) -> None:
        interface, port = address
        self.local = (interface or "0.0.0.0", self.host.take_port(self, port))

    def listen(self, backlog: int) -> None:
        self._state, self._backlog = "listening", backlog

    def accept(self) -> tuple[SimSocket, Address]:
        if not self._offered:
            raise BlockingIOError(errno.EWOULDBLOCK, "nobody")
        accepted = self._offered.popleft()
        accepted.descriptor = self.process.take_descriptor(accepted)
        return accepted, accepted.peer

    def connect_ex(self, address: Address) -> int:
        if self._state == "connected":
            return errno.EISCONN
        if self._state == "connecting":
            return errno.EALREADY
        target = self.host.network.find(address[0], self.host)
        if target is None:
            return errno.EHOSTUNREACH
        self._state = "connecting"
        own = address[0] if target is self.host else self.host.address
        self.local, self.peer = (own, self.host.take_port(self, 0)), address
        self.host.network.knock(self, target, address[1])
        return errno.EINPROGRESS

    def recv(self, size: int) -> bytes:
        if not self._size:
            if self._error:
                number, self._error = self._error, 0
                raise _error(number)
            if self._ended:
                return b""
            raise BlockingIOError(errno.EWOULDBLOCK, "nothing yet")
        data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
        self._received.clear()
        if len(data) > size:
            self._received.append(data[size:])
            data = data[:size]
        self._size -= len(data)
        self._make_room(len(data))
        return data

    def _make_room(self, size: int) -> None:
        assert self.inbound is not None
        self.inbound.unread -= size
        if self.out is not None and self.out.target.writer is not None:
            self.host.simulation.later(self.out.link.delay(), self.out.target.wake)

    def send(self, data: bytes | memoryview) -> int:
        if self._error:
            number, self._error = self._error, 0
            raise _error(number)
        if self.is_closed or self._finished or self._broken or self.process.is_dead:
            raise _error(errno.EPIPE)
        room = self._room()
        if room <= 0:
            raise BlockingIOError(errno.EWOULDBLOCK, "no room")
        sent = bytes(data[:room])
        self._carry(sent)
        return len(sent)

    def _carry(self, data: bytes) -> None:
        out = self.out
        assert out is not None
        out.unread += len(data)
        if self.host.simulation.trace.detailed and self.connection is not None:
            self.host.simulation.note(
                "network", "connection {}: {} sends {} bytes", self.connection.number, self.owner, len(data)
            )
        draw = out.link.chance()
        if draw < CUTS and len(data) > 1:
            at = 1 + int(draw / CUTS * (len(data) - 1))
            out.send(_Arrival(data[:at]))
            data = data[at:]
        out.send(_Arrival(data))

    def shutdown(self, how: int) -> None:
        if self._state != "connected":
            raise _error(errno.ENOTCONN)
        if how in (socket.SHUT_WR, socket.SHUT_RDWR) and not self._finished:
            self._finished = True
            assert self.out is not None
            self.out.send(SimSocket.ended)

    def close(self) -> None:
        """Close; the other end hears what Linux would tell it."""
        if self.is_closed:
            return
        self.is_closed = True
        self.handler = None
        self.process.closed(self.descriptor)
        self.host.free_port(self)
        for waiting in self._offered:
            self._leave(waiting)
        if self.out is None or self._broken:
            return
        if self._lingers and not self._size:
            self.host.network.closed(self, "closed it")
            if not self._finished:
                self.out.send(SimSocket.ended)
        else:
            self.host.network.closed(self, "reset it")
            self.out.send_last(SimSocket.reset_by_peer)

    def _leave(self, waiting: SimSocket) -> None:
        """Reset a client that waits to be accepted here; or give it to another that shares the port."""
        client = None if waiting.connection is None else waiting.connection.client
        network = self.host.network
        heir = self.host.listener(self.local[1], client) if network.migrates and client is not None else None
        if heir is None:
            waiting._lingers = False
            waiting.close()
        else:
            waiting.process, waiting.owner = heir.process, heir.owner
            heir._offered.append(waiting)
            heir.wake()

    def vanish(self) -> None:
        """Vanish with the host: nobody hears of it."""
        self.is_closed = True
        self.host.free_port(self)
        self.host.network.closed(self, "vanished")
        for waiting in self._offered:
            waiting.vanish()
        if self.out is not None:
            self.out.abandon()
            self.out.leave_unheard()


class _Arrival:
    """Data on its way."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __call__(self, socket: SimSocket) -> None:
        socket.received(self._data)
