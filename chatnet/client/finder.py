"""Finds a worker: asks the masters, each a little after the one before, and follows them to the primary."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionClosed
from twisted.internet.error import TimeoutError as NotConnectedInTime
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from chatnet.addresses import Address, is_local, is_loopback
from chatnet.client.race import NoAnswer, NotReady, Race, Unreachable
from chatnet.client.states import Found
from chatnet.client.trust import Distrusted, Trust
from chatnet.errors import CannotStart, ChatnetError, NoWorkers, TlsRequired, WrongVersion
from chatnet.net.dial import CANNOT_CONNECT, NotTrusted, dial_any, notice_death, shake_hands, why_not
from chatnet.net.gate import Unregistered
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.wire.cluster import MAX_FINGERPRINT
from chatnet.wire.common import VERSION
from chatnet.wire.locate import Locate

DIAL_SECONDS = 3.0
"""Seconds that a master has to answer, and a worker to accept a connection."""
HOP_SECONDS = 1.5
"""Seconds to wait for the primary that a master names: it may just have died, and a new one be named soon."""
HOPS = 3
"""How many masters in a row are asked, each named by the one before."""

_LOG_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""The form of a log's id. It comes from a stranger, and becomes the name of a directory."""

T = TypeVar("T")


def _nobody(sentence: str) -> None:
    """Tell nobody."""


def _fail(master: Address, error: BaseException) -> None:
    raise error


class _Answer(NamedTuple):
    """A master's answer: a worker of the log ``log_id``, or a primary to ask, or neither."""

    worker: Address | None
    primary: Address | None
    log_id: str
    worker_key: str
    primary_key: str

    @classmethod
    def read(cls, answer: dict[str, Any]) -> _Answer:
        """:raises ValueError: the answer makes no sense."""
        found = cls(
            _address(answer["worker"]),
            _address(answer["primary"]),
            answer["log"],
            answer["worker_key"] or "",
            answer["primary_key"] or "",
        )
        if found.worker is not None and not _LOG_ID.fullmatch(found.log_id):
            raise ValueError("it names no log")
        if max(len(found.worker_key), len(found.primary_key)) > MAX_FINGERPRINT:
            raise ValueError("it names a key that is none")
        return found


class Finder:
    """Connects to masters and workers. ``reactor`` connects and keeps time.

    Connections to other machines use TLS alone. Masters that the user named are believed as ``trust`` says;
    all others by the keys that those masters told. Without ``trust``, nothing is encrypted.
    """

    def __init__(
        self, reactor: Any, outboxes: Outboxes, masters: Sequence[Address], trust: Trust | None = None
    ) -> None:
        self._reactor = reactor
        self._outboxes = outboxes
        self._masters = list(masters)
        self._trust = trust
        self._demanding: set[Address] = set()

    def __str__(self) -> str:
        return ", ".join(map(str, self._masters))

    async def find(
        self,
        is_ours: Callable[[Found], bool],
        tell: Callable[[str], None] = _nobody,
        doubt: Callable[[Address, BaseException], None] = _fail,
    ) -> Found:
        """Return a worker: the first of our cluster that a master names. The last one to answer is asked
        first.

        ``tell`` tells the user what is new about a master. ``doubt`` is called for a master that has changed,
        or whose key cannot be looked up: it returns if the master may be skipped, and raises otherwise.

        :raises Unreachable: no master knows a worker.
        :raises WrongVersion: a master speaks another version.
        """

        async def ask(master: Address) -> Found:
            try:
                found = await self._follow(master, tell)
            except (Distrusted, CannotStart) as error:
                doubt(master, error)
                raise Unreachable(str(error)) from error
            if not is_ours(found):
                raise Unreachable("another cluster is there")
            return found

        return await Race(self._masters, ask, self._reactor).run()

    def encrypts(self, address: Address, encrypted: bool) -> bool:
        """Return whether ``address`` is reached by TLS. ``encrypted``: TLS brought the address to us."""
        if self._trust is None:
            return False
        return encrypted or not is_local(address.host) or address in self._demanding

    def demands_tls(self, address: Address) -> None:
        """Use TLS at ``address`` from now on: it says that it accepts nothing else."""
        self._demanding.add(address)

    async def reach(
        self,
        address: Address,
        key: str,
        encrypted: bool,
        locator: Locator,
        pulse: Pulse | None,
        seconds: float = DIAL_SECONDS,
    ) -> Link:
        """Connect to ``address``, where somebody with this public ``key`` should be.

        ``encrypted``: address and key came over TLS.

        :raises Unreachable: it cannot be reached, or is somebody else.
        :raises NoAnswer: it did not answer within ``seconds``.
        """
        if self._trust is None or not self.encrypts(address, encrypted):
            return await self.dial(address, locator, pulse, seconds)
        if not key:
            raise Unreachable("nobody has told its key")
        try:
            return await self.dial(address, locator, pulse, seconds, self._trust.pinned(key))
        except NotTrusted as error:
            raise Unreachable(str(error)) from error

    async def dial(
        self,
        address: Address,
        locator: Locator,
        pulse: Pulse | None,
        seconds: float = DIAL_SECONDS,
        creator: IOpenSSLClientConnectionCreator | None = None,
    ) -> Link:
        """Connect to ``address``: by TLS if there is a ``creator``. ``locator`` is what may be sent to us.

        :raises Unreachable: it cannot be reached; :class:`NoAnswer`: it did not answer within ``seconds``.
        :raises NotTrusted: it is somebody else, or does not speak TLS.
        """

        def make() -> Link:
            return Link(locator, self._outboxes, pulse)

        try:
            if creator is None:
                link = await dial_any(self._reactor, address, make, seconds)
            else:
                link = await shake_hands(self._reactor, address, make, seconds, creator)
        except (TimeoutError, NotConnectedInTime) as error:
            raise NoAnswer(why_not(error)) from error
        except ConnectionClosed as error:
            raise Unreachable("it closed the connection") from error
        except (*CANNOT_CONNECT, ValueError) as error:
            raise Unreachable(why_not(error)) from error
        if creator is None and self._trust is not None and not is_loopback(link.transport.getPeer().host):
            link.abort()
            raise Unreachable("that name leads to another machine")
        if pulse is not None:
            notice_death(link.transport)
        return link

    async def within(self, seconds: float, work: Coroutine[Deferred[Any], Any, T]) -> T:
        """:raises Unreachable: ``work`` takes longer."""
        try:
            return await Deferred.fromCoroutine(work).addTimeout(seconds, self._reactor)
        except TimeoutError as error:
            raise Unreachable("no answer in time") from error

    async def _follow(self, master: Address, tell: Callable[[str], None]) -> Found:
        answer = await self._ask_named(master, tell)
        encrypted = self.encrypts(master, False)
        for _ in range(HOPS - 1):
            if answer.worker is not None or answer.primary is None:
                break
            primary, key = answer.primary, answer.primary_key
            try:
                answer = await self.within(HOP_SECONDS, self._ask_told(primary, key, encrypted))
            except Unreachable as error:
                raise NotReady(f"it names {primary} as the primary: {error}") from error
            encrypted = self.encrypts(primary, encrypted)
        if answer.worker is None:
            raise NotReady("it knows of no primary at the moment")
        return Found(master, answer.worker, answer.log_id, answer.worker_key, encrypted)

    async def _ask_named(self, master: Address, tell: Callable[[str], None]) -> _Answer:
        """Ask a master that the user named: without TLS only on this machine, and only if it accepts that.

        A forwarded port requires TLS. If it answers without TLS later, somebody else answers, in between.
        """
        if self._trust is not None and is_local(master.host) and self._trust.knows(master):
            self.demands_tls(master)
        if self._trust is not None and not self.encrypts(master, False):
            try:
                return await self._ask(await self.dial(master, Unregistered(), None))
            except TlsRequired:
                self.demands_tls(master)
        return await self._ask(await self._verified(master, tell))

    async def _verified(self, master: Address, tell: Callable[[str], None]) -> Link:
        async def shake(creator: IOpenSSLClientConnectionCreator) -> Link:
            return await self.dial(master, Unregistered(), None, creator=creator)

        if self._trust is None:
            return await self.dial(master, Unregistered(), None)
        return await self._trust.verified(master, shake, tell)

    async def _ask_told(self, master: Address, key: str, encrypted: bool) -> _Answer:
        try:
            return await self._ask(await self.reach(master, key, encrypted, Unregistered(), None))
        except TlsRequired as error:
            self.demands_tls(master)
            raise Unreachable("it wants TLS") from error

    async def _ask(self, link: Link) -> _Answer:
        """:raises TlsRequired: it requires TLS, and we may use it."""
        try:
            return _Answer.read(await self.within(DIAL_SECONDS, _locate(link)))
        except ConnectionClosed as error:
            raise Unreachable("it closed the connection; is it a master?") from error
        except NoWorkers as error:
            raise NotReady("no worker is up at the moment") from error
        except TlsRequired as error:
            if self._trust is None:
                raise Unreachable("it takes nothing in plain: leave --insecure out") from error
            raise
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
