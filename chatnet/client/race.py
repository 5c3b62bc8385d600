"""Asks several masters for a worker, each a little after the one before, until one answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IDelayedCall
from twisted.protocols import amp
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.client.states import Found
from chatnet.errors import ChatnetError

HEAD_START_SECONDS = 0.3
"""Seconds after which the next master is asked too. If one has said that there is no worker yet, it is better
to ask the masters again than to wait longer for silent ones: a dead machine refuses nobody."""


class Unreachable(Exception):
    """An attempt failed; the text says why, as the end of a sentence without the full stop."""


class NoAnswer(Unreachable):
    """An attempt failed, because the machine itself does not answer."""


class NotReady(Unreachable):
    """An attempt failed, but a master answered, and will have a worker for us soon."""


FAILURES = (Unreachable, ConnectionClosed, ChatnetError, amp.RemoteAmpError)
"""Failures of an attempt after which another follows."""


class Race:
    """Asks ``masters`` by ``ask`` until one answers; that one is moved to their front."""

    def __init__(
        self, masters: list[Address], ask: Callable[[Address], Coroutine[Any, Any, Found]], clock: Any
    ) -> None:
        self._masters = masters
        self._left = list(masters)
        self._ask = ask
        self._clock = clock
        self._asking: list[Deferred[None]] = []
        self._why: list[str] = []
        self._failure: type[Unreachable] = Unreachable
        self._next: IDelayedCall | None = None
        self._over: Deferred[Found] = Deferred()

    async def run(self) -> Found:
        """Return the first answer.

        :raises Unreachable: there is none; :class:`NotReady` if a master answered.
        :raises WrongVersion: a master speaks another version.
        """
        self._ask_next()
        try:
            return await self._over
        finally:
            self._left.clear()
            self._wait_no_more()
            for asking in self._asking:
                asking.cancel()

    def _ask_next(self) -> None:
        """Ask the next master; fail once all have, or if only silent ones are left and one said "not yet"."""
        self._wait_no_more()
        if self._left:
            self._next = self._clock.callLater(HEAD_START_SECONDS, self._ask_next)
            asking = Deferred.fromCoroutine(self._try(self._left.pop(0)))
            self._asking.append(asking)
            asking.addErrback(self._failed)
        elif len(self._why) == len(self._masters):
            self._lose()
        elif self._failure is NotReady:
            self._next = self._clock.callLater(HEAD_START_SECONDS, self._lose)

    def _lose(self) -> None:
        if not self._over.called:
            self._over.errback(self._failure("; ".join(self._why)))

    async def _try(self, master: Address) -> None:
        try:
            answer = await self._ask(master)
        except Unreachable as error:
            self._why.append(f"{master}: {error}")
            if isinstance(error, NotReady):
                self._failure = NotReady
            self._ask_next()
            return
        if not self._over.called:
            self._masters.remove(master)
            self._masters.insert(0, master)
            self._over.callback(answer)

    def _failed(self, why: Failure) -> None:
        if not self._over.called and not why.check(CancelledError):
            self._over.errback(why)

    def _wait_no_more(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
