"""The only place that opens connections, and why nobody was found.

connect    for a factory of Twisted's, which is told how it ended
dial       a link to the first address that a host has: between the cluster's processes, and operators
dial_any   a link to whichever of a host's addresses answers: for clients, who may have only some of them
shake_hands  the same by TLS
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
"""How connecting fails: by Twisted's word, by the system's, and for a name that cannot be one."""
ATTEMPT_SECONDS = 0.1
"""After how long to try a host's next address beside the one before."""
DEAD_SECONDS = 3
"""After so long without a sign of life from its machine's kernel, the other end is given up."""
_KERNEL_ASKS = {
    "TCP_KEEPIDLE": 1,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": DEAD_SECONDS - 1,
    # While something was sent and not received nobody is asked: this counts then.
    "TCP_USER_TIMEOUT": DEAD_SECONDS * 1000,
}

T = TypeVar("T")


def connect(reactor: Any, address: Address, factory: ClientFactory, seconds: float) -> IConnector:
    """Connect ``factory`` to ``address``; it is told so, or, after ``seconds`` at most, that it failed."""
    connector: IConnector = reactor.connectTCP(*address, factory, timeout=seconds)
    return connector


async def dial(reactor: Any, address: Address, make: Callable[[], Link], seconds: float) -> Link:
    """What ``make`` makes, connected to the first address of a host, within ``seconds``.

    :raises CANNOT_CONNECT: nobody is there.
    """
    endpoint = TCP4ClientEndpoint(reactor, *address, timeout=seconds)
    return cast(Link, await endpoint.connect(_factory(make)))


async def dial_any(reactor: Any, address: Address, make: Callable[[], Link], seconds: float) -> Link:
    """Likewise, connected to whichever address of the host answers first.

    :raises CANNOT_CONNECT: nobody is there.
    :raises ValueError: the host cannot be one.
    :raises NotInTime: this took longer than ``seconds``.
    """
    connecting = _cancelling(_endpoint(reactor, address, seconds).connect(_factory(make)))
    return cast(Link, await connecting.addTimeout(seconds, reactor, _timed_out))


async def shake_hands(
    reactor: Any, address: Address, make: Callable[[], Link], seconds: float, creator: Creator
) -> Link:
    """As :func:`dial_any`, by TLS: the link is made once the other end has shown to ``creator`` who it is.

    So nothing is said to anybody else, and nothing obeyed.

    :raises CANNOT_CONNECT: nobody is there.
    :raises NotTrusted: it is somebody else, or does not speak TLS as we do; why, in words.
    :raises ConnectionClosed: it closed the connection.
    :raises ValueError: the host cannot be one.
    :raises NotInTime: this took longer than ``seconds``.
    """
    shown: Deferred[Link] = Deferred()
    factory = Encryption(creator, True, Factory.forProtocol(lambda: _Unknown(make, shown)), reactor)
    connecting: Deferred[Any] = _cancelling(_endpoint(reactor, address, seconds).connect(factory))
    connecting.addCallback(lambda encrypted: _when(shown, encrypted.abortConnection))
    try:
        return cast(Link, await connecting.addTimeout(seconds, reactor, _timed_out))
    except Exception as error:
        if why := why_not_trusted(error):
            raise NotTrusted(why) from error
        raise


def why_not(error: Exception) -> str:
    """Why nobody could be connected to, as the end of a sentence without the full stop."""
    match error:
        case ConnectionRefusedError():
            return "nobody listens there"
        case DNSLookupError() | UnicodeError():
            return "there is no such host"
        case NotInTime() | NotConnectedInTime():
            return "no answer in time"
    return str(error).rstrip(".") or "no answer in time"


def notice_death(transport: Any) -> None:
    """Have our kernel ask that at the other end, and give the connection up when it does not answer.

    A process that dies closes its connections; a machine does not. To ask costs no process anything, so it is
    done each second, where the processes' own pings are rare.
    """
    socket_transport = getattr(transport, "transport", transport)  # TLS has one beneath it
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
    """Is there until the other end has shown who it is, and says nothing."""

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
    """What ``done`` fires with. To cancel it calls ``give_up``; then ``done`` is not heard any longer."""
    outer: Deferred[T] = Deferred(lambda _: give_up())

    def tell(result: Any) -> None:
        if not outer.called:
            outer.callback(result)  # a failure, too

    done.addBoth(tell)
    return outer


def _factory(make: Callable[[], Link]) -> Factory:
    factory: Factory = Factory.forProtocol(make)
    factory.noisy = False
    return factory


def _endpoint(reactor: Any, address: Address, seconds: float) -> IStreamClientEndpoint:
    # HostnameEndpoint tells of a failure only when its next attempt would be due.
    if isIPAddress(address.host):
        return TCP4ClientEndpoint(reactor, *address, timeout=seconds)
    if isIPv6Address(address.host):
        return TCP6ClientEndpoint(reactor, *address, timeout=seconds)
    return HostnameEndpoint(reactor, *address, timeout=seconds, attemptDelay=ATTEMPT_SECONDS)


def _cancelling(connecting: Deferred[T]) -> Deferred[T]:
    """``connecting``, which fails with :class:`CancelledError` when it is cancelled.

    An endpoint of its own fails with ConnectingCancelledError then; and while it looks a name up, as if there
    were no such host: whoever tries again at that would never stop.
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
