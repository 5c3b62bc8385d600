"""What a user appends through one session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from chatnet.entries import Draft, More
from chatnet.errors import BadText, ChatnetError, NotInScope, Poison, SecretChanged, SessionEnded, WrongSecret
from chatnet.form import HISTORIES, check_form, check_said_in, check_text
from chatnet.kinds import SAID, KindName
from chatnet.log import Refused
from chatnet.marks import UserMark
from chatnet.names import fold_for, is_guest
from chatnet.store.refusals import OF_A_SESSION
from chatnet.worker.drafts import NO_ONES, DraftStream, shows_secret
from chatnet.worker.logins import refusal
from chatnet.worker.whose import Whose

if TYPE_CHECKING:
    from chatnet.worker.sessions import Sessions

NOT_YOUR_OLD_ONE = "That is not your present secret; it was not changed."
NOT_YOUR_SECRET = "That is not your present secret; nothing was done."


@dataclass(frozen=True, slots=True)
class StayChanged:
    """A join or leave is durable as the entry ``seq``. ``room`` is the name as the cluster spells it."""

    seq: int
    room: str


class SessionDrafts:
    """The drafts of one session, in one ordered stream: see :mod:`.drafts`.

    What the log refuses fails with its :class:`~chatnet.errors.ChatnetError`. ``newest`` is the newest entry
    that the client was told to be durable. Until ``fresh``, in milliseconds since 1970, the user is a
    newcomer.
    """

    __slots__ = ("_fresh", "_session", "_shared", "_stream", "_user", "newest")

    def __init__(self, session: Whose, shared: Sessions, fresh: int) -> None:
        self._session, self._shared, self._fresh = session, shared, fresh
        self._user = session.user
        self._stream: DraftStream | None = None  # few sessions ever need one
        self.newest = 0
        if (registered := session.local_user.memberships.registered) > shared.log.window.head:
            # Nothing is heard before this worker has passed it: older mentions mean another owner of the
            # name.
            self.newest = registered

    def post(
        self, key: bytes, text: str, room: str | None = None, more: More | None = None, meant: int = 0
    ) -> Deferred[int]:
        """Post ``text`` in ``room``, or in the user's own room; fires with its seq. ``meant``: see
        :class:`~chatnet.entries.Draft`."""
        user = self._user
        where = user if room is None else check_said_in(fold_for(room, user), user)
        draft = Draft("post", user, where, check_text(text), key, self._session.by, more, meant)
        return (self._stream or self._begin()).send(draft)

    def join(self, key: bytes, room: str) -> Deferred[StayChanged]:
        """Follow ``room``; fires once it is durable."""
        return self._move("join", room, "", key)

    def leave(self, key: bytes, room: str, why: str = "") -> Deferred[StayChanged]:
        """Stop following ``room``, with a word on why; fires once it is durable."""
        return self._move("leave", room, why, key)

    def create(self, key: bytes, room: str, history: str) -> Deferred[StayChanged]:
        """Make a private room; fires once it is durable."""
        if history not in HISTORIES:
            raise BadText.of(why="Newcomers may read what was said from when they “joined”, or “all” of it.")
        return self._move("create", room, history, key)

    def order(
        self,
        key: bytes,
        kind: KindName,
        room: str | None,
        text: str = "",
        more: More | None = None,
        meant: int = 0,
    ) -> Deferred[int]:
        """Append what is neither a post nor a stay of one's own; fires with its seq once it is durable.

        ``room`` is as the user spells it; empty is the cluster, and None their own room.
        """
        where = self._user if room is None else room and fold_for(room, self._user)
        return self._send(self.draft(kind, where, text, key, more, meant))

    def draft(
        self, kind: KindName, room: str, text: str, key: bytes, more: More | None = None, meant: int = 0
    ) -> Draft:
        """Return a draft of this session."""
        return Draft(kind, self._user, room, text, key, self._session.by, more, meant)

    def send_when_made(self, making: Deferred[Draft]) -> Deferred[int]:
        """Keep a place among them for a draft that is being made: see :meth:`.DraftStream.send_when_made`."""
        return (self._stream or self._begin()).send_when_made(making)

    def goes_by(self, seq: int) -> None:
        """From now on drafts come from the session that the entry at ``seq`` began."""
        if self._stream is not None:
            self._stream.by = seq

    def stop(self) -> None:
        """Append nothing that was not passed to the log yet: the session is over."""
        if self._stream is not None:
            self._stream.stop()

    def _move(self, kind: KindName, room: str, text: str, key: bytes) -> Deferred[StayChanged]:
        where = fold_for(room, self._user)
        return self._send(self.draft(kind, where, text, key)).addCallback(StayChanged, where)

    def _send(self, draft: Draft) -> Deferred[int]:
        check_form(draft)
        return (self._stream or self._begin()).send(draft)

    def _begin(self) -> DraftStream:
        session, shared = self._session, self._shared
        if session.device.scope == "read":
            raise NotInScope.of()
        allowance = shared.rates.of(self._user)
        if (newcomer_for := self._fresh / 1000 - shared.wall()) > 0:
            allowance.slow_down(newcomer_for)
        self._stream = DraftStream(shared.drafts, self, session.peer, allowance, session.by)
        return self._stream

    # ---- what the stream says: see Drafter ----

    def taken(self, draft: Draft, seq: int) -> None:
        if seq > self.newest:
            self.newest = seq
        if draft.kind in SAID:
            self._shared.posts += 1
            # Who posts in a room has read it, and in one's own nothing is ever unread. If too many marks
            # wait, this one is not worth a word.
            if draft.room != self._user and not is_guest(self._user):
                self._shared.marks.mark(UserMark(self._user, draft.room, seq), self._session)

    def refused(self, draft: Draft, no: Refused) -> ChatnetError | None:
        is_wrong = no.code == SecretChanged.code or (no.code == SessionEnded.code and draft.by == NO_ONES)
        if is_wrong and shows_secret(draft):
            return WrongSecret(NOT_YOUR_OLD_ONE if draft.kind == "secret" else NOT_YOUR_SECRET)
        if (error := _ENDS.get(no.code)) is not None:
            # The log says that the session has ended; the window will show why soon. This draft is neither
            # done nor refused: a client that may log in again may send it again.
            self._session.end(error.of(name=self._user))
            return None
        if no.code == Poison.code:
            self._shared.poison += 1
        return refusal(no)


_ENDS = {error.code: error for error in OF_A_SESSION}
"""The refusals that end a session."""
