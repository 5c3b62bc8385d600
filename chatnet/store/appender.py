"""Natural batching: while one batch is being committed, the next gathers. Nothing waits on a timer."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.entries import Draft
from chatnet.log import Outcome
from chatnet.store.pages import draft_bytes

Commit = Callable[[list[Draft]], Awaitable[list[Outcome]]]
"""Makes a batch durable and returns one outcome for each draft. It waits for what is transient."""


class _Call:
    """One call of ``append``; its drafts may be spread over several batches."""

    __slots__ = ("count", "deferred", "outcomes")

    def __init__(self, count: int) -> None:
        self.count = count
        self.outcomes: list[Outcome] = []
        self.deferred: Deferred[list[Outcome]] = Deferred()

    def answer(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes += outcomes
        if len(self.outcomes) == self.count:
            self.deferred.callback(self.outcomes)


class Appender:
    """Commits drafts in the order in which they came, one batch after another.

    A batch has at most ``max_drafts`` drafts and ``max_bytes`` bytes; a larger draft goes alone.
    ``waiting_bytes`` is the size of all drafts that are not committed yet.
    """

    _logger = Logger()

    def __init__(self, commit: Commit, max_drafts: int, max_bytes: int) -> None:
        self._commit = commit
        self._max_drafts, self._max_bytes = max_drafts, max_bytes
        self._queue: deque[tuple[Draft, int, _Call]] = deque()
        self._working = False
        self.waiting_bytes = 0

    def append(self, drafts: Sequence[Draft]) -> Deferred[list[Outcome]]:
        """Commit ``drafts`` after everything that came before. Fires with one outcome for each.

        If a commit fails, all calls with a draft in its batch fail, and the rest of their drafts is dropped.
        Later calls are not affected.
        """
        if not drafts:
            return succeed([])
        call = _Call(len(drafts))
        for draft in drafts:
            size = draft_bytes(draft)
            self._queue.append((draft, size, call))
            self.waiting_bytes += size
        if not self._working:
            self._working = True
            Deferred.fromCoroutine(self._work()).addErrback(
                lambda why: self._logger.failure("The appender broke: from now on no draft is taken", why)
            )
        return call.deferred

    async def _work(self) -> None:
        while self._queue:
            drafts, calls, size = self._next_batch()
            try:
                outcomes = await self._commit(drafts)
                if len(outcomes) != len(drafts):
                    raise ValueError(f"{len(outcomes)} outcomes came for {len(drafts)} drafts")
            except Exception:
                self.waiting_bytes -= size
                self._fail(calls, Failure())
            else:
                self.waiting_bytes -= size
                answered = 0
                for call, count in calls.items():
                    call.answer(outcomes[answered : answered + count])
                    answered += count
        self._working = False

    def _fail(self, failed: dict[_Call, int], why: Failure) -> None:
        dropped = [size for _, size, call in self._queue if call in failed]
        self._queue = deque(item for item in self._queue if item[2] not in failed)
        self.waiting_bytes -= sum(dropped)
        for call in failed:
            call.deferred.errback(why)

    def _next_batch(self) -> tuple[list[Draft], dict[_Call, int], int]:
        """Return the drafts of the next batch, how many of these are of each call, in order, and the size."""
        drafts: list[Draft] = []
        calls: dict[_Call, int] = {}
        queue, total = self._queue, 0
        while queue and len(drafts) < self._max_drafts:
            draft, size, call = queue[0]
            if drafts and total + size > self._max_bytes:
                break
            queue.popleft()
            drafts.append(draft)
            calls[call] = calls.get(call, 0) + 1
            total += size
        return drafts, calls, total
