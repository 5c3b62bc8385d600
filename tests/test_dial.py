"""Opening connections: how long it may take, how it fails, and what our kernel demands of the other end."""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as NotInTime
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.error import TimeoutError as NotConnectedInTime
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs

from chatnet.addresses import Address
from chatnet.net.dial import dial, dial_any, notice_death, shake_hands, why_not
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.tls import in_cluster


class Silent(MemoryReactorClock):
    """A network in which nobody answers, and no name is ever resolved."""

    def make(self) -> Link:
        return Link(Locator(), Outboxes(self))


def silent() -> Silent:
    return Silent()


@pytest.mark.parametrize("way", [dial, dial_any])
def test_a_literal_is_connected_to_at_once_and_for_so_long(way: object) -> None:
    """It is not looked up, and the connection gets the time limit."""
    reactor = silent()
    waiting = Deferred.fromCoroutine(way(reactor, Address("10.1.2.3", 64480), reactor.make, 3.0))  # type: ignore[operator]
    ((host, port, _, timeout, _),) = reactor.tcpClients
    assert (host, port, timeout) == ("10.1.2.3", 64480, 3.0)
    waiting.addErrback(lambda _: None)
    waiting.cancel()


def test_a_client_gives_up_in_time_whatever_hangs() -> None:
    """The limit includes the look-up of a name, which has none of its own."""
    reactor = silent()
    waiting = Deferred.fromCoroutine(dial_any(reactor, Address("example.org", 1), reactor.make, 3.0))
    reactor.advance(3.0)
    failures: list[BaseException] = []
    waiting.addErrback(lambda failure: failures.append(failure.value))  # type: ignore[call-overload]
    assert [type(failure) for failure in failures] == [NotInTime]
    assert not reactor.getDelayedCalls()


@pytest.mark.parametrize("host", ["example.org", "10.1.2.3", "::1"])
def test_who_is_cancelled_hears_nothing_else(host: str) -> None:
    """The error is not “no such host”: whoever tries again after that would never stop."""
    reactor = silent()
    waiting = Deferred.fromCoroutine(dial_any(reactor, Address(host, 1), reactor.make, 3.0))
    waiting.cancel()
    failures: list[BaseException] = []
    waiting.addErrback(lambda failure: failures.append(failure.value))  # type: ignore[call-overload]
    assert [type(failure) for failure in failures] == [CancelledError]


async def by_tls(reactor: Silent, address: Address, make: Callable[[], Link], seconds: float) -> Link:
    """Dial as a client does."""
    return await shake_hands(reactor, address, make, seconds, in_cluster())


@pytest.mark.parametrize("way", [dial, dial_any, by_tls])
def test_a_dial_logs_nothing(way: Callable[..., Coroutine[Any, Any, Link]]) -> None:
    """Twisted's factories would log for each connection that they start and stop."""
    reactor = silent()
    with capturedLogs() as events:
        waiting = Deferred.fromCoroutine(way(reactor, Address("10.1.2.3", 64480), reactor.make, 3.0))
        ((_, _, factory, _, _),) = reactor.tcpClients
        factory.doStart()  # as a reactor does
        factory.doStop()
    assert events == []
    waiting.addErrback(lambda _: None)
    waiting.cancel()


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ConnectionRefusedError(), "nobody listens there"),
        (DNSLookupError(), "there is no such host"),
        (NotInTime(), "no answer in time"),
        (NotConnectedInTime(), "no answer in time"),
        (OSError("No route to host."), "No route to host"),
        (OSError(), "no answer in time"),
    ],
)
def test_why_nobody_was_found_is_said_in_words(error: Exception, why: str) -> None:
    """The words fit the end of a sentence."""
    assert why_not(error) == why


def test_the_kernel_is_asked_whether_the_workers_machine_lives() -> None:
    """It asks each second; if nothing is acknowledged within three, the connection is lost."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.create_connection(server.getsockname())
    with connection:
        notice_death(SimpleNamespace(getHandle=lambda: connection))
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
        options = {name: connection.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names}
    assert options == {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": 3000}
