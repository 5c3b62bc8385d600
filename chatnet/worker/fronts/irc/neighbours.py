"""Who shares a room with users of other processes: the log is asked for the rooms of those who come or go.

They are told of one after the other, some each second, and only so many wait: what presence tells is a help,
and no promise.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.reads import Position, SnapshotOf
from chatnet.worker.fronts.irc import events

if TYPE_CHECKING:
    from chatnet.log import Log
    from chatnet.net.outbox import Outboxes
    from chatnet.worker.fronts.irc.presence import Presence

EACH_SECONDS = 0.02
"""Seconds between two users whose rooms are asked for."""
MOST_WAITING = 2_000
"""How many users may wait. Of more nobody is told that they came or went, but who monitors them."""
JOIN_SECONDS = 1.0
"""Seconds after which somebody who has joined a room is told to be absent, if nobody has heard of them."""


class Neighbours:
    """Tells who shares a room with a user that the user is away, or back."""

    _logger = Logger()

    def __init__(self, outboxes: Outboxes, presence: Presence) -> None:
        self._outboxes = outboxes
        self._presence = presence
        self._log: Log | None = None
        self._changed: dict[str, str] = {}
        self._joined: dict[tuple[str, str], float] = {}
        self._next: IDelayedCall | None = None
        self._reading: Deferred[None] | None = None

    def follow(self, log: Log) -> None:
        """Ask this log from now on; what an earlier one was asked may never be answered."""
        self._log, self._reading = log, None
        self._go_on()

    def changed(self, user: str, was: str) -> None:
        """A user of other processes is no longer away with the words ``was``, or no longer here."""
        if user not in self._changed and len(self._changed) < MOST_WAITING and self._is_anybody_told():
            self._changed[user] = was
            self._go_on()

    def joined(self, user: str, room: str) -> None:
        """Somebody has joined a room of whom nobody knows that they are here."""
        if len(self._joined) < MOST_WAITING:
            self._joined.setdefault((user, room), self._outboxes.seconds() + JOIN_SECONDS)
            self._go_on()

    def _is_anybody_told(self) -> bool:
        return any(client.has("away-notify") for client in self._presence.everybody())

    def _go_on(self) -> None:
        if self._next is None and (self._changed or self._joined):
            self._next = self._outboxes.later(EACH_SECONDS, self._tell_next)

    def _tell_next(self) -> None:
        self._next = None
        now = self._outboxes.seconds()
        while self._joined:
            (user, room), at = next(iter(self._joined.items()))
            if at > now:
                break
            del self._joined[user, room]
            self._tell(user, "", {room})
        if self._changed and self._reading is None and self._log is not None:
            user = next(iter(self._changed))
            was = self._changed.pop(user)
            if self._presence.words(user) != was:
                self._reading = reading = Deferred.fromCoroutine(self._ask(self._log, user, was))
                reading.addErrback(self._not_asked).addBoth(lambda _: self._asked(reading))
        self._go_on()

    async def _ask(self, log: Log, user: str, was: str) -> None:
        self._tell(user, was, await rooms_of(log, user))

    def _asked(self, reading: Deferred[None]) -> None:
        if self._reading is reading:
            self._reading = None

    def _not_asked(self, failure: Failure) -> None:
        self._logger.info("It is not told who came or went: {why}", why=failure.getErrorMessage())

    def _tell(self, user: str, was: str, rooms: Collection[str]) -> None:
        """Tell who is in these rooms, but those who were told already, as they watch the user."""
        words = self._presence.words(user)
        if words == was:
            return
        line = events.away(user, words)
        for other in self._presence.near(user, rooms, "away-notify"):
            if not self._presence.watches(other, user) and other.user != user:
                other.hint(line)


async def rooms_of(log: Log, user: str) -> set[str]:
    """Return the rooms that a user is in now, their own too."""
    rooms, head = {user}, log.window.head
    behind: Position | None = None
    while True:
        page = await log.read(SnapshotOf(user, head, head, behind))
        rooms.update(stay.room for stay in page.intervals if stay.left is None)
        if page.behind is None:
            return rooms
        behind = page.behind
