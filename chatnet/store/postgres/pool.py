"""Asks a database in threads of its own, on connections that it keeps, again until it is answered."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from chatnet.errors import Refusal, TooSlow
from chatnet.limits import PATIENCE
from chatnet.store.absence import Absence
from chatnet.store.postgres.database import Database, GivenUp, Unavailable
from chatnet.telemetry import Tell, unheard

_BACK = "The database is back; everything goes on"
_FIRST_DELAY, _LAST_DELAY = 0.05, 2.0

T = TypeVar("T")
Query = Callable[[Database], T]
"""A question, asked in a thread. It may be repeated on another connection, whether it took effect or not."""


class Outage:
    """The state of the database for all pools of one log: logged when it goes away, and when it is back.

    ``sentence`` is what the operator should know while it is away, otherwise empty.
    """

    _logger = Logger()

    def __init__(self, tell: Tell = unheard, seconds: Callable[[], float] = float) -> None:
        self._sentences: dict[object, str] = {}
        self._absence = Absence(tell, seconds)
        self._when_away: list[Callable[[], None]] = []

    def watch(self, gone: Callable[[], None]) -> None:
        """Have ``gone`` called each time when it goes away: what was connected may be broken."""
        self._when_away.append(gone)

    @property
    def sentence(self) -> str:
        return next(iter(self._sentences.values()), "")

    def away(self, asker: object, sentence: str) -> None:
        """Note that ``asker`` cannot go on, and will keep trying."""
        if not self._sentences:
            self._logger.critical("{sentence}", sentence=sentence)
            self._absence.begin(sentence)
            for gone in self._when_away:
                gone()
        self._sentences[asker] = sentence

    def left(self, asker: object) -> None:
        """Note that ``asker`` has stopped trying; it does not know whether the database is back."""
        self._sentences.pop(asker, None)

    def back(self, asker: object) -> None:
        """Note that ``asker`` goes on."""
        if self._sentences.pop(asker, None) is not None and not self._sentences:
            self._logger.info("{back}", back=_BACK)
        if not self._sentences:
            self._absence.end(_BACK)


class Pool:
    """Asks as many questions at a time as ``pool`` has threads, each on a connection of its own."""

    _logger = Logger()

    def __init__(
        self,
        reactor: Any,
        pool: ThreadPool,
        connect: Callable[[], Database],
        chance: random.Random,
        trouble: Outage,
        size: int,
        answer_seconds: float = PATIENCE.answer,
    ) -> None:
        self._reactor, self._pool, self._connect = reactor, pool, connect
        self._chance, self._trouble = chance, trouble
        self._answer_seconds = answer_seconds
        self._turns = DeferredSemaphore(size)
        self._idle: list[Database] = []
        self._busy: set[Database] = set()
        self._waits: set[Deferred[None]] = set()
        self._in_threads = self._asked = 0
        self._all_back: Deferred[None] | None = None
        self._closed = False
        trouble.watch(self._drop_idle)

    async def ask(self, question: Query[T], attempts: int | None = None) -> T:
        """Return the answer, however long the database is away; never, once closed. Other errors are raised.

        Cancelling this gives up the connection on which the question is asked.

        :raises TooSlow: the database has given the question up ``attempts`` times: it would do so again, and
            other questions are waiting.
        """
        self._asked += 1
        try:
            await self._turns.acquire()
            try:
                return await self._ask_until_answered(question, attempts)
            finally:
                self._turns.release()
        finally:
            self._asked -= 1
            if not self._asked:
                self._trouble.left(self)  # the askers may have gone while the database was away

    async def _ask_until_answered(self, question: Query[T], attempts: int | None) -> T:
        delay = _FIRST_DELAY
        while not self._closed:
            try:
                answer = await self.ask_once(question)
            except Unavailable as away:
                if attempts is not None and isinstance(away, GivenUp):
                    attempts -= 1
                    if attempts <= 0:
                        self._logger.warn("A read is given up: the database says “{why}”", why=str(away))
                        self._trouble.back(self)
                        raise TooSlow(TooSlow.sentence) from away
                await self._pause(str(away), delay)
                delay = min(2 * delay, _LAST_DELAY)
            except Refusal:
                self._trouble.back(self)
                raise
            else:
                self._trouble.back(self)
                return answer
        return await Deferred()

    async def ask_once(self, question: Query[T]) -> T:
        """Return the answer, on an idle or a new connection.

        :raises Unavailable: there was no answer; the connection is given up, and the idle ones too, which
            may be broken in the same way.
        """
        database = self._idle.pop() if self._idle else await self._connected()
        answer = await self._answer(database, question)
        self._keep(database)
        return answer

    async def take(self, question: Query[object]) -> Database:
        """Return a new connection that belongs to the caller, once it has answered ``question``.

        :raises Unavailable: there was no answer.
        """
        database = await self._connected()
        await self._answer(database, question)
        if self._closed:
            database.close()
            raise Unavailable("closing")
        return database

    async def _answer(self, database: Database, question: Query[T]) -> T:
        self._busy.add(database)
        give_up: IDelayedCall = self._reactor.callLater(self._answer_seconds, database.close)
        try:
            return await self._in_thread(question, database)
        except Refusal:
            self._keep(database)  # it is an answer like any other
            raise
        except BaseException as error:
            database.close()
            if isinstance(error, Unavailable):
                self._drop_idle()
            raise
        finally:
            self._busy.discard(database)
            if give_up.active():
                give_up.cancel()

    async def close(self) -> None:
        """Ask nothing more, cut off the questions under way, and wait until all threads have come back."""
        self._closed = True
        self._trouble.left(self)
        self._drop_idle()
        for database in self._busy:
            database.close()
        for wait in list(self._waits):
            wait.cancel()
        if self._in_threads:
            self._all_back = Deferred()
            await self._all_back

    async def _in_thread(self, call: Callable[..., T], *args: Any) -> T:
        self._in_threads += 1
        try:
            return await deferToThreadPool(self._reactor, self._pool, call, *args)
        finally:
            self._in_threads -= 1
            if self._all_back is not None and not self._in_threads:
                self._all_back.callback(None)

    def _connected(self) -> Deferred[Database]:
        """Return a new connection. If nobody waits for it when it is made, it is closed."""
        waiting: Deferred[Database] = Deferred()
        if self._closed:
            waiting.errback(Unavailable("closing"))
        else:
            Deferred.fromCoroutine(self._in_thread(self._connect)).addBoth(self._made, waiting)
        return waiting

    def _made(self, made: Database | Failure, waiting: Deferred[Database]) -> None:
        if not isinstance(made, Failure) and (waiting.called or self._closed):
            made.close()
            made = Failure(Unavailable("closing"))
        if not waiting.called:
            waiting.callback(made)  # a failure is passed on as one

    def _keep(self, database: Database) -> None:
        if self._closed:
            database.close()
        else:
            self._idle.append(database)

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _pause(self, why: str, seconds: float) -> None:
        if self._closed:
            return
        if not self._busy and not self._idle:  # having only fewer connections is no trouble
            self._trouble.away(self, f"The database cannot be reached ({why}): all waits until it can.")
        wait: Deferred[None] = deferLater(self._reactor, seconds * self._chance.uniform(0.5, 1.0))
        self._waits.add(wait)
        try:
            await wait
        except CancelledError:
            if not self._closed:
                raise
        finally:
            self._waits.discard(wait)
