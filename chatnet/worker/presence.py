"""Tells the primary who has sessions on this process, and hands on what it tells of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Protocol

from msgspec.structs import replace
from twisted.internet.interfaces import IReactorTime

from chatnet.net.link import Link
from chatnet.net.timer import Timer
from chatnet.presence import GATHER_SECONDS, MOST_PIECES, Present
from chatnet.wire.presence import TellPresence, piece_of


class Watcher(Protocol):
    """Who wants to know of the users of other processes."""

    def told(self, people: Sequence[Present], begins: bool, goes_on: bool) -> None:
        """See :class:`~chatnet.wire.presence.PresenceTold`."""


class Presence:
    """The presence of this process's own users, as the primary is told of it.

    What changes is gathered for :data:`~chatnet.presence.GATHER_SECONDS`. Who has changed is known by name
    alone, so that nothing piles up while the primary does not read: later it is told the present state.
    """

    def __init__(self, clock: IReactorTime, wall: Callable[[], float]) -> None:
        self._clock, self._wall = clock, wall
        self._here: dict[str, Present] = {}
        self._told: dict[str, Present] = {}
        self._changed: dict[str, None] = {}
        self._leaving: dict[str, float] = {}
        self._link: Link | None = None
        self._begins = False
        self._left = 0
        self._watcher: Watcher | None = None
        self._is_over = False
        self._telling = Timer(clock, GATHER_SECONDS, self._tell, "Cannot tell who is here")

    @property
    def is_over(self) -> bool:
        """Whether nothing is told any more."""
        return self._is_over

    def __len__(self) -> int:
        """How many users are here."""
        return len(self._here)

    def of(self, user: str) -> Present | None:
        """Return the presence of a user here."""
        return self._here.get(user)

    # ---- what this process says ----

    def came(self, user: str) -> None:
        """A connection of a user is here."""
        before = self._here.get(user)
        if before is None:
            self._note(Present(user, 1, int(self._wall() * 1000)))
        elif self._leaving.pop(user, None) is None:
            self._note(replace(before, sessions=before.sessions + 1))

    def gone(self, user: str, lingers: float = 0.0) -> None:
        """A connection of a user is gone; if it was the last, they are shown as being here for so many
        seconds."""
        before = self._here[user]
        if before.sessions > 1:
            self._note(replace(before, sessions=before.sessions - 1))
        elif lingers > 0 and not self._is_over:
            self._leaving[user] = self._clock.seconds() + lingers
            self._telling.start()
        else:
            self._forget(user)

    def say(self, user: str, away: str, away_at: int, modes: str) -> None:
        """A user who is here has said this of themselves."""
        self._note(replace(self._here[user], away=away, away_at=away_at, modes=modes))

    def _note(self, now: Present) -> None:
        self._here[now.user] = now
        self._has_changed(now.user)

    def _forget(self, user: str) -> None:
        self._leaving.pop(user, None)
        del self._here[user]
        self._has_changed(user)

    def _has_changed(self, user: str) -> None:
        if self._link is not None:
            self._changed[user] = None
            self._telling.start()

    # ---- the primary ----

    def attached(self, link: Link) -> None:
        """A primary that understands this has registered the process: tell it everything."""
        self._link = link
        self._told.clear()
        self._changed = dict.fromkeys(self._here)
        self._begins, self._left = True, len(self._changed)
        self._telling.start()

    def detached(self) -> None:
        """The link to the primary is lost."""
        self._link = None
        self._told.clear()
        self._changed.clear()

    def stop(self) -> None:
        """Tell nothing more: users of a process that ends come back elsewhere, and are not told as gone."""
        self._is_over = True
        self.detached()
        self._telling.stop()

    def watch(self, watcher: Watcher) -> None:
        """Have the primary tell ``watcher`` of the users of other processes."""
        self._watcher = watcher
        if self._link is not None:
            self.attached(self._link)

    def told(self, people: Sequence[Present], begins: bool, goes_on: bool) -> None:
        """The primary has told something of users of other processes."""
        if self._watcher is not None:
            self._watcher.told(people, begins, goes_on)

    def _tell(self) -> None:
        now = self._clock.seconds()
        for user in [user for user, until in self._leaving.items() if until <= now]:
            self._forget(user)
        for _ in range(MOST_PIECES):
            if self._link is None or self._link.full or not (self._changed or self._begins):
                break
            self._tell_some(self._link)
        if not (self._changed or self._leaving or self._begins) or (self._link is None and not self._leaving):
            self._telling.stop()

    def _tell_some(self, link: Link) -> None:
        people, looked = piece_of(self._changed, self._news)
        for user in list(islice(self._changed, looked)):
            del self._changed[user]
        for one in people:
            if one.sessions:
                self._told[one.user] = one
            else:
                del self._told[one.user]
        self._left = max(0, self._left - looked)
        if people or self._begins:
            begins, self._begins = self._begins, False
            link.callRemote(
                TellPresence,
                begins=begins,
                goes_on=self._left > 0,
                watches=self._watcher is not None,
                people=people,
            )

    def _news(self, user: str) -> Present | None:
        """Return what the primary must be told of a user; None if it knows that."""
        now, told = self._here.get(user), self._told.get(user)
        if now is None:
            return None if told is None else Present(user)
        return None if now == told else now
