"""Who shares a room with users who come or go: of users of other processes, the log is asked for their rooms.

They are told of a moment later, one after the other, some each second, and only so many wait: what presence
tells is a help, and no promise. Who comes back within the moment was never gone.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.reads import Position, SnapshotOf

if TYPE_CHECKING:
    from chatnet.log import Log
    from chatnet.net.outbox import Outboxes
    from chatnet.worker.fronts.irc.presence import Presence

EACH_SECONDS = 0.02
"""Seconds between two users who are told of."""
MOMENT = 1.0
"""Seconds after which it is told that somebody came or went, or is absent who has joined a room."""
MOST_WAITING = 2_000
"""How many users may wait. Of more it is not told that they came or went, but by MONITOR."""


class _Due(NamedTuple):
    """With what words a user was away when that was told last, when it is told what they are now, and to
    whom: who is in these rooms; None: the log knows."""

    was: str
    at: float
    rooms: Collection[str] | None


class Neighbours:
    """Tells who shares a room with a user that the user is away, or back."""

    _logger = Logger()

    def __init__(self, outboxes: Outboxes, presence: Presence) -> None:
        self._outboxes = outboxes
        self._presence = presence
        self._log: Log | None = None
        self._changed: dict[str, _Due] = {}
        self._joined: dict[tuple[str, str], float] = {}
        self._next: IDelayedCall | None = None
        self._reading: Deferred[None] | None = None

    def follow(self, log: Log) -> None:
        """Ask this log from now on; what an earlier one was asked may never be answered."""
        self._log, self._reading = log, None
        self._go_on()

    def told(self, user: str) -> None:
        """It is told now how this user is."""
        self._changed.pop(user, None)

    def changed(self, user: str, was: str, rooms: Collection[str] | None) -> None:
        """A user, who is in these rooms, is no longer away with the words ``was``, or no longer here."""
        before = self._changed.get(user)
        if before is not None:
            self._changed[user] = before._replace(rooms=rooms)
        elif len(self._changed) < MOST_WAITING and self._presence.is_anybody_told:
            self._changed[user] = _Due(was, self._outboxes.seconds() + MOMENT, rooms)
            self._go_on()

    def joined(self, user: str, room: str) -> None:
        """Somebody has joined a room of whom nobody knows that they are here."""
        if len(self._joined) < MOST_WAITING:
            self._joined.setdefault((user, room), self._outboxes.seconds() + MOMENT)
            self._go_on()

    def _go_on(self) -> None:
        if self._next is None and (self._changed or self._joined):
            self._next = self._outboxes.later(EACH_SECONDS, self._tell_next)

    def _tell_next(self) -> None:
        self._next = None
        now = self._outboxes.seconds()
        for (user, room), at in self._joined.items():
            if at <= now:
                del self._joined[user, room]
                self._tell(user, "", {room})
            break
        for user, due in self._changed.items():
            if due.at <= now and self._reading is None:
                del self._changed[user]
                self._look_at(user, due)
            break
        self._go_on()

    def _look_at(self, user: str, due: _Due) -> None:
        if due.rooms is not None or self._log is None:
            self._tell(user, due.was, due.rooms or ())
        elif self._presence.words(user) != due.was:
            self._reading = reading = Deferred.fromCoroutine(self._ask(self._log, user, due.was))
            reading.addErrback(self._not_asked).addBoth(lambda _: self._asked(reading))

    async def _ask(self, log: Log, user: str, was: str) -> None:
        self._tell(user, was, await rooms_of(log, user))

    def _asked(self, reading: Deferred[None]) -> None:
        if self._reading is reading:
            self._reading = None

    def _not_asked(self, failure: Failure) -> None:
        self._logger.info("It is not told who came or went: {why}", why=failure.getErrorMessage())

    def _tell(self, user: str, was: str, rooms: Collection[str]) -> None:
        if self._presence.words(user) != was:
            self._presence.tell_words(user, rooms)


async def rooms_of(log: Log, user: str, upto: int | None = None) -> set[str]:
    """Return the rooms that a user is in now, or was in at the seq ``upto``; their own too."""
    rooms, at = {user}, log.window.head if upto is None else upto
    behind: Position | None = None
    while True:
        page = await log.read(SnapshotOf(user, at, at, behind))
        rooms.update(stay.room for stay in page.intervals if stay.left is None or stay.left > at)
        if page.behind is None:
            return rooms
        behind = page.behind
