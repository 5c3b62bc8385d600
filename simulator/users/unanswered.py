"""The questions of a simple client, over all the connections of its life."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.python.failure import Failure

from chatnet.errors import ChatnetError


class Asked(Protocol):
    """One connection, on which questions are asked."""

    def ask(self, said: Any) -> Deferred[Any]:
        """Fires with the answer; fails with the refusal, or when the connection is lost."""


class Question:
    """A question, from its making to its answer: ``said`` is what is sent each time."""

    def __init__(self, said: Any, secret: str = "") -> None:
        self.said, self.secret = said, secret
        self.answer: Deferred[Any] = Deferred()


class Unanswered:
    """The questions under way, over all the connections of a client's life, in the order of their making."""

    def __init__(self) -> None:
        self._questions: dict[Question, None] = {}
        self._line: Asked | None = None
        self._left: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._questions)

    def secrets(self) -> list[bytes]:
        """Return the secrets that may have been set although we were not told."""
        return [question.secret.encode() for question in self._questions if question.secret]

    def ask(self, question: Question) -> Deferred[Any]:
        """Ask; fires with the answer or the refusal, over however many connections."""
        self._questions[question] = None
        if self._line is not None:
            self.send(question, self._line)
        return question.answer

    def attached(self, line: Asked) -> None:
        """``line`` is logged in: ask everything again, before anything new."""
        self._line = line
        for question in list(self._questions):
            self.send(question, line)

    def detached(self) -> None:
        """The connection is gone."""
        self._line = self._left = None

    def leave(self) -> Deferred[None]:
        """Ask nothing new on this connection; fires when everything asked on it is answered."""
        self._line, self._left = None, Deferred()
        left, self._leaving = self._left, set(self._questions)
        self._look_whether_left()
        return left

    def send(self, question: Question, line: Asked) -> None:
        """Ask ``question`` on ``line``, the first time or again."""
        line.ask(question.said).addBoth(self._answered, question)

    def _answered(self, answer: Any, question: Question) -> None:
        if isinstance(answer, Failure) and answer.check(ConnectionClosed):
            return
        del self._questions[question]
        self._look_whether_left()
        (question.answer.errback if isinstance(answer, Failure) else question.answer.callback)(answer)

    def _look_whether_left(self) -> None:
        if self._left is not None and not self._leaving & set(self._questions):
            left, self._left = self._left, None
            left.callback(None)


def _errors(root: type[ChatnetError]) -> dict[str, type[ChatnetError]]:
    found = {root.code.decode(): root}
    for kind in root.__subclasses__():
        found = {**_errors(kind), **found}
    return found


ERRORS = _errors(ChatnetError)
"""The errors by their codes."""
