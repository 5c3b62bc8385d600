"""Users who speak the toy protocol of :mod:`chatnet.testing.toy_front`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed

from chatnet.client.login import keep_ticket
from chatnet.cursor import Cursor
from chatnet.errors import ChatnetError, CursorAhead
from chatnet.kinds import KindName
from chatnet.testing import history
from chatnet.testing.toy_front import Toy, escaped, read_entry
from chatnet.testing.user import Choice, Chosen
from chatnet.worker.front import Offer
from chatnet.world import World
from simulator.users.port import MakeUser
from simulator.users.simple import SimpleClient
from simulator.users.toy_lines import Answer, Line
from simulator.users.unanswered import Question


def offered(world: World) -> Offer:
    """Return what a worker in ``world`` offers to these users."""
    return Toy


class ToyUser(SimpleClient):
    """One client of ``home``: a :class:`~simulator.users.port.User`."""

    def _make_line(self) -> Line:
        return Line(self._hears, self._pulse)

    def _begin(self, line: Any) -> None:
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
        chosen = Chosen.by(choice, self._feed, self.name)
        if chosen is not None:
            key = self._fresh_key()
            line = f"ORDER {key.hex()} {kind} - - {chosen.seq} {chosen.check.hex()} "
            self._draft(kind, key, line, ref=chosen.seq, check_of=chosen.check_of)

    def pair(self, keep: Callable[[str], None], password: str | None) -> None:
        """Do nothing: this protocol has no codes."""

    def recovery(self, keep: Callable[[list[str]], None], password: str | None) -> None:
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


def _cursor(words: Sequence[str]) -> Cursor:
    seq, check = words
    return Cursor(int(seq), bytes.fromhex(check))


make: MakeUser = ToyUser
