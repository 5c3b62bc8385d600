"""A client's connection to the cluster: it finds a worker, logs in, and reconnects as long as it lives.

    Locating ──▶ Connecting ──▶ LoggingIn ──▶ Up
       ▲          ▲  │              │          │
       │          │  ▼              │          │
       ├───────── Waiting ◀─────────┼──────────┤
       └─────────────────────────── │ ◀───── Moving     and each of them to Over

After the loss of a worker, Waiting leads to Connecting: to the other workers that the lost one named. It
leads to Locating when none of those accepts the client, or when the client was told to move: a master knows
which worker has room.

Unanswered requests are sent again after each reconnect, in order, before anything new. Drafts carry their
keys, so that the log takes each once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.client.attempts import Attempts
from chatnet.client.feed import Feed
from chatnet.client.feed_requests import FeedRequests
from chatnet.client.finder import DIAL_SECONDS, Finder
from chatnet.client.from_worker import FromWorker
from chatnet.client.identities import ANOTHER, QUESTION, UNKNOWN, Identities
from chatnet.client.identity import Identity
from chatnet.client.listener import Listener
from chatnet.client.login import Welcome, keep, keep_ticket, log_in, resume
from chatnet.client.others import Others
from chatnet.client.own_cluster import OwnCluster
from chatnet.client.race import FAILURES, NoAnswer, Unreachable
from chatnet.client.refused import REFUSED
from chatnet.client.requests import Requests
from chatnet.client.server_time import ServerTime
from chatnet.client.states import Connecting, Found, Locating, LoggingIn, Moving, Over, State, Up, Waiting
from chatnet.client.trust import Distrusted
from chatnet.codes import fresh_code, fresh_recoveries
from chatnet.errors import (
    BadCode,
    BadName,
    BadSecret,
    BadText,
    BadTicket,
    Barred,
    CannotStart,
    CodeNeeded,
    Disabled,
    Forgotten,
    NameKept,
    NoSuchUser,
    SessionEnded,
    SignupClosed,
    TlsRequired,
    TooManySessions,
    TooManyToday,
    WrongSecret,
    WrongVersion,
)
from chatnet.net.link import Link
from chatnet.net.pulse import Pulse
from chatnet.wire.session import Forget, Mark, SetSecret

LOGIN_SECONDS = 10.0
"""Seconds that a worker has to answer a login."""
OTHER_SECONDS = 1.5
"""Seconds that another worker has to accept a connection, and again to answer: it may be dead, and there are
more."""
CLOSE_SECONDS = 1.0
"""Seconds that a worker has to close the connection when we leave."""
MIN_DELAY, MAX_DELAY = 0.05, 1.0
"""Seconds between two attempts."""
STEADY_SECONDS = 1.0
"""Seconds that a connection must last before the next pause is short again. A worker that accepts us and then
hangs up counts like one that does not accept us."""

FINAL = (
    *(WrongSecret, WrongVersion, BadName, BadSecret, BadText, BadTicket, BadCode, NoSuchUser),
    *(Barred, Disabled, Forgotten, CodeNeeded, SignupClosed, NameKept, TooManySessions, TooManyToday),
)
"""Answers to a login that another attempt would not change."""
ENDS = tuple(error.code.decode() for error in (Barred, Disabled, Forgotten, SessionEnded))
"""Why a session ends that the client does not begin again by itself."""
ASK_CODE = "A new name needs a code here. The code for {name}:"
ASK_OWN = (
    "The name {name} is taken. If it is yours, type the code that PAIR shows where you are logged in, one "
    "for recovery, or the one that who runs this server gave you; if not, nothing:"
)


class Connection(Requests):
    """A client's connection: see the module. ``clock`` keeps time; ``fresh_key`` makes a draft's key;
    ``chance`` spreads the retries of many clients. ``server_time`` is told what workers say of it."""

    _logger = Logger()

    def __init__(
        self,
        finder: Finder,
        identities: Identities,
        pulse: Pulse,
        clock: IReactorTime,
        fresh_key: Callable[[], bytes],
        chance: random.Random,
        feed: Feed,
        server_time: ServerTime,
    ) -> None:
        super().__init__(fresh_key, feed)
        self._finder = finder
        self._own_cluster = OwnCluster(finder)
        self._identities = identities
        self._identity: Identity | None = None
        self._others = Others(chance)
        self._encrypted = False
        self._pulse = pulse
        self._clock = clock
        self._chance = chance
        self._server_time = server_time
        self._state: State = Waiting()
        self._running: Deferred[None] | None = None
        self._held: Deferred[None] | None = None
        self._password: bytes | None = None
        self._code = ""
        self._ended_why: str | None = None
        self._told = ""

    # ---- its user ----

    @property
    def random_secret(self) -> bytes | None:
        """The secret in the identity's file; None if a password has replaced it, known to the user alone."""
        return None if self._identity is None else self._identity.secret

    def fresh_code(self) -> str:
        """Return a new code."""
        return fresh_code(self._identities.entropy)

    def fresh_recoveries(self) -> list[str]:
        """Return new recovery codes."""
        return fresh_recoveries(self._identities.entropy)

    async def set_password(self, old: bytes, password: bytes) -> None:
        """Replace the ``old`` secret. The random secret is forgotten; the password is kept only in memory."""
        answer = await self.draft(SetSecret, old=old, secret=password)
        self._password = password
        if self._identity is not None:
            keep_ticket(self._identity, answer["ticket"], forget_secret=True)

    def mark(self, room: str, seq: int) -> bool:
        """Say that the user has read ``room`` up to ``seq``; return False if there is no connection now.

        Nobody waits for the answer, and it is not sent again: what is read later marks more.
        """
        if not isinstance(self._state, Up):
            return False
        answer: Deferred[Any] = self._state.link.callRemote(Mark, room=room, seq=seq)
        answer.addErrback(lambda failure: failure.trap(ConnectionClosed, *REFUSED))
        return True

    # ---- back-pressure ----

    def hold(self) -> None:
        """Stop reading until :meth:`release`: nobody reads what we show.

        Call it as often as you like: a full transport repeats this at each write, and says only once that it
        has room again.
        """
        if self._held is not None:
            return
        self._held = Deferred()
        if isinstance(self._state, Up):
            self._state.link.hold()

    def release(self) -> None:
        """Read again."""
        held, self._held = self._held, None
        if held is None:
            return
        if isinstance(self._state, Up):
            self._state.link.release()
        held.callback(None)

    # ---- its life ----

    def start(self, listener: Listener, password: bytes | None, code: str = "") -> None:
        """Connect, and reconnect until :meth:`stop`. ``password`` goes before the identity's secret, and a
        ``code`` before both, at the first login."""
        self._code = code
        self._listener = listener
        self._requests = FeedRequests(self._feed, self.ask, listener, self._give_up)
        self._password = password
        self._came_up_before = self._seems_up = False
        self._attempts = Attempts(self._clock, listener.told, self._found_nobody)
        self._attempts.begin()
        self._pulse.start()
        self._running = Deferred.fromCoroutine(self._run()).addErrback(self._failed)

    async def stop(self) -> None:
        """Close. Unanswered requests are never answered."""
        if self._running is None:
            return
        state = self._over()
        if isinstance(state, Up):
            state.link.hang_up()
            await state.link.when_lost().addTimeout(CLOSE_SECONDS, self._clock, lambda *_: state.link.abort())

    async def _run(self) -> None:
        failures, is_moved = 0, False
        while True:
            if self._held is not None:
                await self._held
            try:
                link = await self._attach() if is_moved else await self._attach_elsewhere()
                is_moved, since = False, self._clock.seconds()
                await link.when_lost()
                if self._clock.seconds() - since >= STEADY_SECONDS:
                    failures = 0
                self._pending.detached()
                self._feed.detached()
                if isinstance(self._state, Moving):
                    is_moved, failures = True, failures + 1
                    if failures > 1:  # several workers in a row sent us away
                        self._state = Waiting()
                        await self._pause(failures)
                    continue
            except (*FINAL, CannotStart, Distrusted) as error:
                self._end(self._ended_why or str(error))
                return
            except FAILURES as error:
                self._attempts.failed(error)
            self._say_lost()
            failures, is_moved = failures + 1, False
            self._state = Waiting()
            await self._pause(failures)

    def _say_lost(self) -> None:
        """Report the loss once until we are back; report a move only if it does not succeed at once."""
        if self._seems_up:
            self._seems_up = False
            self._listener.lost()

    async def _attach_elsewhere(self) -> Link:
        """Log in at one of the workers that our last one named; if none accepts us, ask a master.

        A wrong answer from such a worker does no harm: a master knows better.
        """
        identity = self._identity
        while identity is not None and identity.ticket is not None and (other := self._others.draw()):
            try:
                return await self._go_in(
                    other.address,
                    other.key,
                    self._encrypted,
                    self._resume(identity),
                    OTHER_SECONDS,
                    OTHER_SECONDS,
                )
            except FAILURES as error:
                self._logger.info(
                    "The worker at {worker} does not take us ({why})",
                    worker=other.address,
                    why=str(error) or "it closed the connection",
                )
                if isinstance(error, NoAnswer):
                    self._others.is_silent(other.address.host)
        return await self._attach()

    def _resume(self, identity: Identity) -> Callable[[Link], Coroutine[Any, Any, Welcome]]:
        """Log in by ticket alone: a secret would stay valid, and a stranger may have a dead worker's port."""

        async def work(link: Link) -> Welcome:
            welcome = await resume(link, identity)
            if welcome is None:
                self._others.forget()
                raise Unreachable("our ticket is not good there")
            return welcome

        return work

    async def _attach(self) -> Link:
        self._state = Locating()
        log_id = None if self._identity is None else self._identity.log_id
        found = await self._own_cluster.find(log_id, self._listener.told)
        identity = await self._identify(found)
        self._attempts.trouble = f"the worker at {found.worker} does not answer"

        async def work(link: Link) -> Welcome:
            label = self._identities.label
            welcome = await log_in(link, identity, self._passwords(), label, self._code)
            self._code = ""
            keep(identity, partial(identity.used_at, found.master))
            self._identity, self._feed.log_id = identity, identity.log_id
            return welcome

        try:
            return await self._go_in(
                found.worker, found.key, found.encrypted, work, DIAL_SECONDS, LOGIN_SECONDS
            )
        except Forgotten:
            identity.forgotten()
            raise
        except (CodeNeeded, WrongSecret) as refused:
            if self._code or self._password is not None or self._came_up_before:
                raise
            self._attempts.end()
            question = ASK_CODE if isinstance(refused, CodeNeeded) else ASK_OWN
            self._code = await self._listener.code(question.format(name=identity.name))
            if not self._code:  # there is nobody to ask, or nothing was typed
                raise
            self._attempts.begin()
            return await self._attach()

    async def _go_in(
        self,
        worker: Address,
        key: str,
        encrypted: bool,
        log_in: Callable[[Link], Coroutine[Any, Any, Welcome]],
        dial_seconds: float,
        login_seconds: float,
    ) -> Link:
        """Return a logged-in link to ``worker``, which presents ``key``; ``encrypted``: TLS brought it."""
        self._state = Connecting(worker)
        hears = FromWorker(self._feed, self._listener, self._move, self._ended)
        link = await self._finder.reach(worker, key, encrypted, hears, self._pulse, dial_seconds)
        self._state = LoggingIn(link)
        try:
            welcome = await self._finder.within(login_seconds, log_in(link))
        except BaseException as error:
            if isinstance(error, TlsRequired):
                self._finder.demands_tls(worker)
            link.abort()
            raise
        self._others.named(welcome.others)
        if welcome.now is not None:
            self._server_time.told(welcome.now)
        self._encrypted = self._finder.encrypts(worker, encrypted)
        self._came_up(link, welcome.name)
        return link

    async def _identify(self, found: Found) -> Identity:
        """Return our identity in the cluster that was found.

        :raises CannotStart: the user does not confirm the cluster; or the file cannot be read or made.
        """
        if self._identity is not None:
            return self._identity
        identity = self._identities.of(found.log_id, found.master)
        if self._identities.is_another_cluster(identity, found.master):
            self._tell_once(self._identities.ask(ANOTHER, identity, found.master))
        if not self._identities.may_show(identity):
            await self._ask_whether_same(identity, found.master)
        return identity

    def _tell_once(self, sentence: str) -> None:
        """Tell it, unless that was told last: an attempt to log in may be repeated."""
        if sentence != self._told:
            self._told = sentence
            self._listener.told(sentence)

    async def _ask_whether_same(self, identity: Identity, master: Address) -> None:
        self._attempts.end()
        if not await self._listener.agrees(self._identities.ask(QUESTION, identity, master)):
            raise CannotStart(self._identities.ask(UNKNOWN, identity, master))
        self._identities.are_of_one_cluster()
        self._attempts.begin()

    def _passwords(self) -> list[bytes]:
        """Return passwords to try: those of unanswered changes, and the one that was set before."""
        unanswered = [arguments["secret"] for arguments in self._pending.open(SetSecret)]
        return unanswered if self._password is None else [*unanswered, self._password]

    def _ended(self, code: str, sentence: str) -> None:
        """The worker hangs up. A newer ticket or password lets us return, unless we are shut out; otherwise
        ``sentence`` says why."""
        if code in ENDS:
            if code.encode() == Forgotten.code:
                self._pending.done(Forget)
                if self._identity is not None:
                    self._identity.forgotten()
            self._end(sentence)
        self._ended_why = sentence
        self._others.forget()

    def _came_up(self, link: Link, name: str) -> None:
        self._state, self.name = Up(link), name
        self._ended_why = None
        self._attempts.end()
        if self._held is not None:
            link.hold()
        if not self._came_up_before:
            self._came_up_before = True
            self._listener.logged_in(name)
        elif not self._seems_up:
            self._listener.back()
        self._seems_up = True
        Deferred.fromCoroutine(self._requests.attached(link)).addErrback(self._failed)
        self._pending.attached(link)

    def _move(self) -> None:
        """Go to another worker, once what was sent is answered."""
        if isinstance(self._state, Up) and not isinstance(self._state, Moving):
            link = self._state.link
            self._state = Moving(link)
            self._pending.leave().addCallback(lambda _: link.hang_up())

    def _give_up(self, error: Exception) -> None:
        """Close the link: the feed cannot get on it what it wants."""
        self._attempts.failed(error)
        if isinstance(self._state, Up):
            self._state.link.abort()

    async def _pause(self, failures: int) -> None:
        longest = min(MAX_DELAY, MIN_DELAY * 2.0 ** min(failures, 10))
        await deferLater(self._clock, self._chance.uniform(MIN_DELAY, longest))

    # ---- its end ----

    def _found_nobody(self, why: str) -> None:
        self._end(
            f"No cluster was found at {self._finder} ({why}): start one with “twistd chat-master”, "
            "or name its master with --master HOST[:PORT]."
        )

    def _end(self, sentence: str) -> None:
        self._over()
        self._listener.ended(sentence)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._logger.failure("The client failed", failure)
            self._end("The client failed; its log says why.")

    def _over(self) -> State:
        state, self._state = self._state, Over()
        self._attempts.end()
        self._pulse.stop()
        if self._running is not None:
            self._running.cancel()
        return state
