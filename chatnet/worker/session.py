"""One logged-in connection of a user: its commands, and what it hears, in any protocol (see :mod:`.peer`)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from twisted.internet.defer import Deferred, DeferredLock

from chatnet.credentials import normalized
from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More
from chatnet.errors import (
    BadText,
    ChatnetError,
    Forgotten,
    NoSuchPost,
    NoSuchUser,
    NotInScope,
    NotJoined,
    Poison,
    SecretChanged,
    TryLater,
    WrongSecret,
)
from chatnet.form import HISTORIES, check_form, check_said_in, check_text
from chatnet.kinds import KindName
from chatnet.log import Outcome, Refused
from chatnet.marks import UserMark, used
from chatnet.names import MAX_TOPIC, fold_for, fold_name, fold_prefix, is_room, sides, spelled_for, where
from chatnet.policies import in_force
from chatnet.reads import (
    Account,
    AccountOf,
    Device,
    DevicesOf,
    History,
    InvitationPage,
    InvitationsOf,
    MarkPage,
    MarksOf,
    MemberPage,
    Members,
    Newest,
    Person,
    PersonOf,
    PoliciesIn,
    PolicyValue,
    Question,
    ReportedPost,
    Rooms,
    Talk,
    TalkPage,
    Talks,
    UnreadOf,
    UnreadPage,
    UsedDevice,
)
from chatnet.store.refusals import OF_A_SESSION
from chatnet.store.verifying import verify
from chatnet.telemetry import CatchUpBegun, Left
from chatnet.worker.drafts import DraftStream
from chatnet.worker.gathered_marks import GATHER_SECONDS
from chatnet.worker.hashing import Claimant
from chatnet.worker.logins import refusal
from chatnet.worker.peer import Peer
from chatnet.worker.reads import ReadQueue
from chatnet.worker.router import LocalUser
from chatnet.worker.sessions import Sessions
from chatnet.worker.subscription import Subscription

NOT_YOUR_OLD_ONE = "That is not your present secret; it was not changed."
NOT_YOUR_SECRET = "That is not your present secret; nothing was done."
MANY_MARKS = "What you have read in too many rooms waits to be kept; try again in {seconds} s."

LISTED = 200
"""How many of their own rooms a user is told of in one answer."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StayChanged:
    """A join or leave is durable as the entry ``seq``. ``room`` is the name as the cluster spells it."""

    seq: int
    room: str


@dataclass(frozen=True, slots=True)
class SecretSet:
    """A new secret is durable as the entry ``seq``, which began a new session on this device; the client that
    set it can resume with the ``ticket``."""

    seq: int
    ticket: bytes


@dataclass(frozen=True, slots=True)
class ListedRooms:
    """Rooms in order. ``joined`` are those that the user is in; ``more``: further rooms follow."""

    names: list[str]
    joined: list[str]
    more: bool


@dataclass(frozen=True, slots=True)
class ChatBegun:
    """``posts`` are to be shown first, oldest first; everything after ``cursor`` comes through the peer."""

    posts: list[Entry]
    cursor: Cursor


class Session:
    """What a logged-in user may do, over one connection, which is ``peer``.

    A refused command raises a :class:`~chatnet.errors.ChatnetError`, at once or through its Deferred. After
    the session has ended or the connection is lost, commands are never answered. ``by`` is the seq that began
    it, and ``device`` what it is on: it may be on several connections. Until ``fresh``, in milliseconds since
    1970, its user is a newcomer.
    """

    __slots__ = (
        "_chats",
        "_claimant",
        "_drafts",
        "_fresh",
        "_has_ended",
        "_local_user",
        "_newest_own",
        "_one_secret",
        "_reads",
        "_sessions",
        "_setting",
        "_subscription",
        "by",
        "device",
        "peer",
    )

    def __init__(
        self, sessions: Sessions, local_user: LocalUser, device: Device, peer: Peer, fresh: int = 0
    ) -> None:
        self._sessions = sessions
        self._local_user = local_user
        self.device = device
        self.by = device.seq
        self._fresh = fresh
        self.peer = peer
        # Few sessions ever need all of these: each is made when it is first needed.
        self._drafts: DraftStream | None = None
        self._reads: ReadQueue | None = None
        self._subscription: Subscription | None = None
        self._claimant: Claimant | None = None
        self._one_secret: DeferredLock | None = None
        self._setting: tuple[bytes, ...] = ()
        self._has_ended = False
        self._chats = self._newest_own = 0
        if local_user.memberships.registered > sessions.log.window.head:
            # Nothing is heard before this worker has passed it: older mentions mean another owner of the
            # name.
            self._newest_own = local_user.memberships.registered
        sessions.open[self] = None
        sessions.users.arrive(local_user.user, self)

    @property
    def user(self) -> str:
        """The user whose session this is."""
        return self._local_user.user

    @property
    def log_id(self) -> str:
        """The id of the log that it uses."""
        return self._sessions.log.log_id

    def ticket(self) -> bytes:
        """Return a ticket with which the user can resume, until the session has been ended."""
        return self._sessions.ticket(self.user, self.by)

    # ---- drafts: one ordered stream ----

    def post(self, key: bytes, text: str, room: str | None = None, more: More | None = None) -> Deferred[int]:
        """Post ``text`` in ``room``, or in the user's own room; fires with its seq."""
        user = self._local_user.user
        where = user if room is None else check_said_in(fold_for(room, user), user)
        draft = self._draft("post", where, check_text(text), key, more)
        return self._stream().send(draft).addCallback(self._posted, where)

    def join(self, key: bytes, room: str) -> Deferred[StayChanged]:
        """Follow ``room``; fires once it is durable."""
        return self._move("join", self._fold(room), "", key)

    def leave(self, key: bytes, room: str) -> Deferred[StayChanged]:
        """Stop following ``room``; fires once it is durable."""
        return self._move("leave", self._fold(room), "", key)

    def create(self, key: bytes, room: str, history: str) -> Deferred[StayChanged]:
        """Make a private room; fires once it is durable."""
        if history not in HISTORIES:
            raise BadText.of(why="Newcomers may read what was said from when they “joined”, or “all” of it.")
        return self._move("create", self._fold(room), history, key)

    def order(
        self, key: bytes, kind: KindName, room: str | None, text: str = "", more: More | None = None
    ) -> Deferred[int]:
        """Append what is neither a post nor a stay of one's own; fires with its seq once it is durable.

        ``room`` is as the user spells it; empty is the cluster, and None their own room.
        """
        where = self.user if room is None else room and self._fold(room)
        draft = self._draft(kind, where, text, key, more)
        check_form(draft)
        return self._stream().send(draft).addCallback(self._ordered)

    def set_secret(self, key: bytes, old: bytes, secret: bytes) -> Deferred[SecretSet]:
        """Replace the user's ``old`` secret with a password; fires once it is durable.

        The user's other sessions end, and older tickets with them.
        """
        password = normalized(secret)
        self._check_whole()
        self._setting = (*self._setting, key)
        outcome = self._send_shown(lambda: self._new_secret(key, old, password))
        answer: Deferred[SecretSet] = outcome.addCallback(self._secret_set)
        return answer.addBoth(self._no_longer_setting, key)

    def _send_shown(self, make: Callable[[], Coroutine[Any, Any, Draft]]) -> Deferred[Outcome]:
        """Send the draft that is made once a secret was checked; fires with its outcome.

        One after the other: the old secret of the next change is the new one of this change.
        """
        if self._one_secret is None:
            self._one_secret = DeferredLock()
        made = self._one_secret.acquire().addCallback(lambda _: Deferred.fromCoroutine(make()))
        return self._stream().send_when_made(made)

    def _check_whole(self) -> None:
        """Check that this session may do everything: before anything is hashed for it, and for a mark, which
        never goes back."""
        if self.device.scope != "all":
            raise NotInScope.of()

    async def _new_secret(self, key: bytes, old: bytes, password: bytes) -> Draft:
        user, secrets, claimant = self._local_user.user, self._sessions.secrets, self._as_claimant()
        account = await self._account()
        by = self.by
        if not await secrets.proves(claimant, account, old, is_login=False):
            # The client may be repeating this draft after the log took it: then the log knows the key, and
            # answers with the seq. A draft of a session before the newest secret adds nothing new.
            by = account.secret_seq - 1
            if not (by and account.credential):
                raise WrongSecret(NOT_YOUR_OLD_ONE)
        credential = await secrets.credential(claimant, password, key)
        return Draft("secret", user, user, credential, key, by, self._begins())

    async def _account(self) -> Account:
        asked = AccountOf(self.user, self.device.device)
        account = await self._turn().read(self._sessions.log.read, asked)
        if account is None:
            raise NoSuchUser.of(name=self.user)
        return account

    def _begins(self) -> More | None:
        """Return what a new secret says of this session, which goes on."""
        device = self.device
        return More(device=device.device, label=device.label) if device.device or device.label else None

    def forget(self, key: bytes, secret: bytes) -> Deferred[int]:
        """Forget the user, who shows the present ``secret``. The session ends, instead of an answer."""
        return self._send_proven("forget", key, "", secret).addCallback(self._forgotten)

    def pair(self, key: bytes, code: str, secret: bytes) -> Deferred[int]:
        """Let in another device, by what is kept of a ``code``; fires with its seq once it is durable.

        The user shows the present ``secret``: a ticket alone, which somebody may have stolen, makes no secret
        of its own, by which all others could be replaced.
        """
        return self._send_proven("code", key, code, secret).addCallback(self._ordered)

    def _send_proven(self, kind: KindName, key: bytes, text: str, secret: bytes) -> Deferred[Outcome]:
        """Send a draft about the user, once it is known that this is their secret."""
        self._check_whole()
        draft = self._draft(kind, self.user, text, key, More(to=self.user))
        answer = self._send_shown(lambda: self._proven(draft, secret))
        return answer.addBoth(self._no_longer_setting, key)

    async def _proven(self, draft: Draft, secret: bytes) -> Draft:
        claimant = self._as_claimant()  # while the connection is there
        if not await self._sessions.secrets.proves(claimant, await self._account(), secret, is_login=False):
            raise WrongSecret(NOT_YOUR_SECRET)
        return draft

    def _forgotten(self, outcome: Outcome) -> Deferred[int]:
        if not _is_over(outcome):
            self._accepted(outcome)
            self.end(Forgotten.of(name=self._local_user.user))
        return self._not_answered(outcome)

    def _as_claimant(self) -> Claimant:
        if self._claimant is None:
            self._claimant = Claimant(self.user, self.peer.address)
        return self._claimant

    def _draft(self, kind: KindName, room: str, text: str, key: bytes, more: More | None = None) -> Draft:
        return Draft(kind, self._local_user.user, room, text, key, self.by, more)

    def _move(self, kind: KindName, room: str, text: str, key: bytes) -> Deferred[StayChanged]:
        draft = self._draft(kind, room, text, key)
        check_form(draft)
        return self._stream().send(draft).addCallback(self._stay_changed, room)

    def _fold(self, room: str) -> str:
        return fold_for(room, self.user)

    def _stream(self) -> DraftStream:
        if self._drafts is None:
            if self.device.scope == "read":
                raise NotInScope.of()
            shared = self._sessions
            allowance = shared.rates.of(self._local_user.user)
            if (newcomer_for := self._fresh / 1000 - shared.wall()) > 0:
                allowance.slow_down(newcomer_for)
            self._drafts = DraftStream(shared.drafts, self.peer, allowance, self.by)
        return self._drafts

    def _stay_changed(self, outcome: Outcome, room: str) -> StayChanged | Deferred[StayChanged]:
        if _is_over(outcome):
            return self._not_answered(outcome)
        return StayChanged(self._accepted(outcome), room)

    def _ordered(self, outcome: Outcome) -> int | Deferred[int]:
        return self._not_answered(outcome) if _is_over(outcome) else self._accepted(outcome)

    def _not_answered(self, outcome: Outcome) -> Deferred[Any]:
        """End the session, as the log says that it has ended; the window will show why soon.

        This session's draft is neither done nor refused: a client that may log in again may send it again.
        """
        code = outcome.code if isinstance(outcome, Refused) else b""
        ended = next((error for error in OF_A_SESSION if error.code == code), SecretChanged)
        self.end(ended.of(name=self._local_user.user))
        return Deferred()

    def _accepted(self, outcome: Outcome) -> int:
        if isinstance(outcome, Refused):
            if outcome.code == Poison.code:
                self._sessions.poison += 1
            raise refusal(outcome)
        if outcome > self._newest_own:
            self._newest_own = outcome
        return outcome

    def _posted(self, outcome: Outcome, room: str) -> int | Deferred[int]:
        if _is_over(outcome):
            return self._not_answered(outcome)
        seq = self._accepted(outcome)
        self._sessions.posts += 1
        # Who posts in a room has read it, and in one's own nothing is ever unread. If too many marks wait,
        # this one is not worth a word.
        if room != self._local_user.user:
            self._sessions.marks.mark(UserMark(self._local_user.user, room, seq), self)
        return seq

    def _secret_set(self, outcome: Outcome) -> SecretSet | Deferred[SecretSet]:
        if isinstance(outcome, Refused) and outcome.code == SecretChanged.code:
            raise WrongSecret(NOT_YOUR_OLD_ONE)
        if _is_over(outcome):
            return self._not_answered(outcome)
        seq = self._accepted(outcome)
        self.goes_by(seq)
        return SecretSet(seq, self._sessions.ticket(self._local_user.user, seq))

    def _no_longer_setting(self, outcome: T, key: bytes) -> T:
        self._setting = tuple(other for other in self._setting if other != key)
        if self._one_secret is not None:
            self._one_secret.release()
        return outcome

    # ---- the secret that the session uses: see UsersSession ----

    def is_setting(self, key: bytes) -> bool:
        return key in self._setting

    def goes_by(self, seq: int) -> None:
        self.by = max(self.by, seq)
        self.device = msgspec.structs.replace(self.device, seq=self.by)
        if self._drafts is not None:
            self._drafts.by = self.by

    def end(self, why: ChatnetError) -> None:
        """Tell the client that the session has ended. Unanswered commands are never answered."""
        if not self._has_ended:
            self._has_ended = True
            self._stop()
            self.peer.ended(why.code.decode("ascii"), str(why))
            self.peer.hang_up()

    # ---- marks ----

    async def mark(self, room: str, seq: int) -> None:
        """The user has read ``room``, one of theirs, up to ``seq``: keep that, within ten seconds.

        :raises NotJoined: the user is not in that room. :raises TryLater: too many marks wait.
        """
        self._check_whole()
        user, room = self._local_user.user, self._fold(room)
        async with self._turn():
            await self._own_drafts_followed()
            is_theirs = room == user or user in sides(room) or self._local_user.memberships.has(room)
            if not is_theirs:
                raise NotJoined.of(room=room)
            if seq and not self._sessions.marks.mark(UserMark(user, room, seq), self):
                raise TryLater(MANY_MARKS.format(seconds=round(GATHER_SECONDS)))

    def marked(self, room: str, seq: int) -> None:
        """Another session of the user has read ``room`` up to ``seq``."""
        if not self._has_ended and not self.peer.full:  # it is a hint, and must not wait in our memory
            self.peer.marked(spelled_for(room, self.user), seq)

    # ---- reads: one at a time ----

    async def _read(self, question: Callable[[int], Question[T]]) -> T:
        """Return the log's answer, in the session's turn: to the question as of the window's head, once that
        has everything that this session was told is durable."""
        async with self._turn():
            await self._own_drafts_followed()
            log = self._sessions.log
            return await self._turn().read(log.read, question(log.window.head))

    async def marks(self, after: str) -> MarkPage:
        """Return the first page of the user's marks in rooms after ``after``."""
        async with self._turn():
            upto = await self._marks_settled()
            asked = MarksOf(self.user, upto, self._after(after))
            page = await self._turn().read(self._sessions.log.read, asked)
        return MarkPage([(spelled_for(room, self.user), seq) for room, seq in page.marks], page.more)

    async def unread(self, after: str) -> UnreadPage:
        """Return the first page of the user's rooms after ``after``, and how much is unread in each."""
        async with self._turn():
            upto = await self._marks_settled()
            asked = UnreadOf(self.user, upto, self._after(after))
            page = await self._turn().read(self._sessions.log.read, asked)
        rooms = [(spelled_for(room, self.user), posts, named) for room, posts, named in page.rooms]
        return UnreadPage(rooms, page.more)

    def _after(self, room: str) -> str:
        """Return the room, as the log spells it, behind which a page begins."""
        return self._fold(room) if room.startswith("@") else _beginning(room)

    async def _marks_settled(self) -> int:
        """Wait until what this session was told is followed, and what it marked is kept; return the head."""
        await self._own_drafts_followed()
        await self._sessions.marks.settle(self._local_user.user)
        return self._sessions.log.window.head

    async def rooms(self, prefix: str, after: str) -> ListedRooms:
        """Return a page of the rooms that begin with ``prefix`` and come after ``after``."""
        found = await self._read(lambda _: Rooms(_beginning(fold_prefix(prefix)), _beginning(after)))
        joined = [room for room in found.names if self._local_user.memberships.has(room)]
        return ListedRooms(found.names, joined, found.more)

    async def own_rooms(self, prefix: str, after: str) -> ListedRooms:
        """Return a page of the rooms that the user is in, private ones too; see :meth:`rooms`."""
        async with self._turn():
            await self._own_drafts_followed()
            prefix = _beginning(fold_prefix(prefix))
            names = [room for room in self._local_user.memberships.rooms() if is_room(room)]
        found = sorted(room for room in names if room.startswith(prefix) and room > after)
        return ListedRooms(found[:LISTED], found[:LISTED], len(found) > LISTED)

    async def history(self, room: str, before: int | None) -> list[Entry]:
        """Return a page of posts of ``room`` before the seq ``before`` (or the newest), oldest first."""
        room = self._fold(room)
        return await self._read(lambda head: History(room, before, self.user, head))

    async def earlier(self, before: int | None) -> list[Entry]:
        """Return the newest posts before ``before`` of all that a chat begins with, oldest first."""
        return await self._read(lambda head: Newest(self.user, head, before))

    async def members(self, room: str, after: str) -> MemberPage:
        """Return a page of the members of ``room`` that come after ``after``."""
        room = self._fold(room)
        return await self._read(lambda head: Members(room, self.user, head, _beginning(after)))

    async def who_is(self, name: str) -> Person:
        """Return what the user may know of another.

        :raises BadName: that is no name. :raises NoSuchUser: it is nobody's.
        """
        about = fold_name(name)
        found = await self._read(lambda head: PersonOf(self.user, about, head))
        if found is None:
            raise NoSuchUser.of(name=about)
        return found

    async def invitations(self, after: str) -> InvitationPage:
        """Return the first page of the user's open invitations to rooms after ``after``."""
        return await self._read(lambda head: InvitationsOf(self.user, head, _beginning(after)))

    async def reported(self, seq: int) -> Entry:
        """Return the post that the report ``seq`` is about.

        :raises NoSuchPost: there is none for this user, or it was taken back.
        """
        found = await self._read(lambda head: ReportedPost(seq, self.user, head))
        for post in found:
            if post.text:  # it may have been taken back while it was read
                return post
        raise NoSuchPost.of()

    async def policies(self, room: str | None) -> list[PolicyValue]:
        """Return the policies of ``room``, or for None of the cluster, each with its value."""
        asked = "" if room is None else self._fold(room)
        found = await self._read(lambda head: PoliciesIn(asked, self.user, head))
        return in_force(where(asked, self.user), found)

    async def conversations(self, after: str) -> TalkPage:
        """Return a page of the user's conversations that come after ``after``, as the user spells them."""
        after = self._fold(after) if after else ""
        page = await self._read(lambda head: Talks(self.user, head, after))
        talks = [Talk(spelled_for(talk.room, self.user), talk.newest) for talk in page.talks]
        return TalkPage(talks, page.more)

    async def chat(self, start: Cursor | None) -> ChatBegun:
        """Begin to hear posts: from ``start``, or from now on, after the newest 20.

        Nothing is heard before the reactor's next turn: tell the client in this turn where it begins.

        :raises CursorAhead: the log does not have what was read at ``start``.
        """
        posts: list[Entry] = []
        self._listen_no_more()
        mine = self._chats
        log = self._sessions.log
        async with self._turn():
            await self._own_drafts_followed()
            if start is None:
                start = log.window.cursor
                posts = await self._turn().read(log.read, Newest(self._local_user.user, start.seq))
            else:
                await self._turn().read(verify, log, start)
        # A later Chat or Unchat, or the connection's end, overrules this one.
        if mine == self._chats:
            router, turns, pace = self._sessions.router, self._turn(), self._sessions.pace
            self._sessions.tell(CatchUpBegun(self.user, self.peer.name, start.seq))
            self._subscription = Subscription(
                start.seq, log, router, self._local_user, self.peer, turns, pace
            )
            self._subscription.start(self._sessions.clock)
        return ChatBegun(posts, start)

    def unchat(self) -> None:
        """Stop hearing posts, even if a :meth:`chat` is under way."""
        self._listen_no_more()

    async def devices(self) -> list[UsedDevice]:
        """Return the user's devices, by the seqs of their sessions."""
        async with self._turn():
            await self._marks_settled()
            return await self._turn().read(self._sessions.log.read, DevicesOf(self.user))

    def _turn(self) -> ReadQueue:
        if self._reads is None:
            if self.device.scope == "post":
                raise NotInScope.of()
            shared = self._sessions
            self._reads = ReadQueue(self.peer, shared.reads, self._local_user.user)
        return self._reads

    async def _own_drafts_followed(self) -> None:
        """Wait until this worker has followed the log to everything this session was told is durable."""
        window, goal = self._sessions.log.window, self._newest_own
        if window.head < goal:
            reached: Deferred[None] = Deferred()

            def grown(entries: object) -> None:
                if window.head >= goal:
                    window.unwatch(grown)
                    reached.callback(None)

            window.watch(grown)
            await reached

    def _listen_no_more(self) -> None:
        self._chats += 1
        if self._subscription is not None:
            self._subscription.stop()
            self._subscription = None

    # ---- the connection ----

    @property
    def cursor(self) -> Cursor | None:
        """All that the client should hear up to here was put. None: it hears nothing, or is far behind."""
        return None if self._subscription is None else self._subscription.cursor

    def filled(self) -> None:
        """The peer is now full."""
        if self._subscription is not None:
            self._subscription.full()

    def drained(self) -> None:
        """The peer has room again."""
        if self._subscription is not None:
            self._subscription.drained()
        if self._reads is not None:
            self._reads.go_on()

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
            # Until now the device was used. If too many marks wait, this one is not worth a word.
            head = self._sessions.log.window.head
            self._sessions.marks.mark(UserMark(self.user, used(self.by), head), self)
        self._sessions.tell(Left(self.user, self.peer.name, why))
        self._stop()
        self._sessions.marks.hasten(self._local_user.user)
        self._sessions.router.depart(self._local_user)
        self._sessions.users.depart(self._local_user.user, self)
        del self._sessions.open[self]

    def _stop(self) -> None:
        """Stop everything that runs for this session."""
        self._listen_no_more()
        if self._drafts is not None:
            self._drafts.stop()
        if self._reads is not None:
            self._reads.stop()
        if self._claimant is not None:
            self._claimant.leave()
        if self._one_secret is not None:
            self._one_secret.waiting.clear()  # nobody waits for an answer


_OVER = frozenset(error.code for error in OF_A_SESSION)


def _is_over(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.code in _OVER


def _beginning(text: str) -> str:
    """Return the part of ``text`` that can matter: no room has a longer name.

    The rest must not go to the primary: two values that just fit into a client's box would not fit into ours,
    and the primary would close the link at each attempt.
    """
    return text[: MAX_TOPIC + 2]
