"""The ordered stream of one session's drafts: held beyond its rate, and while too much is under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatnet.entries import Draft
from chatnet.store import Log, Outcome
from chatnet.worker.gathering import Gathering

MOST_DRAFTS = 200
"""How many drafts of a session may be outstanding before its connection is not read any more."""
MOST_WAITING = 64 * 1024 * 1024
"""How much may wait in the log's appender, in bytes, before connections that add to it are not read."""
BURST_SECONDS = 5
"""How many seconds' worth of its rate a session may post at once."""

T = TypeVar("T")


class Readable(Protocol):
    """A connection whose reading can be held: see :class:`chatnet.link.Link`."""

    def hold(self) -> None:
        """Read no more."""

    def release(self) -> None:
        """Undo one :meth:`hold`."""


class _Place:
    """A draft's place in the stream; ``draft`` is None while it is still being made.

    What is behind a secret waits for its outcome: with it, the session goes on by the new one.
    """

    __slots__ = ("draft", "outcome")

    def __init__(self, draft: Draft | None) -> None:
        self.draft = draft
        self.outcome: Deferred[Outcome] = Deferred()


class DraftStream:
    """Appends one session's drafts in the order in which they came.

    In the long run ``rate`` a second pass, and :data:`BURST_SECONDS` times as many at once; 0 is no limit.
    Those beyond are held, never refused. ``by`` is the seq of the secret that the session goes by.
    """

    __slots__ = (
        "_clock",
        "_gathering",
        "_link",
        "_log",
        "_monotonic",
        "_outstanding",
        "_queue",
        "_rate",
        "_secret_out",
        "_since",
        "_stopped",
        "_timer",
        "_tokens",
        "by",
        "holding",
    )

    def __init__(
        self,
        log: Log,
        gathering: Gathering,
        link: Readable,
        rate: int,
        clock: IReactorTime,
        monotonic: Callable[[], float],
        by: int,
    ) -> None:
        self._log = log
        self._gathering = gathering
        self._link = link
        self._rate = rate
        self._clock = clock
        self._monotonic = monotonic
        self._tokens = float(rate * BURST_SECONDS)
        self._since = monotonic()
        self._queue: list[_Place] = []
        self._outstanding = 0
        self._timer: Any = None
        self._secret_out = self._stopped = False
        self.by = by
        self.holding = False

    def send(self, draft: Draft) -> Deferred[Outcome]:
        """Append ``draft`` after all that was sent before; fires with what became of it."""
        self._begin()
        if not (self._queue or self._secret_out or self._stopped) and self._may_pass():
            return self._append(draft)
        return self._enqueue(_Place(draft))

    def send_when_made(self, making: Deferred[Draft]) -> Deferred[Outcome]:
        """Keep a place in the stream for a draft that is still being made.

        If the making fails, so does what this answers, and the stream goes on without it.
        """
        self._begin()
        place = _Place(None)
        outcome = self._enqueue(place)
        making.addCallbacks(self._made, self._not_made, callbackArgs=(place,), errbackArgs=(place,))
        return outcome

    def stop(self) -> None:
        """The session is over: what was not yet passed to the log is the client's to send again."""
        self._stopped = True
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._outstanding += 1
        if not self.holding and (self._outstanding > MOST_DRAFTS or self._log.waiting_bytes > MOST_WAITING):
            self.holding = True
            self._link.hold()

    def _end(self) -> None:
        self._outstanding -= 1
        if self.holding and (
            not self._outstanding
            or (self._outstanding <= MOST_DRAFTS // 2 and self._log.waiting_bytes <= MOST_WAITING // 2)
        ):
            self.holding = False
            self._link.release()

    def _may_pass(self) -> bool:
        if not self._rate:
            return True
        now = self._monotonic()
        full = float(self._rate * BURST_SECONDS)
        self._tokens = min(full, self._tokens + (now - self._since) * self._rate)
        self._since = now
        if self._tokens < 0.999:
            return False
        self._tokens -= 1
        return True

    def _append(self, draft: Draft) -> Deferred[Outcome]:
        if draft.kind == "secret":
            self._secret_out = True
            return self._gathering.append(draft).addBoth(self._secret_appended)
        if draft.by < self.by:
            draft = msgspec.structs.replace(draft, by=self.by)
        return self._gathering.append(draft).addBoth(self._appended)

    def _secret_appended(self, outcome: Outcome | Failure) -> Outcome | Failure:
        self._secret_out = False
        self._end()
        if isinstance(outcome, int):
            self.by = max(self.by, outcome)
        # In the next turn: first this one's answer.
        self._clock.callLater(0, self._pump)
        return outcome

    def _appended(self, outcome: T) -> T:
        self._end()
        return outcome

    def _enqueue(self, place: _Place) -> Deferred[Outcome]:
        if not self._stopped:
            self._queue.append(place)
            self._pump()
        return place.outcome

    def _pump(self) -> None:
        """Append those at the front that are made and may pass; then wait for what the next one lacks."""
        queue = self._queue
        while queue and (draft := queue[0].draft) is not None and not (self._timer or self._secret_out):
            if self._may_pass():
                place = queue.pop(0)
                self._append(draft).chainDeferred(place.outcome)
            else:
                wait = (1 - self._tokens) / self._rate
                self._timer = self._clock.callLater(wait, self._waited)

    def _waited(self) -> None:
        self._timer = None
        self._pump()

    def _made(self, draft: Draft, place: _Place) -> None:
        place.draft = draft
        self._pump()

    def _not_made(self, why: Failure, place: _Place) -> None:
        self._end()
        if place in self._queue:
            self._queue.remove(place)
            self._pump()
        place.outcome.errback(why)
