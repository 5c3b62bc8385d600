"""Overwrites in the store what was taken back together, while the primary commands.

What an entry takes back is given by nobody any more who has followed the log to it: see
:mod:`chatnet.blanking`. This only frees the bytes, a few at a time, so that whoever posts does not wait; the
store remembers how far it has come, and the next primary goes on there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from chatnet.blanking import TAKES_BACK
from chatnet.entries import Draft, Entry, More, kinds_of
from chatnet.kinds import CLUSTER
from chatnet.master.store import Log
from chatnet.store.blanking import Freed

LEAST_PAUSE = 0.01
"""Seconds between two steps, at least."""
PAUSES = 2.0
"""How many times as long as a step took is the pause after it."""
RETRY_SECONDS = 1.0
"""Seconds until it is tried again, after an error."""


class Eraser:
    """Works on ``log`` from :meth:`start` until :meth:`stop`; ``fresh_key`` makes keys for what it appends.

    Before it overwrites what somebody said who is forgotten, it gives the private rooms of which they were
    the last owner to whoever has been a member there longest.
    """

    _logger = Logger()

    def __init__(self, log: Log, fresh_key: Callable[[], bytes], reactor: Any) -> None:
        self._log, self._fresh_key, self._reactor = log, fresh_key, reactor
        self._runs = self._is_failing = False
        self._has_work = True
        self._waits: Deferred[Any] | None = None

    def start(self) -> None:
        """Go on where the last primary was."""
        self._runs = True
        self._log.window.watch(self._grown)
        Deferred.fromCoroutine(self._run()).addErrback(
            lambda why: self._logger.failure("What is taken back is not overwritten any more", why)
        )

    def stop(self) -> None:
        """Begin nothing more; a step that is under way may be done, or not."""
        self._runs = False
        self._log.window.unwatch(self._grown)
        self._wake()

    def _grown(self, entries: list[Entry]) -> None:
        if not (self._has_work or TAKES_BACK.isdisjoint(kinds_of(entries))):
            self._has_work = True
            self._wake()

    def _wake(self) -> None:
        waits, self._waits = self._waits, None
        if waits is not None:
            waits.cancel()

    async def _run(self) -> None:
        while self._runs:
            began = self._reactor.seconds()
            try:
                await self._provide_for_rooms()
                freed = await self._log.free() if self._runs else Freed(None)
            except Exception as error:
                self._failed(error)
                await self._pause(RETRY_SECONDS)
                continue
            self._is_failing = False
            if freed.done:
                self._say(freed)
            if freed.blanking is None:
                await self._rest()
            else:
                await self._pause(max(LEAST_PAUSE, PAUSES * (self._reactor.seconds() - began)))

    async def _provide_for_rooms(self) -> None:
        """Give all of them an heir: once the texts are overwritten, nobody knows any more whose they were."""
        is_any_given = True
        while is_any_given and self._runs:
            drafts = [
                Draft("role", CLUSTER, room, "owner", self._fresh_key(), 0, More(to=heir))
                for room, heir in await self._log.heirs()
            ]
            outcomes = await self._log.append(drafts) if drafts and self._runs else []
            is_any_given = any(isinstance(outcome, int) for outcome in outcomes)

    async def _rest(self) -> None:
        self._has_work = False
        await self._wait(Deferred())

    async def _pause(self, seconds: float) -> None:
        if self._runs:
            await self._wait(deferLater(self._reactor, seconds))

    async def _wait(self, waits: Deferred[Any]) -> None:
        self._waits = waits
        try:
            await waits
        except CancelledError:
            pass
        finally:
            self._waits = None

    def _failed(self, error: Exception) -> None:
        if not self._is_failing:
            self._logger.warn(
                "What was taken back cannot be overwritten now ({why}); trying again each second. Nobody is "
                "given it meanwhile",
                why=error,
            )
        self._is_failing = True

    def _say(self, freed: Freed) -> None:
        of = freed.blanking
        if of is not None:
            whose, where = of.user or "everybody", of.room or "all rooms"
            self._logger.info(
                "What seq {seq} took back up to {upto} is overwritten ({whose}, {where})",
                seq=of.seq,
                upto=of.upto,
                whose=whose,
                where=where,
            )
