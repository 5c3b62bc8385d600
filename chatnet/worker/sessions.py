"""All sessions of a worker: what they share, and what they have done together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime

from chatnet.auth import Token
from chatnet.entries import Entry
from chatnet.lanes import Lane, Pace
from chatnet.log import Log
from chatnet.telemetry import Tell, unheard
from chatnet.worker.drafts import SharedDrafts
from chatnet.worker.gathering import Gathering
from chatnet.worker.rates import Rates
from chatnet.worker.reads import SharedReads
from chatnet.worker.router import Router
from chatnet.worker.secrets import Secrets
from chatnet.worker.subscription import A_TURN
from chatnet.worker.users import Users
from chatnet.world import Clocks

if TYPE_CHECKING:
    from chatnet.worker.session import Session

MOST_READS = 32
"""How many reads of a worker may be under way at the log for those who log in, and as many for sessions."""
PAGES_OF_ONE = 2
"""How many of them are pages of one user: a read of each of two sessions, however many they open."""
LOGINS_OF_ONE = 8
"""How many of them are logins of one user, or from one address: behind one there may be a whole school."""


class Sessions:
    """What all sessions of a worker share, and what they have done together.

    ``open`` are those there are now, the oldest first; ``posts`` were taken; ``poison`` is how many drafts
    were refused as such. ``rate`` is how many drafts a second a user may append in the long run; 0: no limit.
    Reads of ``logins`` have a lane of their own beside the ``reads`` of sessions: whoever reads much keeps
    nobody out. ``tell`` is told what sessions do.
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
    ) -> None:
        clock: IReactorTime = clocks.reactor
        self.log = log
        limits = log.window.limits
        self.drafts = SharedDrafts(log, Gathering(log, clock), clock, limits.drafts)
        self.router = router
        self.secrets = secrets
        self.rates = Rates(rate, clocks.monotonic)
        self.clock = clock
        self._token = token
        self.users = Users()
        self.tell = tell
        self.logins = Lane(MOST_READS, LOGINS_OF_ONE)
        self.reads = SharedReads(clock, Lane(MOST_READS, PAGES_OF_ONE), limits.reads, tell)
        self.pace = Pace(clock, A_TURN)
        self.open: dict[Session, None] = {}
        self.posts = 0
        self.poison = 0

    def apply(self, entries: list[Entry]) -> None:
        """The window grew."""
        self.users.apply(entries)
        self.rates.apply(entries)

    def ticket(self, user: str, secret_seq: int) -> bytes:
        """A ticket with which ``user`` can resume."""
        return self._token.ticket(self.log.log_id, user, secret_seq)
