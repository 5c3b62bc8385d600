"""The right to command, in a database: a row with a counter, which its holder raises while others watch.

A contender takes it when the counter has not moved for three seconds of the contender's own clock. The holder
stops commanding two and a half seconds after the start of its last successful raise, by its own clock. No
clock is compared with another. A contender that was stopped itself finds a moved counter when it looks again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from chatnet.net.timer import Timer
from chatnet.store.lease import Holder, parse_holder
from chatnet.store.postgres.database import Database, Databases, LeaseRow, Opened, Unavailable
from chatnet.store.postgres.pool import Outage, Pool
from chatnet.telemetry import LeaseEnded, LeaseTaken, Tell

RENEW_SECONDS = 1.0
"""Seconds between two raises of the counter by the holder."""
GOOD_SECONDS = 2.5
"""Seconds for which the holder may command after it began to raise the counter, or to take the lease."""
STALE_SECONDS = 3.0
"""Seconds without a change that a contender must see before it takes the lease."""
LOOK_SECONDS = 0.5
"""Seconds between two looks of a contender."""
CHECK_SECONDS = 0.1
"""Seconds between two looks of the holder at its own clock."""
ANSWER_SECONDS = 2.0
"""Seconds that the database has to answer, before another connection is tried."""
OPEN_SECONDS = 15.0
"""The same, when the tables may have to be made, or another master is making them."""

T = TypeVar("T")


class DatabaseLease:
    """The lease of the cluster whose store is at ``url``, for one master. ``epoch`` is our latest epoch.

    ``lost`` is called at the moment when we must stop commanding, unless :meth:`release` caused it.
    """

    _logger = Logger()

    def __init__(
        self,
        url: str,
        databases: Databases,
        reactor: Any,
        threads: Callable[[int, str], ThreadPool],
        monotonic: Callable[[], float],
        chance: random.Random,
        tell: Tell,
        lost: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._monotonic = monotonic
        self._tell = tell
        self._lost = lost
        # A connection that hangs must not prevent the next one from being tried.
        self._pool = threads(3, "lease")
        connect: Callable[[], Database] = lambda: databases.connect(url)  # noqa: E731
        self._asker = Pool(reactor, self._pool, connect, chance, Outage(), 3)
        self._row: LeaseRow | None = None
        self._unchanged_since = 0.0
        self._me: Holder | None = None
        self._good_until = 0.0
        self._asking: set[Deferred[Any]] = set()
        self.epoch = 0
        self._loops = [
            Timer(reactor, RENEW_SECONDS, self._renew, "Cannot renew the lease"),
            Timer(reactor, CHECK_SECONDS, self._check, "Cannot look at the lease's clock"),
        ]
        self._watching = Timer(reactor, LOOK_SECONDS, self._watch, "Cannot watch the lease")
        self._expired: Callable[[], None] | None = None

    def start(self) -> None:
        """Start the threads. Call this before anything else."""
        self._pool.start()

    async def open(self, fresh_id: str) -> tuple[Opened, LeaseRow]:
        """Make the tables if need be, and read the lease.

        :raises Unavailable: the database cannot be reached.
        :raises CannotStart: it can never be reached.
        """
        opened = await self._ask(lambda database: database.open(fresh_id), OPEN_SECONDS)
        return opened, await self._look()

    async def close(self) -> None:
        """Stop watching. A lease that is held expires."""
        self._end(was_lost=False)
        self.unwatch()
        for asking in list(self._asking):
            asking.cancel()
        await self._asker.close()
        self._pool.stop()

    async def token_fingerprint(self, fingerprint: str) -> str:
        """Return the fingerprint of the cluster's token; the first one given here is kept.

        :raises Unavailable: the database cannot be reached.
        """
        return await self._ask(lambda database: database.token_fingerprint(fingerprint))

    # ---- contending ----

    async def holder(self) -> Holder | None:
        """Return who holds it now; None if nobody does.

        :raises Unavailable: the database cannot be reached.
        """
        return parse_holder((await self._look()).holder)

    async def newest_epoch(self) -> int:
        """Return how often it has been taken until now.

        :raises Unavailable: the database cannot be reached.
        """
        return (await self._look()).epoch

    def is_held_by(self, holder: Holder) -> bool:
        """Return whether ``holder`` held it at our last look."""
        return self._row is not None and holder.is_same(parse_holder(self._row.holder))

    @property
    def is_free(self) -> bool:
        """Whether, as far as we know, it may be taken: it was released, or the counter no longer rises."""
        if self._row is None:
            return False
        return not self._row.holder or self._monotonic() - self._unchanged_since >= STALE_SECONDS

    async def take(self, me: Holder) -> bool:
        """Take it, if it may be taken; return whether it is ours.

        :raises Unavailable: the database cannot be reached. It may be ours nevertheless, and then expires.
        """
        row = await self._look()
        if not self.is_free:
            return False
        began = self._monotonic()
        text = _text(me)
        epoch = await self._ask(lambda database: database.take_lease(row.counter, text))
        if epoch is None:
            return False
        self.epoch, self._me = epoch, me
        self._good_until = began + GOOD_SECONDS
        if not self._is_good():
            self._me = None
            return False  # the answer took too long: somebody else may have taken it since
        self.unwatch()
        for loop in self._loops:
            loop.start()
        self._tell(LeaseTaken(epoch))
        return True

    def watch(self, expired: Callable[[], None]) -> None:
        """Look from time to time; call ``expired`` whenever it may be taken, until :meth:`unwatch`."""
        self._expired = expired
        self._watching.start(now=True)

    def unwatch(self) -> None:
        """Stop looking and calling."""
        self._expired = None
        self._watching.stop()

    def _watch(self) -> None:
        if len(self._asking) < 2:
            self._own(self._look_on())

    async def _look_on(self) -> None:
        await self._look()
        if self.is_free and self._expired is not None:
            self._expired()

    async def _look(self) -> LeaseRow:
        row = await self._ask(lambda database: database.lease())
        if self._row is None or row.counter != self._row.counter:
            self._unchanged_since = self._monotonic()
        self._row = row
        return row

    # ---- holding ----

    def publish(self, me: Holder) -> None:
        """Write ``me`` as its holder's text, from the next renewal on."""
        if self._me is not None:
            self._me = me

    async def release(self) -> None:
        """Release it: the next holder need not wait. Harmless if it is not held."""
        if self._me is None:
            return
        self._end(was_lost=False)
        epoch = self.epoch
        try:
            await self._ask(lambda database: database.release_lease(epoch))
        except Unavailable as away:
            self._logger.info("The lease could not be released ({why}): it will expire", why=str(away))

    def _renew(self) -> None:
        if len(self._asking) < 2:
            self._own(self._raise())

    async def _raise(self) -> None:
        me, epoch, began = self._me, self.epoch, self._monotonic()
        if me is None:
            return
        text = _text(me)
        still_ours = await self._ask(lambda database: database.renew_lease(epoch, text))
        if self._me is None or self.epoch != epoch:
            return
        if still_ours:
            self._good_until = max(self._good_until, began + GOOD_SECONDS)
        else:
            self._lose("another master has taken it")

    def _check(self) -> None:
        if not self._is_good():
            self._lose(f"it could not be renewed for {GOOD_SECONDS} s")

    def _is_good(self) -> bool:
        return self._monotonic() < self._good_until

    def _lose(self, why: str) -> None:
        self._logger.critical("The lease of epoch {epoch} is over: {why}", epoch=self.epoch, why=why)
        self._end(was_lost=True)
        self._lost()

    def _end(self, was_lost: bool) -> None:
        if self._me is not None:
            self._tell(LeaseEnded(self.epoch, was_lost))
        self._me = None
        for loop in self._loops:
            loop.stop()

    # ---- how ----

    async def _ask(self, question: Callable[[Database], T], seconds: float = ANSWER_SECONDS) -> T:
        asking = Deferred.fromCoroutine(self._asker.ask_once(question))
        try:
            return await asking.addTimeout(seconds, self._reactor)
        except TimeoutError as error:
            raise Unavailable("it does not answer") from error

    def _own(self, doing: Any) -> None:
        """Run ``doing`` in the background; failures are logged, unless the database is away or we close."""
        asking: Deferred[Any] = Deferred.fromCoroutine(doing)
        self._asking.add(asking)
        asking.addBoth(self._done, asking)
        asking.addErrback(lambda why: why.trap(Unavailable, CancelledError))
        asking.addErrback(lambda why: self._logger.failure("The lease cannot be looked at", why))

    def _done(self, result: T, asking: Deferred[Any]) -> T:
        self._asking.discard(asking)
        return result


def _text(holder: Holder) -> str:
    return msgspec.json.encode(holder).decode()
