"""Follows a log in a database: brings into the window whatever any process appends there.

The bell only says when to look; it may be lost, so the follower also looks each second. What counts is the
read after the cursor: seqs have no gaps and are committed in order, so nothing can appear before the cursor
later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.blanking import Blanking
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import CannotStart, Hole, Outgrown
from chatnet.limits import Limits
from chatnet.reads import CursorAt, Last, PageOf
from chatnet.store.postgres.database import Database, Opened, Unavailable
from chatnet.store.postgres.pool import Outage, Pool
from chatnet.store.window import STALE_SECONDS, Window
from chatnet.telemetry import LogRewound, Tell

LOOK_SECONDS = 1.0
"""Seconds between two looks if the bell does not ring."""


@dataclass(frozen=True)
class Divergence:
    """The log is not the one that was followed. ``common`` is the newest cursor known to be in both logs, or
    the new log's beginning; following continues from ``base``. The new log is at ``level``."""

    log_id: str
    head: int
    common: Cursor
    base: Cursor
    level: int
    blankings: list[Blanking]


class Follower:
    """Keeps ``window`` in step with the log. ``is_ready`` becomes true, and stays so, once it was at the
    head.

    If the database was put back to an earlier state, or is another one (then ``log_id`` changes),
    ``on_rewound`` is called with the newest cursor that is still common, or with the beginning. By then the
    window has begun again, and everything that depends on it must do the same.

    ``on_outgrown`` is called with a sentence when the log holds, or may hold from now on, what this process,
    which understands ``own_level``, does not understand. Nothing is followed after that.
    """

    _logger = Logger()

    def __init__(
        self,
        reactor: Any,
        asker: Pool,
        trouble: Outage,
        entropy: Callable[[int], bytes],
        on_rewound: Callable[[Cursor], None],
        on_outgrown: Callable[[str], None],
        own_level: int,
        limits: Limits,
        tell: Tell,
    ) -> None:
        self._tell = tell
        self._on_outgrown = on_outgrown
        self._reactor, self._asker, self._trouble = reactor, asker, trouble
        self._entropy, self._on_rewound = entropy, on_rewound
        self.window = Window(limits=limits, own=own_level)
        self.window.is_stale = self._is_stale
        self._followed_at = reactor.seconds()
        self.log_id = ""
        self.is_ready = False
        self.warning = ""
        self._known: Cursor | None = None
        self._checked: Database | None = None
        self._bell: Database | None = None
        self._rung = False
        self._waiting: Deferred[None] | None = None
        self._closed = False

    async def open(self) -> None:
        """Find the log, fill the window with its newest entries, and follow the log from then on.

        :raises CannotStart: the database cannot be used; the sentence says why.
        """
        base, newest, opened = await self._asker.ask(self._open)
        self.window.restart(self.log_id, base)
        self.window.level = opened.level
        self._extend(newest)
        self.window.blank(opened.blankings)
        Deferred.fromCoroutine(self._follow()).addErrback(self._broke)

    def ring(self) -> None:
        """Look now, because something was appended."""
        self._rung = True
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    def close(self) -> None:
        """Stop following."""
        self._closed = True
        self._lose_bell()
        self.ring()

    # ---- in the reactor ----

    async def _follow(self) -> None:
        while not self._closed:
            # Listen before reading: what is appended in between will ring.
            await self._hang_bell()
            self._rung = False
            try:
                await self._read_on()
            except Outgrown as outgrown:
                self._closed = True
                self._on_outgrown(str(outgrown))
                return
            except (Hole, CannotStart) as error:
                self._cannot_go_on(error)
            if not self._rung:
                await self._wait()

    async def _read_on(self) -> None:
        while not self._closed:
            found = await self._asker.ask(self._next)
            if isinstance(found, Divergence):
                self._rewind(found)
            elif found:
                self._extend(found)
            else:
                self._trouble.back(self)
                self.is_ready = True
                self._followed_at = self._reactor.seconds()
                self.window.freshened()
                return

    def _is_stale(self) -> bool:
        return not self.is_ready or bool(self._reactor.seconds() - self._followed_at >= STALE_SECONDS)

    def _extend(self, entries: list[Entry]) -> None:
        self.window.extend(entries)
        self._known = self.window.cursor

    def _rewind(self, divergence: Divergence) -> None:
        self._logger.critical(
            "The log was put back: it was read up to {cursor}, and is the same only up to {common} (it is "
            "log {new} with {head} entries, and was {old}). What came after that is lost; all start afresh",
            cursor=self.window.head,
            common=divergence.common.seq,
            head=divergence.head,
            new=divergence.log_id,
            old=self.log_id,
        )
        self._tell(LogRewound(self.window.head, divergence.common.seq))
        self.log_id = divergence.log_id
        self.window.restart(divergence.log_id, divergence.base)
        self.window.level = divergence.level
        self.window.blank(divergence.blankings)
        self._known = divergence.base
        self._on_rewound(divergence.common)

    def _cannot_go_on(self, error: BaseException) -> None:
        self._trouble.away(self, f"The log cannot be followed ({error}): nothing new is seen.")
        self._checked = None

    def _broke(self, failure: Failure) -> None:
        self._logger.failure("The follower broke: from now on nothing new is seen", failure)

    async def _wait(self) -> None:
        self._waiting = Deferred()
        look = self._reactor.callLater(LOOK_SECONDS, self.ring)
        await self._waiting
        if look.active():
            look.cancel()

    async def _hang_bell(self) -> None:
        if self._bell is not None:
            return
        try:
            bell = await self._asker.take(lambda database: database.listen())
        except Unavailable:
            return  # looking each second is enough; the reads will tell whether the database is away
        if self._closed:
            bell.close()
        else:
            self._bell = bell
            bell.watch(self._reactor, self.ring, self._lose_bell)

    def _lose_bell(self) -> None:
        if self._bell is not None:
            self._bell.close()
            self._bell = None

    # ---- in any thread ----

    def is_of(self, database: Database) -> bool:
        """Return whether ``database`` holds what was followed so far. If not, the follower will notice soon;
        until then, nothing read there may reach those who have read the other log."""
        known = self._known
        return known is None or database.read(CursorAt(known.seq)) == known

    # ---- in a thread, while the coroutine waits: nobody else changes what is read here ----

    def _open(self, database: Database) -> tuple[Cursor, list[Entry], Opened]:
        opened = database.open(self._entropy(16).hex())
        self.log_id, self.warning = opened.log_id, opened.warning
        self._checked = database
        newest = database.read(Last(self.window.limits.prefill))
        return _there(database, newest[0].seq - 1 if newest else 0), newest, opened

    def _next(self, database: Database) -> list[Entry] | Divergence:
        if database is not self._checked:
            divergence = self._check(database)
            self._checked = database
            if divergence is not None:
                return divergence
        return database.read(PageOf(self.window.head))

    def _check(self, database: Database) -> Divergence | None:
        """Return the divergence if, on this new connection, the log is not the one that we followed."""
        opened = database.open(self._entropy(16).hex())
        if self._is_common(database, self.window.head):
            return None
        common = self._common(database)
        base = common if common.seq else _there(database, max(0, opened.head - self.window.limits.prefill))
        return Divergence(opened.log_id, opened.head, common, base, opened.level, opened.blankings)

    def _common(self, database: Database) -> Cursor:
        """Return the newest cursor of the window that the database also has; or its beginning."""
        oldest = self.window.start - 1
        low, high = oldest - 1, self.window.head  # nothing after "high" is common; all up to "low" is
        while low < high:
            middle = (low + high + 1) // 2
            if self._is_common(database, middle):
                low = middle
            else:
                high = middle - 1
        return _there(database, low if low >= oldest else 0)

    def _is_common(self, database: Database, seq: int) -> bool:
        return database.read(CursorAt(seq)) == self.window.at(seq)


def _there(database: Database, seq: int) -> Cursor:
    """Return the cursor at ``seq``, which the log is known to hold."""
    cursor = database.read(CursorAt(seq))
    if cursor is None:
        raise Unavailable("the log ends before what it held a moment ago")
    return cursor
