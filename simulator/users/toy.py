"""Users who speak the toy protocol of :mod:`chatnet.testing.toy_front`: a second client, of few lines.

It finds workers, keeps identities and follows its feed with the real client's parts. The connection, the
repeating of requests on the next one, and where the feed continues, are its own::

    seeking ──▶ logging in ──▶ up ──▶ lost ──▶ seeking, after a pause
                                └──▶ moving ──▶ seeking, once what was sent is answered
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

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
from chatnet.client.login import keep, keep_ticket, log_in
from chatnet.client.race import Unreachable
from chatnet.client.service import PULSE
from chatnet.client.states import Found
from chatnet.client.trust import Distrusted, Trust
from chatnet.cursor import Cursor
from chatnet.errors import CannotStart, ChatnetError, CursorAhead
from chatnet.kinds import KindName
from chatnet.net.dial import CANNOT_CONNECT, NotTrusted, dial_any, notice_death, shake_hands
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.testing import history
from chatnet.testing.recorded import RecordedFeed, RecordedIdentity, Recorder, session_of
from chatnet.testing.toy_front import Toy, escaped, read_entry
from chatnet.testing.user import Choice
from chatnet.world import World
from simulator.users.port import MakeUser
from simulator.users.toy_lines import Answer, Line, Question, Unanswered

FRONT = Toy
"""What workers must offer to these users."""


class ToyUser:
    """One client of ``name``: a :class:`~simulator.users.port.User`."""

    _logger = Logger()

    def __init__(
        self,
        name: str,
        masters: Sequence[Address],
        world: World,
        record: Recorder,
        trust: Trust | None = None,
    ) -> None:
        self.name = name
        self._record = record
        self._reactor: Any = world.reactor
        self._chance: random.Random = world.chance
        self._fresh_key = world.fresh_key
        directory = config_directory(world.environ)
        self._trust = trust
        self._finder = Finder(world.reactor, Outboxes(world.reactor), masters, self._trust)
        self._identities = Identities(
            world.files, directory, masters, name, world.entropy, kind=RecordedIdentity
        )
        self._pulse = Pulse(world.reactor, world.monotonic, *PULSE, world.tell)
        self._feed = RecordedFeed(record)
        self._unanswered = Unanswered()
        self._identity: RecordedIdentity | None = None
        self._password: bytes | None = None
        self._line: Line | None = None
        self._running: Deferred[None] | None = None
        self._held: Deferred[None] | None = None
        self._ended = ""
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

    def _over(self) -> Line | None:
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
                self._record(history.Ended, sentence=self._ended or str(error))
                return
            except (Unreachable, ConnectionClosed, ChatnetError) as error:
                self._logger.info("Not connected ({why}); trying again", why=str(error))
            self._say_lost()
            failures += 1
            longest = min(MAX_DELAY, MIN_DELAY * 2.0 ** min(failures, 10))
            await deferLater(self._reactor, self._chance.uniform(MIN_DELAY, longest))

    async def _attach(self) -> Line:
        finding = self._finder.find(self._is_ours, self._told, self._doubt)
        found = await self._finder.within(3 * DIAL_SECONDS, finding)
        identity = self._identity or cast(RecordedIdentity, self._identities.of(found.log_id, found.master))
        line = await self._dial(found)
        try:
            await self._finder.within(LOGIN_SECONDS, log_in(cast(Any, line), identity, self._secrets()))
        except BaseException:
            line.abort()
            raise
        keep(identity, partial(identity.used_at, found.master))
        self._identity, self._feed.log_id = identity, identity.log_id
        self._came_up(line, identity)
        return line

    async def _dial(self, found: Found) -> Line:
        def make() -> Line:
            return Line(self._hears, self._pulse)

        # As the finder reaches workers, except that it makes links.
        try:
            if self._trust is None or not self._finder.encrypts(found.worker, found.encrypted):
                line = await dial_any(self._reactor, found.worker, cast(Any, make), DIAL_SECONDS)
            else:
                pinned = self._trust.pinned(found.key)
                line = await shake_hands(self._reactor, found.worker, cast(Any, make), DIAL_SECONDS, pinned)
        except (*CANNOT_CONNECT, NotInTime, NotTrusted, ValueError) as error:
            raise Unreachable(str(error)) from error
        notice_death(line.transport)
        return cast(Line, cast(Any, line))

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

    def _came_up(self, line: Line, identity: RecordedIdentity) -> None:
        self._line, self._ended = line, ""
        line.pause(self._held is not None)
        how = identity.how()
        how = "moved" if self._seems_up and how == "resumed" else how
        self._record(history.LoggedIn, how=how, session=session_of(identity))
        self._seems_up = True
        if self._feed.cursor is not None:
            Deferred.fromCoroutine(self._go_on(line, self._feed.cursor)).addErrback(self._failed)
        self._unanswered.attached(line)

    async def _go_on(self, line: Line, cursor: Cursor) -> None:
        """Hear what was missed; if the log was put back, begin again."""
        try:
            await line.ask(f"CHAT {cursor.seq} {cursor.check.hex()}")
        except CursorAhead as error:
            if self._feed.cursor is not None:
                self._record(history.Told, sentence=str(error))
                await self._chat()
        except (ConnectionClosed, ChatnetError):
            line.abort()

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
            self._logger.failure("The toy client failed", failure)

    # ---- what can be seen of it ----

    @property
    def is_connected(self) -> bool:
        return self._line is not None

    @property
    def worker(self) -> str:
        return "" if self._line is None or self._line.transport is None else self._line.address

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

    # ---- what it can be told ----

    def post(self, text: str, room: str | None = None) -> None:
        key = self._fresh_key()
        self._feed.sent(key)
        says = f"POST {key.hex()}" if room is None else f"SAY {key.hex()} {room}"
        self._draft("post", key, f"{says} {escaped(text)}", room=room or "", text=text)

    def join(self, room: str) -> None:
        key = self._fresh_key()
        self._draft("join", key, f"JOIN {key.hex()} {room}", room=room)

    def leave(self, room: str) -> None:
        key = self._fresh_key()
        self._draft("leave", key, f"LEAVE {key.hex()} {room}", room=room)

    def order(self, kind: KindName, room: str, to: str = "", text: str = "") -> None:
        key = self._fresh_key()
        where = room or ("*" if kind == "policy" else "-")
        line = f"ORDER {key.hex()} {kind} {where} {to or '-'} - - {escaped(text)}"
        self._draft(kind, key, line, text=text, room=room, to=to)

    def redact(self, choice: Choice) -> None:
        self._about("redact", choice)

    def report(self, choice: Choice) -> None:
        self._about("report", choice)

    def _about(self, kind: KindName, choice: Choice) -> None:
        chosen = choice.of(self._feed.noted, self.name)
        if chosen is not None and self._feed.log_id:
            post, other = chosen
            key, check = self._fresh_key(), Cursor.at(self._feed.log_id, other).check
            line = f"ORDER {key.hex()} {kind} - - {post.seq} {check.hex()} "
            check_of = 0 if other.seq == post.seq else other.seq
            self._draft(kind, key, line, ref=post.seq, check_of=check_of)

    def pair(self, keep: Callable[[str], None], password: str | None) -> None:
        """Do nothing: this protocol has no codes."""

    def revoke_others(self) -> None:
        """Do nothing: this protocol lists no sessions."""

    def set_password(self, old: str | None, password: str) -> None:
        secret = None if self._identity is None else self._identity.secret
        if secret is None and old is not None:
            secret = old.encode()
        if secret is not None:
            key = self._fresh_key()
            said = f"SECRET {key.hex()} {secret.hex()} {password.encode().hex()}"
            self._draft("secret", key, said, secret=password)

    def forget(self, password: str | None) -> None:
        secret = None if self._identity is None else self._identity.secret
        if secret is None and password is not None:
            secret = password.encode()
        if secret is not None:
            key = self._fresh_key()
            self._draft("forget", key, f"FORGET {key.hex()} {secret.hex()}", to=self.name)

    def chat(self) -> None:
        self._own(Deferred.fromCoroutine(self._chat()))

    def unchat(self) -> None:
        self._feed.end()
        self._own(self._unanswered.ask(Question("UNCHAT")))

    def look_back(self, room: str, pages: int) -> None:
        self._own(Deferred.fromCoroutine(self._look_back(room, pages)))

    def list_rooms(self, prefix: str) -> None:
        self._own(self._unanswered.ask(Question(f"ROOMS {prefix}")))

    def list_invitations(self) -> None:
        """Do nothing: this protocol does not list them."""

    def mark(self) -> None:
        """Do nothing: this protocol has no marks."""

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

    def _draft(
        self,
        kind: KindName,
        key: bytes,
        line: str,
        text: str = "",
        room: str = "",
        secret: str = "",
        **more: Any,
    ) -> None:
        self._record(history.Sent, key=key, kind=kind, room=room, text=text, **more)
        asked = self._unanswered.ask(Question(line, secret))
        self._own(asked.addCallbacks(self.acknowledged, self._record.refused, (key, secret), {}, (key,)))

    def acknowledged(self, answer: Answer, key: bytes, secret: str) -> None:
        """A draft is durable. That says nothing about earlier posts of others: no cursor moves."""
        seq, *ticket = answer.words
        self._record(history.Acknowledged, key=key, seq=int(seq))
        if secret:
            self._password = secret.encode()
            if self._identity is not None:
                keep_ticket(self._identity, bytes.fromhex(ticket[0]), forget_secret=True)
                self._identity.how()  # that was no login

    async def _chat(self) -> None:
        beginning = self._feed.begin()
        try:
            answer = await self._unanswered.ask(Question("CHAT"))
        except BaseException:
            if self._feed.state is beginning:
                self._feed.end()
            raise
        if self._feed.state is beginning:
            self._feed.newest = answer.entries
            self._feed.began(_cursor(answer.words))

    async def _look_back(self, room: str, pages: int) -> None:
        before = None
        for _ in range(pages):
            asked = f"HISTORY {room}" if before is None else f"HISTORY {room} {before}"
            posts = (await self._unanswered.ask(Question(asked))).entries
            self._record(history.PageRead, room=room, before=before, posts=posts)
            self._feed.note(posts)
            if not posts:
                return
            before = posts[0].seq

    def _own(self, doing: Deferred[Any]) -> None:
        doing.addErrback(lambda why: why.trap(ChatnetError, CancelledError))
        doing.addErrback(lambda why: self._logger.failure("{user} could not do that", why, user=self.name))

    # ---- what it hears ----

    def _hears(self, word: str, rest: str) -> None:
        match word:
            case "HEAR":
                self._feed.take(read_entry(rest.partition(" ")[2]))
            case "AT":
                self._feed.nothing_up_to(_cursor(rest.split(" ")))
            case "REWOUND":
                if self._feed.rewound(_cursor(rest.split(" "))):
                    self._record(history.Told, sentence=f"The log was put back: {rest}")
            case "MOVED":
                self._move()
            case "ENDED":
                self._ended = rest.partition(" ")[2]

    def _move(self) -> None:
        """Go to another worker, once what was sent is answered."""
        line = self._line
        if line is not None and not self._is_moving:
            self._is_moving = True
            self._record(history.Moved)
            self._unanswered.leave().addCallback(lambda _: line.hang_up())


def _cursor(words: Sequence[str]) -> Cursor:
    seq, check = words
    return Cursor(int(seq), bytes.fromhex(check))


make: MakeUser = ToyUser
