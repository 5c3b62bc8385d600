"""Finding a worker: the masters are asked in turn, and send on to the primary."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar, cast

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import (
    ConnectError,
    ConnectionClosed,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.errors import ChatnetError, NoWorkers, WrongVersion
from chatnet.link import Link, Locator
from chatnet.outbox import Outboxes
from chatnet.pulse import Pulse
from chatnet.wire.common import VERSION
from chatnet.wire.locate import Locate

DIAL_SECONDS = 3.0
"""How long a master may take to answer, and a worker to be connected to."""
ATTEMPT_SECONDS = 0.1
"""After how long to try a host's next address beside the one before."""
HOPS = 3
"""How many masters in a row to ask, each sent to by the one before."""

T = TypeVar("T")


class Unreachable(Exception):
    """An attempt failed; its text says why, as the end of a sentence without the full stop."""


class Finder:
    """Connects to masters and workers. ``reactor`` connects and keeps time."""

    def __init__(self, reactor: Any, outboxes: Outboxes, masters: Sequence[Address]) -> None:
        self._reactor = reactor
        self._outboxes = outboxes
        self._masters = list(masters)

    def __str__(self) -> str:
        return ", ".join(map(str, self._masters))

    async def find(self) -> Address:
        """The address of a worker. The masters are tried in turn, beginning with the one that answered last.

        :raises Unreachable: none of them knows one.
        :raises WrongVersion: one of them speaks another version.
        """
        why = []
        for master in list(self._masters):
            try:
                return await self._follow(master)
            except Unreachable as error:
                why.append(f"{master}: {error}")
                self._masters.append(self._masters.pop(0))
        raise Unreachable("; ".join(why))

    async def dial(self, address: Address, locator: Locator, pulse: Pulse | None) -> Link:
        """Connect to ``address``; at that end, ``locator`` is what it finds here.

        :raises Unreachable: it cannot be reached.
        """
        factory = Factory.forProtocol(lambda: Link(locator, self._outboxes, pulse))
        factory.noisy = False
        connecting = _cancelling(self._endpoint(*address).connect(factory))
        try:
            link = await connecting.addTimeout(DIAL_SECONDS, self._reactor, _timed_out)
        except (ConnectError, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(_short(error)) from error
        return cast(Link, link)

    def _endpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        # HostnameEndpoint tells of a failure only when its next attempt would be due.
        if isIPAddress(host):
            return TCP4ClientEndpoint(self._reactor, host, port, DIAL_SECONDS)
        if isIPv6Address(host):
            return TCP6ClientEndpoint(self._reactor, host, port, DIAL_SECONDS)
        return HostnameEndpoint(self._reactor, host, port, DIAL_SECONDS, attemptDelay=ATTEMPT_SECONDS)

    async def within(self, seconds: float, work: Coroutine[Deferred[Any], Any, T]) -> T:
        """:raises Unreachable: ``work`` takes longer."""
        try:
            return await Deferred.fromCoroutine(work).addTimeout(seconds, self._reactor)
        except TimeoutError as error:
            raise Unreachable("no answer in time") from error

    async def _follow(self, master: Address) -> Address:
        for _ in range(HOPS):
            worker, primary = await self._ask(master)
            if worker is not None:
                return worker
            if primary is None:
                break
            master = primary
        raise Unreachable("it knows of no primary at the moment")

    async def _ask(self, master: Address) -> tuple[Address | None, Address | None]:
        link = await self.dial(master, Locator(), None)
        try:
            answer = await self.within(DIAL_SECONDS, _locate(link))
            return _address(answer["worker"]), _address(answer["primary"])
        except ConnectionClosed as error:
            raise Unreachable("it closed the connection; is it a master?") from error
        except NoWorkers as error:
            raise Unreachable("no worker is up at the moment") from error
        except WrongVersion:
            raise
        except (ChatnetError, ValueError) as error:
            raise Unreachable(f"it answers strangely ({error})") from error
        finally:
            link.abort()


async def _locate(link: Link) -> dict[str, Any]:
    answer: dict[str, Any] = await link.callRemote(Locate, version=VERSION)
    return answer


def _address(text: str | None) -> Address | None:
    return None if text is None else Address.parse(text)


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
    return Failure(TimeoutError())


def _short(error: Exception) -> str:
    match error:
        case ConnectionRefusedError():
            return "nobody listens there"
        case DNSLookupError():
            return "there is no such host"
        case TimeoutError():
            return "no answer in time"
    return str(error).rstrip(".") or "no answer in time"
