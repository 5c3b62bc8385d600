"""A session's reads, one at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from chatnet.lanes import Lane, Visitor
from chatnet.limits import LIMITS
from chatnet.telemetry import ReadBegun, ReadEnded, Tell, unheard
from chatnet.worker.peer import Peer

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SharedReads:
    """What the reads of all sessions share: the ``lane`` to the log, in which users take turns.

    When more than ``most`` reads of a session wait, its connection is no longer read.
    """

    clock: IReactorTime
    lane: Lane
    most: int = LIMITS.reads
    tell: Tell = unheard


class ReadQueue:
    """``async with turns:`` around a read makes reads take turns, in the order in which they came.

    In its turn each goes to the log through :meth:`read`, in the lane of all sessions.

    No read begins while the client does not read earlier answers: the new answer would wait in our memory.
    """

    __slots__ = ("_busy", "_holding", "_peer", "_shared", "_visitor", "_waiting")

    def __init__(self, peer: Peer, shared: SharedReads, user: str) -> None:
        self._shared = shared
        self._visitor = Visitor(user)
        self._peer = peer
        self._busy = False
        self._holding = False
        self._waiting: list[Deferred[None]] | None = None  # of most sessions none ever waits

    async def __aenter__(self) -> None:
        if not (self._busy or self._waiting or self._peer.full):
            self._busy = True
            return
        turn: Deferred[None] = Deferred()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(turn)
        if not self._holding and len(self._waiting) > self._shared.most:
            self._holding = True
            self._peer.hold()
        await turn

    async def __aexit__(self, *_: object) -> None:
        self._busy = False
        if self._waiting:
            # Not in this turn of the reactor: the answer must go out first, and may fill the peer.
            self._shared.clock.callLater(0, self.go_on)

    async def read(self, read: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the log's answer; never, if the session is gone before the log is asked."""
        shared, user, name = self._shared, str(self._visitor.whose), self._peer.name
        shared.tell(ReadBegun(user, name))
        try:
            found = await shared.lane.run(self._visitor, read, *args, **kwargs)
        except Exception:  # not when the coroutine is dropped, which may happen in any thread
            shared.tell(ReadEnded(user, name))
            raise
        shared.tell(ReadEnded(user, name))
        return found

    def go_on(self) -> None:
        """Begin the next read, if the peer has room."""
        if self._waiting and not self._busy and not self._peer.full:
            self._busy = True
            turn = self._waiting.pop(0)
            if self._holding and len(self._waiting) <= self._shared.most // 2:
                self._holding = False
                self._peer.release()
            turn.callback(None)

    def stop(self) -> None:
        """Begin no further read: the session is gone."""
        self._waiting = None
        self._visitor.leave()
