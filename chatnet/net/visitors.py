"""The connections accepted at one port that are not of the cluster: strangers and users.

Two limits hold. Strangers, who have neither logged in nor proven anything, are limited in number: beyond it
the oldest idle one is closed, so that a client that needs only milliseconds to log in gets in during any
flood. And the work for all visitors in one turn of the reactor is limited: a flood makes us busy, but we do
not hang.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from twisted.internet.interfaces import IReactorTime

from chatnet.addresses import network
from chatnet.net.line_limit import LineLimit

A_TURN = 256
"""How many boxes are handled in one turn of the reactor, for all visitors of a port together.

One takes 10 to 60 µs: a turn takes a few milliseconds, and a post behind a flood waits four or five turns.
"""
A_TURN_SECONDS = 0.005
"""Seconds that these boxes may take together: one that takes longer than its share counts as several.

Refusing a text of many combining marks took 1 ms, and 256 of those delayed all others by a quarter second.
"""
A_MASTERS_TURN = 64
"""The same at a master: its limited visitors are all strangers, and everybody needs its own work."""
STRANGERS_SHARE, USERS_SHARE = 16, 64
"""How many of them one connection gets at most: a stranger's, a user's."""
A_VISIT = 16
"""How many waiting boxes of one connection are handled before it is another's turn."""

RESERVE = 64
"""How many open files are never given to visitors.

They are for the listening port, the cluster's links, SQLite's files, PostgreSQL's sockets, logs, children.
"""
MOST_STRANGERS = 2000
"""How many strangers a port has at most, however many files may be open."""


STRANGER_SECONDS = 10.0
"""Seconds that a connection may be a stranger's, from its acceptance, through TLS and then a protocol. A
login that is under way at the end is waited for.
"""

LINES = 20
"""How many lines of one kind are logged about visitors in a minute; the others are counted."""


class Room(NamedTuple):
    """How many connections there is room for: ``strangers``, strangers of ``one_address``, and ``users``."""

    strangers: int = MOST_STRANGERS
    one_address: int = MOST_STRANGERS // 2
    users: int = 1 << 30


ENOUGH = Room()


def find_room(files: int) -> Room:
    """Return the room that a limit of ``files`` open files leaves."""
    free = max(files - RESERVE, files // 4)
    strangers = max(2, min(MOST_STRANGERS, free // 4))
    return Room(strangers, strangers // 2, free - strangers)


class _Seen(NamedTuple):
    """A stranger's network address, and until when it may be one, by the clock."""

    address: str
    until: float


class Stranger(Protocol):
    """A new connection at a port, about which nothing is known yet."""

    @property
    def is_idle(self) -> bool:
        """Whether it is doing nothing at this moment."""

    def abort(self) -> None:
        """Close the connection now."""


class Waiting(Protocol):
    """A connection that has more to do than one turn of the reactor has room for."""

    def go_on(self, share: int) -> None:
        """Handle what waits, at most ``share`` boxes."""


class Visitors:
    """The visitors of one port. Each link reports when it is made, known and lost.

    ``left`` is how many boxes may still be handled in this turn of the reactor: none if it is 0 or less.
    """

    def __init__(self, clock: IReactorTime, room: Room = ENOUGH, a_turn: int = A_TURN) -> None:
        self.room = room
        self.left = self._a_turn = a_turn
        self._a_box = A_TURN_SECONDS / a_turn
        self._begun = 0.0
        self._clock = clock
        self._lines = LineLimit(clock, LINES)
        self._scheduled = False
        self._is_serving = False
        self._fresh: deque[Waiting] = deque()
        self._going_on: deque[Waiting] = deque()
        self._strangers: dict[Stranger, _Seen] = {}
        self._addresses: dict[str, dict[Stranger, None]] = {}

    # ---- strangers ----

    @property
    def strangers(self) -> int:
        """How many strangers there are."""
        return len(self._strangers)

    def came(self, link: Stranger, host: str) -> None:
        """Add a stranger from ``host``; for lack of room, abort the oldest, of its address or of all."""
        address = network(host)
        same = self._addresses.get(address, {})
        if len(same) >= self.room.one_address:
            self._send_away(_oldest(same))
        elif len(self._strangers) >= self.room.strangers:
            self._send_away(_oldest(self._strangers))
        self._addresses.setdefault(address, {})[link] = None
        self._strangers[link] = _Seen(address, self._clock.seconds() + STRANGER_SECONDS)

    def known(self, link: Stranger) -> float | None:
        """Stop counting ``link``: it has logged in, proven who it is, or is gone.

        Returns until when it could have stayed a stranger; None if it was not one.
        """
        seen = self._strangers.pop(link, None)
        if seen is None:
            return None
        same = self._addresses[seen.address]
        del same[link]
        if not same:
            del self._addresses[seen.address]
        return seen.until

    def goes_on(self, link: Stranger, until: float | None) -> None:
        """Limit ``link``, which just came, to ``until``: its connection was a stranger's before."""
        seen = self._strangers.get(link)
        if seen is not None and until is not None:
            self._strangers[link] = seen._replace(until=until)

    def seconds_left(self, link: Stranger) -> float:
        """Return how many seconds ``link`` may stay a stranger."""
        seen = self._strangers.get(link)
        return STRANGER_SECONDS if seen is None else max(0.0, seen.until - self._clock.seconds())

    def _send_away(self, link: Stranger) -> None:
        self.known(link)  # now: it is lost only in the next turn, and more may come before that
        link.abort()

    # ---- lines about them ----

    def may_be_logged(self, line: str) -> bool:
        """Return whether one more ``line`` of this kind may be logged. Else, count it for the later line."""
        return self._lines.may_be_logged(line)

    # ---- turns of the reactor ----

    def begin(self) -> None:
        """Note that a box is being handled from now on."""
        self._begun = self._clock.seconds()

    def price(self) -> int:
        """Return the cost of the box just handled, in boxes: 1, unless it took long. The next one begins."""
        begun, self._begun = self._begun, self._clock.seconds()
        return max(1, int((self._begun - begun) / self._a_box))

    def spend(self, boxes: int) -> None:
        """Count ``boxes`` as handled in this turn of the reactor; the next turn starts fresh."""
        if boxes:
            self.left -= boxes
            self._schedule()

    def wait(self, link: Waiting) -> None:
        """Let ``link`` go on in the next turn of the reactor, or as soon as others have had their turn.

        A link with little to do does not wait for links that always have more: those go on after it.
        """
        (self._going_on if self._is_serving else self._fresh).append(link)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self._go_on)

    def _go_on(self) -> None:
        self._scheduled = False
        self.left = self._a_turn
        fresh, others = len(self._fresh), len(self._going_on)
        if not (fresh or others):
            return
        share = max(A_VISIT, self._a_turn // (fresh + others))
        self._is_serving = True
        self._serve(self._fresh, fresh, share, spare=self._a_turn // 4 if others else 0)
        self._serve(self._going_on, others, share, spare=0)
        self._is_serving = False
        if self._fresh or self._going_on:
            self._schedule()

    def _serve(self, waiting: deque[Waiting], count: int, share: int, spare: int) -> None:
        for _ in range(count):
            if self.left <= spare:
                break
            waiting.popleft().go_on(share)


def _oldest(links: Iterable[Stranger]) -> Stranger:
    """Return the first idle one; if all are busy, the first of all: it has had the most time."""
    return next((link for link in links if link.is_idle), next(iter(links)))
