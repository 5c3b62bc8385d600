"""Moves sessions to other workers: tells them so, a few at a time, and closes those that stay."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
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


COME_BACK_SECONDS = 1.0
"""Seconds that a session which came by a shared port has to come again: this worker does not let its user in
by that port meanwhile, so it comes to another one."""


@dataclass(slots=True)
class _Order:
    """How many sessions of one kind are still to be told, and how long the told ones may stay."""

    wanted: int = 0
    patience: float = LEAVE_SECONDS


class Handoff:
    """Makes sessions move, the oldest first, so that nobody moves again and again.

    There are two kinds: those that came by a port which the host's workers share, and all others, which a
    master sent here.
    """

    def __init__(self, sessions: Sessions, clock: IReactorTime) -> None:
        self._sessions = sessions
        self._clock = clock
        self._orders = {False: _Order(), True: _Order()}
        self._told: dict[Session, float] = {}
        self._hung_up: set[Session] = set()
        self._sent_elsewhere: dict[str, float] = {}
        self._ticking = Timer(clock, TICK, self._tick, "Cannot move sessions")

    @property
    def moving(self) -> int:
        """How many sessions were told to move and are still here."""
        return sum(session in self._sessions.open for session in self._told)

    @property
    def shared_moving(self) -> int:
        """How many of these came by a shared port."""
        return sum(session in self._sessions.open and session.peer.shared for session in self._told)

    @property
    def sent_elsewhere(self) -> Collection[str]:
        """The users of whom a session that came by a shared port moves, or has just moved."""
        return self._sent_elsewhere.keys()

    def shed(self, count: int, shared: bool = False, soon: bool = False) -> None:
        """Move ``count`` sessions of a kind besides those that were told already; ``soon``: without waiting
        for answers."""
        self._orders[shared] = _Order(count, HOPELESS_SECONDS if soon else LEAVE_SECONDS)
        self._ticking.start(now=True)

    def stop(self) -> None:
        """Stop moving sessions."""
        self._ticking.stop()

    def _tick(self) -> None:
        left = PER_TICK
        for shared, order in self._orders.items():
            left -= self._tell(shared, order, min(left, order.wanted))
        self._see_off()
        is_wanted = any(order.wanted for order in self._orders.values())
        if not (self._told or self._sent_elsewhere or is_wanted):
            self._ticking.stop()

    def _tell(self, shared: bool, order: _Order, count: int) -> int:
        """Tell as many sessions, if there are; return how many were told."""
        if not count:
            return 0
        stay = (
            session
            for session in self._sessions.open
            if session not in self._told and session.peer.shared == shared and not session.peer.passing
        )
        told = list(islice(stay, count))
        for session in told:
            self._told[session] = 0.0
            session.is_moving = True
            session.peer.moved()
        order.wanted = order.wanted - count if len(told) == count else 0
        return len(told)

    def _see_off(self) -> None:
        now = self._clock.seconds()
        for user, until in list(self._sent_elsewhere.items()):
            if now >= until:
                del self._sent_elsewhere[user]
        for session in list(self._told):
            shared = session.peer.shared
            if shared:
                self._sent_elsewhere[session.user] = now + COME_BACK_SECONDS
            if session not in self._sessions.open:
                del self._told[session]
                self._hung_up.discard(session)
                continue
            self._told[session] += TICK
            if self._told[session] >= self._orders[shared].patience and session not in self._hung_up:
                self._hung_up.add(session)
                session.peer.hang_up()
