"""What a user asks through one session, of the log and of their own rooms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from twisted.internet.defer import Deferred

from chatnet.entries import Entry
from chatnet.errors import Forgotten, NoSuchPost, NoSuchUser, NotInScope
from chatnet.names import MAX_TOPIC, fold_for, fold_name, fold_prefix, fold_user, is_room, spelled_for, where
from chatnet.policies import in_force
from chatnet.reads import (
    MOST_LED,
    AccountOf,
    BanPage,
    BansOf,
    DevicesOf,
    Faces,
    Feed,
    FeedPage,
    FirstIn,
    HeardBy,
    History,
    HistoryAfter,
    InvitationPage,
    InvitationsOf,
    LedBy,
    MemberPage,
    Members,
    Newest,
    Person,
    PersonOf,
    PoliciesIn,
    PolicyValue,
    Question,
    ReportedPost,
    RoomFacts,
    RoomOf,
    Rooms,
    SeqBefore,
    ShownFace,
    SpeakerIn,
    Talk,
    TalkPage,
    Talks,
    UsedDevice,
)
from chatnet.worker.reads import ReadQueue
from chatnet.worker.session_drafts import SessionDrafts
from chatnet.worker.whose import Whose, hears

if TYPE_CHECKING:
    from chatnet.worker.sessions import Sessions

LISTED = 200
"""How many of their own rooms a user is told of in one answer."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ListedRooms:
    """Rooms in order. ``joined`` are those that the user is in; ``more``: further rooms follow."""

    names: list[str]
    joined: list[str]
    more: bool


class SessionReads:
    """The reads of one session, one at a time: see :mod:`.reads`.

    Each answer is as of the window's head, once that has everything that the client was told is durable.
    """

    __slots__ = ("_drafts", "_queue", "_session", "_shared")

    def __init__(self, session: Whose, shared: Sessions, drafts: SessionDrafts) -> None:
        self._session, self._shared, self._drafts = session, shared, drafts
        self._queue: ReadQueue | None = None

    # ---- rooms ----

    async def rooms(self, prefix: str, after: str) -> ListedRooms:
        """Return a page of the rooms that begin with ``prefix`` and come after ``after``."""
        found = await self._read(lambda _: Rooms(_beginning(fold_prefix(prefix)), _beginning(after)))
        memberships = self._session.local_user.memberships
        return ListedRooms(found.names, [room for room in found.names if memberships.has(room)], found.more)

    async def own_rooms(self, prefix: str, after: str) -> ListedRooms:
        """Return a page of the rooms that the user is in, private ones too; see :meth:`rooms`."""
        async with self.turn():
            await self.own_followed()
            prefix = _beginning(fold_prefix(prefix))
            names = [room for room in self._session.local_user.memberships.rooms() if is_room(room)]
        found = sorted(room for room in names if room.startswith(prefix) and room > after)
        return ListedRooms(found[:LISTED], found[:LISTED], len(found) > LISTED)

    async def conversations(self, after: str) -> TalkPage:
        """Return a page of the user's conversations that come after ``after``, as the user spells them."""
        user, after = self._session.user, self.fold(after) if after else ""
        page = await self._read(lambda head: Talks(user, head, after))
        return TalkPage([Talk(spelled_for(talk.room, user), talk.newest) for talk in page.talks], page.more)

    async def facts_of(self, room: str, counts: bool = False) -> RoomFacts:
        """Return what ``room`` is like; how many are in it only if it ``counts`` them."""
        room = self.fold(room)
        return await self._read(lambda head: RoomOf(room, self._session.user, head, counts))

    async def bans(self, room: str, after: str) -> BanPage:
        """Return a page of those who are banned from ``room`` and come after ``after``: for its moderators,
        which the caller has looked at."""
        room = self.fold(room)
        return await self._read(lambda head: BansOf(room, self._session.user, head, _beginning(after)))

    async def policies(self, room: str | None) -> list[PolicyValue]:
        """Return the policies of ``room``, or for None of the cluster, each with its value."""
        user, asked = self._session.user, "" if room is None else self.fold(room)
        found = await self._read(lambda head: PoliciesIn(asked, user, head))
        return in_force(where(asked, user), found)

    # ---- posts ----

    async def history(self, room: str, before: int | None, events: bool = False) -> list[Entry]:
        """Return a page of posts of ``room`` before the seq ``before`` (or the newest), oldest first; with
        ``events``, of what else is heard there, and of who came and went, too."""
        room = self.fold(room)
        return await self._read(lambda head: History(room, before, self._session.user, head, events))

    async def history_after(self, room: str, after: int, events: bool = False) -> list[Entry]:
        """Return a page of posts of ``room`` after the seq ``after``, oldest first; with ``events`` as in
        :meth:`history`."""
        room = self.fold(room)
        return await self._read(lambda head: HistoryAfter(room, after, self._session.user, head, events))

    async def seq_before(self, time: int) -> int:
        """Return the seq of the last entry before ``time``, in ms since 1970; 0 if there is none."""
        return await self._read(lambda head: SeqBefore(time, head))

    async def earlier(self, before: int | None) -> list[Entry]:
        """Return the newest posts before ``before`` of all that a chat begins with, oldest first."""
        async with self.turn():
            await self.own_followed()
            return await self.newest(self._shared.log.window.head, before)

    async def newest(self, upto: int, before: int | None = None) -> list[Entry]:
        """Return the same as of ``upto``, in a :meth:`turn` that the caller has.

        :raises Forgotten: the log does not know any more what the user heard; this session has just ended.
        """
        queue, log, user = self.turn(), self._shared.log, self._session.user
        found = await queue.read(log.read, Newest(user, upto, before))
        if not found:  # as of a newcomer, or as of nobody
            account = await queue.read(log.read, AccountOf(user))
            if account is not None and account.is_forgotten:
                await self._followed(account.secret_seq)
                raise Forgotten.of(name=user)
        return found

    async def feed(self, after: int, upto: int) -> FeedPage:
        """Return the first page of what the user sees after the seq ``after``, up to ``upto``."""
        return await self._read(lambda _: Feed(self._session.user, after, upto))

    async def heard_by(self, device: str) -> int | None:
        """Return up to where a device of the user has heard everything, as the log has kept that."""
        return await self._read(lambda _: HeardBy(self._session.user, device))

    async def reported(self, seq: int) -> Entry:
        """Return the post that the report ``seq`` is about.

        :raises NoSuchPost: there is none for this user, or it was taken back.
        """
        found = await self._read(lambda head: ReportedPost(seq, self._session.user, head))
        for post in found:
            if post.text:  # it may have been taken back while it was read
                return post
        raise NoSuchPost.of()

    # ---- people ----

    async def members(self, room: str, after: str) -> MemberPage:
        """Return a page of the members of ``room`` that come after ``after``."""
        room = self.fold(room)
        return await self._read(lambda head: Members(room, self._session.user, head, _beginning(after)))

    async def who_is(self, name: str) -> Person:
        """Return what the user may know of another.

        :raises BadName: that is no name. :raises NoSuchUser: it is nobody's.
        """
        about = fold_user(name)
        found = await self._read(lambda head: PersonOf(self._session.user, about, head))
        if found is None:
            raise NoSuchUser.of(name=about)
        return found

    async def may_speak(self) -> bool:
        """Return whether others may be told something in the user's words: not while they are muted in the
        whole cluster, nor if very many block them."""
        user = self._session.user
        return await self._read(lambda head: SpeakerIn(user, user, head)) is not None

    async def first_in(self, topic: str) -> str:
        """Return who has been in a topic for longest, while it has no owner; empty: nobody."""
        return await self._read(lambda head: FirstIn(topic, head))

    async def shown(self, after: str) -> list[ShownFace]:
        """Return the first page of how users are shown on IRC after ``after``, as the log has it by now."""
        return await self._read(lambda _: Faces(_beginning(after)))

    async def led_by(self, name: str, rooms: Sequence[str]) -> list[str]:
        """Return those of some rooms of a user, which both are in, that they moderate, or own, or are the
        first in."""
        about = fold_name(name)
        led: list[str] = []
        for at in range(0, len(rooms), MOST_LED):
            some = list(rooms[at : at + MOST_LED])
            of_some: list[str] = await self._read(partial(LedBy, about, some))
            led += of_some
        return led

    async def invitations(self, after: str) -> InvitationPage:
        """Return the first page of the user's open invitations to rooms after ``after``."""
        return await self._read(lambda head: InvitationsOf(self._session.user, head, _beginning(after)))

    async def devices(self) -> list[UsedDevice]:
        """Return the user's devices, by the seqs of their sessions."""
        return await self.settled(lambda _: DevicesOf(self._session.user))

    # ---- how all of them are asked ----

    def turn(self) -> ReadQueue:
        """Return the queue in which the session's reads wait for their turns.

        :raises NotInScope: it reads nothing.
        """
        if self._queue is None:
            session, shared = self._session, self._shared
            if not hears(session):
                raise NotInScope.of()
            self._queue = ReadQueue(session.peer, shared.reads, session.user)
        return self._queue

    async def settled(self, question: Callable[[int], Question[T]]) -> T:
        """Return the log's answer, as :meth:`_read`, once it has also kept what the user has marked here, or
        cannot do that now."""
        queue = self.turn()
        async with queue:
            await self.own_followed()
            await self._shared.marks.settle(self._session.user)
            return await queue.read(self._shared.log.read, question(self._shared.log.window.head))

    async def own_followed(self) -> None:
        """Wait until this worker has followed the log to everything that the client was told is durable."""
        await self._followed(self._drafts.newest)

    async def _followed(self, goal: int) -> None:
        """Wait until this worker has followed the log to ``goal``."""
        window = self._shared.log.window
        if window.head < goal:
            reached: Deferred[None] = Deferred()

            def grown(entries: object) -> None:
                if window.head >= goal:
                    window.unwatch(grown)
                    reached.callback(None)

            window.watch(grown)
            await reached

    def fold(self, room: str) -> str:
        """Return the room that the user spells so."""
        return fold_for(room, self._session.user)

    def behind(self, room: str) -> str:
        """Return the room, as the log spells it, behind which a page begins."""
        return self.fold(room) if room.startswith("@") else _beginning(room)

    def go_on(self) -> None:
        """The peer has room again."""
        if self._queue is not None:
            self._queue.go_on()

    def stop(self) -> None:
        """Ask nothing more: the session is over."""
        if self._queue is not None:
            self._queue.stop()

    async def _read(self, question: Callable[[int], Question[T]]) -> T:
        """Return the log's answer, in the session's turn: to the question as of the window's head."""
        queue = self.turn()
        async with queue:
            await self.own_followed()
            return await queue.read(self._shared.log.read, question(self._shared.log.window.head))


def _beginning(text: str) -> str:
    """Return the part of ``text`` that can matter: no room has a longer name.

    The rest must not go to the primary: two values that just fit into a client's box would not fit into ours,
    and the primary would close the link at each attempt.
    """
    return text[: MAX_TOPIC + 2]
