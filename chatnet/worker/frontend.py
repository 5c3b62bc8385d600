"""What a worker has once it knows its log: the router, the sessions, and the entrance for clients."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from chatnet.aging import MARKED
from chatnet.auth import Token
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.marks import UserMark
from chatnet.net.link import Link
from chatnet.net.timer import Timer
from chatnet.telemetry import Tell
from chatnet.wire.cluster import Load
from chatnet.worker.entrance import Entrance
from chatnet.worker.handoff import Handoff
from chatnet.worker.hashing import Hashing
from chatnet.worker.imprints import SharedImprints
from chatnet.worker.logins import Logins
from chatnet.worker.new_names import NewNames
from chatnet.worker.presence import Presence
from chatnet.worker.router import Router
from chatnet.worker.secrets import Secrets
from chatnet.worker.sessions import Sessions
from chatnet.worker.stores import Store
from chatnet.worker.typists import Typists
from chatnet.world import Clocks

_KEY_BYTES = 32


@dataclass(frozen=True)
class Quotas:
    """How much the users of a cluster may do; 0 means no limit.

    A user may append ``rate`` drafts a second in the long run; in all, ``names`` new names may be registered
    in ten minutes.
    """

    rate: int = 0
    names: int = 0


class Frontend:
    """Serves clients from the log of ``store``: they come in through the ``entrance``.

    ``tell`` hears what sessions do.
    """

    def __init__(
        self,
        store: Store,
        hashing: Hashing,
        token: Token,
        allowed: Quotas,
        clocks: Clocks,
        entropy: Callable[[int], bytes],
        tell: Tell,
    ) -> None:
        self.store = store
        monotonic = clocks.monotonic
        self._router = Router(tell)
        key = token.derive("imprints of passwords", _KEY_BYTES)
        secrets = Secrets(hashing, store.log.window.limits.password_cost, clocks.reactor, monotonic, key)
        self._sessions = Sessions(
            store.log, self._router, secrets, token, allowed.rate, clocks, tell, store.pass_on
        )
        new_names = NewNames(allowed.names)
        logins = Logins(store.log, self._sessions.logins, secrets, new_names, entropy, monotonic)
        self.entrance = Entrance(self._sessions, logins, token)
        self._handoff = Handoff(self._sessions, clocks.reactor)
        self._hours = Timer(clocks.reactor, MARKED, self._sessions.mark_used, "Cannot mark who is there")
        self._hours.start()

        def follow(entries: list[Entry]) -> None:
            self._sessions.apply(entries)
            self._router.forget(store.log.window.start - 1)
            new_names.apply(monotonic(), entries)
            logins.admission.apply(entries)

        # What the window already holds counts too; no session exists yet that could hear it, or end.
        held = store.log.window.after(store.log.window.start - 1)
        self._router.forget(store.log.window.start - 1)
        self._sessions.rates.apply(held)
        new_names.apply(monotonic(), held)
        store.log.window.watch(follow)

    @property
    def presence(self) -> Presence:
        """Who is here, as the primary is told of it."""
        return self._sessions.presence

    @property
    def imprints(self) -> SharedImprints:
        """Which passwords were right, as the primary is told of it."""
        return self._sessions.secrets.imprints

    @property
    def typists(self) -> Typists:
        """Who is typing, as the primary is told it, and tells."""
        return self._sessions.typists

    def attached(self, link: Link, lanes: Collection[str], is_front: bool) -> None:
        """A primary has registered the process, and wants to be told what is in these ``lanes``."""
        if "presence" in lanes:
            self.presence.attached(link)
        if "imprints" in lanes:
            self.imprints.attached(link, wants=is_front)
        if "typists" in lanes:
            self.typists.attached(link)

    def detached(self) -> None:
        """The link to the primary is lost."""
        self.presence.detached()
        self.imprints.detached()
        self.typists.detached()

    @property
    def is_ready(self) -> bool:
        """Whether it has followed the log to its head once."""
        return self.store.log.is_ready

    @property
    def is_open(self) -> bool:
        """Whether clients can be let in, and served at once."""
        return self.is_ready and not self.store.is_away

    def load(self, full: bool) -> Load:
        """Return the present load; ``full``: there is no room for more sessions."""
        peers = [session.peer for session in self._sessions.open if not session.peer.passing]
        return Load(
            sessions=len(peers),
            posts=self._sessions.posts,
            deliveries=self._router.deliveries,
            cursor=self.store.log.window.head,
            poison=self._sessions.poison,
            moving=self._handoff.moving,
            opening=not self.is_open,
            full=full,
            shared=sum(peer.shared for peer in peers),
            shared_moving=self._handoff.shared_moving,
        )

    def shed(self, count: int, shared: bool, soon: bool) -> None:
        """Move ``count`` sessions, that came by a shared port or not, to other workers; ``soon``: without
        waiting for answers."""
        self._handoff.shed(count, shared, soon)

    def stay(self) -> None:
        """Move no more sessions than were told already."""
        for shared in (False, True):
            self._handoff.shed(0, shared)

    @property
    def sent_elsewhere(self) -> Collection[str]:
        """The users who should come to another worker if they come by a shared port: they are sent there."""
        return self._handoff.sent_elsewhere

    def send_on(self) -> bool:
        """Tell all sessions at once to move to other workers; return False if there are none."""
        for session in self._sessions.open:
            session.peer.moved()
        return bool(self._sessions.open)

    def rewound(self, to: Cursor) -> None:
        """The log was put back: tell all sessions that hear posts, and stop their hearing."""
        self._tell_no_more()
        self._sessions.marks.rewound(to.seq)
        for session in self._sessions.open:
            session.rewound(to)

    def marks_told(self, marks: Sequence[UserMark]) -> None:
        """Tell the sessions of users who have set ``marks`` on other workers."""
        self._sessions.marks.told(marks)

    async def flush_marks(self) -> None:
        """Have the log keep all marks now, and wait for it."""
        await self._sessions.marks.flush()

    def stop(self) -> None:
        """Stop moving sessions, passing marks on, and telling the primary what is not on the log."""
        self._hours.stop()
        self._handoff.stop()
        self._tell_no_more()
        self._sessions.marks.stop()

    def _tell_no_more(self) -> None:
        self.presence.stop()
        self.detached()
