"""Moves sessions to other workers: tells them so, a few at a time, and closes those that stay."""

from __future__ import annotations

from itertools import islice

from twisted.internet.interfaces import IReactorTime

from chatnet.net.timer import Timer
from chatnet.worker.session import Session
from chatnet.worker.sessions import Sessions

TICK = 0.1
"""Seconds between two times of telling some sessions."""
PER_TICK = 5
"""How many are told at a time: each has to find another worker and resume there."""
LEAVE_SECONDS = 10.0
"""Seconds that a told session may stay before it is closed: it leaves once its drafts are answered."""
HOPELESS_SECONDS = 1.0
"""The same where the store is away and no draft is answered: clients send their drafts again elsewhere."""


class Handoff:
    """Makes sessions move, the oldest first, so that nobody moves again and again."""

    def __init__(self, sessions: Sessions, clock: IReactorTime) -> None:
        self._sessions = sessions
        self._wanted = 0
        self._patience = LEAVE_SECONDS
        self._told: dict[Session, float] = {}
        self._hung_up: set[Session] = set()
        self._ticking = Timer(clock, TICK, self._tick, "Cannot move sessions")

    @property
    def moving(self) -> int:
        """How many sessions were told to move and are still here."""
        return sum(session in self._sessions.open for session in self._told)

    def shed(self, count: int, soon: bool = False) -> None:
        """Move ``count`` sessions besides those that were told already; ``soon``: without waiting for
        answers."""
        self._wanted = count
        self._patience = HOPELESS_SECONDS if soon else LEAVE_SECONDS
        self._ticking.start(now=True)

    def stop(self) -> None:
        """Stop moving sessions."""
        self._ticking.stop()

    def _tick(self) -> None:
        self._tell()
        self._see_off()
        if not (self._wanted or self._told):
            self._ticking.stop()

    def _tell(self) -> None:
        stay = (session for session in self._sessions.open if session not in self._told)
        for session in list(islice(stay, min(PER_TICK, self._wanted))):
            self._told[session] = 0.0
            session.peer.moved()
            self._wanted -= 1
        if len(self._told) >= len(self._sessions.open):
            self._wanted = 0

    def _see_off(self) -> None:
        for session in list(self._told):
            if session not in self._sessions.open:
                del self._told[session]
                self._hung_up.discard(session)
                continue
            self._told[session] += TICK
            if self._told[session] >= self._patience and session not in self._hung_up:
                self._hung_up.add(session)
                session.peer.hang_up()
