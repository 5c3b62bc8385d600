"""The link to the primary: find the primary, prove the token, register, report; again after each loss."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.protocols.amp import RemoteAmpError
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.errors import ChatnetError, LevelTooLow, WrongToken, WrongVersion
from chatnet.net.approach import Approach
from chatnet.net.dial import CANNOT_CONNECT, NotTrusted
from chatnet.net.gate import NotPrimary
from chatnet.net.link import MOST_SAID, Link
from chatnet.net.timer import Timer
from chatnet.text import legible
from chatnet.wire.cluster import LANES, Register, Report
from chatnet.worker.commands import FromPrimary, Linked
from chatnet.worker.primary_search import PrimarySearch

CONNECT_SECONDS = 1.0
"""Seconds that a master has to accept a connection, and again to prove the token."""
LEADER_SECONDS = 0.5
"""Seconds that the store has to say who leads."""
SHORTEST_DELAY, LONGEST_DELAY = 0.02, 0.5
"""Seconds between two attempts to reach a master: random, and longer from one attempt to the next.

A primary of this host that starts just after an attempt is asked again before it counts us as missing, which
is after three seconds: even if one dead host is asked in between, and the store hangs."""
REFUSED_DELAY = 10.0
"""Seconds until a master with another token or protocol is asked again. Shorter if a primary took our token
before: then somebody else uses its port, and the primary will come back."""
ABANDONED_SECONDS = 60
"""Seconds without primary or store after which a worker with a dead supervisor has nothing to wait for."""


class Uplink(Service):
    """Keeps ``worker`` linked to the primary, at one of ``masters`` or where one of them says that it is.

    ``approach`` makes the links.
    """

    _logger = Logger()

    def __init__(
        self,
        masters: Sequence[Address],
        worker: Linked,
        approach: Approach,
        reactor: Any,
        chance: random.Random,
    ) -> None:
        self._search = PrimarySearch(masters)
        self._worker = worker
        self._seen = 0
        self._approach = approach
        self._reactor = reactor
        self._chance = chance
        self._sent_on = False
        self._link: Link | None = None
        self._running: Deferred[None] | None = None
        self._seconds = Timer(reactor, 1.0, self._second, "Cannot report to the primary")
        self._alone = 0
        self._longest = 2 * SHORTEST_DELAY
        self._said: dict[Address, str] = {}

    def startService(self) -> None:
        super().startService()
        self._approach.caller.pulse.start()
        self._seconds.start()
        self._running = Deferred.fromCoroutine(self._keep_linked())
        self._running.addErrback(self._ended)

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            self._seconds.stop()
            self._approach.caller.pulse.stop()
        return running

    def report(self) -> None:
        """Report what the worker carries now, if it is linked to a primary."""
        if self._link is not None:
            self._link.callRemote(Report, load=self._worker.load())

    def _ended(self, why: Failure) -> None:
        if self.running:  # it was not cancelled by our stopping
            self._logger.failure("The uplink ended; this worker serves nobody from now on", why)

    async def _keep_linked(self) -> None:
        while self.running:
            master = await self._next()
            delay = await self._attempt(master)
            if self.running:
                await deferLater(self._reactor, delay)

    async def _next(self) -> Address:
        sent_on, self._sent_on = self._sent_on, False
        if not sent_on and (self._search.begins or self._worker.reaches_store()):
            leader = await self._leader()
            if leader is not None:
                self._search.told(leader)
        return self._search.next()

    async def _leader(self) -> Address | None:
        asking = Deferred.fromCoroutine(self._worker.leader())
        try:
            return await asking.addTimeout(LEADER_SECONDS, self._reactor)
        except TimeoutError:
            return None  # the store is away, or hangs; the named masters may still answer

    async def _attempt(self, master: Address) -> float:
        """Serve the primary at ``master``, if it is one; return the seconds until the next attempt."""
        try:
            await self._serve(master)
            self._longest = 2 * SHORTEST_DELAY
            return self._chance.uniform(SHORTEST_DELAY, self._longest)
        except (ConnectionClosed, NotTrusted, *CANNOT_CONNECT) as error:
            self._say(master, f"No primary at {master} ({error}); still looking")
            return self._longer()
        except TimeoutError:
            self._say(master, f"No primary at {master} (it does not answer); still looking")
            return self._longer()
        except NotPrimary as error:
            self._say(master, f"No primary at {master}: {error}")
            if error.primary is not None:
                self._sent_on = self._search.told(error.primary)
            return self._longer()
        except (ChatnetError, RemoteAmpError) as error:
            self._say(master, f"The master at {master} refuses this worker: {error}")
            if isinstance(error, LevelTooLow):
                self._worker.outgrown(str(error))
            if isinstance(error, WrongToken | WrongVersion) and not self._seen:
                return REFUSED_DELAY
        except Exception:
            if self.running:
                self._logger.failure("The link to {master} failed; still looking", master=master)
        return LONGEST_DELAY

    def _longer(self) -> float:
        delay = self._chance.uniform(SHORTEST_DELAY, self._longest)
        self._longest = min(LONGEST_DELAY, self._longest * 2)
        return delay

    async def _serve(self, master: Address) -> None:
        """Be the worker of the primary at ``master`` until the link is lost.

        :raises ConnectError: nobody is there.
        :raises ConnectionClosed: the link was lost before the worker was registered.
        :raises NotPrimary: a replica is there.
        :raises ChatnetError: the primary refused, with a sentence.
        """
        link = await self._connect(master)
        lost = link.when_lost()
        try:
            answer = await link.callRemote(Register, worker=self._worker.identity(), seen=self._seen)
            # No await from here on: the primary's next command may have come together with that answer.
            self._registered(link, answer["epoch"])
            self._search.found(master)
            self._say(master, f"Registered with the primary at {master}, epoch {answer['epoch']}")
            lanes = [lane for lane in LANES if answer[lane]]
            self._worker.registered(link, answer["log"], answer["store"], lanes)
            self.report()
            await lost
            self._say(master, f"Lost the primary at {master}; looking for it")
        finally:
            if self._link is not None:
                self._link = None
                self._worker.detached()
            link.abort()

    def _registered(self, link: Link, epoch: int) -> None:
        """Obey the primary of ``epoch`` on ``link`` from now on.

        We may have seen a later epoch. But the primary has looked into its store and found none: so an older
        copy of the store was put back, or we were told of an epoch that never existed.
        """
        self._seen = epoch
        link.become(FromPrimary(self._worker, epoch))
        self._link = link
        self._alone = 0

    async def _connect(self, master: Address) -> Link:
        # A master that hangs must not keep us from the primary for as long as the primary tolerates silence.
        return await self._approach.link(master, CONNECT_SECONDS, CONNECT_SECONDS)

    def _second(self) -> None:
        if self._link is not None:
            self.report()
            return
        self._alone = 0 if self._worker.reaches_store() else self._alone + 1
        if self._alone >= ABANDONED_SECONDS:
            self._worker.abandoned()

    def _say(self, master: Address, sentence: str) -> None:
        """Log ``sentence``, once for each change at ``master``."""
        if self._said.get(master) != sentence:
            self._said[master] = sentence
            self._logger.info("{sentence}", sentence=legible(sentence, MOST_SAID))
