"""The real client's parts, with what they do and are told recorded: see :mod:`.history`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, cast

import msgspec
from twisted.internet.defer import Deferred
from twisted.protocols import amp
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.client.connection import Connection
from chatnet.client.feed import Beginning, Feed, Following
from chatnet.client.identity import Identity
from chatnet.client.login import Welcome
from chatnet.client.states import State, Up
from chatnet.codes import KEPT_LENGTH, code_text, recovery_text
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import ChatnetError
from chatnet.kinds import KindName
from chatnet.net.link import Link
from chatnet.testing import history
from chatnet.wire.session import (
    Ban,
    Block,
    Create,
    Forget,
    Invite,
    Join,
    Leave,
    Pair,
    Post,
    Purge,
    Recovery,
    Redact,
    Remove,
    ReportPost,
    Revoke,
    SetPolicy,
    SetRole,
    SetSecret,
    Unban,
    Unblock,
)

_KINDS: dict[type[amp.Command], KindName] = {
    Post: "post",
    Join: "join",
    Leave: "leave",
    SetSecret: "secret",
    Pair: "code",
    Recovery: "code",
    Revoke: "revoke",
    Create: "create",
    Invite: "invite",
    Remove: "remove",
    SetRole: "role",
    Ban: "ban",
    Unban: "unban",
    SetPolicy: "policy",
    Block: "block",
    Unblock: "unblock",
    Redact: "redact",
    ReportPost: "report",
    Purge: "purge",
    Forget: "forget",
}
_TEXTS = ("text", "history", "role", "reason")
"""What holds the text of a draft in a command, by its name there."""
MOST_SEEN = 50
"""How many of the last posts that they have seen somebody remembers, to take one back."""


def _text(arguments: dict[str, Any]) -> str:
    """Return the text of the entry that a command with these arguments makes."""
    if "id" in arguments:
        return str(arguments["id"])
    if "code" in arguments:
        return code_text(arguments["code"].hex(), 1)
    if "codes" in arguments:
        codes = arguments["codes"].hex()
        return recovery_text(
            codes[start : start + KEPT_LENGTH] for start in range(0, len(codes), KEPT_LENGTH)
        )
    if "value" in arguments:
        return f"{arguments['name']} {arguments['value']}"
    return next((arguments[name] for name in _TEXTS if arguments.get(name)), "")


class Recorder:
    """Records what happens to one client; ``keep`` gets each event; ``now`` returns seconds."""

    def __init__(
        self, client: str, keep: Callable[[history.Event], object], now: Callable[[], float]
    ) -> None:
        self.client = client
        self._keep = keep
        self._now = now

    def __call__(self, kind: type[history.Event], /, **fields: Any) -> None:
        """Record an event of this kind, at the present time."""
        self._keep(kind(time=self._now(), client=self.client, **fields))

    def of(self, connection: int, user: str = "") -> Recorder:
        """Return what records for one connection of this client, by its number; ``user``: that is another
        one's than the client itself."""
        own = self.client.partition("/")[0].rstrip("+")
        client = self.client if user in ("", own) else f"{user}/{self.client.replace('/', '-')}"
        return Recorder(f"{client}.{connection}", self._keep, self._now)

    @property
    def now(self) -> float:
        """The present time."""
        return self._now()

    def sent(self, command: type[amp.Command], arguments: dict[str, Any], user: str, meant: int = 0) -> None:
        """Record that ``user`` has made the draft that this command is; ``meant``: see :class:`.Sent`."""
        self(
            history.Sent,
            key=arguments["key"],
            kind="mute" if arguments.get("mute") else _KINDS[command],
            room=arguments.get("room") or "",
            text=_text(arguments),
            to=user if command in (Pair, Recovery, Revoke, Forget) else arguments.get("to", ""),
            ref=arguments.get("seq", 0),
            check_of=meant,
        )

    def refused(self, failure: Failure, key: bytes) -> Failure:
        """Record that the draft of ``key`` is refused; return ``failure`` for whoever waits for it."""
        error = failure.value
        code = error.code.decode() if isinstance(error, ChatnetError) else type(error).__name__
        self(history.Refused, key=key, code=code)
        return failure


class RecordedFeed(Feed):
    """The real feed. A reader is one chat, from its beginning to its end, across reconnects."""

    def __init__(self, record: Recorder) -> None:
        super().__init__()
        self._record = record
        self._reader = 0
        self.newest: Sequence[Entry] = ()
        self.noted: list[Entry] = []

    def begin(self) -> Beginning:
        self._ended()
        return super().begin()

    def end(self) -> None:
        self._ended()
        super().end()

    def began(self, cursor: Cursor) -> list[Entry]:
        if isinstance(self.state, Beginning):
            self._reader += 1
            self._record(history.ChatBegun, reader=self._reader, cursor=cursor.seq, newest=list(self.newest))
            self.note(self.newest)
            # Posts in flight to the reader before this one do not belong to it.
            self.state.held[:] = [entry for entry in self.state.held if entry.seq > cursor.seq]
        return super().began(cursor)

    def take(self, entry: Entry) -> bool:
        if isinstance(self.state, Following):
            if entry.seq > self.state.cursor.seq:
                self._record(history.Took, reader=self._reader, entry=entry)
                self.note([entry])
            else:
                self._record(history.Repeated, reader=self._reader, seq=entry.seq)
        return super().take(entry)

    def nothing_up_to(self, cursor: Cursor) -> None:
        before = self.cursor
        super().nothing_up_to(cursor)
        if self.cursor is not None and self.cursor != before:
            self._record(history.CursorMoved, reader=self._reader, cursor=self.cursor.seq)

    def note(self, entries: Iterable[Entry]) -> None:
        """Remember what was seen."""
        self.noted = [*self.noted, *entries][-MOST_SEEN:]

    def _ended(self) -> None:
        if isinstance(self.state, Following):
            self._record(history.ChatEnded, reader=self._reader)


class RecordedIdentity(Identity):
    """The real identity, which notes each login that is not a resumption: then it is given a ticket."""

    logged_in: str | None = None

    def keep_ticket(self, ticket: bytes, forget_secret: bool) -> None:
        self.logged_in = "first" if self.ticket is None else "again"
        super().keep_ticket(ticket, forget_secret)

    def took_fresh(self, ticket: bytes) -> None:
        self.logged_in = "first" if self.ticket is None else "again"
        super().took_fresh(ticket)

    def how(self) -> str:
        """Return how the client has logged in since the last call."""
        how, self.logged_in = self.logged_in or "resumed", None
        return how


def session_of(identity: Identity) -> int:
    """Return the seq of the session, as the ticket has it; 0: there is no ticket."""
    ticket = identity.ticket
    return 0 if ticket is None else cast(int, msgspec.msgpack.decode(ticket[32:])[2])


class ForgetfulIdentity(RecordedIdentity):
    """An identity that keeps no ticket: each login is by secret."""

    @property
    def ticket(self) -> bytes | None:
        return None


class RecordedConnection(Connection):
    """The real connection; its drafts are recorded."""

    def __init__(self, record: Recorder, *parts: Any) -> None:
        super().__init__(*parts)
        self._record = record
        self.meant = 0
        self.asked = 0.0
        """When it began to log in on its connection."""

    @property
    def waiting(self) -> int:
        """How many requests are not answered yet."""
        return len(self._pending)

    @property
    def state(self) -> State:
        """Its present state."""
        return self._state

    @property
    def link(self) -> Any:
        """The link while it is logged in, otherwise None."""
        return self._state.link if isinstance(self._state, Up) else None

    def ask(self, command: type[amp.Command], **arguments: Any) -> Deferred[dict[str, Any]]:
        key = arguments.get("key")
        if key is None:
            return super().ask(command, **arguments)
        self._record.sent(command, arguments, self.name, self.meant)
        return (
            super()
            .ask(command, **arguments)
            .addCallbacks(self._acknowledged, self._record.refused, callbackArgs=(key,), errbackArgs=(key,))
        )

    def how(self) -> str:
        """Return how the client has logged in since the last call."""
        return cast(RecordedIdentity, self._identity).how()

    async def set_password(self, old: bytes, password: bytes) -> None:
        await super().set_password(old, password)
        self.how()  # the ticket that came with it is of no login

    def session(self) -> int:
        """Return the seq of the session, as the ticket has it; 0: there is no ticket."""
        return session_of(cast(RecordedIdentity, self._identity))

    async def _go_in(
        self,
        worker: Address,
        key: str,
        encrypted: bool,
        log_in: Callable[[Link], Coroutine[Any, Any, Welcome]],
        *seconds: float,
    ) -> Link:
        def noted(link: Link) -> Coroutine[Any, Any, Welcome]:
            self.asked = self._record.now
            return log_in(link)

        return await super()._go_in(worker, key, encrypted, noted, *seconds)

    def _came_up(self, link: Link, name: str) -> None:
        is_moved = self._seems_up
        super()._came_up(link, name)
        if is_moved:  # nobody else is told
            how = self.how()
            how = "moved" if how == "resumed" else how
            self._record(history.LoggedIn, how=how, asked=self.asked, session=self.session())

    def _move(self) -> None:
        self._record(history.Moved)
        super()._move()

    def _acknowledged(self, answer: dict[str, Any], key: bytes) -> dict[str, Any]:
        if answer:  # who is forgotten learns it in another way
            self._record(history.Acknowledged, key=key, seq=answer["seq"])
        return answer
