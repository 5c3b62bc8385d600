"""All sessions of a worker: what they share, and totals of what they did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime

from chatnet.aging import may_age
from chatnet.auth import Token
from chatnet.entries import Entry
from chatnet.lanes import Lane, Pace
from chatnet.log import Log
from chatnet.marks import UserMark
from chatnet.telemetry import Tell, unheard
from chatnet.worker.drafts import SharedDrafts
from chatnet.worker.gathering import Gathering
from chatnet.worker.marks import UsersMarks, passed_on_already
from chatnet.worker.presence import Presence
from chatnet.worker.rates import Rates
from chatnet.worker.reads import SharedReads
from chatnet.worker.router import Router
from chatnet.worker.secrets import Secrets
from chatnet.worker.subscription import A_TURN
from chatnet.worker.typists import Typists
from chatnet.worker.users import Users, up_to_ends
from chatnet.world import Clocks

if TYPE_CHECKING:
    from chatnet.worker.session import Session

MOST_READS = 32
"""How many reads at the log may be under way in a worker: this many for logins, and as many for sessions."""
PAGES_OF_ONE = 2
"""How many of a worker's reads for sessions may be for one user: one for each of two sessions."""
LOGINS_OF_ONE = 8
"""How many of a worker's reads for logins may be for one user or address: it may be a whole school's."""


class Sessions:
    """What all sessions of a worker share, and totals of what they did.

    ``open`` are the present sessions, the oldest first; of these the ``uninformed`` did not read when their
    user has joined or left rooms; ``posts`` is how many posts were taken; ``poison`` is
    how many drafts were refused as poison. ``rate`` is how many drafts a second a user may append in the long
    run; 0: no limit. Reads of ``logins`` have their own lane beside the ``reads`` of sessions: heavy readers
    keep nobody from logging in. ``tell`` hears what sessions do. ``pass_on`` is called with the marks that
    the log has kept: see :class:`~chatnet.worker.marks.UsersMarks`.
    """

    def __init__(
        self,
        log: Log,
        router: Router,
        secrets: Secrets,
        token: Token,
        rate: int,
        clocks: Clocks,
        tell: Tell = unheard,
        pass_on: Callable[[Sequence[UserMark]], None] = passed_on_already,
    ) -> None:
        clock: IReactorTime = clocks.reactor
        self.log = log
        limits = log.window.limits
        self.drafts = SharedDrafts(log, Gathering(log, clock), clock, limits.drafts)
        self.router = router
        self.secrets = secrets
        self.rates = Rates(rate, clocks.monotonic)
        self.clock = clock
        self.wall = clocks.wall
        self._token = token
        self.users = Users()
        router.stay_changed = self.users.stay_changed
        self.marks = UsersMarks(log, clock, self.users, pass_on)
        self.presence = Presence(clock, clocks.wall)
        self.typists = Typists(clock)
        self.tell = tell
        self.logins = Lane(MOST_READS, LOGINS_OF_ONE)
        self.reads = SharedReads(clock, Lane(MOST_READS, PAGES_OF_ONE), limits.reads, tell)
        self.pace = Pace(clock, A_TURN)
        self.open: dict[Session, None] = {}
        self.uninformed: set[Session] = set()
        self.posts = 0
        self.poison = 0

    def apply(self, entries: list[Entry]) -> None:
        """Follow the window: hand over what is heard, and end sessions. Whose session an entry ends hears
        nothing behind it."""
        for some in up_to_ends(entries):
            self.router.apply(some)
            self._end(some[-1:])
        self.rates.apply(entries)

    def _end(self, entries: Sequence[Entry]) -> None:
        self.users.apply(entries)
        for entry in entries:
            if entry.kind == "forget":
                self.marks.drop(entry.to)

    def mark_used(self) -> None:
        """Note that all that are open are used now."""
        for session in self.open:
            session.marks.used()

    def ticket(self, user: str, by: int, day: int = 0) -> bytes:
        """Return a ticket with which ``user`` can resume; ``day`` is when they showed a secret that they do
        not keep."""
        return self._token.ticket(self.log.log_id, user, by, day if may_age(self.log.window.level) else 0)
