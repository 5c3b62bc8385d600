"""Twisted's own TCP transports on simulated sockets: buffering, producers and closing are the real code."""

from __future__ import annotations

import socket
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet import tcp

if TYPE_CHECKING:
    from simulator.reactor import SimReactor


T = TypeVar("T", tcp.Server, tcp.Client)


@cache
def _full_at(kind: type[T], size: int) -> type[T]:
    """Return ``kind`` with transports that are full at ``size`` unsent bytes. Links ask the class."""
    return type(kind.__name__, (kind,), {"bufferSize": size})


class SimPort(tcp.Port):
    """A listening port; ``shares``: beside others that share it."""

    reactor: Any

    def __init__(
        self,
        port: int,
        factory: Any,
        backlog: int,
        interface: str,
        reactor: SimReactor,
        shares: bool = False,
    ) -> None:
        super().__init__(port, factory, backlog, interface, reactor)
        self.transport = _full_at(tcp.Server, reactor.full_at)
        self._shares = shares

    def createInternetSocket(self) -> Any:
        made = self.reactor.new_socket()
        if self._shares:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return made


class SimClient(tcp.Client):
    """The connecting end of a connection."""

    def __init__(
        self, host: str, port: int, bind_address: Any, connector: SimConnector, reactor: SimReactor
    ) -> None:
        self._new_socket = reactor.new_socket
        super().__init__(host, port, bind_address, connector, reactor)

    def createInternetSocket(self) -> Any:
        return self._new_socket()


class SimConnector(tcp.Connector):
    """An attempt to connect."""

    reactor: Any

    def _makeTransport(self) -> SimClient:
        client = _full_at(SimClient, self.reactor.full_at)
        return client(self.host, self.port, self.bindAddress, self, self.reactor)
