"""Requests to the cluster without an answer yet: sent again on every new link, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import ConnectionClosed
from twisted.protocols import amp
from twisted.python.failure import Failure

from chatnet.errors import BadRequest
from chatnet.net.link import Link
from chatnet.wire.boxes import serialize


@dataclass(frozen=True)
class Ask:
    """A request, from its making to its answer."""

    number: int
    command: type[amp.Command]
    arguments: dict[str, Any]
    answer: Deferred[dict[str, Any]] = field(default_factory=Deferred)

    @property
    def is_draft(self) -> bool:
        """Whether it changes the log."""
        return "key" in self.arguments


class PendingRequests:
    """All requests under way, over all links in a client's life."""

    def __init__(self) -> None:
        self._open: dict[int, Ask] = {}
        self._made = self._drafts = 0
        self._link: Link | None = None
        self._below: list[tuple[int, Deferred[None]]] = []
        self._leaving: tuple[set[int], Deferred[None]] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, command: type[amp.Command], **arguments: Any) -> Deferred[dict[str, Any]]:
        """Send a request; fires with the answer or the refusal, over however many links.

        A request that no link could carry is refused at once.
        """
        try:
            serialize(command.makeArguments(arguments, None))
        except (OverflowError, UnicodeEncodeError):
            return fail(BadRequest.of(why="it is too long, or no text."))
        self._made += 1
        ask = self._open[self._made] = Ask(self._made, command, arguments)
        self._drafts += ask.is_draft
        if self._link is not None:
            self._send(ask, self._link)
        return ask.answer

    def open(self, command: type[amp.Command]) -> list[dict[str, Any]]:
        """Return the arguments of unanswered requests of one kind."""
        return [ask.arguments for ask in self._open.values() if ask.command is command]

    def done(self, command: type[amp.Command]) -> None:
        """Requests of this kind are done, as was learned in another way than by their answers."""
        for ask in [ask for ask in self._open.values() if ask.command is command]:
            self._answered({}, ask)

    def drafts(self) -> int:
        """Return how many of them are drafts."""
        return self._drafts

    def attached(self, link: Link) -> None:
        """``link`` is logged in: send all requests again, before anything new."""
        self._link, self._leaving = link, None
        for ask in list(self._open.values()):
            self._send(ask, link)

    def detached(self) -> None:
        """There is no link now; requests wait for one."""
        self._link = None

    def leave(self) -> Deferred[None]:
        """Let new requests wait for another link; fires when everything sent on this one is answered.

        It never fires if the link is lost before.
        """
        self._link = None
        left: Deferred[None] = Deferred()
        self._leaving = (set(self._open), left)
        self._look_whether_left()
        return left

    def fewer_than(self, count: int) -> Deferred[None]:
        """Return a Deferred that fires as soon as fewer than ``count`` drafts are unanswered. What is only
        read is not waited for."""
        if self._drafts < count:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._below.append((count, waiting))
        return waiting

    def _send(self, ask: Ask, link: Link) -> None:
        sent: Deferred[dict[str, Any]] = maybeDeferred(link.callRemote, ask.command, **ask.arguments)
        sent.addBoth(self._answered, ask)

    def _answered(self, answer: dict[str, Any] | Failure, ask: Ask) -> None:
        if isinstance(answer, Failure) and answer.check(ConnectionClosed):
            return  # it is sent again on the next link
        del self._open[ask.number]
        self._drafts -= ask.is_draft
        self._look_whether_left(ask.number)
        if isinstance(answer, Failure):
            ask.answer.errback(answer)
        else:
            ask.answer.callback(answer)
        ready = [waiting for count, waiting in self._below if self._drafts < count]
        self._below = [(count, waiting) for count, waiting in self._below if self._drafts >= count]
        for waiting in ready:
            waiting.callback(None)

    def _look_whether_left(self, answered: int = 0) -> None:
        if self._leaving is not None:
            unanswered, left = self._leaving
            unanswered.discard(answered)
            if not unanswered:
                self._leaving = None
                left.callback(None)
