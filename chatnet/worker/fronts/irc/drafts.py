"""What a connection has appended and not yet heard: each draft waits for its entry, at its place in what the
client hears.

::

    line ─▶ draft ─▶ the log ──┬─▶ acknowledged, with its seq ──┐
                               └─▶ heard, in the order of seq ──┴─▶ its slot ends

Of a post, hearing it is the answer: by then it is on disk, and everything before it was delivered. An entry
that this connection does not hear, as it is at no place of its user's, is answered once everything up to its
seq was delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatnet.entries import Entry
from chatnet.errors import ChatnetError, KeyReused
from chatnet.worker.fronts.irc.channel import PREFIX_BYTES

if TYPE_CHECKING:
    from chatnet.worker.fronts.irc.client import IrcClient

Heard = Callable[[Entry | None, str, int], None]
"""Called once, with the entry of a draft, the place where it was heard, and its seq; None: it is in the log,
and was not heard here."""
Refused = Callable[[Failure], None]


class _Draft:
    """A draft whose end nobody has been told yet; ``seq`` is 0 until it is acknowledged."""

    __slots__ = ("heard", "refused", "seq")

    def __init__(self, heard: Heard, refused: Refused) -> None:
        self.heard = heard
        self.refused = refused
        self.seq = 0


class Drafts:
    """The drafts of one connection. Their keys are made of the connection, of the number of the line, and of
    a number within it: so what is sent again while the store is away is taken once."""

    __slots__ = ("_client", "_hears", "_is_watching", "_lines", "_open", "_secret", "_within")

    def __init__(self, client: IrcClient, secret: bytes) -> None:
        self._client = client
        self._secret = secret
        self._open: dict[bytes, _Draft] = {}
        self._lines = self._within = 0
        self._is_watching = False
        self._hears = True

    def __len__(self) -> int:
        """How many there are whose end is not told yet."""
        return len(self._open)

    @property
    def are_open(self) -> bool:
        """Whether the end of some draft is not told yet."""
        return bool(self._open)

    def next_line(self) -> None:
        """The keys of another line follow."""
        self._lines += 1
        self._within = 0

    def key(self) -> bytes:
        """Return the key of the next draft of this line."""
        place = self._lines.to_bytes(8, "big") + self._within.to_bytes(2, "big")
        self._within += 1
        size = 16 - PREFIX_BYTES
        return self._client.prefix + blake2b(place, key=self._secret, digest_size=size).digest()

    def send(
        self, key: bytes, send: Callable[[bytes], Deferred[Any]], heard: Heard, refused: Refused
    ) -> None:
        """Append what ``send(key)`` appends; call ``heard`` or ``refused`` at its end.

        :raises ChatnetError: it is refused at once.
        """
        if key in self._open:
            raise KeyReused(KeyReused.sentence)
        if not (self._open or self._client.is_over):
            self._client.front.patience.waits(self._client)
        self._open[key] = draft = _Draft(heard, refused)
        if self._hears_of(key):
            self._client.front.crowd.wait_for(key, self._client)
        try:
            answer = send(key)
        except ChatnetError:
            self._close(key)
            raise
        answer.addCallbacks(self._acknowledged, self._refused, (key, draft), {}, (key, draft))

    async def append(self, send: Callable[[bytes], Deferred[Any]]) -> tuple[Entry | None, str]:
        """Append what ``send(key)`` appends; return its entry and the place where it was heard, if it was.

        :raises ChatnetError: it is refused.
        """
        entry, place, _ = await self._end_of(self.key(), send)
        return entry, place

    async def move(self, send: Callable[[bytes], Deferred[Any]]) -> tuple[Entry | None, int]:
        """The same of a join or leave; return its entry, if it is known, and its seq."""
        entry, _, seq = await self._end_of(self.key(), send)
        return entry, seq

    async def appended(self, send: Callable[[bytes], Deferred[Any]]) -> int:
        """Append what ``send(key)`` appends, with which the guest is somebody else; return its seq, once the
        client has heard all up to there. Behind that it hears nothing.

        :raises ChatnetError: it is refused.
        """
        session, key = self._client.session, self.key()
        session.leaving(key)
        try:
            _, _, seq = await self._end_of(key, send)
        except Exception:
            session.leaving(b"")
            raise
        return seq

    async def _end_of(
        self, key: bytes, send: Callable[[bytes], Deferred[Any]]
    ) -> tuple[Entry | None, str, int]:
        done: Deferred[tuple[Entry | None, str, int]] = Deferred()
        self.send(key, send, lambda *told: done.callback(told), done.errback)
        return await done

    def last_key(self) -> bytes:
        """Return the key of what is written when the connection is over."""
        size = 16 - PREFIX_BYTES
        return self._client.prefix + blake2b(b"gone", key=self._secret, digest_size=size).digest()

    def heard(self, entry: Entry, place: str) -> bool:
        """Note that the connection hears ``entry``. Return whether it was a draft of this connection."""
        if entry.user != self._client.user:
            return False
        draft = self._close(entry.key)
        if draft is None:
            # Its end was told before, or it is from another connection.
            return entry.key[:PREFIX_BYTES] == self._client.prefix
        draft.heard(entry, place, entry.seq)
        return True

    def look(self) -> None:
        """Find what is acknowledged and was passed over in what the connection hears."""
        if not self._open or self._client.keeps:
            return
        reached = self._client.session.reached
        if self._hears and not reached:
            return
        for key, draft in list(self._open.items()):
            if draft.seq and (not self._hears or draft.seq <= reached):
                self._close(key)
                draft.heard(self._client.entry_at(draft.seq), "", draft.seq)

    def forget_hearing(self) -> None:
        """The connection hears nothing any more: what is acknowledged is answered. Some of the others may
        never be, and nobody shall wait for these."""
        for key in filter(self._hears_of, self._open):
            self._client.front.crowd.wait_no_more(key, self._client)
        self._hears = False
        self.look()

    def _acknowledged(self, outcome: Any, key: bytes, draft: _Draft) -> None:
        if self._open.get(key) is draft:
            draft.seq = outcome if isinstance(outcome, int) else outcome.seq
            self.look()
            if key in self._open and not self._is_watching:
                self._is_watching = True
                self._client.window.watch(self._grown)

    def _grown(self, entries: object) -> None:
        self.look()
        if not any(draft.seq for draft in self._open.values()):
            self._is_watching = False
            self._client.window.unwatch(self._grown)

    def _refused(self, failure: Failure, key: bytes, draft: _Draft) -> None:
        if self._close(key) is not None:
            draft.refused(failure)

    def _close(self, key: bytes) -> _Draft | None:
        """Take out a draft whose end is being told."""
        draft = self._open.pop(key, None)
        if draft is not None and not self._open:
            self._client.drafts_done()
        if draft is not None and self._hears_of(key):
            self._client.front.crowd.wait_no_more(key, self._client)
        return draft

    def _hears_of(self, key: bytes) -> bool:
        """Return whether the connection waits to hear what the client has chosen this key for: of its own
        keys it hears by what they begin with."""
        return self._hears and key[:PREFIX_BYTES] != self._client.prefix
