"""Who is connected to which process of the cluster, as these say; told to those that want to know it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from twisted.internet.interfaces import IReactorTime

from chatnet.master.registry import Registration
from chatnet.net.link import Link
from chatnet.net.timer import Timer
from chatnet.presence import GATHER_SECONDS, GRACE_SECONDS, MOST_PIECES, Present, merged
from chatnet.wire.presence import piece_of

MOST_OF_ONE = 100_000
"""How many users of one process are known; of more it has no connections."""
MOST_GONE = 10_000
"""How many users who are gone are remembered for processes that have not been told so yet, beside those who
are here. Who is further behind gets the whole state."""

TellOne = Callable[[Registration[Link], bool, bool, Sequence[Present]], None]
"""Tells a process: whether the whole state begins, whether it goes on, and who has changed."""


class _Process:
    """What a process has said, while it is linked and for some seconds more. ``unsaid`` are those of its
    users whom it has not named again since it began anew; they, or all if it is not linked, are forgotten at
    ``until``."""

    __slots__ = ("by", "said", "unsaid", "until")

    def __init__(self) -> None:
        self.by: Registration[Link] | None = None
        self.said: dict[str, Present] = {}
        self.unsaid: dict[str, None] = {}
        self.until: float | None = None


class _Watch:
    """How far a process was told: up to ``at`` in the changes; the whole state ends at ``whole``."""

    __slots__ = ("at", "begins", "whole")

    def __init__(self) -> None:
        self.at = self.whole = 0
        self.begins = True


class Presence:
    """Merges what the processes say in the reign of this primary, and tells those that watch of the others.

    Each user who has changed stands once in a list, at the place of their last change; each watcher is at
    some place in it. So one that does not read costs nothing but its place, and is told the newest of each
    user and nothing in between.
    """

    def __init__(self, clock: IReactorTime, tell: TellOne) -> None:
        self._clock, self._tell_one = clock, tell
        self._processes: dict[str, _Process] = {}
        self._people: dict[str, tuple[_Process, ...]] = {}
        self._watching: dict[_Process, _Watch] = {}
        self._changes: list[str | None] = []
        self._places: dict[str, int] = {}
        self._ticking = Timer(clock, GATHER_SECONDS, self._tick, "Cannot tell who is here")

    def __len__(self) -> int:
        """How many users are reported by any process."""
        return len(self._people)

    @property
    def remembered(self) -> int:
        """How many places the list of changes has: about one for each user, and some for who is gone."""
        return len(self._changes)

    def is_reported(self, user: str) -> bool:
        """Return whether a process has said, in this primary's reign, that a user is there, and has not taken
        that back; one that is lost counts for :data:`~chatnet.presence.GRACE_SECONDS`."""
        return user in self._people

    def stop(self) -> None:
        """Tell nothing more."""
        self._ticking.stop()

    # ---- what processes say ----

    def told(
        self,
        worker: Registration[Link],
        begins: bool,
        goes_on: bool,
        watches: bool,
        people: Sequence[Present],
    ) -> None:
        """A process has said this: see :class:`~chatnet.wire.presence.TellPresence`."""
        process = self._processes.setdefault(worker.identity.id, _Process())
        if begins or process.by is not worker:
            process.by = worker
            process.unsaid = dict.fromkeys(process.said)
            process.until = None
            self._watching.pop(process, None)
        for one in people:
            process.unsaid.pop(one.user, None)
            self._say(process, one)
        if process.unsaid and process.until is None and not goes_on:
            process.until = self._clock.seconds() + GRACE_SECONDS
        if watches and process not in self._watching:
            self._watch(process)
        self._ticking.start()

    def lost(self, worker: Registration[Link]) -> None:
        """The link of a process is lost."""
        process = self._processes.get(worker.identity.id)
        if process is not None and process.by is worker:
            process.by = None
            self._watching.pop(process, None)
            process.until = self._clock.seconds() + GRACE_SECONDS
            self._ticking.start()

    def _say(self, process: _Process, now: Present) -> None:
        user, before = now.user, process.said.get(now.user)
        if now.sessions:
            if before is None:
                if len(process.said) >= MOST_OF_ONE:
                    return
                self._people[user] = (*self._people.get(user, ()), process)
            process.said[user] = now
        elif before is not None:
            self._take_back(process, user)
        if now != before:
            self._has_changed(user)

    def _take_back(self, process: _Process, user: str) -> None:
        del process.said[user]
        others = tuple(other for other in self._people[user] if other is not process)
        if others:
            self._people[user] = others
        else:
            del self._people[user]

    def _forget_lost(self) -> None:
        """Forget the users of processes that were lost for too long, and whom one did not name again."""
        now = self._clock.seconds()
        for name, process in list(self._processes.items()):
            if process.until is None or process.until > now:
                continue
            lost = list(process.said if process.by is None else process.unsaid)
            process.until = None
            process.unsaid = {}
            for user in lost:
                self._take_back(process, user)
                self._has_changed(user)
            if process.by is None:
                del self._processes[name]

    # ---- what watchers are told ----

    def _watch(self, process: _Process) -> None:
        if not self._watching:
            self._changes = list(self._people)
            self._places = {user: place for place, user in enumerate(self._people)}
        watch = self._watching[process] = _Watch()
        watch.whole = len(self._changes)

    def _has_changed(self, user: str) -> None:
        if not self._watching:
            return
        before = self._places.get(user)
        if before is not None:
            self._changes[before] = None
        self._places[user] = len(self._changes)
        self._changes.append(user)
        if len(self._changes) > 2 * (len(self._people) + MOST_GONE):
            self._tidy()

    def _tidy(self) -> None:
        """Leave out of the list what is told at a later place, and who is gone and was told to all so."""
        watches, end = self._watching.values(), len(self._changes)
        told = min((watch.at for watch in watches if not watch.begins), default=end)
        untold = islice(self._changes, told, None)
        if sum(user is not None and user not in self._people for user in untold) > MOST_GONE:
            for watch in watches:
                if watch.at < end:
                    watch.at, watch.begins = 0, True
            told = end
        kept: list[str | None] = []
        places: list[int] = []
        for place, user in enumerate(self._changes):
            places.append(len(kept))
            if user is not None and (place >= told or user in self._people):
                kept.append(user)
        places.append(len(kept))
        for watch in watches:
            watch.at = places[watch.at]
            watch.whole = len(kept) if watch.begins else places[watch.whole]
        self._changes = kept
        self._places = {user: place for place, user in enumerate(kept) if user is not None}

    def _tick(self) -> None:
        self._forget_lost()
        for process, watch in self._watching.items():
            for _ in range(MOST_PIECES):
                if process.by is None or process.by.link.full or not self._is_behind(watch):
                    break
                self._tell_some(process, process.by, watch)
        is_waiting = any(process.until is not None for process in self._processes.values())
        if not is_waiting and not any(map(self._is_behind, self._watching.values())):
            self._ticking.stop()

    def _is_behind(self, watch: _Watch) -> bool:
        return watch.begins or watch.at < len(self._changes)

    def _tell_some(self, process: _Process, to: Registration[Link], watch: _Watch) -> None:
        def elsewhere(user: str) -> Present:
            others = self._people.get(user, ())
            return merged(user, [other.said[user] for other in others if other is not process])

        left = (self._changes[place] for place in range(watch.at, len(self._changes)))
        people, looked = piece_of(left, elsewhere)
        begins, watch.begins = watch.begins, False
        watch.at += looked
        self._tell_one(to, begins, watch.at < watch.whole, people)
