"""Opening connections: how long it may take, how it fails, and what our kernel asks of the other end."""

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
    """A network in which nobody answers, and no name is ever looked up."""

    def make(self) -> Link:
        return Link(Locator(), Outboxes(self))


def silent() -> Silent:
    return Silent()


@pytest.mark.parametrize("way", [dial, dial_any])
def test_a_literal_is_connected_to_at_once_and_for_so_long(way: object) -> None:
    """Nobody looks it up; the time limit goes with it."""
    reactor = silent()
    waiting = Deferred.fromCoroutine(way(reactor, Address("10.1.2.3", 64480), reactor.make, 3.0))  # type: ignore[operator]
    ((host, port, _, timeout, _),) = reactor.tcpClients
    assert (host, port, timeout) == ("10.1.2.3", 64480, 3.0)
    waiting.addErrback(lambda _: None)
    waiting.cancel()


def test_a_client_gives_up_in_time_whatever_hangs() -> None:
    """A look-up of a name has no time limit of its own."""
    reactor = silent()
    waiting = Deferred.fromCoroutine(dial_any(reactor, Address("example.org", 1), reactor.make, 3.0))
    reactor.advance(3.0)
    failures: list[BaseException] = []
    waiting.addErrback(lambda failure: failures.append(failure.value))  # type: ignore[call-overload]
    assert [type(failure) for failure in failures] == [NotInTime]
    assert not reactor.getDelayedCalls()


@pytest.mark.parametrize("host", ["example.org", "10.1.2.3", "::1"])
def test_who_is_cancelled_hears_nothing_else(host: str) -> None:
    """And not that there were no such host: whoever tries again at that would never stop."""
    reactor = silent()
    waiting = Deferred.fromCoroutine(dial_any(reactor, Address(host, 1), reactor.make, 3.0))
    waiting.cancel()
    failures: list[BaseException] = []
    waiting.addErrback(lambda failure: failures.append(failure.value))  # type: ignore[call-overload]
    assert [type(failure) for failure in failures] == [CancelledError]


async def by_tls(reactor: Silent, address: Address, make: Callable[[], Link], seconds: float) -> Link:
    """As a client dials."""
    return await shake_hands(reactor, address, make, seconds, in_cluster())


@pytest.mark.parametrize("way", [dial, dial_any, by_tls])
def test_a_dial_logs_nothing(way: Callable[..., Coroutine[Any, Any, Link]]) -> None:
    """Twisted's factories say that they start and stop, for each connection."""
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
    """As the end of a sentence."""
    assert why_not(error) == why


def test_the_kernel_is_asked_whether_the_workers_machine_lives() -> None:
    """Each second; and what it does not take within three, it is not there to take."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.create_connection(server.getsockname())
    with connection:
        notice_death(SimpleNamespace(getHandle=lambda: connection))
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
        options = {name: connection.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names}
    assert options == {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": 3000}
