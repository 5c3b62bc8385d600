"""The marks that a worker has been given and has not passed on yet. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from chatnet.marks import UserMark

GATHER_SECONDS = 10.0
"""Seconds that a user's marks are gathered: this is what the end of the process may cost."""
MOST_OF_ONE = 1_000
"""How many rooms of one user may have a mark that waits."""
MOST_IN_ALL = 50_000
"""How many marks may wait in all: some 10 MB."""
_A_TURN = 20
"""How many marks of one user are taken before the next user's turn comes."""


class Gathered(NamedTuple):
    """A mark, and the session that set it."""

    mark: UserMark
    by: object


@dataclass(slots=True)
class _OfUser:
    since: float
    rooms: dict[str, Gathered] = field(default_factory=dict)


class GatheredMarks:
    """The greatest mark of each user and room, until :meth:`take`. Times are seconds of any one clock.

    A user's marks are due together, ten seconds after the first of them, or earlier once :meth:`hasten` was
    called. Users whose marks are due take turns.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _OfUser] = {}  # by the time of the first mark
        self._due: dict[str, _OfUser] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def has(self, user: str) -> bool:
        """Return whether a mark of ``user`` waits."""
        return user in self._due or user in self._waiting

    def of(self, user: str, room: str) -> int:
        """Return the mark of ``user`` in ``room`` that waits; 0 if there is none."""
        of_user = self._due.get(user) or self._waiting.get(user)
        found = None if of_user is None else of_user.rooms.get(room)
        return 0 if found is None else found.mark.seq

    def put(self, mark: UserMark, by: object, now: float) -> bool:
        """Add a mark that the session ``by`` sets; return False if too many wait."""
        of_user = self._due.get(mark.user) or self._waiting.get(mark.user)
        before = of_user.rooms.get(mark.room) if of_user is not None else None
        if of_user is None or before is None:
            if self._count >= MOST_IN_ALL or (of_user is not None and len(of_user.rooms) >= MOST_OF_ONE):
                return False
            self._count += 1
        if of_user is None:
            of_user = self._waiting[mark.user] = _OfUser(now)
        if before is None or before.mark.seq < mark.seq:
            of_user.rooms[mark.room] = Gathered(mark, by)
        return True

    def drop(self, user: str) -> None:
        """Forget the marks of ``user``."""
        for users in (self._waiting, self._due):
            if user in users:
                self._count -= len(users.pop(user).rooms)

    def cut(self, seq: int) -> None:
        """Forget the marks above ``seq``."""
        for users in (self._waiting, self._due):
            for user, of_user in list(users.items()):
                kept = {room: one for room, one in of_user.rooms.items() if one.mark.seq <= seq}
                self._count -= len(of_user.rooms) - len(kept)
                of_user.rooms = kept
                if not kept:
                    del users[user]

    def hasten(self, user: str) -> None:
        """Let the marks of ``user`` be due now."""
        if user in self._waiting:
            self._due[user] = self._waiting.pop(user)

    def hasten_all(self) -> None:
        """Let all marks be due now."""
        self._due.update(self._waiting)
        self._waiting.clear()

    def take(self, now: float, most: int) -> list[Gathered]:
        """Return marks that are due, at most ``most``, and forget them."""
        while self._waiting:
            user, of_user = next(iter(self._waiting.items()))
            if of_user.since + GATHER_SECONDS > now:
                break
            self.hasten(user)
        taken: list[Gathered] = []
        while self._due and len(taken) < most:
            user = next(iter(self._due))
            of_user = self._due.pop(user)
            for room in list(of_user.rooms)[: min(_A_TURN, most - len(taken))]:
                taken.append(of_user.rooms.pop(room))
            if of_user.rooms:
                self._due[user] = of_user
        self._count -= len(taken)
        return taken
