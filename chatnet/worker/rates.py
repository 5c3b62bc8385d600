"""Limits how fast each user may append, whichever worker appends. Pure; time in seconds, on a clock that
never goes back.

A worker charges a user for each of their entries that it sees in the log, and for the drafts that its own
sessions have under way: so a second session or connection, here or elsewhere, makes nobody faster. Of who is
refused much :mod:`.kept_refusals` has drafts wait, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

from chatnet.entries import Draft, Entry
from chatnet.log import Outcome
from chatnet.store.refusals import adds
from chatnet.worker.kept_refusals import MAKES_ROOM, KeptRefusals

NEWCOMERS_RATE = 1
"""How many drafts a second a newcomer may append."""
BURST_SECONDS = 5
"""A user may append this many seconds' worth of the rate at once."""


class Allowance:
    """What one user may append now: a bucket that fills at ``rate`` a second, up to five seconds' worth.

    ``held`` is how many drafts wait for it, in all sessions of the user here. ``remember`` is called when it
    must not be forgotten, though the user may have no session.
    """

    __slots__ = (
        *("__weakref__", "_full", "_monotonic", "_rate", "_since", "_slow_until", "_tokens", "_under_way"),
        *("_refusals", "_remember", "held"),
    )

    def __init__(
        self,
        rate: int,
        monotonic: Callable[[], float],
        remember: Callable[[Allowance], object] = lambda _: None,
    ) -> None:
        self._rate, self._monotonic, self._remember = rate, monotonic, remember
        self._refusals: KeptRefusals | None = None  # most users have nothing refused
        self._full = self._tokens = float(rate * BURST_SECONDS)
        self._since = monotonic()
        self._slow_until = 0.0
        self._under_way: set[bytes] = set()
        self.held = 0

    def slow_down(self, seconds: float) -> None:
        """Let it fill at :data:`NEWCOMERS_RATE` for so long, unless there is no limit."""
        if self._rate:
            self._slow_until = self._monotonic() + seconds
            self._refill()

    def take(self, draft: Draft) -> bool:
        """Charge for ``draft``, if it may be appended now; return False if it may not."""
        if self._rate:
            self._refill()
            if self._tokens < 0.999:
                return False
        if (self._refusals is not None or draft.kind == MAKES_ROOM) and not self._kept().take(draft):
            return False
        if self._rate:
            self._tokens -= 1
            self._under_way.add(draft.key)
        return True

    def wait(self, draft: Draft) -> float:
        """Return in how many seconds ``draft`` may be appended, if nothing is charged until then."""
        rate = (1 - self._tokens) / self._rate_at(self._monotonic()) if self._rate else 0.0
        return max(0.0, rate, 0.0 if self._refusals is None else self._refusals.wait(draft))

    def answered(self, draft: Draft, outcome: Outcome | None, head: int) -> None:
        """Record a draft's outcome; None if it has none. ``head`` is how far this worker follows the log."""
        if isinstance(outcome, int):
            if outcome <= head:
                self._under_way.discard(draft.key)
        else:
            self._under_way.discard(draft.key)
            if outcome is not None and adds(draft, outcome):
                self._kept()
        if self._refusals is not None:
            self._refusals.answered(draft, outcome)

    def charge(self, key: bytes) -> None:
        """Charge for an entry of the user, with this key, that the log has."""
        if key in self._under_way:
            self._under_way.remove(key)
        else:
            self._refill()
            self._tokens -= 1

    @property
    def is_whole(self) -> bool:
        """Whether it is the same as a new one."""
        self._refill()
        full = self._rate_at(self._since) * BURST_SECONDS
        if self._refusals is not None and self._refusals.is_whole:
            self._refusals = None
        return self._tokens >= full and not self._under_way and self._refusals is None

    def _kept(self) -> KeptRefusals:
        if self._refusals is None:
            self._refusals = KeptRefusals(self._monotonic)
            self._remember(self)
        return self._refusals

    def _refill(self) -> None:
        now = self._monotonic()
        if now >= self._slow_until:
            self._tokens = min(self._full, self._tokens + (now - self._since) * self._rate)
        else:
            rate = self._rate_at(now)
            self._tokens = min(rate * BURST_SECONDS, self._tokens + (now - self._since) * rate)
        self._since = now

    def _rate_at(self, now: float) -> int:
        return self._rate if now >= self._slow_until else min(self._rate, NEWCOMERS_RATE)


class Rates:
    """The allowances of users who have sessions here, or who appended recently, or had much refused.

    ``rate`` is how many drafts a second a user may append in the long run; 0: no limit.
    """

    def __init__(self, rate: int, monotonic: Callable[[], float]) -> None:
        self.rate, self._monotonic = rate, monotonic
        self._all: WeakValueDictionary[str, Allowance] = WeakValueDictionary()
        self._late: dict[str, Allowance] = {}
        self._looked = monotonic()

    def __len__(self) -> int:
        return len(self._all)

    def of(self, user: str) -> Allowance:
        """Return the allowance that all sessions of ``user`` share."""
        allowance = self._all.get(user)
        if allowance is None:

            def remember(allowance: Allowance) -> None:
                self._late[user] = allowance

            allowance = self._all[user] = Allowance(self.rate, self._monotonic, remember)
        return allowance

    def apply(self, entries: Sequence[Entry]) -> None:
        """Charge for new entries of the window. Entries older than a burst, by the log's own time, do not
        count: a worker that was behind gets many at once."""
        if self.rate and entries:
            self._charge(entries)
        self._forget()

    def _charge(self, entries: Sequence[Entry]) -> None:
        oldest = entries[-1].time - BURST_SECONDS * 1000
        for entry in entries:
            if entry.time >= oldest and entry.kind != "register":
                allowance = self._late.get(entry.user)
                if allowance is None:
                    allowance = self._late[entry.user] = self.of(entry.user)
                allowance.charge(entry.key)

    def _forget(self) -> None:
        now = self._monotonic()
        if now - self._looked >= BURST_SECONDS:
            self._looked = now
            self._late = {user: one for user, one in self._late.items() if not one.is_whole}
