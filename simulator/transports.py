"""Twisted's own TCP transports, on simulated sockets: buffering, producers and closing are the real code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import tcp

if TYPE_CHECKING:
    from simulator.reactor import SimReactor


class SimPort(tcp.Port):
    """A listening port."""

    reactor: Any

    def createInternetSocket(self) -> Any:
        return self.reactor.new_socket()


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
        return SimClient(self.host, self.port, self.bindAddress, self, self.reactor)
