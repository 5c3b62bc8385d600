"""A session that hears posts: it catches up with the log first, then the router serves it live."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.cursor import Cursor
from chatnet.entries import Entry, visible
from chatnet.errors import UNREAD
from chatnet.kinds import EVENTS, SAID
from chatnet.lanes import Pace, Visitor
from chatnet.log import Log
from chatnet.reads import Feed
from chatnet.stays import CHANGES, Memberships
from chatnet.store.reader import Reader
from chatnet.telemetry import FeedRead, WentLive
from chatnet.worker.peer import Peer
from chatnet.worker.reads import ReadQueue
from chatnet.worker.router import LocalUser, Router

A_TURN = 1000
"""How many entries the sessions of a worker get together in one turn of the reactor before the others must
wait for the next turn; these take 1 to 5 ms."""
LIVE_COST, STAYS_COST = 10, 0.5
"""The cost of going live, in entries: this many, and this many for each room."""


def _sees_stay(entry: Entry, user: str, memberships: Memberships) -> bool:
    """Return whether ``user`` sees a join or leave: their own, and those in rooms that they are in. What else
    changes stays is an event, and has places of its own: of a ban, its moderators' alone."""
    if entry.kind not in CHANGES or entry.kind in EVENTS:
        return False
    return user in (entry.user, entry.room) or memberships.covers(entry.room, entry.seq)


class Subscription:
    """Delivers every visible post after a cursor, each once, in order, until stopped.

    While the client does not read, nothing is queued: what it missed is read from the log later.
    """

    __slots__ = (
        *("_last", "_local_user", "_log", "_pace", "_peer", "_reader", "_reads", "_router", "_waits"),
        "_holds_pages",
    )

    _logger = Logger()

    def __init__(
        self,
        cursor: int,
        log: Log,
        router: Router,
        local_user: LocalUser,
        peer: Peer,
        turns: ReadQueue,
        pace: Pace,
    ) -> None:
        self._log = log
        self._router = router
        self._local_user = local_user
        self._peer = peer
        self._reads = turns
        self._pace = pace
        self._waits: Visitor | None = None
        self._last: int | None = None
        self._holds_pages = False
        self._reader = Reader(cursor, log.window, self, log.window.limits.near)
        if peer.full:
            self._reader.full()

    @property
    def reached(self) -> int:
        """Everything visible up to this seq was put."""
        return self._reader.cursor if self._last is None else min(self._last, self._reader.cursor)

    @property
    def cursor(self) -> Cursor | None:
        """The same as a cursor; None if the window does not reach back that far."""
        return self._log.window.at(self.reached)

    def start(self, clock: IReactorTime) -> None:
        """Begin in the reactor's next turn: the answer that says where it begins goes first."""
        clock.callLater(0, self._reader.start)

    def full(self) -> None:
        """The peer is full."""
        self._reader.full()

    def drained(self) -> None:
        """The peer has room again."""
        self._reader.drained()

    def hold_pages(self, holds: bool) -> None:
        """Read no page of the log while its name may be somebody else's by now, or nobody's; what the window
        holds is theirs up to where it says so."""
        self._holds_pages = holds
        if not holds and not self._peer.full:
            self._reader.drained()

    def end_behind(self, last: int) -> None:
        """Deliver nothing behind the seq ``last``, which the window has just reached."""
        self._last = last
        if self._reader.cursor >= last:
            self._reader.stop()
        elif not self._peer.full:
            self._reader.drained()

    def stop(self) -> None:
        """Deliver nothing from now on."""
        self._reader.stop()
        if self._waits is not None:
            self._waits.leave()

    def change(self, change: Callable[[], None]) -> None:
        """Call ``change``, which gives the peer another channel."""
        was_live = self._reader.live
        if was_live:
            self.leave_live()
        change()
        if was_live:
            self._router.go_live(self._local_user, self._peer)

    # ---- the reader's sink ----

    async def read(self, after: int, upto: int) -> tuple[list[Entry], int]:
        async with self._reads:
            if not self._reader.is_behind:  # no longer needed
                return [], upto
            if self._holds_pages:
                self._wait_for_window()
                return [], upto
            feed, in_window = Feed(self._local_user.user, after, upto), self._log.window.holds(after)
            page = await self._reads.read(self._log.read, feed)
            if self._holds_pages:
                self._wait_for_window()
                return [], upto
            if page.cursor == after:
                # Their user is forgotten: the window will say so, and end the session. Meanwhile nobody can
                # say what they should have heard before that.
                self._reader.stop()
            self._router.tell(FeedRead(feed.user, self._peer.name, after, page.cursor, upto, in_window))
            return page.posts, page.cursor

    async def turn(self) -> None:
        is_stale = True
        while is_stale:
            await self._log.window.fresh()
            if self._waits is None:  # else it waits already, for what is not wanted now
                self._waits = Visitor(self._local_user.user)
            await self._pace.wait(self._waits)
            self._waits = None
            is_stale = self._log.window.is_stale()  # it may be by now: turns may take long

    def _wait_for_window(self) -> None:
        """Go on once it is known whose the name is; if it is no longer theirs, nobody knows what they have
        missed."""
        self._reader.full()
        if self._last is not None:
            self._peer.abort()

    def take(self, entries: list[Entry]) -> None:
        self._pace.spend(len(entries))
        last = self._last
        if last is not None and entries[-1].seq >= last:
            self._reader.stop()
            entries = [entry for entry in entries if entry.seq <= last]
        shows = self._peer.channel.shows
        posts = [
            entry
            for entry in entries
            if (entry.kind in SAID or entry.kind in EVENTS or entry.kind in CHANGES)
            and shows(entry.kind)
            and self._may_see(entry)
        ]
        if posts or self.reached == last:
            self._router.deliveries += len(posts)
            # If the peer is full now, the reader stops here.
            self._peer.put(posts)

    def _may_see(self, post: Entry) -> bool:
        # Only a page of the log reaches back this far, and the log has filtered it; memberships do not.
        user, memberships = self._local_user.user, self._local_user.memberships
        return (
            post.seq <= self._local_user.since
            or visible(post, user, memberships)
            or _sees_stay(post, user, memberships)
        )

    def go_live(self) -> None:
        self._pace.spend(LIVE_COST + int(STAYS_COST * self._local_user.memberships.room_count))
        head = self._log.window.head
        self._router.tell(WentLive(self._local_user.user, self._peer.name, head))
        self._router.go_live(self._local_user, self._peer)

    def leave_live(self) -> None:
        self._router.leave_live(self._local_user, self._peer)

    def failed(self, failure: Failure) -> None:
        if failure.check(*UNREAD):
            why = failure.value
            self._logger.warn("Catching up for {user} waits: {why}", user=self._local_user.user, why=why)
        else:
            self._logger.failure(
                "Catching up for {user} failed; closing", failure, user=self._local_user.user
            )
        self._peer.abort()
