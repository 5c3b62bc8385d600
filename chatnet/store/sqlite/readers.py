"""The threads that read the embedded log, each with a connection, and what happens when a read fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from traceback import clear_frames
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from chatnet.errors import Unreadable

SAY_SECONDS = 60.0
"""Failing reads are logged at most once in this many seconds."""

DAMAGED = "The store is damaged: some of it cannot be read"
"""What is wrong; docs/operations.md says what to do."""

_LOOK_STEPS = 10_000
"""A read checks after this many steps of SQLite's machine, less than a millisecond, whether to go on."""

_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.CantOpenError, UnicodeDecodeError)

P = ParamSpec("P")
T = TypeVar("T")


class Readers:
    """Reads in ``pools``, whose threads get a connection each. ``damage``: a sentence, once a read failed."""

    _logger = Logger()

    def __init__(self, reactor: Any, pools: Sequence[ThreadPool], connections: list[apsw.Connection]) -> None:
        self._reactor = reactor
        self._pools = pools
        self._all = tuple(connections)
        self._idle = connections
        self._under_way = 0
        self._closing: Deferred[None] | None = None
        self._said: float | None = None
        self.damage = ""
        for connection in connections:
            # Not by interrupt: that would miss a statement that is about to begin.
            connection.set_progress_handler(lambda: self._closing is not None, _LOOK_STEPS, id=self)

    def read(
        self,
        pool: ThreadPool,
        read: Callable[Concatenate[apsw.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Deferred[T]:
        """Return what ``read`` answers, at one moment of the log; never, once this is closed.

        :raises Unreadable: that part of the store is damaged.
        """
        answer: Deferred[T] = Deferred()

        def in_thread() -> T | None:
            if self._closing is not None:
                return None  # the asker is gone
            try:
                with self._moment() as connection:
                    return read(connection, *args, **kwargs)
            except BaseException as error:
                _let_go(error)
                raise

        self._under_way += 1
        deferToThreadPool(self._reactor, pool, in_thread).addBoth(self._came_back, answer)
        return answer

    async def close(self) -> None:
        """Drop queued reads, break off those under way, and wait for them, without blocking the reactor."""
        self._closing = Deferred()
        if self._under_way:
            await self._closing
        for pool in self._pools:
            pool.stop()
        for connection in self._all:
            connection.close()

    def _came_back(self, result: Any, answer: Deferred[Any]) -> None:
        self._under_way -= 1
        if self._closing is not None:
            if not self._under_way:
                self._closing.callback(None)
            return
        if isinstance(result, Failure) and result.check(*_DAMAGE):
            result = self._damaged(str(result.value))
        answer.callback(result)  # a failure is passed on as one

    def _damaged(self, why: str) -> Failure:
        self.damage = f"{DAMAGED} ({why}). Restore a backup; “chatnet check” says more."
        now = self._reactor.seconds()
        if self._said is None or now - self._said >= SAY_SECONDS:
            self._said = now
            self._logger.critical("{damage}", damage=self.damage)
        return Failure(Unreadable(Unreadable.sentence))

    @contextmanager
    def _moment(self) -> Iterator[apsw.Connection]:
        """Yield a reader's connection in a transaction: everything read in it is of one moment."""
        connection = self._idle.pop()  # one for each thread, so one is free
        try:
            with connection:
                yield connection
        finally:
            self._idle.append(connection)


def _let_go(error: BaseException) -> None:
    """Let go of what the frames hold through which the error came.

    A statement there that was not read to its end would keep its connection at this moment of the log,
    whoever reads through it later, and the WAL from being cut, as long as somebody has the error: until
    Python looks for garbage, where it is part of a cycle.
    """
    found: BaseException | None = error
    while found is not None:
        clear_frames(found.__traceback__)
        found = found.__cause__ or found.__context__
