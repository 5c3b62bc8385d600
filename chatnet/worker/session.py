"""One logged-in connection of a user, in any protocol (see :mod:`.peer`): what it hears, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import ChatnetError
from chatnet.names import is_guest, spelled_for
from chatnet.presence import GRACE_SECONDS
from chatnet.reads import Device
from chatnet.store.verifying import verify
from chatnet.telemetry import CatchUpBegun, Left
from chatnet.worker.peer import Peer
from chatnet.worker.router import LocalUser
from chatnet.worker.session_drafts import SessionDrafts
from chatnet.worker.session_marks import SessionMarks
from chatnet.worker.session_reads import SessionReads
from chatnet.worker.session_secret import SessionSecret
from chatnet.worker.sessions import Sessions
from chatnet.worker.subscription import Subscription
from chatnet.worker.whose import hears


@dataclass(frozen=True, slots=True)
class ChatBegun:
    """``posts`` are to be shown first, oldest first; everything after ``cursor`` comes through the peer."""

    posts: list[Entry]
    cursor: Cursor


class Session:
    """What a logged-in user may do, over one connection, which is ``peer``.

    Its parts are the user's commands: ``drafts`` is what the user appends, ``reads`` what the user asks,
    ``marks`` how far they have read, ``secret`` what they show their secret for. A refused command raises a
    :class:`~chatnet.errors.ChatnetError`, at once or through its Deferred. After the session has ended or the
    connection is lost, commands are never answered.

    ``by`` is the seq that began it, and ``device`` what it is on: it may be on several connections. Until
    ``fresh``, in milliseconds since 1970, its user is a newcomer. ``has_password``: as it began, their secret
    was one that they have chosen. Nothing up to the seq ``known`` ends it. ``is_moving``: the client was told
    to go to another worker. ``day`` is when they showed a secret, as their tickets say it
    (:class:`~chatnet.auth.Ticket`), if all processes understand that.
    """

    __slots__ = (
        "_chats",
        "_has_ended",
        "_leaving_by",
        "_left_at",
        "_secret",
        "_shared",
        "_subscription",
        "by",
        "day",
        "device",
        "drafts",
        "has_password",
        "is_moving",
        "known",
        "local_user",
        "marks",
        "peer",
        "reads",
    )

    def __init__(
        self,
        sessions: Sessions,
        local_user: LocalUser,
        device: Device,
        peer: Peer,
        fresh: int = 0,
        has_password: bool = False,
        known: int = 0,
        day: int = 0,
    ) -> None:
        self._shared = sessions
        self.local_user = local_user
        self.device = device
        self.by = device.seq
        self.known = known
        self.day = day
        self.peer = peer
        self.has_password = has_password
        self.is_moving = False
        self._has_ended = False
        self._leaving_by = b""
        self._left_at = 0
        self._chats = 0
        self._subscription: Subscription | None = None
        self._secret: SessionSecret | None = None
        self.drafts = SessionDrafts(self, sessions, fresh)
        self.reads = SessionReads(self, sessions, self.drafts)
        self.marks = SessionMarks(self, sessions, self.reads)
        sessions.open[self] = None
        sessions.users.arrive(local_user.user, self)
        if peer.lingers is not None:
            sessions.presence.came(local_user.user)

    @property
    def user(self) -> str:
        """The user whose session this is."""
        return self.local_user.user

    @property
    def log_id(self) -> str:
        """The id of the log that it uses."""
        return self._shared.log.log_id

    @property
    def head(self) -> int:
        """How far this worker follows the log."""
        return self._shared.log.window.head

    @property
    def now(self) -> int:
        """The time by which the log would judge what is said now, in milliseconds since 1970: that of this
        worker's clock, and never before the newest entry."""
        return max(int(self._shared.wall() * 1000), self._shared.log.window.time)

    def ticket(self) -> bytes:
        """Return a ticket with which the user can resume, until the session has ended or the ticket aged."""
        return self._shared.ticket(self.user, self.by, self.day)

    @property
    def secret(self) -> SessionSecret:
        """What the user shows their secret for; few sessions ever need it."""
        if self._secret is None:
            self._secret = SessionSecret(self, self._shared, self.drafts, self.reads)
        return self._secret

    # ---- what it hears ----

    async def chat(self, start: Cursor | None) -> ChatBegun:
        """Begin to hear posts: from ``start``, or from now on, after the newest 20.

        Nothing is heard before the reactor's next turn: tell the client in this turn where it begins.

        :raises CursorAhead: the log does not have what was read at ``start``. :raises Forgotten: so is the
            user, and the session is over.
        """
        posts: list[Entry] = []
        self._listen_no_more()
        mine = self._chats
        shared, log, turns = self._shared, self._shared.log, self.reads.turn()
        async with turns:
            await self.reads.own_followed()
            if start is None:
                start = log.window.cursor
                posts = await self.reads.newest(start.seq)
            else:
                await turns.read(verify, log, start)
        # A later Chat or Unchat, or the connection's end, overrules this one.
        if mine == self._chats:
            shared.tell(CatchUpBegun(self.user, self.peer.name, start.seq))
            self._subscription = Subscription(
                start.seq, log, shared.router, self.local_user, self.peer, turns, shared.pace
            )
            self._subscription.hold_pages(bool(self._leaving_by))
            if self._left_at:
                self._subscription.end_behind(self._left_at)
            self._subscription.start(shared.clock)
        return ChatBegun(posts, start)

    def unchat(self) -> None:
        """Stop hearing posts, even if a :meth:`chat` is under way."""
        self._listen_no_more()

    def _listen_no_more(self) -> None:
        self._chats += 1
        if self._subscription is not None:
            self._subscription.stop()
            self._subscription = None

    @property
    def cursor(self) -> Cursor | None:
        """All that the client should hear up to here was put. None: it hears nothing, or is far behind."""
        return None if self._subscription is None else self._subscription.cursor

    @property
    def listens(self) -> bool:
        """Whether it hears posts."""
        return self._subscription is not None

    @property
    def reached(self) -> int:
        """All that the client should hear up to this seq was put; 0: it hears nothing."""
        return 0 if self._subscription is None else self._subscription.reached

    def change_channel(self, change: Callable[[], None]) -> None:
        """Call ``change``, which gives the peer another channel: each entry is heard once, through the one or
        the other."""
        if self._subscription is None:
            change()
        else:
            self._subscription.change(change)

    # ---- the connection ----

    def filled(self) -> None:
        """The peer is now full."""
        if self._subscription is not None:
            self._subscription.full()

    def drained(self) -> None:
        """The peer has room again."""
        if self._subscription is not None:
            self._subscription.drained()
        if self in self._shared.uninformed:
            self._shared.uninformed.remove(self)
            self.stay_changed("", 0, False)
        self.reads.go_on()

    def rewound(self, to: Cursor) -> None:
        """The log was put back: if the client hears posts, tell it, and stop that here."""
        if self._subscription is not None:
            self._listen_no_more()
            self.peer.rewound(to)

    def lost(self, why: str) -> None:
        """The connection is gone; ``why`` is a phrase for the log, without a full stop."""
        if self._has_ended:
            why = "its session was ended"
        else:
            if not is_guest(self.user):
                self.marks.used()
        self._shared.tell(Left(self.user, self.peer.name, why))
        self._stop()
        self.marks.stop()
        self._shared.router.depart(self.local_user)
        self._shared.users.depart(self.user, self)
        if self.peer.lingers is not None:
            self._shared.presence.gone(self.user, GRACE_SECONDS if self.is_moving else self.peer.lingers)
        self._shared.uninformed.discard(self)
        del self._shared.open[self]

    def _stop(self) -> None:
        """Stop everything that runs for this session."""
        self._listen_no_more()
        self.drafts.stop()
        self.reads.stop()
        if self._secret is not None:
            self._secret.stop()

    # ---- what other sessions of the user do: see UsersSession ----

    def is_setting(self, key: bytes) -> bool:
        return self._secret is not None and self._secret.is_setting(key)

    def leaving(self, key: bytes) -> None:
        """The draft of this key is to make its guest somebody else; empty: it did not."""
        self._leaving_by = key
        if self._subscription is not None:
            self._subscription.hold_pages(bool(key))

    def is_leaving_by(self, key: bytes) -> bool:
        return bool(key) and key == self._leaving_by

    def leaves(self, seq: int) -> None:
        self._left_at = seq
        if self._subscription is not None:
            self._subscription.end_behind(seq)
        self._shared.router.part(self.local_user)

    def goes_by(self, seq: int) -> None:
        self.by = max(self.by, seq)
        self.device = msgspec.structs.replace(self.device, seq=self.by)
        self.drafts.goes_by(self.by)

    def marked(self, room: str, seq: int) -> None:
        # It is a hint, and must not wait in our memory.
        if hears(self) and not self._has_ended and not self.peer.full:
            self.peer.marked(spelled_for(room, self.user), seq)

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        # Who does not hear posts asks where they are before they do.
        if self._subscription is None or self._has_ended:
            return
        if self.peer.full:  # nothing may wait in our memory
            self._shared.uninformed.add(self)
        else:
            self.peer.stay_changed(room, seq, joined)

    def end(self, why: ChatnetError) -> None:
        # What comes behind its guest's last entry is about somebody else of that name.
        if not (self._has_ended or self._left_at):
            self._has_ended = True
            self._stop()
            self.peer.ended(why.code.decode("ascii"), str(why))
            self.peer.hang_up()
