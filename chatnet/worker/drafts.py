"""The ordered stream of one session's drafts, which wait beyond the user's rate, or when too many wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from chatnet.entries import Draft
from chatnet.errors import ChatnetError
from chatnet.limits import LIMITS
from chatnet.log import Log, Outcome, Refused
from chatnet.worker.gathering import Gathering
from chatnet.worker.rates import Allowance

MOST_WAITING = 64 * 1024 * 1024
"""Bytes that may wait in the log's appender before connections that add to it are not read."""


class Readable(Protocol):
    """A connection whose reading can be held: see :class:`~chatnet.worker.peer.Peer`."""

    def hold(self) -> None:
        """Stop reading."""

    def release(self) -> None:
        """Undo one :meth:`hold`."""


class Drafter(Protocol):
    """Whose drafts a stream appends. It hears how each fared before that is answered."""

    def taken(self, draft: Draft, seq: int) -> None:
        """The log has ``draft`` as the entry ``seq``."""

    def refused(self, draft: Draft, no: Refused) -> ChatnetError | None:
        """The log has refused ``draft``: return what to answer; None if nothing is answered any more."""


def shows_secret(draft: Draft) -> bool:
    """Return whether a secret was shown for ``draft``: ``by`` says which one, or :data:`NO_ONES`."""
    return draft.kind in ("secret", "forget") or (draft.kind == "code" and draft.to == draft.user)


NO_ONES = 1 << 62
"""By which session a draft is for which a wrong secret was shown: none. The log takes it only if it has it
already, as of a client that repeats what it has said before its secret was replaced."""


class _Place:
    """A draft's place in the stream; ``draft`` is None while the draft is still being made.

    Drafts after a new secret wait for its outcome: if it is taken, the session then uses the new secret.
    """

    __slots__ = ("answer", "draft")

    def __init__(self, draft: Draft | None) -> None:
        self.draft = draft
        self.answer: Deferred[int] = Deferred()


@dataclass(frozen=True, slots=True)
class SharedDrafts:
    """What the drafts of all sessions share. ``most`` is ``drafts`` of :class:`~chatnet.limits.Limits`."""

    log: Log
    gathering: Gathering
    clock: IReactorTime
    most: int = LIMITS.drafts


class DraftStream:
    """Appends one session's drafts in the order in which they came.

    As many pass as the user's ``allowance`` permits; the others wait, and are never refused for that.
    ``drafter`` hears how they fared. ``by`` is the seq of the secret that the session uses.
    """

    __slots__ = (
        "_allowance",
        "_drafter",
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

    def __init__(
        self, shared: SharedDrafts, drafter: Drafter, peer: Readable, allowance: Allowance, by: int
    ) -> None:
        self._shared = shared
        self._drafter = drafter
        self._peer = peer
        self._allowance = allowance
        self._queue: list[_Place] = []
        self._outstanding = 0
        self._timer: Any = None
        self._secret_out = self._stopped = False
        self.by = by
        self.holding = False

    def send(self, draft: Draft) -> Deferred[int]:
        """Append ``draft`` after everything sent before; fires with its seq, or with why it was refused."""
        self._begin()
        if self._queue or self._secret_out or self._stopped or not self._allowance.take(draft):
            return self._enqueue(_Place(draft))
        answer: Deferred[int] = Deferred()
        self._append(draft, answer)
        return answer

    def send_when_made(self, making: Deferred[Draft]) -> Deferred[int]:
        """Keep a place in the stream for a draft that is still being made.

        If making it fails, the returned Deferred fails too, and the stream continues without the draft.
        """
        self._begin()
        place = _Place(None)
        answer = self._enqueue(place)
        making.addCallbacks(self._made, self._not_made, callbackArgs=(place,), errbackArgs=(place,))
        return answer

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

    def _append(self, draft: Draft, answer: Deferred[int]) -> None:
        if draft.kind == "secret":
            self._secret_out = True
        elif draft.by < self.by and not shows_secret(draft):
            draft = msgspec.structs.replace(draft, by=self.by)
        self._shared.gathering.append(draft, self._told, answer)

    def _told(self, draft: Draft, answer: Deferred[int], outcome: Outcome | Failure) -> None:
        """Answer a draft; at first, make room for the next."""
        came = None if isinstance(outcome, Failure) else outcome
        self._allowance.answered(draft, came, self._shared.log.window.head)
        self._end()
        if draft.kind == "secret":
            self._secret_told(outcome)
        if isinstance(outcome, int):
            self._drafter.taken(draft, outcome)
            answer.callback(outcome)
        elif isinstance(outcome, Failure):
            answer.errback(outcome)
        elif (error := self._drafter.refused(draft, outcome)) is not None:
            answer.errback(error)

    def _secret_told(self, outcome: Outcome | Failure) -> None:
        self._secret_out = False
        if isinstance(outcome, int):
            self.by = max(self.by, outcome)
        # In the next turn: the answer to this draft goes first.
        self._shared.clock.callLater(0, self._pump)

    def _enqueue(self, place: _Place) -> Deferred[int]:
        if not self._stopped:
            self._queue.append(place)
            self._allowance.held += 1
            self._pump()
        return place.answer

    def _pump(self) -> None:
        """Append the drafts at the front that are made and permitted; then wait until the next is, too."""
        queue = self._queue
        while queue and (draft := queue[0].draft) is not None and not (self._timer or self._secret_out):
            if self._allowance.take(draft):
                place = queue.pop(0)
                self._allowance.held -= 1
                self._append(draft, place.answer)
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
        place.answer.errback(why)
