"""The log, served to workers: their appends, their reads, and pushes of committed entries.

Kinds that only the primary appends are refused here. This is for the embedded store: a log in a database is
opened by each worker itself, and a process that has the token, and so the URL, is trusted with what it writes
there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, kinds_of
from chatnet.errors import BadRequest, PrimarysOwn, Unreadable
from chatnet.kinds import PRIMARYS
from chatnet.lanes import Lane, Visitor
from chatnet.log import Log, Outcome, Refused
from chatnet.marks import UserMark
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.reads import LaneName, Question
from chatnet.store.reader import Reader
from chatnet.store.verifying import cursor_at, verify
from chatnet.store.window import Window
from chatnet.telemetry import FollowerBehind, FollowerLive, Tell, unheard
from chatnet.wire import encode
from chatnet.wire.log import Append, Follow, Read
from chatnet.wire.marks import KeepMarks

MOST_READS = 32
"""How many reads of one worker may be under way for logins, and as many for pages: the same number that a
worker asks for at once. Others wait."""
MOST_WAITING = 1_000
"""How many may wait. A worker that asks for more is faulty, and its link is closed."""

P = ParamSpec("P")
T = TypeVar("T")


class PrimaryLog(Log, Protocol):
    """The log as the primary has it: complete."""

    async def page(self, after: int, upto: int) -> list[Entry]:
        """Return the entries after ``after``, up to ``upto`` at most, as many as one page holds."""


class Broadcast:
    """Pushes committed entries to all live workers, encoded once for all of them.

    It watches the window first, before any reader does, so that no worker gets an entry twice.
    """

    def __init__(self, window: Window, epoch: int, tell: Tell = unheard) -> None:
        self._window, self._epoch, self._tell = window, epoch, tell
        self._live: dict[Link, None] = {}
        self._most_bytes = window.limits.page.bytes
        window.watch(self._grown)

    def add(self, link: Link) -> None:
        """Push to ``link`` from now on."""
        self._live[link] = None
        self._tell(FollowerLive(link.peer(), self._window.head))

    def discard(self, link: Link) -> None:
        """Stop pushing to ``link``."""
        if link in self._live:
            del self._live[link]
            self._tell(FollowerBehind(link.peer(), self._window.head))

    def _grown(self, entries: list[Entry]) -> None:
        if self._live:
            for box in encode.committed(self._epoch, entries, self._most_bytes):
                for link in self._live:
                    link.outbox.put(box)


def tell_nobody(marks: Sequence[UserMark]) -> None:
    """Do nothing with marks that are kept: there are no other workers."""


class LogServer(Locator):
    """Answers a worker's requests to the log; its reader pushes what follows the worker's cursor.

    ``tell_marks`` is called with the marks of the worker's users, once they are kept.
    """

    _logger = Logger()

    def __init__(
        self,
        log: PrimaryLog,
        epoch: int,
        broadcast: Broadcast,
        clock: IReactorTime,
        tell_marks: Callable[[Sequence[UserMark]], None] = tell_nobody,
    ) -> None:
        self._store = log
        self._tell_marks = tell_marks
        self._epoch = epoch
        self._broadcast = broadcast
        self._clock = clock
        self._reader: Reader | None = None
        self._follows = 0
        self._is_appending = self._is_marking = False
        # The worker itself limits how much of this one user may have.
        self._lanes: dict[LaneName, Lane] = {
            "logins": Lane(MOST_READS, MOST_READS),
            "pages": Lane(MOST_READS, MOST_READS),
        }

    @Append.responder
    async def append(self, drafts: list[Draft]) -> dict[str, Any]:
        if self._is_appending:
            self._close_greedy()
            raise BadRequest.of(why="the batch before it is not answered yet.")
        self._is_appending = True
        try:
            return {"outcomes": await self._append(drafts)}
        finally:
            self._is_appending = False

    @KeepMarks.responder
    async def keep_marks(self, marks: list[UserMark]) -> dict[str, Any]:
        if self._is_marking:
            self._close_greedy()
            raise BadRequest.of(why="the marks before them are not answered yet.")
        self._is_marking = True
        try:
            kept = await self._store.keep_marks(marks)
        finally:
            self._is_marking = False
        self._tell_marks(kept)
        return {"kept": kept}

    async def _append(self, drafts: list[Draft]) -> list[Outcome]:
        if PRIMARYS.isdisjoint(kinds_of(drafts)):
            return await self._store.append(drafts)
        refused = [_not_a_workers(draft) for draft in drafts]
        self._logger.error("{peer} brings what only the primary appends; refused", peer=self.link.peer())
        its_own = [draft for draft, no in zip(drafts, refused, strict=True) if no is None]
        outcomes = iter(await self._store.append(its_own))
        return [no or next(outcomes) for no in refused]

    @Follow.responder
    async def follow(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
        self._stop_reading()
        mine = self._follows
        start = await self._start(Cursor.received(cursor, check))
        # A later Follow, or the link's end, overrules this one.
        if mine == self._follows:
            self._reader = Reader(start.seq, self._store.window, self)
            if self.link.full:
                self._reader.full()
            # The answer, which says where the pushes begin, goes first.
            self._clock.callLater(0, self._reader.start)
        return {"cursor": start.seq, "check": start.check, "level": self._store.window.level}

    async def _start(self, cursor: Cursor | None) -> Cursor:
        if cursor is not None:
            await self._read("logins", Visitor(""), verify, self._store, cursor)
            return cursor
        # If that entry is unknown, begin at the log's beginning.
        seq = max(0, self._store.window.head - self._store.window.limits.run_up)
        start = await self._read("logins", Visitor(""), cursor_at, self._store, seq)
        return start or Cursor.beginning(self._store.log_id)

    @Read.responder
    async def asked(self, question: Question[Any]) -> dict[str, Any]:
        # Users take turns; a question without a user has its own turn.
        visitor = Visitor(getattr(question, "user", object()))
        return {"answer": await self._read(question.lane, visitor, self._store.read, question)}

    async def _read(
        self,
        name: LaneName,
        visitor: Visitor,
        read: Callable[P, Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        lane = self._lanes[name]
        if lane.waiting >= MOST_WAITING:
            self._close_greedy()
        return await lane.run(visitor, read, *args, **kwargs)

    def _close_greedy(self) -> None:
        self._logger.error("{peer} asks for more than a worker may; closing", peer=self.link.peer())
        self.link.abort()

    # ---- the link ----

    def lost(self, reason: Failure) -> None:
        for lane in self._lanes.values():
            lane.hold()  # never released: nothing is read for it from now on
        self._stop_reading()

    def filled(self) -> None:
        for lane in self._lanes.values():
            lane.hold()
        if self._reader is not None:
            self._reader.full()

    def drained(self) -> None:
        for lane in self._lanes.values():
            lane.release()
        if self._reader is not None:
            self._reader.drained()

    def _stop_reading(self) -> None:
        self._follows += 1
        if self._reader is not None:
            self._reader.stop()

    # ---- the reader's sink ----

    async def read(self, after: int, upto: int) -> tuple[list[Entry], int]:
        entries = await self._store.page(after, upto)
        return entries, entries[-1].seq if entries else upto

    async def turn(self) -> None:
        """Return at once: followers are few."""

    def take(self, entries: list[Entry]) -> None:
        for box in encode.committed(self._epoch, entries, self._store.window.limits.page.bytes):
            self.link.outbox.put(box)
        # Now, not at the end of this turn: a full transport must stop the reader here.
        self.link.outbox.flush()

    def go_live(self) -> None:
        self._broadcast.add(self.link)

    def leave_live(self) -> None:
        self._broadcast.discard(self.link)

    def failed(self, failure: Failure) -> None:
        if failure.check(Unreadable):
            self._logger.warn("{peer} is not served: {why}", peer=self.link.peer(), why=failure.value)
        else:
            self._logger.failure(
                "Reading the log for {peer} failed; closing its link", failure, peer=self.link.peer()
            )
        self.link.abort()


def _not_a_workers(draft: Draft) -> Refused | None:
    return Refused.of(PrimarysOwn.of(kind=draft.kind)) if draft.kind in PRIMARYS else None
