"""Gathers the marks of a worker's users, has the log keep them, and tells the users' other sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as NotInTime
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from chatnet.log import Log
from chatnet.marks import MOST_MARKS, UserMark
from chatnet.net.timer import Timer
from chatnet.worker.gathered_marks import Gathered, GatheredMarks
from chatnet.worker.users import Users

KEPT_SECONDS = 5.0
"""Seconds for which anything waits until marks are kept, or some of them."""


def passed_on_already(marks: Sequence[UserMark]) -> None:
    """Do nothing: whoever keeps them tells other workers."""


class UsersMarks:
    """The marks of all users of a worker.

    They are gathered for ten seconds, and until the session ends that set them; then ``log`` keeps them, one
    batch after the other, at most :data:`~chatnet.marks.MOST_MARKS` a second. What it has kept is told to the
    users' other sessions here, and given to ``pass_on``, which tells other workers. A batch waits while the
    log is away; what is gathered meanwhile is limited.
    """

    _logger = Logger()

    def __init__(
        self,
        log: Log,
        clock: IReactorTime,
        users: Users,
        pass_on: Callable[[Sequence[UserMark]], None] = passed_on_already,
    ) -> None:
        self._log, self._clock, self._users, self._pass_on = log, clock, users, pass_on
        self._gathered = GatheredMarks()
        self._left = MOST_MARKS
        self._under_way: list[Gathered] = []
        self._stopped = False
        self._after_batch: list[Deferred[None]] = []
        self._seconds = Timer(clock, 1.0, self._second, "Cannot pass marks on")

    def mark(self, mark: UserMark, by: object) -> bool:
        """Gather a mark that the session ``by`` sets; return False if too many wait."""
        self._seconds.start()
        return self._gathered.put(mark, by, self._clock.seconds())

    def waiting(self, user: str, room: str) -> int:
        """Return the mark of ``user`` in ``room`` that the log has not kept yet; 0 if there is none."""
        under_way = [
            one.mark.seq for one in self._under_way if (one.mark.user, one.mark.room) == (user, room)
        ]
        return max([self._gathered.of(user, room), *under_way])

    def drop(self, user: str) -> None:
        """Keep none of the marks of ``user`` that wait: the user is forgotten."""
        self._gathered.drop(user)

    def rewound(self, seq: int) -> None:
        """Keep none of the marks above ``seq`` that wait: the log was put back to there, and goes on with
        what nobody has read or heard."""
        self._gathered.cut(seq)

    def hasten(self, user: str) -> None:
        """Pass the marks of ``user`` on within a second: a session of theirs has ended."""
        self._gathered.hasten(user)

    async def kept(self, user: str) -> None:
        """Wait until the log has kept all marks of ``user`` that were set here, behind those of others; not
        for ever, as its disk may be full: only while it keeps some."""
        while self._waits(user):
            self._gathered.hasten(user)
            self._go_on()
            if self._waits(user):
                try:
                    await self._batch_kept().addTimeout(KEPT_SECONDS, self._clock)
                except NotInTime:
                    return

    async def settle(self, user: str) -> None:
        """The same, but not for long, also where many marks of others are kept before."""
        settling = Deferred.fromCoroutine(self.kept(user))
        await settling.addTimeout(KEPT_SECONDS, self._clock, lambda *_: None)

    async def flush(self) -> None:
        """Pass everything on, without regard to how many that are in a second, and wait for it."""
        while self._gathered or self._under_way:
            self._gathered.hasten_all()
            self._left = MOST_MARKS
            self._go_on()
            if self._under_way:
                await self._batch_kept()

    def told(self, marks: Sequence[UserMark]) -> None:
        """Tell all sessions of the users here: these were set on other workers."""
        for mark in marks:
            self._users.marked(mark, None)

    def stop(self) -> None:
        """Pass nothing more on; nobody who waits is answered."""
        self._stopped = True
        self._seconds.stop()

    def _waits(self, user: str) -> bool:
        return self._gathered.has(user) or any(one.mark.user == user for one in self._under_way)

    def _batch_kept(self) -> Deferred[None]:
        self._after_batch.append(Deferred())
        return self._after_batch[-1]

    def _second(self) -> None:
        self._left = MOST_MARKS
        self._go_on()
        if not self._gathered and not self._under_way:
            self._seconds.stop()

    def _go_on(self) -> None:
        if self._under_way or self._stopped:
            return
        self._under_way = self._gathered.take(self._clock.seconds(), self._left)
        if self._under_way:
            self._left -= len(self._under_way)
            Deferred.fromCoroutine(self._keep(self._under_way)).addErrback(self._lost).addBoth(self._kept)

    async def _keep(self, batch: Sequence[Gathered]) -> None:
        kept = await self._log.keep_marks([one.mark for one in batch])
        if self._stopped:
            return
        self._pass_on(kept)
        by = {(one.mark.user, one.mark.room): one.by for one in batch}
        for mark in kept:
            self._users.marked(mark, by.get((mark.user, mark.room)))

    def _lost(self, failure: object) -> None:
        self._logger.failure("{count} marks could not be kept", failure, count=len(self._under_way))  # type: ignore[arg-type]

    def _kept(self, _: object) -> None:
        self._under_way = []
        after, self._after_batch = self._after_batch, []
        for waiting in after:
            waiting.callback(None)
        self._go_on()
