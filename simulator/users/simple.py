"""The life of a simple client: a second one beside the real client, of few lines, whatever it speaks.

It finds workers, keeps identities and follows its feed with the real client's parts. The connection, the
repeating of requests on the next one, and where the feed continues, are its own::

    seeking ──▶ logging in ──▶ up ──▶ lost ──▶ seeking, after a pause
                                └──▶ moving ──▶ seeking, once what was sent is answered
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as NotInTime
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.client.connection import FINAL, LOGIN_SECONDS, MAX_DELAY, MIN_DELAY
from chatnet.client.feed import Beginning, Following
from chatnet.client.finder import DIAL_SECONDS, Finder
from chatnet.client.identities import Identities
from chatnet.client.identity import config_directory
from chatnet.client.login import keep, log_in
from chatnet.client.race import Unreachable
from chatnet.client.service import PULSE
from chatnet.client.states import Found
from chatnet.client.trust import Distrusted
from chatnet.errors import CannotStart, ChatnetError
from chatnet.irc_options import IRC_PORT
from chatnet.net.dial import CANNOT_CONNECT, NotTrusted, dial_any, notice_death, shake_hands
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.testing import history
from chatnet.testing.recorded import RecordedFeed, RecordedIdentity, Recorder, session_of
from simulator.users.port import Home
from simulator.users.unanswered import Unanswered


class SimpleLine(Protocol):
    """One connection of such a client: a Twisted protocol, and :class:`~chatnet.net.pulse.Watched`."""

    transport: Any

    @property
    def address(self) -> str:
        """The worker's address, HOST:PORT."""

    def ask(self, said: Any) -> Deferred[Any]:
        """Ask what can be answered: see :class:`~simulator.users.unanswered.Asked`."""

    async def callRemote(self, command: type[Any], **arguments: Any) -> dict[str, Any]:
        """Ask as the real client's login does, by secret or by ticket."""

    def pause(self, is_paused: bool) -> None:
        """Stop reading, or read again."""

    def when_lost(self) -> Deferred[None]:
        """Return a Deferred that fires when the connection is gone."""

    def hang_up(self) -> None:
        """Close."""

    def abort(self) -> None:
        """Close now."""


class SimpleClient:
    """One client of ``home``. A class for a protocol makes lines, and says on each what it has to say."""

    _logger = Logger()
    _logs_in_each_time = False
    _login_seconds = LOGIN_SECONDS

    def __init__(self, home: Home, record: Recorder) -> None:
        world, masters, trust = home.world, home.masters, home.trust
        self.name = home.name
        self._record = record
        self._reactor: Any = world.reactor
        self._chance: random.Random = world.chance
        self._fresh_key, self._entropy = world.fresh_key, world.entropy
        directory = config_directory(world.environ)
        self._trust = trust
        self._finder = Finder(world.reactor, Outboxes(world.reactor), masters, trust)
        self._identities = Identities(
            world.files, directory, masters, home.name, world.entropy, kind=RecordedIdentity
        )
        self._pulse = Pulse(world.reactor, world.monotonic, *PULSE, world.tell)
        self._feed = RecordedFeed(record)
        self._unanswered = Unanswered()
        self._identity: RecordedIdentity | None = None
        self._password: bytes | None = None
        self._line: SimpleLine | None = None
        self._running: Deferred[None] | None = None
        self._held: Deferred[None] | None = None
        self._ended = ""
        self._asked = 0.0
        self._is_moving = self._seems_up = False

    # ---- its life ----

    def start(self, password: str | None = None, code: str = "") -> None:
        self._record(history.Started)
        self._password = None if password is None else password.encode()
        self._pulse.start()
        self._running = Deferred.fromCoroutine(self._run()).addErrback(self._failed)

    def stop(self) -> Deferred[None]:
        self._record(history.Stopped)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        line = self._over()
        if line is not None:
            line.hang_up()
            await line.when_lost().addTimeout(1.0, self._reactor, lambda *_: line.abort())

    def _over(self) -> SimpleLine | None:
        self._pulse.stop()
        if self._running is not None:
            self._running.cancel()
        line, self._line = self._line, None
        return line

    async def _run(self) -> None:
        failures = 0
        while True:
            if self._held is not None:
                await self._held
            try:
                line = await self._attach()
                failures = 0
                await line.when_lost()
                self._detached()
                if self._is_moving:
                    self._is_moving = False
                    continue
            except (*FINAL, CannotStart, Distrusted) as error:
                self._over()
                self._record(history.Ended, sentence=self._ended or str(error), each=self._logs_in_each_time)
                return
            except (Unreachable, ConnectionClosed, ChatnetError) as error:
                self._logger.info("Not connected ({why}); trying again", why=str(error))
            self._say_lost()
            failures += 1
            longest = min(MAX_DELAY, MIN_DELAY * 2.0 ** min(failures, 10))
            await deferLater(self._reactor, self._chance.uniform(MIN_DELAY, longest))

    async def _attach(self) -> SimpleLine:
        found = await self._find()
        return await self._enter(found)

    async def _enter(self, found: Found) -> SimpleLine:
        """Return a connection that is logged in at a worker that was found."""
        identity = self._identity or cast(RecordedIdentity, self._identities.of(found.log_id, found.master))
        line = await self._reach(found)
        self._asked = self._record.now
        try:
            await self._finder.within(self._login_seconds, self._log_in(line, found, identity))
        except BaseException:
            line.abort()
            raise
        self._came_up(line, identity)
        return line

    async def _find(self) -> Found:
        """Return a worker that a master names: it is none that serves IRC alone."""
        finding = self._finder.find(self._is_ours, self._told, self._doubt)
        found = await self._finder.within(3 * DIAL_SECONDS, finding)
        if found.worker.port == IRC_PORT:
            why = ValueError(f"{found.worker} serves IRC alone")
            self._logger.failure("A master sends clients to a front", Failure(why))
        return found

    async def _log_in(self, line: SimpleLine, found: Found, identity: RecordedIdentity) -> None:
        await log_in(cast(Any, line), identity, self._secrets())
        keep(identity, partial(identity.used_at, found.master))
        self._identity, self._feed.log_id = identity, identity.log_id

    async def _reach(self, found: Found) -> SimpleLine:
        """Return a connection to a worker: the one that was found."""
        return await self._dial(found, self._make_line)

    def _make_line(self) -> SimpleLine:
        raise NotImplementedError

    async def _dial(self, found: Found, make: Callable[[], Any]) -> SimpleLine:
        # As the finder reaches workers, except that it makes links.
        try:
            if self._trust is None or not self._finder.encrypts(found.worker, found.encrypted):
                line = await dial_any(self._reactor, found.worker, make, DIAL_SECONDS)
            else:
                pinned = self._trust.pinned(found.key)
                line = await shake_hands(self._reactor, found.worker, make, DIAL_SECONDS, pinned)
        except (*CANNOT_CONNECT, NotInTime, NotTrusted, ValueError) as error:
            raise Unreachable(str(error)) from error
        notice_death(line.transport)
        return cast(SimpleLine, cast(Any, line))

    def _told(self, sentence: str) -> None:
        self._record(history.Told, sentence=sentence)

    def _doubt(self, master: Address, error: BaseException) -> None:
        """Skip a master that has changed, if we have logged in before: then others are asked."""
        if self._identity is None:
            raise error

    def _is_ours(self, found: Any) -> bool:
        return self._identity is None or self._identity.log_id == found.log_id

    def _secrets(self) -> list[bytes]:
        unanswered = self._unanswered.secrets()
        return unanswered if self._password is None else [*unanswered, self._password]

    def _came_up(self, line: SimpleLine, identity: RecordedIdentity) -> None:
        self._line, self._ended = line, ""
        line.pause(self._held is not None)
        how = identity.how()
        how = "moved" if self._seems_up and how == "resumed" else how
        self._record(history.LoggedIn, how=how, asked=self._asked, session=session_of(identity))
        self._seems_up = True
        self._begin(line)

    def _begin(self, line: Any) -> None:
        """Say what is to be said on a connection that is logged in."""
        raise NotImplementedError

    def _detached(self) -> None:
        self._line = None
        self._unanswered.detached()
        self._feed.detached()

    def _say_lost(self) -> None:
        if self._seems_up:
            self._seems_up = False
            self._record(history.Lost)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._logger.failure("The simple client failed", failure)

    # ---- what can be seen of it ----

    @property
    def is_connected(self) -> bool:
        return self._line is not None

    @property
    def worker(self) -> str:
        if self._line is None or self._line.transport is None:
            return ""
        transport = self._line.transport
        socket = getattr(transport, "transport", transport).getHandle()  # under TLS there is another one
        return f"{self._line.address} {socket.far_end}"

    @property
    def waiting(self) -> int:
        return len(self._unanswered)

    @property
    def is_away(self) -> bool:
        return self._held is not None

    @property
    def is_chatting(self) -> bool:
        return isinstance(self._feed.state, Beginning | Following)

    @property
    def cursor(self) -> int | None:
        return None if self._feed.cursor is None else self._feed.cursor.seq

    def stop_reading(self) -> None:
        if self._held is None:
            self._held = Deferred()
            if self._line is not None:
                self._line.pause(True)

    def hang_up(self) -> None:
        self.stop_reading()
        if self._line is not None:
            self._line.abort()

    def read_on(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            if self._line is not None:
                self._line.pause(False)
            held.callback(None)

    def _own(self, doing: Deferred[Any]) -> None:
        doing.addErrback(lambda why: why.trap(ChatnetError, CancelledError))
        doing.addErrback(lambda why: self._logger.failure("{user} could not do that", why, user=self.name))

    def _move(self) -> None:
        """Go to another worker, once what was sent is answered."""
        line = self._line
        if line is not None and not self._is_moving:
            self._is_moving = True
            self._record(history.Moved)
            self._unanswered.leave().addCallback(lambda _: line.hang_up())
