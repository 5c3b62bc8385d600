"""The ordered stream of one session's drafts, which wait beyond the user's rate, or when too many wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatnet.entries import Draft
from chatnet.limits import LIMITS
from chatnet.log import Log, Outcome
from chatnet.worker.gathering import Gathering
from chatnet.worker.rates import Allowance

MOST_WAITING = 64 * 1024 * 1024
"""Bytes that may wait in the log's appender before connections that add to it are not read."""

T = TypeVar("T")


class Readable(Protocol):
    """A connection whose reading can be held: see :class:`~chatnet.worker.peer.Peer`."""

    def hold(self) -> None:
        """Stop reading."""

    def release(self) -> None:
        """Undo one :meth:`hold`."""


class _Place:
    """A draft's place in the stream; ``draft`` is None while the draft is still being made.

    Drafts after a new secret wait for its outcome: if it is taken, the session then uses the new secret.
    """

    __slots__ = ("draft", "outcome")

    def __init__(self, draft: Draft | None) -> None:
        self.draft = draft
        self.outcome: Deferred[Outcome] = Deferred()


@dataclass(frozen=True, slots=True)
class SharedDrafts:
    """What the drafts of all sessions share. ``most`` is ``drafts`` of :class:`~chatnet.limits.Limits`."""

    log: Log
    gathering: Gathering
    clock: IReactorTime
    most: int = LIMITS.drafts


class DraftStream:
    """Appends one session's drafts in the order in which they came.

    As many pass as the user's ``allowance`` permits; the others wait, and are never refused for that. ``by``
    is the seq of the secret that the session uses.
    """

    __slots__ = (
        "_allowance",
        "_outstanding",
        "_peer",
        "_queue",
        "_secret_out",
        "_shared",
        "_stopped",
        "_timer",
        "by",
        "holding",
    )

    def __init__(self, shared: SharedDrafts, peer: Readable, allowance: Allowance, by: int) -> None:
        self._shared = shared
        self._peer = peer
        self._allowance = allowance
        self._queue: list[_Place] = []
        self._outstanding = 0
        self._timer: Any = None
        self._secret_out = self._stopped = False
        self.by = by
        self.holding = False

    def send(self, draft: Draft) -> Deferred[Outcome]:
        """Append ``draft`` after everything sent before; fires with its outcome."""
        self._begin()
        if not (self._queue or self._secret_out or self._stopped) and self._allowance.take(draft):
            return self._append(draft)
        return self._enqueue(_Place(draft))

    def send_when_made(self, making: Deferred[Draft]) -> Deferred[Outcome]:
        """Keep a place in the stream for a draft that is still being made.

        If making it fails, the returned Deferred fails too, and the stream continues without the draft.
        """
        self._begin()
        place = _Place(None)
        outcome = self._enqueue(place)
        making.addCallbacks(self._made, self._not_made, callbackArgs=(place,), errbackArgs=(place,))
        return outcome

    def stop(self) -> None:
        """Stop: the session is over. The client must send again what was not passed to the log yet."""
        self._stopped = True
        self._allowance.held -= len(self._queue)
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._outstanding += 1
        if not self.holding and (
            self._outstanding > self._shared.most
            or self._allowance.held > self._shared.most
            or self._shared.log.waiting_bytes > MOST_WAITING
        ):
            self.holding = True
            self._peer.hold()

    def _end(self) -> None:
        self._outstanding -= 1
        if self.holding and (
            not self._outstanding
            or (
                self._outstanding <= self._shared.most // 2
                and self._shared.log.waiting_bytes <= MOST_WAITING // 2
            )
        ):
            self.holding = False
            self._peer.release()

    def _append(self, draft: Draft) -> Deferred[Outcome]:
        if draft.kind == "secret":
            self._secret_out = True
        elif draft.by < self.by:
            draft = msgspec.structs.replace(draft, by=self.by)
        return self._shared.gathering.append(draft, self._told)

    def _told(self, draft: Draft, outcome: Outcome | Failure) -> None:
        came = None if isinstance(outcome, Failure) else outcome
        self._allowance.answered(draft, came, self._shared.log.window.head)
        self._end()
        if draft.kind == "secret":
            self._secret_out = False
            if isinstance(outcome, int):
                self.by = max(self.by, outcome)
            # In the next turn: the answer to this draft goes first.
            self._shared.clock.callLater(0, self._pump)

    def _enqueue(self, place: _Place) -> Deferred[Outcome]:
        if not self._stopped:
            self._queue.append(place)
            self._allowance.held += 1
            self._pump()
        return place.outcome

    def _pump(self) -> None:
        """Append the drafts at the front that are made and permitted; then wait until the next is, too."""
        queue = self._queue
        while queue and (draft := queue[0].draft) is not None and not (self._timer or self._secret_out):
            if self._allowance.take(draft):
                place = queue.pop(0)
                self._allowance.held -= 1
                self._append(draft).chainDeferred(place.outcome)
            else:
                self._timer = self._shared.clock.callLater(self._allowance.wait(draft), self._waited)

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
            self._allowance.held -= 1
            self._pump()
        place.outcome.errback(why)
