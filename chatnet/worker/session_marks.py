"""How far a user has read, as one session says and asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatnet.errors import NotForGuests, NotJoined, TryLater
from chatnet.marks import UserMark, heard, used
from chatnet.names import is_guest, sides, spelled_for
from chatnet.reads import AccountOf, MarkPage, MarksOf, UnreadOf, UnreadPage
from chatnet.worker.gathered_marks import GATHER_SECONDS
from chatnet.worker.session_reads import SessionReads
from chatnet.worker.whose import Whose, check_whole

if TYPE_CHECKING:
    from chatnet.worker.sessions import Sessions

MANY_MARKS = "What you have read in too many rooms waits to be kept; try again in {seconds} s."


class SessionMarks:
    """The user's marks: see :class:`~chatnet.worker.marks.UsersMarks`. Questions wait until what was marked
    here is kept."""

    __slots__ = ("_reads", "_session", "_shared")

    def __init__(self, session: Whose, shared: Sessions, reads: SessionReads) -> None:
        self._session, self._shared, self._reads = session, shared, reads

    async def mark(self, room: str, seq: int) -> None:
        """The user has read ``room``, one of theirs, up to ``seq``: keep that, within ten seconds.

        :raises NotJoined: the user is not in that room. :raises TryLater: too many marks wait.
        """
        check_whole(self._session)
        if is_guest(self._session.user):
            raise NotForGuests.of()
        user, room = self._session.user, self._reads.fold(room)
        async with self._reads.turn():
            await self._reads.own_followed()
            memberships = self._session.local_user.memberships
            if not (room == user or user in sides(room) or memberships.has(room)):
                raise NotJoined.of(room=room)
            if seq and not self._shared.marks.mark(UserMark(user, room, seq), self._session):
                raise TryLater(MANY_MARKS.format(seconds=round(GATHER_SECONDS)))

    async def page(self, after: str) -> MarkPage:
        """Return the first page of the user's marks in rooms after ``after``."""
        user = self._session.user
        page = await self._reads.settled(lambda head: MarksOf(user, head, self._reads.behind(after)))
        return MarkPage([(spelled_for(room, user), seq) for room, seq in page.marks], page.more)

    async def unread(self, after: str) -> UnreadPage:
        """Return the first page of the user's rooms after ``after``, and how much is unread in each."""
        user = self._session.user
        page = await self._reads.settled(lambda head: UnreadOf(user, head, self._reads.behind(after)))
        rooms = [(spelled_for(room, user), posts, named) for room, posts, named in page.rooms]
        return UnreadPage(rooms, page.more, page.since)

    async def heard(self) -> int | None:
        """Return up to where the session's device has heard everything, as it has said; None if it has said
        nothing since it was let in.

        A device that was revoked and is let in again begins anew; one that shows a new secret does not.
        """
        session, shared, device = self._session, self._shared, self._session.device.device
        # Where thousands come back at once, their marks are kept one after the other: nobody waits for that.
        waiting = shared.marks.waiting(session.user, heard(device))
        found = await self._reads.heard_by(device)
        if waiting:
            found = max(waiting, found or 0)
        if found is None or found >= session.by:
            return found
        queue = self._reads.turn()
        async with queue:
            account = await queue.read(shared.log.read, AccountOf(session.user))
        return found if account is not None and account.secret_seq > found else None

    def hear(self, seq: int) -> bool:
        """The session's device has heard everything up to ``seq``: keep that, within ten seconds. Return
        whether that can be: False if too many marks wait."""
        session = self._session
        return self._shared.marks.mark(UserMark(session.user, heard(session.device.device), seq), session)

    async def kept(self) -> None:
        """Wait until what was marked here is kept. A log that keeps nothing is not waited for: who comes is
        let in."""
        await self._shared.marks.kept(self._session.user)

    def used(self, soon: bool = False) -> None:
        """Until now the device was used; keep that within ten seconds, or ``soon``, within one. If too many
        marks wait, this one is not worth a word."""
        session, head = self._session, self._shared.log.window.head
        self._shared.marks.mark(UserMark(session.user, used(session.by), head), session)
        if soon:
            self._shared.marks.hasten(session.user)

    def stop(self) -> None:
        """Pass on soon what was marked: the session is over."""
        self._shared.marks.hasten(self._session.user)
