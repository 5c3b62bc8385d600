"""One logged-in connection of a client: its commands, and what it hears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from chatnet.auth import Token
from chatnet.credentials import normalized
from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry
from chatnet.errors import ChatnetError, NoSuchUser, Poison, SecretChanged, WrongSecret
from chatnet.form import check_text
from chatnet.kinds import KindName
from chatnet.lanes import Lane
from chatnet.log import Log, Outcome, Refused
from chatnet.names import MAX_TOPIC, fold_prefix, fold_room
from chatnet.net.link import Locator
from chatnet.store.verifying import verify
from chatnet.wire import encode
from chatnet.wire import session as wire
from chatnet.wire.table import Speaker
from chatnet.worker.drafts import DraftStream
from chatnet.worker.gathering import Gathering
from chatnet.worker.hashing import Claimant
from chatnet.worker.logins import refusal
from chatnet.worker.rates import Rates
from chatnet.worker.reads import ReadQueue
from chatnet.worker.router import LocalUser, Router
from chatnet.worker.secrets import Secrets
from chatnet.worker.subscription import Subscription
from chatnet.worker.users import Users

MOST_READS = 32
"""How many reads of a worker may be under way at the log for those who log in, and as many for sessions."""
CLOSE_SECONDS = 5.0
"""How long the client of a session that was ended may take to read why, until it is cut off."""
NOT_YOUR_OLD_ONE = "That is not your present secret; it was not changed."

T = TypeVar("T")


class Sessions:
    """What all sessions of a worker share, and what they have done together.

    ``open`` are those there are now, the oldest first; ``posts`` were taken; ``poison`` is how many drafts
    were refused as such. ``rate`` is how many drafts a second a user may append in the long run; 0: no limit.
    Reads of ``logins`` have a lane of their own beside the ``pages`` of sessions: whoever reads much keeps
    nobody out.
    """

    def __init__(
        self,
        log: Log,
        router: Router,
        secrets: Secrets,
        token: Token,
        rate: int,
        clock: IReactorTime,
        monotonic: Callable[[], float],
    ) -> None:
        self.log = log
        self.gathering = Gathering(log, clock)
        self.router = router
        self.secrets = secrets
        self.rates = Rates(rate, monotonic)
        self.clock = clock
        self._token = token
        self.users = Users()
        self.logins, self.pages = Lane(MOST_READS), Lane(MOST_READS)
        self.open: dict[Session, None] = {}
        self.posts = 0
        self.poison = 0

    def apply(self, entries: list[Entry]) -> None:
        """The window grew."""
        self.users.apply(entries)
        self.rates.apply(entries)

    def ticket(self, user: str, secret_seq: int) -> bytes:
        """By this ``user`` can come back."""
        return self._token.ticket(self.log.log_id, user, secret_seq)


class Session(Locator):
    """The commands of a user who is logged in."""

    speaker = Speaker.USER
    hint = "you are logged in, and docs/protocol.md names the commands"

    _claimant: Claimant | None = None
    _cutting_off: IDelayedCall | None = None
    _drafts: DraftStream | None = None
    _one_secret: DeferredLock | None = None
    _setting: frozenset[bytes] | set[bytes] = frozenset()
    _reads: ReadQueue | None = None
    _subscription: Subscription | None = None
    _chats = 0
    _newest_own = 0

    def __init__(self, sessions: Sessions, local_user: LocalUser, by: int) -> None:
        self._sessions = sessions
        self._local_user = local_user
        self.by = by
        if local_user.memberships.registered > sessions.log.window.head:
            # Nothing is heard before this worker is behind it: mentions from before are not of this user.
            self._newest_own = local_user.memberships.registered
        sessions.open[self] = None
        sessions.users.arrive(local_user.user, self)

    # ---- drafts: one ordered stream ----

    @wire.Post.responder
    def post(self, key: bytes, text: str) -> Deferred[dict[str, Any]]:
        draft = self._draft("post", self._local_user.user, check_text(text), key)
        return (self._drafts or self._stream()).send(draft).addCallback(self._posted)

    @wire.Join.responder
    def join(self, key: bytes, room: str) -> Deferred[dict[str, Any]]:
        return self._move("join", fold_room(room), key)

    @wire.Leave.responder
    def leave(self, key: bytes, room: str) -> Deferred[dict[str, Any]]:
        return self._move("leave", fold_room(room), key)

    @wire.SetSecret.responder
    def set_secret(self, key: bytes, old: bytes, secret: bytes) -> Deferred[dict[str, Any]]:
        password = normalized(secret)
        if self._one_secret is None:
            self._one_secret = DeferredLock()
        # One after the other: the next one's old secret is this one.
        turn = self._one_secret.acquire()
        made = turn.addCallback(lambda _: Deferred.fromCoroutine(self._new_secret(key, old, password)))
        self._setting = {*self._setting, key}
        answer = self._stream().send_when_made(made).addCallback(self._secret_set)
        return answer.addBoth(self._no_longer_setting, key)

    async def _new_secret(self, key: bytes, old: bytes, password: bytes) -> Draft:
        user, secrets = self._local_user.user, self._sessions.secrets
        if self._claimant is None:
            self._claimant = Claimant(user, getattr(self.link.transport.getPeer(), "host", ""))
        account = await self._turn().read(self._sessions.log.account, user)
        if account is None:
            raise NoSuchUser.of(name=user)
        by = account.secret_seq
        if not await secrets.check(self._claimant, account.credential, old, is_login=False):
            # Unless the log has this draft already, for it is sent again: then it knows the key, and answers
            # the seq. By a secret before the newest it takes nothing new.
            by -= 1
            if not by:
                raise WrongSecret(NOT_YOUR_OLD_ONE)
        credential = await secrets.credential(self._claimant, password, key)
        return Draft("secret", user, user, credential, key, by)

    def _draft(self, kind: KindName, room: str, text: str, key: bytes) -> Draft:
        return Draft(kind, self._local_user.user, room, text, key, self.by)

    def _move(self, kind: KindName, room: str, key: bytes) -> Deferred[dict[str, Any]]:
        sent = self._stream().send(self._draft(kind, room, "", key))
        return sent.addCallback(self._moved, room)

    def _stream(self) -> DraftStream:
        if self._drafts is None:
            shared = self._sessions
            allowance = shared.rates.of(self._local_user.user)
            self._drafts = DraftStream(
                shared.log, shared.gathering, self.link, allowance, shared.clock, self.by
            )
        return self._drafts

    def _moved(self, outcome: Outcome, room: str) -> dict[str, Any] | Deferred[dict[str, Any]]:
        if _is_over(outcome):
            return self._not_answered()
        return {"seq": self._accepted(outcome), "room": room}

    def _not_answered(self) -> Deferred[dict[str, Any]]:
        """The log has taken a new secret from another session, of which the window will tell.

        What this one sent is not done, and not refused either: who shows the new secret may send it again.
        """
        self.end(SecretChanged.of(name=self._local_user.user))
        return Deferred()

    def _accepted(self, outcome: Outcome) -> int:
        if isinstance(outcome, Refused):
            self._sessions.poison += outcome.code == Poison.code
            raise refusal(outcome)
        if outcome > self._newest_own:
            self._newest_own = outcome
        return outcome

    def _posted(self, outcome: Outcome) -> dict[str, Any] | Deferred[dict[str, Any]]:
        if _is_over(outcome):
            return self._not_answered()
        seq = self._accepted(outcome)
        self._sessions.posts += 1
        return {"seq": seq}

    def _secret_set(self, outcome: Outcome) -> dict[str, Any]:
        if _is_over(outcome):
            raise WrongSecret(NOT_YOUR_OLD_ONE)
        seq = self._accepted(outcome)
        self.goes_by(seq)
        return {"ticket": self._sessions.ticket(self._local_user.user, seq), "seq": seq}

    def _no_longer_setting(self, outcome: T, key: bytes) -> T:
        self._setting = self._setting - {key}
        if self._one_secret is not None:
            self._one_secret.release()
        return outcome

    # ---- the secret that it goes by: see UsersSession ----

    def is_setting(self, key: bytes) -> bool:
        return key in self._setting

    def goes_by(self, seq: int) -> None:
        self.by = max(self.by, seq)
        if self._drafts is not None:
            self._drafts.by = self.by

    def end(self, why: ChatnetError) -> None:
        """Tell the client that it is over; what it sent and was not answered never is."""
        if self._cutting_off is None:
            self._stop()
            self.link.callRemote(wire.Ended, code=why.code.decode("ascii"), sentence=str(why))
            self.link.hang_up()
            self._cutting_off = self._sessions.clock.callLater(CLOSE_SECONDS, self.link.abort)

    # ---- reads: one at a time ----

    @wire.List.responder
    async def list_rooms(self, prefix: str, after: str) -> dict[str, Any]:
        async with self._turn():
            await self._own_drafts_followed()
            log, prefix, after = self._sessions.log, _beginning(fold_prefix(prefix)), _beginning(after)
            rooms = await self._turn().read(log.rooms, prefix, after)
        joined = [room for room in rooms.names if self._local_user.memberships.has(room)]
        return {"rooms": rooms.names, "joined": joined, "more": int(rooms.more)}

    @wire.History.responder
    async def history(self, room: str, before: int | None) -> dict[str, Any]:
        room = fold_room(room)
        async with self._turn():
            return {"posts": await self._turn().read(self._sessions.log.history, room, before)}

    @wire.Chat.responder
    async def chat(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
        start, posts = Cursor.received(cursor, check), []
        self._listen_no_more()
        mine = self._chats
        log = self._sessions.log
        async with self._turn():
            await self._own_drafts_followed()
            if start is None:
                start = log.window.cursor
                posts = await self._turn().read(log.newest, self._local_user.user, start.seq)
            else:
                await self._turn().read(verify, log, start)
        # A later Chat or Unchat, and the connection's end, have the last word.
        if mine == self._chats:
            router, turns = self._sessions.router, self._turn()
            self._subscription = Subscription(start.seq, log, router, self._local_user, self.link, turns)
            self._subscription.start(self._sessions.clock)
        return {"posts": posts, "cursor": start.seq, "check": start.check}

    @wire.Unchat.responder
    def unchat(self) -> dict[str, Any]:
        self._listen_no_more()
        return {}

    def _turn(self) -> ReadQueue:
        if self._reads is None:
            shared = self._sessions
            self._reads = ReadQueue(self.link, shared.clock, shared.pages, self._local_user.user)
        return self._reads

    async def _own_drafts_followed(self) -> None:
        """Wait until this worker has followed the log to what this session was told is durable."""
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

    # ---- the link ----

    def move(self) -> None:
        """Have the client go to another worker."""
        self.link.callRemote(wire.Moved)

    def rewound(self, to: Cursor) -> None:
        """The log was put back: whoever hears posts is told, and stops hearing them here."""
        if self._subscription is not None:
            self._listen_no_more()
            self.link.callRemote(wire.Rewound, seq=to.seq, check=to.check)

    def lost(self, reason: Failure) -> None:
        self._stop()
        if self._cutting_off is not None and self._cutting_off.active():
            self._cutting_off.cancel()
        self._sessions.router.depart(self._local_user)
        self._sessions.users.depart(self._local_user.user, self)
        del self._sessions.open[self]

    def _stop(self) -> None:
        """Do nothing more for it."""
        self._listen_no_more()
        if self._drafts is not None:
            self._drafts.stop()
        if self._reads is not None:
            self._reads.stop()
        if self._claimant is not None:
            self._claimant.leave()
        if self._one_secret is not None:
            self._one_secret.waiting.clear()  # nobody waits for an answer

    def filled(self) -> None:
        if self._subscription is not None:
            self._subscription.full()

    def drained(self) -> None:
        if self._subscription is not None:
            self._subscription.drained()
        if self._reads is not None:
            self._reads.go_on()

    def ping(self) -> bytes:
        cursor = None if self._subscription is None else self._subscription.cursor
        return encode.PING if cursor is None else encode.ping(cursor)


def _is_over(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.code == SecretChanged.code


def _beginning(text: str) -> str:
    """What of ``text`` can make a difference: no room's name is longer.

    The rest must not go on to the primary. Two values that just fit a client's box do not fit ours to the
    primary, which would close the link at each attempt.
    """
    return text[: MAX_TOPIC + 2]
