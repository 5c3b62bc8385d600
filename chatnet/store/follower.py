"""Follows a log in a database: what is appended there, by whomever, comes into the window.

The bell only says when to look; it may be lost, so the follower looks each second without it. What counts is
the read behind the cursor: seqs are dense and commits come in their order, so nothing can appear behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.entries import Entry
from chatnet.errors import CannotStart, Hole
from chatnet.store.asker import Asker, Trouble
from chatnet.store.database import Database, Unavailable
from chatnet.store.window import Window

LOOK_SECONDS = 1.0
"""How often it looks without being rung."""

PREFILL = 10_000
"""How many entries the window begins with: sessions that come back find what they miss in memory."""


@dataclass(frozen=True)
class Rewound:
    """The log is not the one that was followed. ``common`` is the newest seq known to be in both, 0 if none
    is; to go on from ``base``, whose entry is ``newest``."""

    log_id: str
    head: int
    common: int
    base: int
    newest: Entry | None


class Follower:
    """Keeps ``window`` in step with the log. ``is_ready`` becomes true, for good, once it was at the head.

    ``on_rewound`` is called with the newest seq that is still common, 0 if none is known, when the database
    was put back to an earlier state or is another one (then ``log_id`` is another): the window has begun
    anew, and all that stands on it must.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        asker: Asker,
        trouble: Trouble,
        entropy: Callable[[int], bytes],
        on_rewound: Callable[[int], None],
    ) -> None:
        self._reactor, self._asker, self._trouble = reactor, asker, trouble
        self._entropy, self._on_rewound = entropy, on_rewound
        self.window = Window()
        self.log_id = ""
        self.is_ready = False
        self.warning = ""
        self._newest: Entry | None = None
        self._checked: Database | None = None
        self._bell: Database | None = None
        self._rung = False
        self._waiting: Deferred[None] | None = None
        self._closed = False

    async def open(self) -> None:
        """Find the log, fill the window with its newest entries, and follow it from then on.

        :raises CannotStart: the database cannot be used; the sentence says why.
        """
        newest = await self._asker.ask(self._open)
        if newest:
            self.window.restart(newest[0].seq - 1)
            self._extend(newest)
        Deferred.fromCoroutine(self._follow()).addErrback(self._broke)

    def ring(self) -> None:
        """Look now: something was appended."""
        self._rung = True
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    def close(self) -> None:
        """Follow no more."""
        self._closed = True
        self._lose_bell()
        self.ring()

    # ---- in the reactor ----

    async def _follow(self) -> None:
        while not self._closed:
            # Listen before reading: what is appended in between rings.
            await self._hang_bell()
            self._rung = False
            try:
                await self._read_on()
            except (Hole, CannotStart) as error:
                self._cannot_go_on(error)
            if not self._rung:
                await self._wait()

    async def _read_on(self) -> None:
        while not self._closed:
            found = await self._asker.ask(self._next)
            if isinstance(found, Rewound):
                self._rewind(found)
            elif found:
                self._extend(found)
            else:
                self._trouble.back(self)
                self.is_ready = True
                return

    def _extend(self, entries: list[Entry]) -> None:
        self.window.extend(entries)
        self._newest = entries[-1]

    def _rewind(self, rewound: Rewound) -> None:
        self._log.critical(
            "The log was put back: it was read up to {cursor}, and is the same only up to {common} (it is "
            "log {new} with {head} entries, and was {old}). What was behind is lost; all begin afresh",
            cursor=self.window.head,
            common=rewound.common,
            head=rewound.head,
            new=rewound.log_id,
            old=self.log_id,
        )
        self.log_id, self._newest = rewound.log_id, rewound.newest
        self.window.restart(rewound.base)
        self._on_rewound(rewound.common)

    def _cannot_go_on(self, error: BaseException) -> None:
        self._trouble.away(self, f"The log cannot be followed ({error}): nothing new is seen.")
        self._checked = None

    def _broke(self, failure: Failure) -> None:
        self._log.failure("The follower broke: nothing new is seen any more", failure)

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
            return  # looking each second will do; whether the database is away, the reads will tell
        if self._closed:
            bell.close()
        else:
            self._bell = bell
            bell.watch(self._reactor, self.ring, self._lose_bell)

    def _lose_bell(self) -> None:
        if self._bell is not None:
            self._bell.close()
            self._bell = None

    # ---- in a thread, while the coroutine waits: nobody else changes what is read here ----

    def _open(self, database: Database) -> list[Entry]:
        opened = database.open(self._entropy(16).hex())
        self.log_id, self.warning = opened.log_id, opened.warning
        self._checked = database
        return database.last(PREFILL)

    def _next(self, database: Database) -> list[Entry] | Rewound:
        if database is not self._checked:
            rewound = self._check(database)
            self._checked = database
            if rewound is not None:
                return rewound
        return database.page(self.window.head, None)

    def _check(self, database: Database) -> Rewound | None:
        """Is it, on this new connection, still the log that we followed?"""
        opened = database.open(self._entropy(16).hex())
        cursor = self.window.head
        if opened.log_id == self.log_id:
            if cursor <= opened.head and self._newest == _entry_at(database, cursor):
                return None
            common = self._common(database)
        else:
            common = 0
        base = common or max(0, opened.head - PREFILL)
        return Rewound(opened.log_id, opened.head, common, base, _entry_at(database, base))

    def _common(self, database: Database) -> int:
        """The newest seq of the window whose entry is the database's too; 0 if there is none."""
        known = self.window.after(self.window.start - 1)
        low, high = 0, len(known)  # the first "low" are common; those from "high" on are not
        while low < high:
            middle = (low + high) // 2
            if known[middle] == _entry_at(database, known[middle].seq):
                low = middle + 1
            else:
                high = middle
        return known[low - 1].seq if low else 0


def _entry_at(database: Database, seq: int) -> Entry | None:
    page = database.page(seq - 1, seq) if seq else []
    return page[0] if page else None
