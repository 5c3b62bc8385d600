"""Finding a worker: the masters are asked, each a little after the one before, and send on to the primary."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.client.race import NotYet, Race, Unreachable
from chatnet.client.states import Found
from chatnet.errors import ChatnetError, NoWorkers, WrongVersion
from chatnet.net.dialer import CANNOT_CONNECT, Unregistered, why_not
from chatnet.net.link import Link, Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.wire.common import VERSION
from chatnet.wire.locate import Locate

DIAL_SECONDS = 3.0
"""How long a master may take to answer, and a worker to be connected to."""
ATTEMPT_SECONDS = 0.1
"""After how long to try a host's next address beside the one before."""
HOP_SECONDS = 1.5
"""How long to wait for the primary that a master names: it may just have died, and soon another be named."""
DEAD_SECONDS = 3
"""After so long without a sign of life from its machine's kernel, a worker is given up."""
_KERNEL_ASKS = {
    "TCP_KEEPIDLE": 1,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": DEAD_SECONDS - 1,
    # While something was sent and not received nobody is asked: this counts then.
    "TCP_USER_TIMEOUT": DEAD_SECONDS * 1000,
}
HOPS = 3
"""How many masters in a row to ask, each sent to by the one before."""

_LOG_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""What names a log. It comes from a stranger, and becomes the name of a directory."""

T = TypeVar("T")


class _Answer(NamedTuple):
    """A master's: a worker of the log ``log_id``, or who knows one, or neither."""

    worker: Address | None
    primary: Address | None
    log_id: str

    @classmethod
    def read(cls, answer: dict[str, Any]) -> _Answer:
        """:raises ValueError: it makes no sense."""
        found = cls(_address(answer["worker"]), _address(answer["primary"]), answer["log"])
        if found.worker is not None and not _LOG_ID.fullmatch(found.log_id):
            raise ValueError("it names no log")
        return found


class Finder:
    """Connects to masters and workers. ``reactor`` connects and keeps time."""

    def __init__(self, reactor: Any, outboxes: Outboxes, masters: Sequence[Address]) -> None:
        self._reactor = reactor
        self._outboxes = outboxes
        self._masters = list(masters)

    def __str__(self) -> str:
        return ", ".join(map(str, self._masters))

    async def find(self, is_ours: Callable[[Found], bool]) -> Found:
        """A worker: the first of ours that a master says. The one that answered last is asked first.

        :raises Unreachable: none of them knows one.
        :raises WrongVersion: one of them speaks another version.
        """

        async def ask(master: Address) -> Found:
            found = await self._follow(master)
            if not is_ours(found):
                raise Unreachable("another cluster is there")
            return found

        return await Race(self._masters, ask, self._reactor).run()

    async def dial(self, address: Address, locator: Locator, pulse: Pulse | None) -> Link:
        """Connect to ``address``; at that end, ``locator`` is what it finds here.

        :raises Unreachable: it cannot be reached.
        """
        factory = Factory.forProtocol(lambda: Link(locator, self._outboxes, pulse))
        factory.noisy = False
        connecting = _cancelling(self._endpoint(*address).connect(factory))
        try:
            link = await connecting.addTimeout(DIAL_SECONDS, self._reactor, _timed_out)
        except (*CANNOT_CONNECT, TimeoutError, ValueError) as error:
            raise Unreachable(why_not(error)) from error
        if pulse is not None:
            notice_death(cast(Link, link).transport)
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

    async def _follow(self, master: Address) -> Found:
        asked = master
        for hop in range(HOPS):
            try:
                answer = await (self.within(HOP_SECONDS, self._ask(asked)) if hop else self._ask(asked))
            except Unreachable as error:
                if hop:
                    raise NotYet(f"it names {asked} as the primary: {error}") from error
                raise
            if answer.worker is not None:
                return Found(master, answer.worker, answer.log_id)
            if answer.primary is None:
                break
            asked = answer.primary
        raise NotYet("it knows of no primary at the moment")

    async def _ask(self, master: Address) -> _Answer:
        link = await self.dial(master, Unregistered(), None)
        try:
            return _Answer.read(await self.within(DIAL_SECONDS, _locate(link)))
        except ConnectionClosed as error:
            raise Unreachable("it closed the connection; is it a master?") from error
        except NoWorkers as error:
            raise NotYet("no worker is up at the moment") from error
        except WrongVersion:
            raise
        except (ChatnetError, ValueError) as error:
            raise Unreachable(f"it answers strangely ({error})") from error
        finally:
            link.abort()


def notice_death(transport: Any) -> None:
    """Have our kernel ask that at the other end, and give the connection up when it does not answer.

    A process that dies closes its connections; a machine does not. To ask costs no process anything, so it is
    done each second, where the processes' own pings are rare.
    """
    handle = getattr(transport, "getHandle", lambda: None)()
    if not isinstance(handle, socket.socket):
        return
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KERNEL_ASKS.items():
        if hasattr(socket, name):  # each system has some of them
            handle.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


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
