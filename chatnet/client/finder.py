"""Finding a worker: the masters are asked, each a little after the one before, and send on to the primary."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionClosed
from twisted.internet.error import TimeoutError as NotConnectedInTime

from chatnet.addresses import Address
from chatnet.client.race import NotYet, Race, Silent, Unreachable
from chatnet.client.states import Found
from chatnet.errors import ChatnetError, NoWorkers, WrongVersion
from chatnet.net.dial import CANNOT_CONNECT, dial_any, notice_death, why_not
from chatnet.net.gate import Unregistered
from chatnet.net.link import Link, Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.wire.common import VERSION
from chatnet.wire.locate import Locate

DIAL_SECONDS = 3.0
"""How long a master may take to answer, and a worker to be connected to."""
HOP_SECONDS = 1.5
"""How long to wait for the primary that a master names: it may just have died, and soon another be named."""
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

    async def dial(
        self, address: Address, locator: Locator, pulse: Pulse | None, seconds: float = DIAL_SECONDS
    ) -> Link:
        """Connect to ``address``; at that end, ``locator`` is what it finds here.

        :raises Unreachable: it cannot be reached; :class:`Silent`: not within ``seconds``.
        """

        def make() -> Link:
            return Link(locator, self._outboxes, pulse)

        try:
            link = await dial_any(self._reactor, address, make, seconds)
        except (TimeoutError, NotConnectedInTime) as error:
            raise Silent(why_not(error)) from error
        except (*CANNOT_CONNECT, ValueError) as error:
            raise Unreachable(why_not(error)) from error
        if pulse is not None:
            notice_death(link.transport)
        return link

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


async def _locate(link: Link) -> dict[str, Any]:
    answer: dict[str, Any] = await link.callRemote(Locate, version=VERSION)
    return answer


def _address(text: str | None) -> Address | None:
    return None if text is None else Address.parse(text)
