"""The only place that opens connections; it also says why connecting failed.

connect      connects a factory of Twisted's, which is told the result
dial         a link to the first address of a host: between the cluster's processes, and for operators
dial_any     a link to the first of a host's addresses that answers: for clients, who may reach only some
shake_hands  like dial_any, by TLS
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, TypeVar, cast

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as NotInTime
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError
from twisted.internet.error import TimeoutError as NotConnectedInTime
from twisted.internet.interfaces import IConnector, IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from chatnet.addresses import Address
from chatnet.net.link import Link
from chatnet.net.tls import Creator, Encryption, why_not_trusted

CANNOT_CONNECT = (ConnectError, OSError, UnicodeError)
"""How connecting fails: Twisted's error, the system's, and the error of an impossible name."""
ATTEMPT_SECONDS = 0.1
"""Seconds after which a host's next address is tried, while the attempt before it still runs."""
DEAD_SECONDS = 3
"""Seconds without an answer from the other machine's kernel after which the connection is given up."""
_KERNEL_ASKS = {
    "TCP_KEEPIDLE": 1,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": DEAD_SECONDS - 1,
    # The kernel sends no probes while sent data is not acknowledged: this limit counts then.
    "TCP_USER_TIMEOUT": DEAD_SECONDS * 1000,
}

T = TypeVar("T")


def connect(reactor: Any, address: Address, factory: ClientFactory, seconds: float) -> IConnector:
    """Connect ``factory`` to ``address``. It hears of success, or, within ``seconds``, of failure."""
    connector: IConnector = reactor.connectTCP(*address, factory, timeout=seconds)
    return connector


async def dial(reactor: Any, address: Address, make: Callable[[], Link], seconds: float) -> Link:
    """Return what ``make`` makes, connected to the first address of a host within ``seconds``.

    :raises CANNOT_CONNECT: nobody is there.
    """
    endpoint = TCP4ClientEndpoint(reactor, *address, timeout=seconds)
    return cast(Link, await endpoint.connect(_factory(make)))


async def dial_any(reactor: Any, address: Address, make: Callable[[], Link], seconds: float) -> Link:
    """Return what ``make`` makes, connected to the first of the host's addresses that answers.

    :raises CANNOT_CONNECT: nobody is there.
    :raises ValueError: this cannot be the name of a host.
    :raises NotInTime: this took longer than ``seconds``.
    """
    connecting = _cancelling(_endpoint(reactor, address, seconds).connect(_factory(make)))
    return cast(Link, await connecting.addTimeout(seconds, reactor, _timed_out))


async def shake_hands(
    reactor: Any, address: Address, make: Callable[[], Link], seconds: float, creator: Creator
) -> Link:
    """Connect as :func:`dial_any`, by TLS; make the link once the other end has shown ``creator`` who it is.

    So an unknown end is sent nothing, and nothing that it sends is obeyed.

    :raises CANNOT_CONNECT: nobody is there.
    :raises NotTrusted: it is somebody else, or does not speak TLS as we do; the text says why.
    :raises ConnectionClosed: it closed the connection.
    :raises ValueError: this cannot be the name of a host.
    :raises NotInTime: this took longer than ``seconds``.
    """
    shown: Deferred[Link] = Deferred()
    factory = Encryption(creator, True, _factory(lambda: _Unknown(make, shown)), reactor)
    connecting: Deferred[Any] = _cancelling(_endpoint(reactor, address, seconds).connect(factory))
    connecting.addCallback(lambda encrypted: _when(shown, encrypted.abortConnection))
    try:
        return cast(Link, await connecting.addTimeout(seconds, reactor, _timed_out))
    except Exception as error:
        if why := why_not_trusted(error):
            raise NotTrusted(why) from error
        raise


def why_not(error: Exception) -> str:
    """Return why connecting failed, as the end of a sentence without the full stop."""
    match error:
        case ConnectionRefusedError():
            return "nobody listens there"
        case DNSLookupError() | UnicodeError():
            return "there is no such host"
        case NotInTime() | NotConnectedInTime():
            return "no answer in time"
    return str(error).rstrip(".") or "no answer in time"


def notice_death(transport: Any) -> None:
    """Have our kernel probe the other machine's kernel, and close the connection when it does not answer.

    A process that dies closes its connections; a machine that dies does not. A probe costs no process
    anything, so one is sent each second; the processes' own pings are rarer.
    """
    socket_transport = getattr(transport, "transport", transport)  # under TLS there is another transport
    handle = getattr(socket_transport, "getHandle", lambda: None)()
    if not isinstance(handle, socket.socket):
        return
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KERNEL_ASKS.items():
        if hasattr(socket, name):  # each system has some of them
            handle.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class NotTrusted(Exception):
    """The other end is not who it should be; the text says why, as the end of a sentence."""


@implementer(IHandshakeListener)
class _Unknown(Protocol):
    """Waits, and sends nothing, until the other end has shown who it is."""

    transport: Any

    def __init__(self, make: Callable[[], Link], shown: Deferred[Link]) -> None:
        self._make = make
        self._shown: Deferred[Link] | None = shown

    def handshakeCompleted(self) -> None:
        shown, self._shown = self._shown, None
        link = self.transport.wrappedProtocol = self._make()
        link.makeConnection(self.transport)
        if shown is not None:
            shown.callback(link)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        shown, self._shown = self._shown, None
        if shown is not None:
            shown.errback(reason)


def _when(done: Deferred[T], give_up: Callable[[], None]) -> Deferred[T]:
    """Return a Deferred with the result of ``done``. Cancelling it calls ``give_up`` and ignores ``done``."""
    outer: Deferred[T] = Deferred(lambda _: give_up())

    def tell(result: Any) -> None:
        if not outer.called:
            outer.callback(result)  # a failure, too

    done.addBoth(tell)
    return outer


def _factory(make: Callable[[], Protocol]) -> Factory:
    """A factory that does not log that it starts and stops: it does so for each connection."""
    factory: Factory = Factory.forProtocol(make)
    factory.noisy = False
    return factory


def _endpoint(reactor: Any, address: Address, seconds: float) -> IStreamClientEndpoint:
    # HostnameEndpoint reports a failure only when its next attempt would be due.
    if isIPAddress(address.host):
        return TCP4ClientEndpoint(reactor, *address, timeout=seconds)
    if isIPv6Address(address.host):
        return TCP6ClientEndpoint(reactor, *address, timeout=seconds)
    return HostnameEndpoint(reactor, *address, timeout=seconds, attemptDelay=ATTEMPT_SECONDS)


def _cancelling(connecting: Deferred[T]) -> Deferred[T]:
    """Return ``connecting``, changed to fail with :class:`CancelledError` when it is cancelled.

    A cancelled endpoint fails with ConnectingCancelledError; and during the look-up of a name, with the error
    of an unknown host. A caller that tries again after that error would never stop.
    """
    cancelled: list[bool] = []

    def cancel(_: Deferred[T]) -> None:
        cancelled.append(True)
        connecting.cancel()

    outer: Deferred[T] = Deferred(cancel)
    connecting.addCallbacks(
        outer.callback, lambda why: outer.errback(Failure(CancelledError()) if cancelled else why)
    )
    return outer


def _timed_out(result: object, seconds: float) -> Failure:
    return Failure(NotInTime())
