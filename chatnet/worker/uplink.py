"""The link to the primary: find it, prove the token, register, report; again whenever it is lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.entries import Entry
from chatnet.errors import ChatnetError, StaleEpoch, WrongToken, WrongVersion
from chatnet.gate import prove
from chatnet.link import Link, Locator
from chatnet.outbox import Outboxes
from chatnet.pulse import Pulse
from chatnet.store.remote import RemoteLog
from chatnet.wire.cluster import Load, Register, Report, Shed, Shutdown, WorkerIdentity
from chatnet.wire.log import Committed

CONNECT_SECONDS = 1.0
SHORTEST_DELAY, LONGEST_DELAY = 0.02, 1.0
"""Between two attempts to reach a master pass so many seconds, at random, and longer from one to the next."""
REFUSED_DELAY = 10.0
"""A master that knows another token, or another protocol, is asked again after so many seconds."""
ABANDONED_SECONDS = 60
"""After so long without a primary, a worker whose supervisor is dead has nothing to wait for."""


class FromPrimary(Locator):
    """What the primary says to a worker. ``stop`` ends this process; ``shed`` has so many sessions move."""

    def __init__(self, log: RemoteLog, stop: Callable[[], None], shed: Callable[[int], None]) -> None:
        self._remote = log
        self._stop = stop
        self._shed = shed

    @Committed.responder
    def committed(self, epoch: int, entries: list[Entry]) -> dict[str, Any]:
        self._remote.committed(epoch, entries)
        return {}

    @Shutdown.responder
    def shutdown(self, epoch: int) -> dict[str, Any]:
        self._check(epoch)
        self._stop()
        return {}

    @Shed.responder
    def shed(self, epoch: int, count: int) -> dict[str, Any]:
        self._check(epoch)
        self._shed(count)
        return {}

    def _check(self, epoch: int) -> None:
        if epoch < self._remote.epoch:
            raise StaleEpoch.of(theirs=epoch, ours=self._remote.epoch)


class Uplink(Service):
    """Keeps the worker linked to the primary, which is at one of ``masters``.

    ``identity`` and ``load`` say who the worker is, and what it carries now. ``stop`` and ``shed`` are called
    when the primary says so; ``abandoned`` every second from when nobody was reached for a minute.
    """

    _logger = Logger()

    def __init__(
        self,
        masters: Sequence[Address],
        token: Token,
        log: RemoteLog,
        identity: Callable[[], WorkerIdentity],
        load: Callable[[], Load],
        stop: Callable[[], None],
        shed: Callable[[int], None],
        abandoned: Callable[[], None],
        outboxes: Outboxes,
        pulse: Pulse,
        reactor: Any,
        chance: random.Random,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._masters = masters
        self._token = token
        self._remote = log
        self._identity = identity
        self._load = load
        self._stop = stop
        self._shed = shed
        self._abandoned = abandoned
        self._outboxes = outboxes
        self._pulse = pulse
        self._reactor = reactor
        self._chance = chance
        self._entropy = entropy
        self._link: Link | None = None
        self._running: Deferred[None] | None = None
        self._seconds = LoopingCall(self._second)
        self._seconds.clock = reactor
        self._alone = 0
        self._said: dict[Address, str] = {}

    def startService(self) -> None:
        super().startService()
        self._pulse.start()
        # A loop fails only on a bug of ours: then it is better heard than dead silently.
        self._seconds.start(1.0, now=False).addErrback(
            lambda why: self._logger.failure("The reports to the primary ended", why)
        )
        self._running = Deferred.fromCoroutine(self._keep_linked())
        self._running.addErrback(self._ended)

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            self._seconds.stop()
            self._pulse.stop()
        return running

    def _ended(self, why: Failure) -> None:
        if self.running:  # and was not cancelled by our stopping
            self._logger.failure("The uplink ended; this worker is of no use any more", why)

    async def _keep_linked(self) -> None:
        longest = 2 * SHORTEST_DELAY
        for master in cycle(self._masters):
            try:
                await self._serve(master)
                longest = 2 * SHORTEST_DELAY
                delay = self._chance.uniform(SHORTEST_DELAY, longest)
            except (ConnectError, ConnectionClosed, DNSLookupError) as error:
                delay = self._chance.uniform(SHORTEST_DELAY, longest)
                longest = min(LONGEST_DELAY, longest * 2)
                self._say(master, f"No primary at {master} ({error}); trying on")
            except (WrongToken, WrongVersion) as error:
                delay = REFUSED_DELAY
                self._say(master, f"The master at {master} refuses this worker: {error}")
            except ChatnetError as error:
                delay = LONGEST_DELAY
                self._say(master, f"The master at {master} refuses this worker: {error}")
            except Exception:
                if not self.running:
                    return
                delay = LONGEST_DELAY
                self._logger.failure("The link to {master} failed; trying on", master=master)
            await deferLater(self._reactor, delay)

    async def _serve(self, master: Address) -> None:
        """Be the worker of the primary at ``master`` until the link is lost.

        :raises ConnectError: nobody is there.
        :raises ConnectionClosed: the link was lost before the worker was registered.
        :raises ChatnetError: the primary refused, in a sentence.
        """
        link = await self._connect(master)
        lost = link.when_lost()
        try:
            await prove(link, self._token, "worker", self._entropy)
            answer = await link.callRemote(Register, worker=self._identity(), seen=self._remote.epoch)
            self._link = link
            self._say(master, f"Registered with the primary at {master}, epoch {answer['epoch']}")
            self._remote.attached(link, answer["log"], answer["epoch"])
            self._report(link)
            self._alone = 0
            await lost
            self._say(master, f"Lost the primary at {master}; looking for it")
        finally:
            if self._link is not None:
                self._link = None
                self._remote.detached()
            link.abort()

    async def _connect(self, master: Address) -> Link:
        factory = Factory.forProtocol(
            lambda: Link(FromPrimary(self._remote, self._stop, self._shed), self._outboxes, self._pulse)
        )
        factory.noisy = False
        endpoint = TCP4ClientEndpoint(self._reactor, master.host, master.port, timeout=CONNECT_SECONDS)
        return cast(Link, await endpoint.connect(factory))

    def _second(self) -> None:
        if self._link is not None:
            self._report(self._link)
            return
        self._alone += 1
        if self._alone >= ABANDONED_SECONDS:
            self._abandoned()

    def _report(self, link: Link) -> None:
        link.callRemote(Report, load=self._load())

    def _say(self, master: Address, sentence: str) -> None:
        """Tell the operator, once, what has changed about ``master``."""
        if self._said.get(master) != sentence:
            self._said[master] = sentence
            self._logger.info("{sentence}", sentence=sentence)
