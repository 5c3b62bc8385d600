"""The log as a worker sees it: the primary's, over AMP. Questions wait while the primary is away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry
from chatnet.errors import CursorAhead, Hole, Outgrown, Poison
from chatnet.limits import LIMITS, Limits
from chatnet.log import Outcome, Refused
from chatnet.marks import UserMark
from chatnet.reads import LAST_SEQ, Head, Question
from chatnet.store.appender import Appender
from chatnet.store.taken_back import up_to_date
from chatnet.store.window import STALE_SECONDS, Window
from chatnet.telemetry import DraftPoisoned, LogRewound, Tell, unheard
from chatnet.wire.arguments import Command
from chatnet.wire.log import MAX_DRAFTS, Append, Follow, Read, answer_to
from chatnet.wire.marks import KeepMarks

T = TypeVar("T")


class Peer(Protocol):
    """A link to the primary."""

    def callRemote(self, *command: Any, **arguments: Any) -> Any:
        """Send a command; fires with its answer, or fails when the link is lost."""

    def abort(self) -> None:
        """Close the link now."""


class RemoteLog:
    """The primary's log, over whichever link to the primary exists.

    ``is_ready`` becomes true, and stays so, once the window has reached the head that the primary had at the
    first attachment; then ``log_id`` is known. ``on_replaced`` is called when the primary's log is not the
    one that was followed, or was put back to an earlier state: everything that depends on it must start
    again.

    ``on_outgrown`` is called with a sentence when the log holds, or may hold from now on, what this process,
    which understands ``own_level``, does not understand. The process must stop serving, and end.
    """

    _logger = Logger()

    def __init__(
        self,
        on_replaced: Callable[[], None],
        on_outgrown: Callable[[str], None],
        own_level: int | None = None,
        limits: Limits = LIMITS,
        tell: Tell = unheard,
        seconds: Callable[[], float] = float,
    ) -> None:
        self._tell = tell
        self._seconds = seconds
        self._heard_at = 0.0
        self._is_cut_off = False
        self._goal = 0
        self._on_replaced = on_replaced
        self._on_outgrown = on_outgrown
        self.window = Window(limits=limits, own=own_level)
        self.window.is_stale = self._is_stale
        self.log_id = ""
        self.is_ready = False
        self._attached: Peer | None = None
        self._link: Peer | None = None
        self._waiting: list[Deferred[None]] = []
        self._is_placed = False
        self._early: list[Entry] | None = None
        self._appender = Appender(self._commit, min(MAX_DRAFTS, limits.worker_drafts), limits.page.bytes)

    # ---- the link ----

    def attached(self, link: Peer, log_id: str) -> None:
        """Follow the primary over its registered ``link``, then repeat the unanswered questions.

        Not before: if the primary's log was put back, its answers must not reach those who read the old one.
        """
        if self.log_id not in ("", log_id):
            self._replaced(link, f"it is {log_id}, and was {self.log_id}")
            return
        self.log_id = log_id
        self._attached, self._link = link, None
        Deferred.fromCoroutine(self._follow(link)).addErrback(self._cannot_follow, link)

    def detached(self) -> None:
        """The link is lost."""
        self._attached = self._link = None
        self._cut_off()

    def _cut_off(self) -> None:
        if not self._is_cut_off:
            self._is_cut_off, self._goal = True, LAST_SEQ

    def _is_stale(self) -> bool:
        """What counts is the last word of the primary, not when its link was found to be lost: that is up to
        three seconds later, and later still in a process that was stopped."""
        return not self.is_ready or self._seconds() - self._heard_at >= STALE_SECONDS

    def heard(self) -> None:
        """The primary has sent a sign of life, as each second, behind what it had to push by then."""
        link = self._link
        if link is None or self._is_cut_off or not self.is_ready:
            return
        if self._is_stale():
            # This process was stopped, or busy for long: this word may be as old as what it holds.
            self._cut_off()
            Deferred.fromCoroutine(self._catch_up(link)).addErrback(self._cannot_follow, link)
        else:
            self._heard_at = self._seconds()

    def committed(self, entries: Sequence[Entry]) -> None:
        """Take entries that the primary pushes."""
        link = self._link
        if link is None:
            return  # from the buffers of a link that was given up
        if self._early is None:
            self._extend(link, entries)
        else:
            self._early += entries

    async def _follow(self, link: Peer) -> None:
        at = self.window.cursor if self._is_placed else None
        answer = await link.callRemote(Follow, cursor=at and at.seq, check=at and at.check)
        if self._attached is not link:
            return
        if not self._is_placed:
            self.window.restart(self.log_id, Cursor(answer["cursor"], answer["check"]))
            self._is_placed = True
        self.window.level = answer["level"] or self.window.level
        self._link, self._early = link, []
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)
        if not self.is_ready:
            self._goal = await _head_at(link)
        if self._link is link:
            early, self._early = self._early or [], None
            self._extend(link, early)
        if self._link is link and self._is_cut_off:
            await self._catch_up(link)

    async def _catch_up(self, link: Peer) -> None:
        goal = await _head_at(link)
        if self._link is link:
            self._goal = goal
            self._extend(link, [])

    def _extend(self, link: Peer, entries: Sequence[Entry]) -> None:
        try:
            self.window.extend(entries)
        except Hole as hole:
            self._logger.critical("The primary skipped entries: {hole}; following it again", hole=hole)
            self._give_up(link)
        except Outgrown as outgrown:
            self._give_up(link)
            self._on_outgrown(str(outgrown))
        else:
            if self.window.head >= self._goal:
                self._caught_up()

    def _caught_up(self) -> None:
        """The window has what the primary had when this was attached to it."""
        self.is_ready, self._goal = True, LAST_SEQ
        self._is_cut_off, self._heard_at = False, self._seconds()
        self.window.freshened()

    def _cannot_follow(self, failure: Failure, link: Peer) -> None:
        if failure.check(ConnectionClosed):
            return  # the next link follows
        if failure.check(CursorAhead):
            self._replaced(link, str(failure.value))
            return
        self._logger.failure("Cannot follow the primary; trying again on another link", failure)
        self._give_up(link)

    def _replaced(self, link: Peer, why: str) -> None:
        self._logger.critical("The log was replaced ({why}); starting afresh", why=why)
        self._tell(LogRewound(self.window.head, None))
        self._give_up(link)
        self._on_replaced()

    def _give_up(self, link: Peer) -> None:
        if self._attached is link:
            self._attached = self._link = None
        link.abort()

    async def _ask(self, command: type[Command], **arguments: Any) -> dict[str, Any]:
        """Ask the primary; repeat the question on another link if this one is lost."""
        while True:
            link = self._link
            if link is None:
                attached: Deferred[None] = Deferred()
                self._waiting.append(attached)
                await attached
                continue
            try:
                answer: dict[str, Any] = await link.callRemote(command, **arguments)
            except ConnectionClosed:
                if self._link is link:
                    self._link = None
            else:
                return answer

    # ---- appending ----

    @property
    def waiting_bytes(self) -> int:
        """How many bytes were passed to :meth:`append` and are not answered yet."""
        return self._appender.waiting_bytes

    def append(self, drafts: Sequence[Draft]) -> Deferred[list[Outcome]]:
        return self._appender.append(drafts)

    async def _commit(self, drafts: list[Draft]) -> list[Outcome]:
        try:
            outcomes: list[Outcome] = (await self._ask(Append, drafts=drafts))["outcomes"]
        except Exception as error:
            if len(drafts) > 1:
                return [outcome for draft in drafts for outcome in await self._commit([draft])]
            what = drafts[0].described()
            self._tell(DraftPoisoned(what, type(error).__name__))
            self._logger.failure("A draft could not be passed on and was refused: {what}", what=what)
            return [Refused.of(Poison.of())]
        return outcomes

    # ---- marks ----

    async def keep_marks(self, marks: Sequence[UserMark]) -> list[UserMark]:
        kept: list[UserMark] = (await self._ask(KeepMarks, marks=marks))["kept"]
        return kept

    # ---- reading ----

    async def read(self, question: Question[T]) -> T:
        async def ask() -> T:
            return answer_to(question, await self._ask(Read, question=question))

        return await up_to_date(self.window, ask)


async def _head_at(link: Peer) -> int:
    head = Head()
    return answer_to(head, await link.callRemote(Read, question=head))
